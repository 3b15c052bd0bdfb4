"""Texts that the host has not acknowledged, kept on this laptop until it has.

One directory per document, ``spool/ID/``, with the newest text under its own name and ``about.json``, which
says what it is; 0600 in 0700. A new text lies there in full, under a name of its own, before ``about.json``
is replaced and names it; only then does it take the older one's place. So there is at every moment one whole
text with what belongs to it, whatever ends this process or the machine.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from errno import EINVAL
from hashlib import sha256
from pathlib import Path

from rbridge.errors import CannotCreate, RbridgeError, TryAgain
from rbridge.private import make_private
from rbridge.server.log import logger

ENTRIES = 1000
BESIDE = 10  # replaced texts of one file; the oldest give way
ABANDONED = 3600.0  # seconds after which a directory without its about.json is what a crash left
VERSION = 1
CHUNK = 1 << 20

REPLACED = "replaced"
"""Why a text is kept in place of which the user chose the host's: it is not to be delivered any more."""

_ID = re.compile(r"[0-9a-f]{8,64}")
_ABOUT = "about.json"


class SpoolFull(TryAgain):
    """There is no room for another text."""


@dataclass(frozen=True)
class About:
    """What a kept text is: *host* and *path* are the peer's words, cleaned; *base* is the sha256 of the text
    the edit started from, *time* seconds since the epoch, *why* a word of the protocol, ``lost`` or REPLACED.

    *text* is its file's name, *staged* the name it has until then. *session*, *token* and *serial* name the
    save for the client that opened the document, *identity* is that of its host, empty if it proved none.
    """

    id: str
    host: str
    path: str
    name: str
    why: str
    base: str
    time: float
    size: int
    sha256: str
    text: str
    version: int = VERSION
    staged: str = ""
    session: str = ""
    token: str = ""
    serial: int = 0
    identity: str = ""

    @property
    def replaced(self) -> bool:
        return self.why == REPLACED


@dataclass(frozen=True)
class Entry:
    """A text in the spool: *file* is where it lies."""

    about: About
    file: Path

    def open(self) -> int:
        """A descriptor of the text. Raises OSError, FileNotFoundError when it was delivered or dropped."""
        try:
            fd = _open(self.file)
        except FileNotFoundError:
            fd = _open(self.file.with_name(self.about.text))  # it got that name just now
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size != self.about.size:
            os.close(fd)
            raise OSError(EINVAL, "not the text that was kept")
        return fd


