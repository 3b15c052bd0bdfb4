"""Carries what an editor writes to its file over to the desk.

One look at a time: while a save is under way the editor may write again as often as it likes, and then one
more save follows with the newest bytes. Bytes that the host has already are not sent again.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters import snapshot
from rbridge.adapters.base import Desk, Outcome, Pane, Result, State, Text
from rbridge.adapters.snapshot import Snapshot
from rbridge.adapters.watch import Watch
from rbridge.errors import clean

RETURN = 1.0  # seconds that a vanished file has to come back: editors replace it in two steps
QUIET = 0.1  # seconds without a change after which an inexact watch counts a write as complete
HASHED = 64 << 20  # bytes up to which a text is hashed before its editor starts: 1 GiB takes 0.8 s
ATTEMPTS = 20  # copies of a file that keeps changing, at most QUIET apart, before we say so


class Courier(Pane):
    """What is delivered between one file and one desk. It is also the text's Pane.

    *editor* is the editor's name in messages, *private* a directory of ours on the same file system as the
    text. Call :meth:`start` before the editor runs, or :meth:`go_on_from` where it does already. *trace* is
    what finds the editor again from another process, known once it runs.
    """

    def __init__(self, text: Text, desk: Desk, watch: Watch, private: Path, editor: str) -> None:
        self.trace: Mapping[str, Any] = {}
        self.shows_again: Callable[[int, int], Awaitable[None]] | None = None
        """Has the editor come to the front, at a line and a column."""
        self.text = text
        self._desk = desk
        self._watch = watch
        self._private = private
        self._editor = editor
        self._serial = itertools.count(1)
        self._known = ""  # digest of what the host has
        self._laid: tuple[int, ...] = ()  # how a text too large to be hashed was written, as it was laid
        self._offered: Snapshot | None = None  # what the desk got last, whatever became of it
        self._asked = False  # the desk has it still
        self._ended = False
        self._complaint = ""
        self._refused = ""

    @property
    def where(self) -> str:
        """``train.py on gpu1``"""
        return f"{self.text.name} on {self.text.host}"

    @property
    def editor(self) -> str:
        return self._editor

    @property
    def touched(self) -> bool:
        """Did the editor do anything to the file, whatever became of it?"""
        return self._offered is not None or bool(self._complaint)

    async def start(self) -> None:
        """Note what the text is before anybody can change it."""
        if self.text.read_only:
            os.chmod(self.text.file, 0o400)
        if self.text.file.stat().st_size > HASHED:
            self._laid = snapshot.written_of(self.text.file)
            await trio.lowlevel.checkpoint()
        else:
            self._known = await trio.to_thread.run_sync(snapshot.digest_of, self.text.file)

    def go_on_from(self, resume: Mapping[str, Any]) -> None:
        """Another process noted what the text is, and left *resume*: what is there now may be a save."""
        self._known = str(resume.get("known", ""))
        self._laid = tuple(resume.get("laid", ()))
        for copy in [*self._private.glob("save-*"), *self._private.glob("new-*")]:
            copy.unlink()  # it was killed in the middle of one, and ours begin with the same names
        self._watch.notice(written=True, reshaped=True)

    @property
    def resume(self) -> Mapping[str, Any]:
        if not self.trace:
            return {}
        return {**self.trace, "editor": self._editor, "laid": list(self._laid)}

    def end(self) -> None:
        """The editor is gone: :meth:`run` takes a last look and returns."""
        self._ended = True
        self._watch.notice(written=True, reshaped=True)

    async def run(self) -> None:
        """Deliver every write until :meth:`end` is called and all is delivered."""
        while True:
            await self._watch.changed()
            last = self._ended
            written, _reshaped = self._watch.take()
            if written or last:
                await self._deliver(last)
            else:
                await self._check()
            if last:
                return

    async def go_on(self) -> None:
        """Deliver for ever: the editor's end, which was seen, means nothing."""
        self._ended = False
        await self.run()

    async def replace(self, new: Path) -> bool:
        """Put *new* in place of the text by a rename.

        Every editor that was tried notices that as it notices a write in place, and none can read half of it.
        """
        try:
            return await trio.to_thread.run_sync(self._replace, new)
        except OSError as error:
            self._complain(
                f"cannot show the host's new text of {self.where} in {self._editor}: {error.strerror}"
            )
            return False

    async def show(self, state: State, message: str = "") -> None:
        """A window of somebody else's has no place for a state; only a conflict is told."""
        if state is State.CONFLICT:
            self._known = ""  # saving the old text again is a save too now
            if message:
                self._tell(message)

    async def reveal(self, line: int = 0, column: int = 0) -> None:
        if self.shows_again is not None and not self._ended:
            await self.shows_again(line, column)

    def _replace(self, new: Path) -> bool:
        mine = self._private / f"new-{next(self._serial)}"
        try:
            shutil.copyfile(new, mine)
            digest = snapshot.digest_of(mine)
            seen = {self._known, self._offered.digest if self._offered else ""}
            if snapshot.look(self.text.file) or not (
                snapshot.written_of(self.text.file) == self._laid
                or snapshot.digest_of(self.text.file) in seen
            ):
                return False
            if self._asked:  # a save is under way: its answer says what the host has
                return False
            mode = stat.S_IMODE(os.lstat(self.text.file).st_mode)
            os.chmod(mine, 0o400 if self.text.read_only else mode)
            self._known = digest
            # RACE: a write of the editor between the comparison and the rename is lost from this file; the
            # editor still shows it, and warns that the file changed under it when it is saved next.
            os.replace(mine, self.text.file)
        finally:
            mine.unlink(missing_ok=True)
        return True

    async def _deliver(self, last: bool) -> None:
        taken = await self._settled(last)
        if taken is None:
            return
        try:
            if self._is_news(taken):
                await self._save(taken)
        finally:
            taken.file.unlink(missing_ok=True)

    def _is_news(self, taken: Snapshot) -> bool:
        if taken.digest == self._known or taken.written == self._laid:
            return False
        offered = self._offered
        return offered is None or (offered.digest, offered.written) != (taken.digest, taken.written)

    async def _save(self, taken: Snapshot) -> None:
        self._offered = taken
        self._complaint = ""
        if self.text.read_only:
            self._tell(
                f"{self.where} is read-only: what {self._editor} saved was not sent; "
                "the host's file is intact"
            )
            return
        self._asked, known = True, self._known
        try:
            outcome = await self._desk.save(taken.file, taken.digest)
        finally:
            self._asked = False
        if (outcome.delivered or outcome.result is Result.KEPT) and self._known == known:
            self._known = taken.digest  # else the host's text is in the file by now
        if outcome.delivered:
            self._refused = ""
        else:
            self._refuse(outcome)

    def _refuse(self, outcome: Outcome) -> None:
        self._refused = outcome.message or f"{self.where} was not saved: {outcome.result.value}"
        self._desk.tell(clean(self._refused))

    async def _settled(self, last: bool) -> Snapshot | None:
        """A copy of a complete write, or None when there is none to take now."""
        for attempt in range(ATTEMPTS):
            if not self._watch.exact and not last:
                await self._quiet(QUIET)
            self._watch.poll()
            events = self._watch.events
            try:
                taken = await self._take(alone=attempt < ATTEMPTS - 1)
            except snapshot.Unsettled:
                # the kernel reports the close before it counts the writer out: the first pauses are short
                await self._quiet(min(QUIET, 0.001 * 2**attempt))
                continue
            except (snapshot.Gone, snapshot.NotRegular, OSError) as error:
                await self._cannot(error, last)
                return None
            self._watch.poll()
            if last or (events == self._watch.events and not self._watch.writing):
                return taken
            taken.file.unlink()
            if self._watch.exact:
                return None  # whoever writes there is going to close the file, and that wakes us
        self._complain(f"{self.where} keeps changing while it is read: the last save was not sent")
        return None

    async def _take(self, *, alone: bool) -> Snapshot:
        into = self._private / f"save-{next(self._serial)}"
        return await trio.to_thread.run_sync(partial(snapshot.take, self.text.file, into, alone=alone))

    async def _cannot(self, error: Exception, last: bool) -> None:
        """There is no text to copy."""
        if isinstance(error, snapshot.Gone):
            await self._gone(last)
        elif isinstance(error, OSError):
            self._complain(
                f"cannot copy what {self._editor} saved of {self.where}: {error.strerror}; nothing was sent"
            )
        else:
            self._complain(f"{self._editor} put {error} in place of {self.where}: nothing was sent")

    async def _quiet(self, seconds: float) -> None:
        """Wait until nothing has changed for so long; what did change is taken in."""
        while True:
            with trio.move_on_after(seconds) as pause:
                await self._watch.changed()
            if pause.cancelled_caught or self._ended:
                return
            self._watch.take()

    async def _check(self) -> None:
        """The name came or went: what is there now?"""
        what = snapshot.look(self.text.file)
        if what == "gone":
            await self._gone(last=False)
        elif what:
            await self._cannot(snapshot.NotRegular(what), last=False)

    async def _gone(self, last: bool) -> None:
        if not last:
            with trio.move_on_after(RETURN):
                await self._watch.changed()
                return
        if snapshot.look(self.text.file) == "gone":
            self._complain(f"{self._editor} deleted its copy of {self.where}: the host's file is untouched")

    def _complain(self, message: str) -> None:
        """Say what is wrong with the file, once until it is well again."""
        if message != self._complaint:
            self._complaint = message
            self._desk.tell(clean(message))

    def _tell(self, message: str) -> None:
        if message != self._refused:  # the save's own answer said so already
            self._desk.tell(clean(message))
