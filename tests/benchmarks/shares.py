"""Whose time it is: an open and a save taken apart by what passed between client, daemon and plug-in.

Pure computing over what two taps kept: one between the client and the daemon, which speak link/1, and one
between a plug-in and the daemon, which speak the attach protocol. Times are those of ``time.monotonic``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rbridge.jsonrpc import LIMIT, parse
from rbridge.lsp.framing import Frames
from tests.harness.tap import Passed


@dataclass(frozen=True)
class Said:
    """A message of the attach protocol, when its last byte came; *there*: from the plug-in."""

    at: float
    there: bool
    message: dict[str, Any]

    @property
    def method(self) -> str:
        """What it asks for, empty for an answer."""
        return str(self.message.get("method", ""))


def messages(passed: Iterable[Passed]) -> Iterator[Said]:
    """The messages in all that has *passed* since a plug-in connected."""
    frames: dict[tuple[int, bool], Frames] = {}
    for one in passed:
        frame = frames.setdefault((one.connection, one.there), Frames(LIMIT))
        frame.feed(one.data)
        while (body := frame.next()) is not None:
            yield Said(one.at, one.there, parse(body))


def when(passed: Iterable[Passed], record: bytes, *, there: bool) -> float:
    """When the record whose command is *record* began to come. Raises LookupError.

    A body may hold such a line as well: ask only for what is said where no text passes in that direction.
    """
    wanted = b"\n%s\n" % record
    before: dict[int, bytes] = {}
    for one in passed:
        if one.there is there:
            seen = before.get(one.connection, b"\n") + one.data
            if wanted in seen:
                return one.at
            before[one.connection] = seen[-len(wanted) :]
    raise LookupError(f"nobody said {record.decode()}")


@dataclass(frozen=True)
class Opening:
    """Seconds of one open, from the client's first byte to the client's ``opened``.

    *announcing*: until the plug-in had ``buffer/open``; *reading*: between its questions for the text and
    their answers; *confirming*: from its word that the text is shown; all these are ours. *editor*: what the
    plug-in and its editor took of it.
    """

    announcing: float
    reading: float
    confirming: float
    editor: float

    @property
    def ours(self) -> float:
        return self.announcing + self.reading + self.confirming


def opening(wire: Sequence[Passed], said: Sequence[Said]) -> Opening:
    """What an open took, of which *wire* and *said* hold all. Raises LookupError if it is not complete."""
    begin = next(one.at for one in wire if one.there)
    asked = _only(said, "buffer/open")
    shown = _answer(said, asked)
    reads = [one for one in said if one.method == "buffer/read" and asked.at <= one.at <= shown.at]
    reading = sum(_answer(said, one).at - one.at for one in reads)
    opened = when(wire, b"opened", there=False)
    return Opening(asked.at - begin, reading, opened - shown.at, shown.at - asked.at - reading)


@dataclass(frozen=True)
class Saving:
    """Seconds of one save in which the plug-in waited for answers to ``buffer/write``, of which there are
    several for a long text.

    *host*: from the ``save`` that the client got to its ``saved``, the disk included; *daemon*: the rest.
    """

    daemon: float
    host: float


def saving(wire: Sequence[Passed], said: Sequence[Said]) -> Saving:
    """What a save took, of which *wire* and *said* hold all. Raises LookupError if it is not complete."""
    waited = sum(_answer(said, one).at - one.at for one in said if one.method == "buffer/write")
    host = on_the_host(wire)
    return Saving(waited - host, host)


def on_the_host(wire: Sequence[Passed]) -> float:
    """Seconds from the ``save`` that came to the client to its ``saved``."""
    return when(wire, b"saved", there=True) - when(wire, b"save", there=False)


def _only(said: Sequence[Said], method: str) -> Said:
    found = [one for one in said if one.method == method]
    if len(found) != 1:
        raise LookupError(f"{method} was said {len(found)} times")
    return found[0]


def _answer(said: Sequence[Said], asked: Said) -> Said:
    """What the other side said to *asked*."""
    number = asked.message["id"]
    for one in said:
        if one.there is not asked.there and not one.method and one.message.get("id") == number:
            return one
    raise LookupError(f"{asked.method} was not answered")
