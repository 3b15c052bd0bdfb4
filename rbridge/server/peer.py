"""The host at the other end of one connection, as documents see it: what can be said to it.

Writing is serialised: a record goes out whole before the next one begins. A peer that takes nothing for
``stall`` seconds, or that we had to leave in the middle of a record, is gone: the connection is closed, and
its reader (:mod:`rbridge.server.connection`) tells the session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from rbridge.errors import LocalProtocolError, RbridgeError
from rbridge.server.config import Limits
from rbridge.server.sending import SaveBody
from rbridge.wire import codec
from rbridge.wire.connection import EDITOR, Connection
from rbridge.wire.records import End, Greeting, Record

if TYPE_CHECKING:
    from rbridge.server.streams import Stream

CHUNK = 256 * 1024  # bytes read and written at a time; ssh's own window is 2 MiB

Sent = Callable[[int], None]


class PeerGone(RbridgeError):
    """The connection ended, or had to be ended."""

    exit_code = 69


class HungUp(PeerGone):
    """The other side takes nothing more. What it said before can still be read."""


class Awaited:
    """The saves of one session that were said and not answered yet, on whichever of its connections."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int], float] = {}
        self._watching: list[Callable[[], None]] = []

    @property
    def oldest(self) -> float | None:
        """Since when the oldest of them is awaited."""
        return min(self._since.values(), default=None)

    def begin(self, token: str, serial: int) -> None:
        self._since[token, serial] = trio.current_time()
        self._tell()

    def end(self, token: str, serial: int | None = None) -> None:
        """Save *serial* of document *token* is awaited no longer; without a number, none of its saves."""
        for key in [key for key in self._since if key[0] == token and serial in (None, key[1])]:
            del self._since[key]
        self._tell()

    def clear(self) -> None:
        self._since.clear()
        self._tell()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call *changed* at every change, until :meth:`unwatch`."""
        self._watching.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        self._watching.remove(changed)

    def _tell(self) -> None:
        for changed in list(self._watching):
            changed()


class Peer:
    """Speaks to one host over *stream*; *origin* names the connection in the log.

    *ours* tells a socket that only we can connect to. *name* and *identity* are those of a host that has
    proved who it is, by the socket it came through or by its key, and empty for any other. *also* is what the
    same machine proved to be under other names of the laptop's.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        origin: str,
        limits: Limits,
        *,
        ours: bool,
        name: str = "",
        identity: str = "",
        also: frozenset[str] = frozenset(),
    ) -> None:
        self.stream = stream
        self.origin = origin
        self.ours = ours
        self.name = name
        self.identity = identity
        self.also = also
        self.wire = Connection(EDITOR, limits.wire())
        self.dials = False
        """Whether the host answers ``dial``: over link, unless it serves single files alone."""
        self.awaited = Awaited()
        self.streaming: Stream | None = None
        """What goes over this connection, where it is for that."""
        self.said = trio.current_time()  # when the last bytes went out
        self.reserved = 0  # how many large bodies it is kept for
        self.freed = self.said  # when the last of them was over
        self._stall = limits.stall
        self._writing = trio.Lock()
        self._gone = False

    @property
    def link(self) -> bool:
        """Whether the host speaks link/1, and so answers saves."""
        return self.wire.link

    @property
    def verified(self) -> bool:
        """Whether the host has proved who it is."""
        return bool(self.identity)

    def may_have(self, identity: str) -> bool:
        """Whether what is of the host that proved to be *identity*, "" if it proved nothing, is for this one:
        it is the same machine, or comes through a socket of ours that is no one host's.
        """
        if not identity or identity == self.identity or identity in self.also:
            return True
        return self.ours and not self.identity

    @property
    def writing(self) -> bool:
        """Whether a record is on its way out."""
        return self._writing.locked()

    async def greet(self, text: str) -> None:
        async with self._turn():
            await self._write(self.wire.send(Greeting(text)))

    async def linked(self, standing: str, proof: str = "", message: str = "") -> None:
        """Answer ``link``: *standing* is new, resumed, joined or refused; *message* says why."""
        await self._say("linked", standing=standing, proof=proof, message=codec.quote(message))

    async def opened(
        self, token: str, editor: str, note: str = "", undelivered: bool | None = None, diff: bool = False
    ) -> None:
        """Tell a link host that *editor* has the text; *note* is a line for its user, and *undelivered* says
        whether an older text of the file waits here, None nothing. *diff*: it is seen beside another one.
        """
        said = {"editor": codec.quote(editor), "note": codec.quote(note), "undelivered": _yes(undelivered)}
        said["diff"] = "yes" if diff else ""
        await self._say_link("opened", token=token, **said)

    async def refuse(self, token: str, reason: str, message: str) -> None:
        """Tell the host that its file is not opened: a link host why, a plain one that it is closed."""
        if self.link:
            await self._say("refused", token=token, reason=reason, message=codec.quote(message))
        else:
            await self.close(token)

    async def close(self, token: str, unsaved: bool = False, unknown: bool = False) -> None:
        """Tell the host that the document is closed, and a link host whether a text of it is left here, or
        nothing is known of it.
        """
        said = {"unsaved": "yes" if unsaved and self.link else "", "unknown": "yes" if unknown else ""}
        await self._say("close", token=token, **said)

    async def fetch(self, token: str) -> None:
        """Ask for what is in the file now; the answer is ``changed``."""
        await self._say_link("fetch", token=token)

    async def focus(self, token: str) -> None:
        """Tell the host which document the user looks at."""
        await self._say_link("focus", token=token)

    async def state(self, token: str, state: str, message: str = "", undelivered: bool | None = None) -> None:
        """Tell the host how the document stands here: clean, dirty, saving or conflict."""
        said = {"message": codec.quote(message), "undelivered": _yes(undelivered)}
        await self._say_link("state", token=token, state=state, **said)

    async def dial(self, number: int) -> None:
        """Ask for another connection, which is to say ``join: number``."""
        await self._say_link("dial", dial=str(number))

    async def stream_to(self, token: str, said: Mapping[str, str]) -> None:
        """Ask for a stream about document *token*, to what *said* names."""
        await self._say("stream", token=token, **{name: codec.quote(value) for name, value in said.items()})

    async def say_bytes(self, data: bytes) -> None:
        """Say these bytes of a stream, which are not many."""
        async with self._turn():
            head = self.wire.send(Record("bytes", {}, length=len(data)))
            self.wire.body_sent(len(data))
            await self._write(b"".join((head, data, self.wire.send(End()))))

    async def ended(self, token: str) -> None:
        """Say that nothing more comes of a stream."""
        await self._say("ended", token=token)

    async def beat(self) -> None:
        await self._say_link("beat")

    async def bye(self, message: str) -> None:
        """Tell a link host that the daemon ends."""
        await self._say_link("bye", message=codec.quote(message))

    async def save(self, token: str, serial: int, body: SaveBody, sent: Sent | None = None) -> None:
        """Send *body* as save number *serial*; on a link the answer is awaited from now on. *sent* is told
        how many bytes of it are written.

        Raises PeerGone when the connection ends meanwhile, LocalProtocolError, with nothing sent, when this
        *token* cannot be said back.
        """
        if not self.link:
            await self._send("save", {"token": token}, body, sent)
            return
        self.awaited.begin(token, serial)
        try:
            await self._send("save", {"token": token, "save": str(serial), **body.headers}, body, sent)
        except BaseException:
            self.awaited.end(token, serial)
            raise

    async def mine(self, token: str, body: SaveBody) -> None:
        """Send the laptop's text of a document in conflict, for its user to see there."""
        if self.link:
            await self._send("mine", {"token": token, **body.headers}, body)

    async def ask(self, token: str, number: int, headers: dict[str, str], body: bytes | None) -> None:
        """Say request *number* about folder *token*."""
        said = {"token": token, "request": str(number), **headers}
        if body is None:
            await self._say("ask", **said)
        else:
            await self._send("ask", said, SaveBody({}, len(body), data=body))

    async def cancel(self, token: str, number: int) -> None:
        """Nobody wants the answer to request *number* about folder *token* any more."""
        await self._say("cancel", token=token, request=str(number))

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

    async def _send(
        self, command: str, headers: dict[str, str], body: SaveBody, sent: Sent | None = None
    ) -> None:
        """Write a record with a body, piece by piece."""
        async with self._turn():
            # QUIRK: both C clients lose a save whose header lines arrive in pieces: one write up to the body
            head = self.wire.send(Record(command, headers, length=body.size))
            done = 0
            while done < body.size or head:
                data = _read(body, done)
                if not data and done < body.size:
                    raise PeerGone(f"a text became shorter while it was sent to {self.origin}")
                done += len(data)
                self.wire.body_sent(len(data))
                # the end goes with the last piece: the host would be woken once more for that one byte
                end = self.wire.send(End()) if done == body.size else b""
                await self._write(head + data + end)
                head = b""
                if sent is not None:
                    sent(done)

    async def _say_link(self, command: str, **headers: str) -> None:
        """Say what a plain host has no ears for."""
        if self.link:
            await self._say(command, **headers)

    async def _say(self, command: str, **headers: str) -> None:
        """Say a record; a header without a value is left out."""
        said = {name: value for name, value in headers.items() if value}
        async with self._turn():
            await self._write(self.wire.say(Record(command, said)))

    @asynccontextmanager
    async def _turn(self, forgiving: bool = False) -> AsyncIterator[None]:
        """The right to write. Left by anything but its end, the record is torn and so the connection dead."""
        async with self._writing:
            await trio.lowlevel.checkpoint_if_cancelled()  # to wait took a turn: nothing is written yet
            if self._gone and not forgiving:
                raise PeerGone(f"the connection from {self.origin} has ended")
            try:
                yield
            except LocalProtocolError:
                raise  # nothing was written
            except HungUp:
                self._gone = True  # who reads goes on to the end
                raise
            except BaseException:
                await self.end()
                raise

    async def _write(self, data: bytes) -> None:
        try:
            with trio.fail_after(self._stall):
                await self.stream.send_all(data)
        except trio.TooSlowError:
            raise PeerGone(f"{self.origin} takes no data") from None
        except trio.BrokenResourceError as error:
            raise HungUp(f"the connection from {self.origin} has ended") from error
        except (trio.ClosedResourceError, trio.BusyResourceError) as error:
            raise PeerGone(f"the connection from {self.origin} has ended") from error
        self.said = trio.current_time()


def _yes(known: bool | None) -> str:
    return "" if known is None else "yes" if known else "no"


def _read(body: SaveBody, position: int) -> bytes:
    try:
        return body.read(min(CHUNK, body.size - position), position)
    except OSError as error:
        raise PeerGone(f"a text could not be read while it was sent: {error.strerror}") from error
