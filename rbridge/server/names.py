"""What a peer says about a file, made safe to show and to use as a path.

Nothing here is believed: the host's name is what the peer says of itself, the path is only ever laid out
below ``FILES/ID``. A name that cannot be used is spelled in a safe way rather than refused, and keeps its
extension, because the user must still be able to open the file and the editor must still know its language.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from rbridge.errors import clean

NAME_MAX = 255  # bytes in one component: ext4, tmpfs, APFS
PATH_ROOM = 3000  # bytes of the path below FILES/ID/HOST: PATH_MAX is 4096, editors append to names
DEPTH = 128  # components of that path
EXTENSION_MAX = 16  # bytes: a longer one tells no editor anything
UNKNOWN_HOST = "host"
UNTITLED = "untitled"

HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_POSITION = re.compile(r"\s*([0-9]{1,9})(?:[:.x,]([0-9]{1,9}))?")


@dataclass(frozen=True)
class Place:
    """Where a document comes from: all fields are cleaned; *parts* are safe path components, at least one."""

    host: str
    path: str
    name: str
    parts: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.host}:{self.name}"


def place(display_name: str, real_path: str, host: str = "") -> Place:
    """Make a :class:`Place` of the headers of an ``open`` and, in link mode, of the *host* that ``link``
    gave.

    QUIRK: gomate and jmate give no host in display-name, bash an empty and silverzhaojr/rmate.c a ``-`` for
    the real-path of stdin, ruby and gomate none.
    """
    before, colon, after = display_name.partition(":")
    named = host if HOST.fullmatch(host) else ""
    if colon and HOST.fullmatch(before):
        named, shown = named or before, after
    else:
        shown = display_name
    path = real_path if real_path.strip("/.") not in ("", "-") else ""
    source = path or shown.rstrip("/").rpartition("/")[2]
    parts = _tail(tuple(component(part) for part in source.split("/") if part not in ("", ".")))
    name = clean(shown).strip() or parts[-1]
    return Place(named or UNKNOWN_HOST, clean(path), name[:NAME_MAX], parts)


def component(name: str) -> str:
    """*name* as one safe path component: no control characters, no slash, not ``..``, at most 255 bytes."""
    safe = clean(name).replace("/", "_").replace("\N{REPLACEMENT CHARACTER}", "_").strip()
    if safe in ("", ".", ".."):
        return "_" * max(1, len(safe))
    if len(safe.encode()) <= NAME_MAX - 16:  # editors make .NAME.swp and NAME~ of it
        return safe
    stem, dot, extension = safe.rpartition(".")
    suffix = dot + extension if stem and len(extension.encode()) <= EXTENSION_MAX else ""
    mark = "~" + hashlib.sha256(safe.encode()).hexdigest()[:8]
    room = NAME_MAX - 16 - len(mark) - len(suffix.encode())
    return safe.encode()[:room].decode("utf-8", "ignore") + mark + suffix


def position(selection: str) -> tuple[int, int]:
    """``LINE`` or ``LINE:COLUMN`` from a ``selection`` header; 0 for what is not given or makes no sense."""
    found = _POSITION.match(selection)
    return (int(found.group(1)), int(found.group(2) or 0)) if found else (0, 0)


def _tail(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The last of *parts* that fit into PATH_ROOM and DEPTH; a file without a name is ``untitled``."""
    kept: list[str] = []
    room = PATH_ROOM
    for part in reversed(parts[-DEPTH:]):
        room -= len(part.encode()) + 1
        if room < 0:
            break
        kept.insert(0, part)
    return tuple(kept) or (UNTITLED,)
