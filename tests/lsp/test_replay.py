"""What a new server is told: the texts as they are by now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.lsp import replay
from rbridge.lsp.replay import Replay, changed

URI = "file:///home/ada/train.py"
SIZES = {"utf-8": lambda one: len(one.encode()), "utf-16": lambda one: len(one.encode("utf-16-le")) // 2}


def at(text: str, index: int, encoding: str) -> dict[str, int]:
    """The position of character *index*, counted in the most obvious way."""
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    if text[:index].endswith("\r") and text[index : index + 1] == "\n":
        before = before[:-1]  # between the two there is no position
    line = before[before.rfind("\n") + 1 :]
    units = sum(SIZES[encoding](one) for one in line) if encoding in SIZES else len(line)
    return {"line": before.count("\n"), "character": units}


def change(text: str, begin: int, end: int, new: str, encoding: str) -> tuple[dict[str, Any], str]:
    """A change as an editor says it, and the text after it."""
    for_between = lambda index: index - (text[index - 1 : index + 1] == "\r\n")  # noqa: E731
    begin, end = for_between(begin), for_between(end)
    said = {"range": {"start": at(text, begin, encoding), "end": at(text, end, encoding)}, "text": new}
    return said, text[:begin] + new + text[end:]


TEXTS = st.text(st.sampled_from("ab \u00e4\u20ac\U0001f600\r\n\n\f\u2028\r"), max_size=30)


@given(
    TEXTS,
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), TEXTS), max_size=8),
    st.sampled_from(replay.ENCODINGS),
)
def test_changes_make_the_text_that_the_editor_has(
    text: str, edits: list[tuple[int, int, str]], encoding: str
) -> None:
    said, now = [], text
    for first, second, new in edits:
        begin, end = sorted((min(first, len(now)), min(second, len(now))))
        one, now = change(now, begin, end, new, encoding)
        said.append(one)
    assert changed(text, said, encoding) == now


def test_a_position_beyond_a_line_is_at_its_end() -> None:
    def insert(line: int, character: int) -> str:
        here = {"line": line, "character": character}
        return changed("ab\ncd", [{"range": {"start": here, "end": here}, "text": "X"}], "utf-16")

    assert insert(0, 99) == "abX\ncd"
    assert insert(9, 0) == "ab\ncdX"
    assert insert(1, 99) == "ab\ncdX"


@pytest.mark.parametrize("position", [None, {"line": -1}, {"line": "x"}, {"line": 0, "character": -3}])
def test_a_position_that_makes_no_sense_is_at_the_beginning(position: Any) -> None:
    assert changed("ab", [{"range": {"start": position, "end": position}, "text": "X"}], "utf-16") == "Xab"


def opened(text: str = "one\n") -> Replay:
    one = Replay()
    one.note("initialize", {"capabilities": {}})
    one.answered({"capabilities": {"positionEncoding": "utf-32"}})
    one.note("initialized", {})
    one.note(
        "textDocument/didOpen",
        {"textDocument": {"uri": URI, "languageId": "python", "version": 1, "text": text}},
    )
    return one


def insertion(text: str, version: int) -> dict[str, Any]:
    here = {"line": 0, "character": 0}
    changes = [{"range": {"start": here, "end": here}, "text": text}]
    return {"textDocument": {"uri": URI, "version": version}, "contentChanges": changes}


def test_a_new_server_is_told_what_the_old_one_knew_last() -> None:
    one = opened()
    one.note("workspace/didChangeConfiguration", {"settings": {"a": 1}})
    one.note("workspace/didChangeConfiguration", {"settings": {"a": 2}})
    one.note("textDocument/didChange", insertion("zero ", 7))
    assert one.after() == [
        ("initialized", {}),
        ("workspace/didChangeConfiguration", {"settings": {"a": 2}}),
        (
            "textDocument/didOpen",
            {"textDocument": {"uri": URI, "languageId": "python", "version": 7, "text": "zero one\n"}},
        ),
    ]
    one.note(
        "textDocument/didChange",
        {"textDocument": {"uri": URI, "version": 8}, "contentChanges": [{"text": "x"}]},
    )
    assert one.after()[-1][1]["textDocument"]["text"] == "x"
    one.note("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert len(one.after()) == 2


def test_many_changes_are_put_together() -> None:
    one = opened("")
    for number in range(3 * replay.MANY + 1):
        one.note("textDocument/didChange", insertion(str(number % 10), number))
    assert len(one.texts[URI].changes) < replay.MANY
    assert one.after()[-1][1]["textDocument"]["text"] == "".join(
        str(number % 10) for number in reversed(range(3 * replay.MANY + 1))
    )


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("textDocument/didOpen", None),
        ("textDocument/didOpen", {}),
        ("textDocument/didOpen", {"textDocument": {"uri": 3}}),
        ("textDocument/didChange", {"textDocument": {"uri": "file:///other"}, "contentChanges": []}),
        ("textDocument/didChange", {"textDocument": {"uri": URI}, "contentChanges": None}),
        ("textDocument/didChange", {"textDocument": {"uri": URI}, "contentChanges": [None]}),
        ("textDocument/didClose", {"textDocument": None}),
        ("x/unknown", {"a": 1}),
    ],
)
def test_what_makes_no_sense_is_passed_over(method: str, params: Any) -> None:
    one = opened()
    before = one.after()[-1][1]["textDocument"]["text"]
    one.note(method, params)
    assert one.after()[-1][1]["textDocument"]["text"] == before


def test_positions_count_as_the_server_chose() -> None:
    assert opened().encoding == "utf-32"
    for said in ({}, {"capabilities": {}}, {"capabilities": {"positionEncoding": "latin-1"}}, None):
        one = Replay()
        one.answered(said)
        assert one.encoding == "utf-16"
