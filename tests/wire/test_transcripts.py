"""Every peer's transcript, read whole, cut in every way, cut off at every byte, and with bytes behind it."""

from __future__ import annotations

import zlib
from itertools import chain

import pytest

from rbridge.wire import auth, blocks, delta, state
from rbridge.wire.connection import EDITOR, HOST, Connection
from rbridge.wire.records import Body, End, Eof, Event, Greeting, Record
from tests.wire import links
from tests.wire.conversation import PLAIN, cut, greeted, hear, hear_all, joined, opened, record
from tests.wire.transcripts import ALL, CLIENTS, LINKS, SERVERS, Conversation, Transcript


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


link = pytest.mark.parametrize("conversation", LINKS, ids=[one.name for one in LINKS])
sides = pytest.mark.parametrize("listener", [HOST, EDITOR])
SPEAKER = {HOST: EDITOR, EDITOR: HOST}


def say(connection: Connection, events: list[Event]) -> bytes:
    """What *connection* sends for one turn."""
    said = b""
    for event in events:
        assert isinstance(event, Greeting | Record | Body | End)
        said += connection.send(event)
    return said


@link
@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_a_link_is_spoken_and_heard_byte_for_byte(conversation: Conversation, size: int) -> None:
    connections = {HOST: Connection(HOST), EDITOR: Connection(EDITOR)}
    for turn in conversation.turns:
        assert say(connections[turn.by], turn.events) == turn.said
        listener = connections[SPEAKER[turn.by]]
        assert hear_all(listener, cut(turn.said, size)) == turn.events
        assert not listener.midway
    assert connections[HOST].states == connections[EDITOR].states


def ready(conversation: Conversation, listener: str) -> Connection:
    """*listener*, with nothing heard yet but what it must know before it can say link, or hear it."""
    connection = Connection(listener)
    if listener == HOST:
        hear(connection, conversation.turns[0].said)
        say(connection, conversation.turns[1].events)
    else:
        say(connection, conversation.turns[0].events)
    return connection


def all_of(conversation: Conversation, listener: str) -> tuple[bytes, list[Event]]:
    """What *listener* hears after that."""
    turns = [turn for turn in conversation.turns[1:] if turn.by != listener]
    return b"".join(turn.said for turn in turns), list(chain.from_iterable(turn.events for turn in turns))


@link
@sides
def test_a_link_is_read_before_anything_is_answered(conversation: Conversation, listener: str) -> None:
    said, events = all_of(conversation, listener)
    for size in (1, 3, len(said)):
        connection = ready(conversation, listener)
        assert hear_all(connection, cut(said, size)) == events
        assert hear(connection, b"") == [Eof()]


@link
@sides
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_link_with_bytes_behind(conversation: Conversation, listener: str, size: int) -> None:
    said, events = all_of(conversation, listener)
    if events[-2:] == record("bye", {"message": "the daemon is stopped"}):
        said, events = said.removesuffix(b"bye\nmessage: the daemon is stopped\n\n"), events[:-2]
    connection = ready(conversation, listener)
    command = "mine" if listener == HOST else "append"
    behind = f"{command}\ntoken: 1\ndata: 3\n.\n\n\nbeat\n\nfuture\nx: y\ndata: 1\nz\nbeat\n\n".encode()
    heard = hear_all(connection, cut(said + behind, size))
    expected = record(command, {"token": "1"}, b".\n\n") + 2 * record("beat", {})
    assert heard == events + expected


@link
@sides
def test_a_link_cut_off_at_any_byte_says_which_record_is_lost(
    conversation: Conversation, listener: str
) -> None:
    said, events = all_of(conversation, listener)
    ends = {len(said)}
    step = max(1, len(said) // 2000)
    for end in chain(range(1, len(said), step), ends):
        connection = ready(conversation, listener)
        heard = joined(hear(connection, said[:end]))
        assert is_begin(heard, events)
        whole = not connection.midway
        (last,) = hear(connection, b"")
        assert isinstance(last, Eof)
        if whole:
            assert last.truncated == ""
            assert unfinished(heard) == ""
        elif unfinished(heard):
            assert last.truncated == unfinished(heard)


def test_the_links_say_every_record_of_both_sides() -> None:
    for party in (HOST, EDITOR):
        said = {event.command for one in LINKS for event in one.events(party) if isinstance(event, Record)}
        assert said == set(state.TABLES[party][state.LINKED]) | ({"link"} if party == HOST else {"linked"})


def test_the_links_carry_what_they_announce() -> None:
    texts = {links.digest(text): text for text in (links.ONE, links.TWO, links.THREE, links.THEIRS)}
    packed = 0
    for turn in chain.from_iterable(one.turns for one in LINKS):
        head = turn.events[0]
        if not isinstance(head, Record) or "encoding" not in head.headers:
            continue
        packed += 1
        (body,) = (event.data for event in turn.events if isinstance(event, Body))
        said = head.headers
        if said["encoding"] == "delta":
            base = texts[said["base"]]
            pieces = delta.apply(lambda at, count: base[at : at + count], body, int(said["size"]))  # noqa: B023
            text = b"".join(pieces)
        elif said["encoding"] == "blocks":
            unpacking = blocks.Unpacking(int(said["size"]))
            text = b"".join(unpacking.feed(body))
            unpacking.finish()
            assert text == links.THREE
        else:
            text = zlib.decompress(body)
        assert len(text) == int(said["size"])
        told = {"mine": links.MINE, "answer": links.ENTRIES, "open": links.THREE}.get(head.command, b"")
        assert links.digest(text) == said.get("sha256", links.digest(told))
    assert packed == 6


def test_the_proofs_in_the_links_are_good() -> None:
    turns = [turn.events[0] for turn in links.PROVED.turns[1:3]]
    for role, turn in zip((auth.HOST, auth.EDITOR), turns, strict=True):
        assert isinstance(turn, Record)
        proof = turn.headers["proof"]
        key_id, nonce = "00000000000000aa", "ffeeddccbbaa99887766554433221100"
        assert auth.check(proof, bytes(range(32)), role, links.IDENTITY, key_id, links.NONCE, nonce)
