"""A save on the host: the file is its old self or its new one, never torn, empty or missing.

:func:`save` is the whole of it: look at the target (``look``), decide (``plan``, pure), do it
(:func:`carry_out`). The order of a replacement: text staged beside the target, length and hash checked,
metadata copied, fsync, target opened and compared with the base, swapped or renamed, fsync of the
directory. Where a file cannot be replaced it is written in place, with a journal (``inplace``). What is
refused is kept (``kept``).
"""

import errno
import os
import time

from rbridge.client import inplace, journal, kept, pieces, stamp
from rbridge.client.exchange import exchange
from rbridge.client.look import LOOKS, look
from rbridge.client.plan import (
    CREATE,
    NOTHING,
    REFUSE,
    REPLACE,
    UNKNOWN,
    Facts,
    Plan,
    Target,
    describe,
    plan,
)
from rbridge.client.recovery import recover
from rbridge.client.staging import Staging
from rbridge.client.stamp import Stamp
from rbridge.errors import clean

MYPY = False
if MYPY:
    from typing import Optional, Tuple

__all__ = [
    "REFUSED",
    "SAVED",
    "UNCERTAIN",
    "UNKNOWN",
    "Facts",
    "Outcome",
    "Plan",
    "Stamp",
    "Staging",
    "Target",
]
__all__ += ["carry_out", "confirm", "keep", "look", "plan", "recover", "save"]

SAVED, REFUSED, UNCERTAIN = "saved", "refused", "uncertain"


class Outcome:
    """What became of a save.

    *kind* is SAVED, REFUSED (the old bytes are intact) or UNCERTAIN; *reason* is the wire's word for a save
    that is not SAVED; *message* one clean line, empty for a plain success. *stamp* is what is there now,
    None if nothing is (*reason* is ``gone`` then) or it cannot be told. *kept* is where the text lies if it
    could not go where it belongs.
    """

    __slots__ = ("kept", "kind", "message", "reason", "stamp")

    def __init__(
        self, kind: str, reason: str = "", message: str = "", stamp: "Optional[Stamp]" = None, kept: str = ""
    ) -> None:
        self.kind = kind
        self.reason = reason
        self.message = clean(message)
        self.stamp = stamp
        self.kept = kept

    def __repr__(self) -> str:
        return "Outcome({}, {!r}, {!r})".format(self.kind, self.reason, self.message)


def save(target: Target, staging: Staging, force: bool = False) -> Outcome:
    """Bring the staged text to *target*; *force* overwrites what is there, whatever it is, and keeps a copy.

    *staging* is used up. Raises nothing for what a disk, a file system or another program can do.
    """
    try:
        if not staging.complete:
            return _refused(target, staging, Plan(REFUSE, "failed", "the text did not arrive whole"))
        if staging.failure is not None:
            return _refused(target, staging, Plan(REFUSE, *describe(staging.failure.errno or 0)))
        try:
            return _attempt(target, staging, force)
        except OSError as error:
            return _refused(target, staging, Plan(REFUSE, *describe(error.errno or 0)))
    finally:
        staging.abort()


def _attempt(target: Target, staging: Staging, force: bool) -> Outcome:
    for last in [False] * (LOOKS - 1) + [True]:
        facts = look(target, staging, force)
        try:
            decision = plan(facts, target, staging.size, staging.sha256, force)
            return carry_out(decision, facts, target, staging, force)
        except inplace.Changed:
            if last:
                decision = Plan(REFUSE, "conflict", "another program keeps changing it")
                return carry_out(decision, facts, target, staging, force)
        finally:
            facts.close()
    raise AssertionError("the last look returns")


def carry_out(decision: Plan, facts: Facts, target: Target, staging: Staging, force: bool = False) -> Outcome:
    """Do what was decided. Raises OSError where nothing was done, inplace.Changed where to look again."""
    if decision.kind == REFUSE:
        return _refused(target, staging, decision, facts.now)
    if decision.kind == NOTHING:
        return confirm(target, facts.fd, facts.real, facts.now)
    if decision.kind == CREATE:
        return _create(facts, target, staging)
    note = _keep_theirs(facts, target, staging) if force or isinstance(target.over, Stamp) else ""
    if decision.kind == REPLACE:
        return _replace(facts, target, staging, note)
    return _write_in_place(facts, target, staging, note)


def confirm(target: Target, fd: int, real: str, now: "Optional[Stamp]") -> Outcome:
    """The text is there already, as *now* in *fd*: make sure that it is on the disk."""
    try:
        os.fsync(fd)
    except OSError as error:
        return _unsure(target, error, now)
    return _durable(target, real, now)


