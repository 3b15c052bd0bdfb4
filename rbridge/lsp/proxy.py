"""One editor's language client on ``lsp.sock``, and what it is led to: a server on a host, and the endpoint.

Whatever the server, or the way to it, does: the editor's connection goes on (:mod:`rbridge.lsp.remote`). It
ends when the editor ends it, when the daemon does, and when what the editor says is no message.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from rbridge.adapters.routed import Routed
from rbridge.errors import RemoteProtocolError
from rbridge.lsp import messages
from rbridge.lsp.bridge import Bridge
from rbridge.lsp.exchange import OURS
from rbridge.lsp.framing import Frames, framed, taken
from rbridge.lsp.guest import Reception, shows
from rbridge.lsp.policy import Policy
from rbridge.lsp.progress import SaveProgress, reports
from rbridge.lsp.remote import LARGEST, Remote
from rbridge.lsp.target import Hello, by_uri, greeting, named, workspace
from rbridge.lsp.uris import SCHEME, Places
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.languages import ENDPOINT
from rbridge.server.log import logger

if TYPE_CHECKING:
    from rbridge.lsp.endpoint import Endpoint

PIECE = 256 << 10
FIRST = 10.0  # seconds for its first message
STALL = 3600.0
"""Seconds that an editor may take nothing: one that is suspended, or waits for its user, is not gone. Its
server waits as well, and nothing piles up.
"""

Work = Callable[[], Awaitable[None]]


class Proxy:
    """The language client at the other end of *stream*; *documents* are the daemon's."""

    def __init__(self, stream: trio.abc.Stream, documents: Documents) -> None:
        self._stream = stream
        self._documents = documents
        self._files = documents.tools.files.root.encode()
        self._frames = Frames(LARGEST)
        self._writing = trio.Lock()
        self._hello = Hello()
        self._bridge: Bridge | None = None
        self._remote: Remote | None = None
        self._kind: type[Endpoint] | None = None
        self._endpoint: Endpoint | None = None
        self._own: dict[str, Any] = {}
        self._news = trio.Event()
        self._due = False
        self._told: set[str] = set()
        self._in_memory = True
        self._reception: Reception | None = None

    async def run(self) -> None:
        """Until the editor ends it."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._until_gone(self._meet)
            finally:
                if self._reception is not None:
                    self._reception.leave()
            nursery.cancel_scope.cancel()

    def _start(self, work: Work) -> None:
        self._nursery.start_soon(self._until_gone, work)

    async def _until_gone(self, work: Work) -> None:
        """Do *work*; all ends where the editor is not there any more, or says what cannot be understood."""
        try:
            await work()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            logger.debug("%s: gone", self._name)
        except trio.TooSlowError:
            logger.warning("%s: closed: the editor takes nothing", self._name)
        except RemoteProtocolError as error:
            logger.warning("%s: closed: %s", self._name, error)
        else:
            return
        self._nursery.cancel_scope.cancel()

    @property
    def _name(self) -> str:
        return "a language client" if self._remote is None else f"the client of {self._remote.name}"

    # The editor

    async def _meet(self) -> None:
        body = None
        with trio.move_on_after(FIRST) as patience:
            body = await self._next()
        if patience.cancelled_caught:
            raise RemoteProtocolError(f"it said nothing for {FIRST:g} s")
        if body is None:
            return
        self._hello, was_all = greeting(body)
        if self._hello.primary or not self._hello.server:
            await self._find_endpoint()
        if was_all:
            body = await self._next()
        while body is not None and not await self._initialized(body):
            body = await self._next()
        bridge = self._bridge
        if bridge is not None and self._kind is not None:
            self._start(partial(self._add_endpoint, self._kind))
        if bridge is not None and was_all:
            self._receive(bridge)
        while bridge is not None and not bridge.exited and (body := await self._next()) is not None:
            if self._remote is None and b'"textDocument/didOpen"' in body:
                self._lead_late(bridge, body)
            bridge.from_editor(body)
            if self._remote is not None:
                self._remote.heard()
            self._to_endpoint()
        await self._flush()

    async def _initialized(self, body: bytes) -> bool:
        """Take the editor's ``initialize``; whether it was that, or there is nothing more to come."""
        said = _object(body)
        if "method" not in said:
            await self._say(messages.failure(None, messages.PARSE_ERROR, "no message"))
            return False
        if said["method"] == "exit":
            return True
        if said["method"] != "initialize" or "id" not in said:
            if "id" in said:
                refusal = messages.failure(said["id"], messages.NOT_INITIALIZED, "initialize comes first")
                await self._say(refusal)
            return False
        params = said.get("params")
        self._in_memory = not any(
            uri.lower().startswith(SCHEME + ":") for uri in (self._hello.uri, *workspace(params))
        )
        every = self._documents.all()
        found = named(self._hello, params, [one.text for one in every], self._files)
        editing = next((one for one in every if found is not None and one.text.id == found.id), None)
        self._bridge = bridge = Bridge(self._policy(editing), b"/", self._log)
        bridge.own = self._own
        bridge.meet(said["id"], params)
        if editing is None:
            bridge.alone()
            await self._flush()
        else:
            self._lead(bridge, editing)
        return True

    async def _next(self) -> bytes | None:
        """The editor's next message, None at the end. What those before it led to is written first, unless it
        is there already: a hundred changes that came at once go on at once.
        """
        while (body := self._frames.next()) is None:
            await self._flush()
            data = await self._stream.receive_some(PIECE)
            if not data:
                return None
            self._frames.feed(data)
        return body

    async def _flush(self) -> None:
        """Write what waits, to either side."""
        bridge = self._bridge
        if bridge is not None and bridge.to_editor:
            async with self._writing:
                await self._write(taken(bridge.to_editor))
        if self._remote is not None:
            await self._remote.send()

    async def _say(self, body: bytes) -> None:
        async with self._writing:
            await self._write(framed(body))

    async def _write(self, data: bytes) -> None:
        if data:
            with trio.fail_after(STALL):
                await self._stream.send_all(data)

    async def _tell_once(self, kind: int, message: str) -> None:
        """Show the user a line that says nothing new the second time."""
        if message not in self._told:
            self._told.add(message)
            await self._tell(kind, message)

    async def _tell(self, kind: int, message: str) -> None:
        """Show the user a line."""
        if message:
            said = {"type": kind, "message": f"rbridge: {message}"}
            await self._say(messages.notification("window/showMessage", said))

    def _log(self, line: str) -> None:
        logger.info("%s: %s", self._name, line)

    # The server

    def _policy(self, editing: Editing | None) -> Policy:
        host = editing.text.host if editing is not None else ""
        return Policy(Places(host, self._files, self._find, in_memory=self._in_memory), "")

    def _find(self, document: str, path: bytes) -> tuple[str, bytes] | None:
        return self._remote.find(document, path) if self._remote is not None else None

    def _lead(self, bridge: Bridge, editing: Editing) -> None:
        """Lead to a server for *editing*."""
        bridge.hold = True
        self._remote = Remote(self._documents, editing, self._hello, bridge, self._flush, self._tell_once)
        self._start(self._remote.run)
        self._start(self._remote.watch)

    def _lead_late(self, bridge: Bridge, body: bytes) -> None:
        """The editor opens a document: if it is of a host, that one's server is wanted."""
        params = _object(body).get("params")
        item = params.get("textDocument") if isinstance(params, dict) else None
        uri = item.get("uri") if isinstance(item, dict) else None
        every = self._documents.all()
        found = by_uri(str(uri), [one.text for one in every], self._files, exactly=True)
        editing = next((one for one in every if found is not None and one.text.id == found.id), None)
        if editing is not None:
            self._in_memory = not str(uri).lower().startswith(SCHEME + ":")
            bridge.policy = self._policy(editing)
            self._lead(bridge, editing)

    def _receive(self, bridge: Bridge) -> None:
        """An editor of files that shows what it is asked to show needs no plug-in for what is opened.

        One that was started for a text, and so works in a directory of ours, has that one and no other.
        """
        adapter = self._documents.tools.adapter
        if not isinstance(adapter, Routed) or self._kind is None or not self._in_memory:
            return
        if shows(bridge.replay.initialize) and not self._hello.cwd.encode("utf-8", "replace").startswith(
            self._files + b"/"
        ):
            name, editor = bridge.replay.client, self._hello.editor
            self._reception = Reception(adapter.guests, name, editor, self._ask)

    def _ask(self, method: str, params: Any, answered: Callable[[dict[str, Any]], None]) -> None:
        """Ask the editor for something ourselves."""
        if self._bridge is not None:
            self._bridge.ask(method, params, answered)
            self._news.set()

    def _notify(self, method: str, params: Any) -> None:
        if self._bridge is not None:
            self._bridge.to_editor.append(messages.notification(method, params))
            self._news.set()

    # The endpoint

    async def _find_endpoint(self) -> None:
        """Beside the server there is our own, unless what it is made of is missing here."""
        try:
            found = await trio.to_thread.run_sync(importlib.import_module, ENDPOINT)
        except ImportError as error:
            logger.warning("%s goes without rbridge's own diagnostics and commands: %s", self._name, error)
        else:
            self._kind, self._own = found.Endpoint, found.CAPABILITIES

    async def _add_endpoint(self, kind: type[Endpoint]) -> None:
        """While the server on the host starts."""
        desk = importlib.import_module("rbridge.lsp.desk").DocumentsDesk(
            self._documents, self._files, self._start, self._restart, self._tell, self._show
        )
        made = kind(desk, self._from_endpoint, self._stands_otherwise)
        await trio.to_thread.run_sync(made.begin)
        self._endpoint = made
        self._nursery.start_soon(made.run)
        self._to_endpoint()
        await self._keep_looking(made, SaveProgress(desk.travel, self._ask, self._notify))

    def _to_endpoint(self) -> None:
        bridge = self._bridge
        if self._kind is not None and self._endpoint is None:
            return  # it is being made, and gets what waits then
        while bridge is not None and bridge.to_endpoint:
            body = bridge.to_endpoint.popleft()
            if self._reception is not None:
                self._reception.hear(body)
            if self._endpoint is not None:
                self._endpoint.hear(body)

    def _from_endpoint(self, body: bytes) -> None:
        if self._bridge is not None:
            self._bridge.from_endpoint(body)
            self._news.set()

    async def _keep_looking(self, endpoint: Endpoint, progress: SaveProgress) -> None:
        """Pass on what the endpoint says, and have it look whenever a document stands otherwise.

        How far a save has come is told where a text is a file: plug-ins show it in their own way.
        """

        def look() -> None:
            endpoint.look()
            self._stands_otherwise()

        self._documents.tools.shown.add(look)
        try:
            while True:
                with trio.move_on_after(progress.pause):
                    await self._news.wait()
                self._news = trio.Event()
                if self._in_memory and self._bridge is not None and reports(self._bridge.replay.initialize):
                    due, self._due = self._due, False
                    progress.look(endpoint.uris, due)
                await self._flush()
        finally:
            self._documents.tools.shown.discard(look)

    def _stands_otherwise(self) -> None:
        self._due = True
        self._news.set()

    def _restart(self) -> str:
        """The user wants another server process; why there is none."""
        if self._remote is None:
            return "no document of a host is open here, so there is no language server"
        self._remote.restart()
        return ""

    async def _show(self, uri: str) -> bool:
        """Have the editor show a file of ours; False where it cannot."""
        if self._bridge is None or not shows(self._bridge.replay.initialize):
            return False
        params = {"uri": uri, "takeFocus": True}
        await self._say(messages.request(f"{OURS}show", "window/showDocument", params))
        return True


def _object(body: bytes) -> dict[str, Any]:
    """A message, empty where it is none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
