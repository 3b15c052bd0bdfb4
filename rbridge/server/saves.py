"""The texts that left the editor of one document, and those of them that the spool has.

Each is held by a descriptor for as long as somebody waits for its answer or it may have to be sent again.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field

import trio

from rbridge.adapters.base import Outcome, Result, Text
from rbridge.errors import RbridgeError
from rbridge.server.line import Line
from rbridge.server.spool import REPLACED, Spool, refusal

NOT_KEPT = "the text is NOT kept (spool = false): save it elsewhere before you close the editor"


@dataclass
class Save:
    """*fd* is the text, *digest* its sha256, empty until it is known; *settled*: the adapter was answered;
    *kept*: it was put into the spool.
    """

    serial: int
    fd: int
    digest: str = ""
    settled: trio.Event = field(default_factory=trio.Event)
    outcome: Outcome = field(default=Outcome(Result.KEPT))
    kept: bool = False


class Saves:
    """The saves of *text*, which its host knows by *line*; without *spool* none of them is kept."""

    def __init__(self, text: Text, line: Line, spool: Spool | None) -> None:
        self.newest = 0
        """The number of the newest save."""
        self.kept = ""
        """The digest of the text in the spool."""
        self._text = text
        self._line = line
        self._spool = spool
        self._held: dict[int, Save] = {}
        self._aside: list[tuple[int, str, str]] = []

    def begin(self, fd: int) -> Save:
        """The text at *fd*, which is ours now, is the next save."""
        self.newest += 1
        return self.add(Save(self.newest, fd))

    def add(self, save: Save) -> Save:
        self.newest = max(self.newest, save.serial)
        self._held[save.serial] = save
        return save

    def get(self, serial: int | None) -> Save | None:
        return self._held.get(serial) if serial is not None else None

    @property
    def unanswered(self) -> list[Save]:
        """Those that an adapter waits for, oldest first."""
        return [save for save in self._held.values() if not save.settled.is_set()]

    def settle(self, serial: int, outcome: Outcome) -> bool:
        """Answer the adapter; whether it still waited."""
        save = self._held.get(serial)
        if save is None or save.settled.is_set():
            return False
        save.outcome = outcome
        save.settled.set()
        return True

    def prune(self, needed: tuple[int | None, ...]) -> None:
        """Let go of all that are answered, save those that are *needed*."""
        for serial, save in list(self._held.items()):
            if save.settled.is_set() and serial not in needed:
                del self._held[serial]
                os.close(save.fd)

    # The spool

    def keep(self, save: Save, why: str, base: str) -> str:
        """Copy *save* to the spool; returns what to tell the user about where the text is."""
        if self._spool is None:
            return NOT_KEPT
        try:
            kept = self._spool.keep(
                self._text.id,
                save.fd,
                self._text.file.name,
                host=self._text.host,
                path=self._text.path,
                shown=self._text.name,
                why=why,
                base=base,
                session=self._line.client.secret,
                token=self._line.token if self._line.client.secret else "",
                serial=save.serial,
                identity=self._line.client.identity,
            )
        except RbridgeError as error:
            return refusal(error)
        save.kept = True
        self.kept = kept.about.sha256
        return f"the text is kept at {kept.file}"

    def is_lacking(self, serial: int | None) -> bool:
        """Whether save *serial* could not be put into the spool, though there is one."""
        save = self.get(serial)
        return save is not None and not save.kept and self._spool is not None

    def keep_again(self, serial: int | None, base: str) -> str:
        """Try it once more with save *serial*: there may be room by now. Empty where there is no need."""
        save = self.get(serial)
        if save is None or not self.is_lacking(serial):
            return ""
        return self.keep(save, Result.KEPT.value, base)

    def drop(self) -> None:
        """The host has what the spool has of this document."""
        if self._spool is not None:
            self._spool.drop(self._text.id)

    def put_aside(self, fd: int, why: str, base: str) -> None:
        """The text at *fd*, ours now, is to be kept for the user alone, at the next :meth:`keep_aside`."""
        self._aside.append((fd, why, base))

    def keep_aside(self) -> list[str]:
        """Copy what was put aside to the spool, beside what is there and never to be delivered by itself.

        Returns what to tell the user, for each text.
        """
        told = []
        while self._aside:
            fd, why, base = self._aside.pop()
            try:
                told.append(self._keep_aside(fd, why, base))
            finally:
                os.close(fd)
        return told

    def _keep_aside(self, fd: int, why: str, base: str) -> str:
        if self._spool is None:
            return NOT_KEPT
        text = self._text
        try:
            kept = self._spool.keep(
                secrets.token_hex(12),
                fd,
                text.file.name,
                host=text.host,
                path=text.path,
                shown=text.name,
                why=why,
                base=base,
                identity=self._line.client.identity,
            )
            if why == REPLACED:
                self._spool.drop(text.id)
        except RbridgeError as error:
            return refusal(error)
        return f"the text is kept at {kept.file}"

    def close(self, base: str, unsettled: int | None = None) -> list[Outcome]:
        """The document is over: what nobody answered goes to the spool, and save *unsettled*, which the host
        does not have, if it is not there. Returns the outcomes to log.
        """
        again = self.keep_again(unsettled, base)
        outcomes = [Outcome(Result.KEPT, again)] if again else []
        for save in self.unanswered:
            newest = save.serial == self.newest and save.serial != unsettled
            where = self.keep(save, Result.KEPT.value, base) if newest else ""
            outcomes.append(Outcome(Result.KEPT, where))
            self.settle(save.serial, outcomes[-1])
        self.prune(())
        self.keep_aside()
        return outcomes