def keep(staging: Staging, state_dir: str) -> str:
    """Keep the staged text in the state directory; returns its path. Raises OSError."""
    linkable = "" if staging.beside else staging.file
    return kept.keep(state_dir, staging.real, staging.fd, linkable, staging.sha256)


def _create(facts: Facts, target: Target, staging: Staging) -> Outcome:
    """Give the staged text its name. link(2) never overwrites, so there is no race with another creator."""
    real = facts.real
    try:
        os.link(staging.file, real)
    except FileExistsError:
        raise inplace.Changed from None
    except OSError as error:
        if not _landed(staging, real):
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOENT):
                raise
            # RACE: no hard links here (FAT, some network file systems). A file that another program makes
            # between these two calls is replaced unseen.
            if os.path.lexists(real):
                raise inplace.Changed from None
            os.rename(staging.file, real)
    return _arrived(facts, target, staging, "")


def _replace(facts: Facts, target: Target, staging: Staging, note: str) -> Outcome:
    real = facts.real
    assert facts.st is not None
    staging.swapping(facts.now.sha256 if facts.now is not None else "")
    # RACE: compare and rename are two steps. Where the kernel can swap names, what was there at that very
    # instant is looked at afterwards, by ``recover`` if we are killed before, and swapped back if it had
    # changed. Elsewhere (NFS) a file put there by rename in the few microseconds after this look is lost;
    # what was written into the old one is kept. What a program goes on writing through a descriptor it holds
    # goes to the old file, and is lost everywhere.
    try:
        if not stamp.same_state(os.lstat(real), facts.st):
            raise inplace.Changed
    except FileNotFoundError:
        raise inplace.Changed from None
    try:
        if not exchange(staging.file, real):
            os.rename(staging.file, real)
    except OSError as error:
        if not _landed(staging, real):
            if error.errno in (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES):
                return _write_in_place(facts, target, staging, note)
            return _after_failed_rename(facts, target, staging, error)
    try:
        if os.path.lexists(staging.file):  # they were swapped
            if not _is_as_seen(facts, os.lstat(staging.file)):
                return _swap_back(facts, target, staging)
        elif not _is_as_seen(facts, os.fstat(facts.fd)):
            note = _keep_theirs(facts, target, staging)
    except OSError as error:
        return _unseen(target, staging, error)
    return _arrived(facts, target, staging, note)


def _unseen(target: Target, staging: Staging, error: OSError) -> Outcome:
    """The text has its name, but what it replaced cannot be looked at: leave that where it is, and say so."""
    before = staging.file if os.path.lexists(staging.file) else ""
    staging.landed()
    outcome = _unsure(target, error)
    if before:
        outcome.message = clean("{}; what was there before is {}".format(outcome.message, before))
    return outcome


def _after_failed_rename(facts: Facts, target: Target, staging: Staging, error: OSError) -> Outcome:
    """It did not happen if the old file is still there; else nobody knows."""
    assert facts.st is not None
    try:
        st = os.lstat(facts.real)
    except FileNotFoundError:
        raise inplace.Changed from None
    if (st.st_dev, st.st_ino) == (facts.st.st_dev, facts.st.st_ino):
        raise error
    return _uncertain(target, staging, "the system said: {}".format(error.strerror))


def _landed(staging: Staging, real: str) -> bool:
    """Whether the staged file has *real*'s name: what a system call reports is not always what it did."""
    try:
        st, ours = os.lstat(real), os.fstat(staging.fd)
    except OSError:
        return False
    return (st.st_dev, st.st_ino) == (ours.st_dev, ours.st_ino)


def _is_as_seen(facts: Facts, st: os.stat_result) -> bool:
    """Whether the file that was replaced, with *st* taken afterwards, is the one that was compared."""
    seen = facts.st
    if facts.now is None or seen is None:  # forced, and kept already
        return True
    if (st.st_dev, st.st_ino, st.st_size) != (seen.st_dev, seen.st_ino, seen.st_size):
        return False
    if st.st_mtime_ns != seen.st_mtime_ns:
        return False
    if abs(time.time() * 1e9 - st.st_mtime_ns) > stamp.RACY_NS:
        return True
    return pieces.digest(facts.fd) == (facts.now.size, facts.now.sha256)


