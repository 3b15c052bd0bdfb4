"""Standard input as a text to edit: ``rbridge open -``.

What comes in goes to a file without a name, in memory where there is room, and so does each save; a name is
never given to it, so nothing is left behind however we end.
"""

import os
import sys

from rbridge import mounts
from rbridge.client.source import Source
from rbridge.errors import CannotCreate, UsageError

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.options import Options, Request

PIECE = 1024 * 1024
NAME = "untitled (stdin)"


def add(options: "Options", called: str) -> None:
    """Without a path, rmate reads standard input if that is no terminal, or with ``-w``.

    *called* is the command's name. Raises UsageError.
    """
    from rbridge.client.options import Request

    if options.lines is not None or (os.isatty(0) and not options.wait):
        raise UsageError("which file?", "{} --help shows how".format(called))
    options.requests = [Request("-")]
    options.wait = True


def source(request: "Request") -> Source:
    """All of standard input, read to its end. Raises CannotCreate when there is no room for it."""
    if os.isatty(0):
        sys.stderr.write("rbridge: reading standard input, end it with Ctrl-D\n")
        sys.stderr.flush()
    # RemoteSubl takes two texts with one real-path for the same
    found = Source(NAME, "/dev/stdin-{}.txt".format(os.getpid()), request)
    found.stdin = True
    found.type = found.type or "txt"
    found.fd = nameless()
    try:
        while True:
            piece = os.read(0, PIECE)
            if not piece:
                break
            append(found.fd, piece)
            found.size += len(piece)
    except OSError as error:
        found.close()
        raise CannotCreate("cannot keep what is read from stdin: {}".format(error.strerror)) from None
    except BaseException:
        found.close()
        raise
    return found


def nameless() -> int:
    """A descriptor of a new empty file that has no name and goes away when it is closed."""
    last = None
    for place in _places():
        try:
            tmpfile = getattr(os, "O_TMPFILE", 0)
            if tmpfile:
                return os.open(place, os.O_RDWR | tmpfile, 0o600)
        except OSError:
            pass  # not every file system can; the other way works on all
        path = os.path.join(place, ".rbridge-" + os.urandom(8).hex())
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            last = error
            continue
        os.unlink(path)
        return fd
    raise CannotCreate(
        "cannot keep what is read from stdin: no temporary file ({})".format(last.strerror if last else "")
    )


def _places() -> "List[str]":
    temporary = os.environ.get("TMPDIR", "")
    roomy = [place for place in mounts.memory_dirs() if mounts.free_bytes(place) > 256 * PIECE]
    return roomy + ([temporary] if temporary.startswith("/") else []) + ["/tmp", "/var/tmp"]


def append(fd: int, data: bytes) -> None:
    """Write all of *data* where *fd* stands."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_out(fd: int) -> None:
    """Copy the file to standard output. Raises BrokenPipeError when nobody reads there any more."""
    offset = 0
    while True:
        piece = os.pread(fd, PIECE, offset)
        if not piece:
            return
        append(1, piece)
        offset += len(piece)


class Draft:
    """A saved version of standard input: takes the pieces as :class:`rbridge.client.staging.Staging` does.

    *failure* is a sentence if it could not be kept, *size* and *sha256* are those of what came.
    """

    def __init__(self) -> None:
        import hashlib

        self.fd = -1
        self.size = 0
        self.sha256 = ""
        self.failure = ""
        self._hash = hashlib.sha256()
        try:
            self.fd = nameless()
        except CannotCreate as error:
            self.failure = str(error)

    def write(self, data: bytes) -> None:
        """Append *data*; what fails is remembered, and the rest passed over."""
        self._hash.update(data)
        self.size += len(data)
        if not self.failure:
            try:
                append(self.fd, data)
            except OSError as error:
                self.failure = "cannot save {}: {}".format(NAME, (error.strerror or "").lower())

    def finish(self) -> None:
        """All of it has come."""
        self.sha256 = self._hash.hexdigest()

    def abort(self) -> None:
        """Forget it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
