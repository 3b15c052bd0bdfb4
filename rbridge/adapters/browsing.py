"""One folder in a window of an attached editor: what its plug-in asks of it; see docs/attach.md.

Like a buffer it may lose its window for a while. What a plug-in asked goes to the host at once and is given
up when the plug-in is gone.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import trio

from rbridge.adapters import parameters, spelling
from rbridge.adapters.buffer import CONFLICT
from rbridge.adapters.fetched import Fetched
from rbridge.adapters.folder import (
    ABSENT,
    NOT_CONNECTED,
    FolderDesk,
    FolderError,
    FolderPane,
    Match,
    Query,
    Root,
)
from rbridge.adapters.writings import REFUSED
from rbridge.errors import RbridgeError, clean
from rbridge.jsonrpc import INVALID_PARAMS, RpcError
from rbridge.wire import limits

UNCONFIRMED = -32014
DISCONNECTED = -32015
ELSEWHERE = -32016
UNKNOWN_FOLDER = -32017

CODES = {NOT_CONNECTED: DISCONNECTED, "conflict": CONFLICT}

GRACE = 10.0  # seconds that a plug-in has to come back
Params = Mapping[str, Any]


class Screen(Protocol):
    """The window that shows a folder."""

    @property
    def name(self) -> str: ...

    @property
    def base64(self) -> bool: ...

    def say(self, method: str, params: Params) -> None: ...


class House(Protocol):
    """Where the buffers are."""

    async def show_again(self, document: str, screen: Any, line: int, column: int) -> dict[str, Any]:
        """What ``buffer/open`` says of an open document, which *screen* shows from now on. Raises RpcError
        where another one has it.
        """
        ...

    def moved(self, root: Root, path: str, to: str) -> None:
        """What was *path* in *root* is *to* now."""

    def fetched(self, screen: Any) -> Fetched:
        """For a text that is to be opened in *screen*."""
        ...


class Browsing(FolderPane):
    """The folder *root*."""

    def __init__(self, root: Root, desk: FolderDesk, house: House) -> None:
        self.root = root
        self.closing = False
        self.window: Screen | None = None
        """Where it is shown; None while the plug-in is gone."""
        self._desk = desk
        self._house = house
        self._news = trio.Event()
        self._watch: trio.CancelScope | None = None
        self._watched: list[str] | None = None
        self._left = False

    @property
    def editor(self) -> str:
        return self.window.name if self.window is not None else ""

    def head(self) -> dict[str, Any]:
        """What ``folder/open`` says."""
        root = self.root
        return {
            "id": root.id,
            "uri": f"rbridge://{quote(root.host, safe='')}{quote(root.path, errors='replace')}",
            "host": root.host,
            "path": root.path,
            "name": root.name,
            "readOnly": root.read_only,
            "newWindow": root.new_window,
            "keepFocus": root.keep_focus,
            "wait": root.wait,
            "verified": root.verified,
        }

    @property
    def connected(self) -> bool:
        return self._desk.connected

    def standing(self) -> dict[str, Any]:
        """What ``initialize`` and ``folder/state`` say."""
        return {"id": self.root.id, "connected": self.connected}

    # The window

    def goes_to(self, window: Screen) -> None:
        """*window* shows it from now on."""
        self.window = window
        self._wake()

    def lost(self, window: Screen) -> None:
        """*window* is gone."""
        if self.window is window:
            self.window = None
            self._wake()

    async def over(self) -> None:
        """Wait until the plug-in has closed it, or has not come back; runs what it has watched meanwhile."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_watch)
            while not self.closing:
                if self.window is not None:
                    await self._news.wait()
                    continue
                with trio.move_on_after(GRACE) as grace:
                    while self.window is None and not self.closing:
                        await self._news.wait()
                if grace.cancelled_caught:
                    break
            nursery.cancel_scope.cancel()

    def gone(self) -> None:
        """The folder is closed here."""
        window, self.window = self.window, None
        if window is not None and not self.closing and not self._left:
            window.say("folder/closed", {"id": self.root.id, "message": ""})
        self.closing = True
        self._wake()

    async def show(self, connected: bool) -> None:
        if self.window is not None:
            self.window.say("folder/state", {"id": self.root.id, "connected": connected})

    def activate(self) -> None:
        self._say("folder/focus", {"id": self.root.id})

    def leave(self) -> bool:
        """The plug-in keeps what it shows, and names it to the next daemon."""
        self._left = self.window is not None and not self.closing
        return self._left

    # What the plug-in asks. Parameters are judged before anything is asked of the host.

    def close(self, params: Params) -> None:
        self.closing = True
        self._wake()

    def stat(self, params: Params) -> Awaitable[Any]:
        return self._stat(parameters.path(params, root=True))

    def list(self, params: Params) -> Awaitable[Any]:
        after = parameters.string(params, "after")
        if after:
            after = parameters.plain(after, params)
        return self._list(
            parameters.path(params, root=True), after, parameters.number(params, "limit", limits.PAGE)
        )

    def read(self, params: Params) -> Awaitable[Any]:
        at, length = (
            parameters.number(params, "at", 1 << 62),
            parameters.number(params, "length", limits.PIECE),
        )
        return self._read(parameters.path(params), at, length)

    def write(self, params: Params) -> Awaitable[Any]:
        base = params.get("base")
        if base is not None and not isinstance(base, str):
            raise RpcError(INVALID_PARAMS, "base is a string")
        return self._write(parameters.path(params), parameters.content(params), base)

    def make(self, params: Params) -> Awaitable[Any]:
        kind = params.get("kind")
        if kind not in ("file", "directory"):
            raise RpcError(INVALID_PARAMS, "kind is file or directory")
        content = None
        if kind == "file":
            content = parameters.content(params) if "text" in params or "base64" in params else b""
        if content is not None and len(content) > limits.ASK:
            raise RpcError(INVALID_PARAMS, "write larger ones with fs/write")
        return self._done(self._desk.make(parameters.path(params), content))

    def move(self, params: Params) -> Awaitable[Any]:
        path, to = parameters.path(params), parameters.path(params, "to")
        return self._move(path, to, params.get("over") is True)

    def remove(self, params: Params) -> Awaitable[Any]:
        confirmed = params.get("confirmed") is True
        return self._remove(parameters.path(params), params.get("recursive") is True, confirmed)

    def find(self, params: Params) -> Awaitable[Any]:
        return self._find(
            parameters.string(params, "query"),
            parameters.number(params, "limit", limits.FOUND),
            params.get("stream"),
        )

    def search(self, params: Params) -> Awaitable[Any]:
        case = params.get("case", "smart")
        query = Query(
            parameters.string(params, "query"),
            params.get("regex") is True,
            case if isinstance(case, str) else "",
            params.get("word") is True,
            parameters.string(params, "include"),
            parameters.string(params, "exclude"),
        )
        if query.case not in ("yes", "no", "smart") or not query.query:
            raise RpcError(INVALID_PARAMS, "search wants a query, and case is yes, no or smart")
        return self._search(query, parameters.number(params, "limit", limits.FOUND), params.get("stream"))

    def watch(self, params: Params) -> None:
        watched = parameters.paths(params, limits.SHOWN)
        if watched != self._watched:  # else it is said after a listing
            self._watched = watched
            if self._watch is not None:
                self._watch.cancel()
            self._wake()

    def open(self, params: Params) -> Awaitable[Any]:
        if self.window is None:
            raise RpcError(UNKNOWN_FOLDER, "this window has no such folder")
        line, column = (
            parameters.number(params, "line", 1 << 30),
            parameters.number(params, "column", 1 << 30),
        )
        return self._open(parameters.path(params), line, column, params.get("create") is True, self.window)

    # How it is answered

    async def _stat(self, path: str) -> dict[str, Any]:
        with refusals():
            return spelling.item(await self._desk.stat(path))

    async def _list(self, path: str, after: str, limit: int) -> dict[str, Any]:
        with refusals():
            items, more = await self._desk.listing(path, after, limit)
        said: dict[str, Any] = {"entries": [spelling.item(one) for one in items], "next": None}
        if more:
            said["next"], encoded = spelling.told(more)
            if encoded:
                said["encoded"] = True
        return said

    async def _read(self, path: str, at: int, length: int) -> dict[str, Any]:
        with refusals():
            data, total = await self._desk.read(path, at, length)
        return {"base64": base64.b64encode(data).decode(), "size": total}

    async def _write(self, path: str, data: bytes, base: str | None) -> dict[str, Any]:
        with refusals():
            digest = await self._desk.write(path, data, base or ABSENT)
        return {"outcome": "saved", "base": digest}

    async def _done(self, asked: Awaitable[None]) -> dict[str, Any]:
        with refusals():
            await asked
        return {}

    async def _move(self, path: str, to: str, over: bool) -> dict[str, Any]:
        with refusals():
            await self._desk.move(path, to, over)
        self._house.moved(self.root, path, to)
        return {}

    async def _remove(self, path: str, recursive: bool, confirmed: bool) -> dict[str, Any]:
        with refusals():
            if not confirmed:
                found = await self._desk.stat(path)
                entries, more = await self._entries(path) if found.kind == "directory" else (0, False)
                raise RpcError(
                    UNCONFIRMED,
                    f"removing {clean(path)} needs the user's word",
                    {"type": found.kind, "entries": entries, "more": more},
                )
            await self._desk.remove(path, recursive)
        return {}

    async def _entries(self, path: str) -> tuple[int, bool]:
        items, more = await self._desk.listing(path)
        return len(items), bool(more)

    async def _find(self, query: str, limit: int, stream: Any) -> dict[str, Any]:
        every: list[str] = []

        def found(some: Sequence[str]) -> None:
            every[:] = some
            if stream is not None:
                self._say("fs/found", {"stream": stream, **spelling.paths(some)})

        with refusals():
            end = await self._desk.find(query, limit, found)
        return {**spelling.paths(every), "truncated": end.truncated, "by": end.by}

    async def _search(self, query: Query, limit: int, stream: Any) -> dict[str, Any]:
        every: list[dict[str, Any]] = []

        def found(some: Sequence[Match]) -> None:
            matches = [spelling.match(one) for one in some]
            if stream is None:
                every.extend(matches)
            else:
                self._say("fs/found", {"stream": stream, "matches": matches})

        with refusals():
            end = await self._desk.search(query, limit, found)
        return {"matches": every, "truncated": end.truncated, "by": end.by}

    async def _open(self, path: str, line: int, column: int, create: bool, window: Screen) -> dict[str, Any]:
        fetched = self._house.fetched(window)
        try:
            with refusals():
                open_already = await self._desk.open(path, fetched, line=line, column=column, create=create)
            if open_already:
                return await self._house.show_again(open_already, window, line, column)
            return await fetched.head()
        except BaseException:
            fetched.forget()
            raise

    async def _keep_watch(self) -> None:
        """Watch what the plug-in wants watched, for ever."""
        while True:
            watched, news = self._watched, self._news
            if not watched:
                await news.wait()
                continue
            with trio.CancelScope() as self._watch:
                await self._desk.watch(watched, self._changed)

    def _changed(self, found: Sequence[str]) -> None:
        self._say("fs/changed", {"folder": self.root.id, **spelling.paths(found)})

    def _say(self, method: str, params: Params) -> None:
        if self.window is not None:
            self.window.say(method, params)

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()


class refusals:
    """What a host refused, as the error that the plug-in gets."""

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if isinstance(error, FolderError):
            data = {"reason": error.reason, **({"base": error.there} if error.there else {})}
            code = CODES.get(error.reason, REFUSED)
            raise RpcError(code, clean(str(error)), data) from None
        if isinstance(error, RbridgeError):
            raise RpcError(REFUSED, error.line()) from None


METHODS: dict[str, Callable[[Browsing, Params], Awaitable[Any] | None]] = {
    "folder/close": Browsing.close,
    "fs/stat": Browsing.stat,
    "fs/list": Browsing.list,
    "fs/read": Browsing.read,
    "fs/write": Browsing.write,
    "fs/make": Browsing.make,
    "fs/move": Browsing.move,
    "fs/remove": Browsing.remove,
    "fs/find": Browsing.find,
    "fs/search": Browsing.search,
    "fs/watch": Browsing.watch,
    "fs/open": Browsing.open,
}
"""What a plug-in may ask: ``folder/close`` names the folder as ``id``, all others as ``folder``."""
