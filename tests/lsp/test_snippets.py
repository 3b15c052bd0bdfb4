"""Snippets: which do more than stand in the text, and what is left of those."""

from __future__ import annotations

import time
from typing import Any

import pytest

from rbridge.lsp import snippets
from tests.lsp.conversation import Conversation

EVIL = '`(shell-command "touch /tmp/x")`'


@pytest.mark.parametrize(
    "text",
    ["", "f(${1:x}, $2)$0", "for ${1|a,b|} in x", r"\`x\`", r"echo \$(ls)", "a $ b",
     "$TM_FILENAME ${TM_SELECTED_TEXT:x}"],
)  # fmt: skip
def test_a_snippet_of_the_specification_stays(text: str) -> None:
    assert not snippets.does_more(text)
    items = [{"label": "x", "insertTextFormat": 2, "insertText": text}]
    assert snippets.harmless("textDocument/completion", items) is items


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (EVIL, EVIL),
        (f"f(${{1:x}}, $2){EVIL}$0", f"f(x, ){EVIL}"),
        (r"\\`x`", r"\`x`"),
        ('${1:$(shell-command "x")}', '${1:$(shell-command "x")}'),
        ("$CLIPBOARD", ""),
        ("a ${CLIPBOARD:b} c", "a b c"),
        ("${1:a ${2:b ${TM_FILEPATH:c}}}", "a b c"),
        ("${1|one,two|} $WORKSPACE_FOLDER \\$x \\} \\\\", "one  $x } \\"),
        ("${TM_FILENAME/(.*)/$1/} `x`", " `x`"),
    ],
)
def test_a_snippet_that_does_more_is_a_plain_text(text: str, after: str) -> None:
    item = {"label": "x", "insertTextFormat": 2, "insertText": text, "data": text}
    plain = {"label": "x", "insertTextFormat": 1, "insertText": after, "data": text}
    for method, result, expected in [
        ("textDocument/completion", [item, None, item], [plain, None, plain]),
        ("textDocument/completion", {"items": [item]}, {"items": [plain]}),
        ("completionItem/resolve", item, plain),
    ]:
        assert snippets.harmless(method, result) == expected
    inline = {"items": [{"insertText": {"kind": "snippet", "value": text}}]}
    assert snippets.harmless("textDocument/inlineCompletion", inline) == {"items": [{"insertText": after}]}


def test_wherever_the_text_of_a_snippet_is_it_is_looked_at() -> None:
    def of(item: Any, **more: Any) -> Any:
        return snippets.harmless("textDocument/completion", {"items": [item], **more})["items"][0]

    assert of({"label": "$CLIPBOARD", "insertTextFormat": 2})["label"] == ""
    assert of({"label": "x", "textEdit": {"newText": "$CLIPBOARD"}, "insertTextFormat": 2.0}) == {
        "label": "x",
        "textEdit": {"newText": ""},
        "insertTextFormat": 1,
    }
    default = {"itemDefaults": {"insertTextFormat": 2}}
    assert of({"label": "x", "textEditText": "$CLIPBOARD"}, **default)["textEditText"] == ""
    for item in ({"label": EVIL}, {"label": "x", "insertText": EVIL, "insertTextFormat": 1}):
        assert of(item) == item
    assert of({"label": EVIL, "insertTextFormat": 1}, **default)["label"] == EVIL


@pytest.mark.parametrize(
    "result", [None, 3, "x", [], {}, [[{}]], {"items": {}}, {"items": None, "itemDefaults": []}]
)
def test_what_is_no_completion_stays(result: Any) -> None:
    for method in snippets.METHODS:
        assert snippets.harmless(method, result) is result


@pytest.mark.parametrize("piece", ["${1:", "$", "${", "`", "\\", "${1|", "}", "${a"])
def test_no_snippet_takes_long(piece: str) -> None:
    began = time.process_time()
    snippets.plain(piece * (20_000 // len(piece)))
    assert time.process_time() - began < 5


@pytest.mark.parametrize("spelled", ['"`x`"', '"\\u0060x\\u0060"', '"\\u0024CLIPBOARD"'])
def test_an_editor_gets_no_snippet_that_does_more(spelled: str) -> None:
    talk = Conversation()
    talk.begin()
    talk.ask(5, "textDocument/completion")
    talk.server(b'{"id":5,"result":[{"label":"x","insertTextFormat":2,"insertText":%s}]}' % spelled.encode())
    (heard,) = talk.heard()
    assert heard["result"][0]["insertTextFormat"] == 1


def test_nor_does_it_in_parts() -> None:
    talk = Conversation()
    talk.begin()
    talk.ask(5, "textDocument/completion", partialResultToken="p")
    item = {"label": "x", "insertTextFormat": 2, "insertText": EVIL}
    talk.server({"method": "$/progress", "params": {"token": "p", "value": [item]}})
    (heard,) = talk.heard()
    assert heard["params"]["value"] == [{**item, "insertTextFormat": 1}]
