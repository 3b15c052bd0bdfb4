"""TCP connections on this laptop's loopback that lead to a host: where they come in, and what carries them.

We listen on 127.0.0.1 and ::1, at the same number, so that ``localhost`` leads nowhere else. Who else is on
this machine can connect, as with any forward that ssh makes.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import trio

from rbridge.errors import RbridgeError
from rbridge.server.peer import CHUNK, Peer
from rbridge.server.streams import Stream, StreamEnded

BACKLOG = 128  # connections that wait
ROOM = 1 << 20  # bytes on their way to ssh; the system's net.core.wmem_max may allow less
NEXT = 20  # numbers that are tried behind one that is taken
LOWEST = 1024
RAISED = 8000  # 80 becomes 8080, 443 becomes 8443

HERE = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
BREAK_OFF = (1).to_bytes(4, sys.byteorder) + bytes(4)  # SO_LINGER, and no time for it


class Carried(Stream):
    """A stream whose bytes are for *client*: they go there at once, and who does not take them is waited for
    where they come in.
    """

    def __init__(self, peer: Peer, token: str, client: trio.SocketStream) -> None:
        super().__init__(peer, token)
        roomy(peer.stream)
        self._client = client
        self.gone = trio.Event()
        """The client has broken off."""

    async def write(self, data: bytes, /) -> None:
        if self.gone.is_set():
            return
        try:
            if data:
                await self._client.send_all(data)
            else:
                await self._client.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.gone.set()

    async def run(self) -> bool:
        """Carry until both sides have come to an end; whether they did, or one broke off."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._there, nursery.cancel_scope)
            nursery.start_soon(self._broken_off, nursery.cancel_scope)
            with suppress(StreamEnded):
                await self.receive()  # nothing ever comes but its end
            nursery.cancel_scope.cancel()
        return self.reason == "closed"

    async def _there(self, over: trio.CancelScope) -> None:
        """What the client says."""
        try:
            while data := await self._client.receive_some(CHUNK):
                await self.send(data)
            await self.done()
        except (trio.BrokenResourceError, trio.ClosedResourceError, RbridgeError):
            over.cancel()

    async def _broken_off(self, over: trio.CancelScope) -> None:
        await self.gone.wait()
        over.cancel()


def roomy(stream: trio.abc.Stream) -> None:
    """Let the kernel take as much as it may at a time: fewer switches between us and ssh. TCP sees to that
    by itself.
    """
    if isinstance(stream, trio.SocketStream) and stream.socket.family == socket.AF_UNIX:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)


def close(client: trio.SocketStream, well: bool) -> None:
    """Close it; unless all went *well*, in a way that says so: nobody is to take what came for all of it."""
    with suppress(OSError):
        if not well:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, BREAK_OFF)
    client.socket.close()


def candidates(wanted: int) -> Iterator[int]:
    """The ports to try, in order; 0 at last: whichever is free."""
    first = wanted if wanted >= LOWEST else wanted + RAISED
    yield from range(first, min(first + NEXT + 1, 65536))
    yield from [0] * 3


def listeners(number: int) -> list[socket.socket]:
    """Sockets that listen at *number* on the loopback of both families, or of IPv4 where there is no other;
    none where somebody has it already.
    """
    found: list[socket.socket] = []
    for family, place in HERE:
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue
        found.append(one)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.setblocking(False)
            one.bind((place, number))
            one.listen(BACKLOG)
            number = one.getsockname()[1]
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in NO_IPV6:
                found.pop().close()
                continue
            for other in found:
                other.close()
            return []
    return found
