"""``rbridge recover``: texts on this laptop that their host never acknowledged.

All but ``send`` works on the spool itself, whether a daemon runs or not.
"""

from __future__ import annotations

import codecs
import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from string import hexdigits
from typing import BinaryIO

import trio

from rbridge.errors import CannotCreate, Denied, NoInput, RbridgeError, TryAgain, UsageError, clean
from rbridge.server import control
from rbridge.server.spool import Entry, Spool
from rbridge.shortids import named, shortened
from rbridge.standing import age, kept, rows

Say = Callable[[str], None]
Confirm = Callable[[str], bool]

CHUNK = 1 << 20

WHY = {
    "replaced": "the host's text was chosen",
    "daemon died": "rbridge was killed before it was delivered",
    "kept": "not delivered yet",
    "lost": "the connection was lost",
    "refused": "the host refused it",
    "uncertain": "the host did not answer",
    "conflict": "the host's file changed too",
}


class Refused(RbridgeError):
    """What the daemon said, with its own exit code."""

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


def list_(say: Say, tell: Say) -> int:
    """Show all that is kept, a line each."""
    entries = kept()
    short = shortened(entry.about.id for entry in entries)
    open_now = {row.id for row in rows()[0] if row.open} if entries else set()
    lines = [
        (
            short[entry.about.id],
            age(entry.about.time),
            f"{entry.about.size:,} bytes",
            clean(f"{entry.about.host}:{entry.about.path or entry.about.name}"),
            WHY.get(entry.about.why, clean(entry.about.why)) + (", open" * (entry.about.id in open_now)),
        )
        for entry in entries
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        say(
            "  ".join(
                f"{w:>{n}}" if at in (1, 2) else f"{w:<{n}}" for at, (w, n) in enumerate(cells)
            ).rstrip()
        )
    if not entries:
        tell("nothing is kept: every save was acknowledged")
    return 0


def find(word: str) -> Entry:
    """The kept text whose id *word* is, or begins. Raises NoInput and UsageError."""
    entries = kept()
    ids = named([entry.about.id for entry in entries], word)
    found = [entry for entry in entries if entry.about.id in ids]
    if not found:
        raise NoInput(f"nothing is kept under {clean(word)}", "rbridge recover lists what is")
    if len(found) > 1:
        short = shortened(entry.about.id for entry in found)
        which = ", ".join(f"{short[one.about.id]} {one.about.host}:{one.about.path}" for one in found)
        raise UsageError(clean(f"{word} may be any of: {which}"), "give more of the id")
    return found[0]


def show(word: str, out: Screen | BinaryIO) -> int:
    """Write all of the text to *out*."""
    for piece in _pieces(find(word)):
        out.write(piece)
    return 0


def save(words: Sequence[str], force: bool, tell: Say) -> int:
    """Write copies, 0600: *words* are ``[ID...] DIR`` or ``ID [FILE]``, by default in this directory.

    DIR is a directory, or ends with a slash and is made; without an ID all that is kept goes there. A copy
    has the name that its text had on the host. In a DIR one whose name is taken gets a number
    (``train-2.py``), and one that is there already is left. What exists is overwritten with *force* only, and
    then by a rename: a failure leaves it as it was.
    """
    *ids, last = words
    if last.endswith("/") or os.path.isdir(last):
        return _save_all([find(word) for word in ids] if ids else kept(), last, force, tell)
    if len(words) > 2:
        raise CannotCreate(f"{clean(last)} is not a directory", f"to have it made: {clean(last)}/")
    try:
        entry = find(words[0])
    except NoInput as error:
        if len(words) > 1 or set(last.lower()) <= set(hexdigits):
            raise
        raise NoInput(
            str(error), f"all that is kept, into a directory: rbridge recover save {words[0]}/"
        ) from None
    name = entry.about.text.removeprefix("text-")
    try:
        _copy(entry, last if ids else name, force, tell)
    except FileExistsError:
        target = last if ids else name
        hint = "name another FILE, or say --force"
        raise CannotCreate(clean(f"{target} exists, and is as it was"), hint) from None
    return 0


def _save_all(entries: Sequence[Entry], directory: str, force: bool, tell: Say) -> int:
    """Write a copy of each, the newest first: it gets the plain name."""
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotCreate(
            clean(f"cannot make {directory}: {error.strerror}; the texts are still kept")
        ) from None
    if not entries:
        tell("nothing is kept: every save was acknowledged")
    taken: set[str] = set()
    code = 0
    for entry in sorted({one.about.id: one for one in entries}.values(), key=lambda one: -one.about.time):
        about = entry.about
        stem, dot = os.path.splitext(about.text.removeprefix("text-"))
        for number in itertools.count(1):
            target = os.path.join(directory, f"{stem}{dot}" if number == 1 else f"{stem}-{number}{dot}")
            if target in taken:
                continue
            taken.add(target)
            if not force and _holds(target, entry):
                tell(clean(f"{target}: is there already, the same as is kept of {about.host}:{about.path}"))
                break
            try:
                _copy(entry, target, force, tell)
                break
            except FileExistsError:
                continue
            except TryAgain as error:  # delivered meanwhile; the others are wanted all the same
                tell(clean(f"{about.host}:{about.path}: {error.line()}"))
                code = error.exit_code
                break
    return code


def _holds(target: str, entry: Entry) -> bool:
    """Whether the file *target* has the very text already."""
    try:
        fd = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    digest = sha256()
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode) or os.fstat(fd).st_size != entry.about.size:
            return False
        while data := file.read(CHUNK):
            digest.update(data)
    return digest.hexdigest() == entry.about.sha256


