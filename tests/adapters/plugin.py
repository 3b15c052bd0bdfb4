"""An editor's plug-in in Python, as docs/attach.md has it: what the tests' attached editor is made of."""

from __future__ import annotations

import base64
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

import trio

from rbridge.jsonrpc import Peer, RpcError

DEADLINE = 15.0
_PIDS = itertools.count(1000)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def form(data: bytes) -> dict[str, str]:
    """*data* as messages have it."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def data_of(said: dict[str, Any]) -> bytes:
    return said["text"].encode() if "text" in said else base64.b64decode(said["base64"])


class Shown:
    """A buffer of the editor: *text* is what the user sees."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head
        self.id: str = head["id"]
        self.text = b""
        self.base: str = head["base"]
        self.modified = False
        self.states: list[dict[str, Any]] = []
        self.closed = False


class Folder:
    """A folder of the editor."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head
        self.id: str = head["id"]
        self.connected = True
        self.focused = 0
        self.found: list[dict[str, Any]] = []
        self.changed: list[str] = []
        self.closed = False


class Plugin:
    """One window. *refuse* makes it answer ``buffer/open`` and ``folder/open`` with an error, *silent*
    never.
    """

    def __init__(
        self,
        name: str = "Editor",
        *,
        base64: bool = True,
        folders: bool = True,
        viewer: object = False,
        lsp: bool = False,
    ) -> None:
        self.name = name
        self.pid = next(_PIDS)
        self.base64 = base64
        self.buffers: dict[str, Shown] = {}
        self.can = {"folders": folders, "viewer": viewer, "diff": True, "lsp": lsp}
        self.diffs: list[dict[str, Any]] = []  # that it was asked to show
        self.folders: dict[str, Folder] = {}
        self.found: list[dict[str, Any]] = []  # all that fs/found said
        self.refuse: RpcError | None = None
        self.silent = False
        self.takes = True  # texts of the host, where the user has changed nothing
        self.said: list[tuple[str, dict[str, Any]]] = []  # all that the daemon said
        self.welcome: dict[str, Any] = {}
        self.answer: object = None  # to questions, where it can answer them; an awaitable gives one
        self.front: list[str] = []  # the ids that were brought to the front
        self.peer: Peer
        self._news = trio.Event()

    @asynccontextmanager
    async def connected(self, stream: trio.abc.Stream, *, initialize: bool = True) -> AsyncIterator[Plugin]:
        """Connected for the length of the block; it keeps its buffers."""
        self.peer = Peer(stream, self._handle)
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(self._run, stream)
            if initialize:
                await self.initialize()
            yield self
            nursery.cancel_scope.cancel()

    async def _run(self, stream: trio.abc.Stream) -> None:
        async with stream:
            await self.peer.run()

    async def initialize(self, **changes: Any) -> dict[str, Any]:
        """Say the first message; what goes on is as the daemon has it then."""
        buffers = [
            {"id": one.id, "base": one.base, "modified": one.modified} for one in self.buffers.values()
        ]
        said = {
            "version": 1,
            "client": {"name": self.name, "version": "1", "plugin": "0", "pid": self.pid},
            "capabilities": {**self.can, "base64": self.base64, "question": self.answer is not None},
            "buffers": buffers,
            "folders": [
                {"id": one.id, "host": one.head["host"], "path": one.head["path"]}
                for one in self.folders.values()
            ],
        }
        self.welcome = await self.ask("initialize", **{**said, **changes})
        for state in self.welcome["folders"]:
            self.folders[state["id"]].connected = state["connected"]
        for state in self.welcome["buffers"]:
            shown = self.buffers[state["id"]]
            shown.states.append(state)
            if state["base"] != shown.base and not shown.modified:
                await self.read(shown)
        return self.welcome

    async def ask(self, method: str, **params: Any) -> Any:
        with trio.fail_after(DEADLINE):
            return await self.peer.request(method, params)

    async def tell(self, method: str, **params: Any) -> None:
        """Notify, and return once the daemon has taken it in."""
        self.peer.notify(method, params)
        with suppress(RpcError):
            await self.ask("buffer/read", id="")

    async def shown(self, wanted: str = "") -> Shown:
        """Wait for a buffer, of this id or path where one is *wanted*."""

        def found() -> Shown | None:
            for one in self.buffers.values():
                if wanted in ("", one.id, one.head["path"], one.head["name"]):
                    return one
            return None

        return await self.until(found)

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until *condition* is true; looked at whenever the daemon has said something."""
        with trio.move_on_after(DEADLINE):
            while not (value := condition()):
                await self._news.wait()
            return value
        raise AssertionError(f"waited in vain; the daemon said {self.said}")

    async def read(self, shown: Shown, method: str = "buffer/read") -> bytes:
        """The daemon's text of it, which the buffer shows then."""
        said = await self.ask(method, id=shown.id)
        text, base = await self._whole(shown, method, said), said["base"]
        assert len(text) == said["size"]
        assert digest(text) == base
        if method == "buffer/read":
            shown.text, shown.base, shown.modified = text, base, False
        return text

    async def _whole(self, shown: Shown, method: str, said: dict[str, Any]) -> bytes:
        if "chunks" not in said:
            return data_of(said)
        pieces = []
        for number in range(said["chunks"]):
            piece = await self.ask(method, id=shown.id, base=said["base"], chunk=number)
            assert (piece["chunk"], piece["of"]) == (number, said["chunks"])
            pieces.append(data_of(piece))
        return b"".join(pieces)

    async def write(
        self, shown: Shown, data: bytes, *, force: bool = False, size: int = 1 << 20
    ) -> dict[str, Any]:
        """The user writes *data* and saves; the answer."""
        shown.text, shown.modified = data, True
        said: dict[str, Any] = {"id": shown.id, "base": shown.base}
        if force:
            said["force"] = True
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for number, piece in enumerate(pieces[:-1]):
            answer = await self.ask("buffer/write", **said, chunk=number, of=len(pieces), **form(piece))
            assert answer == {"chunk": number}
        if len(pieces) > 1:
            said.update(chunk=len(pieces) - 1, of=len(pieces))
        answer = await self.ask("buffer/write", **said, **form(pieces[-1]))
        if answer["outcome"] in ("saved", "sent"):
            shown.base = answer["base"]
            shown.modified = shown.text != data
        return answer

    async def folder(self, path: str = "") -> Folder:
        """Wait for a folder, of this path where one is wanted."""
        return await self.until(
            lambda: next((one for one in self.folders.values() if path in ("", one.head["path"])), None)
        )

    async def fs(self, folder: Folder, do: str, path: str | None = None, **params: Any) -> Any:
        """Ask something of a folder."""
        if path is not None:
            params["path"] = path
        return await self.ask(f"fs/{do}", folder=folder.id, **params)

    async def fetch(self, folder: Folder, path: str, **params: Any) -> Shown:
        """Open a file out of a folder."""
        shown = Shown(await self.fs(folder, "open", path, **params))
        await self.read(shown)
        self.buffers[shown.id] = shown
        return shown

    async def close(self, shown: Shown) -> None:
        await self.ask("buffer/close", id=shown.id)
        self.buffers.pop(shown.id, None)

    # What the daemon says

    def _handle(self, method: str, params: dict[str, Any]) -> Awaitable[Any] | None:
        self.said.append((method, params))
        self._wake()
        if method == "buffer/open":
            return self._open(params)
        if method == "question":
            return self._question()
        if method == "buffer/diff":
            return self._compare(params)
        if method.startswith(("folder/", "fs/")):
            return self._of_folder(method, params)
        shown = self.buffers.get(str(params.get("id")))
        if shown is None:
            return None
        if method == "buffer/changed":
            return self._changed(shown, params)
        if method == "buffer/state":
            shown.states.append(params)
            if params["state"] == "clean" and params["base"] == digest(shown.text):
                shown.base, shown.modified = params["base"], False
        elif method == "buffer/closed":
            shown.closed = True
            if not shown.modified:
                del self.buffers[shown.id]
        return None

    async def _question(self) -> Any:
        if isinstance(self.answer, trio.Event):
            await self.answer.wait()
            return {}
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def heard(self, method: str) -> list[dict[str, Any]]:
        """What the daemon said by *method*."""
        return [params for name, params in self.said if name == method]

    async def _compare(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.refuse is not None:
            raise self.refuse
        if self.silent:
            await trio.sleep_forever()
        assert {params["left"], params["right"]} <= self.buffers.keys()
        self.diffs.append(params)
        self._wake()
        return {}

    async def _open(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.refuse is not None:
            raise self.refuse
        if self.silent:
            await trio.sleep_forever()
        before = self.buffers.get(params["id"])
        if before is not None and self.refuse is None:
            before.head = params  # it is moved to the line, and stays as it is
            self.front.append(before.id)
            self._wake()
            return {}
        shown = Shown(params)
        await self.read(shown)
        self.buffers[shown.id] = shown
        self._wake()
        return {}

    def _of_folder(self, method: str, params: dict[str, Any]) -> Awaitable[Any] | None:
        if method == "folder/open":
            return self._show(params)
        if method == "fs/found":
            self.found.append(params)
            return None
        folder = self.folders.get(params["folder" if method == "fs/changed" else "id"])
        if folder is None:
            return None
        if method == "folder/state":
            folder.connected = params["connected"]
        elif method == "folder/focus":
            folder.focused += 1
        elif method == "folder/closed":
            folder.closed = True
            del self.folders[folder.id]
        else:
            folder.changed += params["paths"]
        return None

    async def _show(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.refuse is not None:
            raise self.refuse
        if self.silent:
            await trio.sleep_forever()
        before = [one for one in self.folders.values() if one.head["uri"] == params["uri"]]
        for one in before:  # of a daemon that was started anew
            del self.folders[one.id]
        self.folders[params["id"]] = Folder(params)
        self._wake()
        return {}

    async def _changed(self, shown: Shown, params: dict[str, Any]) -> None:
        taken = params["force"] or (self.takes and not shown.modified)
        if taken:
            await self.read(shown)
        await self.ask("buffer/taken", id=shown.id, base=params["base"], taken=taken)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()
