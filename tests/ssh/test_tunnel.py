"""The table itself, the back-off, and what the machine decides; sequences of any events hold the promises.

Long, because it is one machine, and each of its decisions is a fact.
"""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbridge.errors import LocalProtocolError
from rbridge.ssh import events as ev
from rbridge.ssh.events import Carrier, KillMaster, Leave, LogIn, Probe, Raise, State, Tell, WaitFor, Watch
from rbridge.ssh.messages import Remedy
from rbridge.ssh.reasons import Reason
from rbridge.ssh.tunnel import (
    BLIND_GRACE,
    BRISK,
    DEAD,
    FIRST,
    GRACE,
    LATER,
    PATIENCE,
    SETTLED,
    SLOW,
    SLOWEST,
    TRANSITIONS,
    TRIES,
    Tunnel,
    pause,
)
from tests.ssh.diagrams import DOCUMENT, with_diagram

MINE = Carrier("/run/cm.1", 11, own=True)
OTHER = Carrier("/run/cm.1", 12, own=True)
USERS = Carrier("/home/u/.ssh/cm", 13, own=False)
AWAY = Reason("refused", "connection refused", "", Remedy.NETWORK)
BUSY = Reason("busy", "too many logins", "", Remedy.TIME)
SECRET = Reason("password", "wants a password", "rbridge connect gpu1", Remedy.PERSON)


def tunnel(**how):
    return Tunnel(lambda: 1.0, **how)


def up(carrier=MINE, **how):
    one = tunnel(**how)
    one.handle(ev.Asked(carrier))
    one.handle(ev.Raised(one.turn))
    return one


def suspect(carrier=MINE, **how):
    one = up(carrier, **how)
    one.handle(ev.Silent())
    return one


# The table


def test_every_state_has_a_row_and_every_transition_leads_to_a_state():
    assert set(TRANSITIONS) == set(State)
    assert all(isinstance(state, State) for row in TRANSITIONS.values() for state in row.values())


def test_needs_you_is_left_by_the_user_only():
    ways = {kind for kind, state in TRANSITIONS[State.NEEDS_YOU].items() if state is not State.NEEDS_YOU}
    assert ways == {"asked", "asked again", "disconnect"}


def test_nothing_leads_out_of_ended_and_everything_into_it():
    assert set(TRANSITIONS[State.ENDED].values()) == {State.ENDED}
    assert all(row["disconnect"] is State.ENDED for row in TRANSITIONS.values())


def test_what_comes_from_outside_is_understood_in_every_state():
    outside = {
        "asked",
        "asked again",
        "wanted",
        "silent",
        "network back",
        "woke",
        "master gone",
        "disconnect",
    }
    for state in State:
        known = TRANSITIONS[state].keys()
        assert outside - known <= ({"asked again"} if state is State.ENDED else set()), state


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "make", [ev.LoggedIn, ev.Raised, ev.Answered, ev.ProbeFailed, ev.Due, ev.RaiseFailed]
)
def test_an_answer_of_this_turn_is_in_the_table_or_raises(state, make):
    one = up()
    one.state = state
    more = {ev.LoggedIn: [MINE], ev.RaiseFailed: [BUSY]}.get(make, [])
    event = make(one.turn, *more)
    kind = one._kind(event)
    if kind in TRANSITIONS[state]:
        one.handle(event)
        assert one.state is TRANSITIONS[state][kind]
    else:
        with pytest.raises(LocalProtocolError, match=f"{state.value} cannot take '{kind}'"):
            one.handle(event)
        assert one.state is state


# The back-off


def test_the_network_is_tried_again_soon_and_while_it_is_away_for_ever():
    assert [pause(Remedy.NETWORK, n, 1.0) for n in range(1, 5)] == [FIRST, 1.0, BRISK, BRISK]
    assert pause(Remedy.NETWORK, TRIES, 1.0) == BRISK


def test_what_answers_and_lets_nobody_in_is_tried_less_and_less_often():
    assert pause(Remedy.NETWORK, TRIES + 1, 1.0) == 2 * BRISK
    assert pause(Remedy.NETWORK, 10_000, 1.0) == LATER


