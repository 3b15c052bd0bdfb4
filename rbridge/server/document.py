"""One open file as a state machine: events go in, commands come out; no I/O and no clock.

Two small machines rather than their product: the document's own state, whose transitions all stand in
``TRANSITIONS``, and whether its session is attached (``Document.attached``). An entry that is absent from the
table raises. The words are in :mod:`rbridge.server.events`; :mod:`rbridge.server.editing` carries them out.

A save has a serial number that counts up per document. One save is on its way at a time; one that comes
meanwhile waits, a newer one takes its place, and whoever waits for the older one gets the newer one's
outcome. A save states the digest of what it stands on, so that the host can tell whether it would overwrite
what nobody here has seen.
"""

from __future__ import annotations

from rbridge.adapters.base import Outcome, Result, State
from rbridge.server.events import (
    ABSENT,
    ANY,
    Alert,
    Answer,
    CloseHost,
    Command,
    Delivered,
    Drop,
    EditorClosed,
    EndEditor,
    Event,
    Failed,
    Fetch,
    HostChanged,
    HostClosed,
    HostGone,
    Keep,
    KeepTheirs,
    Lost,
    NotTaken,
    Opened,
    Refused,
    RefuseOpen,
    Replace,
    Resumed,
    Saved,
    SayOpened,
    Send,
    SetAside,
    Settle,
    Show,
    Taken,
    Unanswered,
)
from rbridge.server.readings import Readings
from rbridge.server.transitions import TRANSITIONS

NEXT_STEP = "'rbridge resolve' shows both texts and settles it"


