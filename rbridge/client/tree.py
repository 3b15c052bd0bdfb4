"""The files of a folder as a person means them: what git, ripgrep, or else a walk of our own names.

For a process of its own (:mod:`rbridge.client.child`), whose directory is the folder's root. Nothing here is
kept in memory: a folder of millions of files goes through line by line. None of these programs is given
anything that came over the wire but behind ``=`` or ``--``, and none may run what the folder's own
configuration names.
"""

import os
import stat

from rbridge.client.ignores import CACHES, LARGEST, NAME, Ignores, cached
from rbridge.client.program import started
from rbridge.client.root import DIRECTORY
from rbridge.client.silent import literal, silent

MYPY = False
if MYPY:
    from typing import Callable, Iterator, List, Optional, Sequence, Tuple

GIT = (
    # fmt: off
    "git",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.quotePath=false",
    "-c",
    "submodule.recurse=false",
    "-c",
    "color.ui=false",
    # fmt: on
)
RG = ("rg", "--no-config", "--hidden", "--no-require-git", "--glob=!.git", "--color=never")

SOME = 256
"""Files that a walk names at a time."""


def raw(words: "Tuple[str, ...]") -> "List[bytes]":
    return [os.fsencode(word) for word in words]


def files(root: int, idle: "Callable[[], None]") -> "Iterator[Tuple[str, List[str]]]":
    """(who says so, some paths) of the files below the directory *root*, which is the current one, too: as
    many at a time as are known.

    *idle* is called while the next ones are waited for.
    """
    without = silent(root)
    for by, words in (
        ("git", raw((*GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"))),
        ("rg", raw((*RG, "--files", "--null", *("--glob=!" + literal(path) for path in without)))),
    ):
        program = None if without and by == "git" else started(words)  # git cannot be told of them
        if program is None:
            continue
        some = False
        last = ""
        try:
            for pieces in program.pieces(b"\0", 64 * 1024, idle):
                said = os.fsdecode(b"\0".join(pieces))
                names = said.split("\0") if pieces else []
                # git names a file in conflict three times
                paths = [name for before, name in zip([last] + names, names) if name != before]
                if any(name in said for name in CACHES):
                    paths = [path for path in paths if not cached(path)]
                some = some or bool(names)
                last = names[-1] if names else last
                yield by, paths
            if some or (program.wait() <= 1 and by == "rg"):
                return  # of a folder that git ignores as a whole it says nothing
        finally:
            program.close()
    found: "List[str]" = []
    for path, _fd, _name in walk(root, without):
        found.append(path)
        if len(found) == SOME:
            yield "python", found
            found = []
    yield "python", found


def walk(root: int, without: "Sequence[str]" = ()) -> "Iterator[Tuple[str, int, str]]":
    """(path, a descriptor of its directory, name) of each file, or link, that no ``.gitignore`` there
    excludes, and that is not in a directory *without* which it has to do. Nothing is opened but those and
    directories, and no link is followed.
    """
    way: "List[Tuple[int, str, Ignores, List[str]]]" = []  # directories, with those inside that are to come
    entered = _entered(os.dup(root))
    base, here = "", Ignores("", "")
    try:
        while True:
            if entered is not None:
                fd, directories, names = entered
                here = here.within(_said(fd) if NAME in names else "", base)
                inside = [one for one in directories if not cached(one) and base + one not in without]
                inside = [one for one in inside if not here.ignored(base + one, True)]
                way.append((fd, base, here, inside))
                for name in names:
                    if not here.ignored(base + name, False):
                        yield base + name, fd, name
            while way and not way[-1][3]:
                os.close(way.pop()[0])
            if not way:
                return
            fd, base, here, inside = way[-1]
            name = inside.pop()
            base += name + "/"
            try:
                entered = _entered(os.open(name, DIRECTORY, dir_fd=fd))
            except OSError:
                entered = None
    finally:
        for fd, _base, _here, _inside in way:
            os.close(fd)


def _entered(fd: int) -> "Optional[Tuple[int, List[str], List[str]]]":
    """The directory *fd* and what is in it, sorted: directories, the last one first, and files with links.
    None, and *fd* closed, where that cannot be told.
    """
    directories: "List[str]" = []
    names: "List[str]" = []
    try:
        for name, is_directory, is_file in _listed(fd):
            if is_directory:
                directories.append(name)
            elif is_file:
                names.append(name)
    except OSError:
        os.close(fd)
        return None
    directories.sort(reverse=True)
    names.sort()
    return fd, directories, names


def _listed(fd: int) -> "Iterator[Tuple[str, bool, bool]]":
    """Each name in the directory *fd*, whether it is one of a directory, and whether of a file or a link."""
    try:
        scanned = os.scandir(fd)
    except TypeError:  # Python 3.6 takes a path only
        for name in os.listdir(fd):
            try:
                mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            except OSError:
                continue
            yield name, stat.S_ISDIR(mode), stat.S_ISREG(mode) or stat.S_ISLNK(mode)
        return
    with scanned:
        for one in scanned:
            is_file = one.is_file(follow_symlinks=False) or one.is_symlink()
            yield one.name, not is_file and one.is_dir(follow_symlinks=False), is_file


def _said(fd: int) -> str:
    """What the ``.gitignore`` of the directory *fd* says."""
    try:
        opened = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return ""
    try:
        return os.fsdecode(os.read(opened, LARGEST))
    except OSError:
        return ""
    finally:
        os.close(opened)