def test_a_login_that_is_tried_blindly_is_tried_less_and_less_often():
    assert [pause(Remedy.NETWORK, n, 1.0, cheap=False) for n in (1, 2, 3, 4, 99)] == [0.5, 1, 2, 4, LATER]


def test_a_host_that_needs_time_gets_it():
    assert [pause(Remedy.TIME, n, 1.0) for n in (1, 2, 3, 10_000)] == [SLOW, 2 * SLOW, 4 * SLOW, SLOWEST]


def test_chance_takes_up_to_half_of_a_pause():
    assert pause(Remedy.TIME, 1, 0.0) == SLOW / 2


def test_for_a_person_no_pause_is_long_enough():
    with pytest.raises(ValueError, match="person"):
        pause(Remedy.PERSON, 1, 0.5)


# Connecting


def test_a_master_of_the_user_is_watched_and_the_tunnel_raised_over_it():
    one = tunnel()
    assert one.handle(ev.Asked(USERS)) == [Watch(USERS), Raise(1, USERS), Tell(State.CONNECTING)]
    assert one.handle(ev.Raised(1)) == [Tell(State.UP)]


def test_a_host_of_the_configuration_is_logged_in_to_unattended():
    one = tunnel()
    assert one.handle(ev.Wanted()) == [LogIn(1), Tell(State.CONNECTING)]
    assert one.handle(ev.LoggedIn(1, MINE)) == [Watch(MINE), Raise(2, MINE)]


def test_a_login_that_wants_a_person_is_not_tried_again():
    one = tunnel()
    one.handle(ev.Wanted())
    assert one.handle(ev.LoginFailed(1, SECRET)) == [Tell(State.NEEDS_YOU, SECRET)]
    for event in (ev.Wanted(), ev.Woke(), ev.NetworkBack(), ev.Silent(), ev.Due(1), ev.Due(one.turn - 1)):
        assert one.handle(event) == []


def test_a_login_that_fails_with_the_network_waits_until_a_login_is_worth_it():
    one = tunnel()
    one.handle(ev.Wanted())
    assert one.handle(ev.LoginFailed(1, AWAY)) == [WaitFor(2, FIRST, reach=True), Tell(State.DOWN, AWAY)]
    assert one.handle(ev.Due(2)) == [LogIn(3), Tell(State.CONNECTING)]
    assert one.handle(ev.LoginFailed(3, AWAY))[0] == WaitFor(4, 2 * FIRST, reach=True)
    one.handle(ev.Due(4, back=True))
    assert one.handle(ev.LoginFailed(5, AWAY))[0] == WaitFor(6, FIRST, reach=True)


def test_a_failure_of_another_kind_begins_to_count_anew():
    one = tunnel()
    one.handle(ev.Wanted())
    one.handle(ev.LoginFailed(1, AWAY))
    one.handle(ev.Due(2))
    assert one.handle(ev.LoginFailed(3, BUSY))[0] == WaitFor(4, SLOW, reach=False)


def test_a_network_that_changes_helps_who_waits_for_it_and_not_a_busy_host():
    one = tunnel()
    assert one.handle(ev.NetworkBack()) == []
    one.handle(ev.Wanted())
    one.handle(ev.LoginFailed(1, BUSY))
    assert one.handle(ev.NetworkBack()) == []
    assert one.handle(ev.Woke()) == [WaitFor(3, 0, reach=True)]
    one.handle(ev.Due(3))
    one.handle(ev.LoginFailed(4, AWAY))
    assert one.handle(ev.NetworkBack()) == [WaitFor(6, 0, reach=True)]


def test_a_login_that_a_sleep_interrupted_begins_anew():
    one = tunnel()
    one.handle(ev.Wanted())
    assert one.handle(ev.NetworkBack()) == []
    assert one.handle(ev.Woke()) == [LogIn(2)]
    assert one.handle(ev.LoginFailed(1, SECRET)) == []


# A login without a tunnel


