"""URIs of documents, as a language server on the host and an editor on the laptop spell them.

Towards the server a document is ``file:///PATH``. The editor has it as ``rbridge://HOST/PATH``, with ``?ID``
where it is one of the daemon's documents, or as ``file:///FILES/ID/HOST/PATH`` where it edits a file in
memory. A URI is taken apart first, whatever its spelling: what is compared is paths, never texts. One that
cannot be taken apart without doubt is nobody's.

Specification: RFC 3986, RFC 8089.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

SCHEME = "rbridge"
LOCAL = ("", "localhost")

_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FRAGMENT = re.compile(r"[\w.,:;=+-]*", re.ASCII)  # a line, a name: nothing that could go on as a path
_ID = re.compile(r"[0-9a-f]{24}")


class Foreign(Exception):
    """A URI that is not for the other side; the message says why, and is clean."""


@dataclass(frozen=True)
class Uri:
    """A URI in its parts; *path* is absolute, decoded, and has no empty, ``.`` or ``..`` names."""

    scheme: str
    authority: str
    path: bytes
    query: str = ""
    fragment: str = ""


def parse(text: str, *, trusted: bool = False) -> Uri:
    """Take a URI apart. Raises Foreign where it is none, or has no absolute path.

    *trusted*: it is the user's own editor's, and some leave characters as they are that want to be encoded.
    """
    if _CONTROL.search(text) or (not trusted and (_UNFIT.search(text) or _BROKEN.search(text))):
        raise Foreign("a URI with a character that it cannot have")
    found = _PARTS.fullmatch(text)
    if found is None:
        raise Foreign("no URI")
    scheme, _, authority, path, query, fragment = (part or "" for part in found.groups())
    try:
        raw = unquote_to_bytes(path)
        host = unquote_to_bytes(authority).decode("utf-8", "replace")
    except UnicodeEncodeError:
        raise Foreign("a URI with half a character") from None
    if not raw.startswith(b"/") or b"\0" in raw:
        raise Foreign("a URI without an absolute path")
    return Uri(scheme.lower(), host, normal(raw), query[1:], fragment[1:])


def normal(path: bytes) -> bytes:
    """*path*, absolute, without empty, ``.`` and ``..`` names."""
    names: list[bytes] = []
    for name in path.split(b"/"):
        if name == b"..":
            del names[-1:]
        elif name not in (b"", b"."):
            names.append(name)
    return b"/" + b"/".join(names)


def file_uri(path: bytes) -> str:
    """``file:///...`` for *path*."""
    return "file://" + quote(path)


def remote_uri(host: str, path: bytes, document: str = "") -> str:
    """``rbridge://HOST/...`` for *path*."""
    return f"{SCHEME}://{quote(host, safe='')}{quote(path)}" + (f"?{document}" if document else "")


def is_ours(text: str) -> bool:
    """Whether *text* names a file here or on a host, and not something in the web."""
    return text[: text.find(":")].lower() in (SCHEME, "file")


class Places:
    """The documents of one *host* between one editor and a language server.

    *files* is where texts lie in memory, as the editor has them. *find* returns the id and the path of the
    document of this host that the id, or else the path, names, None if there is none. *in_memory*: it is an
    editor of files.
    """

    def __init__(
        self,
        host: str,
        files: bytes,
        find: Callable[[str, bytes], tuple[str, bytes] | None],
        *,
        in_memory: bool = False,
    ) -> None:
        self.host = host
        self._files = files
        self._find = find
        self._in_memory = in_memory
        self._without: set[bytes] = set()
        self.lenient = False
        """Whether a file that the editor has not is left out, and not waited for."""
        self._spelled: dict[bytes, str] = {}
        self._meant: dict[str, bytes] = {}  # by how they are spelled

    def opened(self, uri: str) -> None:
        """The editor calls a document *uri*: it will find it by no other spelling. Raises Foreign."""
        path = self._meant[uri] = self.path(uri)
        self._spelled[path] = uri

    def closed(self, uri: str) -> None:
        """It has closed it. Raises Foreign."""
        self._spelled.pop(self.path(uri), None)
        self._meant.pop(uri, None)

    def without(self, path: bytes) -> None:
        """An editor of files will not get the one at *path*, until :meth:`again`."""
        self._without.add(path)

    def again(self) -> None:
        """Whatever was missing may be had by now."""
        self._without.clear()

    def to_server(self, uri: str) -> str:
        """What the server calls the editor's *uri*. Raises Foreign."""
        return file_uri(self.path(uri))

    def path(self, uri: str) -> bytes:
        """The path on the host of the editor's *uri*. Raises Foreign."""
        if uri in self._meant:
            return self._meant[uri]  # the document may be closed there, and the editor still have it
        try:
            said = parse(uri, trusted=True)
        except Foreign:
            raise Foreign(f"it is not on {self.host}") from None
        if said.scheme == SCHEME:
            return self._remote(said)
        if said.scheme == "file" and said.authority.lower() in LOCAL:
            return self._in_files(said)
        raise Foreign(f"it is not on {self.host}")

    def to_editor(self, uri: str) -> str:
        """What the editor calls the server's *uri*. Raises Foreign; Absent where a file is missing."""
        said = parse(uri)
        fit = _FRAGMENT.fullmatch(said.fragment)
        if said.scheme != "file" or said.authority.lower() not in LOCAL or said.query or not fit:
            raise Foreign("the language server names what is no file of its host")
        return self.named(said.path) + (f"#{said.fragment}" if said.fragment else "")

    def named(self, path: bytes) -> str:
        """What the editor calls *path*. Raises Absent where it has to be a file and there is none."""
        if path in self._spelled:
            return self._spelled[path]
        found = self._find("", path)
        if self._in_memory:
            if found is None and (self.lenient or path in self._without):
                raise Foreign("the editor cannot have that file")
            if found is None:
                raise Absent(path)
            return file_uri(b"/".join((self._files, found[0].encode(), self.host.encode())) + path)
        return remote_uri(self.host, path, found[0] if found else "")

    @property
    def scheme(self) -> str:
        """Of the editor's URIs."""
        return "file" if self._in_memory else SCHEME

    def glob(self, pattern: str) -> str:
        """What the editor matches with its paths, for what the server matches with those of the host."""
        return f"**{pattern}" if self._in_memory and pattern.startswith("/") else pattern

    def linked(self, uri: str) -> str:
        """:meth:`to_editor` of a link: a file that would have to be made first is none. Raises Foreign."""
        try:
            return self.to_editor(uri)
        except Absent:
            raise Foreign("it is not open") from None

    def _remote(self, said: Uri) -> bytes:
        if _ID.fullmatch(said.query):
            found = self._find(said.query, b"")
            if found is not None:
                return found[1]
        if said.query or said.authority != self.host:
            raise Foreign(f"it is not on {self.host}")
        return said.path

    def _in_files(self, said: Uri) -> bytes:
        """``FILES/ID/HOST/PATH``."""
        below = said.path[len(self._files) + 1 :].split(b"/", 2)
        inside = said.path.startswith(self._files + b"/") and len(below) == 3
        if not inside or not _ID.fullmatch(below[0].decode("latin-1")):
            raise Foreign(f"it is not on {self.host}")
        found = self._find(below[0].decode(), b"")
        if found is None:
            raise Foreign(f"it is not on {self.host}")
        return found[1]


class Absent(Exception):
    """The editor needs a file, and there is none for *path* yet."""

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self.path = path
