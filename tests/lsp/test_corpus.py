"""Every message of the protocol goes through a bridge and comes out the same bytes, but for its URIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lsprotocol import types as lsp

from rbridge.lsp import handshake
from tests.lsp.conversation import HERE, ID, ITEM, THERE, Conversation
from tests.lsp.corpus import FRESH, Digits, Maker, Message, Part, Slot, options, parts

SLOTS = (
    Slot(THERE, HERE),
    Slot("file:///usr/lib/python3/os.py", "rbridge://gpu1/usr/lib/python3/os.py"),
    Slot("file:///home/ada/gr%C3%BC%C3%9F%20%23%25.py", "rbridge://gpu1/home/ada/gr%C3%BC%C3%9F%20%23%25.py"),
)
IN_MEMORY = (Slot(THERE, f"file:///dev/shm/files/{ID}/gpu1/home/ada/train.py"),)
IDS: tuple[Any, ...] = (7, 0, "seven \u00e4", Digits("9007199254740993"), Digits("-0"), "rbridge:7")

BY_ITSELF = (
    "$/cancelRequest",
    "client/registerCapability",
    "client/unregisterCapability",
    "initialize",
    "workspace/didChangeWorkspaceFolders",
    "workspace/workspaceFolders",
)
"""What the bridge has a part in; below, and in other tests."""

ASKED: dict[str, Any] = {
    "window/showDocument": {"uri": THERE},
    "workspace/configuration": {"items": []},
}
"""Parameters of requests whose answers are looked at, where any would not do."""

MOST = 40  # messages of one kind


def maker(seed: str, in_memory: bool) -> Maker:
    here = "file" if in_memory else "rbridge"
    return Maker(seed, IN_MEMORY if in_memory else SLOTS, Slot("file", here), "pylsp@gpu1:")


def begun(in_memory: bool) -> Conversation:
    """One that has begun, with nothing in its ears."""
    talk = Conversation(in_memory=in_memory)
    talk.begin({"codeActionProvider": True})
    if in_memory:
        item = {"uri": IN_MEMORY[0].editor, **ITEM}
        talk.editor({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        talk.served()
    return talk


def values(made: Maker, of: Any) -> Iterator[Any]:
    """Values of a type, until there is no choice that was not made."""
    if of is None:
        yield None
        return
    for _ in range(MOST):
        before = len(made.seen)
        yield made.value(of, ("", ""))
        if len(made.seen) == before:
            return
    raise AssertionError("there are more choices than messages")


def passes(talk: Conversation, said: Message, by: str) -> None:
    """What *by*, an editor or a server, says is what the other one hears."""
    other = "server" if by == "editor" else "editor"
    if by == "editor":
        talk.editor(said.text("editor").encode())
        came = talk.raw_served()
    else:
        talk.server(said.text("server").encode())
        came = talk.raw_heard()
    assert [one.decode() for one in came] == [said.text(other)], talk.left


def in_params(made: Maker, part: Part, value: Any, number: int, by: str, talk: Conversation) -> None:
    envelope: dict[str, Any] = {"jsonrpc": "2.0", "method": part.method, FRESH: None}
    if part.of is not None:
        envelope["params"] = value
    if lsp.METHOD_TO_TYPES[part.method][1] is not None:
        envelope["id"] = IDS[number % (len(IDS) - (by == "server"))]
    passes(talk, made.written(envelope), by)


def in_result(made: Maker, part: Part, value: Any, number: int, by: str, talk: Conversation) -> None:
    identity = IDS[number % 2] if number % 3 else f"n{number}"
    asked = {"jsonrpc": "2.0", "id": identity, "method": part.method, "params": ASKED.get(part.method, {})}
    (talk.editor if by == "server" else talk.server)(asked)
    assert [one["id"] for one in (talk.served() if by == "server" else talk.heard())] == [identity]
    envelope = {"jsonrpc": "2.0", "id": identity, "result": value, FRESH: [1.5]}
    if number % 2:
        envelope["error"] = None  # as some servers say it
    passes(talk, made.written(envelope), by)


def in_partial(made: Maker, part: Part, value: Any, number: int, by: str, talk: Conversation) -> None:
    token: Any = "token" if number % 2 else 5
    talk.editor({"id": 1, "method": part.method, "params": {"partialResultToken": token}})
    talk.served()
    params = {"token": token, "value": value}
    passes(talk, made.written({"jsonrpc": "2.0", "method": "$/progress", "params": params}), by)


WAYS: dict[str, Callable[[Maker, Part, Any, int, str, Conversation], None]] = {
    "params": in_params,
    "result": in_result,
    "partial": in_partial,
}


def speakers(part: Part) -> Iterator[str]:
    """Who says it."""
    way = lsp.message_direction(part.method)
    asks = {"clientToServer": ["editor"], "serverToClient": ["server"], "both": ["editor", "server"]}[way]
    other = {"editor": "server", "server": "editor"}
    for one in asks:
        yield one if part.part == "params" else other[one]


@pytest.mark.parametrize("in_memory", [False, True], ids=["named", "in memory"])
def test_every_message_comes_out_as_it_went_in(in_memory: bool, proof: Callable[[str], None]) -> None:
    methods, count, size, choices = set(), 0, 0, 0
    for part in parts():
        if part.method in BY_ITSELF:
            continue
        for by in speakers(part):
            made = maker(f"{part.method} {part.part} {by}", in_memory)
            for number, value in enumerate(values(made, part.of)):
                try:
                    WAYS[part.part](made, part, value, number, by, begun(in_memory))
                except Exception as error:
                    what = f"{part.method} {part.part}, number {number}, said by the {by}"
                    raise AssertionError(what) from error
                count += 1
                size += len(str(value))
            choices += len(made.seen)
            methods.add(part.method)
    assert len(methods) == len(lsp.METHOD_TO_TYPES) - len(BY_ITSELF)
    how = "an editor of files in memory" if in_memory else "an editor of rbridge:// documents"
    proof(
        f"{count:,} messages of {len(methods)} methods of LSP 3.18, with all alternatives of all types"
        f" ({choices:,} choices), to and from {how}: byte for byte the same but for their URIs"
    )


def of(made: Maker, value: Any, side: str) -> Any:
    """*value* as one side has it, read."""
    return json.loads(made.written(value).text(side))


def test_the_options_of_every_registration_come_out_as_they_went_in(proof: Callable[[str], None]) -> None:
    count = 0
    for part in options():
        if part.method in ("workspace/didChangeWatchedFiles", "workspace/textDocumentContent"):
            continue  # no editor gets them
        made = maker(part.method, in_memory=False)
        for number, value in enumerate(values(made, part.of)):
            if part.method == "workspace/didChangeConfiguration":
                value["section"] = "python" if number % 2 else ["ruff", "python.analysis"]
            one = {"id": f"n{number}", "method": part.method, "registerOptions": value, FRESH: [{}]}
            said = {"id": 3, "method": "client/registerCapability", "params": {"registrations": [one]}}
            talk = begun(in_memory=False)
            talk.server(made.written(said).text("server").encode())
            assert talk.heard() == [of(made, said, "editor")], part.method
            talk.editor({"id": 3, "result": None})
            talk.served()
            gone = [{"id": f"n{number}", "method": part.method, FRESH: 1}]
            undo = {"id": 4, "method": "client/unregisterCapability", "params": {"unregisterations": gone}}
            talk.server(undo)
            assert talk.heard() == [undo]
            count += 1
    proof(f"{count} registrations of capabilities and their ends: what the editor reads is what was said")


def test_what_an_editor_can_do_and_what_a_server_can_do_is_passed_on_whole() -> None:
    made = maker("initialize", in_memory=False)
    for params in values(made, lsp.InitializeParams):
        talk = Conversation()
        there = of(made, params, "editor")
        talk.bridge.initialize(1, there)
        (asked,) = talk.served()
        assert asked["params"] == handshake.to_server(there, b"/home/ada", "pylsp")
        for name in set(there) - {"processId", "rootUri", "rootPath", "workspaceFolders", "capabilities"}:
            assert asked["params"][name] == there[name]
        for name in set(there["capabilities"] or ()) - {"workspace"}:
            assert asked["params"]["capabilities"][name] == there["capabilities"][name]
    made = maker("initialize result", in_memory=False)
    for result in values(made, lsp.InitializeResult):
        talk = Conversation()
        talk.bridge.initialize("\u00e4", {})
        (asked,) = talk.served()
        talk.server(made.written({"id": asked["id"], "result": result}).text("server").encode())
        (heard,) = talk.heard()
        expected = handshake.merged(handshake.allowed(of(made, result, "editor")), {})
        assert heard == {"jsonrpc": "2.0", "id": "\u00e4", "result": expected}


# What was seen to be lost or broken elsewhere


@pytest.fixture
def talk() -> Conversation:
    return begun(in_memory=False)


HERE_TEXT, THERE_TEXT = HERE.encode(), THERE.encode()


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("textDocument/completion", '[{"label":"file:///x","insertText":"file:///home/ada/train.py","detail":"%s"}]'),
        ("textDocument/completion", '{"isIncomplete":false,"items":[{"label":"x","documentation":"file:///x"}]}'),
        ("textDocument/formatting", '[{"range":{"start":{"line":-1}},"newText":"%s"}]'),
        ("textDocument/documentSymbol", '[{"name":"x","kind":99,"location":null,"jsonrpc":"2.0"}]'),
        ("textDocument/hover", '{"contents":{"kind":"plaintext","value":"%s"},"jsonrpc":"2.0","id":1}'),
        ("textDocument/rename", '{"documentChanges":[{"textDocument":{"uri":"%t","version":null},"edits":'
         '[{"range":{},"snippet":{"kind":"snippet","value":"%s$0"},"insertTextFormat":2,"annotationId":"a"}]}]}'),
        ("textDocument/codeAction", '[{"title":"%s","kind":"x","data":{"uri":"%s","n":1.0e0}},null]'),
        ("workspace/symbol", '[{"name":"%s","location":{"uri":"%t"}}]'),
        ("my/own", '{"jsonrpc":"2.0","method":"x","a":[{"jsonrpc":"1.0"}],"b":1e2}'),
        ("my/own", '"%t"'),
        ("my/own", '{"deep":[{"name":"%t","web":"https://docs.example/"}]}'),
        ("textDocument/switchSourceHeader", '"%t"'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", ',"error":null', ',"more":{"jsonrpc":null}'])
def test_answers_that_were_lost_elsewhere(talk: Conversation, method: str, result: str, end: str) -> None:
    text = "file:///home/ada/train.py is a text"
    said = f'{{ "id":"q","result":{result.replace("%s", text)}{end}}}'
    talk.editor({"id": "q", "method": method, "params": {"textDocument": {"uri": HERE}}})
    talk.served()
    talk.server(said.replace("%t", THERE).encode())
    assert [one.decode() for one in talk.raw_heard()] == [said.replace("%t", HERE)]


@pytest.mark.parametrize(
    "said",
    [
        '{"method":"textDocument/publishDiagnostics","params":{"uri":"%t","version":null,"diagnostics":[{"range":'
        '{"start":{"line":-1,"character":0},"end":null},"severity":9,"message":{"kind":"markdown","value":"**x**"},'
        '"tags":[7],"code":{"value":1.0,"target":"x"}}]},"odd":1}',
        '{"method":"window/logMessage","params":{"type":9,"message":"file:///x","jsonrpc":"2.0"}}',
        '{"method":"telemetry/event","params":[{"uri":"file:///home/ada/train.py"}]}',
        '{"method":"$/logTrace","params":{"message":"file:///x"}}',
        '{"method":"$/progress","params":{"token":1,"value":{"kind":"report","message":"file:///x"}}}',
        '{"method":"$/anything","params":[1e2,null,"a: b"]}',
        '{"method":"some/note"}',
        '{"method":"clangd/fileStatus","params":{"uri":"%t","state":"idle: C:\\\\x"}}',
    ],
)
def test_notifications_that_were_lost_elsewhere(talk: Conversation, said: str) -> None:
    talk.server(said.replace("%t", THERE).encode())
    assert [one.decode() for one in talk.raw_heard()] == [said.replace("%t", HERE)]


@pytest.mark.parametrize(
    "said",
    [
        '{"method":"textDocument/didOpen","params":{"textDocument":{"uri":"%h","languageId":"x","version":-0,'
        '"text":"file:///home/ada/train.py\\u000a"},"jsonrpc":"2.0"}}',
        '{"method":"textDocument/didChange","params":{"textDocument":{"uri":"%h","version":9007199254740993},'
        '"contentChanges":[{"text":"rbridge://gpu1/x"}]}}',
        '{"id":9007199254740993,"method":"unheard/of"}',
        '{"id":-0,"method":"unheard/of","params":null}',
        '{"id":"","method":"textDocument/hover","params":{"textDocument":{"uri":"%h"},"position":{"line":1e0}}}',
        '{"id":"x","method":"clangd/ast","params":{"textDocument":{"uri":"%h"},"jsonrpc":[]}}',
        '{"id":"x","method":"textDocument/switchSourceHeader","params":{"uri":"%h"}}',
        '{"method":"$/setTrace","params":{"value":"verbose","x":"file:///x"}}',
        '{"method":"unheard/note"}',
    ],
)
def test_what_an_editor_says_in_its_own_way(talk: Conversation, said: str) -> None:
    talk.editor(said.replace("%h", HERE).encode())
    assert [one.decode() for one in talk.raw_served()] == [said.replace("%h", THERE)]


def test_pylsp_and_clangd_begin_as_they_do() -> None:
    capabilities = {
        "codeActionProvider": True,
        "executeCommandProvider": {"commands": []},
        "notebookDocumentSync": {"notebookSelector": [{"cells": [{"language": "python"}]}]},
        "textDocumentSync": {"change": 2, "save": {"includeText": True}, "openClose": True},
        "experimental": {},
    }
    assert Conversation().begin(capabilities) == capabilities
    talk = Conversation()
    talk.bridge.initialize(1, {"capabilities": {"offsetEncoding": ["utf-8", "utf-16"]}})
    (asked,) = talk.served()
    assert asked["params"]["capabilities"]["offsetEncoding"] == ["utf-8", "utf-16"]
    talk.server(
        {"id": asked["id"], "result": {"capabilities": {}, "offsetEncoding": "utf-8", "serverInfo": {}}}
    )
    (heard,) = talk.heard()
    assert heard["result"]["offsetEncoding"] == "utf-8"


def test_the_same_id_is_used_by_both_at_once(talk: Conversation) -> None:
    for number in (5, "5", 2**53 + 1):
        talk.editor({"id": number, "method": "textDocument/hover", "params": {"textDocument": {"uri": HERE}}})
        talk.server({"id": number, "method": "window/workDoneProgress/create", "params": {"token": 1}})
        assert [one["id"] for one in (*talk.served(), *talk.heard())] == [number, number]
    for number in ("5", 2**53 + 1, 5):
        talk.server({"id": number, "result": {"contents": "of the server"}})
        talk.editor({"id": number, "result": "of the editor"})
        assert talk.heard() == [{"id": number, "result": {"contents": "of the server"}}]
        assert talk.served() == [{"id": number, "result": "of the editor"}]


def test_a_server_that_has_ids_like_ours_gets_them_back(talk: Conversation) -> None:
    for number in ("rbridge:1", "rbridge:2", "rbridge:1"):
        said = f'{{"id":"{number}","method":"workspace/configuration","params":{{"items":[] }} }}'
        talk.server(said.encode())
    numbers = [one["id"] for one in talk.heard()]
    assert len(set(numbers)) == 3
    for number in numbers:
        talk.editor(f'{{"id":"{number}","result":[1.0e0],"x":[] }}'.encode())
    assert [one.decode() for one in talk.raw_served()] == [
        '{"id":"rbridge:1","result":[1.0e0],"x":[] }',
        '{"id":"rbridge:2","result":[1.0e0],"x":[] }',
        '{"id":"rbridge:1","result":[1.0e0],"x":[] }',
    ]


def test_an_id_that_is_nothing_is_answered_and_goes_nowhere(talk: Conversation) -> None:
    talk.editor({"id": None, "method": "textDocument/hover", "params": {"textDocument": {"uri": HERE}}})
    (refused,) = talk.heard()
    assert (refused["id"], refused["error"]["code"]) == (None, -32600)
    talk.server({"id": None, "error": {"code": -32700, "message": "x"}})
    assert (talk.heard(), talk.served()) == ([], [])


def test_cancelling_goes_both_ways_with_any_id(talk: Conversation) -> None:
    for number in (5, "five", 2**60):
        cancel = {"method": "$/cancelRequest", "params": {"id": number}, "more": 1}
        talk.editor({"id": number, "method": "textDocument/hover", "params": {"textDocument": {"uri": HERE}}})
        talk.editor(cancel)
        assert talk.served()[1] == cancel
        talk.server({"id": number, "method": "workspace/configuration", "params": {"items": []}})
        talk.server({"method": "$/cancelRequest", "params": {"id": number}})
        assert [one.get("params") for one in talk.heard()] == [{"items": []}, {"id": number}]
