"""What a directory of a folder holds, a page at a time.

The sorted names of the directory that is being paged are kept: to sort 100,000 of them for every page would
take most of its time. Nothing is known of an entry before its page is asked for.
"""

import os
import stat
from time import monotonic

from rbridge import mounts
from rbridge.client.root import Outside
from rbridge.client.stamp import RACY_NS, now_ns
from rbridge.wire import codec

MYPY = False
if MYPY:
    from typing import Any, Dict, FrozenSet, List, Optional, Tuple

    from rbridge.client.root import Root

    Entry = Dict[str, Any]

KEPT = 10.0
"""Seconds that names are kept after a page."""

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory"}

RESOLVED = 100
"""Links of one page that are followed to where they lead."""


def spelled(name: str) -> str:
    """A name or a path as the wire has it."""
    if name.isprintable() and "%" not in name:
        return name
    return codec.quote(os.fsencode(name).decode("utf-8", "surrogateescape"))


def numbers(found: os.stat_result) -> "Entry":
    """What an entry says of a file."""
    mode = found.st_mode
    return {
        "type": KINDS.get(stat.S_IFMT(mode), "other"),
        "size": found.st_size,
        "mtime": found.st_mtime_ns,
        "mode": "%04o" % stat.S_IMODE(mode),
    }


def entry(root: "Root", fd: int, names: "List[str]", name: str, resolve: bool = True) -> "Entry":
    """What *name* in the directory *fd*, to which *names* lead, is. Raises OSError when it is not there."""
    found = os.stat(name, dir_fd=fd, follow_symlinks=False) if name else os.fstat(fd)
    if not stat.S_ISLNK(found.st_mode):
        return numbers(found)
    said: "Entry" = {"type": "link", "link": spelled(os.readlink(name, dir_fd=fd))}
    if resolve:
        try:
            with root.place(names + [name]) as place:
                said.update(numbers(place.stat()))
        except Outside:
            said["outside"] = True
        except OSError:
            said["dangling"] = True
    return said


class Listing:
    """The pages of one directory after the other, of one folder. Several threads may use it."""

    def __init__(self) -> None:
        self._kept: "Optional[Tuple[Tuple[int, int, int], List[str], float]]" = None

    def forget(self) -> None:
        """Let go of what was not asked for lately."""
        kept = self._kept
        if kept is not None and monotonic() >= kept[2]:
            self._kept = None

    def names(self, fd: int, after: bytes, limit: int) -> "List[str]":
        """All names of the directory *fd*, sorted; kept for some seconds unless a page of at most *limit*
        behind *after* is the last one.
        """
        found = os.fstat(fd)
        this = (found.st_dev, found.st_ino, found.st_mtime_ns)
        kept = self._kept
        there = kept[1] if kept is not None and kept[0] == this else in_order(os.listdir(fd))
        # one that is changed within the same tick of the file system's clock would look the same
        if _behind(there, after) + limit < len(there) and now_ns() - found.st_mtime_ns > RACY_NS:
            self._kept = (this, there, monotonic() + KEPT)
        elif kept is self._kept:
            self._kept = None
        return there


def in_order(names: "List[str]") -> "List[str]":
    """*names*, sorted by their bytes."""
    try:
        "".join(names).encode("ascii")
    except UnicodeEncodeError:
        names.sort(key=os.fsencode)
    else:
        names.sort()  # that is the same, in half the time
    return names


def page(
    root: "Root", fd: int, way: "List[str]", names: "List[str]", after: bytes, limit: int
) -> "Tuple[List[Entry], Optional[str]]":
    """At most *limit* entries of the directory *fd*, to which *way* leads, behind the name *after*, and where
    to go on. *names* are all that it has.
    """
    begin = _behind(names, after)
    wanted = names[begin : begin + limit]
    away = mounted(fd)
    entries: "List[Entry]" = []
    links = 0
    for name in wanted:
        try:
            said = {"type": "directory"} if name in away else entry(root, fd, way, name, links < RESOLVED)
        except OSError:
            continue  # it has gone meanwhile
        links += "link" in said
        said["name"] = spelled(name)
        entries.append(said)
    return entries, spelled(wanted[-1]) if begin + limit < len(names) else None


def mounted(fd: int) -> "FrozenSet[str]":
    """The paths, from the directory *fd*, at which another machine's files are mounted: one that does not
    answer would keep all the rest from being shown.
    """
    try:
        return mounts.below(os.readlink("/proc/self/fd/{}".format(fd)))
    except OSError:
        return frozenset()


def _behind(names: "List[str]", after: bytes) -> int:
    """The index of the first of the sorted *names* that is above *after*."""
    low, high = 0, len(names)
    while low < high:
        middle = (low + high) // 2
        if os.fsencode(names[middle]) <= after:
            low = middle + 1
        else:
            high = middle
    return low
