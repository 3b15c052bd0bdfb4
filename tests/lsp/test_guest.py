"""An editor of files that shows what is opened on a host, asked by its language client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import trio

from rbridge.adapters.guests import Guests
from rbridge.lsp import guest
from rbridge.lsp.guest import Reception, shows
from tests.harness.wait import until
from tests.lsp.client import PATIENCE, Client
from tests.lsp.conftest import Host
from tests.lsp.test_pump import hover

FILE = Path("/dev/shm/files/1/gpu1/grüß #1.py")
URI = "file:///dev/shm/files/1/gpu1/gr%C3%BC%C3%9F%20%231.py"


class Editor:
    """Answers what it is asked with *result*, unless that is silence or an error."""

    def __init__(self, result: Any = None) -> None:
        self.result = result
        self.asked: list[Any] = []
        self.guests = Guests()
        self.reception = Reception(self.guests, "Helix 25.1", str(os.getpid()), self._ask)

    def _ask(self, method: str, params: Any, answered: Any) -> None:
        self.asked.append((method, params))
        if self.result != "silence":
            answered({} if self.result == "an error" else {"result": self.result})


async def test_a_document_is_shown_where_it_was_asked_for():
    editor = Editor({"success": True})
    assert await editor.reception.show(FILE, 0, 0, True)
    assert await editor.reception.show(FILE, 3, 0, False)
    place = {"line": 2, "character": 0}
    assert editor.asked == [
        ("window/showDocument", {"uri": URI, "takeFocus": True}),
        (
            "window/showDocument",
            {"uri": URI, "takeFocus": False, "selection": {"start": place, "end": place}},
        ),
    ]


@pytest.mark.parametrize("result", [None, [], {"success": False}, {"success": "yes"}, 7, "an error"])
async def test_any_other_answer_is_a_no(result: Any):
    assert not await Editor(result).reception.show(FILE, 0, 0, True)


async def test_so_is_none(autojump_clock: trio.testing.MockClock):
    assert not await Editor("silence").reception.show(FILE, 0, 0, True)
    assert trio.current_time() >= guest.PATIENCE


@pytest.mark.parametrize("spelled", [URI, "file:/dev/shm/files/1/gpu1/grüß%20%231.py"])
def test_what_it_opens_and_closes_is_known_in_any_spelling(spelled: str):
    editor = Editor()
    for method in ("Close", "Open"):
        said = {"method": f"textDocument/did{method}", "params": {"textDocument": {"uri": spelled}}}
        editor.reception.hear(json.dumps(said).encode())
        assert (FILE in editor.reception._guest._shut) is (method == "Close")


@pytest.mark.parametrize(
    "params", [None, 7, {}, {"textDocument": 7}, {"textDocument": {"uri": "untitled:1"}}]
)
def test_other_documents_are_none_of_its_business(params: Any):
    editor = Editor()
    editor.reception.hear(json.dumps({"method": "textDocument/didClose", "params": params}).encode())
    assert editor.reception._guest._shut == set()


def test_it_is_no_guest_after_it_has_left():
    editor = Editor()
    assert editor.guests.are("hx")
    editor.reception.leave()
    assert not editor.guests.are("hx")


@pytest.mark.parametrize(
    ("window", "can"),
    [({"showDocument": {"support": True}}, True), ({"showDocument": True}, False), (None, False)],
)
def test_only_those_are_asked_that_say_that_they_can(window: Any, can: bool):
    assert shows({"capabilities": {"window": window}}) is can
    assert not shows(None)


class Helix(Client):
    """Shows what it is asked to."""

    def _result(self, method: str, params: Any) -> Any:
        return {"success": True} if method == "window/showDocument" else super()._result(method, params)


def test_what_is_opened_on_a_host_comes_into_the_editor_that_runs(host: Host):
    """Nothing is started for it, and it is closed when the editor has closed it."""
    name = host.editor.spec.split()[0].rpartition("/")[2]
    client = Helix(host.pump())
    client.ask(
        "initialize",
        {
            "processId": None,
            "rootUri": None,
            "clientInfo": {"name": name},
            "capabilities": {"window": {"showDocument": {"support": True}}},
        },
    )
    client.tell("initialized", {})
    opening = host.opening()
    shown = client.until("window/showDocument")
    assert opening.wait(PATIENCE) == 0
    assert shown["takeFocus"] is True
    uri = shown["uri"]
    client.open(uri, "unsaved = 1\n")
    assert hover(client, uri) == "venv:unsaved = 1\n"
    assert host.editor.started() == 0
    client.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
    until(lambda: not host.texts(), what="the text is closed")
    assert client.close() == 0
