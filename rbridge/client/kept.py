"""Texts that could not go where they belong: ``STATE/kept``, 0600, so that nothing is ever lost.

A name is ``TIME.PATH.TEXT.NAME``: when, eight hex digits each for the path and the content, and the file's
own name last, so that an editor knows its type. The same text of the same file is kept once. What is older
than 30 days goes, and of one file all but its 20 newest texts; nothing else is ever dropped.
"""

import hashlib
import os
import time

from rbridge.client import journal, pieces

MYPY = False
if MYPY:
    from typing import Dict

DAYS = 30
TEXTS = 20


def directory(state_dir: str) -> str:
    return os.path.join(state_dir, "kept")


def keep(state_dir: str, real: str, fd: int, linkable: str = "", sha256: str = "", label: str = "") -> str:
    """Keep the text in *fd*, meant for (or found at) *real*; returns its path, or raises OSError.

    *linkable* names *fd*'s file where that is in the state directory, so that it needs no copy. With *sha256*
    the text must have that hash: after a failed fsync a file may read back as something else. *label* is a
    word in the name, such as ``theirs``.
    """
    where = journal.make_directory(directory(state_dir))
    prune(where)
    _, digest = pieces.digest(fd)
    if sha256 and digest != sha256:
        raise OSError("the text cannot be read back")
    mark = "{}.{}".format(hashlib.sha256(os.fsencode(real)).hexdigest()[:8], digest[:8])
    for name in os.listdir(where):
        if name.split(".", 1)[-1].startswith(mark + ".") and _holds(os.path.join(where, name), digest):
            return os.path.join(where, name)
    stem = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "." + mark
    path = os.path.join(where, ".".join(filter(None, (stem, label, clip(os.path.basename(real), 200)))))
    if not (linkable and _link(linkable, fd, path)):
        part = os.path.join(where, "part.{}.{}".format(os.path.basename(path), os.urandom(4).hex()))
        out = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            pieces.copy(fd, out)
            os.fsync(out)
            os.rename(part, path)
        except OSError:
            journal.remove(part)
            raise
        finally:
            os.close(out)
    pieces.sync_directory(where)
    return path


def clip(name: str, limit: int) -> str:
    """As many leading characters of *name* as fit in *limit* bytes."""
    while len(os.fsencode(name)) > limit:
        name = name[:-1]
    return name


def _holds(path: str, sha256: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return pieces.digest(fd)[1] == sha256
    finally:
        os.close(fd)


def _link(path: str, fd: int, to: str) -> bool:
    """Give the file *path* (open as *fd*) the name *to* as well; False if it has to be copied."""
    try:
        os.fsync(fd)
        os.link(path, to)
    except OSError:
        return False
    return True


def prune(where: str) -> None:
    """Drop what is older than 30 days, and all but the newest 20 texts of one file."""
    oldest = time.strftime("%Y%m%d-%H%M%S", time.gmtime(time.time() - DAYS * 24 * 3600))
    seen: "Dict[str, int]" = {}
    for name in sorted((n for n in os.listdir(where) if n.count(".") >= 3), reverse=True):
        when, mark = name.replace("part.", "", 1).split(".")[:2]
        seen[mark] = seen.get(mark, 0) + 1
        if seen[mark] > TEXTS or when < oldest:
            journal.remove(os.path.join(where, name))
