"""The host at the other end of one connection, as documents see it: what can be said to it.

Writing is serialised: a record goes out whole before the next one begins. A peer that takes nothing for
``stall`` seconds, or that we had to leave in the middle of a record, is gone: the connection is closed, and
its reader (:mod:`rbridge.server.session`) tells the documents.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

import trio

from rbridge.errors import LocalProtocolError, RbridgeError
from rbridge.server.config import Limits
from rbridge.wire import codec
from rbridge.wire.connection import EDITOR, Connection
from rbridge.wire.records import End, Greeting, Record

CHUNK = 256 * 1024  # bytes read and written at a time; ssh's own window is 2 MiB


class PeerGone(RbridgeError):
    """The connection ended, or had to be ended."""

    exit_code = 69


@dataclass(frozen=True)
class Sent:
    """What went out as the body of a save."""

    size: int
    sha256: str


class Peer:
    """Speaks to one host over *stream*; *origin* names the connection in the log, *ours* tells a socket of
    ours.
    """

    def __init__(self, stream: trio.abc.Stream, origin: str, limits: Limits, *, ours: bool) -> None:
        self.stream = stream
        self.origin = origin
        self.ours = ours
        self.wire = Connection(EDITOR, limits.wire())
        self._stall = limits.stall
        self._writing = trio.Lock()
        self._gone = False

    @property
    def link(self) -> bool:
        """Whether the host speaks link/1, and so answers saves."""
        return self.wire.link

    async def greet(self, text: str) -> None:
        async with self._turn():
            await self._write(self.wire.send(Greeting(text)))

    async def opened(self, token: str, editor: str) -> None:
        """Tell a link host that *editor* has the text; a plain one has no ears for it."""
        if self.link:
            await self._say("opened", token=token, editor=codec.quote(editor))

    async def refuse(self, token: str, reason: str, message: str) -> None:
        """Tell the host that its file is not opened: a link host why, a plain one that it is closed."""
        if self.link:
            await self._say("refused", token=token, reason=reason, message=codec.quote(message))
        else:
            await self.close(token)

    async def close(self, token: str, unsaved: bool = False) -> None:
        """Tell the host that the document is closed, and a link host whether a text of it is left here."""
        more = {"unsaved": "yes"} if unsaved and self.link else {}
        await self._say("close", token=token, **more)

    async def bye(self, message: str) -> None:
        """Tell a link host that the daemon ends."""
        if self.link:
            await self._say("bye", message=codec.quote(message))

    async def save(self, token: str, serial: int, fd: int, size: int) -> Sent:
        """Send the *size* bytes of the file open at *fd* as save number *serial*.

        Raises PeerGone when the connection ends meanwhile, LocalProtocolError, with nothing sent, when this
        *token* cannot be said back.
        """
        headers = {"token": token}
        if self.link:
            headers["save"] = str(serial)
        async with self._turn():
            # QUIRK: both C clients lose a save whose header lines arrive in pieces: one write up to the body
            head = self.wire.send(Record("save", headers, length=size))
            digest = sha256()
            done = 0
            while done < size or head:
                data = _read(fd, min(CHUNK, size - done), done)
                if not data and done < size:
                    raise PeerGone(f"a text became shorter while it was sent to {self.origin}")
                await self._write(head + data)
                head = b""
                digest.update(data)
                done += len(data)
                self.wire.body_sent(len(data))
            await self._write(self.wire.send(End()))
        return Sent(size, digest.hexdigest())

    async def end(self) -> None:
        """Close the connection; what waits to be written is given up."""
        self._gone = True
        await trio.aclose_forcefully(self.stream)

    async def finish(self) -> None:
        """Close the connection after what is being written."""
        async with self._turn(forgiving=True):
            self._gone = True
            with trio.move_on_after(self._stall):
                await self.stream.aclose()

    async def _say(self, command: str, **headers: str) -> None:
        async with self._turn():
            await self._write(self.wire.say(Record(command, headers)))

    @asynccontextmanager
    async def _turn(self, forgiving: bool = False) -> AsyncIterator[None]:
        """The right to write. Left by anything but its end, the record is torn and so the connection dead."""
        async with self._writing:
            if self._gone and not forgiving:
                raise PeerGone(f"the connection from {self.origin} has ended")
            try:
                yield
            except LocalProtocolError:
                raise  # nothing was written
            except BaseException:
                await self.end()
                raise

    async def _write(self, data: bytes) -> None:
        try:
            with trio.fail_after(self._stall):
                await self.stream.send_all(data)
        except trio.TooSlowError:
            raise PeerGone(f"{self.origin} takes no data") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError) as error:
            raise PeerGone(f"the connection from {self.origin} has ended") from error


def _read(fd: int, size: int, position: int) -> bytes:
    try:
        return os.pread(fd, size, position)
    except OSError as error:
        raise PeerGone(f"a text could not be read while it was sent: {error.strerror}") from error
