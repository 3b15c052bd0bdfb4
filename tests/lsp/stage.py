"""The host of a test, on which the test is the language server, and the laptop's language clients.

Between them is all of the daemon but its sockets (``tests/server/conftest.py``).
"""

from __future__ import annotations

import json
import os
from typing import Any

import trio
import trio.testing

from rbridge.lsp.framing import Frames, framed
from rbridge.lsp.proxy import Proxy
from rbridge.server.editing import Editing
from rbridge.wire import codec
from tests.harness.wait import until_async
from tests.server.conftest import Host, Laptop, resume

ROOT = "/home/u/project"
PATH = f"{ROOT}/train.py"
LARGEST = 1 << 30
PATIENCE = 20.0  # seconds
TEXT = "x = 1\n"


class Server:
    """A language server, asked for with *headers* on *host*'s connection."""

    def __init__(self, host: Host, headers: dict[str, str]) -> None:
        self.headers = {name: codec.unquote(value) for name, value in headers.items()}
        self.done = False
        """The daemon wants it to end."""
        self._token = headers["token"]
        self._host = host
        self._frames = Frames(LARGEST)
        self._turn = trio.Lock()
        self._heard = trio.Event()

    async def begin(self, name: str = "pylsp", root: str = ROOT, language: str = "python") -> Server:
        """It is there."""
        said = {"server": name, "root": root, "kind": "types", "language": language}
        await self._host.say("streaming", None, token=self._token, **said)
        return self

    async def raw(self, data: bytes) -> None:
        async with self._turn:
            await self._host.say("bytes", data)

    async def say(self, **message: Any) -> None:
        await self.raw(framed(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    async def end(self, reason: str, message: str = "", status: str = "") -> None:
        """It has ended by itself, or was never begun."""
        said = {"reason": reason, "message": codec.quote(message), "status": status}
        async with self._turn:
            await self._host.say("ended", None, token=self._token, **{k: v for k, v in said.items() if v})

    async def hear(self) -> Any:
        """The next message."""
        with trio.fail_after(PATIENCE):
            while (body := self._frames.next()) is None:
                self._heard = trio.Event()
                await self._heard.wait()
        return json.loads(body)

    async def heard(self, method: str) -> Any:
        """The next message, which is of this method."""
        said = await self.hear()
        assert said.get("method") == method, said
        return said

    async def handshake(self, **capabilities: Any) -> Any:
        """Answer ``initialize``; its parameters."""
        asked = await self.heard("initialize")
        await self.say(id=asked["id"], result={"capabilities": capabilities})
        return asked["params"]

    def feed(self, data: bytes) -> None:
        self._frames.feed(data)
        self._heard.set()


class Client:
    """An editor's language client."""

    def __init__(self, stage: Stage) -> None:
        self._there, self.stream = trio.testing.memory_stream_pair()
        self.over = False
        self._frames = Frames(LARGEST)
        self._proxy = Proxy(self._there, stage.laptop.documents)
        stage.nursery.start_soon(self._run)

    async def _run(self) -> None:
        await self._proxy.run()
        self.over = True
        await self._there.aclose()

    async def close(self) -> None:
        for one in (self.stream, self._there):
            await trio.aclose_forcefully(one)

    async def raw(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def say(self, method: str, params: Any = None, **more: Any) -> None:
        said = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        await self.raw(framed(json.dumps(said).encode()))

    async def hear(self) -> Any:
        """The next message, None at the end."""
        with trio.fail_after(PATIENCE):
            while (body := self._frames.next()) is None:
                data = await self.stream.receive_some(65536)
                if not data:
                    return None
                self._frames.feed(data)
        return json.loads(body)

    async def answer(self, number: Any) -> Any:
        """The next message, which answers request *number*."""
        said = await self.hear()
        assert (said.get("id"), said.get("method")) == (number, None), said
        return said

    async def told(self) -> str:
        """The next message, which shows the user this line."""
        said = await self.hear()
        assert said["method"] == "window/showMessage", said
        return str(said["params"]["message"])

    async def answered(self, number: Any, result: Any = None) -> None:
        """Answer a request."""
        await self.raw(framed(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()))

    async def ask(self, number: Any, method: str, params: Any = None) -> None:
        await self.say(method, params, id=number)

    async def begin(self, server: str = "pylsp", options: Any = None, **params: Any) -> None:
        """``initialize`` as a plug-in says it, for the document of the stage."""
        said = {"processId": 1, "rootUri": None, "capabilities": {}, **params}
        if options is not None:
            said["initializationOptions"] = {"rbridge": {"server": server, **options}}
        await self.ask(1, "initialize", said)


class Stage:
    """One host, gpu1, whose document ``t`` is open in the laptop's editor."""

    def __init__(self, laptop: Laptop) -> None:
        self.laptop = laptop
        self.nursery = laptop.nursery
        self.secret = os.urandom(16).hex()
        self.edits: dict[str, Any] = {}
        self.said: list[tuple[str, dict[str, str]]] = []
        self._connections: list[Host] = []
        self._clients: list[Client] = []
        self._put, self._take = trio.open_memory_channel[Server](100)

    @property
    def document(self) -> Editing:
        """The first that is open."""
        return self.laptop.documents.all()[0]

    @property
    def uri(self) -> str:
        return self.called(self.document)

    @staticmethod
    def called(document: Editing) -> str:
        """What plug-ins call a document."""
        return f"rbridge://{document.text.host}{document.text.path}?{document.text.id}"

    async def open(self, token: str = "t", path: str = PATH, host: str = "gpu1") -> None:
        """The host and a document of it."""
        main = self.main = self._connected()
        await main.link(host, self.secret)
        self.nursery.start_soon(self._listen, main)
        await self.open_also(token, path)

    async def open_also(self, token: str, path: str) -> None:
        name = path.rpartition("/")[2]
        await self.main.open(TEXT.encode(), token=token, name=name, path=path)
        self.edits[token] = await self.laptop.editor.opened()
        await until_async(lambda: ("opened", token) in [(one, said.get("token")) for one, said in self.said])

    def client(self) -> Client:
        self._clients.append(Client(self))
        return self._clients[-1]

    async def close_all(self) -> None:
        """Nothing is left of the test."""
        for client in self._clients:
            await client.close()
        await until_async(lambda: all(client.over for client in self._clients))
        for host in self._connections:
            await trio.aclose_forcefully(host.stream)

    async def server(self) -> Server:
        """The next that is asked for."""
        with trio.fail_after(PATIENCE):
            return await self._take.receive()

    @property
    def none_asked_for(self) -> bool:
        return self._take.statistics().current_buffer_used == 0

    async def started(self, client: Client, **capabilities: Any) -> Server:
        """The handshake between *client* and a server for the stage's document."""
        await client.begin(options={"uri": self.uri})
        server = await (await self.server()).begin()
        await server.handshake(**capabilities)
        await client.answer(1)
        await client.say("initialized", {})
        await client.say("textDocument/didOpen", {"textDocument": self.item()})
        await server.heard("initialized")
        await server.heard("textDocument/didOpen")
        return server

    def item(self, text: str = TEXT, uri: str = "") -> dict[str, Any]:
        return {"uri": uri or self.uri, "languageId": "python", "version": 1, "text": text}

    async def cut(self) -> None:
        """All connections are gone."""
        for one in self._connections:
            await one.hang_up()
        await until_async(lambda: self.document.session.peer is None)

    async def come_back(self, *tokens: str) -> None:
        self.main = self._connected()
        await self.main.link("gpu1", self.secret, standing="resumed", resume="yes")
        self.nursery.start_soon(self._listen, self.main)
        for token in tokens:
            await resume(self.main, TEXT.encode(), token=token)

    async def close(self, token: str) -> None:
        """The file is closed on the host."""
        await self.main.say("close", token=token)
        await until_async(lambda: token not in [one.token for one in self.laptop.documents.all()])

    def _connected(self) -> Host:
        host = self.laptop.connect()
        self._connections.append(host)
        return host

    async def _listen(self, host: Host) -> None:
        """Until the connection is gone."""
        try:
            await self._listened(host)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return

    async def _listened(self, host: Host) -> None:
        """What the daemon says on a connection."""
        server: Server | None = None
        while True:
            command, headers, body = await host.hear_all()
            if command == "eof":
                await host.hang_up()
                return
            if command == "dial":
                joined = self._connected()
                await joined.link("gpu1", self.secret, standing="joined", join=headers["dial"])
                self.nursery.start_soon(self._listen, joined)
            elif command == "stream":
                server = Server(host, headers)
                await self._put.send(server)
            elif command == "bytes" and server is not None:
                server.feed(body)
            elif command == "ended" and server is not None:
                server.done = True
                await server.end("closed")
            else:
                self.said.append((command, headers))


async def open_texts(server: Server) -> dict[str, str]:
    """What a server that was started anew is told, after ``initialize``: open documents with their texts."""
    await server.heard("initialized")
    item = (await server.heard("textDocument/didOpen"))["params"]["textDocument"]
    return {item["uri"]: item["text"]}


async def change(client: Client, stage: Stage, text: str, version: int = 2) -> None:
    document = {"uri": stage.uri, "version": version}
    await client.say("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})


async def hover(client: Client, stage: Stage, number: int) -> None:
    params = {"textDocument": {"uri": stage.uri}, "position": {"line": 0, "character": 0}}
    await client.ask(number, "textDocument/hover", params)
