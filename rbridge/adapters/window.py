"""One window of an attached editor: its connection, and what its plug-in says; see docs/attach.md."""

from __future__ import annotations

import logging
import select
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import trio

from rbridge import __version__
from rbridge.adapters import browsing, languages, viewer
from rbridge.adapters.base import Text
from rbridge.adapters.browsing import UNKNOWN_FOLDER, Browsing
from rbridge.adapters.buffer import OPEN, UNKNOWN_BUFFER, Buffer
from rbridge.errors import clean
from rbridge.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Peer, RpcError

logger = logging.getLogger("rbridge")

NOT_INITIALIZED = -32002
VERSION = 1
HELLO = 10.0  # seconds for the first message

Answer = Callable[[Buffer, Mapping[str, Any]], "Awaitable[Any] | None"]

METHODS: dict[str, Answer] = {
    "buffer/read": Buffer.read,
    "buffer/write": Buffer.write,
    "buffer/theirs": Buffer.theirs,
    "buffer/taken": Buffer.taken,
    "buffer/resolve": Buffer.resolve,
    "buffer/close": Buffer.close,
}


class House(languages.House, Protocol):
    """What the windows are part of."""

    def buffer(self, document: str) -> Buffer | None:
        """The document of this id."""

    async def expected(self, document: str) -> None:
        """Return once it is here, if it is one that another daemon left and that goes on."""

    def folder(self, folder: str) -> Browsing | None:
        """The folder of this id."""

    def enters(self, window: Window) -> None:
        """*window* can show texts from now on; it counts as the one that was focused last."""

    def focused(self, window: Window) -> None:
        """The user turned to *window*."""


