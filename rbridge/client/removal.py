"""Removing what lies in a folder: a link itself and never what it leads to, a directory with all in it.

Every directory is opened below the one that holds it, and not if it is a link by now: one that is swapped
meanwhile is not followed out of the folder.
"""

import errno
import os

from rbridge.client.refused import Refused
from rbridge.client.root import DEPTH, DIRECTORY, is_directory
from rbridge.wire.limits import FOUND

MYPY = False
if MYPY:
    from typing import List, Tuple

    from rbridge.client.root import Place


def remove(place: "Place", shown: str, recursive: bool) -> None:
    """Remove what is at *place*. Raises OSError, and Refused with how many entries are in the way."""
    if not place.name:
        raise Refused("denied", "cannot remove {}: it is the folder itself".format(shown))
    if not is_directory(place.stat()):
        os.unlink(place.name, dir_fd=place.fd)
        return
    if recursive:
        _tree(place.fd, place.name, shown)
        return
    try:
        os.rmdir(place.name, dir_fd=place.fd)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        count = entries(place)
        body = {"entries": min(count, FOUND)}
        if count > FOUND:
            body["more"] = True
        raise Refused("exists", "cannot remove {}: it is not empty".format(shown), body) from None


def _tree(fd: int, name: str, shown: str) -> None:
    """Remove the directory *name* of *fd* with all in it, deepest first."""
    removed = 0
    way: "List[Tuple[int, str, List[str]]]" = []  # (its descriptor, its name, what is still in it)
    try:
        way.append(_enter(fd, name))
        while way:
            inside, called, left = way[-1]
            if left:
                one = left.pop()
                try:
                    is_dir = is_directory(os.stat(one, dir_fd=inside, follow_symlinks=False))
                    if not is_dir:
                        os.unlink(one, dir_fd=inside)
                        removed += 1
                        continue
                    if len(way) > DEPTH:
                        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
                    way.append(_enter(inside, one))
                except FileNotFoundError:
                    continue  # somebody was faster
                continue
            os.close(way.pop()[0])
            try:
                os.rmdir(called, dir_fd=way[-1][0] if way else fd)
                removed += 1
            except FileNotFoundError:
                continue
    except OSError as error:
        words = os.strerror(error.errno or errno.EIO).lower()
        what = "cannot remove {}: {}".format(shown, words)
        if removed:
            what = "{} was removed only in part: {} ({} entries are gone)".format(shown, words, removed)
        raise Refused("denied" if error.errno in (errno.EACCES, errno.EPERM) else "failed", what) from None
    finally:
        while way:
            os.close(way.pop()[0])


def _enter(fd: int, name: str) -> "Tuple[int, str, List[str]]":
    inside = os.open(name, DIRECTORY, dir_fd=fd)
    try:
        return inside, name, os.listdir(inside)
    except BaseException:
        os.close(inside)
        raise


def entries(place: "Place") -> int:
    """How many entries are below *place*, counted up to one more than are told."""
    count = 0
    try:
        for _path, directories, files, _fd in os.fwalk(place.name or ".", dir_fd=place.fd):
            count += len(directories) + len(files)
            if count > FOUND:
                break
    except (OSError, RecursionError):
        pass  # it is changed, or very deep: what was counted is there
    return count
