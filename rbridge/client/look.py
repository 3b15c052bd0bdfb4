"""Gathering the facts that a save is decided on, with the staged text made ready to replace the target."""

import errno
import os
import stat

from rbridge import mounts
from rbridge.client import metadata, pinned, stamp
from rbridge.client.plan import Facts, Target
from rbridge.client.staging import Staging
from rbridge.client.stamp import Stamp

MYPY = False
if MYPY:
    from typing import Optional

    from rbridge.client.plan import Base

# Nothing can be made in a directory, for good; a disk that is full or fails says something else.
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTSUP)
LOOKS = 4  # how often a target that changes under our eyes is looked at again


def look(target: Target, staging: Staging, force: bool = False) -> Facts:
    """Gather the facts, with the staged text made ready (metadata, fsync) before the target is compared.

    Opening the file just before comparing it makes NFS ask the server (close-to-open). Raises OSError.
    """
    real = pinned.resolved(target.path)
    facts = Facts(real)
    for _ in range(LOOKS):
        facts.close()
        try:
            st = os.lstat(real)
        except FileNotFoundError:
            facts.exists = False
            if not target.read_only and (target.base is None or target.over is None or force):
                _prepare_new(facts, staging)
            return facts
        facts.exists = True
        facts.problem = _problem(st)
        if pinned.is_held(real) and stat.S_ISLNK(st.st_mode):
            facts.problem = "a symbolic link took its place"
        if facts.problem:
            return facts
        facts.links = st.st_nlink
        facts.ours = os.geteuid() in (0, st.st_uid)
        facts.write_error = _write_error(real)
        before = _prepare(facts, staging, target)
        if not facts.read_error:
            facts.close()
            facts.read_error = _open(facts)
        if facts.read_error:
            return facts
        if facts.st is None or (before is not None and not stamp.same_state(before, facts.st)):
            continue  # its mode may have changed as well: once more
        try:
            facts.now = _content(facts.fd, facts.st, target.base, real)
        except stamp.Unstable:
            facts.unstable = True
        return facts
    facts.unstable = True
    return facts


def _problem(st: os.stat_result) -> str:
    for test, name in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISLNK, "a symbolic link that leads to itself"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(st.st_mode):
            return "it is {}".format(name)
    return ""


def _write_error(real: str) -> int:
    """The errno that opening *real* for writing gives, 0 for none; opened only where access(2) says no."""
    if os.access(real, os.W_OK):
        return 0
    try:
        os.close(os.open(real, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or errno.EACCES
    return 0


def _open(facts: Facts) -> int:
    facts.st = None
    try:
        facts.fd = os.open(facts.real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    except OSError as error:
        return error.errno or errno.EACCES
    facts.st = os.fstat(facts.fd)
    return 0


def _prepare_new(facts: Facts, staging: Staging) -> None:
    try:
        staging.to_side(facts.real)
        staging.like_new()
    except OSError as error:
        facts.not_beside = error.errno or errno.EACCES
        return
    os.fsync(staging.fd)


def _prepare(facts: Facts, staging: Staging, target: Target) -> "Optional[os.stat_result]":
    """Make the staged text fit to replace the target, or note why it cannot; the target's stat then."""
    if target.read_only or facts.must_write_in_place():
        return None
    if staging.not_beside is not None and staging.not_beside.errno in _FORBIDDEN:
        facts.not_beside = staging.not_beside.errno or errno.EACCES
        return None
    try:
        staging.to_side(facts.real)
    except OSError as error:
        if error.errno not in _FORBIDDEN:
            raise
        facts.not_beside = error.errno or errno.EACCES
        return None
    facts.read_error = _open(facts)
    if facts.st is None:
        return None
    facts.uncopied = metadata.copy(facts.fd, staging.fd)
    os.fsync(staging.fd)
    return facts.st


def _content(fd: int, st: os.stat_result, base: "Base", real: str) -> Stamp:
    if isinstance(base, Stamp) and not stamp.needs_hash(base, st, mounts.on_network(real)):
        return base
    return stamp.take(fd)
