"""An ``open`` from its head to the document that comes of it.

The body goes straight to FILES, at the speed at which it is written there: a peer that sends faster waits in
its own socket.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial

import trio

from rbridge.adapters.base import Text
from rbridge.adapters.pair import Half
from rbridge.errors import RbridgeError, RemoteProtocolError, clean
from rbridge.server import belated, names, older, texts
from rbridge.server.editing import Editing
from rbridge.server.files import Incoming, NoSpace
from rbridge.server.inflate import Inflating
from rbridge.server.inquiry import Inquiry
from rbridge.server.log import logger
from rbridge.server.peer import Peer, PeerGone
from rbridge.server.service import Service
from rbridge.server.session import Session
from rbridge.wire import codec, values
from rbridge.wire.blocks import Unpacking
from rbridge.wire.records import Record

_YES = ("yes", "true", "1")


class Opening:
    """What *peer*, a connection of *session*, asks to have opened with *record*."""

    def __init__(self, service: Service, session: Session, peer: Peer, record: Record) -> None:
        """Raises RemoteProtocolError when a link record is malformed; a name that is makes a refusal."""
        said = record.headers
        self.token = values.token(said.get("token")) if peer.link else said.get("token", "") or "untitled"
        self.refusal: tuple[str, str] | None = None
        """The reason and the message when it is not opened."""
        self._service = service
        self._documents = service.documents
        self._session = session
        self._peer = peer
        self._said = said
        self._incoming: Incoming | None = None
        self._inflating: Inflating | Unpacking | None = None
        self._size = record.length
        self._absent = said.get("absent") == "yes"
        self._follow: int | None = None
        self._inquiry: Inquiry | None = None
        self._half: Half | None = None
        if peer.link:
            self._read_link(service.config.limits.body)
        try:
            self.place = self._place()
        except RemoteProtocolError:
            self.place = names.place("", "", session.host)
            self.refusal = "failed", "the file's name is malformed"

    @property
    def label(self) -> str:
        """The file as notifications name it."""
        trusted = self._peer.ours or self._peer.verified
        return self.place.label if trusted else f"{self.place.label} (unverified)"

    async def begin(self) -> None:
        """Find out whether it may be opened, and make room for its text."""
        self.refusal = self.refusal or await self._why_not()
        if self.refusal is None:
            try:
                self._incoming = self._documents.tools.files.create(
                    self.place.host, self.place.parts, self._size
                )
            except RbridgeError as error:
                self._cannot(error)

    async def write(self, data: bytes) -> None:
        """Take the next piece of the body; one that is refused meanwhile is passed over."""
        if self._inflating is None:
            await self._store(data)
            return
        several = False
        for piece in self._inflating.feed(data) if self._incoming is not None else ():
            if several:  # a few bytes can become many pieces
                await trio.lowlevel.checkpoint()
            await self._store(piece)
            several = True

    async def complete(self) -> None:
        """The body has arrived: the document begins, or the host hears why not."""
        if self.refusal is None and self._incoming is not None:
            if self._inflating is not None:
                self._inflating.finish()
            if self._inquiry is not None and not self._inquiry.told:
                self.abandon()
                await self._peer.refuse(self.token, "cancelled", f"{self.place.name} is not wanted any more")
                return
            waiting = self._open_here()
            if waiting is not None and waiting.closed and waiting.session is not self._session:
                self._documents.start(partial(self._after, waiting, self._incoming))
                return
            await self._document(self._incoming)
        await self._conclude()

    async def _conclude(self) -> None:
        """It was opened, or the host hears why not."""
        if self.refusal is not None:
            await self.refuse()
        elif self._inquiry is not None:
            self._inquiry.fail("failed", f"{self.place.name} was not opened")  # unless it was

    async def refuse(self) -> None:
        """Tell the user and the host that it is not opened."""
        reason, message = self.refusal or ("failed", "")
        if self._half is not None:
            self._half.fails()
        if self._inquiry is not None:
            self._inquiry.fail(reason, message)
        if reason != "cancelled":
            self._documents.tools.notifier.tell(f"{self.label} is not opened: {message}")
        await (self._session.peer or self._peer).refuse(self.token, reason, message)

    def abandon(self) -> None:
        """Leave nothing of a text that did not arrive whole."""
        if self._half is not None:
            self._half.fails()
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.close()
            self._documents.tools.files.wipe(incoming.id)
        if self._inquiry is not None:
            self._inquiry.coming = False  # the host may say it again

    def _read_link(self, limit: int) -> None:
        """What only a link can say of a body."""
        said = self._said
        if "encoding" in said:
            values.one_of(said["encoding"], ("zlib", "blocks"))
            self._size = values.size(said.get("size"), limit)
            self._inflating = (Inflating if said["encoding"] == "zlib" else Unpacking)(self._size)
        if "diff" in said:
            self._half = self._session.pairs.half(*values.diff(said["diff"]))
            self._half.arrives()
        if said.get("follow") == "yes":
            self._follow = values.size(said.get("at"), values.SERIAL)
        if "folder" in said:
            asked = self._session.asked(values.token(said["folder"]))
            number = values.request(said.get("request"))
            self._inquiry = asked.asked_for(number) if asked is not None else None
            if asked is not None and asked.gave_up(number):
                self.refusal = "cancelled", "the laptop does not want this file any more"
            elif self._inquiry is None:
                self.refusal = "failed", "the laptop did not ask for this file"

    def _place(self) -> names.Place:
        display_name, real_path = self._said.get("display-name", ""), self._said.get("real-path", "")
        if not self._peer.link:
            return names.place(display_name, real_path, self._peer.name)
        place = names.place(codec.unquote(display_name), codec.unquote(real_path), self._session.host)
        return replace(place, host=self._peer.name) if self._peer.name else place

    async def _why_not(self) -> tuple[str, str] | None:
        """The reason and the message if it may not be opened; asks the user where ``classic`` says so."""
        session = self._session
        if self._documents.stopping:
            return "failed", "rbridge serve is ending on the laptop"
        if self._peer.link and (self._taken() or len(session) >= self._service.config.limits.records):
            return "failed", "the token is in use, or too many files are open"
        if not session.allowed:
            session.allowed = await self._admit()
        return None if session.allowed else ("denied", "the laptop does not open files from this connection")

    async def _admit(self) -> bool:
        """What ``classic`` says of a peer that proves nothing."""
        classic, consent = self._service.config.classic, self._service.consent
        if classic != "ask":
            return classic == "allow"
        question = consent.question(f"{self.place.label} ({self._peer.origin}, unverified) asks to be opened")
        if question is None:
            return False
        self._documents.tools.notifier.tell(f"{self.place.label} asks to be opened: run 'rbridge allow'")
        return await consent.wait(question)

    async def _store(self, data: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            return  # of a refused file
        try:
            if self._documents.tools.files.in_memory:
                incoming.write(data)
            else:
                await trio.to_thread.run_sync(incoming.write, data)
        except RbridgeError as error:
            self._cannot(error)

    def _cannot(self, error: RbridgeError) -> None:
        """FILES cannot take it: leave nothing of it, and refuse it."""
        self.abandon()
        self.refusal = "no-space" if isinstance(error, NoSpace) else "failed", str(error)

    async def _after(self, waiting: Editing, incoming: Incoming) -> None:
        """Open it when *waiting*, the document of a client that is gone, which has no editor any more, has
        delivered its text. The answers to that come on our connection, which must not wait for this.
        """
        try:
            if await self._deliver(waiting, incoming) and self._incoming is not None:
                await self._document(self._incoming)
            await self._conclude()
        except (PeerGone, belated.NotWanted) as error:
            logger.debug("%s: %s", self.place.name, error)
        except Exception:
            logger.exception("%s: an error in rbridge itself; it is not opened", self.place.name)
        finally:
            if self._incoming is not None:
                self.abandon()

    async def _deliver(self, waiting: Editing, incoming: Incoming) -> bool:
        """Have *waiting* deliver its text, which is the one to show then. False: there is no room for it.

        Raises NotWanted.
        """
        digest = incoming.finish() or await trio.to_thread.run_sync(_digest, incoming)
        session, files = self._session, self._documents.tools.files
        if session.peer is None or waiting.session.peer is not None or self._documents.stopping:
            raise belated.NotWanted  # while we looked: the host, if it is still there, says it again
        logger.info("%s: %s is delivered first", self._peer.origin, waiting.name)
        present = None if self._absent else digest
        newer = await belated.deliver(self._documents, session, self.token, waiting, present)
        if newer < 0:
            return True
        try:
            made = await belated.lay_out(files, self.place.host, self.place.parts, newer)
        except RbridgeError as error:
            self._cannot(error)
            return False
        finally:
            os.close(newer)
        files.wipe(incoming.id)
        self._incoming, self._absent = made, False
        return True

    async def _document(self, incoming: Incoming) -> None:
        """All of the text is there."""
        digest = incoming.finish()
        open_here = self._open_here()
        if open_here is not None:
            await self._go_on(open_here, incoming, digest)
            return
        found = await self._older_text()
        session = self._session
        if session.peer is None or self._documents.stopping or (self._peer.link and self._taken()):
            self.abandon()  # while we looked: the host, if it is still there, says it again
            return
        tools, text = self._documents.tools, self._text(incoming)
        asked = self._inquiry
        base = asked.base or "" if asked is not None else ""
        editing = Editing(
            tools, session, self.token, text, digest, absent=self._absent, follow=self._follow, made_from=base
        )
        editing.undelivered, editing.note, editing.remark = found
        self._incoming = None
        known = "" if self._peer.ours or self._peer.verified else " (unverified)"
        where = f"{self.place.host}{known}:{self.place.path or self.place.name}"
        logger.info("%s: opens %s, %d bytes", self._peer.origin, where, incoming.size)
        session.begin(self.token, editing)
        if asked is not None:
            asked.over.set()

    def _taken(self) -> bool:
        """Whether the token stands for a document that the host knows to be open, or for a folder."""
        if self.token in self._session.folders:
            return True
        editing = self._session.documents.get(self.token)
        return editing is not None and editing.document.attached

    def _open_here(self) -> Editing | None:
        """The document that is meant: one of this token, of which the host never heard that it was opened, or
        this very file of this very host, open here for a client that is gone.
        """
        editing = self._session.documents.get(self.token) if self._peer.link else None
        if editing is not None or not self._peer.verified or not self.place.path:
            return editing
        for one in self._documents.find(self.place.host, self.place.path):
            if (
                one.session.peer is None
                and one.session.secret
                and one.session.identity == self._peer.identity
            ):
                return one
        return None

    async def _go_on(self, editing: Editing, incoming: Incoming, digest: str) -> None:
        """Let the open document go on instead of opening the file a second time."""
        if not digest:  # of a large text it was not made as it came
            digest = await trio.to_thread.run_sync(_digest, incoming)
        self.abandon()
        found = await self._older_text(editing.text.id)
        if editing.document.attached or self._session.peer is None:
            return  # while we looked: the host says it again
        if editing.session is not self._session:
            logger.info("%s: %s goes on where it was open", self._peer.origin, editing.name)
            self._session.adopt(self.token, editing)
        editing.undelivered, editing.note, editing.remark = found
        editing.attached(None if self._absent else digest, 0)
        if self._inquiry is not None:
            self._inquiry.document = editing.text.id
            self._inquiry.over.set()

    async def _older_text(self, own: str = "") -> tuple[bool | None, str, str]:
        """Whether an older text of this file waits here, None where the host is not to know; and a line each
        for the user at the host and at the laptop if so. The document *own* is not meant.
        """
        if not self.place.path or not (self._peer.ours or self._peer.verified):
            return None, "", ""
        host, path, identity = self.place.host, self.place.path, self._session.identity
        waits, entry = await older.look(self._documents, host, path, identity, own)
        if entry is None:
            return waits, "", ""
        when = _when(entry.about.time)
        here = f"{self.label}: a text from {when} was never delivered: rbridge recover show {entry.about.id}"
        self._documents.tools.notifier.tell(here)
        laptop = self._service.laptop
        return True, f"{laptop} keeps an undelivered text of it from {when}: rbridge recover there", here

    def _text(self, incoming: Incoming) -> Text:
        said, place = self._said, self.place
        line, column = names.position(said.get("selection", ""))
        return Text(
            id=incoming.id,
            host=place.host,
            path=place.path,
            name=place.name,
            file=incoming.path,
            size=incoming.size,
            line=line,
            column=column,
            file_type=clean(said.get("file-type", ""))[:64],
            read_only=self._follow is not None or said.get("read-only", "") in _YES,
            new_window=said.get("new", "") in _YES,
            wait=self._peer.link and said.get("wait", "") in _YES,
            verified=self._peer.ours or self._peer.verified,
            half=self._half,
            wanted=self._inquiry.wanted if self._inquiry is not None else None,
            keep_focus=said.get("keep-focus", "") in _YES or said.get("re-activate", "yes") not in _YES,
        )


def _digest(incoming: Incoming) -> str:
    fd = texts.take(incoming.path)
    try:
        return texts.digest(fd)
    finally:
        os.close(fd)


def _when(moment: float) -> str:
    """The time of day, with the date unless it is today's."""
    then = time.localtime(moment)
    return time.strftime("%H:%M" if then[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", then)
