"""The tunnel to one host as a state machine: events go in, commands come out; no I/O and no clock.

All transitions stand in ``TRANSITIONS``, and an entry that is absent raises. The words are in
:mod:`rbridge.ssh.events`; :mod:`rbridge.ssh.keeper` carries them out. What it stands for:

- A login that only a person can make is never tried unattended: NEEDS_YOU is left by Asked and nothing else.
- A master may have cost the user a password. While the network is away it is kept, since its connection may
  outlive that; it is given up when the host answers a new connection and not the master. Where an unattended
  login has worked before, at once; else after GRACE, for TCP sends again later and later.
- Where the host refuses to forward a socket an agent there carries the tunnel over stdio. When that one ends
  the tunnel is raised anew over the same master: at once, but not again and again.
- Where a login works and no tunnel can be had for good the state is NEEDS_YOU: nothing will change by
  itself. The master is kept, so that the next connect tries again over it, and a shell still goes over it.
- Each command that is answered has a turn, and what else begins makes another one: late answers do nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from rbridge.errors import LocalProtocolError
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

FIRST = 0.5  # seconds until the second try where the network failed the first one,
BRISK = 2.0  # at most so many while that is new,
TRIES = 10  # which it is for so many tries, and again whenever the host comes back into reach;
LATER = 30.0  # then at most so many: something answers there, and it is no ssh server
SLOW = 5.0  # seconds until the second try where only time mends it,
SLOWEST = 300.0  # and at most so many
SETTLED = 30.0  # seconds after which a tunnel that ends has not failed
DEAD = 3  # so many raises in a row without an answer, and the master is given up
PATIENCE = 3.0  # seconds for the answer to a probe, before it is asked whether the host is in reach at all
GRACE = 15.0  # seconds more for a master that may cost a password
BLIND_GRACE = 45.0  # the same where reach cannot be told: ssh's own keepalive has decided by then

_USER = {"asked": State.CONNECTING, "disconnect": State.ENDED}

TRANSITIONS: dict[State, dict[str, State]] = {
    State.DOWN: {
        **_USER,
        "asked again": State.CONNECTING,
        "wanted": State.CONNECTING,
        "due": State.CONNECTING,
        "master gone": State.DOWN,
        "silent": State.DOWN,
        "network back": State.DOWN,
        "woke": State.DOWN,
    },
    State.CONNECTING: {
        **_USER,
        "asked again": State.CONNECTING,
        "wanted": State.CONNECTING,
        "logged in": State.CONNECTING,
        "login failed": State.DOWN,
        "login failed: person": State.NEEDS_YOU,
        "raised": State.UP,
        "raise failed": State.DOWN,
        "raise failed: dead master": State.CONNECTING,
        "raise failed: person": State.NEEDS_YOU,
        "master gone": State.DOWN,
        "silent": State.CONNECTING,
        "network back": State.CONNECTING,
        "woke": State.CONNECTING,
    },
    State.UP: {
        **_USER,
        "asked again": State.UP,
        "wanted": State.UP,
        "master gone": State.CONNECTING,
        "master gone: soon, again": State.DOWN,
        "agent gone": State.CONNECTING,
        "agent gone: soon, again": State.DOWN,
        "silent": State.SUSPECT,
        "network back": State.SUSPECT,
        "woke": State.SUSPECT,
    },
    State.SUSPECT: {
        **_USER,
        "asked again": State.SUSPECT,
        "wanted": State.SUSPECT,
        "master gone": State.CONNECTING,
        "master gone: soon, again": State.DOWN,
        "agent gone": State.CONNECTING,
        "agent gone: soon, again": State.DOWN,
        "answered": State.UP,
        "probe failed": State.CONNECTING,
        "probe failed: dear": State.SUSPECT,
        "due": State.CONNECTING,
        "due: dear": State.SUSPECT,
        "silent": State.SUSPECT,
        "network back": State.SUSPECT,
        "woke": State.SUSPECT,
    },
    State.NEEDS_YOU: {
        **_USER,
        "asked again": State.CONNECTING,
        "wanted": State.NEEDS_YOU,
        "master gone": State.NEEDS_YOU,
        "silent": State.NEEDS_YOU,
        "network back": State.NEEDS_YOU,
        "woke": State.NEEDS_YOU,
    },
    State.ENDED: {},
}

TRANSITIONS[State.ENDED] = {kind: State.ENDED for row in TRANSITIONS.values() for kind in row}

_SIMPLE: dict[type, str] = {
    Wanted: "wanted",
    LoggedIn: "logged in",
    Raised: "raised",
    Silent: "silent",
    Answered: "answered",
    NetworkBack: "network back",
    Woke: "woke",
    Disconnect: "disconnect",
}

_ENDED = Reason("connection-ended", "the ssh connection ended", "", Remedy.NETWORK)


def pause(remedy: Remedy, failures: int, chance: float, cheap: bool = True) -> float:
    """Seconds until the next try after so many *failures* in a row, 1 or more.

    *chance*, 0 to 1, spreads the tries of many laptops over the second half of the pause. *cheap*: a TCP
    connection tells whether a login is worth trying, so that none is made while the host is out of reach.
    Raises ValueError for PERSON, after whom nothing is tried.
    """
    if remedy is Remedy.PERSON:
        raise ValueError("only a person can mend it")
    doubled = min(failures - 1, 16)
    if remedy is Remedy.TIME:
        longest = min(SLOWEST, SLOW * 2.0**doubled)
    elif cheap and failures <= TRIES:
        longest = min(BRISK, FIRST * 2.0**doubled)
    elif cheap:
        longest = min(LATER, BRISK * 2.0 ** min(failures - TRIES, 16))
    else:
        longest = min(LATER, FIRST * 2.0**doubled)
    return longest * (0.5 + 0.5 * chance)


class Tunnel:
    """The machine of one host. *cheap* is that of :func:`pause`, *chance* gives a number from 0 to 1, and
    *alone* says whether the host is known to let us in without the user.
    """

    def __init__(self, chance: Callable[[], float], *, cheap: bool = True, alone: bool = False) -> None:
        self.state = State.DOWN
        self.reason: Reason | None = None
        """Why it is DOWN or NEEDS_YOU; None where nothing failed."""
        self.carrier: Carrier | None = None
        self.way = Way.FORWARD
        """Of the tunnel that was raised last."""
        self.turn = 0
        """Of what was begun last; what has an earlier one is to be stopped."""
        self.failures = 0
        """In a row, and all of the same remedy; a tunnel that stays up begins anew."""
        self.alone = alone
        """Whether the last unattended login went well."""
        self._chance = chance
        self._cheap = cheap
        self._waiting: Remedy | None = None  # in DOWN: what for; None before the first try
        self._remedy = Remedy.NETWORK  # of the failures
        self._spared = False  # in SUSPECT: the grace runs

    def handle(self, event: Event) -> list[Command]:
        """Take *event*, change state by the table, and return what is to be done, in order.

        Raises LocalProtocolError where the table has no entry.
        """
        if self._stale(event):
            return []
        before, told = self.state, (self.state, self.reason)
        if isinstance(event, MasterGone) and before not in (State.DOWN, State.NEEDS_YOU):
            self._count_end(event.lasted, Remedy.NETWORK)
        elif isinstance(event, AgentGone):
            self._count_end(event.lasted, event.reason.remedy)
        elif isinstance(event, (LoginFailed, RaiseFailed)):
            self._count(event.reason.remedy)
        kind = self._kind(event)
        try:
            self.state = TRANSITIONS[before][kind]
        except KeyError:
            raise LocalProtocolError(f"a tunnel that is {before.value} cannot take {kind!r}") from None
        if before is State.ENDED:
            return []
        if self.state not in (State.DOWN, before):
            self._waiting = None
            self.reason = None
        commands = self._commands(event, kind, before)
        if (self.state, self.reason) != told:
            commands.append(Tell(self.state, self.reason))
        return commands

    def _stale(self, event: Event) -> bool:
        if isinstance(event, (MasterGone, AgentGone)):
            return event.carrier != self.carrier
        turn: int | None = getattr(event, "turn", None)
        return turn is not None and turn != self.turn

    def _kind(self, event: Event) -> str:
        """What the table calls *event*."""
        if isinstance(event, Asked):
            return "asked again" if event.carrier == self.carrier else "asked"
        if isinstance(event, LoginFailed):
            return "login failed: person" if event.reason.remedy is Remedy.PERSON else "login failed"
        if isinstance(event, RaiseFailed):
            if event.reason.remedy is Remedy.PERSON:
                return "raise failed: person"
            dead = event.reason.remedy is Remedy.NETWORK and self.failures >= DEAD
            return "raise failed: dead master" if dead else "raise failed"
        if isinstance(event, MasterGone):
            was_up = self.state in (State.UP, State.SUSPECT)
            return "master gone: soon, again" if was_up and self.failures > 1 else "master gone"
        if isinstance(event, AgentGone):
            return "agent gone: soon, again" if self.failures > 1 else "agent gone"
        if isinstance(event, ProbeFailed):
            return "probe failed" if self.alone else "probe failed: dear"
        if isinstance(event, Due):
            dear = self.state is State.SUSPECT and not self.alone and not self._spared
            return "due: dear" if dear else "due"
        return _SIMPLE[type(event)]

    def _commands(self, event: Event, kind: str, before: State) -> list[Command]:
        if isinstance(event, Asked):
            return self._asked(event.carrier, before)
        if isinstance(event, Disconnect):
            self.turn += 1
            return self._drop(Leave)
        if isinstance(event, LoggedIn):
            self.alone = self.alone or event.carrier.own
            self.carrier = event.carrier
            return [Watch(event.carrier), self._raise(event.carrier)]
        if isinstance(event, (LoginFailed, RaiseFailed)):
            return self._failed(event, kind)
        if isinstance(event, MasterGone):
            return self._gone(before)
        if isinstance(event, AgentGone):
            return self._agent_gone(event.reason)
        if isinstance(event, Wanted):
            return self._again() if before is State.DOWN else []
        if isinstance(event, (Silent, NetworkBack, Woke)):
            return self._news(event, before)
        if isinstance(event, (Due, ProbeFailed)):
            return self._over(event, kind, before)
        self.turn += 1  # raised, answered: nothing else runs any more
        if isinstance(event, Raised):
            self.way = event.way
            if event.way is Way.STDIO and self.carrier is not None:
                return [Carry(self.carrier)]
        return []

    def _asked(self, carrier: Carrier, before: State) -> list[Command]:
        if carrier == self.carrier:
            return [self._raise(carrier)] if before in (State.DOWN, State.NEEDS_YOU) else []
        commands = self._drop(Leave)
        self.carrier = carrier
        self.failures = 0
        self.reason = None
        return [*commands, Watch(carrier), self._raise(carrier)]

    def _failed(self, event: LoginFailed | RaiseFailed, kind: str) -> list[Command]:
        if kind == "raise failed: dead master":
            return [*self._drop(KillMaster), self._log_in()]
        self.reason = event.reason
        if self.state is State.NEEDS_YOU:
            if isinstance(event, LoginFailed):
                self.alone = False
            self.turn += 1
            return []
        return [self._wait_to_try(event.reason.remedy)]

    def _gone(self, before: State) -> list[Command]:
        self.carrier = None
        if self.state is State.CONNECTING:
            return [self._log_in()]
        if self.state is before:  # DOWN, NEEDS_YOU
            return []
        self.reason = _ENDED
        return [self._wait_to_try(Remedy.NETWORK)]

    def _agent_gone(self, reason: Reason) -> list[Command]:
        if self.state is State.CONNECTING:
            return self._again()
        self.reason = reason
        return [self._wait_to_try(reason.remedy)]

    def _news(self, event: Silent | NetworkBack | Woke, before: State) -> list[Command]:
        if before is State.UP:
            assert self.carrier is not None
            self.turn += 1
            self._spared = False
            return [Probe(self.turn, self.carrier), WaitFor(self.turn, PATIENCE, reach=True)]
        woke, helps = isinstance(event, Woke), isinstance(event, NetworkBack)
        if before is State.DOWN and (
            (woke and self._waiting is not None) or (helps and self._waiting is Remedy.NETWORK)
        ):
            self.failures = 0
            self.turn += 1
            return [WaitFor(self.turn, 0.0, reach=True)]
        if before is State.CONNECTING and (woke or helps):
            self.failures = 0
            if woke and self.carrier is None:
                return [self._log_in()]  # the one under way began on the network of before
        return []

    def _over(self, event: Due | ProbeFailed, kind: str, before: State) -> list[Command]:
        """The wait is over, or the probe failed."""
        if before is State.DOWN:
            if isinstance(event, Due) and event.back:
                self.failures = 0
            return self._again()
        if kind == "due: dear":
            self._spared = True
            return [WaitFor(self.turn, GRACE if self._cheap else BLIND_GRACE, reach=True)]
        if kind == "probe failed: dear":
            return []  # the wait decides
        return [*self._drop(KillMaster), self._log_in()]

    # What is begun

    def _again(self) -> list[Command]:
        return [self._log_in() if self.carrier is None else self._raise(self.carrier)]

    def _log_in(self) -> LogIn:
        self.turn += 1
        return LogIn(self.turn)

    def _raise(self, carrier: Carrier) -> Raise:
        self.turn += 1
        return Raise(self.turn, carrier)

    def _wait_to_try(self, remedy: Remedy) -> WaitFor:
        self.turn += 1
        self._waiting = remedy
        seconds = pause(remedy, max(self.failures, 1), self._chance(), self._cheap)
        return WaitFor(self.turn, seconds, reach=remedy is Remedy.NETWORK)

    def _drop(self, how: type[KillMaster] | type[Leave]) -> list[Command]:
        """Part from the master, if there is one; one that is the user's is never killed."""
        carrier, self.carrier = self.carrier, None
        if carrier is None:
            return []
        return [how(carrier) if carrier.own else Leave(carrier)]

    # How often it failed

    def _count(self, remedy: Remedy) -> None:
        self.failures = self.failures + 1 if remedy is self._remedy else 1
        self._remedy = remedy

    def _count_end(self, lasted: float, remedy: Remedy) -> None:
        if lasted >= SETTLED:
            self.failures = 0
        else:
            self._count(remedy)