def _swap_back(facts: Facts, target: Target, staging: Staging) -> Outcome:
    """What we swapped out is not what we compared: give it its name back, and look again."""
    if _landed(staging, facts.real) and exchange(staging.file, facts.real):
        raise inplace.Changed
    # Ours was replaced in its turn by yet another version. That one stays; keep the one we hold.
    fd = os.open(staging.file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        kept.keep(staging.state_dir, facts.real, fd, label="theirs")
    finally:
        os.close(fd)
    journal.remove(staging.file)
    staging.file = ""
    return _refused(target, staging, Plan(REFUSE, "conflict", "other programs keep changing it"))


def _keep_theirs(facts: Facts, target: Target, staging: Staging) -> str:
    """Keep a copy of what is overwritten without having been the base; returns the note that says so."""
    if facts.now is not None and isinstance(target.base, Stamp):
        try:
            st = os.fstat(facts.fd)
            if stamp.same_content(facts.now, target.base) and _is_as_seen(facts, st):
                return ""
        except OSError:
            pass  # it cannot be told, so a copy is kept
    name = os.path.basename(target.path)
    try:
        path = kept.keep(staging.state_dir, facts.real, facts.fd, label="theirs")
    except OSError as error:
        return "saved {}, over a version that could not be kept: {}".format(name, _words(error))
    return "saved {}, over a version that is kept at {}".format(name, path)


def _arrived(facts: Facts, target: Target, staging: Staging, note: str) -> Outcome:
    """The text stands under its name: remove what was swapped out, and make the names durable."""
    try:
        st, now = os.fstat(staging.fd), stamp.now_ns()
    except OSError as error:
        return _unsure(target, error)
    staging.abort()
    return _durable(target, facts.real, stamp.of(st, staging.size, staging.sha256, now), note)


def _durable(target: Target, real: str, there: "Optional[Stamp]", note: str = "") -> Outcome:
    try:
        pieces.sync_directory(os.path.dirname(real))
    except OSError as error:
        return _unsure(target, error, there)
    return Outcome(SAVED, "", note, there)


def _unsure(target: Target, error: OSError, there: "Optional[Stamp]" = None) -> Outcome:
    """The text has its name, and then something failed that would have made it sure."""
    message = "{} has the new text, but it is not known to be safe on the disk: {}"
    name = os.path.basename(target.path)
    return Outcome(UNCERTAIN, "uncertain", message.format(name, _words(error)), there)


def _write_in_place(facts: Facts, target: Target, staging: Staging, note: str) -> Outcome:
    if facts.now is None:
        raise inplace.Changed
    name = os.path.basename(target.path)
    try:
        st = inplace.write(facts.real, facts.now, staging)
    except inplace.NoBackup as error:
        why = "it can only be written in place, and its old bytes cannot be put in {} first: {}"
        reason, words = describe(error.cause.errno or 0)
        return _refused(
            target, staging, Plan(REFUSE, reason, why.format(staging.state_dir, words)), facts.now
        )
    except inplace.HalfDone as error:
        staging.landed()
        message = (
            "{} is half written: {}; the next start of rbridge on this host finishes it"
            " (old text: {}, your text: {})".format(name, _words(error.cause), error.old, error.new)
        )
        return Outcome(UNCERTAIN, "uncertain", message, None, error.new)
    except inplace.Interfered as error:
        try:
            before = "its old text is kept at {}".format(
                kept.keep(staging.state_dir, facts.real, error.old, label="before")
            )
        except OSError as failure:
            before = "its old text could not be kept: {}".format(_words(failure))
        finally:
            os.close(error.old)
        return _uncertain(target, staging, "{}; {}".format(error, before))
    return Outcome(SAVED, "", note, stamp.of(st, staging.size, staging.sha256, stamp.now_ns()))


def _refused(target: Target, staging: Staging, decision: Plan, there: "Optional[Stamp]" = None) -> Outcome:
    """Nothing was written; keep the text and say where."""
    state = "nothing was overwritten" if decision.reason in ("conflict", "gone") else "the old file is intact"
    if target.base is None and there is None:
        state = "no file was made"
    where, path = _keep_text(staging)
    name = os.path.basename(target.path)
    message = "cannot save {}: {} ({}{})".format(name, decision.why, state, where)
    return Outcome(REFUSED, decision.reason, message, there, path)


def _uncertain(target: Target, staging: Staging, why: str) -> Outcome:
    where, path = _keep_text(staging)
    name = os.path.basename(target.path)
    message = "{} may or may not have the new text: {}{}".format(name, why, where)
    return Outcome(UNCERTAIN, "uncertain", message, None, path)


def _keep_text(staging: Staging) -> "Tuple[str, str]":
    """Keep the staged text; returns the words about it, and its path or ""."""
    if not staging.complete:
        return "", ""
    if staging.fd < 0:
        return "; your text could not be kept on this host", ""
    try:
        path = keep(staging, staging.state_dir)
    except OSError as error:
        return "; your text could not be kept on this host: {}".format(_words(error)), ""
    return "; your text is kept at {}".format(path), path


def _words(error: OSError) -> str:
    return describe(error.errno)[1] if error.errno else str(error)
