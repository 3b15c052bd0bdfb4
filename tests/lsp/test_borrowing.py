"""An editor of files goes to where something is defined: the file is fetched before it hears of it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import trio

from rbridge.lsp import remote
from tests.harness.wait import until_async
from tests.lsp.stage import Client, Server, Stage
from tests.server.folders import reply

NUMPY = "/usr/lib/numpy.py"
WHERE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}


def location(path: str) -> dict[str, Any]:
    return {"uri": f"file://{path}", "range": WHERE}


async def begun(stage: Stage) -> tuple[Client, Server]:
    """An editor of files whose server runs."""
    client = stage.client()
    uri = stage.document.text.file.as_uri()
    await client.begin(rootUri=stage.document.text.file.parent.as_uri(), clientInfo={"name": "helix"})
    server = await (await stage.server()).begin()
    await server.handshake(definitionProvider=True)
    assert "result" in await client.answer(1)
    await client.say(
        "textDocument/didOpen",
        {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": "x"}},
    )
    await server.heard("textDocument/didOpen")
    return client, server


async def asked(stage: Stage, count: int = 1) -> list[dict[str, str]]:
    """What the host was asked to open."""

    def heard() -> list[dict[str, str]]:
        return [said for command, said in stage.said if command == "ask"]

    await until_async(lambda: len(heard()) >= count)
    return heard()


async def define(client: Client, server: Server, stage: Stage, *paths: str) -> None:
    """Ask where something is defined, which is at *paths*."""
    document = {"uri": stage.document.text.file.as_uri()}
    await client.ask(7, "textDocument/definition", {"textDocument": document, "position": WHERE["start"]})
    said = await server.heard("textDocument/definition")
    await server.say(id=said["id"], result=[location(path) for path in paths])


async def send(stage: Stage, said: dict[str, str], text: bytes, token: str = "n") -> None:
    """The host opens what it was asked to open."""
    path = said["path"]
    await stage.main.open(
        text,
        token=token,
        name=path,
        path=path,
        folder=said["token"],
        request=said["request"],
        read_only="yes",
    )


def file_of(one: dict[str, Any]) -> Path:
    return Path(unquote(one["uri"].removeprefix("file://")))


async def test_the_file_is_there_when_the_editor_hears_of_it_until_the_editor_is_gone(stage: Stage) -> None:
    client, server = await begun(stage)
    await define(client, server, stage, NUMPY)
    (said,) = await asked(stage)
    assert (said["do"], said["path"]) == ("open", NUMPY)
    await send(stage, said, b"x = 1\n")
    (found,) = (await client.answer(7))["result"]
    file = file_of(found)
    assert file.read_text() == "x = 1\n"
    assert str(file).endswith(f"/gpu1{NUMPY}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    await define(client, server, stage, NUMPY)  # it is asked for once
    assert file_of((await client.answer(7))["result"][0]) == file
    assert len(await asked(stage)) == 1
    await client.close()
    await until_async(lambda: not file.exists())


async def test_what_the_host_refuses_is_left_out(stage: Stage) -> None:
    client, server = await begun(stage)
    path = stage.document.text.path
    await define(client, server, stage, NUMPY, path)
    (said,) = await asked(stage)
    await reply(
        stage.main, said["request"], b"", token=said["token"], reason="gone", message="it%20is%20gone"
    )
    found = (await client.answer(7))["result"]
    assert [file_of(one) for one in found] == [stage.document.text.file]
    await define(client, server, stage, NUMPY)  # it may be there by now
    said = (await asked(stage, 2))[1]
    await send(stage, said, b"x = 1\n")
    assert len((await client.answer(7))["result"]) == 1


async def test_only_so_many_are_fetched_for_one_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MISSING", 1)
    client, server = await begun(stage)
    await define(client, server, stage, NUMPY, "/usr/lib/torch.py")
    (said,) = await asked(stage)
    await send(stage, said, b"x = 1\n")
    assert len((await client.answer(7))["result"]) == 1


async def test_a_host_that_does_not_answer_holds_the_server_up_for_a_while_only(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "BORROW", 0.05)
    client, server = await begun(stage)
    await define(client, server, stage, NUMPY)
    with trio.fail_after(20):
        assert (await client.answer(7))["result"] == []


async def test_what_is_only_mentioned_is_not_fetched(stage: Stage) -> None:
    client, server = await begun(stage)
    await server.say(
        method="textDocument/publishDiagnostics", params={"uri": f"file://{NUMPY}", "diagnostics": []}
    )
    await server.say(method="window/logMessage", params={"type": 3, "message": "behind it"})
    assert (await client.hear())["method"] == "window/logMessage"
    assert [said for command, said in stage.said if command == "ask"] == []