class Document(Readings):
    """The machine; see :class:`~rbridge.server.readings.Readings` for what it is made with."""

    def handle(self, event: Event) -> list[Command]:
        """Take *event*, change state by the table, and return what is to be done, in order."""
        event = self._read(event)
        if self._stale(event):
            return []
        before = self.state
        kind = self._kind(event)
        self.state = TRANSITIONS[before][kind]
        if isinstance(event, Saved):
            commands = self._saved(event, before)
        elif isinstance(event, (Delivered, Refused, Unanswered)):
            commands = self._answered(event, before)
        elif isinstance(event, Resumed):
            commands = self._resumed(event, kind, before)
        elif isinstance(event, (HostChanged, HostGone, Taken, NotTaken)):
            commands = self._host_text(event, kind, before)
        elif isinstance(event, Settle):
            commands = self._settle(event)
        elif isinstance(event, Opened):
            commands = self._opened() if before is State.OPENING else []
        elif isinstance(event, Failed):
            refusal: list[Command] = [RefuseOpen("no-editor", event.message)] if self.attached else []
            commands = [*refusal, Alert(event.message)]
        elif isinstance(event, Lost):
            commands = self._lost(before)
        else:
            commands = self._closed(event, before)
        return commands + self._leave()

    # Saves

    def _saved(self, event: Saved, before: State) -> list[Command]:
        serial = event.serial
        self.yielding = False
        # an older one that was never sent is on no disk: an editor may save for days without a connection
        self.digests = {number: digest for number, digest in self.digests.items() if number <= self.sent}
        if event.digest:
            self.digests[serial] = event.digest
        if self.state is not State.SAVING:
            self.unsettled = serial
            alone = "no connection to the host: it is sent when that is back"
            why = "closed before it was saved" if before is State.CLOSED else alone
            fresh = before in (State.CLEAN, State.CLOSED)
            return [Keep(serial, Result.KEPT, f"{self.name}: {why}", alert=fresh)]
        if self.on_the_way is None:
            return [self._send(serial), Show(State.SAVING)]
        if self.waiting is not None:
            self.overtaken.append(self.waiting)
        self.waiting = serial
        return []

    def _send(self, serial: int) -> Send:
        self.on_the_way = serial
        self.sent = max(self.sent, serial)
        self.stood_on = self.base
        return Send(serial, self.base, self.over)

    def _answered(self, event: Delivered | Refused | Unanswered, before: State) -> list[Command]:
        if event.serial != self.on_the_way:
            return self._answered_late(event, before)
        if isinstance(event, Refused) and self._refusal(event) == "refused: ours":
            # The host wrote an earlier save of ours, whose answer was lost: this one stands on it.
            self.base = event.there
            return [self._send(event.serial)]
        self.on_the_way = None
        self._note(event)
        commands = self._outcome(event)
        if self.waiting is not None and self.state is not State.CLOSED:
            self.state = TRANSITIONS[self.state]["save"]
            serial, self.waiting = self.waiting, None
            commands.append(self._send(serial))
        else:
            commands.append(Show(self.state, "" if isinstance(event, Delivered) else self._reason(event)))
        return commands

    def _reason(self, event: Refused | Unanswered) -> str:
        """Why the host does not have a save, as far as is known."""
        if isinstance(event, Unanswered):
            return f"{self.name}: the host did not answer"
        return self._conflict() if self._refusal(event) == "refused: conflict" else event.message

    def _answered_late(self, event: Delivered | Refused | Unanswered, before: State) -> list[Command]:
        """To a save that was given up: its text is in the spool."""
        if before is State.SAVING:  # a newer save is on its way: its own answer decides
            self.state = State.SAVING
            return []
        self._note(event)
        if isinstance(event, Delivered):
            self.unsettled = None
            return [Drop(), Show(self.state)]
        return [Show(self.state, self._reason(event))]

    def _note(self, event: Delivered | Refused | Unanswered) -> None:
        """What an answer says of the host's file."""
        if isinstance(event, Delivered):
            self.theirs, self.over = None, ""
        elif isinstance(event, Refused) and self._refusal(event) == "refused: conflict":
            self.theirs, self.over = event.there, ""

    def _outcome(self, event: Delivered | Refused | Unanswered) -> list[Command]:
        serial = event.serial
        known = serial == self.unsettled  # sent again: its adapter had an answer, its text is in the spool
        overtaken = self._take_overtaken() if self.waiting is None else ()
        if isinstance(event, Delivered):
            had_spooled, self.unsettled = self.unsettled is not None, None
            done = Outcome(event.result)
            drop: list[Command] = [Drop()] if had_spooled else []
            answers = overtaken if known else (serial, *overtaken)
            return [*drop, *(Answer(number, done) for number in answers)]
        result = Result.REFUSED if isinstance(event, Refused) else Result.UNCERTAIN
        message = self._reason(event)
        if known:
            return [] if self.waiting is not None else [Alert(message)]
        if self.waiting is None:
            self.unsettled = serial
            return [Keep(serial, result, message, overtaken)]
        # A newer text waits to be sent, and it is the one to keep should it fail as well.
        return [Answer(serial, Outcome(result, message))]

    def _give_up(self, message: str) -> list[Command]:
        """Keep the newest text of those under way."""
        sent, newest = self.on_the_way, self.waiting
        overtaken = self._take_overtaken()
        self.on_the_way = self.waiting = None
        if sent == self.unsettled:
            sent = None  # in the spool already
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

    # The session

    def _opened(self) -> list[Command]:
        commands: list[Command] = [SayOpened()] if self.attached else []
        commands.append(Show(State.CLEAN, "" if self.attached else "not connected"))
        if self.theirs is not None and self.theirs != ABSENT:
            commands.append(self._replace(self.theirs))
        return commands

    def _lost(self, before: State) -> list[Command]:
        if not self.attached:
            return []
        self.attached = False
        if before is State.OPENING:
            return [] if self.link else [EndEditor()]
        if before is State.CLOSED:
            return []
        kept = self._give_up(f"{self.name}: the connection was lost") if before is State.SAVING else []
        return [*kept, Show(self.state, "not connected")]

    def _resumed(self, event: Resumed, kind: str, before: State) -> list[Command]:
        self.attached = True
        if before is State.CLOSED:
            return [CloseHost(self.unsaved)]
        opened = self.state is not State.OPENING and not self.editor_gone
        commands: list[Command] = [SayOpened()] if opened else []
        if kind == "resumed: delivered":
            assert self.unsettled is not None
            self._acknowledged(self.unsettled)
            self._acknowledged(event.newest)
            self.unsettled, self.theirs, self.over = None, None, ""
            commands += [Drop(), Show(self.state)]
            if event.present != self.base and not self.editor_gone:
                commands += self._differs(event.present)
        elif kind == "resumed: to send":
            assert self.unsettled is not None
            if self._ours(event.present):
                self.base = event.present
            commands += [self._send(self.unsettled), Show(State.SAVING)]
        elif kind == "resumed: conflict":
            self.theirs, self.over = event.present, ""
            commands += [Alert(self._conflict()), Show(self.state, self._conflict())]
        elif kind in ("resumed: changed", "resumed: gone"):
            if before is not State.OPENING:
                commands.append(Show(self.state))
            commands += self._differs(event.present)
        else:
            if kind == "resumed":
                self.theirs, self.over = None, ""
            else:
                self.theirs = event.present
            if before is not State.OPENING:
                commands.append(Show(self.state))
        return commands

    def _differs(self, present: str) -> list[Command]:
        """The host has another text than this one, which has nothing to deliver."""
        self.theirs = present
        return [Alert(f"{self.name}: the file is gone on the host")] if present == ABSENT else [Fetch()]

    # Texts of the host

    def _host_text(
        self, event: HostChanged | HostGone | Taken | NotTaken, kind: str, before: State
    ) -> list[Command]:
        if isinstance(event, (Taken, NotTaken)):
            self.replacing -= 1
        if before is State.CLOSED:
            return []
        if isinstance(event, Taken):
            old, self.base, self.over, self.yielding = self.base, event.digest, "", False
            self.digests.clear()
            back = self.theirs is None and self.attached and old != event.digest
            if self.theirs == event.digest:
                self.theirs = None
            # while it was put there, the host went back to what the editor had
            return [Show(self.state), *(self._differs(old) if back else [])]
        if isinstance(event, NotTaken):
            return self._not_taken(event.digest) if kind == "not taken" else []
        if isinstance(event, HostGone):
            if event.reason == "gone":
                self.theirs, self.over = ABSENT, ""
            return [Alert(event.message), Show(self.state, event.message)]
        return self._changed(event.digest, kind)

    def _not_taken(self, digest: str) -> list[Command]:
        self.yielding = False
        if self.state is not State.CONFLICT:  # a save is under way: the answer to it decides
            return []
        if (
            digest == self.base and self.unsettled is None
        ):  # the host went back to what the editor's text stands on
            self.state = State.CLEAN
            return [Show(State.CLEAN)]
        self.theirs = digest
        return [Alert(self._conflict()), Show(self.state, self._conflict())]

    def _changed(self, digest: str, kind: str) -> list[Command]:
        if kind == "changed: same":
            self.base, self.theirs, self.over = digest, None, ""
            return [Show(self.state)]
        if kind == "changed: delivered":
            assert self.unsettled is not None
            self._acknowledged(self.unsettled)
            self.unsettled, self.theirs, self.over = None, None, ""
            return [Drop(), Show(self.state)]
        if kind == "changed: back":
            assert self.unsettled is not None
            self.base, self.theirs, self.over = digest, None, ""
            return [self._send(self.unsettled), Show(State.SAVING)]
        known, self.theirs, self.held = self.theirs, digest, digest
        commands: list[Command] = [KeepTheirs(digest)]
        if kind == "changed: for later" or self.state is State.OPENING:
            return commands
        if self.state is State.CONFLICT and not self.yielding:
            self.over = ""
            if known != digest:
                commands.append(Alert(self._conflict()))
            return [*commands, Show(self.state, self._conflict())]
        return [*commands, self._replace(digest)]

    def _replace(self, digest: str) -> Replace:
        self.replacing += 1
        return Replace(digest)

    def _conflict(self) -> str:
        what = "is gone on the host" if self.theirs == ABSENT else "was changed on the host meanwhile"
        return f"{self.name}: the file {what}, and nothing was overwritten; {NEXT_STEP}"

    def _settle(self, event: Settle) -> list[Command]:
        theirs = self.theirs or ""
        if event.choose == "over":
            self.over = theirs or ANY
            return []
        if event.choose == "mine":
            self.over = theirs or ANY
            if self.state is State.SAVING:
                assert self.unsettled is not None
                return [self._send(self.unsettled), Show(State.SAVING)]
            when = "it is sent when the host is back" if self.unsettled is not None else "save it once more"
            return [Show(self.state, f"{self.name}: your text goes over the host's: {when}")]
        commands: list[Command] = []
        if self.unsettled is not None:
            commands.append(SetAside(self.unsettled))
            self.unsettled = None
            self.digests.clear()
        self.over = ""
        if theirs == ABSENT:
            self.state = State.CLEAN
            return [*commands, Show(State.CLEAN, f"{self.name}: the file is gone on the host")]
        self.yielding = True
        if theirs and theirs == self.held:
            return [*commands, self._replace(theirs)]
        return [*commands, Fetch()] if self.attached else commands

    # The end

    def _closed(self, event: Event, before: State) -> list[Command]:
        if isinstance(event, EditorClosed):
            self.editor_gone = True
            if self.state is not State.CLOSED:
                return []
        if before is State.CLOSED:
            return []
        commands: list[Command] = []
        if before is State.SAVING:
            commands += self._give_up(f"{self.name}: closed before the save was answered")
        if not isinstance(event, EditorClosed):
            commands.append(EndEditor())
        if self.attached and not isinstance(event, HostClosed):
            commands.append(CloseHost(self.unsaved))
        return commands

    def _leave(self) -> list[Command]:
        """Without an editor the document ends as soon as its text is delivered, or cannot be."""
        if not self.editor_gone or self._under_way() or self.state is State.CLOSED:
            return []
        self.state = TRANSITIONS[self.state]["nothing under way"]
        return [CloseHost(self.unsaved)] if self.attached else []
