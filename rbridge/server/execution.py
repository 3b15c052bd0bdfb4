"""Carries out what :mod:`rbridge.server.document` decides: towards the host, the editor, the spool, the user.

What goes to the host goes in order, and so does what goes to the spool. Saves of the editor and texts for it
take turns: a save that was made before a text of the host took its place is never read as one made after it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from rbridge.adapters.base import Outcome, Pane, Result, State, Text
from rbridge.adapters.tasks import SMALL
from rbridge.errors import LocalProtocolError, RbridgeError, clean
from rbridge.server import events as ev
from rbridge.server import sending, texts
from rbridge.server.document import Document
from rbridge.server.ground import Ground
from rbridge.server.line import Line
from rbridge.server.log import logger
from rbridge.server.peer import Peer
from rbridge.server.saves import Save, Saves
from rbridge.server.spool import REPLACED
from rbridge.server.tools import Tools
from rbridge.server.turns import Turns

if TYPE_CHECKING:
    from rbridge.server.session import Session

SHOW = 5.0  # seconds an editor may take to show a state
REPLACE = 30.0  # seconds it may take to put another text in place of its own


class Execution:
    """What :class:`~rbridge.server.editing.Editing` is made of; its parameters are described there."""

    def __init__(self, tools: Tools, session: Session, token: str, text: Text, document: Document) -> None:
        self.text = text
        self.name = document.name
        self.document = document
        self.note = ""
        """One line for the host's user, said with the answer to the open."""
        self.remark = ""  # the same for the user here, said in the editor that has the text
        self.undelivered: bool | None = None  # whether an older text waits here; the host need not know
        self.unheard = False  # its host hears of nothing but saves: it waits for an open of the same file
        self.line = Line(session, token, self.name, self._start, self._broken)
        self.ground = Ground(Path(tools.files.root, text.id))
        self.saves = Saves(text, self.line, tools.spool)
        self._tools = tools
        self._came = texts.identity(text.file)  # how the text was when we put it there last
        self._handed = document.base  # of the newest text that left the editor, or that we put there
        self._editor = trio.CancelScope()
        self._over = trio.Event()
        self._pane: Pane | None = None
        self._nursery: trio.Nursery | None = None
        self._early: list[Callable[[], Awaitable[object]]] = []  # tasks from before it runs
        self._taking = Turns(self._start)
        self._keeping = Turns(self._start)
        self._waiting = trio.CancelScope()
        self._acknowledged: Save | None = None
        self._laying = -1  # the descriptor of a text that the host acknowledged, to become the base
        self._message = ""  # what was shown last
        self._to_show: ev.Show | None = None
        self._showing = False
        self._told = ""
        self._slow = 0  # the newest save that its host has, and cannot bring to the disk now
        self._told_close = False
        self._as_difference: ev.Send | None = None  # what was sent last, if it was one
        self._looked = ""  # the digest of the host's text that the user looked at in a conflict
        self._half = text.half  # of a diff, until the host was told of it
        self._left_in_spool = False  # a text of this document, by a daemon that was killed

    @property
    def editor(self) -> str:
        """What users call the editor that has the text."""
        return getattr(self._pane, "editor", "") or self._tools.adapter.name

    def _start(self, task: Callable[[], Awaitable[object]]) -> None:
        """Start *task* beside the others of this document, if it is not over."""
        if self._nursery is None:
            self._early.append(task)
            return
        try:
            self._nursery.start_soon(task)
        except RuntimeError:
            # The nursery's last task has ended, and run() has yet to see it: there is nothing left to do.
            logger.debug("%s: over already", self.name)

    def _feed(self, event: ev.Event) -> None:
        document = self.document
        sent = document.on_the_way
        for command in document.handle(event):
            self._carry_out(command)
        if document.on_the_way != sent:
            self._waiting.cancel()
        self.saves.prune((document.unsettled, document.on_the_way, document.waiting))
        if document.state is State.CLOSED:
            self._over.set()

    def _broken(self) -> None:
        """The connection turned out to be gone."""
        if self.document.attached:
            self.line.cut()
            self._feed(ev.Lost())

    def _carry_out(self, command: ev.Command) -> None:
        if isinstance(command, ev.Send):
            self.line.say(partial(self._send, command))
        elif isinstance(command, ev.Keep):
            self._told = command.message
            self._keeping.add(partial(self._keep, command))
        elif isinstance(command, ev.Answer):
            self._settled(command.serial, command.outcome)
        elif isinstance(command, ev.Show):
            self._show(command)
        elif isinstance(command, ev.Replace):
            self._taking.add(partial(self._replace, command.digest))
        elif isinstance(command, ev.EndEditor):
            self._editor.cancel()
        elif isinstance(command, ev.Alert):
            self._told = command.message
            self._tell(command.message)
        elif isinstance(command, (ev.Drop, ev.SetAside)):
            self._spool(command)
        elif not isinstance(command, ev.KeepTheirs):  # it is kept as it arrives
            self.line.say(partial(self._say, command))

    async def _say(self, command: ev.SayOpened | ev.Fetch | ev.RefuseOpen | ev.CloseHost, peer: Peer) -> None:
        """One record without a body."""
        token = self.line.token
        if self.unheard:
            return
        if isinstance(command, ev.SayOpened):
            half, self._half = self._half, None
            note = self.note or (half.note(self.editor) if half is not None else "")
            await peer.opened(token, self.editor, note, self.undelivered, half is not None and half.shown)
        elif isinstance(command, ev.Fetch):
            await peer.fetch(token)
        elif isinstance(command, ev.RefuseOpen):
            await peer.refuse(token, command.reason, command.message)
            self._told_close = True
        else:
            await self._keeping.idle()  # what stays here is safe before the host hears of the end
            await peer.close(token, unsaved=command.unsaved)
            self._told_close = True

    # Saves

    def _begin(self, fd: int, digest: str = "") -> Save:
        """Take the text at *fd* over as the next save; *digest* is its sha256, if that is known."""
        if self.document.state is State.OPENING:
            self._feed(ev.Opened())  # an adapter that saves has the text, whether it said so or not
        save = self.saves.begin(fd)
        if not self._taking and (digest or os.fstat(fd).st_size <= SMALL):
            self._hashed(save, digest or texts.digest(fd))
        else:
            self._taking.add(partial(self._hash, save, digest))
        return save

    async def _hash(self, save: Save, digest: str = "") -> None:
        digest = digest or await trio.to_thread.run_sync(texts.digest, save.fd)
        if not save.settled.is_set():
            self._hashed(save, digest)

    def _hashed(self, save: Save, digest: str) -> None:
        save.digest = digest
        self._feed(ev.Saved(save.serial, digest))

    async def _send(self, command: ev.Send, peer: Peer) -> None:
        save = self.saves.get(command.serial)
        if save is None or self.document.on_the_way != command.serial:
            return
        self.line.travel = None
        fd = os.dup(save.fd)  # the save may be settled, and its descriptor gone, while this one still reads
        body: sending.SaveBody | None = None
        try:
            body = await self._body(fd, save.digest, command)
            self._as_difference = command if body.headers.get("encoding") == "delta" else None
            await self.line.save(peer, command.serial, body)
        except LocalProtocolError as error:
            message = f"cannot save {self.name}: {clean(str(error))}"
            self._feed(ev.Refused(command.serial, "failed", message))
            return
        except OSError as error:
            message = f"cannot read what was saved of {self.name}: {error.strerror}"
            self._feed(ev.Refused(command.serial, "failed", message))
            return
        finally:
            os.close(fd)
            if body is not None and body.fd not in (-1, fd):
                os.close(body.fd)
        self._handed = save.digest
        if not self.document.link:
            self._feed(ev.Delivered(command.serial, Result.SENT))
        elif self.document.on_the_way == command.serial:
            self._waiting = trio.CancelScope()
            self._start(partial(self._expect, command.serial, self._waiting))

    async def _body(self, fd: int, digest: str, command: ev.Send) -> sending.SaveBody:
        if not self.document.link:
            return sending.full(fd)
        await self._lay_acknowledged()
        make = partial(self._make, fd, digest, command)
        small = self._small(fd) and self.ground.small
        return make() if small else await trio.to_thread.run_sync(make)

    def _make(self, fd: int, digest: str, command: ev.Send) -> sending.SaveBody:
        with self.ground.known() as base:
            return sending.save(fd, digest, command.base, command.over, base, str(self.ground.directory))

    async def _expect(self, serial: int, waiting: trio.CancelScope) -> None:
        """Wait for the answer to save *serial*, which the scope's end means."""
        with waiting:
            await trio.sleep(self._tools.limits.answer)
        if not waiting.cancelled_caught:
            self._feed(ev.Unanswered(serial))

    def _say_whole(self, event: ev.Delivered | ev.Refused) -> bool:
        """Say a save again, with all of its text, of which a difference did not give what it should."""
        command = self._as_difference
        failed = isinstance(event, ev.Refused) and event.reason == "failed"
        if not failed or command is None or not event.serial == command.serial == self.document.on_the_way:
            return False
        logger.info("%s: save %d goes once more, as a whole", self.name, event.serial)
        self.ground.forget()
        self._waiting.cancel()
        self.line.say(partial(self._send, command))
        return True

    def _acknowledge(self, save: Save) -> None:
        """The host has *save*: it is the base of what comes next."""
        self.line.believes(State.CLEAN)
        if self._laying >= 0:
            os.close(self._laying)
        self._laying, self._acknowledged = os.dup(save.fd), save
        self.line.say(lambda peer: self._lay_acknowledged())

    async def _lay_acknowledged(self) -> None:
        """Let the text that the host acknowledged last be the base."""
        if self._laying < 0 or self._acknowledged is None:
            return
        fd, self._laying = self._laying, -1
        try:
            await self._lay(fd, self._acknowledged.digest)
        except OSError as error:  # the next save goes whole
            logger.info("%s: no base: %s", self.name, error.strerror)
        finally:
            os.close(fd)
        self._record()

    async def _lay(self, fd: int, digest: str) -> str:
        lay = partial(self.ground.lay, fd, digest)
        return lay() if self._small(fd) else await trio.to_thread.run_sync(lay)

    def _small(self, fd: int) -> bool:
        """Whether work on the text at *fd* takes less time than a thread to start."""
        return self._tools.files.in_memory and os.fstat(fd).st_size <= SMALL

    def _settled(self, serial: int, outcome: Outcome) -> None:
        if self.saves.settle(serial, outcome):
            logger.info("%s: save %d: %s %s", self.name, serial, outcome.result.value, outcome.message)

    def _record(self) -> None:
        """Write down what a daemon that comes after this one would have to know."""
        raise NotImplementedError

    # The spool

    def _spool(self, command: ev.Drop | ev.SetAside) -> None:
        if isinstance(command, ev.Drop):
            self._keeping.add(self._drop)
            return
        save = self.saves.get(command.serial)
        if save is not None:
            self.saves.put_aside(os.dup(save.fd), REPLACED, self.document.base)
            self._keeping.add(partial(self._keep_aside, f"{self.name}: the host's text was chosen"))

    async def _keep(self, command: ev.Keep) -> None:
        """Put a text into the spool and settle its save."""
        save = self.saves.get(command.serial)
        where = ""
        if save is not None and command.serial == self.document.unsettled:  # else a newer one takes its place
            keep = partial(self.saves.keep, save, command.result.value, self.document.base)
            where = await trio.to_thread.run_sync(keep)
            self._handed = save.digest
        result = command.result
        if result is Result.KEPT and save is not None and where and not save.kept:
            result = Result.REFUSED
        message = f"{command.message}; {where}" if where else command.message
        self._told = message
        if command.alert:
            self._tools.notifier.tell(message)
        for serial in (command.serial, *command.overtaken):
            self._settled(serial, Outcome(result, message))
        document = self.document
        self.saves.prune((document.unsettled, document.on_the_way, document.waiting))

    async def _keep_aside(self, why: str) -> None:
        for where in await trio.to_thread.run_sync(self.saves.keep_aside):
            self._tell(f"{why}; {where}")

    async def _drop(self) -> None:
        if self.document.unsettled is None:
            await trio.to_thread.run_sync(self.saves.drop)

    # The editor

    def _tell(self, message: str, kind: str = "warning") -> None:
        """Tell the user something about this document: in its window too, unless its state says so."""
        self._tools.notifier.tell(message)
        if self._pane is not None and self.document.state is not State.CONFLICT:
            self._pane.remark(clean(message), kind)

    def _show(self, show: ev.Show) -> None:
        self._message = show.message
        for look in list(self._tools.shown):
            look()
        if self.document.attached and self.document.link and not self.unheard:
            self.line.state(show.state, show.message)
        self._to_show = show
        if not self._showing and self._pane is not None:
            self._showing = True
            self._start(self._show_newest)

    async def _show_newest(self) -> None:
        """Show the newest state; one that was overtaken meanwhile is left out."""
        try:
            while self._to_show is not None and self._pane is not None:
                show, self._to_show = self._to_show, None
                with trio.move_on_after(SHOW):
                    await self._pane.show(show.state, show.message)
        except RbridgeError as error:
            logger.info("%s: %s", self.name, error.line())
        except Exception:
            logger.exception("%s: %s cannot show a state", self.name, self.editor)
        finally:
            self._showing = False

    async def _replace(self, digest: str) -> None:
        """Put the host's text of *digest* in place of the editor's, unless a newer one is to be delivered."""
        lent = None if self._busy else self.ground.lend(digest)
        taken, newest = False, self.saves.newest
        try:
            taken = lent is not None and await self._put(lent)
            # a save that was handed over meanwhile stands on the text before this one: the host will say so
            taken = taken and self.saves.newest == newest
            if taken and lent is not None:
                fd = texts.take(lent)
                try:
                    await self._lay(fd, digest)
                finally:
                    os.close(fd)
        except OSError as error:
            logger.info("%s: %s", self.name, error)
        finally:
            if lent is not None:
                lent.unlink(missing_ok=True)
        if taken:
            self._handed = digest
            self._record()
        self._feed(ev.Taken(digest) if taken else ev.NotTaken(digest))

    async def _put(self, text: Path) -> bool:
        """Put *text* in place of the editor's; False when it was left alone."""
        if self._pane is None:
            return False
        taken = False
        try:
            with trio.move_on_after(REPLACE):
                taken = await self._pane.replace(text)
        except RbridgeError as error:
            logger.info("%s: %s", self.name, error.line())
        except Exception:
            logger.exception("%s: %s cannot take a text", self.name, self.editor)
        if taken:
            self._came = texts.identity(self.text.file)
        return taken

    @property
    def _busy(self) -> bool:
        """Whether a text of the editor is on its way to the host."""
        document = self.document
        return any(one is not None for one in (document.unsettled, document.on_the_way, document.waiting))
