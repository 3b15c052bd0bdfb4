"""The tables hold together, and what they do not hold is refused."""

from __future__ import annotations

import itertools

import pytest

from rbridge.errors import LocalProtocolError
from rbridge.wire import state
from rbridge.wire.state import ANYWHERE, EDITOR, HOST, TABLES, TRIGGERED, States

PARTIES = [HOST, EDITOR]
FIRST = {HOST: state.START, EDITOR: state.SILENT}
EVERYTHING = sorted({event for table in TABLES.values() for row in table.values() for event in row})


@pytest.mark.parametrize("party", PARTIES)
def test_every_state_that_is_led_to_has_a_row(party: str) -> None:
    reached = {FIRST[party], *ANYWHERE.values()}
    for row in TABLES[party].values():
        reached.update(row.values())
    reached.update(where for who, where in TRIGGERED.values() if who == party)
    assert reached == set(TABLES[party])


@pytest.mark.parametrize(("party", "other"), [(HOST, EDITOR), (EDITOR, HOST)])
def test_triggers_name_states_that_exist(party: str, other: str) -> None:
    for (host, editor), (who, where) in TRIGGERED.items():
        assert host in TABLES[HOST]
        assert editor in TABLES[EDITOR]
        if who == party:
            assert where in TABLES[party]


@pytest.mark.parametrize("party", PARTIES)
def test_an_absent_entry_raises_and_changes_nothing(party: str) -> None:
    for where, event in itertools.product(TABLES[party], EVERYTHING):
        states = States()
        states.now[party] = where
        if event in TABLES[party][where] or event in ANYWHERE:
            states.step(party, event)
        else:
            with pytest.raises(LocalProtocolError, match=f"{party} cannot say .* while {where}"):
                states.step(party, event)
            assert states.now[party] == where


@pytest.mark.parametrize("party", PARTIES)
def test_the_stream_can_end_and_fail_anywhere(party: str) -> None:
    for where in TABLES[party]:
        for event, then in ANYWHERE.items():
            states = States()
            states.now[party] = where
            assert states.check(party, event) == then


@pytest.mark.parametrize("party", PARTIES)
def test_every_record_that_begins_can_end(party: str) -> None:
    for row in TABLES[party].values():
        for event, then in row.items():
            if not event.isupper() and event != ".":
                assert state.END in TABLES[party][then]


def test_link_is_only_possible_after_the_offer_and_first() -> None:
    states = States()
    assert "link" not in states.commands(HOST)
    states.step(EDITOR, state.OFFER)
    assert states.now[HOST] == state.INVITED
    assert "link" in states.commands(HOST)
    states.step(HOST, "link")
    assert states.now == {HOST: state.INTRODUCING, EDITOR: state.LINKED}


@pytest.mark.parametrize("first", ["open", "."])
def test_a_plain_first_command_makes_it_plain_for_good(first: str) -> None:
    states = States()
    states.step(EDITOR, state.OFFER)
    states.step(HOST, first)
    assert states.now[EDITOR] == state.PLAIN
    with pytest.raises(LocalProtocolError):
        states.step(HOST, "link")


def test_who_does_not_wait_for_the_greeting_is_plain() -> None:
    states = States()
    states.step(HOST, "open")
    states.step(EDITOR, state.OFFER)
    assert states.now == {HOST: state.OPENING, EDITOR: state.PLAIN}


def test_inside_a_record_the_commands_are_those_that_may_follow_it() -> None:
    states = States()
    states.step(HOST, "open")
    assert states.commands(HOST) == ["open", "."]
    states.step(EDITOR, state.GREETING)
    states.step(EDITOR, "save")
    assert states.commands(EDITOR) == ["save", "close"]


def test_which_records_have_a_body() -> None:
    states = States()
    states.step(EDITOR, state.OFFER)
    assert states.has_body(HOST, "open")
    assert not states.has_body(HOST, "link")
    with pytest.raises(LocalProtocolError):
        states.has_body(HOST, "saved")


def test_on_a_link_the_records_with_a_text_are_these() -> None:
    states = States()
    states.now = {HOST: state.LINKED, EDITOR: state.LINKED}
    bodied = {
        party: {one for one in states.commands(party) if states.has_body(party, one)} for party in PARTIES
    }
    assert bodied == {
        HOST: {"open", "changed", "append", "answer", "bytes"},
        EDITOR: {"save", "mine", "ask", "bytes"},
    }


def test_on_a_link_both_sides_can_always_say_that_they_live_and_that_a_document_is_closed() -> None:
    for party in PARTIES:
        assert {"beat", "close", "refused"} <= set(TABLES[party][state.LINKED])