def test_where_the_forward_is_refused_for_good_the_master_is_kept_for_the_user():
    one = tunnel()
    one.handle(ev.Asked(MINE))
    assert one.handle(ev.RaiseFailed(1, SECRET)) == [Tell(State.NEEDS_YOU, SECRET)]
    assert one.carrier == MINE
    assert one.handle(ev.Asked(MINE)) == [Raise(3, MINE), Tell(State.CONNECTING)]


def test_where_raising_fails_for_now_it_is_tried_again_over_the_same_master():
    one = tunnel()
    one.handle(ev.Asked(MINE))
    assert one.handle(ev.RaiseFailed(1, BUSY)) == [WaitFor(2, SLOW, reach=False), Tell(State.DOWN, BUSY)]
    assert one.handle(ev.Due(2)) == [Raise(3, MINE), Tell(State.CONNECTING)]


def test_if_that_master_ends_meanwhile_a_login_follows():
    one = tunnel()
    one.handle(ev.Asked(MINE))
    one.handle(ev.RaiseFailed(1, BUSY))
    assert one.handle(ev.MasterGone(MINE)) == []
    assert one.handle(ev.Due(2)) == [LogIn(3), Tell(State.CONNECTING)]


def test_a_master_that_does_not_answer_time_and_again_is_given_up():
    one = tunnel()
    one.handle(ev.Asked(MINE))
    for _ in range(DEAD - 1):
        one.handle(ev.RaiseFailed(one.turn, AWAY))
        one.handle(ev.Due(one.turn))
    assert one.handle(ev.RaiseFailed(one.turn, AWAY)) == [KillMaster(MINE), LogIn(one.turn)]


def test_a_master_that_ends_before_the_tunnel_is_up_is_a_failure():
    one = tunnel()
    one.handle(ev.Asked(MINE))
    wait, said = one.handle(ev.MasterGone(MINE))
    assert wait == WaitFor(2, FIRST, reach=True)
    assert (said.state, said.reason.remedy) == (State.DOWN, Remedy.NETWORK)


# Up, and no more


def test_a_master_that_ends_is_replaced_at_once():
    one = up()
    assert one.handle(ev.MasterGone(MINE, SETTLED)) == [LogIn(3), Tell(State.CONNECTING)]
    assert one.handle(ev.LoginFailed(3, SECRET)) == [Tell(State.NEEDS_YOU, SECRET)]


def test_a_tunnel_that_never_lasts_is_not_raised_in_a_circle():
    one = up()
    waits = []
    for _ in range(4):
        commands = one.handle(ev.MasterGone(one.carrier, lasted=0.5))
        waits += [command.seconds for command in commands if isinstance(command, WaitFor)]
        if waits:
            one.handle(ev.Due(one.turn))
        one.handle(ev.LoggedIn(one.turn, MINE))
        one.handle(ev.Raised(one.turn))
    assert waits == [1.0, BRISK, BRISK]
    assert isinstance(one.handle(ev.MasterGone(MINE, lasted=SETTLED))[0], LogIn)


@pytest.mark.parametrize("event", [ev.Silent(), ev.Woke(), ev.NetworkBack()])
def test_doubts_are_settled_by_a_probe(event):
    one = up()
    doubt = [Probe(3, MINE), WaitFor(3, PATIENCE, reach=True), Tell(State.SUSPECT)]
    assert one.handle(event) == doubt
    assert one.handle(ev.Woke()) == []
    assert one.handle(ev.Answered(3)) == [Tell(State.UP)]
    assert one.handle(ev.Due(3)) == []


def test_a_master_that_a_login_can_replace_is_given_up_when_the_host_answers_and_it_does_not():
    one = suspect(alone=True)
    assert one.handle(ev.Due(one.turn)) == [KillMaster(MINE), LogIn(one.turn), Tell(State.CONNECTING)]


@pytest.mark.parametrize(("cheap", "grace"), [(True, GRACE), (False, BLIND_GRACE)])
def test_one_that_may_cost_a_password_gets_some_grace(cheap, grace):
    one = suspect(cheap=cheap)
    assert one.handle(ev.Due(one.turn)) == [WaitFor(one.turn, grace, reach=True)]
    assert one.handle(ev.ProbeFailed(one.turn)) == []
    assert one.handle(ev.Due(one.turn)) == [KillMaster(MINE), LogIn(one.turn), Tell(State.CONNECTING)]


