"""The table itself: it is whole, and what is absent is a mistake."""

import itertools

import pytest

from rbridge.adapters.base import State
from rbridge.server import events as ev
from rbridge.server.document import Document
from rbridge.server.transitions import TRANSITIONS


def test_every_state_has_a_row_and_every_transition_leads_to_a_state():
    assert set(TRANSITIONS) == set(State)
    assert all(isinstance(state, State) for row in TRANSITIONS.values() for state in row.values())


def test_nothing_leads_out_of_closed():
    assert set(TRANSITIONS[State.CLOSED].values()) == {State.CLOSED}


def test_every_state_but_closed_can_end():
    for state in set(State) - {State.CLOSED}:
        assert {TRANSITIONS[state][kind] for kind in ("host closed", "daemon stops")} == {State.CLOSED}


def test_a_conflict_is_left_by_a_new_look_at_the_host_or_the_users_word_only():
    ways = {kind for kind, state in TRANSITIONS[State.CONFLICT].items() if state is State.CLEAN}
    assert ways == {
        "delivered",
        "resumed",
        "resumed: delivered",
        "changed: same",
        "changed: delivered",
        "taken",
    }


@pytest.mark.parametrize("kind", ["taken", "resumed", "settled: mine", "settled: theirs"])
def test_what_needs_quiet_cannot_happen_in_a_save(kind):
    assert kind not in TRANSITIONS[State.SAVING]


EVENTS = [
    lambda n: ev.Saved(n),
    lambda n: ev.Delivered(n),
    lambda n: ev.Refused(n, "denied", "d"),
    lambda n: ev.Refused(n, "conflict", "c"),
    lambda n: ev.Unanswered(n),
    lambda n: ev.Lost(),
    lambda n: ev.HostClosed(),
    lambda n: ev.EditorClosed(),
    lambda n: ev.Stopping(),
]


def test_every_save_is_answered_once_whatever_happens():
    """All sequences of five events: each save is answered exactly once, at the latest by the close."""
    for makers in itertools.product(EVENTS, repeat=5):
        document = Document("train.py on gpu1", link=True)
        document.handle(ev.Opened())
        saves, answers, kept = 0, [], []
        for make in (*makers, EVENTS[-1]):
            event = make(saves)
            if isinstance(event, ev.Saved):
                saves += 1
                event = ev.Saved(saves)
            for command in document.handle(event):
                if isinstance(command, ev.Answer):
                    answers.append(command.serial)
                elif isinstance(command, ev.Keep):
                    kept.append(command.serial)
                    answers += [command.serial, *command.overtaken]
        assert sorted(answers) == list(range(1, saves + 1)), makers
        assert document.state is State.CLOSED
        assert kept == sorted(kept)