def _copy(entry: Entry, target: str, force: bool, tell: Say) -> None:
    """Write the text to *target*, and say so. Raises FileExistsError where it exists, without *force*."""
    about = entry.about
    try:
        if force:
            part = f"{target}.{os.getpid()}.part"
            _write(entry, part)
            os.replace(part, target)
        else:
            _write(entry, target)
    except FileExistsError:
        raise
    except OSError as error:
        kind = Denied if error.errno in (errno.EACCES, errno.EPERM) else CannotCreate
        raise kind(clean(f"cannot write {target}: {error.strerror}; the text is still kept")) from None
    tell(clean(f"{target}: {about.size:,} bytes of {about.host}:{about.path}; the text is still kept too"))


def _write(entry: Entry, target: str) -> None:
    """Write the text to the new file *target*; there is none after a failure."""
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as stream:
            stream.writelines(_pieces(entry))
            stream.flush()
            os.fsync(fd)
    except BaseException:
        os.unlink(target)
        raise


def drop(words: Sequence[str], confirm: Confirm, tell: Say) -> int:
    """Erase kept texts, after asking for each."""
    entries = [find(word) for word in words]
    open_now = {row.id for row in rows()[0] if row.open}
    code = 0
    for entry in entries:
        about = entry.about
        where = clean(f"{about.host}:{about.path or about.name}")
        note = ", which is open and may still be delivered" if about.id in open_now else ""
        if not confirm(f"Erase the text of {where}, {about.size:,} bytes, kept for {age(about.time)}{note}?"):
            tell(f"{where}: still kept")
            code = TryAgain.exit_code
            continue
        spool = Spool(str(entry.file.parent.parent), 0)
        now = spool.get(about.id)
        if now is not None and now.about.sha256 != about.sha256:
            tell(f"{where}: a newer text has taken its place, and is kept")
            code = TryAgain.exit_code
            continue
        spool.drop(about.id)
        _tell_daemon(about.host, about.path)
        tell(f"{where}: erased")
    return code


def _tell_daemon(host: str, path: str) -> None:
    """A daemon that runs tells the host that nothing of this file is kept any more; one that does not need
    not: it looks when the file is opened.
    """
    with suppress(RbridgeError):
        trio.run(control.ask, {"do": "recovered", "host": host, "path": path})


def send(word: str, confirm: Confirm, tell: Say) -> int:
    """Have the daemon deliver a kept text; asks where the host did not prove that it is the one.

    Raises NotListening without a daemon, and TryAgain where the file is not open there or was changed.
    """
    about = find(word).about
    request = {"do": "recover-send", "id": about.id}
    answer = trio.run(control.ask, request, control.WORK)
    if "ask" in answer:
        if not confirm(clean(str(answer["ask"]))):
            raise Denied(f"{about.name} was not sent", "the text is still kept")
        answer = trio.run(control.ask, {**request, "sure": True}, control.WORK)
    if not answer["ok"]:
        code = int(answer.get("code") or RbridgeError.exit_code)
        raise Refused(clean(str(answer.get("error"))), clean(str(answer.get("hint") or "")), code)
    tell(clean(str(answer["said"])))
    return 0


class Screen:
    """Writes a host's text to a terminal: what would be an order to the terminal is shown instead."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> None:
        shown = self._decoder.decode(data)
        lines = ("\t".join(map(clean, line.split("\t"))) for line in shown.split("\n"))
        self._out.write("\n".join(lines).encode())


def _pieces(entry: Entry) -> Iterator[bytes]:
    """The text, piece by piece. Raises TryAgain when it cannot be read, or is another one by now."""
    try:
        fd = entry.open()
    except FileNotFoundError:
        raise TryAgain("the text was delivered just now", "rbridge recover lists what is kept") from None
    except OSError as error:
        raise TryAgain(f"cannot read the kept text: {error.strerror}") from error
    digest = sha256()
    with open(fd, "rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            yield data
    if digest.hexdigest() != entry.about.sha256:
        raise TryAgain("the kept text is not what was kept", f"look at {entry.file.parent}")