def test_the_users_own_master_is_given_back_and_never_killed():
    one = suspect(USERS, alone=True)
    assert one.handle(ev.ProbeFailed(one.turn))[:2] == [Leave(USERS), LogIn(one.turn)]


def test_a_login_that_once_went_well_makes_a_master_cheap_until_one_wants_a_person():
    one = tunnel()
    one.handle(ev.Wanted())
    one.handle(ev.LoggedIn(1, MINE))
    assert one.alone
    one.handle(ev.MasterGone(MINE))
    one.handle(ev.Due(one.turn))
    one.handle(ev.LoginFailed(one.turn, SECRET))
    assert not one.alone


def test_the_same_master_again_changes_nothing_while_it_serves():
    for one in (up(), suspect()):
        assert one.handle(ev.Asked(dataclasses.replace(MINE, own=False))) == []


@pytest.mark.parametrize("make", [up, suspect])
def test_another_master_takes_the_place_of_the_first(make):
    one = make()
    turn = one.turn + 1
    assert one.handle(ev.Asked(OTHER)) == [
        Leave(MINE),
        Watch(OTHER),
        Raise(turn, OTHER),
        Tell(State.CONNECTING),
    ]
    for late in (
        ev.MasterGone(MINE, 60.0),
        ev.Answered(turn - 1),
        ev.Due(turn - 1),
        ev.ProbeFailed(turn - 1),
    ):
        assert one.handle(late) == []


def test_disconnect_leaves_the_master():
    one = up()
    assert one.handle(ev.Disconnect()) == [Leave(MINE), Tell(State.ENDED)]


# Over stdio


def over_stdio(carrier=MINE):
    one = tunnel()
    one.handle(ev.Asked(carrier))
    commands = one.handle(ev.Raised(one.turn, ev.Way.STDIO))
    assert commands == [ev.Carry(carrier), Tell(State.UP)]
    return one


def test_an_agent_is_carried_once_the_tunnel_is_raised():
    assert over_stdio().way is ev.Way.STDIO
    assert up().way is ev.Way.FORWARD


@pytest.mark.parametrize("silent", [False, True])
def test_an_agent_that_ends_is_begun_again_over_the_same_master(silent):
    one = over_stdio()
    if silent:
        one.handle(ev.Silent())
    commands = one.handle(ev.AgentGone(MINE, BUSY, lasted=1.0))
    assert commands == [Raise(one.turn, MINE), Tell(State.CONNECTING)]


def test_one_that_ends_soon_again_has_to_wait_and_one_that_lasted_has_not():
    one = over_stdio()
    for _ in range(3):
        one.handle(ev.AgentGone(MINE, BUSY, lasted=SETTLED))
        one.handle(ev.Raised(one.turn, ev.Way.STDIO))
    one.handle(ev.AgentGone(MINE, BUSY, lasted=1.0))
    one.handle(ev.Raised(one.turn, ev.Way.STDIO))
    commands = one.handle(ev.AgentGone(MINE, BUSY, lasted=1.0))
    assert commands == [
        WaitFor(one.turn, pause(Remedy.TIME, 2, 1.0), reach=False),
        Tell(State.DOWN, BUSY),
    ]
    assert one.handle(ev.Due(one.turn)) == [Raise(one.turn, MINE), Tell(State.CONNECTING)]


def test_the_end_of_an_agent_of_another_master_does_nothing():
    one = over_stdio()
    assert one.handle(ev.AgentGone(OTHER, BUSY)) == []
    assert one.state is State.UP


# Any events in any order

