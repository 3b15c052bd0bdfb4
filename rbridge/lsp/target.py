"""Which document an editor's language client is for: by what it says of itself, and by its workspace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rbridge.lsp.uris import SCHEME, Foreign, parse

HELLO = "rbridge/hello"
OWN = "rbridge"  # what plug-ins say to us in initializationOptions


class Document(Protocol):
    """One of the daemon's documents, as far as it matters here."""

    @property
    def id(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def path(self) -> str: ...


@dataclass(frozen=True)
class Hello:
    """What ``rbridge lsp`` says before the editor does."""

    uri: str = ""
    server: str = ""
    document: str = ""
    language: str = ""
    cwd: str = ""
    editor: str = ""
    """The pid of its process."""
    primary: str = ""
    """Not empty: it is the first of the document's servers, and the endpoint's own features are said here."""

    @classmethod
    def read(cls, said: Any) -> Hello:
        """What makes no sense is empty."""
        values = dict(said) if isinstance(said, dict) else {}
        if values.get("primary") is True:
            values["primary"] = "yes"
        return cls(
            **{name: value for name in cls.__annotations__ if isinstance(value := values.get(name), str)}
        )


def greeting(body: bytes) -> tuple[Hello, bool]:
    """What a language client's first message says of it, and whether that was all that it said.

    It is ``rbridge/hello`` of ``rbridge lsp``, or ``initializationOptions.rbridge`` of a plug-in that
    connects by itself.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return Hello(), False
    params = said.get("params") if isinstance(said, dict) else None
    if not isinstance(params, dict):
        return Hello(), False
    if said.get("method") == HELLO:
        return Hello.read(params), True
    options = params.get("initializationOptions")
    return Hello.read(options.get(OWN) if isinstance(options, dict) else None), False


def named(hello: Hello, params: Any, documents: Iterable[Document], files: bytes) -> Document | None:
    """The document that is meant; None where nothing tells."""
    every = list(documents)
    for uri in (hello.uri, *workspace(params)):
        found = by_uri(uri, every, files) if uri else None
        if found is not None:
            return found
    if hello.document:
        return next((one for one in every if one.id == hello.document), None)
    return by_path(hello.cwd.encode("utf-8", "surrogateescape"), every, files) if hello.cwd else None


def workspace(params: Any) -> list[str]:
    """The URIs of the workspace in the parameters of ``initialize``."""
    said: Mapping[str, Any] = params if isinstance(params, dict) else {}
    folders = said.get("workspaceFolders")
    listed = [one.get("uri") for one in folders if isinstance(one, dict)] if isinstance(folders, list) else []
    return [uri for uri in (said.get("rootUri"), *listed) if isinstance(uri, str)]


def by_uri(
    uri: str, documents: Sequence[Document], files: bytes, *, exactly: bool = False
) -> Document | None:
    """The document that *uri* names; unless *exactly*, one that lies below it, or is on its host."""
    try:
        said = parse(uri, trusted=True)
    except Foreign:
        return None
    if said.scheme == "file":
        return by_path(said.path, documents, files)
    if said.scheme != SCHEME:
        return None
    exact = [one for one in documents if one.id == said.query]
    there = [one for one in documents if one.host == said.authority]
    path = said.path.decode("utf-8", "surrogateescape")
    same = [one for one in there if one.path == path]
    if exactly:
        return next(iter((*exact, *same)), None)
    below = [one for one in there if one.path.startswith(path.rstrip("/") + "/")]
    return next(iter((*exact, *same, *below, *there)), None)


def by_path(path: bytes, documents: Sequence[Document], files: bytes) -> Document | None:
    """The document in whose directory below FILES *path* lies."""
    if not path.startswith(files + b"/"):
        return None
    # an editor that was started for it works in a directory beside: ID.SOMETHING
    name = path[len(files) + 1 :].split(b"/", 1)[0].partition(b".")[0].decode("latin-1")
    return next((one for one in documents if one.id == name), None)
