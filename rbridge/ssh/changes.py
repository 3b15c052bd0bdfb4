"""Changes to a person's own files: shown as a diff, asked for, then carried out, each file as a whole.

A file keeps its mode and its owner. One that is a symbolic link, as those that people keep in a repository
are, is written where the link leads.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff

from rbridge.errors import CannotCreate, TryAgain, clean

BY_HAND = "allow it, or make the change that is shown by hand"

Say = Callable[[str], None]
Confirm = Callable[[str], bool]


@dataclass(frozen=True)
class Change:
    """The file at *path* is to hold *after* in place of *before*; None stands for no file.

    *mode* is that of a file, *directory* that of each directory, that is made.
    """

    path: str
    before: str | None
    after: str | None
    mode: int = 0o600
    directory: int = 0o700


def read(path: str) -> str | None:
    """The text of the file, with its line ends and bytes as they are; None where there is none.

    Raises CannotCreate for one that cannot be read: then it cannot be changed either.
    """
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotCreate(f"cannot read {path}: {error.strerror}") from error


def agree(changes: Sequence[Change], echo: Say, confirm: Confirm, question: str) -> bool:
    """Show what is to be written, then ask *question*."""
    for change in changes:
        for line in diff(change):
            echo(line)
    return confirm(question)


def diff(change: Change) -> list[str]:
    """The lines of a unified diff, as they may be shown."""
    before, after = change.before or "", change.after or ""
    old, new = (change.path if text is not None else "/dev/null" for text in (change.before, change.after))
    lines = unified_diff(before.split("\n"), after.split("\n"), old, new, n=1, lineterm="")
    return [clean(line.removesuffix("\r")) for line in lines if line != " "]


def carry_out(changes: Sequence[Change]) -> None:
    """Make the changes, in their order; those that change nothing are passed over.

    Raises TryAgain when a file is not any more as it was shown, and CannotCreate when one must not be
    written: nothing is changed then. A disk that is full may still stop it between two files: CannotCreate.
    """
    wanted = [change for change in changes if change.before != change.after]
    for change in wanted:
        if read(change.path) != change.before:
            raise TryAgain(f"{change.path} was changed meanwhile: nothing is written", "run it again")
        _check(change.path)
    for change in wanted:
        try:
            if change.after is None:
                os.unlink(change.path)
            else:
                _write(change, change.after)
        except OSError as error:
            raise CannotCreate(
                f"cannot write {change.path}{_led(change.path)}: {error.strerror}; it is as it was", BY_HAND
            ) from error


def missing(path: str) -> list[str]:
    """The directories that lead to *path* and do not exist, the uppermost first."""
    found: list[str] = []
    above = os.path.dirname(os.path.realpath(path))
    while not os.path.isdir(above) and above != os.path.dirname(above):
        found.insert(0, above)
        above = os.path.dirname(above)
    return found


def clear(directories: Sequence[str]) -> None:
    """Remove those of *directories* that are empty, the last one first."""
    for each in reversed(directories):
        with suppress(OSError):  # somebody has put something there
            os.rmdir(each)


def _write(change: Change, text: str) -> None:
    """Replace the file where *change* leads, on the disk; raises OSError and leaves the old one then."""
    for each in missing(change.path):
        os.mkdir(each, change.directory)
    target = os.path.realpath(change.path)
    try:
        old: os.stat_result | None = os.stat(target)
    except FileNotFoundError:
        old = None
    mode = stat.S_IMODE(old.st_mode) if old else change.mode
    staged = f"{target}.{secrets.token_hex(4)}"
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            if old and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(fd, old.st_uid, old.st_gid)
            os.fchmod(fd, mode)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(fd)
        os.replace(staged, target)
    except OSError:
        with suppress(OSError):
            os.unlink(staged)
        raise


def _check(path: str) -> None:
    """Raise CannotCreate unless the file where *path* leads may be replaced by us."""
    target = os.path.realpath(path)
    read_only = os.path.exists(target) and not os.stat(target).st_mode & stat.S_IWUSR
    above = os.path.dirname((missing(path) or [target])[0])
    if read_only or not os.access(above, os.W_OK | os.X_OK):
        why = "it is read-only" if read_only else f"{above} cannot be written to"
        raise CannotCreate(f"cannot write {path}{_led(path)}: {why}; nothing is changed", BY_HAND)


def _led(path: str) -> str:
    """Where a symbolic link leads, in words."""
    target = os.path.realpath(path)
    return f" (it leads to {target})" if target != path and os.path.lexists(path) else ""
