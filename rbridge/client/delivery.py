"""Sending files: the way from a checked source to a document at the other side.

Towards our daemon the files of one command share a connection, but one too large for memory has its own, so
that no save waits behind it. Towards a plain rmate server each file has its own, because rsub, remote-vscode
and rmate-server open only the first of several. Memory does not grow with a file: what is above :data:`SMALL`
goes from the file to the socket by sendfile.
"""

import _socket
import errno
import os
import select
import sys

from rbridge import __version__, system
from rbridge.client import locate
from rbridge.client.source import Source, trouble
from rbridge.errors import NoInput, NotListening, RbridgeError
from rbridge.wire import codec
from rbridge.wire.records import Dot, End, Record

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Optional

    from rbridge.client.options import Options
    from rbridge.client.probe import Peer

SMALL = 1024 * 1024
"""Bytes up to which a file is read, hashed and sent as one object."""

PIECE = 1024 * 1024  # bytes read at a time where there is no sendfile
ONE_SENDFILE = 1 << 30  # Linux moves at most 2 GiB - 4 KiB in one call

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

    def __init__(self, source: Source, peer: "Peer") -> None:
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


class Shrunk(Exception):
    """There are fewer bytes than were announced: the connection is of no use any more."""


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
        return locate.again(self.first, self.options, self.report)

    def failed(self, source: Source, error: RbridgeError) -> None:
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

    def patiently(self, source: Source) -> Document:
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

    def one(self, source: Source, peer: "Peer") -> Document:
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
        if peer.link and not wire.link:
            start = wire.say(Record("link", introduction()))
        headers = (
            link_headers(source, self.options) if peer.link else plain_headers(source, self.options, peer)
        )
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


def shrinking(source: Source) -> RbridgeError:
    return NoInput("not opened: {} keeps shrinking while it is read".format(source.path), "try again")


def finish(peer: "Peer") -> bytes:
    """What completes an ``open``; a plain server is told that nothing more comes."""
    return peer.wire.send(End()) + (b"" if peer.link else peer.wire.send(Dot()))


def read_small(source: Source, document: Document) -> bytes:
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
        raise trouble("read", source.path, error) from None
    if len(data) > SMALL:
        raise NoInput("not opened: {} grew while it was read".format(source.path), "try again")
    source.size = len(data)
    return data


def introduction() -> "Dict[str, str]":
    """The headers of ``link``: who is there. Shown on the laptop as what it is, a claim."""
    try:
        cwd = os.getcwd()
    except OSError:
        cwd = ""
    return {
        "version": __version__,
        "user": codec.label(system.user_name(os.geteuid())),
        "host": codec.label(os.uname().nodename),
        "cwd": codec.quote(wire_text(cwd)),
        "pid": str(os.getpid()),
    }


def link_headers(source: Source, options: "Options") -> "Dict[str, str]":
    """The headers of ``open`` towards our daemon."""
    headers = {
        "token": source.token,
        "display-name": codec.quote(wire_text(display_name(source))),
        "real-path": codec.quote(wire_text(source.real)),
        "data-on-save": "yes",
        "re-activate": "no" if options.keep_focus else "yes",
    }
    if source.line:
        headers["selection"] = (
            "{}:{}".format(source.line, source.column) if source.column else str(source.line)
        )
    if source.type:
        headers["file-type"] = codec.label(source.type)
    if options.keep_focus:
        headers["keep-focus"] = "yes"
    if source.read_only:
        headers["read-only"] = "yes"
    if options.wait:
        headers["wait"] = "yes"
    if source.mode >= 0:
        headers["mode"] = "{:04o}".format(source.mode)
    return headers


def plain_headers(source: Source, options: "Options", peer: "Peer") -> "Dict[str, str]":
    """The headers of ``open`` towards a server of the rmate family, which may take offence at any other."""
    textmate = peer.said.editor == "TextMate"
    name, real = codec.label(wire_text(display_name(source))), codec.label(wire_text(source.real))
    if textmate:  # QUIRK: TextMate alone undoes backslash escapes in values
        name, real = name.replace("\\", "\\\\"), real.replace("\\", "\\\\")
    headers = {
        "display-name": name,
        "real-path": real,
        "data-on-save": "yes",
        "re-activate": "no" if options.keep_focus else "yes",
        "token": source.token,
    }
    if source.line:
        # QUIRK: RemoteSubl takes LINE:COLUMN for a part of the path, the VS Code family for no number
        columns = textmate or peer.said.editor.startswith("zed-rmate-server")
        headers["selection"] = codec.label(source.selection) if columns else str(source.line)
    if source.type:
        headers["file-type"] = codec.label(source.type)
    return headers


def display_name(source: Source) -> str:
    """What the editor shows: the name asked for, else ``host:path``, and the lines if it is a part."""
    name = source.name or "{}:{}".format(os.uname().nodename, source.path)
    return "{} ({})".format(name, source.part) if source.part else name


def wire_text(path: str) -> str:
    """*path* as UTF-8 with surrogateescape, whatever this process' locale makes of its bytes."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def send_all(sock: "_socket.socket", data: bytes, patience: float) -> None:
    """Write all of *data* to the non-blocking *sock*; raises OSError, also when it stalls that long."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except (BlockingIOError, InterruptedError):
            _writable(sock, patience)


def send_file(sock: "_socket.socket", fd: int, start: int, count: int, patience: float) -> None:
    """Write *count* bytes of *fd* from offset *start* to *sock*; raises Shrunk when there are fewer."""
    direct = system.LINUX and hasattr(os, "sendfile") and sys.implementation.name == "cpython"
    end = start + count
    while start < end:
        if not direct:
            piece = os.pread(fd, min(PIECE, end - start), start)
            send_all(sock, piece, patience)
            moved = len(piece)
        else:
            try:
                moved = os.sendfile(sock.fileno(), fd, start, min(ONE_SENDFILE, end - start))
            except BlockingIOError:
                _writable(sock, patience)
                continue
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW):
                    raise
                direct = False  # some file systems cannot
                continue
        if not moved:
            raise Shrunk
        start += moved


def _writable(sock: "_socket.socket", patience: float) -> None:
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLOUT)
    if not poll.poll(int(patience * 1000)):
        raise TimeoutError(errno.ETIMEDOUT, "it took nothing for {:g} s".format(patience))
