"""How a document reads what happens to it: digests tell a foreign text from one of its own.

Nothing is decided here but what an event *is*, a kind by which :mod:`rbridge.server.transitions` is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rbridge.adapters.base import State
from rbridge.server.events import (
    ABSENT,
    ANY,
    Delivered,
    EditorClosed,
    Event,
    Failed,
    HostChanged,
    HostClosed,
    HostGone,
    Lost,
    NotTaken,
    Opened,
    Refused,
    Resumed,
    Saved,
    Settle,
    Stopping,
    Taken,
    Unanswered,
)

_SIMPLE = {
    Opened: "opened",
    Failed: "failed",
    Delivered: "delivered",
    Unanswered: "unanswered",
    Taken: "taken",
    NotTaken: "not taken",
    HostClosed: "host closed",
    Stopping: "daemon stops",
}


@dataclass
class Readings:
    """What a document knows: its own standing, and what the host has, as far as it said.

    *name* is what messages call it, as in ``train.py on gpu1``; *link*: its peer answers saves; *base*: the
    digest of what the host last sent or acknowledged.
    """

    name: str
    link: bool
    base: str = ""
    state: State = State.OPENING
    attached: bool = True
    on_the_way: int | None = None
    waiting: int | None = None
    unsettled: int | None = None
    """The newest save that the host has not acknowledged and that lies in the spool."""
    theirs: str | None = None
    """What the host has in place of the base, as far as it said; None where it has the base."""
    over: str = ""
    """What the user said may be overwritten."""
    editor_gone: bool = False
    left_behind: bool = False
    """Whether the editor wrote a text that it never handed over."""
    overtaken: list[int] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    """Of the saves that the host has not acknowledged and may have written, and of the newest."""
    sent: int = 0
    """The newest save that may have left the laptop."""
    stood_on: str = ""
    """The base that the save on its way was sent with."""
    replacing: int = 0
    """How many Replace are still to be answered."""
    held: str = ""
    """The text of the host that lies here, to be shown and chosen."""
    yielding: bool = False
    """Whether the user chose the host's text and the editor does not have it yet."""

    @property
    def disputed(self) -> bool:
        """Whether there is something to settle."""
        return self.state is State.CONFLICT or (self.state is State.CLEAN and self.theirs == ABSENT)

    @property
    def unsaved(self) -> bool:
        """Whether a text of this document is on the laptop only."""
        return self.left_behind or self.unsettled is not None

    def _read(self, event: Event) -> Event:
        """*event*, once it is seen in the light of the digests."""
        if isinstance(event, Delivered):
            self._acknowledged(event.serial)
        if isinstance(event, Refused) and event.there and event.there == self.digests.get(event.serial):
            self._acknowledged(event.serial)
            return Delivered(event.serial)  # equal content is never a conflict
        return event

    def _acknowledged(self, serial: int) -> None:
        """The host had save *serial* on its disk: what comes next stands on it."""
        if serial in self.digests:
            self.base = self.digests[serial]
        self.digests = {number: digest for number, digest in self.digests.items() if number > serial}

    def _stale(self, event: Event) -> bool:
        """Whether *event* answers a save that nobody waits for any more."""
        if not isinstance(event, (Delivered, Refused, Unanswered)):
            return False
        if isinstance(event, Unanswered):
            return event.serial != self.on_the_way
        return event.serial not in (self.on_the_way, self.unsettled)

    def _kind(self, event: Event) -> str:
        """What the table calls *event*."""
        if isinstance(event, Saved):
            return "save" if self.attached and self.state is not State.CLOSED else "save while detached"
        if isinstance(event, Refused):
            return self._refusal(event)
        if isinstance(event, Resumed):
            return self._resumption(event)
        if isinstance(event, HostChanged):
            return self._change(event.digest)
        if isinstance(event, HostGone):
            gone = event.reason == "gone" and self.unsettled is not None
            return "gone: conflict" if gone else "gone"
        if isinstance(event, Settle):
            if event.choose == "over":
                return "settled: mine, later"
            pending = self.unsettled is not None
            if event.choose != "mine":
                return "settled: theirs"
            return "settled: mine" if pending and self.attached else "settled: mine, later"
        if isinstance(event, Lost):
            return "lost" if self.link else "lost for good"
        if isinstance(event, NotTaken):
            follows = self.replacing > 1 and self.unsettled is None
            overtaken = event.digest != self.theirs  # the host has something else by now
            return "not taken: a newer one follows" if follows or overtaken else "not taken"
        if isinstance(event, EditorClosed):
            return "editor closed, text under way" if self._under_way() else "editor closed"
        return _SIMPLE[type(event)]

    def _refusal(self, event: Refused) -> str:
        there = event.there
        if event.serial == self.on_the_way and there and there != self.stood_on and self._ours(there):
            return "refused: ours"
        if event.reason == "conflict" or (event.reason == "gone" and there == ABSENT):
            return "refused: conflict"
        return "refused"

    def _ours(self, digest: str) -> bool:
        """Whether the host may have *digest* from us, or the user said that it may go."""
        return digest == self.base or digest in self.digests.values()

    def _may_go(self, digest: str) -> bool:
        """Whether the user said that *digest* may be overwritten."""
        return bool(self.over) and self.over in (digest, ANY)

    def _resumption(self, event: Resumed) -> str:
        present, pending = event.present, self.unsettled
        if pending is not None:
            if pending <= event.newest or present == self.digests.get(pending):
                return "resumed: delivered"
            self._acknowledged(event.newest)
            if self._ours(present) or self._may_go(present):
                return "resumed: to send"
            return "resumed: conflict"
        self._acknowledged(event.newest)
        settled = not self.replacing and not self.yielding
        if (present == self.base and settled) or self.state is State.CLOSED:
            return "resumed"
        if self._may_go(present):
            return "resumed: decided"
        return "resumed: gone" if present == ABSENT else "resumed: changed"

    def _change(self, digest: str) -> str:
        if self.state is State.SAVING or (self.unsettled is None and self._may_go(digest)):
            return "changed: for later"  # the answer to the save decides, or the user has
        if self.unsettled is None:
            stays = digest == self.base and not self.replacing and not self.yielding
            return "changed: same" if stays else "changed"
        if digest == self.digests.get(self.unsettled):
            return "changed: delivered"
        if self._ours(digest):
            return "changed: back" if self.state is State.CONFLICT else "changed: same"
        return "changed: conflict"

    def _under_way(self) -> bool:
        """Whether a text is still to reach the host, and may."""
        if not self.link or self.state in (State.OPENING, State.CLOSED):
            return False
        return self.state is State.SAVING or (not self.attached and self.unsettled is not None)
