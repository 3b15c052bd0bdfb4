from types import SimpleNamespace

import pytest
import trio

from rbridge.adapters.base import State
from rbridge.errors import TryAgain
from rbridge.server.sessions import GONE, Sessions
from tests.server.conftest import SECRET

OTHER = "f" * 32


class Editing:
    """A document in *state*; *pending*: a save of it is not answered."""

    def __init__(self, state, pending=False):
        self.document = SimpleNamespace(state=state)
        self.pending = pending


@pytest.fixture
async def sessions(laptop):
    return Sessions(laptop.documents, 2)


async def test_who_knows_the_secret_finds_the_session(sessions):
    made = sessions.make(SECRET, "gpu1")
    assert sessions.find(SECRET) is made
    assert sessions.find(OTHER) is None
    assert sessions.find("") is None
    assert list(sessions) == [made]


async def test_a_plain_session_is_found_by_nobody(sessions):
    sessions.plain()
    assert sessions.find("") is None
    assert len(sessions) == 0


async def test_one_with_nothing_left_is_forgotten(sessions):
    made = sessions.make(SECRET)
    made.ended("t", unsaved=True)
    sessions.settle(made)
    assert sessions.find(SECRET) is made
    made.ended("t", unsaved=False)
    sessions.settle(made)
    assert sessions.find(SECRET) is made
    made.ended("t", unsaved=False, told=True)
    sessions.settle(made)
    assert sessions.find(SECRET) is None


async def test_one_that_was_just_forgotten_can_be_attached_all_the_same(sessions):
    made = sessions.make(SECRET)
    sessions.settle(made)
    sessions.keep(made)
    assert sessions.find(SECRET) is made


async def test_without_room_the_oldest_that_has_no_document_goes_and_none_that_has(sessions):
    first, second = sessions.make(SECRET), sessions.make(OTHER)
    first.since, second.since = 2, 1
    sessions.make("1" * 32)
    assert sessions.find(OTHER) is None
    assert sessions.find(SECRET) is first
    for session in sessions:
        session._editings.append(Editing(State.DIRTY))
    with pytest.raises(TryAgain, match="2 sessions wait"):
        sessions.make("2" * 32)


@pytest.mark.parametrize(
    ("first", "second", "spared"),
    [
        ((GONE + 2, State.CLEAN, False), (GONE + 1, State.CLEAN, False), "second"),
        ((GONE + 2, State.DIRTY, False), (GONE + 1, State.CLEAN, False), "first"),
        ((GONE + 2, State.CLEAN, True), (GONE + 1, State.CLEAN, False), "first"),
        ((GONE + 2, State.CONFLICT, False), (GONE - 1, State.CLEAN, False), "both"),
    ],
)
async def test_one_whose_client_is_gone_and_whose_texts_the_host_has_gives_way(
    sessions, first, second, spared
):
    made = {"first": sessions.make(SECRET), "second": sessions.make(OTHER)}
    for session, (age, *state) in zip(made.values(), (first, second), strict=True):
        session.since = trio.current_time() - age
        session._editings.append(Editing(*state))
    if spared == "both":
        with pytest.raises(TryAgain):
            sessions.make("1" * 32)
        assert set(made.values()) <= set(sessions)
        return
    sessions.make("1" * 32)
    assert [name for name, session in made.items() if session in list(sessions)] == [spared]


async def test_one_with_a_connection_never_gives_way(sessions):
    made = sessions.make(SECRET)
    made.peer, made.since = object(), trio.current_time() - 2 * GONE
    sessions.make(OTHER)
    sessions.make("1" * 32)
    assert made in list(sessions)


async def test_what_a_dead_daemon_left_is_taken_in_whatever_the_number(sessions):
    sessions.make(SECRET)
    sessions.make(OTHER)
    adopted = sessions.adopt("1" * 32, "gpu1", "key one")
    assert (adopted.host, adopted.identity, adopted.peer) == ("gpu1", "key one", None)
    assert sessions.adopt("1" * 32, "gpu1", "key one") is adopted
    assert sessions.adopt("", "gpu1", "").secret == ""
    assert len(sessions) == 3
