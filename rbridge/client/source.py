"""The files to be opened: checked before anything is said to anyone.

A :class:`Source` is one PATH that can be sent. Whatever cannot is refused here with its own words: a pipe,
a device, a file that we may not read or write, a place that does not exist, too much text.
"""

import os
import stat
from binascii import hexlify

from rbridge.errors import Denied, NoInput
from rbridge.wire.limits import BODY

MYPY = False
if MYPY:
    from typing import Optional

    from rbridge.client.options import Options, Request

LARGE = 256 * 1024 * 1024
"""Bytes above which a file is sent only with --large; VS Code asks at 1 GiB, vim never."""

LARGE_BINARY = 16 * 1024 * 1024
"""The same for binary data, which no editor shows in a useful way."""

NOTHING = "empty"
"""The part of the null device that stands for a file that is not there, in a comparison."""

BINARY_PROBE = 8 * 1024
"""Bytes looked at for a NUL, as git does."""


class Source:
    """One file to open, or a part of it, or standard input.

    *path* is what the user typed, without ``:LINE``; *real* is absolute. *fd* is open for reading, -1 for a
    file that does not exist yet. *start* and *size* are bytes; *part* says which lines, "" means the whole.
    *follow*: it grows, and what comes is sent as well. *folder*: it is a directory. *token* is what the other
    side calls it: random, so that it says nothing about the path. *unprotect*: it may be write-protected, and
    the user wants it written all the same. *device* is the file system, st_dev, -1 where that is not known.
    *shell* are the variables of the shell that it was opened from, None where they are our own.
    *diff*: ``left`` or ``right``, and a name, where it is to be compared with another one of that name.
    *port*: it is no file at all, but a port of this host, and behind a colon the one that is wanted for it on
    the laptop; or 0, for nothing but *url*, which the browser there is to show.
    Of what was handed over a thread has seen where the path leads, *resolved*, and the file, *found*.
    """

    __slots__ = (
        "column",
        "device",
        "diff",
        "fd",
        "folder",
        "follow",
        "found",
        "line",
        "mode",
        "name",
        "part",
        "path",
        "port",
        "read_only",
        "real",
        "resolved",
        "selection",
        "shell",
        "size",
        "start",
        "stdin",
        "token",
        "type",
        "unprotect",
        "url",
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
        self.follow = False
        self.folder = False
        self.unprotect = False
        self.stdin = False
        self.diff = ""
        self.port = ""
        self.url = ""
        self.resolved = ""
        self.found: "Optional[os.stat_result]" = None
        self.device = -1
        self.shell: "Optional[bytes]" = None
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
    source.read_only = options.read_only or options.lines is not None or options.follow
    try:
        found = os.stat(path)
    except FileNotFoundError:
        from rbridge.client import newfile

        newfile.check(source, options)
        return source
    except OSError as error:
        from rbridge.client.refusal import trouble

        raise trouble("open", path, error) from None
    if not stat.S_ISREG(found.st_mode):
        from rbridge.client import directory

        return directory.check(source, options, found)
    try:
        # O_NONBLOCK: what was a file a moment ago may be a pipe by now
        source.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        from rbridge.client.refusal import trouble

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
    if ":" not in path or os.path.lexists(path):
        return path
    from rbridge.client.positions import split_position

    split = split_position(path)
    if split is None:
        return path
    if not request.line:
        request.line, request.column = split[1], split[2]
        request.selection = path[len(split[0]) + 1 :].rstrip(":")
    return split[0]


def _existing(source: Source, options: "Options") -> None:
    """Fill in what an open file says of itself, or refuse it."""
    path = source.path
    found = os.fstat(source.fd)
    if not stat.S_ISREG(found.st_mode):
        raise NoInput("cannot open {}: it is no file any more".format(path))
    if not (options.force or source.read_only or accessible(path, os.W_OK)):
        raise Denied(
            "cannot open {}: no permission to write it".format(path), "--read-only to read it, --force to try"
        )
    source.unprotect = options.force
    source.mode = stat.S_IMODE(found.st_mode)
    source.size = found.st_size
    source.device = found.st_dev
    if options.follow:
        from rbridge.client import follow

        source.follow, source.part = True, "as it grows"
        source.start, source.size = follow.tail(source.fd)
        return
    if options.lines is not None:
        from rbridge.client import excerpt

        source.start, source.size, source.part = excerpt.find(source.fd, path, options.lines)
    if source.size > BODY:
        from rbridge.client.refusal import human

        raise NoInput("cannot open {}: {} is more than can be sent".format(path, human(source.size)))
    if source.size > LARGE_BINARY and not options.large:
        binary = b"\0" in os.pread(source.fd, BINARY_PROBE, source.start)
        if binary or source.size > LARGE:
            from rbridge.client.refusal import too_large

            raise too_large(path, source.size, binary)


def accessible(path: str, mode: int) -> bool:
    """Whether the effective user may do that to *path*, as far as can be told without doing it."""
    if os.access in os.supports_effective_ids:
        return os.access(path, mode, effective_ids=True)
    return os.access(path, mode)
