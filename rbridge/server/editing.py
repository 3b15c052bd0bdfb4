"""One document while it is open: its life, and what editor, host and user want of it.

:class:`Editing` is the :class:`~rbridge.adapters.base.Desk` of its adapter. It lives in the daemon's nursery,
not in its connection's: with the tunnel down the editor stays open, and what it saves is kept in the spool
until the host is back. Without an editor it stays until its last text is delivered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from rbridge.adapters.base import Outcome, Result, Standing, State, Text
from rbridge.adapters.pair import Half
from rbridge.errors import clean
from rbridge.server import adopted, sending, texts
from rbridge.server import events as ev
from rbridge.server.document import NEXT_STEP, Document
from rbridge.server.library import Library
from rbridge.server.life import Life
from rbridge.server.peer import Peer
from rbridge.server.received import Sink
from rbridge.server.saves import Save
from rbridge.server.spool import About
from rbridge.server.tools import Change, Tools

if TYPE_CHECKING:
    from rbridge.server.session import Session

__all__ = ["Editing", "Tools"]

APART = 1 << 20  # between the numbers of saves before and after a daemon died: which came last, nobody knows


class Editing(Life):
    """A document that the host of *session* calls *token*; *digest* is the text's sha256, empty if not known.

    *absent*: the file does not exist yet on the host. *follow*: the text is the end of a growing file, from
    that offset on. *made_from*: the digest of what the editor's content was made from, or ABSENT, where that
    is known: a save stands on that, and on this text only if they are the same.
    """

    def __init__(
        self,
        tools: Tools,
        session: Session,
        token: str,
        text: Text,
        digest: str,
        *,
        absent: bool = False,
        follow: int | None = None,
        made_from: str = "",
    ) -> None:
        link = session.peer is None or session.peer.link
        base = made_from or (ev.ABSENT if absent else digest)
        document = Document(f"{text.name} on {text.host}", link, base, attached=session.peer is not None)
        super().__init__(tools, session, token, text, document, follow)
        self._handed = digest
        self._made_from = made_from
        self.library: Library | None = None

    @classmethod
    def adopt(cls, tools: Tools, session: Session, about: Mapping[str, Any]) -> Editing:
        """A document of a daemon that died, as :func:`rbridge.server.adopted.take` found it: its editor still
        has it. *session* is detached.
        """
        text = adopted.text_of(about)
        one = cls(tools, session, about["token"], text, about["base"], absent=about["base"] == ev.ABSENT)
        one.saves.newest = about["serial"] + APART
        one._handed = about["handed"]
        one._came = None
        one._resume = about["resume"]
        one._left_in_spool = tools.spool is not None and tools.spool.get(text.id) is not None
        return one

    @classmethod
    def kept(cls, tools: Tools, session: Session, about: About, file: Path) -> Editing:
        """What the spool has of a document whose daemon is gone: a text to deliver, and then the end.

        *session* is not attached to it yet. Raises OSError.
        """
        text = Text(about.id, about.host, about.path, about.name, Path(file), about.size)
        one = cls(tools, session, about.token, text, about.base)
        serial = about.serial + APART if about.why == adopted.WHY else max(1, about.serial)
        save = one.saves.add(Save(serial, texts.take(Path(file)), about.sha256))
        save.settled.set()
        save.kept = True
        one._edited = one.document.editor_gone = True
        one.document.state, one.document.attached = State.DIRTY, False
        one.document.unsettled, one.document.digests = serial, {serial: about.sha256}
        return one

    @property
    def pending(self) -> bool:
        """Whether a text of it is not acknowledged."""
        return self._busy or bool(self.saves.unanswered)

    # What the daemon calls

    def attached(self, present: str | None, newest: int) -> None:
        """The host is back and has the document: *present* is the digest of its file, None if there is none,
        and *newest* the newest save that it brought to disk. Answered here.
        """
        self._broken()
        self.saves.newest = max(self.saves.newest, newest)
        there = ev.ABSENT if present is None else present
        self._feed(ev.Resumed(self.document.base if self._follow is not None else there, newest))

    def opened_again(self, present: str | None, line: int, column: int, half: Half | None = None) -> None:
        """The host's user has opened it again, at this position, or beside another text if it is a *half*;
        *present* is as for :meth:`attached`.

        Answered here, and saves under way go on. A text that we do not know is asked for.
        """
        if half is None:
            self.reveal(line, column)
        document, there = self.document, ev.ABSENT if present is None else present
        if document.state is State.OPENING or document.editor_gone:
            if half is not None:
                half.end(f"{self.name} was just being opened or closed, so there is no diff")
            return  # the answer to the open, or the close, is on its way
        if half is None:
            self.line.say(partial(self._say, ev.SayOpened()))
        else:
            self._start(partial(self._compare, half))
        if self._follow is None and not self._busy and there not in (document.base, document.theirs):
            self._fetch()

    def opens_named(self) -> Library:
        """For opening what a language server of this document has named."""
        if self.library is None:
            self.library = Library(self._tools, self.session, self.token, self.text, self._start)
        return self.library

    def moved(self, before: str, to: str) -> None:
        """What was called *before* on the host, this file or a directory above it, is called *to* now."""
        path = self.text.path
        if path == before or path.startswith(f"{before}/"):
            path = to + path[len(before) :]
            self.text = replace(self.text, path=path, name=path.rpartition("/")[2])
            self._record()

    def rebind(self, session: Session, token: str) -> None:
        """The detached document goes on for another client of the same host, which calls it *token*."""
        self._library_ends()
        self.line.client, self.line.token = session, token
        self.line.believes(State.CLEAN)
        self._record()

    def lost(self) -> None:
        """The connection ended; the editor keeps its text."""
        self.unheard = False  # nobody knows what the host heard: it is told how this ends
        if self.library is not None:
            self.library.lost()
        self._broken()

    def host_closed(self) -> None:
        """The host said ``close``."""
        self._told_close, self.unheard = True, False
        self._end(ev.HostClosed())

    def stop(self) -> None:
        """The daemon ends: close the document, keeping what is not delivered soon."""
        self._end(ev.Stopping())

    def answered(self, event: ev.Delivered | ev.Refused, digest: str = "") -> None:
        """The host answered save ``event.serial``; *digest* is the sha256 it wrote, as far as it said."""
        save = self.saves.get(event.serial)
        if self._say_whole(event):
            return
        if isinstance(event, ev.Delivered) and save is not None:
            if digest and save.digest and digest != save.digest:
                message = f"{self.name}: the host wrote other bytes than were sent"
                event = ev.Refused(event.serial, "uncertain", message)
            else:
                self._arrivals.answered()
                self._acknowledge(save)
                fresh = ev.ABSENT in (self.document.base, self.document.theirs)
                change = Change.CREATED if fresh else Change.CHANGED
                self._tools.changed(self.session, self.text.path, change)
                if self._left_in_spool:  # an older text, of which the daemon before this one knew
                    self._left_in_spool = False
                    self._keeping.add(self._drop)
        self._feed(event)

    def apart(self, message: str) -> None:
        """The host is not connected, and does not come back by itself: *message* says what to do."""
        if not self.document.attached and self.document.state is not State.CLOSED:
            self._show(ev.Show(self.document.state, message))
            if self._pane is not None:
                self._pane.remark(clean(message))

    def slow(self, serial: int, message: str) -> None:
        """The host has save *serial*, and its file server does not answer: *message* says so. The answer may
        come at any time, and is waited for as if the save had just been sent.
        """
        if serial != self.document.on_the_way:
            return
        if self._slow != serial:  # said once, and shown each time
            self._slow = serial
            self._tools.notifier.tell(message)
        self._show(ev.Show(self.document.state, message))
        waiting, self._waiting = self._waiting, trio.CancelScope()
        waiting.cancel()
        self._start(partial(self._expect, serial, self._waiting))

    def delivered(self, digest: str) -> None:
        """The text of *digest* has reached the host in another way: does one wait here that is the same?"""
        save = self.saves.get(self.document.unsettled)
        if save is not None and save.digest == digest:
            self.answered(ev.Delivered(save.serial))

    def host_changed(self, headers: Mapping[str, str]) -> Sink:
        """The head of a ``changed``; its body goes to the answer. Raises RemoteProtocolError."""
        return self._arrivals.changed(headers)

    def appended(self, headers: Mapping[str, str]) -> Sink:
        """The head of an ``append``; its body goes to the answer. Raises RemoteProtocolError."""
        return self._arrivals.appended(headers)

    def host_gone(self, reason: str, message: str) -> None:
        """The host cannot read the file any more."""
        self._feed(ev.HostGone(reason, message or f"{self.name}: the file is gone on the host"))

    def resolve(self, choose: str) -> None:
        """The host's user settles a conflict, or wants to see the text here."""
        if choose == "show":
            self.line.say(self._show_mine)
        elif refused := self.settle(choose):
            self.line.believes(State.OPENING)
            self.line.state(self.document.state, refused)

    def older(self, waits: bool | None) -> None:
        """Whether an older text of the file waits here is another matter now: the host is told."""
        if waits is None or waits == self.undelivered:
            return
        self.undelivered = waits
        if self.document.attached and self.document.link:
            state = self.document.state.value
            self.line.say(lambda peer: peer.state(self.token, state, self._message, waits))

    # What the laptop's user wants

    def settle(self, choose: str) -> str:
        """Settle the conflict, see :meth:`rbridge.adapters.base.Desk.settle`."""
        if not self.document.disputed:
            return f"{self.name}: there is no conflict"
        looked, self._looked = self._looked, ""
        if choose == "mine" and looked and looked != self.document.theirs:
            return f"{self.name}: the host's file was changed again after you looked; {NEXT_STEP}"
        self._feed(ev.Settle(choose))
        return ""

    def standing(self) -> Standing:
        """How it stands, for an editor that shows it."""
        document = self.document
        theirs = document.theirs if document.theirs not in (None, ev.ABSENT) else ""
        return Standing(
            document.state,
            document.base,
            theirs or "",
            document.attached,
            document.disputed,
            document.yielding,
            self._message,
        )

    def mine_fd(self) -> int | None:
        """A descriptor, for the caller to close, of the newest text here."""
        save = self.saves.get(self.document.unsettled)
        try:
            return os.dup(save.fd) if save is not None else texts.take(self.text.file)
        except OSError:
            return None

    def theirs(self) -> Path | None:
        """The host's text, as far as it was sent."""
        return self.ground.theirs if self.ground.held and self.ground.held == self.document.theirs else None

    def looked(self) -> None:
        """The user sees the host's text now: what came later is not to go without another word."""
        self._looked = self.document.theirs or ""

    def ask_theirs(self) -> None:
        """Have the host's text sent if it is not here."""
        if self.theirs() is None and self.document.attached:
            self._fetch()

    async def recover(self, file: Path, base: str) -> Outcome:
        """Deliver the kept text in *file*, made from *base*: the editor shows it, and it is the next save.

        Refused, with nothing changed, where that would lose something.
        """
        outcome = Outcome(Result.REFUSED, f"{self.name} was closed meanwhile; the text is still kept")
        done = trio.Event()

        async def step() -> None:
            nonlocal outcome
            outcome = await self._recover(file, base)
            done.set()

        async def give_up() -> None:
            await self._over.wait()
            done.set()

        self._taking.add(step)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_up)
            await done.wait()
            nursery.cancel_scope.cancel()
        return outcome

    def row(self) -> dict[str, object]:
        """The document for ``rbridge status``."""
        return {
            "id": self.text.id,
            "host": self.text.host,
            "path": self.text.path,
            "name": self.text.name,
            "state": self.document.state.value,
            "connected": self.document.attached,
            "message": self._message,
            "session": self.session.secret,
            "token": self.token,
            "identity": self.session.identity,
            "editor": self.editor,
            "closed": self._edited,
        }

    # What takes longer

    def _library_ends(self) -> None:
        library, self.library = self.library, None
        if library is not None:
            library.over()

    def _leave_nothing(self) -> None:
        super()._leave_nothing()
        self._library_ends()

    async def _show_mine(self, peer: Peer) -> None:
        fd = self.mine_fd()
        if fd is None:
            await peer.state(self.token, self.document.state.value, f"{self.name}: there is no text here")
            return
        body: sending.SaveBody | None = None
        try:
            body = await trio.to_thread.run_sync(sending.mine, fd, str(self.ground.directory))
            await peer.mine(self.token, body)
        finally:
            os.close(fd)
            if body is not None and body.fd not in (-1, fd):
                os.close(body.fd)

    async def _recover(self, file: Path, base: str) -> Outcome:
        if self.document.state is not State.CLEAN or not self.document.attached:
            return Outcome(Result.REFUSED, f"{self.name} has changes of its own, or no connection")
        if base != self.document.base:
            return Outcome(Result.REFUSED, f"{self.name} has changed on the host; the text is still kept")
        try:
            fd = texts.take(file)
        except OSError as error:
            return Outcome(Result.REFUSED, f"the kept text of {self.name} cannot be read: {error.strerror}")
        put, newest = False, self.saves.newest
        try:
            put = await self._put(file) and self.saves.newest == newest
        finally:
            if not put:
                os.close(fd)
        if not put:
            return Outcome(Result.REFUSED, f"{self.name} has changes in its editor; the text is still kept")
        save = self.saves.begin(fd)
        await self._hash(save)
        await save.settled.wait()
        return save.outcome
