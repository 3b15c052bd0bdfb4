"""What to do with a save: decided from gathered facts, without touching a disk."""

import errno
import os

from rbridge.client import stamp
from rbridge.client.stamp import Stamp

MYPY = False
if MYPY:
    from typing import Optional, Tuple, Union

NOTHING, REPLACE, CREATE, IN_PLACE, REFUSE = "nothing", "replace", "create", "in place", "refuse"


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
"""The base of a text that was read while the file changed: nothing can be shown equal to it."""

if MYPY:
    Base = Union[Stamp, None, _Unknown]


class Target:
    """What to save to: *path* as the user named it, and the *base* the edit started from.

    *base* is a Stamp, None if the file did not exist, or UNKNOWN. After a save it is the outcome's stamp. To
    overwrite after a conflict, *over* is what the user saw (a Stamp, or None if nothing was there): that may
    be overwritten as well, and is kept. With *unprotect* a write-protected file of the user's own is
    replaced, as with ``:w!`` in vi.
    """

    __slots__ = ("base", "over", "path", "read_only", "unprotect")

    def __init__(
        self,
        path: str,
        base: "Base",
        read_only: bool = False,
        unprotect: bool = False,
        over: "Base" = UNKNOWN,
    ) -> None:
        self.path = path
        self.over = over
        self.base = base
        self.read_only = read_only
        self.unprotect = unprotect


class Facts:
    """What :func:`look` found out; *fd* is the target, open for reading, or -1.

    *problem* is why there is no regular file to save to. *now* is the content, None with *unstable*.
    *write_error* is the errno of opening for writing, *not_beside* that of staging beside the target, 0 if
    it works. *uncopied* names metadata that a replacement would lose.
    """

    def __init__(
        self,
        real: str,
        exists: bool = True,
        problem: str = "",
        now: "Optional[Stamp]" = None,
        unstable: bool = False,
        links: int = 1,
        ours: bool = True,
        read_error: int = 0,
        write_error: int = 0,
        not_beside: int = 0,
        uncopied: str = "",
    ) -> None:
        self.real = real
        self.exists = exists
        self.problem = problem
        self.now = now
        self.unstable = unstable
        self.links = links
        self.ours = ours
        self.read_error = read_error
        self.write_error = write_error
        self.not_beside = not_beside
        self.uncopied = uncopied
        self.fd = -1
        self.st: "Optional[os.stat_result]" = None

    def must_write_in_place(self) -> str:
        """Why the file cannot be replaced, or ""."""
        if self.links > 1:
            return "it has {} hard links".format(self.links)
        if self.not_beside:
            return "nothing can be made in its directory"
        if not self.ours:
            return "it belongs to another user"
        if self.uncopied:
            return "its {} cannot be carried over to a new file".format(self.uncopied)
        return ""

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Plan:
    """What to do: *kind*, and for REFUSE the *reason* on the wire; *why* says it to a person."""

    __slots__ = ("kind", "reason", "why")

    def __init__(self, kind: str, reason: str = "", why: str = "") -> None:
        self.kind = kind
        self.reason = reason
        self.why = why

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        return (self.kind, self.reason, self.why) == (other.kind, other.reason, other.why)

    def __hash__(self) -> int:
        return hash((self.kind, self.reason, self.why))

    def __repr__(self) -> str:
        return "Plan({!r}, {!r}, {!r})".format(self.kind, self.reason, self.why)


def plan(facts: Facts, target: Target, size: int, sha256: str, force: bool = False) -> Plan:
    """Decide how a text of *size* and *sha256* gets to *target*, where *facts* were found. Pure."""
    base = target.base
    if facts.problem:
        return Plan(REFUSE, "failed", facts.problem)
    if target.read_only:
        return Plan(REFUSE, "read-only", "it was opened read-only")
    if not facts.exists:
        if base is not None and target.over is not None and not force:
            return Plan(REFUSE, "gone", "it was deleted or renamed meanwhile")
        if facts.not_beside:
            return Plan(REFUSE, *describe(facts.not_beside))
        return Plan(CREATE)
    if facts.read_error:
        return Plan(REFUSE, *describe(facts.read_error))
    if facts.now is not None and (facts.now.size, facts.now.sha256) == (size, sha256):
        return Plan(NOTHING)
    over = target.over
    seen = isinstance(over, Stamp) and facts.now is not None and stamp.same_content(over, facts.now)
    if not force and not seen:
        if facts.unstable or facts.now is None:
            return Plan(REFUSE, "conflict", "another program is writing to it")
        if base is None:
            return Plan(REFUSE, "conflict", "a file of that name has appeared meanwhile")
        if not isinstance(base, Stamp):
            return Plan(REFUSE, "conflict", "it was being changed while it was opened")
        if not stamp.same_content(base, facts.now):
            return Plan(REFUSE, "conflict", "it was changed meanwhile")
    in_place = facts.must_write_in_place()
    # A protected file of our own may be replaced at the user's word; a running program can be replaced only.
    unprotect = facts.write_error == errno.EACCES and (force or target.unprotect)
    replaceable = unprotect or facts.write_error == errno.ETXTBSY
    if facts.write_error and (in_place or not replaceable):
        return Plan(REFUSE, *describe(facts.write_error))
    if in_place and facts.now is None:  # there is no backup of what keeps changing
        return Plan(REFUSE, "conflict", "another program is writing to it")
    if in_place:
        return Plan(IN_PLACE, "", in_place)
    return Plan(REPLACE)


def describe(code: int) -> "Tuple[str, str]":
    """The wire's reason and the words for an errno."""
    if code == errno.ENOSPC:
        return "no-space", "the disk is full"
    if code == errno.EDQUOT:
        return "no-space", "the disk quota is used up"
    if code == errno.EFBIG:
        return "too-large", "the file would be too large"
    if code == errno.EROFS:
        return "read-only", "the file system is read-only"
    if code == errno.EACCES:
        return "denied", "you may not write there"
    if code == errno.EPERM:
        return "denied", "the system does not allow writing to it"
    if code in (errno.ENOENT, errno.ENOTDIR):
        return "gone", "its directory does not exist"
    if code == errno.EIO:
        return "failed", "the disk reported an error"
    return "failed", os.strerror(code) if code else "an unexpected error"
