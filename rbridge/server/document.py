"""One open file as a state machine: events go in, commands come out; no I/O and no clock.

Two small machines rather than their product: the document's own state, whose transitions all stand in
``TRANSITIONS``, and whether its session is attached (``Document.attached``). An entry that is absent from the
table raises. :mod:`rbridge.server.editing` carries the commands out.

A save has a serial number that counts up per document. One save is on its way at a time; one that comes
meanwhile waits, a newer one takes its place, and whoever waits for the older one gets the newer one's
outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rbridge.adapters.base import Outcome, Result, State


@dataclass(frozen=True)
class Opened:
    """The editor has the text."""


@dataclass(frozen=True)
class Failed:
    """The editor could not be started."""

    message: str


@dataclass(frozen=True)
class Saved:
    """The editor saved: *serial* is the number of this save."""

    serial: int


@dataclass(frozen=True)
class Delivered:
    """The host has save *serial*: on disk where *result* is SAVED, handed over where it is SENT."""

    serial: int
    result: Result = Result.SAVED


@dataclass(frozen=True)
class Refused:
    """The host kept its old bytes: *reason* is a word of the protocol, *message* a clean line."""

    serial: int
    reason: str
    message: str


@dataclass(frozen=True)
class Unanswered:
    """Save *serial* was sent, and no answer came in time."""

    serial: int


@dataclass(frozen=True)
class Lost:
    """The connection to the host ended without a word."""


@dataclass(frozen=True)
class HostClosed:
    """The host closed the document."""


@dataclass(frozen=True)
class EditorClosed:
    """The editor closed the document; every save it made was answered."""


@dataclass(frozen=True)
class Stopping:
    """The daemon ends."""


Event = (
    Opened | Failed | Saved | Delivered | Refused | Unanswered | Lost | HostClosed | EditorClosed | Stopping
)


@dataclass(frozen=True)
class Send:
    """Send save *serial* to the host."""

    serial: int


@dataclass(frozen=True)
class Keep:
    """Put save *serial* into the spool, then answer it, and *overtaken*, with *result* and *message*."""

    serial: int
    result: Result
    message: str
    overtaken: tuple[int, ...] = ()
    alert: bool = True


@dataclass(frozen=True)
class Drop:
    """What the spool has of this document is on the host now."""


@dataclass(frozen=True)
class Answer:
    """Tell the adapter, which waits for save *serial*, what became of it."""

    serial: int
    outcome: Outcome


@dataclass(frozen=True)
class Show:
    """Show *state* in the editor."""

    state: State
    message: str = ""


@dataclass(frozen=True)
class EndEditor:
    """Ask the adapter to close the text."""


@dataclass(frozen=True)
class Alert:
    """Tell the user on the laptop."""

    message: str


@dataclass(frozen=True)
class RefuseOpen:
    """Tell the host that the file cannot be opened."""

    reason: str
    message: str


@dataclass(frozen=True)
class CloseHost:
    """Tell the host that the document is closed; *unsaved*: a text of it stays on the laptop."""

    unsaved: bool = False


Command = Send | Keep | Drop | Answer | Show | EndEditor | Alert | RefuseOpen | CloseHost

# What the table calls the events; the three kinds of Saved and Refused are told apart before it is read.
SEND, KEEP, CONFLICT = "save", "save while detached", "refused: conflict"

_CLOSES = {
    "host closed": State.CLOSED,
    "editor closed": State.CLOSED,
    "daemon stops": State.CLOSED,
}
_ANSWERS = {
    "delivered": State.CLEAN,
    "refused": State.DIRTY,
    CONFLICT: State.CONFLICT,
}

TRANSITIONS: dict[State, dict[str, State]] = {
    State.OPENING: {
        "opened": State.CLEAN,
        "failed": State.CLOSED,
        "lost": State.CLOSED,
        **_CLOSES,
    },
    State.CLEAN: {
        "opened": State.CLEAN,
        SEND: State.SAVING,
        KEEP: State.DIRTY,
        "lost": State.CLEAN,
        **_CLOSES,
    },
    State.SAVING: {
        SEND: State.SAVING,
        **_ANSWERS,
        "unanswered": State.DIRTY,
        "lost": State.DIRTY,
        **_CLOSES,
    },
    # An answer in DIRTY and CONFLICT is a late one, to a save that was given up as unanswered.
    State.DIRTY: {
        SEND: State.SAVING,
        KEEP: State.DIRTY,
        **_ANSWERS,
        "lost": State.DIRTY,
        **_CLOSES,
    },
    State.CONFLICT: {
        SEND: State.SAVING,
        KEEP: State.CONFLICT,
        "delivered": State.CLEAN,
        "refused": State.CONFLICT,
        CONFLICT: State.CONFLICT,
        "lost": State.CONFLICT,
        **_CLOSES,
    },
    State.CLOSED: {
        KEEP: State.CLOSED,
        **dict.fromkeys(_ANSWERS, State.CLOSED),
        "opened": State.CLOSED,
        "failed": State.CLOSED,
        "lost": State.CLOSED,
        **_CLOSES,
    },
}

_KINDS = {
    Opened: "opened",
    Failed: "failed",
    Delivered: "delivered",
    Unanswered: "unanswered",
    Lost: "lost",
    HostClosed: "host closed",
    EditorClosed: "editor closed",
    Stopping: "daemon stops",
}


@dataclass
class Document:
    """*name* is what messages call it, as in ``train.py on gpu1``; *link*: its peer answers saves."""

    name: str
    link: bool
    state: State = State.OPENING
    attached: bool = True
    on_the_way: int | None = None
    waiting: int | None = None
    unsettled: int | None = None
    """The newest save that the host has not acknowledged and that lies in the spool."""
    left_behind: bool = False
    """Whether the editor wrote a text that it never handed over."""
    overtaken: list[int] = field(default_factory=list)

    def handle(self, event: Event) -> list[Command]:
        """Take *event*, change state by the table, and return what is to be done, in order."""
        before = self.state
        kind = self._kind(event)
        if self._stale(event):
            return []
        self.state = TRANSITIONS[before][kind]
        if isinstance(event, Saved):
            return self._saved(event.serial, before)
        if isinstance(event, (Delivered, Refused, Unanswered)):
            return self._answered(event, before)
        if isinstance(event, Opened):
            return [Show(State.CLEAN)] if before is State.OPENING else []
        if isinstance(event, Failed):
            return [RefuseOpen("no-editor", event.message), Alert(event.message)] if self.attached else []
        if isinstance(event, Lost):
            return self._lost(before)
        return self._closed(event, before)

    def _kind(self, event: Event) -> str:
        if isinstance(event, Saved):
            return SEND if self.attached and self.state is not State.CLOSED else KEEP
        if isinstance(event, Refused):
            return CONFLICT if event.reason == "conflict" else "refused"
        return _KINDS[type(event)]

    def _stale(self, event: Event) -> bool:
        """Whether *event* answers a save that nobody waits for any more."""
        if not isinstance(event, (Delivered, Refused, Unanswered)):
            return False
        if isinstance(event, Unanswered):
            return event.serial != self.on_the_way
        return event.serial not in (self.on_the_way, self.unsettled)

    def _saved(self, serial: int, before: State) -> list[Command]:
        if self.state is not State.SAVING:
            self.unsettled = serial
            why = "closed before it was saved" if before is State.CLOSED else "no connection to the host"
            fresh = before in (State.CLEAN, State.CLOSED)
            return [Keep(serial, Result.KEPT, f"{self.name}: {why}", alert=fresh)]
        if self.on_the_way is None:
            self.on_the_way = serial
            return [Send(serial), Show(State.SAVING)]
        if self.waiting is not None:
            self.overtaken.append(self.waiting)
        self.waiting = serial
        return []

    def _answered(self, event: Delivered | Refused | Unanswered, before: State) -> list[Command]:
        if event.serial == self.on_the_way:
            self.on_the_way = None
            commands = self._outcome(event)
        elif isinstance(event, Delivered):  # late, and good news
            if before is State.SAVING:  # a newer save is on its way: its own answer decides
                self.state = State.SAVING
                return []
            self.unsettled = None
            return [Drop(), Show(self.state)]
        else:  # late: the text is in the spool already
            if before is State.SAVING:
                self.state = State.SAVING
                return []
            return [Show(self.state, event.message if isinstance(event, Refused) else "")]
        if self.waiting is not None and self.state is not State.CLOSED:
            self.state = TRANSITIONS[self.state][SEND]
            self.on_the_way, self.waiting = self.waiting, None
            commands.append(Send(self.on_the_way))
        else:
            commands.append(Show(self.state))
        return commands

    def _outcome(self, event: Delivered | Refused | Unanswered) -> list[Command]:
        serial = event.serial
        overtaken = self._take_overtaken() if self.waiting is None else ()
        if isinstance(event, Delivered):
            had_spooled, self.unsettled = self.unsettled is not None, None
            done = Outcome(event.result)
            drop: list[Command] = [Drop()] if had_spooled else []
            return [*drop, *(Answer(number, done) for number in (serial, *overtaken))]
        if self.waiting is None:
            self.unsettled = serial
            if isinstance(event, Refused):
                return [Keep(serial, Result.REFUSED, event.message, overtaken)]
            return [Keep(serial, Result.UNCERTAIN, f"{self.name}: the host did not answer", overtaken)]
        # A newer text waits to be sent, and it is the one to keep should it fail as well.
        if isinstance(event, Refused):
            return [Answer(serial, Outcome(Result.REFUSED, event.message))]
        return [Answer(serial, Outcome(Result.UNCERTAIN, f"{self.name}: the host did not answer"))]

    def _lost(self, before: State) -> list[Command]:
        if not self.attached:
            return []
        self.attached = False
        if before is State.OPENING:
            return [EndEditor()]
        if before is State.SAVING:
            return [
                *self._give_up(f"{self.name}: the connection was lost"),
                Show(self.state, "not connected"),
            ]
        return [] if before is State.CLOSED else [Show(self.state, "not connected")]

    def _closed(self, event: Event, before: State) -> list[Command]:
        if before is State.CLOSED:
            return []
        commands: list[Command] = []
        if before is State.SAVING:
            commands += self._give_up(f"{self.name}: closed before the save was answered")
        if not isinstance(event, EditorClosed):
            commands.append(EndEditor())
        if self.attached and not isinstance(event, HostClosed):
            commands.append(CloseHost(self.left_behind or self.unsettled is not None))
        return commands

    def _give_up(self, message: str) -> list[Command]:
        """Keep the newest text of those under way."""
        sent, newest = self.on_the_way, self.waiting
        overtaken = self._take_overtaken()
        self.on_the_way = self.waiting = None
        if newest is not None:
            older = overtaken if sent is None else (sent, *overtaken)
            self.unsettled = newest
            return [Keep(newest, Result.KEPT, message, older)]
        if sent is None:
            return []
        self.unsettled = sent
        return [Keep(sent, Result.UNCERTAIN if self.link else Result.KEPT, message, overtaken)]

    def _take_overtaken(self) -> tuple[int, ...]:
        taken, self.overtaken = tuple(self.overtaken), []
        return taken
