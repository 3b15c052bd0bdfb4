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
    from typing import Any, Callable, List, Optional

    from rbridge.client.options import Options
    from rbridge.client.probe import Peer
    from rbridge.client.source import Source

SMALL = 1024 * 1024
"""Bytes up to which a file is read, hashed and sent as one object."""


SENT, OPEN, CLOSED, REFUSED, LOST = "sent", "open", "closed", "refused", "lost"


class Document:
    """A source that was sent over *peer*. *state* is one of the words above.

    *before* is what fstat said before reading and *sha256* the hash of what was sent, "" while it is not
    known (a large file is hashed when it is with the editor). *failure* says why the last save did not reach
    the disk, "" if it did or if there was none. *due* is when an answer is overdue, in monotonic seconds.
    *target* is what saves go to and *draft* the last save of standard input, both made by ``incoming``.
    """

    __slots__ = (
        # fmt: off
        "before",
        "draft",
        "due",
        "editor",
        "failure",
        "peer",
        "sha256",
        "size",
        "source",
        "state",
        "target",
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
        self.due = 0.0
        self.target: "Any" = None
        self.draft: "Any" = None


class Delivery:
    """The sending of one command's files over *peer* and its like. *code* is that of the first failure."""

    def __init__(self, peer: "Peer", options: "Options", report: "Callable[[str], None]") -> None:
        self.first = peer
        self.free: "Optional[Peer]" = peer
        self.options = options
        self.report = report
        self.documents: "List[Document]" = []
        self.fresh = True
        self.unspoilt = True  # nothing was said yet of the file that is being sent
        self.code = 0

    def send(self, sources: "List[Source]") -> "List[Document]":
        """Send what can be sent; each failure is reported and the next one tried."""
        shared: "Optional[Peer]" = None
        for source in sources:
            alone = not self.first.link or source.size > SMALL
            try:
                if alone:
                    self.documents.append(self.patiently(source))
                    continue
                if shared is None:
                    shared = self.peer()
                self.documents.append(self.one(source, shared))
            except (RbridgeError, Shrunk) as error:
                if isinstance(error, Shrunk):
                    error = shrinking(source)
                self.failed(source, error)
                if shared is not None and not alone and not self.unspoilt:
                    self.lose(shared)
                    shared = None
        if self.free is not None:
            self.free.sock.close()
        return self.documents

    def peer(self) -> "Peer":
        """A connection that nothing was sent over yet: the one that was found, or another to that place."""
        if self.free is not None:
            found, self.free = self.free, None
            return found
        from rbridge.client import locate

        return locate.again(self.first, self.options, self.report)

    def failed(self, source: "Source", error: RbridgeError) -> None:
        self.report(error.line())
        self.code = self.code or error.exit_code
        source.close()

    def lose(self, peer: "Peer") -> None:
        """What went over this connection before is closed with it."""
        peer.sock.close()
        for document in self.documents:
            if document.peer is peer:
                self.failed(document.source, NotListening("{}: closed again".format(document.source.shown)))
        self.documents = [document for document in self.documents if document.peer is not peer]

    def patiently(self, source: "Source") -> Document:
        """Send *source* over a connection of its own, once more if it shrinks meanwhile."""
        for _ in range(2):
            peer = self.peer()
            try:
                return self.one(source, peer)
            except Shrunk:
                peer.sock.close()
            except BaseException:
                peer.sock.close()
                raise
        raise shrinking(source)

    def one(self, source: "Source", peer: "Peer") -> Document:
        """Send *source* over *peer*, all of it."""
        document = Document(source, peer)
        self.unspoilt = True
        data = b""
        if source.fd >= 0 and not source.part and not source.stdin:
            document.before = os.fstat(source.fd)
            source.size = document.before.st_size  # it may have changed since it was checked
        if source.fd >= 0 and source.size <= SMALL:
            data = read_small(source, document)
        document.size = source.size
        self.unspoilt = False
        wire = peer.wire
        start = b""
        if peer.link:
            from rbridge.client.linkheaders import introduction, link_headers

            if not wire.link:
                start = wire.say(Record("link", introduction()))
            headers = link_headers(source, self.options)
        else:
            from rbridge.client.headers import plain_headers

            headers = plain_headers(source, self.options, peer)
        if self.fresh and self.options.new:
            headers["new"] = "yes"  # as with bash rmate, only the first file asks for a window
        self.fresh = False
        start += wire.send(Record("open", headers, source.size))
        whole = source.fd < 0 or source.size <= SMALL
        try:
            if whole:
                wire.body_sent(len(data))
                send_all(peer.sock, start + data + finish(peer), self.options.patience)
            else:
                from rbridge.client.bulk import send_file

                send_all(peer.sock, start, self.options.patience)
                send_file(peer.sock, source.fd, source.start, source.size, self.options.patience)
                wire.body_sent(source.size)
                send_all(peer.sock, finish(peer), self.options.patience)
        except OSError as error:
            raise NotListening(
                "{}: {} closed the connection while it was sent ({})".format(
                    source.shown, peer.label, (error.strerror or str(error)).lower()
                ),
                "the file is unchanged",
            ) from None
        if source.fd >= 0 and whole and not source.stdin:
            import hashlib

            document.sha256 = hashlib.sha256(data).hexdigest()
            source.close()
        return document


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
