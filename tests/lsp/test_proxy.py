"""A language client and what it is led to: the messages, and what ends when."""

from __future__ import annotations

import json
import logging
import sys

import pytest
import trio
import trio.testing

from rbridge.lsp import proxy
from rbridge.lsp.framing import framed
from rbridge.lsp.messages import CONTENT_MODIFIED, NOT_INITIALIZED, PARSE_ERROR
from rbridge.server.languages import ENDPOINT
from tests.harness.wait import until_async
from tests.lsp.stage import PATH, ROOT, Client, Stage


async def hello(client: Client, **said: str) -> None:
    """What ``rbridge lsp`` says first."""
    await client.raw(framed(json.dumps({"method": "rbridge/hello", "params": said}).encode()))


async def test_a_plug_in_says_in_initialize_what_it_wants_and_the_server_never_hears_of_it(stage: Stage):
    client = stage.client()
    await client.begin(options={"uri": stage.uri}, rootPath="/home/me")
    server = await (await stage.server()).begin()
    assert server.headers == {"token": "t", "to": "lsp", "server": "pylsp"}
    params = await server.handshake(hoverProvider=True)
    assert "initializationOptions" not in params
    assert (params["processId"], params["rootUri"]) == (None, f"file://{ROOT}")
    assert (await client.answer(1))["result"]["capabilities"]["hoverProvider"] is True


async def test_the_server_gets_what_else_there_is_in_the_options(stage: Stage):
    client = stage.client()
    options = {"rbridge": {"uri": stage.uri, "server": "pylsp"}, "pylsp": {"plugins": {}}}
    await client.begin(initializationOptions=options)
    server = await (await stage.server()).begin()
    assert (await server.handshake())["initializationOptions"] == {"pylsp": {"plugins": {}}}


@pytest.mark.parametrize("how", ["uri", "document", "cwd"])
async def test_rbridge_lsp_says_before_the_editor_which_document_it_is_for(stage: Stage, how: str):
    client = stage.client()
    text = stage.document.text
    said = {"uri": stage.uri, "document": text.id, "cwd": str(text.file.parent)}
    await hello(client, server="ruff", language="python", **{how: said[how]})
    await client.begin()
    server = await (await stage.server()).begin("ruff")
    assert server.headers == {"token": "t", "to": "lsp", "server": "ruff", "language": "python"}
    await server.handshake()
    assert "result" in await client.answer(1)


@pytest.mark.parametrize("how", ["rootUri", "workspaceFolders", "file"])
async def test_the_workspace_tells_which_document_is_meant(stage: Stage, how: str):
    client = stage.client()
    await hello(client, server="pylsp")
    if how == "rootUri":
        await client.begin(rootUri=f"rbridge://gpu1{ROOT}")
    elif how == "file":
        await client.begin(rootUri=stage.document.text.file.parent.as_uri())
    else:
        await client.begin(workspaceFolders=[{"uri": f"rbridge://gpu1{ROOT}", "name": "project"}])
    server = await (await stage.server()).begin()
    assert (await server.handshake())["workspaceFolders"] == [{"uri": f"file://{ROOT}", "name": "project"}]


async def test_with_no_host_in_sight_the_endpoint_answers_alone(stage: Stage):
    client = stage.client()
    await client.begin(rootUri="file:///home/me/project")
    found = (await client.answer(1))["result"]["capabilities"]
    assert "rbridge.list" in found["executeCommandProvider"]["commands"]
    await client.ask(2, "workspace/executeCommand", {"command": "rbridge.list", "arguments": []})
    assert await client.told() == f"rbridge: gpu1:{PATH}: clean"
    assert (await client.answer(2))["result"] is None
    await client.ask(3, "workspace/symbol", {"query": "x"})
    assert (await client.answer(3))["error"]["code"] == CONTENT_MODIFIED
    await client.ask(4, "shutdown")
    assert (await client.answer(4))["result"] is None
    await client.say("exit")
    assert await client.hear() is None
    assert stage.none_asked_for


