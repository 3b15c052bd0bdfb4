"""What happens to a host's tunnel, and what is then to be done: the words between :mod:`rbridge.ssh.tunnel`,
which decides, and :mod:`rbridge.ssh.keeper`, which carries out.

A *turn* numbers what the tunnel has begun: a login, a raise, a probe, a wait. An answer carries the turn of
its question, and one of an earlier turn comes too late to matter.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from rbridge.errors import NotListening
from rbridge.ssh.reasons import Reason


class State(enum.Enum):
    """How the tunnel to one host stands."""

    DOWN = "down"
    """No tunnel; another try follows by itself, if one was ever wanted."""
    CONNECTING = "connecting"
    UP = "up"
    SUSPECT = "suspect"
    """It was up, and something says that the host may be out of reach."""
    NEEDS_YOU = "needs-you"
    """Nothing more is tried until the user comes with a login of his own."""
    ENDED = "ended"
    """Disconnected for good; the next connect begins with another tunnel."""


@dataclass(frozen=True)
class Carrier:
    """A living ssh master: its *control* socket, the *pid* of its process, and whether it is our *own*.

    One that is not is the user's: his shells run over it, and it is given back, never ended. Two are the same
    if their process is.
    """

    control: str = field(compare=False)
    pid: int
    own: bool = field(compare=False)


class Way(enum.Enum):
    """What the tunnel goes through."""

    FORWARD = "forward"
    STDIO = "stdio"
    """An agent on the host, since its sshd refuses to forward the socket."""


class Failed(NotListening):
    """A login, or raising the tunnel, failed for *reason*."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.said, reason.hint)
        self.reason = reason


# What happens


@dataclass(frozen=True)
class Asked:
    """The user made a master in his terminal, or one of his own lives: the tunnel is to go over it."""

    carrier: Carrier


@dataclass(frozen=True)
class Wanted:
    """The tunnel is wanted without a master: it is in the configuration, or someone will not wait longer."""


@dataclass(frozen=True)
class LoggedIn:
    """The unattended login went well."""

    turn: int
    carrier: Carrier


@dataclass(frozen=True)
class LoginFailed:
    turn: int
    reason: Reason


@dataclass(frozen=True)
class Raised:
    """Visit and forward are done, or the agent listens in place of a forward."""

    turn: int
    way: Way = Way.FORWARD


@dataclass(frozen=True)
class RaiseFailed:
    """There is a login, but no tunnel over it."""

    turn: int
    reason: Reason


@dataclass(frozen=True)
class MasterGone:
    """The master's process has ended; the tunnel over it was up for *lasted* seconds, 0 if it never was."""

    carrier: Carrier
    lasted: float = 0.0


@dataclass(frozen=True)
class AgentGone:
    """The agent of a tunnel over stdio has ended, after *lasted* seconds, and its master lives."""

    carrier: Carrier
    reason: Reason
    lasted: float = 0.0


@dataclass(frozen=True)
class Silent:
    """A link over the tunnel timed out."""


@dataclass(frozen=True)
class Answered:
    """The host answered a probe over the master."""

    turn: int


@dataclass(frozen=True)
class ProbeFailed:
    """The probe could not even be asked, or was refused on the way."""

    turn: int


@dataclass(frozen=True)
class NetworkBack:
    """The laptop got an address or a route that it did not have."""


@dataclass(frozen=True)
class Woke:
    """The laptop slept, and woke up."""


@dataclass(frozen=True)
class Due:
    """The wait is over; *back* if the host was seen out of reach meanwhile, and now it is not."""

    turn: int
    back: bool = False


@dataclass(frozen=True)
class Disconnect:
    """The user, or the daemon's end, wants the tunnel no more."""


Event = (
    Asked
    | Wanted
    | LoggedIn
    | LoginFailed
    | Raised
    | RaiseFailed
    | MasterGone
    | AgentGone
    | Silent
    | Answered
    | ProbeFailed
    | NetworkBack
    | Woke
    | Due
    | Disconnect
)

# What is to be done


@dataclass(frozen=True)
class LogIn:
    """Log in unattended; ends in LoggedIn or LoginFailed."""

    turn: int


@dataclass(frozen=True)
class Watch:
    """Watch the process of *carrier*; ends in MasterGone. Whatever was watched before is so no more."""

    carrier: Carrier


@dataclass(frozen=True)
class Carry:
    """Carry what comes through the agent on the host; ends in AgentGone, or when the tunnel is not up."""

    carrier: Carrier


@dataclass(frozen=True)
class Raise:
    """Visit the host over *carrier* and forward the socket; ends in Raised or RaiseFailed."""

    turn: int
    carrier: Carrier


@dataclass(frozen=True)
class Probe:
    """Ask the host for a sign of life over *carrier*, however long that takes: Answered or ProbeFailed."""

    turn: int
    carrier: Carrier


@dataclass(frozen=True)
class KillMaster:
    """Part from our own master, which does not answer; the next login waits until that is done.

    Shells of the user may run over it, and its connection may come back for them.
    """

    carrier: Carrier


@dataclass(frozen=True)
class Leave:
    """Give the master back, or end ours; the next login waits until that is done."""

    carrier: Carrier


@dataclass(frozen=True)
class WaitFor:
    """Wait *seconds*, and then, with *reach*, until a login is worth trying; ends in Due."""

    turn: int
    seconds: float
    reach: bool


@dataclass(frozen=True)
class Tell:
    """The state is another one, or the reason for it is."""

    state: State
    reason: Reason | None = None


Command = LogIn | Watch | Carry | Raise | Probe | KillMaster | Leave | WaitFor | Tell
