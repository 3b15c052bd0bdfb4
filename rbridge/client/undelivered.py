"""Files of this host of which only the laptop has a text: remembered when the document is over.

``STATE/undelivered`` holds a file for each, 0600, called by a hash of the real path and of the daemon's
identity. ``rbridge status`` shows them, and ``status -q`` counts them. One is forgotten when the daemon says
that it has nothing of that file, when a save of it is on this disk where the daemon says nothing, or at the
user's word.
"""

import hashlib
import os

from rbridge.client import journal, pieces
from rbridge.errors import RbridgeError, clean
from rbridge.wire import codec

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Optional

    from rbridge.client.delivery import Document
    from rbridge.client.register import Register

LARGEST = 64 * 1024
"""Bytes of such a file that are read."""

LATER = 0.02
"""Seconds after an ``open`` was answered: first the command returns."""

NEVER = "an older text never got here"


class Undelivered:
    """*real* is the file's real path; *why* says what happened, and *laptop* where the text is."""

    def __init__(self, real: str, laptop: str, identity: str, why: str) -> None:
        self.real = real
        self.laptop = laptop
        self.identity = identity
        self.why = why


def directory(states: str) -> str:
    return os.path.join(states, "undelivered")


def remember(states: str, one: Undelivered) -> None:
    """Write *one* down, in place of what was known of this file and daemon. Raises OSError."""
    where = journal.make_directory(directory(states))
    name = _name(one.real, one.identity)
    part = os.path.join(where, "part.{}.{}".format(name, os.getpid()))
    lines = [one.real, one.laptop, one.identity, one.why]
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        pieces.write(fd, "".join(codec.quote(line) + "\n" for line in lines).encode())
        os.fsync(fd)
        os.rename(part, os.path.join(where, name))
    except OSError:
        journal.remove(part)
        raise
    finally:
        os.close(fd)
    pieces.sync_directory(where)


def forget(states: str, real: str, identity: str) -> None:
    """*identity*'s laptop has nothing more of the file *real*. Raises OSError."""
    try:
        os.unlink(os.path.join(directory(states), _name(real, identity)))
    except (FileNotFoundError, NotADirectoryError):
        pass  # as nearly always: nothing was remembered


def remembered(states: str) -> "List[Undelivered]":
    """All of them, by path. Raises OSError."""
    where = directory(states)
    try:
        names = os.listdir(where)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for name in names:
        one = None if name.startswith("part.") else _read(os.path.join(where, name))
        if one is not None:
            found.append(one)
    return sorted(found, key=lambda one: (one.real, one.identity))


def _name(real: str, identity: str) -> str:
    return hashlib.sha256(os.fsencode(real) + b"\0" + identity.encode()).hexdigest()[:32]


def _read(path: str) -> "Optional[Undelivered]":
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None  # forgotten just now
    with open(fd, "rb") as file:
        lines = file.read(LARGEST).decode("utf-8", "surrogateescape").split("\n")
    try:
        real, laptop, identity, why = [codec.unquote(line) for line in lines[:4]]
    except (ValueError, RbridgeError):
        return None  # nobody but us writes here: a disk that lost it
    return Undelivered(real, laptop, identity, why)


# in the process in the background


def note(
    register: "Register", document: "Document", why: str, then: "Callable[[], None]" = lambda: None
) -> None:
    """Only the laptop has a text of *document*: write that down, in its thread, and call *then*."""
    if document.source.stdin:
        then()
        return
    document.undelivered = "yes"
    one = Undelivered(document.source.real, clean(register.label), register.identity, clean(why))

    def done(_result: "Any", error: "Optional[BaseException]") -> None:
        if error is not None:
            line = "{}: only {} has a text of it, and 'rbridge status' will not know that: {}"
            register.tell(document, line.format(document.source.shown, register.label, error))
        then()

    register.work(document, lambda: remember(register.states, one), done)


def said(register: "Register", document: "Document", word: str) -> None:
    """Whether the laptop has an older text of *document*: *word* is yes or no, anything else says nothing."""
    if word not in ("yes", "no") or document.source.stdin:
        return
    document.undelivered = word
    if word == "yes":
        note(register, document, NEVER)
        return
    real, identity = document.source.real, register.identity

    def done(_result: "Any", error: "Optional[BaseException]") -> None:
        if error is not None:
            register.log("{}: {}".format(document.source.shown, error))

    def drop() -> None:
        if document.undelivered == "no":
            register.work(document, lambda: forget(register.states, real, identity), done)

    register.loop.at(LATER, drop)
