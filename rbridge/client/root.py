"""The root of an opened folder: finding the way inside of it, name by name, and never out of it.

Each directory is opened below the one before it and no link is followed by the kernel, so that neither ``..``
nor a directory that is swapped for a link in between leads out. A link that stays inside is followed here.
"""

import errno
import os
import stat

MYPY = False
if MYPY:
    from typing import List, Tuple

LINKS = 40
"""Links on one way, as the kernel counts them."""

DEPTH = 250
"""Directories on one way: each costs a descriptor meanwhile."""

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
# what may be entered need not be readable
_STEP = getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Outside(Exception):
    """The way leads out of the root."""


class Place:
    """A *name* in the directory *fd*, which this owns; "" is that directory itself. *names* lead to it.

    Whether anything is there is not known. :meth:`close` it, or use it as a context.
    """

    __slots__ = ("fd", "name", "names")

    def __init__(self, fd: int, name: str, names: "List[str]") -> None:
        self.fd = fd
        self.name = name
        self.names = names

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def stat(self) -> os.stat_result:
        """What is there; of a link, of itself. Raises OSError."""
        return os.stat(self.name, dir_fd=self.fd, follow_symlinks=False) if self.name else os.fstat(self.fd)

    def open(self, flags: int, mode: int = 0o666) -> int:
        """Open what is there, never a link's end; the descriptor. Raises OSError."""
        return os.open(self.name or ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=self.fd)


class Root:
    """The directory *fd*, which this owns, known to the user as *real*."""

    __slots__ = ("fd", "real")

    def __init__(self, fd: int, real: str) -> None:
        self.fd = fd
        self.real = real

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def path(self) -> str:
        """Where it is now: it may have been renamed. Raises FileNotFoundError when that cannot be told."""
        found = os.fstat(self.fd)
        try:
            places = [os.readlink("/proc/self/fd/{}".format(self.fd)), self.real]
        except OSError:
            places = [self.real]
        for place in places:
            try:
                there = os.stat(place)
            except OSError:
                continue
            if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino):
                return os.path.realpath(place)
        raise FileNotFoundError(errno.ENOENT, "it was deleted or moved", self.real)

    def place(self, names: "List[str]", follow: bool = True) -> Place:
        """Go to *names*; *follow*: a link at the end, too. Raises Outside, and OSError."""
        found = os.fstat(self.fd)
        if not found.st_nlink:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.real)
        way = [os.dup(self.fd)]
        try:
            name, done = self._walk(way, list(reversed(names)), follow)
            return Place(way.pop(), name, done)
        finally:
            while way:
                os.close(way.pop())

    def _walk(self, way: "List[int]", left: "List[str]", follow: bool) -> "Tuple[str, List[str]]":
        """Open the directories on the way, into *way*; the last name, and all of them."""
        done: "List[str]" = []
        links = 0
        while left:
            name = left.pop()
            if name == "..":  # only a link says that
                if not done:
                    raise Outside()
                done.pop()
                os.close(way.pop())
                continue
            target = _link(name, way[-1], bool(left)) if left or follow else ""
            if target:
                links += 1
                if links > LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
                if target.startswith("/"):
                    target = self._below(target)
                    done = []
                    while len(way) > 1:
                        os.close(way.pop())
                left += [part for part in reversed(target.split("/")) if part not in ("", ".")]
            elif not left:
                return name, done + [name]
            else:
                if len(way) > DEPTH:
                    raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), name)
                way.append(os.open(name, _STEP, dir_fd=way[-1]))
                done.append(name)
        return "", done

    def _below(self, target: str) -> str:
        """The absolute *target* seen from the root. Raises Outside."""
        for root in (self.path(), self.real):
            if target == root or target.startswith(root.rstrip("/") + "/"):
                return target[len(root) :]
        raise Outside()


def _link(name: str, fd: int, needed: bool) -> str:
    """What the link *name* says, "" if it is none; *needed*: it has to be there. Raises OSError."""
    try:
        return os.readlink(name, dir_fd=fd)
    except OSError as error:
        if error.errno == errno.EINVAL or (error.errno == errno.ENOENT and not needed):
            return ""
        raise


def is_directory(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode)
