"""Sending files: the way from a checked source to a document at the other side.

Towards our daemon the files of one command share a connection, but one too large for memory has its own, so
that no save waits behind it. Towards a plain rmate server each file has its own, because rsub, remote-vscode
and rmate-server open only the first of several. Memory does not grow with a file: what is above :data:`SMALL`
goes from the file to the socket by sendfile.
"""

import os

from rbridge.client.sending import Shrunk, send_all
from rbridge.errors import NoInput, NotListening, RbridgeError
from rbridge.wire.records import Dot, End, Record

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Optional

    from rbridge.client.inquiries import Inquiries
    from rbridge.client.loop import Timer
    from rbridge.client.options import Options
    from rbridge.client.probe import Peer
    from rbridge.client.resident import Caller
    from rbridge.client.source import Source
    from rbridge.client.worker import Worker

SMALL = 1024 * 1024
"""Bytes up to which a file is read, hashed and sent as one object."""

PACKED = 16 * 1024
"""Bytes above which it may be compressed: less leaves at once over any line."""


SENT, OPEN, CLOSED, REFUSED, LOST = "sent", "open", "closed", "refused", "lost"


class Document:
    """A source that was sent over *peer*. *state* is one of the words above.

    *before* is what fstat said before reading and *sha256* the hash of what was sent, "" while it is not
    known (a large file is hashed when it is with the editor). *failure* says why the last save did not reach
    the disk, "" if it did or if there was none. *target* is what saves go to and *draft* the last save of
    standard input, both made by ``incoming``. What else there is belongs to the process that stays:

    *real* is the path without symbolic links, "" until somebody asked. *serial* is the newest save that is on
    the disk. *shown* and *message* are what the laptop last said of it (clean, dirty, saving, conflict).
    *focused* is when the user last turned to it or it was saved, in the loop's seconds: the watch looks at
    the newest ones most often. *openers* are told when the editor has it; *waiting* are those that are told
    of its end, with *code*; *asked* wants the laptop's text. *timer* runs out when the answer to ``open`` is
    overdue, *worker* is at work on its file, and *arriving* saves are on their way to the disk. *owed* says
    why only the laptop may have its newest text, when it is closed; *undelivered* is yes or no when the
    laptop said whether it has an older one. *folder* is what is asked of a folder, which is a document, too.
    *wanted* are the headers that say which request of a folder this answers, until it was said.
    """

    __slots__ = (
        # fmt: off
        "arriving",
        "asked",
        "before",
        "code",
        "draft",
        "editor",
        "failure",
        "focused",
        "inquiries",
        "message",
        "openers",
        "owed",
        "peer",
        "real",
        "serial",
        "sha256",
        "shown",
        "size",
        "source",
        "state",
        "target",
        "timer",
        "undelivered",
        "waiting",
        "wanted",
        "worker",
        # fmt: on
    )

    def __init__(self, source: "Source", peer: "Peer") -> None:
        self.source = source
        self.peer = peer
        self.state = SENT
        self.before: "Optional[os.stat_result]" = None
        self.size = 0
        self.sha256 = ""
        self.editor = ""
        self.failure = ""
        self.owed = ""
        self.undelivered = ""
        self.target: "Any" = None
        self.draft: "Any" = None
        self.real = ""
        self.serial = 0
        self.shown = ""
        self.message = ""
        self.focused = 0.0
        self.openers: "List[Caller]" = []
        self.waiting: "List[Caller]" = []
        self.arriving = 0
        self.asked: "Optional[Caller]" = None
        self.code = 0
        self.timer: "Optional[Timer]" = None
        self.worker: "Optional[Worker]" = None
        self.inquiries: "Optional[Inquiries]" = None
        self.wanted: "Dict[str, str]" = {}

    @property
    def text_fd(self) -> int:
        """The file that holds standard input's text as it is now, -1 for any other document."""
        if not self.source.stdin:
            return -1
        return int(self.draft.fd) if self.draft is not None else self.source.fd


