"""Bytes to and from something on a host, over a further connection of its session: a language server.

Nothing is multiplexed: ssh gives each connection its own flow control, and who does not take what comes holds
up nobody else. ``docs/protocol.md`` has the records.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import trio

from rbridge.errors import RbridgeError, RemoteProtocolError, clean
from rbridge.server.peer import Peer, PeerGone
from rbridge.wire import codec

if TYPE_CHECKING:
    from rbridge.server.session import Session

LEAVE = 10.0  # seconds that a host has to end what it runs


class StreamEnded(RbridgeError):
    """The host has ended a stream, or never begun it: *reason* is its word for why, *status* how a program
    ended.
    """

    exit_code = 69

    def __init__(self, reason: str, message: str, status: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


@dataclass(frozen=True)
class Begun:
    """What the host says of a stream that has begun."""

    headers: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """One of its headers, decoded; empty where it is not there."""
        return clean(codec.unquote(self.headers.get(name, "")))


class Stream:
    """One, on the connection of *peer*, about the document *token*."""

    def __init__(self, peer: Peer, token: str) -> None:
        self._peer = peer
        self._token = token
        self._began = trio.Event()
        self._headers: dict[str, str] = {}
        self._put, self._take = trio.open_memory_channel[bytes](0)
        self._end: StreamEnded | None = None

    # for who asked for it

    async def begun(self) -> Begun:
        """Wait until it has begun. Raises StreamEnded and PeerGone."""
        await self._began.wait()
        if self._end is not None:
            raise self._end
        return Begun(self._headers)

    async def receive(self) -> bytes:
        """The next bytes, which are waited for; none when the host sends nothing more, but takes what comes.
        Raises StreamEnded when all is over.
        """
        try:
            return await self._take.receive()
        except trio.EndOfChannel:
            assert self._end is not None
            raise self._end from None

    async def send(self, data: bytes) -> None:
        """Say these bytes; returns when the connection has taken them. Raises StreamEnded and PeerGone."""
        if self._end is not None:
            raise self._end
        await self._peer.say_bytes(data)

    async def done(self) -> None:
        """Say that nothing more comes; the host may go on. Raises PeerGone."""
        if self._end is None:
            await self._peer.ended(self._token)

    async def abort(self) -> None:
        """Break it off: the connection is closed."""
        await self._peer.end()

    async def finish(self) -> None:
        """Say that there is nothing more, and wait until the host has ended it, at most LEAVE seconds; what
        comes meanwhile is thrown away.
        """
        if self._end is None:
            await self._peer.ended(self._token)
        with trio.move_on_after(LEAVE):
            while True:
                try:
                    await self.receive()
                except StreamEnded:
                    return
        await self._peer.end()

    @property
    def reason(self) -> str:
        """The host's word for why it ended, "" if it has not."""
        return self._end.reason if self._end is not None else ""

    def forget(self) -> None:
        """Nobody wants what still comes: the connection's reader does not wait for that."""
        self._take.close()

    # for the connection

    def started(self, headers: Mapping[str, str]) -> None:
        """The host says that it has begun."""
        self._headers = dict(headers)
        self._began.set()

    def ended(self, headers: Mapping[str, str]) -> None:
        """... and that this was all."""
        message = clean(codec.unquote(headers.get("message", "")))
        self._over(
            StreamEnded(clean(headers.get("reason", ""))[:32], message, clean(headers.get("status", ""))[:32])
        )

    def lost(self) -> None:
        """The connection is gone."""
        self._over(StreamEnded("lost", f"the connection to {self._peer.name or 'the host'} is lost"))

    def _over(self, end: StreamEnded) -> None:
        if self._end is None:
            self._end = end
            self._began.set()
            self._put.close()

    # the body of a ``bytes`` record

    async def write(self, data: bytes, /) -> None:
        if self._end is None:
            try:
                await self._put.send(bytes(data))
            except trio.BrokenResourceError:
                return  # nobody wants it any more

    def complete(self) -> None:
        """A record is over."""

    def abandon(self) -> None:
        """The connection is lost."""


_S = TypeVar("_S", bound=Stream)


@asynccontextmanager
async def streaming(
    session: Session, token: str, said: Mapping[str, str]
) -> AsyncIterator[tuple[Stream, Begun]]:
    """A stream to what *said* names, on *session*'s host, for its document *token*; it ends with the block.

    Raises StreamEnded where the host has not begun it, PeerGone where it is away or may not be asked.
    """
    async with asked(session, token, said, Stream) as stream:
        yield stream, await stream.begun()


@asynccontextmanager
async def asked(
    session: Session,
    token: str,
    said: Mapping[str, str],
    make: Callable[[Peer, str], _S],
    insist: bool = False,
) -> AsyncIterator[_S]:
    """The same before the host has answered: what is sent goes right behind the question. *insist*: also
    where a further connection did not come when it was asked for not long ago.
    """
    async with session.dialled(insist) as peer:
        if peer is session.peer:
            raise PeerGone(f"{session.label} opens no further connection")
        if peer.streaming is not None:
            raise RemoteProtocolError("a stream on a connection that has one")
        stream, said_so = make(peer, token), False
        peer.streaming = stream
        try:
            await peer.stream_to(token, said)
            said_so = True
            yield stream
        finally:
            with trio.CancelScope(shield=True):
                try:
                    await (stream.finish() if said_so else peer.end())
                except RbridgeError:
                    await peer.end()
            stream.forget()
            peer.streaming = None
