"""What a plug-in asks about language servers; see docs/attach.md."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rbridge.adapters import parameters
from rbridge.adapters.base import Wanted
from rbridge.adapters.browsing import refusals
from rbridge.adapters.fetched import Fetched
from rbridge.adapters.writings import REFUSED
from rbridge.errors import clean
from rbridge.jsonrpc import INVALID_PARAMS, RpcError
from rbridge.lsp.uris import SCHEME, Foreign, parse, remote_uri

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """A language server of a host. *kind* is types or lint, *root* the path of its project there."""

    name: str
    kind: str
    root: str


@dataclass(frozen=True)
class Offer:
    """Those for one document, the first before others; *advice*: a line for a user who has none."""

    host: str
    language: str
    servers: Sequence[Server] = ()
    advice: str = ""


class Languages(Protocol):
    """Who knows."""

    def prepare(self) -> None:
        """There is an editor that will ask."""

    async def offer(self, document: str, language: str) -> Offer:
        """What there is for *document*, in *language* or what its file's name says. Raises RbridgeError."""
        ...

    async def open(self, host: str, path: str, wanted: Wanted, *, line: int = 0, column: int = 0) -> str:
        """Open what a language server of *host* has named, as *wanted* edits it; the id of the document where
        it is open already, else "". Raises RbridgeError.
        """
        ...

    def find(self, host: str, path: str) -> str:
        """The id of the document that *path* is open as, "" where it is not."""
        ...


class Screen(Protocol):
    """The window that asks."""

    advised: set[tuple[str, str]]
    """Host and language of the advice that it has shown."""


class House(Protocol):
    """Where the buffers are."""

    languages: Languages | None

    async def show_again(self, document: str, screen: Any, line: int, column: int) -> dict[str, Any]: ...

    def fetched(self, screen: Any) -> Fetched: ...


def servers(house: House, screen: Screen, params: Params, document: str) -> Awaitable[Any]:
    """``lsp/servers`` about the buffer *document*."""
    return _servers(house.languages, screen, document, parameters.string(params, "language"))


async def _servers(languages: Languages | None, screen: Screen, document: str, language: str) -> Any:
    if languages is None:
        return {"language": language, "servers": [], "advice": ""}
    with refusals():
        found = await languages.offer(document, language)
    about = (found.host, found.language)
    advice = "" if about in screen.advised else clean(found.advice)
    if advice:
        screen.advised.add(about)
    return {
        "language": found.language,
        "servers": [
            {
                "name": one.name,
                "kind": one.kind,
                "root": remote_uri(found.host, one.root.encode("utf-8", "surrogateescape")),
            }
            for one in found.servers
        ],
        "advice": advice,
    }


def opened(house: House, screen: Screen, params: Params) -> Awaitable[Any]:
    """``lsp/open``."""
    line = parameters.number(params, "line", 1 << 30)
    column = parameters.number(params, "column", 1 << 30)
    uri = params.get("uri")
    try:
        said = parse(uri if isinstance(uri, str) else "", trusted=True)
    except Foreign as error:
        raise RpcError(INVALID_PARAMS, f"uri: {error}") from None
    if said.scheme != SCHEME or not said.authority:
        raise RpcError(INVALID_PARAMS, "uri: it names no file of a host")
    path = said.path.decode("utf-8", "surrogateescape")
    return _opened(house, screen, (said.authority, path, said.query), line, column)


async def _opened(
    house: House, screen: Screen, named: tuple[str, str, str], line: int, column: int
) -> dict[str, Any]:
    host, path, document = named
    languages = house.languages
    if languages is None:
        raise RpcError(REFUSED, "language servers are turned off on this laptop")
    there = document or languages.find(host, path)
    if there:
        return await house.show_again(there, screen, line, column)
    fetched = house.fetched(screen)
    try:
        with refusals():
            there = await languages.open(host, path, fetched, line=line, column=column)
        if there:
            return await house.show_again(there, screen, line, column)
        return await fetched.head()
    except BaseException:
        fetched.forget()
        raise