class Window:
    """The connection over *stream*, which is closed at the end of :meth:`run`."""

    def __init__(self, stream: trio.abc.Stream, house: House) -> None:
        self.name = "an editor"
        self.client: tuple[str, object] = "", None
        self.version = self.plugin = ""
        """Of the editor, and of its plug-in, as it says."""
        self.base64 = False
        self.question = False
        self.diff = False
        self.folders = False
        self.viewer: frozenset[str] = frozenset()
        """The extensions of the files that it shows though they are no texts."""
        self.claims: set[tuple[str, str]] = set()
        """Host and path of the folders that it showed before it was connected."""
        self.advised: set[tuple[str, str]] = set()
        self._house = house
        self._stream = stream
        self._ready = False
        self._peer = Peer(stream, self._handle)
        self._greeted = trio.Event()

    async def run(self) -> None:
        """Serve the plug-in until its connection ends."""
        async with self._stream, trio.open_nursery() as nursery:
            nursery.start_soon(self._be_greeted)
            await self._peer.run()
            nursery.cancel_scope.cancel()

    @property
    def here(self) -> bool:
        """Whether the plug-in still holds its end: an editor that has just died may not be missed yet."""
        if not isinstance(self._stream, trio.SocketStream):
            return True
        number = self._stream.socket.fileno()
        if number < 0:
            return False  # closed here already
        look = select.poll()
        look.register(number, 0)
        return not look.poll(0)  # an end and an error are told without having been asked for

    def views(self, text: Text) -> bool:
        """Whether *text*, which is a picture or the like, can be seen here."""
        return viewer.extension(text) in self.viewer

    async def open(self, buffer: Buffer) -> None:
        """Have *buffer* shown here.

        Raises TooSlowError and BrokenResourceError, and RpcError when the plug-in refuses; it is told then
        that the document is closed.
        """
        buffer.goes_to(self)
        try:
            with trio.CancelScope(deadline=trio.current_time() + OPEN) as scope:
                buffer.opening = scope
                unseen = {"diff": True} if self.diff and buffer.text.half is not None else {}
                await self._peer.request("buffer/open", {**head(buffer), **unseen})
            if scope.cancelled_caught:
                raise trio.TooSlowError
        except (trio.TooSlowError, trio.BrokenResourceError, RpcError):
            self.say("buffer/closed", {"id": buffer.text.id, "message": "it was opened elsewhere"})
            raise
        finally:
            buffer.opening = trio.CancelScope()

    async def reveal(self, buffer: Buffer, line: int, column: int) -> None:
        """Have *buffer*, which is shown here, brought to the front, at *line* and *column* if given."""
        again = {"line": line, "column": column, "newWindow": False, "keepFocus": False}
        try:
            with trio.move_on_after(OPEN):
                await self._peer.request("buffer/open", {**head(buffer), **again})
        except (trio.BrokenResourceError, RpcError) as error:
            logger.info("%s cannot show %s again: %s", self.name, buffer.text.name, clean(str(error)))

    async def compare(self, left: Buffer, right: Buffer, /) -> str:
        """Have two buffers of this window shown beside each other; nothing, or why not in one line."""
        if not self.diff:
            return f"{self.name} shows no diff, or its plug-in is an older one: both files are open"
        title = f"{left.text.name} ↔ {right.text.name}"
        said = {"left": left.text.id, "right": right.text.id, "title": title}
        last = right.text
        how = {"newWindow": last.new_window, "keepFocus": last.keep_focus, "wait": last.wait}
        try:
            await self._peer.request("buffer/diff", {**said, **how}, OPEN)
        except trio.TooSlowError:
            return f"{self.name} does not answer, so there is no diff"
        except trio.BrokenResourceError:
            return f"{self.name} is gone, so there is no diff"
        except RpcError as error:
            return clean(f"{self.name} cannot show the diff: {error.message}")
        return ""

    async def ask(self, message: str, answers: Sequence[str]) -> str | None:
        """One of *answers*, or None where the user gave none of them. Raises BrokenResourceError."""
        try:
            said = await self._peer.request("question", {"message": clean(message), "answers": list(answers)})
        except RpcError as error:
            logger.info("%s cannot ask: %s", self.name, clean(str(error)))
            return None
        answer = said.get("answer") if isinstance(said, dict) else None
        return answer if isinstance(answer, str) and answer in answers else None

    async def show(self, folder: Browsing) -> None:
        """Have *folder* shown here; raises as :meth:`open` does."""
        folder.goes_to(self)
        try:
            await self._peer.request("folder/open", folder.head(), OPEN)
        except (trio.TooSlowError, trio.BrokenResourceError, RpcError):
            folder.lost(self)
            self.say("folder/closed", {"id": folder.root.id, "message": "it was opened elsewhere"})
            raise

    def say(self, method: str, params: Mapping[str, Any]) -> None:
        """Notify the plug-in, if it is still there."""
        try:
            self._peer.notify(method, params)
        except trio.BrokenResourceError:
            logger.debug("%s: %s is not heard any more", self.name, method)

    async def _be_greeted(self) -> None:
        with trio.move_on_after(HELLO):
            await self._greeted.wait()
            return
        logger.info("editor.sock: a connection that says nothing is closed")
        self._peer.end()

    def _handle(self, method: str, params: Any) -> Awaitable[Any] | None:
        if not isinstance(params, dict):
            raise RpcError(INVALID_PARAMS, "params are one object")
        if method == "initialize":
            return self._initialize(params)
        if not self._ready:
            raise RpcError(NOT_INITIALIZED, "initialize comes first")
        if method == "buffer/focus":
            self._focus(params)
            return None
        asked = browsing.METHODS.get(method)
        if asked is not None:
            folder = self._folder(params.get("id" if method == "folder/close" else "folder"))
            return asked(folder, params) or _nothing()
        if method == "lsp/servers":
            return languages.servers(self._house, self, params, self._buffer(params).text.id)
        if method == "lsp/open":
            return languages.opened(self._house, self, params)
        answer = METHODS.get(method)
        if answer is None:
            raise RpcError(METHOD_NOT_FOUND, f"there is no {clean(method)[:80]}")
        return answer(self._buffer(params), params) or _nothing()

    def _initialize(self, params: Mapping[str, Any]) -> Awaitable[Any]:
        version = params.get("version")
        if version != VERSION or isinstance(version, bool):
            raise RpcError(
                INVALID_REQUEST, f"rbridge speaks version {VERSION} of this protocol", {"versions": [VERSION]}
            )
        if self._ready:
            raise RpcError(INVALID_REQUEST, "it is initialized already")
        client, can = params.get("client"), params.get("capabilities")
        client, can = client if isinstance(client, dict) else {}, can if isinstance(can, dict) else {}
        self.name = clean(str(client.get("name") or "an editor"))[:64]
        self.client = self.name, client.get("pid")
        self.version, self.plugin = (clean(str(client.get(of) or ""))[:64] for of in ("version", "plugin"))
        self.base64 = can.get("base64") is True
        self.question, self.diff = can.get("question") is True, can.get("diff") is True
        if can.get("lsp") is True and self._house.languages is not None:
            self._house.languages.prepare()
        self.folders, self.viewer = can.get("folders") is True, viewer.claimed(can.get("viewer"))
        said, folders = params.get("buffers", []), params.get("folders", [])
        if not isinstance(said, list) or not isinstance(folders, list):
            raise RpcError(INVALID_PARAMS, "buffers and folders are lists")
        shown = [one for one in folders if isinstance(one, dict)]
        self.claims = {(str(one.get("host")), str(one.get("path"))) for one in shown}
        self._ready = True
        self._greeted.set()
        return self._enter(
            [str(one.get("id")) for one in said if isinstance(one, dict)],
            [str(one.get("id")) for one in shown],
        )

    async def _enter(self, documents: list[str], shown: list[str]) -> dict[str, Any]:
        going_on = []
        for document in documents:
            await self._house.expected(document)
            buffer = self._house.buffer(document)
            if buffer is not None and self._may_have(buffer):
                going_on.append(buffer)
        for buffer in going_on:
            buffer.goes_to(self)
        folders = [folder for folder in map(self._house.folder, shown) if folder is not None]
        folders = [folder for folder in folders if self._may_show(folder)]
        for folder in folders:
            folder.goes_to(self)
        self._house.enters(self)
        logger.info("%s is attached, with %d texts", self.name, len(going_on))
        return {
            "version": VERSION,
            "server": {"name": "rbridge", "version": __version__},
            "buffers": [buffer.standing() for buffer in going_on],
            "folders": [folder.standing() for folder in folders],
        }

    def _may_show(self, folder: Browsing) -> bool:
        """Whether *folder* was in this window before."""
        before = folder.window
        return not folder.closing and (
            before is None or (isinstance(before, Window) and before.client == self.client)
        )

    def _may_have(self, buffer: Buffer) -> bool:
        """Whether *buffer* was in this window before: nobody has it now, or a connection that died unseen."""
        if buffer.closing or not buffer.opened or not (buffer.shown.utf8 or self.base64):
            return False
        before = buffer.window
        return before is None or (isinstance(before, Window) and before.client == self.client)

    def _focus(self, params: Mapping[str, Any]) -> None:
        self._house.focused(self)
        if params.get("id") is not None:
            self._buffer(params).desk.focus()

    def _buffer(self, params: Mapping[str, Any]) -> Buffer:
        buffer = self._house.buffer(str(params.get("id")))
        if buffer is None or buffer.window is not self or buffer.closing:
            raise RpcError(UNKNOWN_BUFFER, "this window has no such buffer")
        return buffer

    def _folder(self, folder: Any) -> Browsing:
        found = self._house.folder(str(folder))
        if found is None or found.window is not self or found.closing:
            raise RpcError(UNKNOWN_FOLDER, "this window has no such folder")
        return found


async def _nothing() -> dict[str, Any]:
    return {}


def head(buffer: Buffer) -> dict[str, Any]:
    """What ``buffer/open`` says."""
    text, shown = buffer.text, buffer.shown
    path = text.path if text.path.startswith("/") else f"/{text.name}"
    return {
        "id": text.id,
        "uri": f"rbridge://{quote(text.host, safe='')}{quote(path)}?{text.id}",
        "host": text.host,
        "path": text.path,
        "name": text.name,
        "size": shown.size,
        "base": shown.digest,
        "utf8": shown.utf8,
        "line": text.line,
        "column": text.column,
        "language": text.file_type,
        "readOnly": text.read_only,
        "newWindow": text.new_window,
        "keepFocus": text.keep_focus,
        "wait": text.wait,
        "verified": text.verified,
    }
