"""The way back over stdio: ``rbridge agent`` on the host, for where sshd refuses to forward a socket.

It is run over a live master, and what connects to its socket there (:mod:`rbridge.client.agent`) is connected
to the host's own socket here, as ssh would: who comes through that is this host. The host is not trusted:
what it may have us hold is bounded (:mod:`rbridge.wire.channels`), and the first nonsense ends it.
"""

from __future__ import annotations

import re
import secrets
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import suppress

import trio

from rbridge.client.agent import VERSION
from rbridge.errors import NotListening, RbridgeError, RemoteProtocolError, TryAgain, clean
from rbridge.ssh.frames import widen
from rbridge.ssh.visit import part
from rbridge.wire.channels import MOST, Channels

START = 15.0  # seconds until it says that it listens
ANSWER = 10.0  # seconds in which an agent of a host that answers says something
SPARE = 1 << 24  # bytes beyond the windows that all connections of a host may have waiting here
FULL = 1 << 18  # bytes on their way to it, above which what was read from the daemon waits
READ = 1 << 18
LEFT = 64  # connections beyond MOST that the host has let go, and that are not delivered yet
SEND = 1 << 17  # bytes after which the host may send as many again
NOISE = 1 << 20  # bytes that login files may print
ERRORS = 4096
FAREWELL = 0.5  # seconds that ssh has to end


class NotStarted(NotListening):
    """The agent ended with *code* before it listened, or said nothing (None); *stderr* is its and ssh's."""

    def __init__(self, message: str, code: int | None, stderr: str) -> None:
        super().__init__(message)
        self.code = code
        self.stderr = stderr