async def test_the_first_document_of_a_host_brings_its_server_late(stage: Stage):
    client = stage.client()
    can = {"textDocument": {"hover": {"dynamicRegistration": True}, "definition": {}}}
    await client.begin(capabilities={**can, "general": {"positionEncodings": ["utf-8"]}})
    sync = (await client.answer(1))["result"]["capabilities"]["textDocumentSync"]
    assert (sync["openClose"], sync["change"]) == (True, 1)
    await client.say("initialized", {})
    file = stage.document.text.file
    await client.say("textDocument/didOpen", {"textDocument": stage.item("y = 2\n", file.as_uri())})
    server = await (await stage.server()).begin()
    params = await server.handshake(hoverProvider={"workDoneProgress": True}, definitionProvider=True)
    assert params["capabilities"]["general"] == {}  # positions count as the editor was told
    asked = await client.hear()
    assert asked["method"] == "client/registerCapability"
    (one,) = asked["params"]["registrations"]
    assert one["method"] == "textDocument/hover"
    assert one["registerOptions"] == {"workDoneProgress": True, "documentSelector": None}
    await server.heard("initialized")
    item = (await server.heard("textDocument/didOpen"))["params"]["textDocument"]
    assert (item["uri"], item["text"]) == (f"file://{PATH}", "y = 2\n")
    await client.ask(2, "textDocument/hover", {"textDocument": {"uri": file.as_uri()}, "position": {}})
    heard = await server.heard("textDocument/hover")
    assert heard["params"]["textDocument"]["uri"] == f"file://{PATH}"
    await server.say(id=heard["id"], result={"contents": "int"})
    assert (await client.answer(2))["result"] == {"contents": "int"}


async def test_two_documents_of_one_project_share_a_server(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await stage.open_also("u", f"{ROOT}/model.py")
    other = stage.called(stage.laptop.documents.find("gpu1", f"{ROOT}/model.py")[0])
    await client.say("textDocument/didOpen", {"textDocument": stage.item(uri=other)})
    item = (await server.heard("textDocument/didOpen"))["params"]["textDocument"]
    assert item["uri"] == f"file://{ROOT}/model.py"
    assert stage.none_asked_for


async def test_two_servers_for_one_document_and_the_endpoint_speaks_on_the_first_only(stage: Stage):
    """Or the user would read each line twice."""
    first, second = stage.client(), stage.client()
    await first.begin("basedpyright", options={"uri": stage.uri, "primary": True})
    await (await (await stage.server()).begin("basedpyright")).handshake()
    await second.begin("ruff", options={"uri": stage.uri, "primary": False})
    await (await (await stage.server()).begin("ruff")).handshake(
        executeCommandProvider={"commands": ["ruff.fix"]}
    )
    found = (await first.answer(1))["result"]["capabilities"]
    assert "rbridge.list" in found["executeCommandProvider"]["commands"]
    found = (await second.answer(1))["result"]["capabilities"]
    assert found["executeCommandProvider"]["commands"] == ["ruff@gpu1:ruff.fix"]


async def test_a_document_of_another_host_is_answered_with_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    client = stage.client()
    server = await stage.started(client)
    uri = "rbridge://gpu2/home/u/other.py"
    await client.say("textDocument/didOpen", {"textDocument": stage.item(uri=uri)})
    await client.ask(2, "textDocument/hover", {"textDocument": {"uri": uri}, "position": {}})
    assert (await client.answer(2))["result"] is None
    assert "is not on gpu1" in caplog.text
    await client.ask(3, "textDocument/hover", {"textDocument": {"uri": stage.uri}})
    assert (await server.heard("textDocument/hover"))["id"] == 3


async def test_two_hosts_in_one_request_are_refused(stage: Stage):
    client = stage.client()
    await stage.started(client)
    item = {"name": "f", "kind": 12, "uri": "rbridge://gpu2/f.py"}
    await client.ask(2, "callHierarchy/incomingCalls", {"item": item})
    assert "it is not on gpu1" in (await client.answer(2))["error"]["message"]


# What a client does wrong


async def test_nothing_comes_before_initialize(stage: Stage):
    client = stage.client()
    await client.ask(7, "textDocument/hover", {})
    assert (await client.answer(7))["error"]["code"] == NOT_INITIALIZED
    await client.say("initialized", {})
    await client.begin()
    assert "result" in await client.answer(1)


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b"7", b'{"id": 3}', b"\xff", b""])
async def test_what_is_no_message_is_answered_and_passed_over(stage: Stage, body: bytes):
    client = stage.client()
    for _ in range(2):  # before initialize, and as the first of all
        await client.raw(framed(body))
        assert (await client.answer(None))["error"]["code"] == PARSE_ERROR
    await client.begin()
    assert "result" in await client.answer(1)


