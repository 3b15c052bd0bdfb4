"""What holds for anything that can be said, in any chunking, and for anything that can arrive."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from rbridge.errors import RemoteProtocolError
from rbridge.wire import codec
from rbridge.wire.connection import EDITOR, HOST, Connection
from rbridge.wire.records import NEED_DATA, Body, Dot, End, Event, Greeting, Record
from rbridge.wire.state import LINKED, TABLES
from tests.wire.conversation import OURS, PLAIN, cut, greeted, hear, hear_all, joined, linked, opened
from tests.wire.transcripts import ALL, LINKS

calm = settings(deadline=None)
"""A busy machine is no failure."""

NAMES = st.from_regex(r"\A(?!.*data)[a-z0-9][a-z0-9-]{0,20}\Z")
RAW = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=60)
HEADERS = st.dictionaries(NAMES, RAW, max_size=6)
BODIES = st.binary(max_size=300) | st.sampled_from(
    [b"\n.\n", b"\n\nopen\n", b"\r\n", b"data: 3\n", b"\xff\0"]
)
SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=20)


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    """*data* cut into pieces of *sizes*, over and over."""
    pieces = []
    turn = 0
    while data:
        size = sizes[turn % len(sizes)]
        pieces.append(data[:size])
        data = data[size:]
        turn += 1
    return pieces


def say(connection: Connection, record: Record, body: bytes) -> bytes:
    """One record, with its body given in two pieces."""
    said = connection.send(record)
    if record.length is not None:
        half = len(body) // 2
        said += connection.send(Body(body[:half])) + connection.send(Body(body[half:]))
    return said + connection.send(End())


def events(record: Record, body: bytes) -> list[Event]:
    return [record, Body(body), End()] if body and record.length else [record, End()]


@calm
@given(st.lists(st.tuples(RAW, RAW, HEADERS, BODIES, st.booleans()), max_size=5), SIZES)
def test_a_plain_host_is_heard_as_it_spoke(
    files: list[tuple[str, str, dict[str, str], bytes, bool]], sizes: list[int]
) -> None:
    host = Connection(HOST)
    editor = greeted()
    hear(host, PLAIN.encode() + b"\n")
    said = b""
    expected: list[Event] = []
    for name, path, more, body, dot in files:
        headers = {"display-name": codec.label(name), "real-path": codec.label(path), "token": "t1"}
        headers.update(("x-" + key, codec.label(value)) for key, value in more.items())
        record = Record("open", headers, len(body))
        said += say(host, record, body)
        expected += events(record, body)
        if dot:
            said += host.send(Dot())
            expected.append(Dot())
    assert hear_all(editor, chunks(said, sizes)) == expected


@calm
@given(st.lists(st.tuples(st.binary(max_size=40), BODIES, st.booleans()), max_size=5), SIZES)
def test_a_plain_editor_is_heard_as_it_spoke(
    saves: list[tuple[bytes, bytes, bool]], sizes: list[int]
) -> None:
    host = opened()
    editor = Connection(EDITOR)
    said = editor.send(Greeting(PLAIN))
    expected: list[Event] = [Greeting(PLAIN)]
    for token, body, closes in saves:
        headers = {"token": codec.decode(token.replace(b"\n", b"").rstrip(b"\r"))}
        record = Record("close", headers) if closes else Record("save", headers, len(body))
        said += say(editor, record, body)
        expected += events(record, body)
    assert hear_all(host, chunks(said, sizes)) == expected


BODIED = ("open", "changed", "append", "save", "mine")
HOST_SAYS = st.sampled_from(list(TABLES[HOST][LINKED]))
EDITOR_SAYS = st.sampled_from([one for one in TABLES[EDITOR][LINKED] if one != "bye"])


def exchange(
    speaker: Connection, listener: Connection, said: list[tuple[str, dict[str, str], bytes]], sizes: list[int]
) -> None:
    """Check that *listener* hears what *speaker* says."""
    wire = b""
    expected: list[Event] = []
    for command, headers, body in said:
        record = Record(command, headers, len(body) if command in BODIED else None)
        wire += say(speaker, record, body)
        expected += events(record, body)
    assert hear_all(listener, chunks(wire, sizes)) == expected


@calm
@given(st.lists(st.tuples(HOST_SAYS, HEADERS, BODIES), max_size=6), SIZES)
def test_a_linked_host_is_heard_as_it_spoke(
    said: list[tuple[str, dict[str, str], bytes]], sizes: list[int]
) -> None:
    host, editor = linked()
    exchange(host, editor, said, sizes)


@calm
@given(st.lists(st.tuples(EDITOR_SAYS, HEADERS, BODIES), max_size=6), SIZES)
def test_a_linked_editor_is_heard_as_it_spoke(
    said: list[tuple[str, dict[str, str], bytes]], sizes: list[int]
) -> None:
    host, editor = linked()
    exchange(editor, host, said, sizes)


def heard(connection: Connection, pieces: list[bytes]) -> tuple[list[Event], bool]:
    """All that *connection* hears, and whether the peer made a mistake; nothing else may be raised."""
    found: list[Event] = []
    try:
        for piece in pieces:
            connection.receive_data(piece)
            while (event := connection.next_event()) is not NEED_DATA:
                found.append(event)
                assert len(found) <= 3 * LONGEST
    except RemoteProtocolError:
        return joined(found), True
    return joined(found), False


def linked_host() -> Connection:
    return linked()[0]


def linked_editor() -> Connection:
    return linked()[1]


def fresh_host() -> Connection:
    return Connection(HOST)


LONGEST = 3000
"""More bytes than any example has: who hears more events than that follows from hears them for ever."""

READERS = st.sampled_from([greeted, opened, fresh_host, linked_host, linked_editor])
LINK = [
    b"open\ntoken: 1\ndata: 3\nabc\nsaved\ntoken: 1\nsave: 1\nsize: 3\nsha256: 00\n\nclose\ntoken: 1\n\n",
    b"opened\ntoken: 1\neditor: vim\n\nsave\ntoken: 1\nsave: 1\ndata: 3\nabc\nbye\nmessage: x\n\n",
    OURS.encode() + b"\n",
    *[turn.said for one in LINKS for turn in one.turns if len(turn.said) < 1000],
    *[b"".join(turn.said for turn in one.turns[-4:]) for one in LINKS if len(one.turns) > 6],
]
SEEDS = st.sampled_from([one.said for one in ALL if len(one.said) < 1000] + LINK)
WORDS = st.sampled_from(
    [
        b"open\n",
        b"save\n",
        b"close\n",
        b".\n",
        b"link\n",
        b"linked\n",
        b"changed\n",
        b"beat\n\n",
        b"\n",
        b"\r\n",
        b"data: 3\n",
        b"data: -1\n",
        b"data: ",
        b"0\n",
        b"a: b\n",
        b"\0",
    ]
) | st.binary(max_size=4)


@st.composite
def mutated(draw: Callable[..., bytes]) -> bytes:
    """A transcript with some of its bytes replaced, taken out, doubled or put in."""
    data = draw(SEEDS)
    for _ in range(int(draw(st.integers(0, 6)))):
        start = int(draw(st.integers(0, len(data))))
        end = min(len(data), start + int(draw(st.sampled_from([0, 0, 1, 2, 5, 30]))))
        data = data[:start] + draw(WORDS) * int(draw(st.integers(1, 3))) + data[end:]
    return data


@calm
@given(READERS, mutated() | st.binary(max_size=200), SIZES)
def test_whatever_arrives_raises_nothing_but_a_remote_error_and_cutting_changes_nothing(
    make: Callable[[], Connection], data: bytes, sizes: list[int]
) -> None:
    whole = heard(make(), [data, b""] if data else [b""])
    pieces = heard(make(), [*chunks(data, sizes), b""])
    assert pieces[1] == whole[1]
    assert pieces[0] == whole[0]
    assert heard(make(), [*cut(data, 1), b""]) == whole


@calm
@given(READERS, mutated())
def test_it_does_not_matter_when_what_was_fed_is_read(make: Callable[[], Connection], data: bytes) -> None:
    connection = make()
    for piece in cut(data, 3):
        connection.receive_data(piece)
    assert heard(connection, [b""]) == heard(make(), [data, b""] if data else [b""])


@calm
@given(READERS, mutated())
def test_a_body_is_made_of_the_bytes_that_came_and_only_inside_a_record(
    make: Callable[[], Connection], data: bytes
) -> None:
    connection = make()
    inside = False
    try:
        for event in hear(connection, data):
            if isinstance(event, Record):
                inside = True
            elif isinstance(event, End):
                inside = False
            elif isinstance(event, Body):
                assert inside
                assert event.data in data
    except RemoteProtocolError:
        pass
