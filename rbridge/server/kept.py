"""One host to which the daemon keeps a tunnel: its listener, its key, and what ssh does for it.

The tunnel leads from a socket of ours on the host to a socket of its own on the laptop: who comes through
that one is this host, by its name here and by what its ssh key showed. ssh forwards it or, where the host
refuses that, an agent there does (:mod:`rbridge.ssh.agent`). :mod:`rbridge.ssh.keeper` decides when something
is to be done; this does it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import trio

from rbridge import __version__
from rbridge.errors import CannotCreate, Denied, RbridgeError, RemoteProtocolError, TryAgain
from rbridge.server import listeners
from rbridge.server.addresses import Unix
from rbridge.server.keys import Keys
from rbridge.server.listeners import Listener
from rbridge.server.log import logger
from rbridge.server.ports import Ports
from rbridge.ssh import agent, deploy, hostkeys, leftover, login, master, reach, reasons
from rbridge.ssh.config import Destination
from rbridge.ssh.events import Carrier, Failed, Way
from rbridge.ssh.logins import Logins
from rbridge.ssh.reasons import Reason, Remedy
from rbridge.ssh.singlefile import single_file
from rbridge.ssh.visit import Visit, visit

LOOK = 0.2  # seconds between looks whether the user still logs in
CANCEL = 3.0  # seconds for taking a forward back
SSH = 255  # ssh's own exit code
ROOM = 5.0  # seconds until the host has room for a session after one has ended

Accept = Callable[[Listener], Awaitable[trio.CancelScope]]
"""Serve what comes to a listener, until the scope is cancelled."""


@dataclass
class Laptop:
    """What all hosts of one daemon have in common: *identity* is the daemon's, *runtime* its directory."""

    identity: str
    runtime: str
    keys: Keys | None
    machines: hostkeys.Hosts
    logins: Logins
    accept: Accept
    tell: Callable[[str], None]
    ports: Ports = field(default_factory=Ports)


@dataclass
class Deployed:
    """What was found or done on the host when the tunnel was made last: *said* are lines for the user."""

    said: tuple[str, ...] = ()
    rc: str = ""
    """The shell's file that lacks the line which puts ``~/.local/bin`` on PATH, "" if none is needed."""


