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
    return sorted({path for place in places for path in _holding(data, place, host, since)})


def _holding(data: tuple[bytes, ...], place: Path, host: Path, since: float) -> Iterator[str]:
    for directory, names, files in os.walk(place):
        names[:] = [name for name in names if Path(directory, name) != host]
        for name in files:
            path = Path(directory, name)
            try:
                found = path.lstat()
                if (
                    found.st_mtime < since
                    or found.st_size > LARGEST
                    or path.is_symlink()
                    or not path.is_file()
                ):
                    continue
                content = path.read_bytes()
                if any(one in content for one in data):
                    yield str(path)
            except OSError:
                continue  # another program's, gone meanwhile