class Delivery:
    """The sending of one command's files over *peer* and its like. *code* is that of the first failure.

    Our daemon is sent all over one connection, *main*, in a session named *secret*; only a large file beside
    others goes over one of its own, so that nothing waits behind it. A plain server takes one file each.
    """

    def __init__(self, peer: "Peer", options: "Options", report: "Callable[[str], None]") -> None:
        self.first = peer
        self.free: "Optional[Peer]" = peer
        self.options = options
        self.report = report
        self.documents: "List[Document]" = []
        self.fresh = True
        self.unspoilt = True  # nothing was said yet of the file that is being sent
        self.code = 0
        self.secret = ""
        self.main: "Optional[Peer]" = None
        self.answered = False  # the main connection's ``link`` was

    def send(self, sources: "List[Source]") -> "List[Document]":
        """Send what can be sent; each failure is reported and the next one tried."""
        for source in sources:
            alone = not self.first.link or (source.size > SMALL and len(sources) > 1)
            try:
                if source.folder:
                    from rbridge.client import directory

                    self.documents.append(directory.send(self, source))
                elif alone:
                    self.documents.append(self.patiently(source))
                else:
                    self.documents.append(self.on_main(source))
            except (RbridgeError, Shrunk) as error:
                if isinstance(error, Shrunk):
                    error = shrinking(source)
                self.failed(source, error)
                if self.main is not None and not alone and not self.unspoilt:
                    self.lose(self.main)
        if self.free is not None:
            self.free.sock.close()
        if self.main is not None and not self.documents:
            self.lose(self.main)
        return self.documents

    def peer(self) -> "Peer":
        """A connection that nothing was sent over yet: the one that was found, or another to that place."""
        if self.free is not None:
            found, self.free = self.free, None
            return found
        from rbridge.client import locate

        return locate.again(self.first, self.options, self.report)

    def on_main(self, source: "Source") -> Document:
        """Send *source* over the main connection, once more over another if it shrinks meanwhile."""
        try:
            return self.one(source, self.begin_session())
        except Shrunk:
            if self.main is None or self.documents:
                raise
        self.lose(self.main)
        return self.one(source, self.begin_session())

    def begin_session(self) -> "Peer":
        """The main connection. Its ``link`` is said with the first file, or earlier for a key."""
        if self.main is None:
            from rbridge.client.introduction import new_secret

            self.main = self.peer()
            self.secret = new_secret()
            self.answered = False
        return self.main

    def link(self, peer: "Peer") -> bytes:
        """What has to be said before the first record over *peer*, if it was not said yet."""
        if peer.wire.link:
            return b""
        from rbridge.client.introduction import Introduction, introduce

        made = Introduction(peer, self.secret, self.report)
        if not made.waits:
            return peer.wire.say(made.record)
        introduce(peer, made, self.options.patience)
        self.answered = True
        return b""

    def failed(self, source: "Source", error: RbridgeError) -> None:
        self.report(error.line())
        self.code = self.code or error.exit_code
        source.close()

    def lose(self, peer: "Peer") -> None:
        """What went over this connection before is closed with it; for a session that is everything."""
        peer.sock.close()
        whole = peer is self.main
        for document in self.documents:
            if document.peer is peer or whole:
                document.peer.sock.close()
                self.failed(document.source, NotListening("{}: closed again".format(document.source.shown)))
        self.documents = [one for one in self.documents if one.peer is not peer and not whole]
        if whole:
            self.main = None

    def patiently(self, source: "Source") -> Document:
        """Send *source* over a connection of its own, once more if it shrinks meanwhile."""
        for _ in range(2):
            peer = self.another()
            try:
                return self.one(source, peer)
            except Shrunk:
                peer.sock.close()
            except BaseException:
                peer.sock.close()
                raise
        raise shrinking(source)

    def another(self) -> "Peer":
        """A connection for one file: towards our daemon a further one of the session."""
        if not self.first.link:
            return self.peer()
        from rbridge.client import joining

        return joining.join(self)

    def one(self, source: "Source", peer: "Peer") -> Document:
        """Send *source* over *peer*, all of it."""
        document = Document(source, peer)
        self.unspoilt = True
        data = b""
        measure(source, document)
        if source.fd >= 0 and source.size <= SMALL:
            data = read_small(source, document)
        document.size = source.size
        self.unspoilt = False
        wire = peer.wire
        start = self.link(peer) if peer.link else b""
        headers = opening(source, self.options, peer)
        if self.fresh and self.options.new:
            headers["new"] = "yes"  # as with bash rmate, only the first file asks for a window
        self.fresh = False
        whole = source.fd < 0 or source.size <= SMALL
        body = data
        if peer.link and len(data) > PACKED:
            from rbridge.wire import packing

            body = packing.said(data, headers, packing.QUICKLY)
        try:
            if whole:
                start += wire.send(Record("open", headers, len(body)))
                wire.body_sent(len(body))
                send_all(peer.sock, start + body + finish(peer), self.options.patience)
            else:
                from rbridge.client.bulk import send_open

                send_all(peer.sock, start, self.options.patience)
                send_open(peer, headers, source.fd, source.start, source.size, self.options.patience)
                send_all(peer.sock, finish(peer), self.options.patience)
        except OSError as error:
            raise NotListening(
                "{}: {} closed the connection while it was sent ({})".format(
                    source.shown, peer.label, (error.strerror or str(error)).lower()
                ),
                "the file is unchanged",
            ) from None
        if whole:
            note(source, document, data)
        return document


