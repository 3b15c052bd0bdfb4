"""Linux' inotify through the C library: one instance, many directories.

See inotify(7). A user may have 128 instances (``fs.inotify.max_user_instances``), so an adapter has one and
not one per document. Where the C library has no inotify (macOS), :class:`Inotify` raises OSError(ENOSYS).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODIFY = 0x2
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
Q_OVERFLOW = 0x4000
IGNORED = 0x8000
ONLYDIR = 0x1000000
DONT_FOLLOW = 0x2000000
ISDIR = 0x40000000

ARRIVED = CLOSE_WRITE | MOVED_TO
WENT = MOVED_FROM | DELETE
DIRECTORY_GONE = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED
WANTED = ARRIVED | WENT | MODIFY | CREATE | DELETE_SELF | MOVE_SELF | ONLYDIR | DONT_FOLLOW

_HEADER = struct.Struct("iIII")
_READ = 64 * 1024


@dataclass(frozen=True)
class Event:
    """One record of the kernel: *directory* is what :meth:`Inotify.add` returned, -1 after an overflow."""

    directory: int
    mask: int
    name: bytes


class Inotify:
    """One inotify instance, non-blocking. Close it with :meth:`close`; every error is an OSError."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            self._add, self._remove, create = (
                libc.inotify_add_watch,
                libc.inotify_rm_watch,
                libc.inotify_init1,
            )
        except AttributeError:
            raise OSError(errno.ENOSYS, "this system has no inotify") from None
        self._add.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]
        self.fd: int = create(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise _last_error()

    def add(self, directory: Path) -> int:
        """Watch *directory*; the number returned stands for it in events."""
        number: int = self._add(self.fd, os.fsencode(directory), WANTED)
        if number < 0:
            raise _last_error(directory)
        return number

    def remove(self, number: int) -> None:
        """Stop watching; a directory that is gone is not watched any more, which is no error."""
        if self._remove(self.fd, number) < 0 and ctypes.get_errno() != errno.EINVAL:
            raise _last_error()

    def read(self) -> Iterator[Event]:
        """All events that wait now."""
        while True:
            try:
                data = os.read(self.fd, _READ)
            except BlockingIOError:
                return
            yield from decode(data)

    def close(self) -> None:
        os.close(self.fd)


def decode(data: bytes) -> Iterator[Event]:
    """The records in *data*; the kernel never splits one."""
    at = 0
    while at < len(data):
        directory, mask, _cookie, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        yield Event(directory, mask, data[at : at + length].rstrip(b"\0"))
        at += length


def _last_error(path: Path | None = None) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), None if path is None else str(path))
