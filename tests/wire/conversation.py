"""What the wire tests share: a connection in its usual place, and what it heard."""

from __future__ import annotations

from collections.abc import Iterable

from rbridge.wire import codec
from rbridge.wire.connection import EDITOR, HOST, Connection
from rbridge.wire.limits import Limits
from rbridge.wire.records import NEED_DATA, Body, End, Eof, Event, Greeting, Record

OURS = codec.greeting("laptop", "0.1.0", "vim")
PLAIN = codec.greeting("laptop", "0.1.0", "vim", link=False)
OPEN = {"display-name": "vm:f.txt", "real-path": "/abs/f.txt", "token": "t1"}


def greeted(greeting: str = OURS, limits: Limits | None = None) -> Connection:
    """The daemon's side, after its greeting."""
    connection = Connection(EDITOR, limits)
    connection.send(Greeting(greeting))
    return connection


def opened(limits: Limits | None = None) -> Connection:
    """A plain client's side that has sent its file without waiting for the greeting."""
    connection = Connection(HOST, limits)
    connection.say(Record("open", OPEN, 0))
    return connection


def hear(connection: Connection, data: bytes) -> list[Event]:
    """Feed *data* and return all that it completes."""
    connection.receive_data(data)
    events: list[Event] = []
    while (event := connection.next_event()) is not NEED_DATA:
        events.append(event)
        # an event takes at least one byte, or ends a record, or the stream
        assert len(events) <= 3 * len(data) + 3
    return events


def hear_all(connection: Connection, pieces: Iterable[bytes]) -> list[Event]:
    """Feed one piece after the other; pieces of one body are joined, so that cutting does not matter."""
    return joined(event for piece in pieces if piece for event in hear(connection, piece))


def joined(events: Iterable[Event]) -> list[Event]:
    """*events* with neighbouring bodies made one."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, Body) and found and isinstance(found[-1], Body):
            event = Body(found.pop().data + event.data)  # type: ignore[attr-defined]
        found.append(event)
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def linked() -> tuple[Connection, Connection]:
    """Both sides of a link, introduced: (host, editor)."""
    host, editor = Connection(HOST), Connection(EDITOR)
    hear(host, editor.send(Greeting(OURS)))
    hear(editor, host.say(Record("link", {"version": "0.1.0", "user": "ada", "host": "gpu1"})))
    hear(host, editor.say(Record("linked", {"standing": "new"})))
    return host, editor


def record(command: str, headers: dict[str, str], *blocks: bytes) -> list[Event]:
    """The events of one whole record; no blocks: it has no body."""
    events: list[Event] = [Record(command, headers, len(blocks[0]) if blocks else None)]
    if any(blocks):
        events.append(Body(b"".join(blocks)))
    return [*events, End()]


EOF = Eof()