class Spool:
    """The texts below *root*, at most *limit* bytes of them."""

    def __init__(self, root: str, limit: int) -> None:
        make_private(root)
        self.root = root
        self._limit = limit

    def keep(
        self,
        document: str,
        fd: int,
        name: str,
        *,
        host: str,
        path: str,
        shown: str,
        why: str,
        base: str,
        session: str = "",
        token: str = "",
        serial: int = 0,
        identity: str = "",
    ) -> Entry:
        """Copy the whole of the file open at *fd* to the spool, in place of an older text of *document*.

        One that was REPLACED is kept beside that under an id of its own, and belongs to no session. *name*
        is a safe file name. Raises SpoolFull and CannotCreate; an older text is still there then.
        """
        if why == REPLACED:
            document, session, token = secrets.token_hex(12), "", ""
        size = os.fstat(fd).st_size
        self._make_room(document, size, replaced=why == REPLACED)
        directory = os.path.join(self.root, document)
        file = f"text-{name}"  # the same for every text of a document: users were told where it is
        staged = f".{secrets.token_hex(4)}"
        try:
            make_private(directory)
            _sync(self.root)
            digest = _copy(fd, os.path.join(directory, staged))
            about = About(
                id=document,
                host=host,
                path=path,
                name=shown,
                why=why,
                base=base,
                time=time.time(),
                size=size,
                sha256=digest,
                text=file,
                staged=staged,
                session=session,
                token=token,
                serial=serial,
                identity=identity,
            )
            _replace(os.path.join(directory, _ABOUT), json.dumps(asdict(about)).encode())
            _sync(directory)
        except OSError as error:
            with suppress(OSError):
                os.unlink(os.path.join(directory, staged))
            raise CannotCreate(f"cannot write to {directory}: {error.strerror}") from error
        self._settle(directory)
        if about.replaced:
            self._thin_out(about)
        return Entry(about, _where(directory, about))

    def drop(self, document: str) -> None:
        """Erase what there is of *document*."""
        directory = os.path.join(self.root, document)
        try:
            os.unlink(os.path.join(directory, _ABOUT))  # first: without it there is no entry, only remains
        except FileNotFoundError:
            pass  # the remains of a crash
        except OSError as error:
            logger.warning("cannot erase %s from the spool: %s", document, error.strerror)
            return
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            logger.warning("cannot erase %s from the spool: %s", document, error.strerror)

    def entries(self) -> list[Entry]:
        """All texts, oldest first; a directory that a crash left without its ``about.json`` is not one.

        Raises CannotCreate when nobody can tell what there is.
        """
        try:
            names = os.listdir(self.root)
        except FileNotFoundError:  # somebody removed it; the next text makes it again
            return []
        except OSError as error:
            raise CannotCreate(f"cannot read {self.root}: {error.strerror}") from error
        found = [self.get(name) for name in names if _ID.fullmatch(name)]
        return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.about.time)

    def get(self, document: str) -> Entry | None:
        """What is kept of *document*."""
        directory = os.path.join(self.root, document)
        try:
            with open(os.path.join(directory, _ABOUT), "rb") as file:
                about = About(**json.load(file))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            logger.warning("the spool's %s cannot be read: %s", document, type(error).__name__)
            return None
        return Entry(about, _where(directory, about))

    def find(self, host: str, path: str, identity: str) -> list[Entry]:
        """What waits for the file *path* of *host*, whose identity is *identity*; the newest first."""
        wanted = host, path, identity
        return [
            entry
            for entry in reversed(self.entries())
            if (entry.about.host, entry.about.path, entry.about.identity) == wanted
            and not entry.about.replaced
        ]

    def of(self, session: str, token: str) -> Entry | None:
        """What waits for the document that *session*'s client calls *token*."""
        found = [
            entry
            for entry in self.entries()
            if session and (entry.about.session, entry.about.token) == (session, token)
        ]
        return found[-1] if found else None

    def tidy(self) -> None:
        """Remove what crashes left that is no text; what another daemon may just be writing is too young."""
        for name in os.listdir(self.root):
            directory = os.path.join(self.root, name)
            if not _ID.fullmatch(name):
                continue
            if os.path.lexists(os.path.join(directory, _ABOUT)):
                self._settle(directory)
            elif time.time() - os.lstat(directory).st_mtime > ABANDONED:
                self.drop(name)

    def _make_room(self, document: str, size: int, *, replaced: bool) -> None:
        """Raise SpoolFull unless *size* bytes more fit; texts that wait for nothing give way to one that
        does.
        """
        others = [entry for entry in self.entries() if entry.about.id != document]
        spare = [] if replaced else [entry for entry in others if entry.about.replaced]
        while len(others) >= ENTRIES or sum(entry.about.size for entry in others) + size > self._limit:
            if not spare:
                raise SpoolFull("the spool is full", "rbridge recover lists what is in it and drops it")
            oldest = spare.pop(0)
            others.remove(oldest)
            logger.warning("dropped a replaced text of %s: the spool is full", oldest.about.name)
            self.drop(oldest.about.id)

    def _thin_out(self, about: About) -> None:
        """Of the replaced texts of one file only the newest stay."""
        same = [
            entry.about.id
            for entry in self.entries()
            if entry.about.replaced
            and (entry.about.host, entry.about.path) == (about.host, about.path)
            and entry.about.id != about.id  # the clock may have been put back: it is the newest all the same
        ]
        for document in same[: max(0, len(same) + 1 - BESIDE)]:
            self.drop(document)

    def _settle(self, directory: str) -> None:
        """Give the text that ``about.json`` names its own name, and remove what it does not name.

        A failure is no loss: the text stays under the name that ``about.json`` has for it too.
        """
        entry = self.get(os.path.basename(directory))
        if entry is None:
            return
        about = entry.about
        try:
            if entry.file.name != about.text:
                os.replace(entry.file, os.path.join(directory, about.text))
            for left in os.listdir(directory):
                if left not in (about.text, _ABOUT):
                    os.unlink(os.path.join(directory, left))
            _sync(directory)
        except OSError as error:
            logger.warning("the spool's %s cannot be put in order: %s", about.id, error.strerror)


def refusal(error: RbridgeError) -> str:
    """What to say when a text could not be kept."""
    return f"the text could NOT be kept ({error}): save it elsewhere before you close the editor"


def _where(directory: str, about: About) -> Path:
    staged = Path(directory, about.staged)
    return staged if about.staged and os.path.lexists(staged) else Path(directory, about.text)


def _open(file: Path) -> int:
    return os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _copy(source: int, path: str) -> str:
    """Copy all of *source* into a new file at *path*, onto the disk; returns the sha256."""
    digest = sha256()
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        position = 0
        while data := os.pread(source, CHUNK, position):
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
            digest.update(data)
            position += len(data)
        os.fsync(target)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(target)
    return digest.hexdigest()


def _replace(path: str, data: bytes) -> None:
    staged = path + ".new"
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:  # a disk that is nearly full takes a part
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(staged, path)


def _sync(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
