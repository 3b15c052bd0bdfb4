"""Documents of a daemon that was killed: what a new one takes over, keeps in the spool, or wipes.

Beside each text lies ``FILES/ID/.document.json``, which says what it is and how its editor can be found
again. An editor that still runs keeps its text and goes on with the new daemon. The text of one that has
ended, as far as the host has not acknowledged it, goes to the spool.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from rbridge.adapters.base import Adapter, Text
from rbridge.errors import RbridgeError
from rbridge.server import felled, texts
from rbridge.server.events import ABSENT
from rbridge.server.files import Files
from rbridge.server.log import logger
from rbridge.server.spool import Spool

NAME = ".document.json"
LARGEST = 1 << 20  # bytes of it that are read
WHY = "daemon died"
EMPTY = sha256().hexdigest()

Say = Callable[[str], None]


@dataclass(frozen=True)
class Adopted:
    """What a dead daemon left of document *id*: *about* is what it wrote down, empty where it came to
    nothing.
    """

    id: str
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.about['name']} on {self.about['host']}"


def write(files_root: str, document: str, about: Mapping[str, Any]) -> None:
    """Write down what *document* is, for a daemon that comes after this one. 0600, and whole or not at all.

    A failure is logged: the document can then not be taken over, or only as it was before.
    """
    place = os.path.join(files_root, document, NAME)
    staged = place + ".new"
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump({**about, "id": document}, file)
        os.replace(staged, place)
    except OSError as error:
        logger.warning("cannot write %s: %s", place, error.strerror)


def left(files: Files) -> list[Adopted]:
    """What dead daemons left; their documents are in our hands now. See :meth:`Files.left`."""
    return [Adopted(document, _read(files.root, document)) for document in files.left()]


def take(files: Files, adapter: Adapter, spool: Spool | None, say: Say) -> list[dict[str, Any]]:
    """Settle what dead daemons left, and say so in a line each.

    Returns what was written down of the documents that go on: their editors still run, and *adapter* can
    adopt them. Of all others nothing is left in FILES; a text that the host may not have is in *spool*, or,
    where it could not be put there, stays where it is.
    """
    going_on = []
    found = left(files)
    for one in found:
        if not one.about:
            _rescue_folder(one.id, found, files, spool, say)
            continue
        about = dict(one.about)
        about["resume"] = {**about["resume"], "known": _acknowledged(about)}
        if about["resume"].keys() != {"known"} and adapter.runs(text_of(about), about["resume"]):
            files.adopt(one.id)
            going_on.append(about)
            _forget_delivered(one.id, about["base"], spool)
            say(f"{one.name} is still open in its editor: it goes on")
        elif not _rescue(one, spool, say):
            files.spare(one.id)
    wiped = files.sweep()
    if wiped:
        say(f"wiped {wiped} open texts that a killed daemon left in {files.root}")
    if spool is not None:
        spool.tidy()
    return going_on


def _rescue_folder(folder: str, found: list[Adopted], files: Files, spool: Spool | None, say: Say) -> None:
    """Keep what was written to a folder that was laid out, if that is what was left."""
    documents = [one.about for one in found if one.about]
    name = felled.called(files.root, folder)
    if name:
        say(
            f"{name} was open in an editor of files: what that still saves is not sent, open the folder again"
        )
    kept, safe = felled.rescue(files.root, folder, documents, spool)
    if not safe:
        files.spare(folder)
        say(f"a killed daemon left {kept} texts that could not be kept; they stay in {files.root}/{folder}")
    elif kept:
        say(f"a killed daemon had not delivered {kept} texts of a folder; 'rbridge recover' shows them")


def text_of(about: Mapping[str, Any]) -> Text:
    """The document as its editor got it."""
    return Text(
        id=about["id"],
        host=about["host"],
        path=about["path"],
        name=about["name"],
        file=Path(about["file"]),
        size=about["size"],
        line=about["line"],
        column=about["column"],
        file_type=about["file_type"],
        read_only=about["read_only"],
    )


def _acknowledged(about: Mapping[str, Any]) -> str:
    """The digest of what the host has, or of what an editor shows of a file that is not there yet."""
    return EMPTY if about["base"] == ABSENT else str(about["base"])


def _forget_delivered(document: str, base: str, spool: Spool | None) -> None:
    """The host acknowledged what the spool has of *document*, and the daemon was killed before it heard."""
    kept = spool.get(document) if spool is not None else None
    if spool is not None and kept is not None and kept.about.sha256 == base:
        spool.drop(document)


def _rescue(one: Adopted, spool: Spool | None, say: Say) -> bool:
    """Put the text into the spool if the host may not have it; whether it can be wiped then."""
    about = one.about
    file = Path(about["file"])
    try:
        fd = texts.take(file)
    except OSError:
        return True  # removed, or something else by now: there is no text
    try:
        digest = texts.digest(fd)
        if digest == _acknowledged(about) or about["read_only"]:
            return True
        if spool is None:
            say(f"{one.name}: a killed daemon left a text that the host may not have; it stays in {file}")
            return False
        kept = spool.get(one.id)
        if kept is not None and kept.about.sha256 == digest:
            return True
        spool.keep(
            one.id,
            fd,
            file.name,
            host=about["host"],
            path=about["path"],
            shown=about["name"],
            why=WHY,
            base=about["base"],
            session=about["session"],
            token=about["token"],
            serial=about["serial"] + (digest != about["handed"]),
            identity=about["identity"],
        )
    except (OSError, RbridgeError) as error:
        reason = error.line() if isinstance(error, RbridgeError) else error.strerror
        say(f"{one.name}: a killed daemon left a text that could not be kept ({reason}); it stays in {file}")
        return False
    finally:
        os.close(fd)
    say(f"{one.name}: a killed daemon had not delivered its text; it is kept, 'rbridge recover' shows it")
    return True


_KINDS: dict[str, type] = {
    "session": str,
    "token": str,
    "identity": str,
    "host": str,
    "path": str,
    "name": str,
    "file": str,
    "base": str,
    "handed": str,
    "serial": int,
    "read_only": bool,
    "size": int,
    "line": int,
    "column": int,
    "file_type": str,
    "resume": dict,
}


def _read(root: str, document: str) -> dict[str, Any]:
    """What was written down of *document*; empty if nothing was, or nothing that makes sense."""
    place = os.path.join(root, document, NAME)
    try:
        fd = texts.take(Path(place))
        with open(fd, "rb") as file:
            about = json.loads(file.read(LARGEST))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("cannot read %s: %s", place, type(error).__name__)
        return {}
    if not isinstance(about, dict) or not all(isinstance(about.get(k), kind) for k, kind in _KINDS.items()):
        logger.warning("%s makes no sense", place)
        return {}
    # the text lies below its own document, whatever is written there
    parts = about["file"].partition(f"/{document}/")[2].split("/")
    if any(part in ("", ".", "..") for part in parts):
        logger.warning("%s names a text that is not its own", place)
        return {}
    return {**about, "id": document, "file": os.path.join(root, document, *parts)}
