"""Every peer's transcript, read whole, cut in every way, cut off at every byte, and with bytes behind it."""

from __future__ import annotations

import pytest

from rbridge.wire.connection import EDITOR, Connection
from rbridge.wire.records import Body, End, Eof, Event, Greeting, Record
from tests.wire.conversation import PLAIN, cut, greeted, hear, hear_all, joined, opened, record
from tests.wire.transcripts import ALL, CLIENTS, SERVERS, Transcript


def reader(transcript: Transcript) -> Connection:
    return greeted() if transcript.reader == EDITOR else opened()


every = pytest.mark.parametrize("transcript", ALL, ids=[one.name for one in ALL])


@every
def test_whole(transcript: Transcript) -> None:
    connection = reader(transcript)
    heard = hear(connection, transcript.said)
    if not transcript.unfinished:
        assert joined(heard) == transcript.events
    assert joined(heard + hear(connection, b"")) == [*transcript.events, Eof()]


@every
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_in_pieces(transcript: Transcript, size: int) -> None:
    connection = reader(transcript)
    heard = hear_all(connection, cut(transcript.said, size))
    assert joined(heard + hear(connection, b"")) == [*transcript.events, Eof()]


@every
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_with_bytes_behind(transcript: Transcript, size: int) -> None:
    command = "open" if transcript.reader == EDITOR else "save"
    behind = command.encode() + b"\ntoken: behind\ndata: 1\nx\n"
    heard = hear_all(reader(transcript), cut(transcript.said + behind, size))
    assert heard == transcript.events + record(command, {"token": "behind"}, b"x")


@every
def test_cut_off_at_any_byte_it_says_which_record_is_lost(transcript: Transcript) -> None:
    step = max(1, len(transcript.said) // 300)
    for end in range(1, len(transcript.said), step):
        connection = reader(transcript)
        heard = joined(hear(connection, transcript.said[:end]))
        last = hear(connection, b"")
        assert is_begin(heard, transcript.events)
        assert last in ([Eof(unfinished(heard))], [Eof("open")], [Eof("save")], CLOSED, CLOSED_BY_TOKEN)
        assert unfinished(heard) in ("", getattr(last[-1], "truncated", None))


CLOSED = [*record("close", {}), Eof()]
CLOSED_BY_TOKEN = [*record("close", {"token": "t1"}), Eof()]


def unfinished(heard: list[Event]) -> str:
    """The command of the record in *heard* that has no End."""
    command = ""
    for event in heard:
        if isinstance(event, Record):
            command = event.command
        elif isinstance(event, End):
            command = ""
    return command


def is_begin(heard: list[Event], expected: list[Event]) -> bool:
    """Whether *heard* is how *expected* begins; a body that comes last may be a part."""
    if heard and isinstance(heard[-1], Body):
        wanted = expected[len(heard) - 1]
        assert isinstance(wanted, Body)
        assert wanted.data.startswith(heard[-1].data)
        heard = heard[:-1]
    return heard == expected[: len(heard)]


@pytest.mark.parametrize("transcript", CLIENTS, ids=[one.name for one in CLIENTS])
def test_a_client_gets_its_own_token_back(transcript: Transcript) -> None:
    connection = greeted(PLAIN)
    for event in hear(connection, transcript.said):
        if isinstance(event, Record):
            token = event.headers["token"]
            raw = token.encode("utf-8", "surrogateescape")
            saved = connection.say(Record("save", {"token": token}, 0))
            assert saved == b"save\ntoken: " + raw + b"\ndata: 0\n\n"


@pytest.mark.parametrize("transcript", SERVERS, ids=[one.name for one in SERVERS])
def test_a_servers_greeting_becomes_the_peer(transcript: Transcript) -> None:
    connection = reader(transcript)
    hear(connection, transcript.said)
    assert connection.peer == transcript.events[0]
    assert isinstance(connection.peer, Greeting)
    assert not connection.link
