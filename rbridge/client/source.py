"""The files to be opened: checked before anything is said to anyone.

A :class:`Source` is one PATH that can be sent. Whatever cannot is refused here with its own words: a
directory, a pipe, a device, a file that we may not read or write, a place that does not exist, too much text.
"""

import os
import stat
from binascii import hexlify

from rbridge.client.options import split_position
from rbridge.errors import CannotCreate, Denied, NoInput, RbridgeError
from rbridge.wire.limits import BODY

MYPY = False
if MYPY:
    from rbridge.client.options import Options, Request

LARGE = 256 * 1024 * 1024
"""Bytes above which a file is sent only with --large; VS Code asks at 1 GiB, vim never."""

LARGE_BINARY = 16 * 1024 * 1024
"""The same for binary data, which no editor shows in a useful way."""

BINARY_PROBE = 8 * 1024
"""Bytes looked at for a NUL, as git does."""

KINDS = (
    (stat.S_ISDIR, "a directory; give the files in it"),
    (stat.S_ISFIFO, "a pipe; read it with '-'"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)


class Source:
    """One file to open, or a part of it, or standard input.

    *path* is what the user typed, without ``:LINE``; *real* is absolute. *fd* is open for reading, -1 for a
    file that does not exist yet. *start* and *size* are bytes; *part* says which lines, "" means the whole.
    *token* is what the other side calls it: random, so that it says nothing about the path.
    """

    __slots__ = (
        "column",
        "fd",
        "line",
        "mode",
        "name",
        "part",
        "path",
        "read_only",
        "real",
        "selection",
        "size",
        "start",
        "stdin",
        "token",
        "type",
    )

    def __init__(self, path: str, real: str, request: "Request") -> None:
        self.path = path
        self.real = real
        self.line = request.line
        self.column = request.column
        self.selection = request.selection
        self.name = request.name
        self.type = request.type
        self.fd = -1
        self.start = 0
        self.size = 0
        self.mode = -1
        self.part = ""
        self.read_only = False
        self.stdin = False
        self.token = hexlify(os.urandom(12)).decode()

    @property
    def shown(self) -> str:
        """What messages call it."""
        return self.path + (" ({})".format(self.part) if self.part else "")

    def close(self) -> None:
        """Let go of the file; what has been sent stays open at the other side."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def check(request: "Request", options: "Options") -> Source:
    """The file that *request* means, ready to be sent. The caller closes it.

    Raises NoInput, Denied or CannotCreate with a message that names the path.
    """
    if request.path == "-":
        from rbridge.client import stdin

        return stdin.source(request)
    path = _literal(request)
    try:
        real = os.path.abspath(path)
    except OSError:
        raise NoInput("cannot open {}: the current directory is gone".format(path)) from None
    source = Source(path, real, request)
    source.read_only = options.read_only or options.lines is not None
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return _new(source, options)
    except OSError as error:
        raise trouble("open", path, error) from None
    _regular(path, found)
    try:
        # O_NONBLOCK: what was a file a moment ago may be a pipe by now
        source.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise trouble("read", path, error) from None
    try:
        _existing(source, options)
    except BaseException:
        source.close()
        raise
    return source


def _literal(request: "Request") -> str:
    """The path without ``:LINE[:COL]``, which counts as that only if no file is called so."""
    path = request.path
    if not path or "\0" in path:
        raise NoInput("cannot open '{}': that is no name of a file".format(path))
    split = split_position(path)
    if split is None or os.path.lexists(path):
        return path
    if not request.line:
        request.line, request.column = split[1], split[2]
        request.selection = path[len(split[0]) + 1 :].rstrip(":")
    return split[0]


def _regular(path: str, found: os.stat_result) -> None:
    for test, words in KINDS:
        if test(found.st_mode):
            raise NoInput("cannot open {}: it is {}".format(path, words))


def _new(source: Source, options: "Options") -> Source:
    """A file that does not exist yet: the first save will create it."""
    path = source.path
    if source.read_only:
        raise NoInput("cannot open {}: no such file".format(path))
    if path.endswith("/"):
        raise NoInput("cannot open {}: there is no such directory".format(path))
    # a dangling link: the save creates the file that it points to
    parent = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(parent):
        raise CannotCreate("cannot create {}: there is no directory {}".format(path, parent))
    if not options.force and not accessible(parent, os.W_OK | os.X_OK):
        raise Denied("cannot create {}: no permission to write in {}".format(path, parent))
    return source


def _existing(source: Source, options: "Options") -> None:
    """Fill in what an open file says of itself, or refuse it."""
    path = source.path
    found = os.fstat(source.fd)
    _regular(path, found)
    if not (options.force or source.read_only or accessible(path, os.W_OK)):
        raise Denied(
            "cannot open {}: no permission to write it".format(path), "--read-only to read it, --force to try"
        )
    source.mode = stat.S_IMODE(found.st_mode)
    source.size = found.st_size
    if options.lines is not None:
        from rbridge.client import excerpt

        source.start, source.size, source.part = excerpt.find(source.fd, path, options.lines)
    if source.size > BODY:
        raise NoInput("cannot open {}: {} is more than can be sent".format(path, human(source.size)))
    if source.size > LARGE_BINARY and not options.large:
        binary = b"\0" in os.pread(source.fd, BINARY_PROBE, source.start)
        if binary or source.size > LARGE:
            raise NoInput(
                "not opened: {} is {} of {}".format(
                    path, human(source.size), "binary data" if binary else "text"
                ),
                "--large to open it, --head N or --lines A:B for a part",
            )


def accessible(path: str, mode: int) -> bool:
    """Whether the effective user may do that to *path*, as far as can be told without doing it."""
    if os.access in os.supports_effective_ids:
        return os.access(path, mode, effective_ids=True)
    return os.access(path, mode)


def trouble(action: str, path: str, error: OSError) -> RbridgeError:
    """What to raise for an OSError: Denied or NoInput, saying which file and why."""
    words = "cannot {} {}: {}".format(action, path, (error.strerror or str(error)).lower())
    return Denied(words) if isinstance(error, PermissionError) else NoInput(words)


def human(size: int) -> str:
    """*size* bytes as people say it, in binary units."""
    number = float(size)
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return ("{:.0f} {}" if unit == "bytes" or number >= 10 else "{:.1f} {}").format(number, unit)
        number /= 1024
    return "{:.1f} GiB".format(number)
