"""A file that is held by its directory: for root, whom nobody may lead elsewhere.

A path can be made to lead to another file while an editor is open: by a link that is swapped, or a directory
above it. Under sudo (:mod:`rbridge.client.sudo`) the directory that a path led to when it was opened is kept
open, and all that is read or written later goes by ``/proc/self/fd/N/NAME``: that very directory, wherever it
is by then, and that very name in it. A link that lies there by then is not followed.
"""

import os

from rbridge.errors import Denied, TryAgain

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.source import Source

HELD = "/proc/self/fd/"
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)


def pin(source: "Source") -> None:
    """Hold the directory of *source* from now on. Raises Denied, and TryAgain if it is another by now."""
    directory, name = os.path.split(os.path.realpath(source.real))
    try:
        fd = walk(directory)
        if not os.path.isdir(HELD + str(fd)):
            raise Denied("cannot open {}: root needs /proc to hold its directory".format(source.path))
        try:
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            seen = os.fstat(source.fd) if source.fd >= 0 else None
            same = seen is not None and (found.st_dev, found.st_ino) == (seen.st_dev, seen.st_ino)
        except FileNotFoundError:
            same = source.fd < 0
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Denied("cannot open {}: its directory cannot be held: {}".format(source.path, why)) from None
    if not same:
        raise TryAgain("not opened: another file took the place of {} just now".format(source.path))
    source.resolved = "{}{}/{}".format(HELD, fd, name)


def walk(directory: str) -> int:
    """A descriptor of *directory*, an absolute path that has no link in it. Raises OSError."""
    fd = os.open("/", _DIRECTORY)
    for name in filter(None, directory.split("/")):
        above = fd
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=above)
        finally:
            os.close(above)
    return fd


def descriptors(sources: "List[Source]") -> "List[int]":
    """Those by which *sources* are held."""
    held = [source.resolved for source in sources if is_held(source.resolved)]
    return [int(path[len(HELD) :].partition("/")[0]) for path in held]


def is_held(path: str) -> bool:
    return path.startswith(HELD)


def place(source: "Source") -> str:
    """The path by which *source* is read and written."""
    return source.resolved if is_held(source.resolved) else source.real


def resolved(path: str) -> str:
    """Where *path* leads to."""
    return path if is_held(path) else os.path.realpath(path)


def flags(path: str) -> int:
    """What is to be added when *path* is opened."""
    return os.O_NOFOLLOW if is_held(path) else 0


def named(path: str) -> str:
    """What other processes, and people, have to call *path*."""
    if not is_held(path):
        return path
    directory, name = os.path.split(path)
    try:
        return os.path.join(os.readlink(directory), name)
    except OSError:
        return path