class Kept:
    """The host *name*, reached as *destination* says with *environ*.

    *deploys*: the client is put there; *looks*: it is then seen whether new shells find it.
    """

    def __init__(
        self,
        laptop: Laptop,
        name: str,
        destination: Destination,
        environ: Mapping[str, str],
    ) -> None:
        self.name = name
        self.destination = destination
        self.environ = dict(environ)
        self.deploys = True
        self.looks = False
        self.deployed = Deployed()
        self._laptop = laptop
        self._listener: Listener | None = None
        self._accepting: trio.CancelScope | None = None
        self._over: Carrier | None = None  # what the tunnel was made over last
        self._agent: agent.Agent | None = None
        self._client: tuple[str, ...] = ()  # the words that run it on the host
        self.full = False
        """Whether the agent has the only session that the host permits over the connection."""
        self.remote = ""
        """The host's end of the tunnel, as it was made last."""

    @property
    def mark(self) -> str:
        """Eight digits that tell this host from others in the names of files."""
        return self.destination.digest[:8]

    @property
    def identity(self) -> str:
        """What the host's ssh key showed, "" before it was seen."""
        return self._listener.identity if self._listener is not None else ""

    @property
    def local(self) -> str:
        """The laptop's end of the tunnel."""
        return os.path.join(self._laptop.runtime, f"host.{self.mark}.sock")

    # What the keeper asks for

    async def reachable(self) -> bool:
        """Return when a login is worth trying: whether the host was out of reach meanwhile."""
        if not self.destination.direct:
            return False
        return await reach.reachable(self.destination.hostname, self.destination.port)

    async def login(self) -> Carrier:
        """Log in without a question to anybody. Raises Failed."""
        try:
            control, _ = master.control_path(self.destination, self._laptop.runtime)
            with contextlib.ExitStack() as stack:
                await self._alone(stack)
                pid = await master.check(control)
                if pid is not None:  # the user has logged in meanwhile
                    return Carrier(control, pid, own=control == self._own)
                pid = await login.unattended(self.destination, control, self.environ, self._cwd)
        except login.LoginFailed as failure:
            way = self.destination.jump or self.destination.proxy
            reason = reasons.read(failure.stderr, self.name, way)
            if reason.remedy is reasons.Remedy.PERSON:
                self._laptop.logins.note(self.destination.digest, False)
            raise Failed(reason) from None
        except RbridgeError as error:
            raise Failed(reasons.other(error)) from error
        self._laptop.logins.note(self.destination.digest, True)
        return Carrier(control, pid, own=True)

    async def raise_(self, carrier: Carrier, /) -> Way:
        """Make the tunnel over the master *carrier*. Raises Failed."""
        try:
            await self._end_agent()
            self._over = carrier
            await self._listen()
            return await self._raise(carrier)
        except Failed:
            raise
        except master.Refused as refused:
            # the visit has just seen to its place
            raise Failed(reasons.forwarding(refused.stderr, self.name, free=True)) from None
        except RbridgeError as error:
            raise Failed(reasons.other(error)) from error

    async def probe(self, carrier: Carrier, /) -> bool:
        """Wait for any answer of the host; its agent has then to answer as well, or is ended."""
        answered = await master.probe(carrier.control)
        if answered and self._agent is not None:
            self._agent.doubt()
        return answered

    async def carry(self, carrier: Carrier, /) -> Reason:
        """Carry what comes through the agent, until it ends: why it did."""
        if self._agent is None:
            return Reason("agent-ended", "the agent ended", "", Remedy.TIME)
        carrying = self._agent
        error = await carrying.carry(self.local)
        if self._agent is carrying:  # and not the next one
            self._agent = None
        if await master.check(carrier.control) is None:
            with trio.move_on_after(CANCEL):
                await master.watch(carrier.pid)  # that is told by itself
        return Reason("agent-ended", f"over stdio: {error}", error.hint, Remedy.TIME)

    async def watch(self, carrier: Carrier, /) -> None:
        """Return when the master is gone."""
        await master.watch(carrier.pid)

    async def leave(self, carrier: Carrier, /) -> None:
        """Take our forward back, and end the master if it is ours, once nobody works over it."""
        if carrier == self._over:  # and not one that came too late
            await self._end_agent()
        if carrier == self._over and self.remote:
            with suppress(RbridgeError):  # it may be gone
                await master.cancel(carrier.control, self.remote, self.local, deadline=CANCEL)
                await leftover.remove(master.over(carrier.control, self.name), self.remote)
        if carrier.own and await master.check(carrier.control) == carrier.pid:
            await master.leave(carrier.control)

    async def kill(self, carrier: Carrier, /) -> None:
        """Part from our own master, whose host does not answer; shells over it may yet go on."""
        await self._end_agent()
        if carrier.own and await master.check(carrier.control) == carrier.pid:
            await master.leave(carrier.control)
        if carrier.own and master.answers(carrier.control):
            await master.end(carrier.control, carrier.pid)

    # How it is done

    async def _alone(self, stack: contextlib.ExitStack) -> None:
        """Wait for the user's own login, if he is at it: of two at once one would be left over for ever."""
        path = os.path.join(self._laptop.runtime, f"login.{self.mark}.lock")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        stack.callback(os.close, fd)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                await trio.sleep(LOOK)

    async def close(self) -> None:
        """Stop listening for this host."""
        await self._end_agent()
        if self._accepting is not None:
            self._accepting.cancel()
        listener, self._listener, self._accepting = self._listener, None, None
        if listener is not None:
            with trio.CancelScope(shield=True):
                await listeners.close([listener])

    @property
    def _cwd(self) -> str:
        """Where the user was, or, if that has gone, where every process can be."""
        return self.destination.cwd if os.path.isdir(self.destination.cwd) else "/"

    @property
    def _own(self) -> str:
        return os.path.join(self._laptop.runtime, f"cm.{self.mark}")

    async def _listen(self) -> None:
        """Listen for the host as the machine that it is."""
        known = await hostkeys.known(self.destination)
        machine = await trio.to_thread.run_sync(self._laptop.machines.recognise, self.name, known)
        if self._listener is not None and self._listener.identity == machine.id:
            self._listener.also = machine.also
            return
        if machine.other:
            shows = "shows another ssh key than before" if machine.verified else "shows no ssh key any more"
            self._laptop.tell(
                f"{self.name} {shows}: it is taken for another machine, and texts that are kept for the one "
                "before stay here (rbridge recover)"
            )
        await self.close()
        self._listener = await listeners.listen(Unix(self.local), self.name, machine.id)
        self._listener.also = machine.also
        self._accepting = await self._laptop.accept(self._listener)

    async def _end_agent(self) -> None:
        ended, self._agent = self._agent, None
        if ended is not None:
            await ended.close()

    async def _raise(self, carrier: Carrier) -> Way:
        name = f"{self._laptop.identity}-{self.mark}.sock"
        async with visit(master.over(carrier.control, self.name), self._laptop.identity, name) as there:
            self.remote = f"{there.directory()}/{name}"
            failed: list[Exception] = []
            refused: list[Reason] = []

            async def forward() -> None:
                try:
                    await self._forward(carrier, self.remote)
                except master.Refused as error:
                    why = reasons.forwarding(error.stderr, self.name, free=True)
                    if why.name != reasons.REFUSED:
                        raise
                    refused.append(why)

            async def attempt(what: Callable[[], Awaitable[None]]) -> None:
                # kept, not raised: beside a cancellation it would be a group that nobody catches
                try:
                    await what()
                except Exception as error:
                    failed.append(error)
                    nursery.cancel_scope.cancel()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(attempt, forward)
                nursery.start_soon(attempt, partial(self._install, there))
            if failed:
                raise failed[0]
            if not refused:
                return Way.FORWARD
            full = await self._start_agent(carrier, refused[0])
        self.full = full is not None
        end = trio.current_time() + ROOM
        while full is not None:
            if trio.current_time() > end:
                raise Failed(full)
            await trio.sleep(LOOK)  # the host knows later than we that the visit is over
            full = await self._start_agent(carrier, refused[0])
        return Way.STDIO

    async def _start_agent(self, carrier: Carrier, refused: Reason) -> Reason | None:
        """Have an agent listen there, since the forward was *refused*; a reason where no session is left for
        it. Raises Failed.
        """
        if not self._client:
            said = f"{refused.said}, and has no client of rbridge, which could do without"
            raise Failed(replace(refused, said=said, hint=self._deploy))
        over = master.over(carrier.control, self.name)
        try:
            self._agent = await agent.start(over, self._client, self.remote, self.name)
        except agent.NotStarted as error:
            if error.code == SSH:
                why = reasons.forwarding(error.stderr, self.name)
                if why.name == reasons.NO_SESSION:
                    return why
                raise Failed(why) from None
            said = f"{refused.said}, and its client cannot do without: {error}"
            remedy = Remedy.TIME if error.code in (None, TryAgain.exit_code) else Remedy.PERSON
            raise Failed(replace(refused, said=said, hint=self._deploy, remedy=remedy)) from None
        return None

    @property
    def _deploy(self) -> str:
        return f"rbridge deploy {shlex.quote(self.destination.asked)}"

    async def _forward(self, carrier: Carrier, remote: str) -> None:
        """Lead *remote* here. A forward that the master had before, for an earlier daemon perhaps, is taken
        back first: ssh would take it for one that it has, and the visit has removed its socket.
        """
        with suppress(RbridgeError):
            await master.cancel(carrier.control, remote, self.local, deadline=CANCEL)
        await master.forward(carrier.control, remote, self.local)

    async def _new_key(self) -> bytes:
        """The line of a new key for this host, empty where none can be kept here."""
        if self._laptop.keys is None:
            return b""
        try:
            issue = partial(self._laptop.keys.issue, self.name, self.identity)
            return (await trio.to_thread.run_sync(issue)).line
        except (CannotCreate, Denied) as error:
            logger.warning("%s has no new key: %s", self.name, error)
            return b""

    async def _install(self, there: Visit) -> None:
        """The key, and the client where it is missing or old. The tunnel is worth having without either."""
        self._client = _words(there.host) if there.host.client else ()
        line = await self._new_key()
        looks, self.looks = self.looks, False  # at what a shell finds: when the user has asked, not each time
        if not self.deploys:
            self.deployed = Deployed(await _key(there, line))
            return
        try:
            host = await there.python()
            client = await trio.to_thread.run_sync(single_file, deploy.python(host))
        except (OSError, CannotCreate):  # rbridge was upgraded, or removed, while this daemon ran
            why = f"no client is put on {self.name}: rbridge was changed here; run: rbridge serve --stop"
            self.deployed = Deployed((why, *await _key(there, line)))
            return
        except (TryAgain, RemoteProtocolError) as error:
            self.deployed = Deployed((f"no client on {self.name}: {error.line()}", *await _key(there, line)))
            return
        plan = deploy.decide(host, client.sha256, __version__)
        if plan.do is deploy.Do.LEAVE:
            self.deployed = Deployed((*((plan.why,) if plan.why else ()), *await _key(there, line)))
            return
        try:
            put = await (there.install(line, client.content) if line else there.put(client.content))
        except RbridgeError as error:
            self.deployed = Deployed((f"no client on {self.name}: {error.line()}",))
            return
        self._client = _words(there.host, put)
        rc = ""
        if looks:
            with suppress(RbridgeError):
                paths = await there.paths()
                rc = paths.rc if paths.heard and not paths.on_path else ""
        self.deployed = Deployed(tuple(deploy.said(host, put, None, __version__)), rc)


def _words(host: deploy.Host, put: deploy.Put | None = None) -> tuple[str, ...]:
    """What runs the client there. One of ours begins as a script of sh: so it runs where nothing is executed
    from that file system, too.
    """
    path = put.path if put is not None else host.client_path
    return ("/bin/sh", path) if put is not None or host.client_by == "us" else (path,)


async def _key(there: Visit, line: bytes) -> tuple[str, ...]:
    """Put the key that *line* holds, if it does; what there is to say of it. It opens TCP only: the tunnel
    does without.
    """
    try:
        if line:
            await there.key(line)
    except (CannotCreate, Denied) as error:
        return (error.line(),)
    return ()
