"""A server that ends, and what becomes of it: the editor's connection goes on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio
import trio.testing

from rbridge.lsp import remote
from rbridge.lsp.framing import framed
from rbridge.lsp.messages import CONTENT_MODIFIED, REQUEST_CANCELLED
from rbridge.server.tools import Change
from tests.harness.wait import until_async
from tests.lsp.stage import PATH, ROOT, TEXT, Stage, change, hover, open_texts
from tests.lsp.test_desk import save


async def test_a_server_that_ended_is_started_again_and_knows_the_unsaved_text(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await change(client, stage, "y = 2\n")
    await server.heard("textDocument/didChange")
    await hover(client, stage, 2)
    await server.heard("textDocument/hover")
    await server.end("exited", "Segmentation fault", "signal 11")
    assert (await client.answer(2))["error"]["code"] == CONTENT_MODIFIED
    again = await (await stage.server()).begin()
    assert again.headers == {"token": "t", "to": "lsp", "server": "pylsp", "root": ROOT, "language": "python"}
    await again.handshake()
    assert await open_texts(again) == {f"file://{PATH}": "y = 2\n"}
    await hover(client, stage, 3)
    heard = await again.heard("textDocument/hover")
    await again.say(id=heard["id"], result={"contents": "y"})
    assert (await client.answer(3))["result"] == {"contents": "y"}


async def test_files_that_are_changed_through_the_daemon_are_told_to_a_server_that_watches(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    watch = {
        "id": "w",
        "method": "workspace/didChangeWatchedFiles",
        "registerOptions": {"watchers": [{"globPattern": "**/*.py"}]},
    }
    await server.say(id=7, method="client/registerCapability", params={"registrations": [watch]})
    assert await server.hear() == {"jsonrpc": "2.0", "id": 7, "result": None}
    headers = await save(stage, b"y = 2\n")
    await stage.main.say("saved", token="t", save=headers["save"])
    told = (await server.heard("workspace/didChangeWatchedFiles"))["params"]
    assert told == {"changes": [{"uri": f"file://{PATH}", "type": Change.CHANGED}]}
    tools = stage.laptop.documents.tools
    tools.changed(stage.document.session, f"{ROOT}/b.txt", Change.CREATED)
    other = SimpleNamespace(identity="of another host")
    tools.changed(other, f"{ROOT}/c.py", Change.CREATED)  # type: ignore[arg-type]
    tools.changed(stage.document.session, f"{ROOT}/d.py", Change.DELETED)
    told = (await server.heard("workspace/didChangeWatchedFiles"))["params"]
    assert told == {"changes": [{"uri": f"file://{ROOT}/d.py", "type": Change.DELETED}]}


async def test_what_is_asked_while_a_server_starts_waits_for_it(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await server.end("exited")
    again = await (await stage.server()).begin()
    asked = await again.heard("initialize")
    await hover(client, stage, 2)
    await hover(client, stage, 3)
    await client.say("$/cancelRequest", {"id": 2})
    assert (await client.answer(2))["error"]["code"] == REQUEST_CANCELLED
    await change(client, stage, "y = 2\n")
    await trio.testing.wait_all_tasks_blocked()
    await again.say(id=asked["id"], result={"capabilities": {}})
    assert await open_texts(again) == {f"file://{PATH}": "y = 2\n"}
    assert (await again.heard("textDocument/hover"))["id"] == 3


async def test_registrations_and_diagnostics_are_the_new_servers(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    said = {"registrations": [{"id": "r", "method": "textDocument/formatting", "registerOptions": {}}]}
    await server.say(id=1, method="client/registerCapability", params=said)
    assert (await client.hear())["method"] == "client/registerCapability"
    await client.raw(framed(b'{"jsonrpc":"2.0","id":1,"result":null}'))
    assert (await server.hear())["id"] == 1
    problem = {"range": {}, "message": "undefined name"}
    params = {"uri": f"file://{PATH}", "diagnostics": [problem]}
    await server.say(method="textDocument/publishDiagnostics", params=params)
    assert (await client.hear())["params"]["diagnostics"] == [problem]
    await server.end("exited")
    again = await (await stage.server()).begin()
    await again.handshake()
    gone = await client.hear()
    assert gone["method"] == "client/unregisterCapability"
    assert gone["params"]["unregisterations"] == [{"id": "r", "method": "textDocument/formatting"}]
    assert (await client.hear())["params"] == {"uri": stage.uri, "diagnostics": []}
    await open_texts(again)
    await again.say(id=1, method="client/registerCapability", params=said)
    assert (await client.hear())["params"]["registrations"][0]["id"] == "r"


async def test_an_editor_that_pulls_is_told_to_pull_again(stage: Stage):
    client = stage.client()
    can = {"workspace": {"diagnostics": {"refreshSupport": True}, "inlayHint": {"refreshSupport": True}}}
    await client.begin(options={"uri": stage.uri}, capabilities=can)
    server = await (await stage.server()).begin()
    await server.handshake()
    await client.answer(1)
    await server.end("exited")
    await (await (await stage.server()).begin()).handshake()
    methods = [(await client.hear())["method"] for _ in range(2)]
    assert methods == ["workspace/inlayHint/refresh", "workspace/diagnostic/refresh"]


# No server


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("none", "no language server for python on the PATH: basedpyright would serve"),
        ("off", "language servers are turned off on this host by /etc/rbridge.conf"),
    ],
)
async def test_where_none_can_be_had_that_is_said_once_and_the_endpoint_is_left(
    stage: Stage, reason: str, words: str
):
    client = stage.client()
    await client.begin(options={"uri": stage.uri, "primary": True})
    await (await stage.server()).end(reason, words)
    await client.answer(1)
    assert await client.told() == f"rbridge: {words}"
    await client.say("initialized")
    await client.say("textDocument/didOpen", {"textDocument": stage.item()})
    for number in range(2, 5):
        await hover(client, stage, number)
        assert (await client.answer(number))["error"]["code"] == CONTENT_MODIFIED
    await client.ask(5, "workspace/executeCommand", {"command": "rbridge.list"})
    assert "clean" in await client.told()
    assert stage.none_asked_for


async def test_a_server_that_was_idle_comes_back_at_the_next_message_which_is_not_lost(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await server.end("idle")
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert stage.none_asked_for
    await hover(client, stage, 2)
    again = await (await stage.server()).begin()
    await again.handshake()
    assert await open_texts(again) == {f"file://{PATH}": TEXT}
    heard = await again.heard("textDocument/hover")
    await again.say(id=heard["id"], result=None)
    assert (await client.answer(2))["result"] is None


async def test_one_that_is_asked_for_something_as_it_ends_is_not_idle(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await hover(client, stage, 2)
    await server.heard("textDocument/hover")
    await server.end("idle")
    assert (await client.answer(2))["error"]["code"] == CONTENT_MODIFIED
    await stage.server()


async def test_the_user_has_a_server_started_again(stage: Stage):
    client = stage.client()
    await client.begin(options={"uri": stage.uri, "primary": True})
    server = await (await stage.server()).begin()
    await server.handshake()
    await client.answer(1)
    await client.ask(2, "workspace/executeCommand", {"command": "rbridge.restartServer"})
    await client.answer(2)
    await until_async(lambda: server.done)
    await (await (await stage.server()).begin()).handshake()


# The connection


async def test_a_cut_costs_what_was_in_flight_and_nothing_else(stage: Stage):
    client = stage.client()
    server = await stage.started(client)
    await change(client, stage, "unsaved = 1\n")
    await server.heard("textDocument/didChange")
    await hover(client, stage, 2)
    await server.heard("textDocument/hover")
    await stage.cut()
    assert (await client.answer(2))["error"]["code"] == CONTENT_MODIFIED
    await change(client, stage, "unsaved = 2\n", 3)
    await hover(client, stage, 3)
    assert (await client.answer(3))["error"]["code"] == CONTENT_MODIFIED  # it may take hours
    await stage.come_back("t")
    again = await (await stage.server()).begin()
    await again.handshake()
    assert await open_texts(again) == {f"file://{PATH}": "unsaved = 2\n"}


async def test_an_editor_that_comes_while_the_host_is_away_gets_its_server_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(remote, "FIRST", 0.01)
    monkeypatch.setattr(remote, "LOOK", 0.01)
    await stage.cut()
    client = stage.client()
    can = {"textDocument": {"hover": {"dynamicRegistration": True}}}
    await client.begin(options={"uri": stage.uri, "primary": True}, capabilities=can)
    await client.answer(1)
    await stage.come_back("t")
    await (await (await stage.server()).begin()).handshake(hoverProvider=True)
    assert (await client.hear())["params"]["registrations"][0]["method"] == "textDocument/hover"


async def test_a_host_that_opens_no_further_connection_has_no_server(stage: Stage):
    """Which is tried now and then, and said once."""
    client = stage.client()
    stage.document.session.__class__ = type("Deaf", (type(stage.document.session),), {"may_dial": False})
    await client.begin(options={"uri": stage.uri})
    await client.answer(1)
    assert "gpu1 opens no further connection" in await client.told()
    await trio.testing.wait_all_tasks_blocked(0.05)
    await client.ask(2, "shutdown")
    await client.answer(2)


async def test_another_document_of_the_project_leads_to_the_server_as_well(stage: Stage):
    client = stage.client()
    await stage.open_also("u", f"{ROOT}/model.py")
    await client.begin(options={"uri": stage.called(stage.laptop.documents.find("gpu1", PATH)[0])})
    server = await (await stage.server()).begin()
    await server.handshake()
    await client.answer(1)
    await stage.close("t")
    await client.ask(2, "workspace/symbol", {"query": "x"})
    await server.heard("workspace/symbol")
    await server.end("exited")
    again = await stage.server()
    assert (again.headers["token"], again.headers["root"]) == ("u", ROOT)


async def test_one_that_is_closed_on_the_host_already_gives_way_to_another(stage: Stage):
    client = stage.client()
    await stage.open_also("u", f"{ROOT}/model.py")
    await client.begin(options={"uri": stage.called(stage.laptop.documents.find("gpu1", PATH)[0])})
    await (await (await stage.server()).begin()).handshake()
    await client.answer(1)
    await client.ask(2, "workspace/symbol", {"query": "x"})
    await stage.close("u")
    await client.say("exit")


async def test_where_no_document_is_open_any_more_that_is_said_and_nothing_spins(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(remote, "LOOK", 0.01)
    client = stage.client()
    server = await stage.started(client)
    document = stage.document
    await stage.close("t")
    await server.end("exited")
    said = await client.told()
    assert said == (
        f"rbridge: pylsp on gpu1 has ended: no document in {ROOT} is open any more on gpu1; "
        "it is started again when one is"
    )
    await client.ask(2, "textDocument/hover", {"textDocument": {"uri": stage.called(document)}})
    assert (await client.answer(2))["error"]["code"] == CONTENT_MODIFIED
    await stage.open_also("v", f"{ROOT}/other.py")
    again = await stage.server()
    assert again.headers["token"] == "v"


async def test_a_host_that_only_has_the_name_of_another_is_told_no_text_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(remote, "LOOK", 0.01)
    client = stage.client()
    server = await stage.started(client)
    await stage.close("t")
    await server.end("exited")
    await client.told()
    stage.secret = "f" * 32
    looks = []
    news = remote.Remote._news
    monkeypatch.setattr(remote.Remote, "_news", lambda one: looks.append(one) or news(one))  # type: ignore
    await stage.open("w", PATH)
    looks.clear()
    await until_async(lambda: len(looks) > 3)
    assert stage.none_asked_for
    await client.say("textDocument/didClose", {"textDocument": {"uri": f"rbridge://gpu1{PATH}"}})
    assert (await stage.server()).headers["token"] == "w"
