"""Folders that a daemon which was killed had laid out in memory: what was written to them and may not have
reached the host goes to the spool.

Beside such a folder lies ``FILES/ID/.folder.json``, which says what was laid out. Files that were opened as
documents have records of their own (:mod:`rbridge.server.adopted`).
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rbridge.adapters import sidefiles
from rbridge.adapters.folder import ABSENT, Root
from rbridge.errors import RbridgeError, clean
from rbridge.server import names, texts
from rbridge.server.log import logger
from rbridge.server.spool import Spool

NAME = ".folder.json"
LARGEST = 32 << 20  # bytes of it that are read: the longest paths there can be
WHY = "daemon died"

_KINDS = {"host": str, "path": str, "directory": str, "identity": str, "laid": dict}


def write(files_root: str, root: Root, identity: str, laid: Mapping[str, str]) -> None:
    """Write down that *root*, of the host of this *identity*, is laid out with these digests by path.

    A failure is logged: what is written there is then lost with the daemon, should that be killed.
    """
    place = os.path.join(files_root, root.id, NAME)
    about = {
        "host": root.host,
        "path": root.path,
        "directory": str(root.directory),
        "identity": identity,
        "laid": dict(laid),
    }
    try:
        fd = os.open(
            place + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(about, file)
        os.replace(place + ".new", place)
    except OSError as error:
        logger.warning("cannot write %s: %s", place, error.strerror)


def called(files_root: str, folder: str) -> str:
    """What users call the folder that was laid out there, empty if none was."""
    about = _read(os.path.join(files_root, folder, NAME))
    return clean(f"{about['path'].rpartition('/')[2] or '/'} on {about['host']}") if about else ""


def rescue(
    files_root: str, folder: str, documents: Sequence[Mapping[str, Any]], spool: Spool | None
) -> tuple[int, bool]:
    """Put what was written to *folder* (its ID) into *spool*, unless one of *documents*, the records of what
    was open, has it. Returns how many texts that are, and whether the folder can be wiped then.
    """
    about = _read(os.path.join(files_root, folder, NAME))
    if not about:
        return 0, True
    top = Path(files_root, folder, *_below(about["directory"], folder))
    kept, safe = 0, True
    for path in _files(top):
        base = about["laid"].get(path, ABSENT)
        try:
            fd = texts.take(top / path)
        except OSError:
            continue  # a link, or gone
        try:
            digest = texts.digest(fd)
            shown = f"{about['path'].rstrip('/')}/{clean(path)}"
            if digest == base or digest in _known(documents, about["host"], shown):
                continue
            safe = _keep(spool, fd, shown, base, about) and safe
            kept += 1
        finally:
            os.close(fd)
    return kept, safe


def _keep(spool: Spool | None, fd: int, shown: str, base: str, about: Mapping[str, Any]) -> bool:
    if spool is None:
        return False
    name = shown.rpartition("/")[2]
    said = {"host": about["host"], "path": shown, "shown": name, "why": WHY, "base": str(base)}
    try:
        spool.keep(secrets.token_hex(12), fd, names.component(name), identity=about["identity"], **said)
    except (OSError, RbridgeError) as error:
        logger.warning("%s cannot be kept: %s", shown, error)
        return False
    return True


def _known(documents: Sequence[Mapping[str, Any]], host: str, path: str) -> set[str]:
    """The digests of what the host has of this file, or of what is kept as a document's."""
    known = set()
    for one in documents:
        if (one["host"], one["path"]) == (host, path):
            known |= {one["base"], one["handed"]}
            try:
                fd = texts.take(Path(one["file"]))
            except OSError:
                continue
            try:
                known.add(texts.digest(fd))
            finally:
                os.close(fd)
    return known


def _files(top: Path) -> Iterator[str]:
    for directory, _, found in os.walk(top):
        for name in found:
            path = os.path.relpath(os.path.join(directory, name), top)
            if not sidefiles.is_left_out(path):
                yield path


def _below(directory: str, folder: str) -> list[str]:
    """The folder lies below its own ID, whatever is written there."""
    parts = directory.partition(f"/{folder}/")[2].split("/")
    return [] if any(part in ("", ".", "..") for part in parts) else parts


def _read(place: str) -> dict[str, Any]:
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
    return about