class Connection:
    """One that came to the socket there. *held* is what is still to be sent to the daemon."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.held = bytearray()
        self.ended = False  # nothing more comes from the host
        self.sent = False  # nothing more goes there
        self.dead = False  # the daemon takes nothing any more
        self.news = trio.Event()
        self.credit = trio.Event()
        self.scope = trio.CancelScope()
        self.sending = trio.CancelScope()

    def tell(self) -> None:
        self.news.set()
        self.news = trio.Event()


class Agent:
    """A running agent of the host *name*; :func:`start` makes one. It is ended by :meth:`close`."""

    def __init__(self, process: trio.Process, name: str) -> None:
        self.name = name
        self._process = process
        self._channels = Channels(False, SPARE)
        self._connections: dict[int, Connection] = {}
        self._early = b""  # what came right behind its first word
        self._errors = b""
        self._all_said = trio.Event()
        self._heard = trio.Event()
        self._outgoing = trio.Event()
        self._drained = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._stuck = False
        self._turn = trio.Lock()  # who connects: a listener has room for few that come at once

    async def begin(self, mark: str) -> None:
        """Hear that it listens. Raises NotStarted."""
        word = re.compile(rb"\n%b (\d{1,4})\n" % mark.encode())
        seen = b""
        found: re.Match[bytes] | None = None
        assert self._process.stdout is not None
        with trio.move_on_after(START) as patience:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._gather)
                while (found := word.search(seen)) is None and len(seen) < NOISE:
                    data = await self._process.stdout.receive_some(READ)
                    if not data:
                        with trio.move_on_after(FAREWELL):
                            await self._process.wait()
                            await self._all_said.wait()
                        break
                    seen += data
                nursery.cancel_scope.cancel()
        if patience.cancelled_caught:
            raise NotStarted(f"it said nothing within {START:g} s", None, "")
        if found is None and len(seen) >= NOISE:
            raise NotStarted("only other output comes", None, "")
        if found is None:
            stderr = self._errors.decode("utf-8", "replace")
            raise NotStarted(self.said or "it ended without a word", self._process.returncode, stderr)
        if int(found[1]) != VERSION:
            raise NotStarted("the client there is of another version", 64, "")
        self._early = seen[found.end() :]

    @property
    def said(self) -> str:
        """The last line that it, or ssh, wrote to stderr."""
        lines = [line.strip() for line in self._errors.decode("utf-8", "replace").splitlines()]
        return next((clean(line)[:300] for line in reversed(lines) if line), "")

    async def carry(self, local: str) -> RbridgeError:
        """Connect what comes to the socket *local*, until the agent ends; why it did. It is closed then."""
        why: RbridgeError | None = None
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._gather)
                nursery.start_soon(self._write)
                try:
                    await self._read(local)
                except RemoteProtocolError as error:
                    why = error
                nursery.cancel_scope.cancel()
        finally:
            self._nursery = None
            await self.close()
        if why is not None:
            return why
        if self._stuck:
            return TryAgain(f"the agent did not answer within {ANSWER:g} s")
        return TryAgain(f"the agent ended{': ' + self.said if self.said else ''}")

    def doubt(self) -> None:
        """Its host answers: end it unless it says something soon."""
        if self._nursery is not None:
            self._nursery.start_soon(self._ask)

    async def close(self) -> None:
        """End it: the agent there ends with its stdin. Its process here is gone afterwards."""
        await part(self._process)

    def _stop(self) -> None:
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    # Its stdin, stdout and stderr

    async def _read(self, local: str) -> None:
        """Take what it says until its end. Raises RemoteProtocolError."""
        assert self._process.stdout is not None
        data: bytes | bytearray = self._early
        while True:
            for kind, number, piece in self._channels.feed(bytes(data)):
                self._take(kind, number, piece, local)
            self._push()
            try:
                data = await self._process.stdout.receive_some(READ)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if not data:
                return
            self._heard.set()
            self._heard = trio.Event()

    def _take(self, kind: bytes, number: int, piece: bytes, local: str) -> None:
        if kind == b"O":
            if len(self._connections) >= MOST + LEFT:
                self._channels.reset(number)
                self._channels.done(number)
                return
            one = self._connections[number] = Connection(number)
            assert self._nursery is not None
            self._nursery.start_soon(self._connect, one, local)
            return
        found = self._connections.get(number)
        if found is None:
            return
        if kind == b"A":
            found.credit.set()
            return
        if kind == b"D":
            found.held += piece
        elif kind == b"E":
            found.ended = True
        elif found.ended:  # R: what came before is still delivered
            found.sending.cancel()
        else:
            found.scope.cancel()
        found.tell()

    async def _write(self) -> None:
        assert self._process.stdin is not None
        try:
            while True:
                if not self._channels.out:
                    await self._outgoing.wait()
                    self._outgoing = trio.Event()
                data = bytes(self._channels.out)
                self._channels.out.clear()
                self._drained.set()
                self._drained = trio.Event()
                await self._process.stdin.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._stop()  # ssh has gone

    def _push(self) -> None:
        if self._channels.out:
            self._outgoing.set()

    async def _gather(self) -> None:
        assert self._process.stderr is not None
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self._process.stderr.receive_some(ERRORS):
                self._errors = (self._errors + data)[-ERRORS:]
            self._all_said.set()

    async def _ask(self) -> None:
        self._channels.ping()
        self._push()
        with trio.move_on_after(ANSWER) as patience:
            await self._heard.wait()
        if patience.cancelled_caught:
            self._stuck = True
            self._stop()

    # One connection

    async def _connect(self, one: Connection, local: str) -> None:
        """Carry *one* from its beginning to its end."""
        try:
            with one.scope:
                async with self._turn:
                    stream = await trio.open_unix_socket(local)
                async with stream, trio.open_nursery() as nursery:
                    nursery.start_soon(self._send, one, stream)
                    await self._deliver(one, stream)
        except OSError:
            pass  # nobody listens: the daemon is ending
        finally:
            del self._connections[one.number]
            self._channels.reset(one.number)  # unless both sides have ended it
            self._channels.done(one.number)
            self._push()

    async def _send(self, one: Connection, stream: trio.SocketStream) -> None:
        """From the daemon to the host, as much as may be sent."""
        with one.sending:
            while True:
                most = self._channels.credit(one.number)
                if not most:
                    one.credit = trio.Event()
                    await one.credit.wait()
                    continue
                try:
                    data = await stream.receive_some(most)
                except trio.BrokenResourceError:  # all that was said before has been read
                    one.dead = True
                    break
                if not data:
                    break
                while len(self._channels.out) >= FULL:
                    await self._drained.wait()
                self._channels.send(one.number, data)
                self._push()
        self._channels.end(one.number)
        self._push()
        one.sent = True
        one.tell()

    async def _deliver(self, one: Connection, stream: trio.SocketStream) -> None:
        """From the host to the daemon. One that takes nothing may still have something to say."""
        while True:
            if one.held:
                piece = bytes(one.held[:SEND])
                del one.held[:SEND]
                try:
                    if not one.dead:
                        await stream.send_all(piece)
                except trio.BrokenResourceError:
                    one.dead = True
                self._channels.took(one.number, len(piece))
                self._push()
            elif one.dead and one.sent:
                return
            elif one.ended:
                with suppress(trio.BrokenResourceError):
                    await stream.send_eof()
                return
            else:
                await one.news.wait()


async def start(over: Sequence[str], client: Sequence[str], socket: str, name: str) -> Agent:
    """Run the agent by the words *client*, over the slave's command line *over*, to listen at *socket* there.

    Raises NotStarted, and NotListening where ssh cannot be run. Cancelled, it leaves no process.
    """
    mark = secrets.token_hex(8)
    command = "exec " + " ".join(map(shlex.quote, [*client, "agent", socket, mark]))
    pipe = subprocess.PIPE
    try:
        process = await trio.lowlevel.open_process(
            [*over, command], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        raise NotListening(f"cannot run {clean(over[0])}: {error.strerror}", "install OpenSSH") from None
    for stream in (process.stdin, process.stdout):
        if isinstance(stream, trio.lowlevel.FdStream):
            widen(stream.fileno())
    agent = Agent(process, name)
    try:
        await agent.begin(mark)
    except BaseException:
        await agent.close()
        raise
    return agent
