"""Directories that are ours alone: 0700, owned by us, no symbolic link, where nobody can replace them."""

import os
import stat

from rbridge import system
from rbridge.errors import CannotCreate, Denied

MYPY = False
if MYPY:
    from typing import Optional, Tuple


def check_private(path: str, uids: "Optional[Tuple[int, ...]]" = None) -> None:
    """Raise Denied, naming the owner, the mode or the link, unless *path* is a directory that is ours alone.

    *uids* are those that count as us, by default the effective one. Raises FileNotFoundError when there is
    nothing. A directory with a parent that others may write to is safe only under a sticky bit.
    """
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise Denied("{} is a symbolic link, not a directory of ours".format(path), "remove it")
    if not stat.S_ISDIR(found.st_mode):
        raise Denied("{} is not a directory".format(path), "remove it")
    ours = uids if uids is not None else (os.geteuid(),)
    if found.st_uid not in ours:
        raise Denied("{} belongs to {}".format(path, system.user_name(found.st_uid)), "do not use it")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise Denied(
            "{} can be reached by others (mode {:04o})".format(path, mode), "run: chmod 700 {}".format(path)
        )
    parent = os.path.dirname(os.path.abspath(path))
    above = os.stat(parent)
    if above.st_mode & 0o002 and not above.st_mode & stat.S_ISVTX:
        raise Denied(
            "{} can be replaced by others: {} is open to all (mode {:04o})".format(
                path, parent, stat.S_IMODE(above.st_mode)
            ),
            "run: chmod o-w {}".format(parent),
        )


def make_private(path: str, uids: "Optional[Tuple[int, ...]]" = None) -> None:
    """Make *path* a directory that is ours alone, with the parents it lacks (0700 as well).

    One that is ours already and that others could look into, but not write to, is closed to them. Raises
    Denied as :func:`check_private` does, and CannotCreate when it cannot be made.
    """
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent == path:
            raise CannotCreate("cannot create {}".format(path)) from None
        _make_parents(parent)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            raise CannotCreate("cannot create {}: {}".format(path, error.strerror)) from None
    except OSError as error:
        raise CannotCreate("cannot create {}: {}".format(path, error.strerror)) from None
    tighten(path, uids)


def tighten(path: str, uids: "Optional[Tuple[int, ...]]" = None) -> None:
    """Check *path* as :func:`check_private` does, after closing it to others if only looking was allowed."""
    found = os.lstat(path)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and mode & 0o077 and not mode & 0o022:
        try:
            os.chmod(path, 0o700)
        except OSError as error:
            raise Denied(
                "{} is open to others and cannot be closed: {}".format(path, error.strerror)
            ) from None
    check_private(path, uids)


def _make_parents(path: str) -> None:
    missing = []
    while not os.path.isdir(path) and path != os.path.dirname(path):
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):  # os.makedirs gives all but the last what the umask allows
        try:
            os.mkdir(each, 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise CannotCreate("cannot create {}: {}".format(each, error.strerror)) from None
