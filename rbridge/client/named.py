"""The files that language servers of this host have named: these may be opened for the laptop, and no others.

What a server says is not understood here. A text that begins as the URI of a file does is taken for one,
wherever it stands; a file that is named so could have been read by the server as well.
"""

import json
import os
import re
from collections import OrderedDict

MYPY = False
if MYPY:
    from typing import Set

MOST = 20000
"""Files that are remembered; the one that was named longest ago is forgotten first."""

LONGEST = 16384
"""Bytes of one such text."""

_URI = re.compile(rb'"file:[^"\\]*(?:\\.[^"\\]*)*"', re.IGNORECASE)
_OPEN = re.compile(rb'"file:[^"\\]*(?:\\.[^"\\]*)*\\?\Z', re.IGNORECASE)
_PATH = re.compile(r"file:(?://(?:localhost)?(?=/)|(?=/(?!/)))(/[^?#]*)", re.IGNORECASE)
_ESCAPED = re.compile(b"%([0-9a-fA-F]{2})")  # urllib.parse would cost each process 400 KB
_START = len(b'"file:')


class Named:
    """Those of one session. *roots* are the projects that its servers work in."""

    def __init__(self) -> None:
        self.roots: "Set[str]" = set()
        self._paths: "OrderedDict[str, str]" = OrderedDict()

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def add(self, path: str, root: str) -> None:
        """The server of the project *root* has named *path*."""
        self._paths[path] = root
        self._paths.move_to_end(path)
        if len(self._paths) > MOST:
            self._paths.popitem(last=False)

    def project(self, path: str) -> str:
        """The project whose server has named *path*, which lies outside of it; "" for others."""
        root = self._paths.get(path, "")
        return "" if path.startswith(root.rstrip("/") + "/") else root

    def within(self, real: str) -> bool:
        """Whether *real*, without links, lies in one of the projects."""
        return any(real.startswith(root.rstrip("/") + "/") for root in self.roots)


class Reading:
    """Reads what the server of the project *root* says, piece by piece, and tells *named*."""

    def __init__(self, named: Named, root: str) -> None:
        self._named = named
        self._root = root
        self._rest = b""  # of the piece before, which may be the beginning of a URI

    def feed(self, data: bytes) -> None:
        text = self._rest + data
        all_of_them = dict.fromkeys(reversed(_URI.findall(text)))  # one file has many items of a completion
        for found in reversed(list(all_of_them)):
            path = path_of(found)
            if path:
                self._named.add(path, self._root)
        begun = _OPEN.search(text, max(0, len(text) - LONGEST))
        self._rest = begun.group() if begun is not None else text[1 - _START :]


def path_of(uri: bytes) -> str:
    """The path in a JSON string with a URI, as os takes it; "" where it is none."""
    try:
        found = _PATH.match(json.loads(uri.decode("utf-8")))
        raw = found.group(1).encode("utf-8") if found is not None else b""
    except ValueError:  # half a surrogate pair is no text either
        return ""
    if not raw:
        return ""
    path = os.fsdecode(_ESCAPED.sub(lambda one: bytes([int(one.group(1), 16)]), raw))
    return "" if "\0" in path else "/" + os.path.normpath(path).lstrip("/")
