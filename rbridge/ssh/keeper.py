"""Keeps the tunnel to one host: carries out what :mod:`rbridge.ssh.tunnel` decides.

While the tunnel is up one task runs, which waits for the master's end: no timer, no polling. Where the host
refuses to forward a socket another one carries what comes over stdio. Long, because each command of the
tunnel has its task here.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

import trio

from rbridge.errors import LocalProtocolError
from rbridge.server.log import logger
from rbridge.ssh.events import (
    AgentGone,
    Answered,
    Asked,
    Carrier,
    Carry,
    Command,
    Disconnect,
    Due,
    Event,
    Failed,
    KillMaster,
    Leave,
    LoggedIn,
    LogIn,
    LoginFailed,
    MasterGone,
    NetworkBack,
    Probe,
    ProbeFailed,
    Raise,
    Raised,
    RaiseFailed,
    Silent,
    State,
    Tell,
    WaitFor,
    Wanted,
    Watch,
    Way,
    Woke,
)
from rbridge.ssh.messages import Remedy
from rbridge.ssh.reasons import Reason
from rbridge.ssh.tunnel import SLOW, Tunnel

LOGIN = 60.0  # seconds for an unattended login, jump hosts included
RAISE = 60.0  # seconds for the visit, a deploy included, and the forward
PART = 5.0  # seconds to give a master back or to end ours

_ODD = Reason("internal", "rbridge itself failed", "its log says where", Remedy.TIME)

T = TypeVar("T")


class Ssh(Protocol):
    """The ssh of one host. Each call leaves no process behind when it raises or is cancelled."""

    async def login(self) -> Carrier:
        """Make a master unattended. Raises Failed."""
        ...

    async def raise_(self, carrier: Carrier, /) -> Way:
        """Visit the host over *carrier* and forward the socket, or have an agent there. Raises Failed."""
        ...

    async def carry(self, carrier: Carrier, /) -> Reason:
        """Carry what comes through the agent that :meth:`raise_` has begun, until it ends: why it did.

        Where the master has ended as well, this may return late.
        """
        ...

    async def probe(self, carrier: Carrier, /) -> bool:
        """Wait for any answer of the host, a refusal too; False if it could not be asked.

        It has no deadline: it is cancelled once nobody wants to know.
        """
        ...

    async def watch(self, carrier: Carrier, /) -> None:
        """Return when the master's process has ended."""
        ...

    async def leave(self, carrier: Carrier, /) -> None:
        """Take the forward back, end the agent, and end the master if it is our own.

        By its pid: another master may stand at its control path by now. After PART seconds this is cancelled,
        and is to have done by then what needs no answer from the host.
        """
        ...

    async def kill(self, carrier: Carrier, /) -> None:
        """Part from our own master, which does not answer, so that its control path is free.

        Shells of the user may run over it: it need not end before they do. Cancelled after PART seconds.
        """
        ...

    async def reachable(self) -> bool:
        """Return when a login is worth trying: whether the host was out of reach meanwhile."""
        ...