@pytest.mark.parametrize(
    "body", [b"{", b'[{"jsonrpc":"2.0","method":"exit"}]', b"[" * 100_000, b'"exit"', b"\xff", b""]
)
async def test_nor_does_it_end_a_session(stage: Stage, body: bytes):
    client = stage.client()
    server = await stage.started(client)
    await client.raw(framed(body))
    assert (await client.answer(None))["error"]["code"] == PARSE_ERROR
    await client.ask(3, "workspace/symbol", {"query": "x"})
    await server.heard("workspace/symbol")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "without a colon"),
        (b"Content-Length: 12\r\nX: " + b"x" * 5000, "no header ends"),
        (b"Content-Length: 1000000000\r\n\r\n", "at most"),
        (b"Content-Length: -1\r\n\r\n", "makes no sense"),
        (b"Content-Type: x\r\n\r\n", "no Content-Length"),
    ],
)
@pytest.mark.parametrize("when", ["first", "later"])
async def test_a_connection_that_speaks_something_else_is_closed(
    stage: Stage, caplog: pytest.LogCaptureFixture, data: bytes, words: str, when: str
):
    client = stage.client()
    if when == "later":
        server = await stage.started(client)
    await client.raw(data)
    assert await client.hear() is None
    assert words in caplog.text or "does not begin with a header" in caplog.text
    if when == "later":
        await until_async(lambda: server.done)
    other = stage.client()
    await stage.started(other)


async def test_who_says_nothing_is_closed(stage: Stage, clock: trio.testing.MockClock):
    client = stage.client()
    await trio.testing.wait_all_tasks_blocked()
    clock.jump(proxy.FIRST + 1)
    assert await client.hear() is None


async def test_who_hangs_up_without_a_word_leaves_nothing(stage: Stage):
    client = stage.client()
    await client.stream.aclose()
    await until_async(lambda: client.over)


# The end


@pytest.mark.parametrize("how", ["exit", "gone"])
async def test_a_server_ends_with_its_editor(stage: Stage, how: str):
    client = stage.client()
    server = await stage.started(client)
    if how == "exit":
        await client.ask(2, "shutdown")
        await server.heard("shutdown")
        await server.say(id=2, result=None)
        assert (await client.answer(2))["result"] is None
        await client.say("exit")
        await server.heard("exit")
        assert await client.hear() is None
    else:
        await client.stream.aclose()
    await until_async(lambda: server.done and client.over)


async def test_an_editor_that_vanishes_while_a_server_is_waited_for(stage: Stage):
    client = stage.client()
    await client.begin(options={"uri": stage.uri})
    server = await stage.server()  # which never says that it has begun
    await client.stream.aclose()
    await until_async(lambda: server.done and client.over)


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections with buffers that become full."""

    def pair() -> tuple[trio.SocketStream, trio.SocketStream]:
        there, here = trio.socket.socketpair()
        return trio.SocketStream(there), trio.SocketStream(here)

    monkeypatch.setattr(trio.testing, "memory_stream_pair", pair)


async def test_an_editor_that_takes_nothing_holds_up_its_server_and_nobody_else(
    sockets: None,
    stage: Stage,
    clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(proxy, "STALL", 20.0)
    client, other = stage.client(), stage.client()
    server = await stage.started(client)
    beside = await stage.started(other)
    sent = 0

    async def flood() -> None:
        nonlocal sent
        while not server.done:
            await server.say(method="window/logMessage", params={"type": 3, "message": "x" * 60_000})
            sent += 1

    stage.nursery.start_soon(flood)
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert 0 < sent < 100  # all that there are buffers for
    await other.ask(2, "workspace/symbol", {"query": "x"})
    await beside.heard("workspace/symbol")
    clock.jump(proxy.STALL + 1)
    await until_async(lambda: client.over)
    assert "the editor takes nothing" in caplog.text


async def test_without_what_the_endpoint_needs_there_is_still_the_server(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(sys.modules, "pygls.lsp.server", None)
    monkeypatch.delitem(sys.modules, ENDPOINT, raising=False)
    client = stage.client()
    await client.begin(options={"uri": stage.uri, "primary": True})
    server = await (await stage.server()).begin()
    await server.handshake(hoverProvider=True)
    found = (await client.answer(1))["result"]["capabilities"]
    assert (found["hoverProvider"], found.get("executeCommandProvider")) == (True, None)
    assert "goes without rbridge's own" in caplog.text
