"""One document while it is open: carries out what :mod:`rbridge.server.document` decides.

:class:`Editing` is the :class:`~rbridge.adapters.base.Desk` of its adapter. It lives in the daemon's nursery,
not in its connection's: with the tunnel down the editor stays open, and what it saves is kept in the spool.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import trio

from rbridge.adapters.base import Adapter, Outcome, Pane, Result, State, Text
from rbridge.errors import LocalProtocolError, RbridgeError, clean
from rbridge.server import document as doc
from rbridge.server import texts
from rbridge.server.config import Limits
from rbridge.server.files import Files
from rbridge.server.log import logger
from rbridge.server.notify import Notifier
from rbridge.server.peer import Peer, PeerGone, Sent
from rbridge.server.spool import Spool, refusal

SHOW = 5.0  # seconds an editor may take to show a state


@dataclass(frozen=True)
class Tools:
    """What all documents of a daemon share; without *spool* nothing is kept."""

    adapter: Adapter
    files: Files
    spool: Spool | None
    notifier: Notifier
    limits: Limits


@dataclass
class Save:
    """A save that its adapter waits for; *fd* holds its text until it is settled."""

    serial: int
    fd: int
    size: int
    sending: trio.CancelScope = field(default_factory=trio.CancelScope)
    sent: Sent | None = None
    reply: tuple[doc.Delivered | doc.Refused, str] | None = None
    replied: trio.Event = field(default_factory=trio.Event)
    settled: trio.Event = field(default_factory=trio.Event)
    outcome: Outcome = field(default=Outcome(Result.KEPT))


class Editing:
    """A document at *peer*, which calls it *token*; *digest* is the text's sha256, empty if not known."""

    def __init__(self, tools: Tools, peer: Peer, token: str, text: Text, digest: str) -> None:
        self.text = text
        self.token = token
        self.name = f"{text.name} on {text.host}"
        self.document = doc.Document(self.name, peer.link)
        self._tools = tools
        self._peer = peer
        self._base = digest
        self._came = texts.identity(text.file)
        self._handed = digest  # of the newest text that left the editor
        self._serial = 0
        self._saves: dict[int, Save] = {}
        self._editor = trio.CancelScope()
        self._ending: doc.Event = doc.EditorClosed()
        self._pane: Pane | None = None
        self._announcing = trio.Lock()
        self._spooling = trio.Lock()
        self._to_show: doc.Show | None = None
        self._showing = False
        self._told = ""
        self._nursery: trio.Nursery | None = None

    # What the daemon calls

    async def run(self) -> None:
        """Edit until editor, host or daemon close the document; nothing of it is left in FILES then."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                await self._edit()
                await self._settle()
                # also after an end in good order: there may have been no room for a copy of the last save
                left = await self._left_behind()
                self.document.left_behind = left is not None
                self._feed(self._ending)
                if left is not None:
                    self._begin(left)  # to the spool: the document is closed
        finally:
            self._nursery = None
            self._leave_nothing()

    def lost(self) -> None:
        """The connection ended; an editor that has the text already keeps it."""
        if self._pane is not None and self.document.state is State.OPENING:
            self._feed(doc.Opened())
        self._feed(doc.Lost())

    def host_closed(self) -> None:
        """The host said ``close``."""
        self._end(doc.HostClosed())

    def stop(self) -> None:
        """The daemon ends: close the document, keeping what is not delivered soon."""
        self._end(doc.Stopping())

    def answered(self, event: doc.Delivered | doc.Refused, digest: str = "") -> None:
        """The host answered save ``event.serial``; *digest* is the sha256 it wrote, as far as it said."""
        save = self._saves.get(event.serial)
        if save is None:
            self._feed(event)  # a late one
        else:
            save.reply = event, digest
            save.replied.set()

    # Desk: what the adapter calls

    async def save(self, snapshot: Path) -> Outcome:
        await self._announce()
        try:
            save = self._begin(texts.take(snapshot))
        except OSError as error:
            return Outcome(Result.REFUSED, f"{self.name}: cannot read what was saved: {error.strerror}")
        await save.settled.wait()
        return save.outcome

    def focus(self) -> None:
        logger.debug("%s: focused", self.name)

    def tell(self, message: str) -> None:
        if message != self._told:  # adapters repeat what became of a save
            named = self.text.name in message or self.text.file.name in message
            self._tools.notifier.tell(message if named else f"{self.name}: {message}")

    # The life of the editor

    async def _edit(self) -> None:
        """Run the adapter; what it raises ends this document and nothing else."""
        message = ""
        try:
            with self._editor:
                await self._tools.adapter.edit(self.text, self, task_status=_Opening(self))
        except RbridgeError as error:
            message = error.line()
        except Exception as error:
            message = _known(error)
            if not message:
                logger.exception("%s: the adapter for %s failed", self.name, self._tools.adapter.name)
                message = f"{self._tools.adapter.name} failed, the log has more"
        if message:
            message = f"cannot edit {self.name}: {message}"
            if self.document.state is State.OPENING:
                self._ending = doc.Failed(message)
            else:
                self._tools.notifier.tell(message)

    def shown(self, pane: Pane) -> None:
        """The adapter says that the editor has the text."""
        self._pane = pane
        self._start(self._announce)

    async def _announce(self) -> None:
        """Tell the host, once, that the text is open."""
        async with self._announcing:
            if self.document.state is not State.OPENING:
                return
            try:
                await self._peer.opened(self.token, self._tools.adapter.name)
            except PeerGone:
                self.lost()
            self._feed(doc.Opened())
            logger.info("%s: open in %s", self.name, self._tools.adapter.name)

    def _end(self, why: doc.Event) -> None:
        self._ending = why
        self._start(self._end_editor)

    async def _end_editor(self) -> None:
        await self._settle()
        self._editor.cancel()

    async def _settle(self) -> None:
        """Wait a little for the saves under way."""
        with trio.move_on_after(self._tools.limits.shutdown):
            for save in list(self._saves.values()):
                await save.settled.wait()

    async def _left_behind(self) -> int | None:
        """A descriptor of what the editor wrote and nobody handed over, None if there is no such text.

        It is for the spool and not for the host: the editor may have been in the middle of writing.
        """
        try:
            fd = texts.take(self.text.file)
        except OSError:
            return None  # removed, or something else by now: there is no text
        same = texts.identity(self.text.file) == self._came
        if same or await trio.to_thread.run_sync(texts.digest, fd) == self._handed:
            os.close(fd)
            return None
        return fd

    # Saves

    def _begin(self, fd: int) -> Save:
        """Take the text at *fd* over as the next save."""
        self._serial += 1
        save = Save(self._serial, fd, os.fstat(fd).st_size)
        self._saves[save.serial] = save
        self._feed(doc.Saved(save.serial))
        return save

    async def _send(self, serial: int) -> None:
        save = self._saves[serial]
        fd = os.dup(save.fd)  # the save may be settled, and its descriptor gone, while this one still reads
        try:
            with save.sending:
                self._feed(await self._deliver(save, fd))
        finally:
            os.close(fd)

    async def _deliver(self, save: Save, fd: int) -> doc.Event:
        """Send *save* and return what became of it."""
        try:
            sent = await self._peer.save(self.token, save.serial, fd, save.size)
        except PeerGone:
            return doc.Lost()
        except LocalProtocolError as error:
            return doc.Refused(save.serial, "failed", f"cannot save {self.name}: {clean(str(error))}")
        self._handed = sent.sha256
        if not self.document.link:
            return doc.Delivered(save.serial, Result.SENT)
        with trio.move_on_after(self._tools.limits.answer):
            await save.replied.wait()
        if save.reply is None:
            return doc.Unanswered(save.serial)
        event, digest = save.reply
        if isinstance(event, doc.Delivered) and digest and digest != sent.sha256:
            return doc.Refused(
                save.serial, "uncertain", f"{self.name}: the host wrote other bytes than were sent"
            )
        return event

    def _settled(self, serial: int, outcome: Outcome) -> None:
        save = self._saves.pop(serial, None)
        if save is None:
            return
        os.close(save.fd)
        save.outcome = outcome
        save.settled.set()
        save.sending.cancel()
        logger.info("%s: save %d: %s %s", self.name, serial, outcome.result.value, outcome.message)

    # Carrying out

    def _feed(self, event: doc.Event) -> None:
        for command in self.document.handle(event):
            self._carry_out(command)

    def _start(self, task: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """Start *task* beside the others of this document, if it is not over."""
        if self._nursery is None:
            return
        try:
            self._nursery.start_soon(task, *arguments)
        except RuntimeError:
            # The nursery's last task has ended, and run() has yet to see it: there is nothing left to do.
            logger.debug("%s: over already", self.name)

    def _carry_out(self, command: doc.Command) -> None:
        if isinstance(command, doc.Send):
            self._start(self._send, command.serial)
        elif isinstance(command, doc.Keep):
            self._start(self._keep, command)
        elif isinstance(command, doc.Drop):
            self._start(self._drop)
        elif isinstance(command, doc.Answer):
            self._settled(command.serial, command.outcome)
        elif isinstance(command, doc.Show):
            self._to_show = command
            if not self._showing:
                self._showing = True
                self._start(self._show)
        elif isinstance(command, doc.EndEditor):
            self._editor.cancel()
        elif isinstance(command, doc.Alert):
            self._tools.notifier.tell(command.message)
        elif isinstance(command, doc.RefuseOpen):
            self._start(self._say, partial(self._peer.refuse, self.token, command.reason, command.message))
        else:
            self._start(self._close_host, command.unsaved)

    async def _close_host(self, unsaved: bool) -> None:
        """Tell the host that the document is closed, once what stays here is in the spool."""
        await self._settle()
        await self._say(partial(self._peer.close, self.token, unsaved=unsaved))

    async def _say(self, what: Callable[[], Awaitable[None]]) -> None:
        try:
            await what()
        except PeerGone:
            self.lost()
        except LocalProtocolError as error:
            logger.info("%s: %s", self.name, error)

    async def _keep(self, command: doc.Keep) -> None:
        """Put a text into the spool and settle its save."""
        async with self._spooling:
            save = self._saves[command.serial]
            where = ""
            if command.serial == self.document.unsettled:  # else a newer text takes its place
                where = await trio.to_thread.run_sync(self._store, save, command.result.value)
            message = f"{command.message}; {where}" if where else command.message
        self._told = message
        if command.alert:
            self._tools.notifier.tell(message)
        for serial in (command.serial, *command.overtaken):
            self._settled(serial, Outcome(command.result, message))

    def _store(self, save: Save, why: str) -> str:
        """Copy *save* to the spool; returns what to tell the user about where the text is."""
        text = self.text
        if self._tools.spool is None:
            return "the text is NOT kept (spool = false): save it elsewhere before you close the editor"
        try:
            kept = self._tools.spool.keep(
                text.id,
                save.fd,
                text.file.name,
                host=text.host,
                path=text.path,
                shown=text.name,
                why=why,
                base=self._base,
            )
        except RbridgeError as error:
            return refusal(error)
        self._handed = kept.about.sha256
        return f"the text is kept at {kept.file}"

    async def _drop(self) -> None:
        async with self._spooling:
            if self._tools.spool is not None and self.document.unsettled is None:
                await trio.to_thread.run_sync(self._tools.spool.drop, self.text.id)

    async def _show(self) -> None:
        """Show the newest state; one that was overtaken meanwhile is left out."""
        try:
            while self._to_show is not None and self._pane is not None:
                show, self._to_show = self._to_show, None
                with trio.move_on_after(SHOW):
                    await self._pane.show(show.state, show.message)
        except RbridgeError as error:
            logger.info("%s: %s", self.name, error.line())
        except Exception:
            logger.exception("%s: %s cannot show a state", self.name, self._tools.adapter.name)
        finally:
            self._showing = False

    def _leave_nothing(self) -> None:
        """Cancelled or not: texts that nobody answered go to the spool, FILES/ID goes away."""
        newest = max(self._saves, default=0)
        for serial, save in list(self._saves.items()):
            where = self._store(save, Result.KEPT.value) if serial == newest else ""
            self._settled(serial, Outcome(Result.KEPT, where))
        self._tools.files.wipe(self.text.id)
        logger.info("%s: closed", self.name)


class _Opening:
    """The task_status of an adapter: reports that the editor has the text."""

    def __init__(self, editing: Editing) -> None:
        self._editing = editing

    def started(self, value: Pane | None = None) -> None:
        self._editing.shown(cast(Pane, value))


def _known(error: BaseException) -> str:
    """The line of the RbridgeErrors that *error* groups; empty if there is anything else in it."""
    if isinstance(error, RbridgeError):
        return error.line()
    lines = [_known(inner) for inner in getattr(error, "exceptions", ())]
    return lines[0] if lines and all(lines) else ""
