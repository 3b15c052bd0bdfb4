"""The endpoint with the daemon's own documents: what is told of them, and done with them."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from rbridge.lsp import endpoint
from tests.harness.wait import until_async
from tests.lsp.stage import PATH, Client, Stage
from tests.server.conftest import digest

THEIRS = b"theirs = 1\n"


async def client_of(stage: Stage, uri: str, **capabilities: Any) -> Client:
    """One whose host has no server, so that what it hears is the endpoint's."""
    client = stage.client()
    await client.begin(options={"uri": uri, "primary": True}, capabilities=capabilities)
    await (await stage.server()).end("none", "")
    await client.answer(1)
    await client.say("textDocument/didOpen", {"textDocument": stage.item(uri=uri)})
    return client


async def diagnostics(client: Client) -> list[Any]:
    said = await client.hear()
    assert said["method"] == "textDocument/publishDiagnostics", said
    return [(one["code"], one["message"]) for one in said["params"]["diagnostics"]]


async def command(client: Client, name: str, *arguments: str, number: int = 9) -> Any:
    """Have a command carried out; its answer."""
    await client.ask(number, "workspace/executeCommand", {"command": name, "arguments": list(arguments)})


async def save(stage: Stage, data: bytes) -> dict[str, str]:
    """The editor saves; what the host is told of it."""
    stage.said.clear()
    stage.nursery.start_soon(stage.edits["t"].save, data)
    await until_async(lambda: "save" in [one for one, _ in stage.said])
    return next(headers for one, headers in stage.said if one == "save")


async def conflict(stage: Stage) -> None:
    """The editor has saved, and the host has another text."""
    headers = await save(stage, b"mine = 1\n")
    said = {"save": headers["save"], "reason": "conflict", "message": "changed there"}
    await stage.main.say("refused", None, token="t", sha256=digest(THEIRS), size=str(len(THEIRS)), **said)


@pytest.fixture(params=["rbridge", "file"])
def uri(request: pytest.FixtureRequest, stage: Stage) -> str:
    """What plug-ins call the document, and what editors of files do."""
    return stage.uri if request.param == "rbridge" else stage.document.text.file.as_uri()


async def test_a_save_that_was_refused_is_shown_until_one_succeeds(stage: Stage, uri: str):
    client = await client_of(stage, uri)
    headers = await save(stage, b"y = 2\n")
    await stage.main.say("refused", token="t", save=headers["save"], reason="no-space", message="disk%20full")
    ((code, message),) = await diagnostics(client)
    assert (code, "disk full" in message) == ("refused", True)
    headers = await save(stage, b"y = 3\n")
    assert await diagnostics(client) == []
    await stage.main.say("saved", token="t", save=headers["save"])


async def test_a_conflict_is_shown_and_settled_for_the_editors_text(stage: Stage, uri: str):
    client = await client_of(stage, uri)
    await conflict(stage)
    ((code, _),) = await diagnostics(client)
    assert code == "conflict"
    stage.said.clear()
    await command(client, endpoint.OVERWRITE, uri)
    await until_async(lambda: "save" in [one for one, _ in stage.said])
    heard = [await client.hear() for _ in range(2)]
    assert {"result": None} in [{"result": one.get("result")} for one in heard if one.get("id") == 9]
    assert [] in [one["params"]["diagnostics"] for one in heard if "params" in one]


async def test_a_command_about_no_conflict_says_so(stage: Stage, uri: str):
    client = await client_of(stage, uri)
    for name in (endpoint.OVERWRITE, endpoint.RELOAD):
        await command(client, name, uri)
        assert "there is no conflict" in await client.told()
        await client.answer(9)
    await command(client, endpoint.COMPARE, uri)
    heard = [await client.hear() for _ in range(2)]
    assert any("there is no conflict" in str(one.get("params")) for one in heard)


async def test_a_command_about_a_document_of_nobody_says_so(stage: Stage):
    client = await client_of(stage, stage.uri)
    for name in (endpoint.SAVE, endpoint.CLOSE, endpoint.COMPARE, endpoint.OVERWRITE):
        for uri in ("file:///etc/passwd", "rbridge://gpu1/elsewhere.py", ""):
            await command(client, name, uri)
            assert await client.told() == "rbridge: this document is not one of rbridge's"
            await client.answer(9)


async def test_the_hosts_text_is_shown_beside(stage: Stage):
    """Where the editor can show it; else the user is told where it is."""
    uri = stage.uri
    client = await client_of(stage, uri, window={"showDocument": {"support": True}})
    await conflict(stage)
    await diagnostics(client)
    stage.said.clear()
    await command(client, endpoint.COMPARE, uri)
    await client.answer(9)
    await until_async(lambda: "fetch" in [one for one, _ in stage.said])
    await stage.main.say("changed", THEIRS, token="t", sha256=digest(THEIRS), size=str(len(THEIRS)))
    shown = await client.hear()
    assert shown["method"] == "window/showDocument"
    path = trio.Path(shown["params"]["uri"].removeprefix("file://"))
    assert await path.read_bytes() == THEIRS
    other = await client_of(stage, uri)
    await diagnostics(other)
    await command(other, endpoint.COMPARE, uri)
    heard = [await other.hear() for _ in range(2)]  # in whatever order
    assert any(str(path) in one["params"]["message"] for one in heard if "params" in one)


async def test_what_is_in_a_file_is_sent_at_the_users_wish(stage: Stage):
    document = stage.document
    uri = document.text.file.as_uri()
    client = await client_of(stage, uri)
    await trio.Path(document.text.file).write_bytes(b"z = 3\n")
    await command(client, endpoint.SAVE, uri)
    await client.answer(9)
    await until_async(lambda: "save" in [one for one, _ in stage.said])
    headers = next(headers for one, headers in stage.said if one == "save")
    await stage.main.say("saved", token="t", save=headers["save"], sha256=digest(b"z = 3\n"))
    assert await client.told() == "rbridge: train.py on gpu1: saved"
    assert not [one for one in document.text.file.parents[4].rglob(".rbridge-*") if one.is_file()]


async def test_a_buffer_is_saved_in_its_editor(stage: Stage):
    """Of what is in it the daemon knows only what was saved."""
    client = await client_of(stage, stage.uri)
    await command(client, endpoint.SAVE, stage.uri)
    assert "what is saved in the editor is sent" in await client.told()
    await client.answer(9)
    assert "save" not in [one for one, _ in stage.said]


async def test_a_document_is_closed(stage: Stage, uri: str):
    client = await client_of(stage, uri)
    await command(client, endpoint.CLOSE, uri)
    await client.answer(9)
    await until_async(lambda: not len(stage.laptop.documents))


async def test_all_documents_are_listed(stage: Stage):
    client = await client_of(stage, stage.uri)
    await stage.open_also("u", "/home/u/a.txt")
    await command(client, endpoint.LIST)
    assert await client.told() == f"rbridge: gpu1:/home/u/a.txt: clean\ngpu1:{PATH}: clean"
    await client.answer(9)


async def test_where_nothing_is_open_that_is_said(stage: Stage):
    await stage.close("t")
    client = stage.client()
    await client.begin()
    await client.answer(1)
    await command(client, endpoint.LIST)
    assert await client.told() == "rbridge: nothing is open"
    await client.answer(9)
    await command(client, endpoint.RESTART)
    assert "there is no language server" in await client.told()
    await client.answer(9)
