"""From the first look at a document's text to the end: the editor runs, goes, and nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import trio

from rbridge.adapters.base import Desk, Outcome, Pane, Result, State, Text
from rbridge.adapters.pair import Half
from rbridge.errors import RbridgeError
from rbridge.server import adopted, sending, texts
from rbridge.server import events as ev
from rbridge.server.arrivals import Arrivals
from rbridge.server.document import Document
from rbridge.server.execution import Execution
from rbridge.server.log import logger
from rbridge.server.tools import Tools

if TYPE_CHECKING:
    from rbridge.server.session import Session

REVEAL = 15.0  # seconds an editor may take to come to the front


class Life(Execution):
    """What :class:`~rbridge.server.editing.Editing` does by itself; its parameters are described there."""

    def __init__(
        self, tools: Tools, session: Session, token: str, text: Text, document: Document, follow: int | None
    ) -> None:
        super().__init__(tools, session, token, text, document)
        self._follow = follow
        self._ending: ev.Event = ev.EditorClosed()
        self._resume: Mapping[str, Any] | None = None
        self._made_from = ""  # what the editor's content was made from, where that is not this text
        self._edited = False  # the editor is gone
        self._returned = False  # the adapter is done with it
        self._left = False  # the editor has the text, and the next daemon goes on with it
        self._large = -1  # the descriptor of a large text as it came,
        self._whole = 0, 0  # and the time and size that it had then
        self._arrivals = Arrivals(
            self.name,
            self.ground,
            tools.files.in_memory,
            tools.limits.body,
            self._start,
            self._arrived,
            self._fetch,
            self._tell,
        )

    @property
    def session(self) -> Session:
        return self.line.client

    @property
    def token(self) -> str:
        return self.line.token

    @property
    def closed(self) -> bool:
        """Whether its editor is gone, and it stays only to deliver what that left."""
        return self._returned or self._edited

    async def run(self) -> None:
        """Edit until editor, host or daemon close the document; nothing of it is left in FILES then."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for task in self._early:
                    nursery.start_soon(task)
                if not self._edited:
                    await self._lay_first()
                    await self._edit()
                    if self._left:
                        return
                    self._returned = True
                    await self._leave()
                await self._over.wait()
        finally:
            self._nursery = None
            self._leave_nothing()

    # Desk: what the adapter calls

    async def save(self, snapshot: Path, /, digest: str = "") -> Outcome:
        try:
            save = self._begin(texts.take(snapshot), digest)
        except OSError as error:
            return Outcome(Result.REFUSED, f"{self.name}: cannot read what was saved: {error.strerror}")
        await save.settled.wait()
        return save.outcome

    def focus(self) -> None:
        logger.debug("%s: focused", self.name)
        if self.document.attached and self.document.link:
            self.line.say(lambda peer: peer.focus(self.token))

    def tell(self, message: str) -> None:
        if not self._told.startswith(message):  # adapters repeat what became of a save
            named = self.text.name in message or self.text.file.name in message
            self._tools.notifier.tell(message if named else f"{self.name}: {message}")

    def started(self, value: Pane | None = None) -> None:
        """The adapter, of which this is the task_status, says that the editor has the text."""
        self._pane = cast(Pane, value)
        if self.document.state is State.OPENING:
            self._feed(ev.Opened())
            logger.info("%s: open in %s", self.name, self.editor)
            if self.remark and self._pane is not None:
                self._pane.remark(self.remark, "info")
        self._record()

    def reveal(self, line: int, column: int) -> None:
        """The host's user has opened it again, at this position, 0 for none given: have it seen."""
        if self._pane is not None:
            self._start(partial(self._reveal, self._pane, line, column))

    async def _reveal(self, pane: Pane, line: int, column: int) -> None:
        try:
            with trio.move_on_after(REVEAL):
                await pane.reveal(line, column)
        except RbridgeError as error:
            logger.info("%s: %s", self.name, error.line())
        except Exception:
            logger.exception("%s: %s cannot be brought to the front", self.name, self.editor)

    async def _compare(self, half: Half) -> None:
        """The host's user wants to see it beside another one."""
        if self._pane is not None:
            with trio.move_on_after(REVEAL):
                await self._pane.compare(half)
        self._half = half
        self.line.say(partial(self._say, ev.SayOpened()))

    # The life of the editor

    async def _lay_first(self) -> None:
        """Keep what the host has, before the editor can change it."""
        self._record()
        try:
            if self._follow is not None:
                await trio.to_thread.run_sync(self._arrivals.follow, self._follow, self.text.file, self._grow)
            elif self._resume is not None:
                await trio.to_thread.run_sync(self.ground.take_over, self.document.base)
            elif self.document.link and self.document.base != ev.ABSENT:
                fd = texts.take(self.text.file)
                if os.fstat(fd).st_size > sending.BASE:
                    self._large, self._whole = fd, _version(fd)
                    self._taking.add(self._lay_large)
                    return
                try:
                    await self._lay(fd, self._handed)
                finally:
                    os.close(fd)
        except OSError as error:
            logger.warning("%s: there is no copy of the host's text: %s", self.name, error.strerror)

    async def _lay_large(self) -> None:
        """Hash a large text while its editor starts; saves wait for that."""
        fd, self._large = self._large, -1
        try:
            digest = await self._lay(fd, self._handed)
            if _version(fd) == self._whole:
                self._handed = digest
                if not self._made_from:
                    self.document.base = digest
                self._record()
            else:
                self.ground.digest = ""  # the editor wrote into it: what the host has, nobody knows
        finally:
            os.close(fd)

    async def _edit(self) -> None:
        """Run the adapter; what it raises ends this document and nothing else."""
        message = ""
        adapter, editing = self._tools.adapter, self.text.wanted or self._tools.adapter
        desk, status = cast(Desk, self), cast("trio.TaskStatus[Pane]", self)
        try:
            with self._editor:
                if self._resume is None:
                    await editing.edit(self.text, desk, task_status=status)
                else:
                    await adapter.adopt(self.text, desk, self._resume, task_status=status)
        except RbridgeError as error:
            message = error.line()
        except Exception as error:
            message = _known(error)
            if not message:
                logger.exception("%s: the adapter for %s failed", self.name, adapter.name)
                message = f"{adapter.name} failed, the log has more"
        if message:
            message = f"cannot edit {self.name}: {message}"
            if self.document.state is State.OPENING:
                self._ending = ev.Failed(message)
            else:
                self._tools.notifier.tell(message)

    def _end(self, why: ev.Event) -> None:
        self._ending = why
        if self._edited:
            self._feed(why)
        elif self._nursery is None:
            self._editor.cancel()
        else:
            self._start(self._end_editor)

    async def _end_editor(self) -> None:
        await self._settle()
        if isinstance(self._ending, ev.Stopping) and self.saves.unanswered:
            self.line.cut()  # it takes too long
        self._editor.cancel()

    def leave(self) -> None:
        """The daemon ends. An editor that shows that its text is not connected then keeps it, and the next
        daemon goes on with both; for others the document is closed, keeping what is not delivered soon.
        """
        lasts = self.document.link and self._follow is None and not self._edited
        if lasts and self._pane is not None and self._nursery is not None and self._pane.leave():
            self._start(self._leave_to_the_next)
            return
        if self._pane is not None:
            logger.warning(
                "%s: closed, since rbridge serve ends; where %s shows it still, it has no file any more",
                self.name,
                self.editor,
            )
        self._end(ev.Stopping())

    async def _leave_to_the_next(self) -> None:
        await self._settle()
        if not self._returned:
            self._broken()  # what is not delivered by now goes to the spool, as when the connection is lost
            for save in self.saves.unanswered:
                await save.settled.wait()
            await self._keeping.idle()
        if self._returned:  # its editor has closed it meanwhile
            if self.document.state is not State.CLOSED:
                self._feed(ev.Stopping())
            return
        self._record()
        self._left = True
        self._tools.files.leave(self.text.id)
        self._editor.cancel()

    async def _settle(self) -> None:
        """Wait a little for the saves under way."""
        with trio.move_on_after(self._tools.limits.shutdown):
            for save in self.saves.unanswered:
                await save.settled.wait()

    async def _leave(self) -> None:
        """The editor is gone: see to what it left, and end the document once that may be."""
        await self._taking.idle()
        if not self.document.link:
            await self._settle()
        self._pane = None
        # also after an end in good order: there may have been no room for a copy of the last save
        left = None if self._untouched() else await trio.to_thread.run_sync(self._left_behind)
        if left is not None:
            self._put_aside(left)
            self._keeping.add(partial(self._keep_aside, f"{self.name}: closed before it was saved"))
        self._keeping.add(self._keep_again)
        self._edited = True
        self._feed(self._ending)
        if self.document.state is not State.CLOSED:
            logger.info("%s: the editor is gone, a text is still to be delivered", self.name)
            for save in self.saves.unanswered:  # until it is on the host or in the spool it is nowhere else
                await save.settled.wait()
            await self._keeping.idle()
            self.ground.leave()
            await trio.to_thread.run_sync(self._tools.files.wipe, self.text.id)

    async def _keep_again(self) -> None:
        """Now that its editor is gone, a text that could not be kept is in our hands only."""
        unsettled = self.document.unsettled
        if not self.saves.is_lacking(unsettled):
            return
        again = partial(self.saves.keep_again, unsettled, self.document.base)
        if where := await trio.to_thread.run_sync(again):
            self._tools.notifier.tell(f"{self.name}: closed before it was saved; {where}")

    def _untouched(self) -> bool:
        """Whether the text is as we put it there."""
        if self._follow is not None:
            return True
        return self._came is not None and texts.identity(self.text.file) == self._came

    def _left_behind(self) -> int | None:
        """A descriptor of what the editor wrote and nobody handed over, None if there is no such text.

        It is for the spool and not for the host: the editor may have been in the middle of writing.
        """
        try:
            fd = texts.take(self.text.file)
        except OSError:
            return None  # removed, or something else by now: there is no text
        if texts.digest(fd) == self._handed:
            os.close(fd)
            return None
        return fd

    def _put_aside(self, left: int) -> None:
        """The text at *left* is for the spool."""
        self.document.left_behind = True
        self.saves.put_aside(left, Result.KEPT.value, self.document.base)

    def _leave_nothing(self) -> None:
        """Cancelled or not: texts that nobody answered go to the spool, FILES/ID goes away."""
        left = None if self._edited or self._left or self._untouched() else self._left_behind()
        if left is not None:
            self._put_aside(left)
        for outcome in self.saves.close(self.document.base, self.document.unsettled):
            logger.info("%s: %s %s", self.name, outcome.result.value, outcome.message)
        for fd in (self._laying, self._large):
            if fd >= 0:
                os.close(fd)
        self._laying = self._large = -1
        if self._left:
            logger.info("%s: left to the next daemon", self.name)
            return
        self._tools.files.wipe(self.text.id)
        if self.document.link and not isinstance(self._ending, ev.Failed):
            unsaved = self.document.unsaved
            told = self._told_close or (isinstance(self._ending, ev.Stopping) and not unsaved)
            self.session.ended(self.token, unsaved, told)
        logger.info("%s: closed", self.name)

    # The host's texts

    def _arrived(self, file: Path, digest: str) -> None:
        """The host's text is here, whole."""
        if self.document.attached and not self._edited:
            try:
                self.ground.hold(file, digest)
            except OSError as error:
                logger.info("%s: %s", self.name, error)
            else:
                self._feed(ev.HostChanged(digest))
        file.unlink(missing_ok=True)

    def _fetch(self) -> None:
        if self.document.attached:
            self.line.say(lambda peer: peer.fetch(self.token))

    async def _grow(self, log: Path) -> None:
        await self._put(log)

    def _record(self) -> None:
        """Write down what a daemon that comes after this one would have to know."""
        if self._edited:
            return
        text, session = self.text, self.session
        resume = getattr(self._pane, "resume", None) or self._resume or {}
        about = {
            "session": session.secret,
            "token": self.token,
            "identity": session.identity,
            "host": text.host,
            "path": text.path,
            "name": text.name,
            "file": str(text.file),
            "base": self.document.base,
            "handed": self._handed,
            "serial": self.saves.newest,
            "read_only": text.read_only,
            "absent": self.document.base == ev.ABSENT,
            "size": text.size,
            "line": text.line,
            "column": text.column,
            "file_type": text.file_type,
            "resume": dict(resume) if self.document.link else {},
        }
        adopted.write(self._tools.files.root, text.id, about)


def _version(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_mtime_ns, found.st_size


def _known(error: BaseException) -> str:
    """The line of the RbridgeErrors that *error* groups; empty if there is anything else in it."""
    if isinstance(error, RbridgeError):
        return error.line()
    lines = [_known(inner) for inner in getattr(error, "exceptions", ())]
    return lines[0] if lines and all(lines) else ""
