"""A hostile language server that says anything at all: nonsense, and valid messages, spoilt anywhere."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lsprotocol import types as lsp

from rbridge.errors import RemoteProtocolError
from tests.lsp.conversation import HERE, THERE, Conversation
from tests.lsp.corpus import Digits, Maker, Part, Slot, parts
from tests.lsp.evil_messages import EDIT, begun, edits, location, look, tell
from tests.lsp.evil_words import COMMANDS, MARKDOWN, URIS

HEARD = [
    part
    for part in parts()
    if part.of is not None
    and (part.part == "params") == (lsp.message_direction(part.method) == "serverToClient")
    and part.method not in ("initialize", "client/unregisterCapability")
]
"""What an editor hears."""

NESTED: Any = None
for _ in range(400):
    NESTED = [{"x": NESTED}]


@pytest.mark.parametrize(
    "body",
    [
        '{"method":"x/y","params":{"uri":"file:///\\ud800"}}',
        '{"id":5,"result":[{"uri":"file:///x#\\ud800","x":"\\ud800"}]}',
        '{"id":5,"result":[{"uri":"x:"},{"uri":"file:///x","more":"\\udfff"}]}',
        '{"id":5,"result":[{"uri":"x:"},{"uri":"file:///x","n":1e999}]}',
        '{"id":5,"result":[{"uri":"x:"},{"uri":"file:///x","n":-1e999}]}',
        '{"id":5,"result":NaN}',
        '{"id":"","result":{}}',
        '{"id":"rbridge:1","result":{"capabilities":[]}}',
        '{"id":5,"result":' + "9" * 5000 + "}",
        '{"id":5,"result":[{"uri":"file:///x","uri":"file:///home/me/x"}]}',
        '{"id":5,"result":{"\\u0075ri":"file:///x","uri":"x"}}',
        json.dumps({"method": "x/y", "params": NESTED}),
        json.dumps({"id": 5, "result": NESTED}),
        '{"method":"x/y","params":' + "[" * 90_000 + "]" * 90_000 + "}",
        '{"method":"$/progress","params":{"token":"p","value":{"0":{"uri":"file:///home/me/x"}}}}',
        '{"method":"$/progress","params":[{"token":"p"}]}',
        '{"method":"textDocument/publishDiagnostics","params":[{"uri":"file:///home/me/x"}]}',
        '{"method":"$/cancelRequest","params":{"id":[1]}}',
        '{"id":[1],"method":"window/showDocument"}',
        '{"id":1,"method":"client/registerCapability","params":{"registrations":{"0":{}}}}',
        '{"id":1,"method":"client/registerCapability","params":{"registrations":[{"id":"x","method":["x"]}]}}',
        '{"id":1,"method":"client/unregisterCapability","params":{"unregisterations":[{"id":{}}]}}',
        '{"id":1,"method":"workspace/configuration","params":[{"section":"http"}]}',
        '{"id":1,"method":"workspace/configuration"}',
    ],
)  # fmt: skip
def test_nothing_that_a_server_says_breaks_the_bridge(body: str) -> None:
    talk = begun()
    talk.ask(5, "textDocument/definition", partialResultToken="p")
    try:
        talk.server(body.encode())
    except RemoteProtocolError:
        return  # the server is ended
    look(talk, "textDocument/definition")
    talk.served()
    talk.ask(6, "textDocument/hover")


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        {"capabilities": []},
        {"capabilities": {"workspace": [], "executeCommandProvider": [], "textDocumentSync": "x"}},
        {"capabilities": {"hoverProvider": [{"documentSelector": []}], "codeActionProvider": {"0": {}}}},
        {"capabilities": {"callHierarchyProvider": {"documentSelector": [{"pattern": {"baseUri": "x:"}}]}}},
        {"capabilities": {"executeCommandProvider": {"commands": {"0": "vscode.open"}}}},
        {"capabilities": {"executeCommandProvider": {"commands": [["vscode.open"]]}}},
        {"serverInfo": {"name": "\ud800"}},
    ],
)
def test_nothing_that_a_server_says_of_itself_breaks_the_bridge(result: Any) -> None:
    talk = Conversation()
    talk.bridge.initialize(1, {"capabilities": {}})
    (asked,) = talk.served()
    try:
        talk.server({"id": asked["id"], "result": result})
    except RemoteProtocolError:
        return
    (heard,) = talk.heard()
    assert "vscode.open" not in json.dumps(heard).replace("pylsp@gpu1:vscode.open", "")
    talk.editor({"id": 3, "method": "textDocument/codeAction", "params": {"textDocument": {"uri": HERE}}})
    talk.bridge.lost()


# Valid messages, spoilt anywhere


def plain(value: Any) -> Any:
    """A value of the corpus as a server says it."""
    if isinstance(value, Slot):
        return value.server
    if isinstance(value, Digits):
        return json.loads(value.text)
    if isinstance(value, list) and value and all(isinstance(one, tuple) for one in value):
        return {plain(name): plain(one) for name, one in value}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else value


def spoilt(value: Any, chance: random.Random, rate: float) -> Any:
    """*value* with something else in some places."""
    if isinstance(value, dict):
        value = {name: spoilt(one, chance, rate) for name, one in value.items()}
        if chance.random() < rate:
            name = chance.choice(
                ("uri", "targetUri", "command", "kind", "edit", "target", "items", "location")
            )
            value[name] = bad(chance)
        if chance.random() < rate / 2:
            value[chance.choice(URIS)] = [EDIT]
    elif isinstance(value, list):
        value = [spoilt(one, chance, rate) for one in value]
    if chance.random() >= rate:
        return value
    return chance.choice((bad(chance), [value], {"0": value, "length": 1}, {"x": value}, [[value]], None))


def bad(chance: random.Random) -> Any:
    uri = chance.choice(URIS)
    return chance.choice(
        (uri, uri, uri, [uri], {"uri": uri}, location(uri), chance.choice(edits(uri)),
         chance.choice(COMMANDS), {"title": "x", "command": chance.choice(COMMANDS)},
         chance.choice(MARKDOWN), 5, True, [],
         {"kind": "markdown", "value": chance.choice(MARKDOWN)}, "delete", "create", "rename", "full")
    )  # fmt: skip


def a_message(seed: int) -> tuple[Part, Any]:
    chance = random.Random(seed)
    part = chance.choice(HEARD)
    made = Maker(str(seed), [Slot(THERE, HERE)], Slot("file", "rbridge"), "pylsp@gpu1:")
    for _ in range(chance.randrange(3)):
        made.value(part.of, ("", ""))
    return part, spoilt(plain(made.value(part.of, ("", ""))), chance, chance.choice((0.01, 0.03, 0.1)))


@given(st.integers(0, 2**40), st.booleans())
@example(0, False)
def test_whatever_a_server_says_nothing_of_the_laptop_is_for_the_editor_to_act_upon(
    seed: int, in_memory: bool
) -> None:
    part, value = a_message(seed)
    talk = begun(in_memory=in_memory)
    try:
        if part.part == "params":
            number = 9 if lsp.METHOD_TO_TYPES[part.method][1] is not None else None
            tell(talk, {"method": part.method, "params": value} | ({"id": number} if number else {}))
        else:
            talk.ask(5, part.method, partialResultToken="p")
            progress = {"method": "$/progress", "params": {"token": "p", "value": value}}
            tell(talk, progress if part.part == "partial" else {"id": 5, "result": value})
    except RemoteProtocolError:
        return
    look(talk, part.method)
