"""Looks for a text on the laptop's disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

LARGEST = 1 << 24  # bytes; what an editor keeps of a small text is small


def kept(marker: str, places: Iterable[Path], host: Path) -> list[str]:
    """The files below *places* that hold *marker* and were written in this test, but for the host's own.

    *host* is the root of its directories; it is as old as the test.
    """
    since = os.stat(host).st_ctime - 60
    data = (marker.encode(), marker.encode("utf-16-le"))
    return sorted({path for place in places for path in _holding(data, str(place), str(host), since)})


def _holding(data: tuple[bytes, ...], place: str, host: str, since: float) -> Iterator[str]:
    """Directory entries as they are read, and no objects for them: /tmp may have a million names."""
    below = [place]
    while below:
        try:
            with os.scandir(below.pop()) as entries:
                found = list(entries)
        except OSError:
            continue  # another program's, gone meanwhile
        for one in found:
            if one.is_dir(follow_symlinks=False):
                if one.path != host:
                    below.append(one.path)
            elif one.is_file(follow_symlinks=False) and _holds(one, data, since):
                yield one.path


def _holds(entry: os.DirEntry[str], data: tuple[bytes, ...], since: float) -> bool:
    try:
        state = entry.stat(follow_symlinks=False)
        if state.st_mtime < since or state.st_size > LARGEST:
            return False
        with open(entry.path, "rb") as file:
            content = file.read()
    except OSError:
        return False  # gone meanwhile
    return any(one in content for one in data)
