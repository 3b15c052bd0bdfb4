"""Files that are no texts: what they are, and the laptop's own program that shows them.

Which program opens a file is the desktop's choice by the file's kind, so only kinds that do nothing but show
something are handed to it, and only files whose first bytes are of the kind that their name says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from rbridge.adapters.base import Text

HEAD = 16  # bytes that tell a kind

PICTURE, DOCUMENT, SOUND, FILM = "pictures", "PDF files", "sounds", "films"

KINDS: dict[str, tuple[str, tuple[tuple[int, bytes], ...]]] = {
    "png": (PICTURE, ((0, b"\x89PNG\r\n\x1a\n"),)),
    "jpg": (PICTURE, ((0, b"\xff\xd8\xff"),)),
    "jpeg": (PICTURE, ((0, b"\xff\xd8\xff"),)),
    "gif": (PICTURE, ((0, b"GIF87a"), (0, b"GIF89a"))),
    "webp": (PICTURE, ((8, b"WEBP"),)),
    "bmp": (PICTURE, ((0, b"BM"),)),
    "ico": (PICTURE, ((0, b"\0\0\1\0"),)),
    "tif": (PICTURE, ((0, b"II*\0"), (0, b"MM\0*"))),
    "tiff": (PICTURE, ((0, b"II*\0"), (0, b"MM\0*"))),
    "avif": (PICTURE, ((4, b"ftyp"),)),
    "pdf": (DOCUMENT, ((0, b"%PDF-"),)),
    "wav": (SOUND, ((8, b"WAVE"),)),
    "flac": (SOUND, ((0, b"fLaC"),)),
    "ogg": (SOUND, ((0, b"OggS"),)),
    "mp3": (SOUND, ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"))),
    "mp4": (FILM, ((4, b"ftyp"),)),
    "webm": (FILM, ((0, b"\x1a\x45\xdf\xa3"),)),
    "mkv": (FILM, ((0, b"\x1a\x45\xdf\xa3"),)),
}
"""By the extension: what users call it, and what stands where in the file, one of which is enough."""

PROGRAMS = ("xdg-open", "gio", "kde-open", "exo-open")
"""What opens a file in the program that the user has chosen for its kind, in this order."""


def may_be(text: Text) -> bool:
    """Whether the name says that it is no text."""
    return extension(text) in KINDS


def kind_of(text: Text) -> str:
    """What kind of thing the file is, as users call it; empty for a text, and for what is named wrongly."""
    found = KINDS.get(extension(text))
    if found is None:
        return ""
    try:
        with open(text.file, "rb") as stream:
            head = stream.read(HEAD)
    except OSError:
        return ""
    kind, marks = found
    return kind if any(head[at : at + len(mark)] == mark for at, mark in marks) else ""


def program(
    environ: Mapping[str, str], which: Callable[[str], str | None], platform: str = sys.platform
) -> list[str]:
    """The words of the command that shows a file, without the file; none where there is no such program, or
    nowhere to show anything.
    """
    if platform == "darwin":
        return ["/usr/bin/open"]
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return []
    for name in PROGRAMS:
        if found := which(name):
            return [found, "open"] if name == "gio" else [found]
    return []


def extension(text: Text) -> str:
    """What stands behind the last dot of the name, in lower case."""
    _name, dot, found = text.file.name.rpartition(".")
    return found.lower() if dot else ""


def claimed(said: object) -> frozenset[str]:
    """The extensions of what a plug-in shows, by its ``capabilities.viewer``: true, or a list of them."""
    if said is True:
        return frozenset(KINDS)
    listed = said if isinstance(said, list) else []
    return frozenset(one for one in listed if isinstance(one, str) and one in KINDS)
