"""Clearing up after a crash: finishing or undoing saves in place, removing what dead processes staged.

A file that was being written in place is looked at, byte for byte. If it is the new text, the save is
complete; if it is the old one, it stays; if it is what a cut-short save of ours leaves, the new text is
written out. Anything else was written by somebody afterwards and is left alone. No text is dropped but one
that the file now has, and what a save that replaced a file was to replace.
"""

import os
import stat
import time

from rbridge import system
from rbridge.client import inplace, journal, kept, leftovers, pieces
from rbridge.errors import clean
from rbridge.paths import encodable

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple

ELSEWHERE = 600.0  # seconds after which another host's journal is mentioned
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW


def recover(state_dir: str) -> "List[str]":
    """Clear up below *state_dir*; returns one clean line for each save whose fate the user should know."""
    where = leftovers.directory(state_dir)
    told: "List[str]" = []
    try:
        names = sorted(os.listdir(where))
    except OSError:
        return []
    journals = {name[:-5] for name in names if name.endswith(".json")}
    for name in names:
        path = os.path.join(where, name)
        if name.endswith(".json"):
            message = _settle(state_dir, path)
            if message:
                told.append(clean(message))
        elif name.split(".", 1)[0] in journals or not _is_stale(path):
            continue
        elif not name.endswith(".link") or _sweep(state_dir, path, told):
            journal.remove(path)
    return told


def _is_stale(path: str) -> bool:
    try:
        age = time.time() - os.lstat(path).st_mtime
    except OSError:
        return False
    return journal.is_dead(os.path.basename(path), age)


def _sweep(state_dir: str, link: str, told: "List[str]") -> bool:
    """Remove the staging file that *link* names, and the probe beside it, if they can only be ours.

    What the save swapped out is ours to remove if it is what was to be replaced; else it is kept, and *told*.
    """
    try:
        target = os.readlink(link)
    except OSError:
        return False
    random = os.path.basename(link).split(".", 1)[0][-8:]
    if not os.path.basename(target).startswith(".") or not target.endswith(".rbridge-" + random):
        return True
    old, new = journal.swapped(os.path.basename(link))
    if new:
        message, stays = _swapped_out(state_dir, target, old, new)
        if message:
            told.append(clean(message))
        if stays:
            return journal.remove(target + "~")
    return journal.remove(target) and journal.remove(target + "~")


def _swapped_out(state_dir: str, path: str, old: str, new: str) -> "Tuple[str, bool]":
    """What to say of the file at *path*, which may be what a save swapped out, and whether it stays there.

    Nothing is said of a text that begins its sha256 with *old* (what was to be replaced) or *new* (the save's
    own, which did not get to its place).
    """
    directory, name = os.path.split(encodable(path))
    real = os.path.join(directory, name[1 : name.rindex(".rbridge-")])
    begin = "a save of {} was interrupted in the instant in which another program changed that".format(real)
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return "", False
    except OSError as error:
        return "{}: what it put there is {} ({})".format(begin, path, (error.strerror or "").lower()), True
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return "{}: what it put there is {}".format(begin, path), True
        if pieces.digest(fd)[1].startswith((old, new)):
            return "", False
        at = kept.keep(state_dir, real, fd, label="theirs")
        return "{}: what it put there is kept at {}".format(begin, at), False
    except OSError as error:
        return "{}: what it put there is {} ({})".format(begin, path, (error.strerror or "").lower()), True
    finally:
        os.close(fd)


def _settle(state_dir: str, path: str) -> str:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        held = journal.lock(lock)
        record = journal.read_record(lock)
        place = path[: -len(".json")]
        if held is False or not os.path.exists(path):
            return ""
        if record is None:
            return "a record of an interrupted save cannot be read: {}".format(path)
        age = time.time() - os.fstat(lock).st_mtime
        if record["host"] != os.uname().nodename:
            return _elsewhere(record, place) if age > ELSEWHERE else ""
        rebooted = record["boot"] != system.boot_id()
        if held is None and not rebooted and not journal.is_dead(os.path.basename(path), age):
            return ""
        return _look(state_dir, place, record)
    finally:
        os.close(lock)


def _elsewhere(record: "Dict[str, Any]", place: str) -> str:
    return (
        "a save of {} on {} was interrupted; run rbridge there to finish it"
        " (new text: {}.new, old text: {}.old)".format(record["real"], record["host"], place, place)
    )


def _look(state_dir: str, place: str, record: "Dict[str, Any]") -> str:
    """Settle the journal at *place*, which is ours and nobody is at work on."""
    real = encodable(str(record["real"]))
    opened: "List[int]" = []
    try:
        new = _open(opened, place + ".new")
        if new < 0:  # the save came to its end, only its record could not be removed
            journal.forget(place)
            return ""
        there = _open(opened, real)
        found = pieces.digest(there) if there >= 0 else (-1, "")
        if found == _text(record, "new"):
            os.fsync(there)
            journal.forget(place)
            return "the save of {} that was interrupted is complete".format(real)
        if pieces.digest(new) != _text(record, "new"):
            raise OSError("its text is damaged")
        if found == _text(record, "old"):
            at = kept.keep(state_dir, real, new, place + ".new")
            journal.forget(place)
            return (
                "a save of {} was interrupted before anything was written"
                " (the old file is intact; the text of that save is kept at {})".format(real, at)
            )
        old = _open(opened, place + ".old")
        if old < 0 or pieces.digest(old) != _text(record, "old"):
            raise OSError("the backup of its old text is damaged")
        if there < 0:
            return _third(state_dir, place, real, new, old, "is not there any more")
        if not inplace.is_torn(there, old, new):
            return _third(state_dir, place, real, new, old, "was changed by another program afterwards")
        return _finish(real, place, record, new, os.fstat(there))
    except OSError as error:
        return "cannot finish the interrupted save of {}: {} (new text: {}.new, old text: {}.old)".format(
            real, error.strerror or error, place, place
        )
    finally:
        for fd in opened:
            os.close(fd)


def _open(opened: "List[int]", path: str) -> int:
    """Open *path* for reading and note it in *opened*; -1 if it does not exist."""
    try:
        opened.append(os.open(path, _READ))
    except FileNotFoundError:
        return -1
    return opened[-1]


def _text(record: "Dict[str, Any]", which: str) -> "Tuple[int, str]":
    return record[which]["size"], record[which]["sha256"]


def _finish(real: str, place: str, record: "Dict[str, Any]", new: int, seen: os.stat_result) -> str:
    fd = os.open(real, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # RACE: as in inplace.write, a program that writes right now loses what it wrote.
        now = os.fstat(fd)
        if (now.st_dev, now.st_ino, now.st_mtime_ns) != (seen.st_dev, seen.st_ino, seen.st_mtime_ns):
            raise OSError("it is being changed by another program")
        inplace.overwrite(fd, new, record["new"]["size"], now.st_size)
        if pieces.digest(fd) != _text(record, "new"):
            raise OSError("it is being changed by another program")
    finally:
        os.close(fd)
    journal.forget(place)
    return "finished the save of {} that was interrupted".format(real)


def _third(state_dir: str, place: str, real: str, new: int, old: int, what: str) -> str:
    """Somebody else's hand was there since: leave the file alone, keep both texts."""
    mine = kept.keep(state_dir, real, new, place + ".new")
    theirs = kept.keep(state_dir, real, old, place + ".old", label="before")
    journal.forget(place)
    message = (
        "a save of {} was interrupted, and the file {} (it is left as it is; that save: {}, before it: {})"
    )
    return message.format(real, what, mine, theirs)