def measure(source: "Source", document: Document) -> None:
    """Look how large a whole file is now: it may have changed since it was checked."""
    if source.fd >= 0 and not source.part and not source.stdin:
        document.before = os.fstat(source.fd)
        source.size = document.before.st_size


def opening(source: "Source", options: "Options", peer: "Peer") -> "Dict[str, str]":
    """The headers of ``open`` in the way that suits *peer*."""
    if peer.link:
        from rbridge.client.linkheaders import link_headers

        return link_headers(source, options)
    from rbridge.client.headers import plain_headers

    return plain_headers(source, options, peer)


def note(source: "Source", document: Document, data: bytes) -> None:
    """Remember what was sent of a small file, and let go of it."""
    if source.fd >= 0 and not source.stdin:
        import hashlib

        document.sha256 = hashlib.sha256(data).hexdigest()
        source.close()


def shrinking(source: "Source") -> RbridgeError:
    return NoInput("not opened: {} keeps shrinking while it is read".format(source.path), "try again")


def finish(peer: "Peer") -> bytes:
    """What completes an ``open``; a plain server is told that nothing more comes."""
    return peer.wire.send(End()) + (b"" if peer.link else peer.wire.send(Dot()))


def read_small(source: "Source", document: Document) -> bytes:
    """All of a small file (or the part that is wanted), read again if it changed meanwhile.

    Files of /proc have no size and are read to their end. Raises NoInput, or Denied.
    """
    data = b""
    try:
        for _ in range(3):
            before = os.fstat(source.fd)
            document.before = before
            if source.part or source.stdin:
                data = os.pread(source.fd, source.size, source.start)
                break
            data = os.pread(source.fd, min(before.st_size, SMALL) + 1, 0)
            if before.st_size == 0 and data:
                data = os.pread(source.fd, SMALL + 1, 0)
            after = os.fstat(source.fd)
            if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                break
    except OSError as error:
        from rbridge.client.refusal import trouble

        raise trouble("read", source.path, error) from None
    if len(data) > SMALL:
        raise NoInput("not opened: {} grew while it was read".format(source.path), "try again")
    source.size = len(data)
    return data
