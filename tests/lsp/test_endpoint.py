"""The endpoint by itself: what it says of a document, with a desk that says what the test wants."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.lsp import endpoint
from rbridge.lsp.endpoint import CAPABILITIES, COMMANDS, Endpoint, Trouble
from rbridge.lsp.framing import framed

URI = "rbridge://gpu1/home/ada/train.py"
CONFLICT = Trouble("train.py on gpu1: the host's file was changed", conflict=True)
REFUSED = Trouble("train.py on gpu1: not saved: disk full")


class Desk:
    """Says what it is given, and keeps what it was asked to do."""

    def __init__(self) -> None:
        self.troubles: dict[str, Trouble] = {}
        self.done: list[tuple[str, str]] = []
        self.answer = ""

    def trouble(self, uri: str) -> Trouble | None:
        return self.troubles.get(uri)

    def do(self, command: str, uri: str) -> str:
        self.done.append((command, uri))
        return self.answer


class Ends:
    """An endpoint and what it said."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.said: list[Any] = []
        self.endpoint = Endpoint(self.desk, lambda body: self.said.append(json.loads(body)), lambda: None)

    async def hear(self, method: str, params: Any, number: int | None = None) -> list[Any]:
        """What it says to a message."""
        body = {"jsonrpc": "2.0", "method": method, "params": params}
        self.endpoint.hear(json.dumps(body if number is None else {**body, "id": number}).encode())
        await trio.testing.wait_all_tasks_blocked()
        return self.taken()

    def taken(self) -> list[Any]:
        said, self.said = self.said, []
        return said

    async def open(self) -> list[Any]:
        item = {"uri": URI, "languageId": "python", "version": 1, "text": ""}
        return await self.hear("textDocument/didOpen", {"textDocument": item})


@pytest.fixture
async def ends(nursery: trio.Nursery) -> Ends:
    made = Ends()
    made.endpoint.begin()
    nursery.start_soon(made.endpoint.run)
    return made


def diagnostics(said: list[Any]) -> list[Any]:
    (one,) = said
    assert one["method"] == "textDocument/publishDiagnostics"
    assert one["params"]["uri"] == URI
    found: list[Any] = one["params"]["diagnostics"]
    return found


async def test_it_offers_actions_and_its_commands_and_says_nothing_by_that():
    made = Ends()
    found = made.endpoint.begin()
    assert found == CAPABILITIES
    assert found["executeCommandProvider"]["commands"] == list(COMMANDS)
    assert found["codeActionProvider"]["codeActionKinds"] == ["quickfix"]
    assert "hoverProvider" not in found
    assert made.said == []


async def test_a_save_that_was_refused_is_shown_until_one_succeeds(ends: Ends):
    assert await ends.open() == []
    ends.desk.troubles[URI] = REFUSED
    ends.endpoint.look()
    (one,) = diagnostics(ends.taken())
    assert (one["message"], one["severity"], one["code"]) == (REFUSED.message, 1, "refused")
    assert (one["source"], one["range"]["start"]) == ("rbridge", {"line": 0, "character": 0})
    ends.endpoint.look()
    assert ends.taken() == []
    del ends.desk.troubles[URI]
    ends.endpoint.look()
    assert diagnostics(ends.taken()) == []


async def test_what_is_wrong_already_is_shown_when_the_document_is_opened(ends: Ends):
    ends.desk.troubles[URI] = CONFLICT
    (one,) = diagnostics(await ends.open())
    assert (one["severity"], one["code"]) == (2, "conflict")


async def test_a_document_that_the_editor_has_closed_is_shown_no_more(ends: Ends):
    await ends.open()
    await ends.hear("textDocument/didClose", {"textDocument": {"uri": URI}})
    ends.desk.troubles[URI] = CONFLICT
    ends.endpoint.look()
    assert ends.taken() == []


async def test_what_can_be_done_about_a_conflict_is_offered_and_about_nothing_else(ends: Ends):
    await ends.open()
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    asked = {"textDocument": {"uri": URI}, "range": where, "context": {"diagnostics": []}}
    for trouble in (None, REFUSED):
        if trouble is not None:
            ends.desk.troubles[URI] = trouble
        (answer,) = await ends.hear("textDocument/codeAction", asked, 1)
        assert answer["result"] == []
    ends.desk.troubles[URI] = CONFLICT
    (answer,) = await ends.hear("textDocument/codeAction", asked, 2)
    assert [one["command"]["command"] for one in answer["result"]] == [
        endpoint.OVERWRITE,
        endpoint.RELOAD,
        endpoint.COMPARE,
    ]
    assert {one["kind"] for one in answer["result"]} == {"quickfix"}
    for one in answer["result"]:
        (said,) = await ends.hear("workspace/executeCommand", one["command"], 3)
        assert said["result"] is None
    assert ends.desk.done == [(name, URI) for name, _ in endpoint.ACTIONS]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(("arguments", "uri"), [([URI, 7], URI), ([], ""), (None, ""), ([{"a": 1}], "")])
async def test_each_command_is_carried_out_and_its_line_shown(
    ends: Ends, name: str, arguments: Any, uri: str
):
    ends.desk.answer = "train.py: done"
    said = await ends.hear("workspace/executeCommand", {"command": name, "arguments": arguments}, 1)
    assert ends.desk.done == [(name, uri)]
    assert said[0]["params"] == {"type": 3, "message": "rbridge: train.py: done"}
    assert (said[1]["id"], said[1]["result"]) == (1, None)


async def test_a_command_that_it_does_not_have_is_an_error(ends: Ends):
    (said,) = await ends.hear("workspace/executeCommand", {"command": "rbridge.nonsense"}, 1)
    assert "error" in said


async def test_nonsense_does_not_end_it(ends: Ends):
    for body in (b"{", b"[]", b'{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": 7}'):
        ends.endpoint.hear(body)
    await trio.testing.wait_all_tasks_blocked()
    ends.taken()
    ends.desk.troubles[URI] = CONFLICT
    assert diagnostics(await ends.open())


async def test_what_pygls_writes_in_pieces_is_put_together(ends: Ends):
    whole = framed(b'{"a": 1}') + framed(b'{"b": 2}')
    for number in range(len(whole)):
        ends.endpoint.write(whole[number : number + 1])
    assert ends.taken() == [{"a": 1}, {"b": 2}]