CARRIERS = st.sampled_from([MINE, OTHER, USERS])
REASONS = st.sampled_from([AWAY, BUSY, SECRET])
AGO = st.sampled_from([0, 0, 0, 1, 2])
EVENTS = st.one_of(
    st.builds(lambda carrier: lambda _: ev.Asked(carrier), CARRIERS),
    st.sampled_from([ev.Wanted, ev.Silent, ev.NetworkBack, ev.Woke]).map(lambda make: lambda _: make()),
    st.builds(lambda c, s: lambda _: ev.MasterGone(c, s), CARRIERS, st.sampled_from([0.0, 1.0, 99.0])),
    st.builds(lambda c, ago: lambda turn: ev.LoggedIn(turn - ago, c), CARRIERS, AGO),
    st.builds(
        lambda make, why, ago: lambda turn: make(turn - ago, why),
        st.sampled_from([ev.LoginFailed, ev.RaiseFailed]),
        REASONS,
        AGO,
    ),
    st.builds(
        lambda make, ago: lambda turn: make(turn - ago),
        st.sampled_from([ev.Raised, ev.Answered, ev.ProbeFailed, ev.Due]),
        AGO,
    ),
    st.builds(lambda ago: lambda turn: ev.Raised(turn - ago, ev.Way.STDIO), AGO),
    st.builds(lambda c, s: lambda _: ev.AgentGone(c, BUSY, s), CARRIERS, st.sampled_from([0.0, 99.0])),
)
ANSWERS = {
    LogIn: {ev.LoggedIn, ev.LoginFailed},
    Raise: {ev.Raised, ev.RaiseFailed},
    Probe: {ev.Answered, ev.ProbeFailed},
    WaitFor: {ev.Due},
}


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=40), st.booleans(), st.booleans())
def test_whatever_happens(makers, cheap, alone):
    """Events as a keeper can feed them: an answer only to what was commanded, and any late ones."""
    one = Tunnel(lambda: 0.5, cheap=cheap, alone=alone)
    open_turns: list[tuple[int, type]] = []
    told = State.DOWN
    ours: set[Carrier] = set()
    for make in makers:
        event = make(one.turn)
        turn = getattr(event, "turn", None)
        asked = next((what for t, what in open_turns if t == turn and type(event) in ANSWERS[what]), None)
        if turn == one.turn and asked is None:
            continue  # nobody asked that
        if isinstance(event, ev.AgentGone) and one.state not in (State.UP, State.SUSPECT):
            continue  # nothing is carried
        if asked is not None:
            open_turns.remove((turn, asked))
        before = one.state
        commands = one.handle(event)
        if turn is not None and turn != one.turn and asked is None:
            assert commands == []
        begun = [(c.turn, type(c)) for c in commands if isinstance(c, tuple(ANSWERS))]
        assert all(t == one.turn for t, _ in begun)
        open_turns = [entry for entry in open_turns if entry[0] == one.turn] + begun
        assert sum(what is LogIn for _, what in open_turns) <= 1
        if before is State.NEEDS_YOU:
            assert not commands or isinstance(event, ev.Asked)
            assert not any(isinstance(command, LogIn) for command in commands)
        for command in commands:
            if isinstance(command, Watch):
                ours.add(command.carrier)
            elif isinstance(command, (KillMaster, Leave)):
                assert command.carrier in ours
                assert isinstance(command, Leave) or command.carrier.own
                ours.remove(command.carrier)
            elif isinstance(command, Tell):
                told = command.state
        if isinstance(event, ev.MasterGone):
            ours.discard(event.carrier)
        assert told is one.state
        assert ours == ({one.carrier} if one.carrier is not None else set())
        if one.state in (State.CONNECTING, State.SUSPECT) or (one.state is State.DOWN and one.turn):
            assert open_turns, "nothing is under way, and nothing would ever happen"
        if one.state in (State.UP, State.NEEDS_YOU):
            assert not open_turns
    one.handle(ev.Disconnect())
    for make in makers:
        assert one.handle(make(one.turn)) == []
    assert one.state is State.ENDED


def test_its_diagram_is_that_of_the_table() -> None:
    text = DOCUMENT.read_text()
    assert "stateDiagram" in text
    assert with_diagram(text) == text, "run: python -m tests.ssh.diagrams"
    assert with_diagram(text.replace("[*] --> down", "[*] --> up", 1)) == text