class Keeper:
    """The tunnel of the host called *name*, carried by *ssh*. :meth:`run` keeps it; the rest is called from
    other tasks, from before it runs until after, and never raises. It is run once.

    *tell* is called with each new state or reason, *cheap* and *alone* are those of
    :class:`~rbridge.ssh.tunnel.Tunnel`, *chance* gives a number from 0 to 1.
    """

    def __init__(
        self,
        name: str,
        ssh: Ssh,
        tell: Callable[[State, Reason | None], object],
        *,
        cheap: bool = True,
        alone: bool = False,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.since = trio.current_time()
        """When the state began, in seconds of trio's clock."""
        self._ssh = ssh
        self._tell = tell
        self._tunnel = Tunnel(chance, cheap=cheap, alone=alone)
        self._events: deque[Event] = deque()
        self._handling = False
        self._nursery: trio.Nursery | None = None
        self._early: list[Callable[[], Awaitable[None]]] = []  # tasks from before it runs
        self._under_way: dict[trio.CancelScope, int] = {}  # the turn of each
        self._watched: tuple[Carrier, trio.CancelScope] | None = None
        self._carried: trio.CancelScope | None = None
        self._raised: float | None = None  # when the tunnel over this carrier was
        self._partings = 0
        self._parted = trio.Event()
        self._news = trio.Event()
        self._ended = trio.Event()

    @property
    def state(self) -> State:
        return self._tunnel.state

    @property
    def reason(self) -> Reason | None:
        """Why it is down or needs the user, None where nothing failed."""
        return self._tunnel.reason

    @property
    def carrier(self) -> Carrier | None:
        """The master there is: while the forward is refused, too."""
        return self._tunnel.carrier

    @property
    def way(self) -> Way:
        """What the tunnel goes through, or went through when it was up last."""
        return self._tunnel.way

    @property
    def alone(self) -> bool:
        """Whether the host is known to let us in without the user."""
        return self._tunnel.alone

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the tunnel until :meth:`disconnect`. Then, or when cancelled, the master is left, and nothing
        of ours runs any more. It has started when the tasks have that follow from what it was told before.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for task in self._early:
                nursery.start_soon(task)
            try:
                task_status.started()
                await self._ended.wait()
            finally:
                self._feed(Disconnect())
                nursery.cancel_scope.cancel()  # what parts from a master is shielded

    def take(self, carrier: Carrier) -> None:
        """The user made this master, or has it: raise the tunnel over it."""
        self._feed(Asked(carrier))

    def want(self) -> None:
        """Connect unattended now, unless that needs the user."""
        self._feed(Wanted())

    def silent(self) -> None:
        """A link over the tunnel timed out."""
        self._feed(Silent())

    def woke(self) -> None:
        """The laptop slept."""
        self._feed(Woke())

    def network(self) -> None:
        """The laptop has an address or a route that it did not have."""
        self._feed(NetworkBack())

    def disconnect(self) -> None:
        """End it; :meth:`run` returns when the master is left."""
        self._feed(Disconnect())

    async def wait_for(self, states: Collection[State], seconds: float) -> State:
        """Wait until the state is one of *states*, it has ended, or *seconds* are over; returns the state."""
        with trio.move_on_after(seconds):
            while self.state not in states and self.state is not State.ENDED:
                await self._news.wait()
        return self.state

    # Events and commands

    def _feed(self, event: Event) -> None:
        self._events.append(event)
        if self._handling:
            return  # what is told may come back with news
        self._handling = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._handling = False

    def _handle(self, event: Event) -> None:
        before = self.state
        try:
            commands = self._tunnel.handle(event)
        except LocalProtocolError:
            logger.exception("%s: the tunnel's table has a hole", self.name)
            return
        if self.state is not before:
            self.since = trio.current_time()
        for scope, turn in list(self._under_way.items()):
            if turn != self._tunnel.turn:
                scope.cancel()
        if self._watched is not None and self._watched[0] != self.carrier:
            self._watched[1].cancel()
            self._watched = None
        if self._carried is not None and self.state not in (State.UP, State.SUSPECT):
            self._carried.cancel()
            self._carried = None
        for command in commands:
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, LogIn):
            self._begin(command.turn, partial(self._log_in, command.turn))
        elif isinstance(command, Raise):
            self._begin(command.turn, partial(self._raise, command.turn, command.carrier))
        elif isinstance(command, Probe):
            self._begin(command.turn, partial(self._probe, command.turn, command.carrier))
        elif isinstance(command, WaitFor):
            self._begin(command.turn, partial(self._wait, command))
        elif isinstance(command, Watch):
            self._raised = None
            self._watched = command.carrier, trio.CancelScope()
            self._start(partial(self._watch, *self._watched))
        elif isinstance(command, Carry):
            self._carried = trio.CancelScope()
            self._start(partial(self._carry, command.carrier, self._carried))
        elif isinstance(command, (KillMaster, Leave)):
            self._part(command.carrier, self._ssh.leave if isinstance(command, Leave) else self._ssh.kill)
        else:
            self._say(command)

    def _say(self, news: Tell) -> None:
        said = f": {news.reason.said}" if news.reason is not None else ""
        logger.info("%s: %s%s", self.name, news.state.value, said)
        try:
            self._tell(news.state, news.reason)
        except Exception:
            logger.exception("%s: telling that it is %s failed", self.name, news.state.value)
        self._news.set()
        self._news = trio.Event()
        if news.state is State.ENDED:
            self._ended.set()

    # Tasks

    def _start(self, task: Callable[[], Awaitable[None]]) -> None:
        if self._nursery is None:
            self._early.append(task)
        else:
            self._nursery.start_soon(task)

    def _begin(self, turn: int, task: Callable[[], Awaitable[None]]) -> None:
        """Run *task* until its *turn* is over."""
        scope = trio.CancelScope()
        self._under_way[scope] = turn

        async def bounded() -> None:
            try:
                with scope:
                    await task()
            except Exception as error:  # it failed while it was given up
                logger.info("%s: failed when it was given up", self.name, exc_info=error)
            finally:
                del self._under_way[scope]

        self._start(bounded)

    async def _log_in(self, turn: int) -> None:
        carrier = await self._attempt(self._ssh.login, LOGIN, lambda why: LoginFailed(turn, why))
        if carrier is None:
            return
        if turn == self._tunnel.turn:
            self._feed(LoggedIn(turn, carrier))
        elif carrier != self.carrier:
            self._part(carrier, self._ssh.leave)  # it came when nobody wanted it any more

    async def _raise(self, turn: int, carrier: Carrier) -> None:
        raised = partial(self._ssh.raise_, carrier)
        way = await self._attempt(raised, RAISE, lambda why: RaiseFailed(turn, why))
        if way is not None:
            if turn == self._tunnel.turn:
                self._raised = trio.current_time()
            self._feed(Raised(turn, way))

    async def _attempt(
        self, what: Callable[[], Awaitable[T]], seconds: float, failed: Callable[[Reason], Event]
    ) -> T | None:
        """The result of *what*, or None, and the event by which it failed is fed."""
        while self._partings:
            await self._parted.wait()
        try:
            with trio.fail_after(seconds):
                return await what()
        except Exception as error:
            self._feed(failed(self._reason(error, seconds)))
            return None

    def _reason(self, error: BaseException, seconds: float) -> Reason:
        inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
        if len(inner) == 1:
            return self._reason(inner[0], seconds)
        if isinstance(error, Failed):
            return error.reason
        if isinstance(error, trio.TooSlowError):
            return Reason("timeout", f"no answer within {seconds:.0f} s", "", Remedy.NETWORK)
        logger.error("%s: cannot connect", self.name, exc_info=error)
        return _ODD

    async def _probe(self, turn: int, carrier: Carrier) -> None:
        answered = False
        try:
            answered = await self._ssh.probe(carrier)
        except Exception:
            logger.exception("%s: the probe failed", self.name)
        self._feed(Answered(turn) if answered else ProbeFailed(turn))

    async def _wait(self, wait: WaitFor) -> None:
        await trio.sleep(wait.seconds)
        back = False
        if wait.reach:
            try:
                back = await self._ssh.reachable()
            except Exception:
                logger.exception("%s: cannot tell whether it is in reach", self.name)
                await trio.sleep(SLOW)
        self._feed(Due(wait.turn, back))

    async def _watch(self, carrier: Carrier, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                try:
                    await self._ssh.watch(carrier)
                    break
                except Exception:
                    logger.exception("%s: cannot watch the master", self.name)
                    await trio.sleep(SLOW)
            self._feed(MasterGone(carrier, self._lasted))

    async def _carry(self, carrier: Carrier, scope: trio.CancelScope) -> None:
        with scope:
            try:
                why = await self._ssh.carry(carrier)
            except Exception as error:
                why = self._reason(error, 0.0)
            if not scope.cancel_called:
                self._feed(AgentGone(carrier, why, self._lasted))

    @property
    def _lasted(self) -> float:
        """Seconds since the tunnel over this carrier was raised."""
        return 0.0 if self._raised is None else trio.current_time() - self._raised

    def _part(self, carrier: Carrier, how: Callable[[Carrier], Awaitable[None]]) -> None:
        if not self._partings:
            self._parted = trio.Event()
        self._partings += 1
        self._start(partial(self._parting, carrier, how))

    async def _parting(self, carrier: Carrier, how: Callable[[Carrier], Awaitable[None]]) -> None:
        try:
            with suppress(trio.TooSlowError), trio.fail_after(PART) as scope:
                scope.shield = True
                await how(carrier)
        except Exception:
            logger.exception("%s: cannot leave the master", self.name)
        finally:
            self._partings -= 1
            if not self._partings:
                self._parted.set()
