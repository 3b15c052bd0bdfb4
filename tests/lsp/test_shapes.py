"""What is looked at in messages: the table against another library's types, and spots in their texts."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from lsprotocol import types as lsp

from rbridge.lsp import jsontext, model, shapes
from rbridge.lsp.shapes import Shape, Spot


def found(method: str, value: Any, of: Shape, **style: Any) -> tuple[str, list[Spot]]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "value": value}, **style).encode()
    text, parts = jsontext.envelope(body, single=True)
    return text, shapes.spots(text, parts["value"], of)


def kinds(spots: list[Spot]) -> list[tuple[str, str]]:
    return [(spot.kind, spot.value) for spot in spots]


LOCATION = {"range": {"uri": "not me"}, "uri": "file:///a"}


@pytest.mark.parametrize("style", [{}, {"indent": 3}, {"separators": (",", ":")}])
def test_spots_stand_where_they_say(style: dict[str, Any]) -> None:
    text, spots = found(
        "x",
        [LOCATION, {"targetUri": "file:///b", "x": [1]}],
        shapes.of_result("textDocument/definition"),
        **style,
    )
    assert kinds(spots) == [("D", "file:///a"), ("D", "file:///b")]
    assert [spot.path for spot in spots] == [(0, "uri"), (1, "targetUri")]
    for spot in spots:
        assert json.loads(text[spot.start : spot.end]) == spot.value


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        (shapes.of_result("textDocument/definition"), LOCATION, [("D", "file:///a")]),
        (shapes.of_result("textDocument/definition"), None, []),
        (
            shapes.of_result("textDocument/rename"),
            {"changes": {"file:///a": [{"newText": "file:///b"}]}},
            [("D", "file:///a")],
        ),
        (
            shapes.of_result("textDocument/rename"),
            {
                "documentChanges": [
                    {"textDocument": {"uri": "file:///a", "version": 1}, "edits": []},
                    {"kind": "rename", "oldUri": "file:///a", "newUri": "file:///b"},
                    {"kind": "create", "uri": "file:///c"},
                ]
            },
            [("D", "file:///a"), ("F", "file:///a"), ("F", "file:///b"), ("F", "file:///c")],
        ),
        (
            shapes.of_result("textDocument/codeAction"),
            [
                {"title": "a", "command": "x"},
                {"command": {"command": "y", "arguments": ["file:///a"]}, "data": LOCATION},
            ],
            [("C", "x"), ("C", "y")],
        ),
        (shapes.of_result("textDocument/hover"), {"contents": "a"}, [("K", "a")]),
        (
            shapes.of_result("textDocument/hover"),
            {"contents": ["a", {"language": "c", "value": "b"}]},
            [("K", "a"), ("K", "c"), ("K", "b")],
        ),
        (
            shapes.of_result("textDocument/hover"),
            {"contents": {"kind": "markdown", "value": "b"}},
            [("K", "b")],
        ),
        (
            shapes.of_result("textDocument/completion"),
            {
                "items": [
                    {
                        "label": "file:///x",
                        "documentation": {"value": "d"},
                        "command": {"command": "c"},
                        "data": LOCATION,
                    }
                ]
            },
            [("K", "d"), ("C", "c")],
        ),
        (
            shapes.of_params("textDocument/publishDiagnostics"),
            {
                "uri": "file:///a",
                "diagnostics": [
                    {
                        "codeDescription": {"href": "https://x"},
                        "relatedInformation": [{"location": LOCATION}],
                        "message": "file:///x",
                    }
                ],
            },
            [("D", "file:///a"), ("L", "https://x"), ("D", "file:///a")],
        ),
        (
            shapes.of_params("initialize"),
            {
                "rootPath": "/a",
                "rootUri": "file:///a",
                "workspaceFolders": [{"uri": "file:///b", "name": "b"}],
                "initializationOptions": LOCATION,
            },
            [("P", "/a"), ("D", "file:///a"), ("U", "file:///b")],
        ),
        (
            shapes.of_result("initialize"),
            {
                "capabilities": {
                    "executeCommandProvider": {"commands": ["a", "b"]},
                    "notebookDocumentSync": {"notebookSelector": [{"cells": [{"language": "python"}]}]},
                }
            },
            [("C", "a"), ("C", "b")],
        ),
        (
            shapes.of_options("textDocument/hover"),
            {"documentSelector": [{"scheme": "file", "pattern": "/a"}]},
            [("S", "file"), ("G", "/a")],
        ),
        (
            shapes.of_result("textDocument/diagnostic"),
            {
                "kind": "full",
                "items": [],
                "relatedDocuments": {"file:///a": {"kind": "unchanged", "resultId": "1"}},
            },
            [("D", "file:///a")],
        ),
    ],
)
def test_what_is_looked_at(of: Shape, value: Any, expected: list[tuple[str, str]]) -> None:
    assert kinds(found("x", value, of)[1]) == expected


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"uri": ["file:///a"]}, [("uri",)]),
        ([[LOCATION], LOCATION], [(0,), (1, "uri")]),
        ({"0": LOCATION, "length": 1}, [("0", "uri")]),
        ({"uri": None, "x": [LOCATION]}, []),
        ({"uri": 3}, []),
    ],
)
def test_a_list_or_an_object_for_something_else_is_a_spot(value: Any, paths: list[Any]) -> None:
    _, spots = found("x", value, shapes.of_result("textDocument/definition"))
    assert [spot.path for spot in spots] == paths


@pytest.mark.parametrize("style", [{}, {"indent": 1}, {"separators": (",", ":")}])
@pytest.mark.parametrize(
    ("value", "paths", "left"),
    [
        ([1, 2, 3], [(0,), (2,)], [2]),
        ([1, 2, 3], [(0,), (1,), (2,)], []),
        ([1, 2, 3], [(1,), (2,)], [1]),
        ([1, 2, 3, 4], [(1,), (2,)], [1, 4]),
        ({"a": 1, "b": [{"c": 1, "d": 2}, 3]}, [("b", 0, "c"), ("a",)], {"b": [{"d": 2}, 3]}),
        ({"a": [1], "b": [2]}, [("a", 0), ("b", 0)], {"a": [], "b": []}),
        ([[1], [2]], [(0,), (0, 0)], [[2]]),
        ({"a": 1}, [], {"a": 1}),
    ],
)
def test_parts_are_cut_out(value: Any, paths: list[Any], left: Any, style: dict[str, Any]) -> None:
    text = "  " + json.dumps(value, **style)
    assert json.loads(shapes.removed(text, 2, paths)) == left


def test_a_name_that_is_written_with_escapes_is_that_name() -> None:
    body = b'{"value": {"\\u0075ri": "file:\\/\\/\\/a"}}'
    text, parts = jsontext.envelope(body, single=True)
    spots = shapes.spots(text, parts["value"], shapes.of_result("textDocument/definition"))
    assert kinds(spots) == [("D", "file:///a")]
    assert shapes.spliced(text, [(spots[0], 'ä"')]) == '{"value": {"\\u0075ri": "ä\\""}}'


def test_only_the_spots_are_changed() -> None:
    text, spots = found("x", [LOCATION] * 3, shapes.of_result("textDocument/references"), indent=1)
    assert shapes.spliced(text, []) == text
    assert shapes.spliced(text, [(spot, "x") for spot in spots]) == text.replace('"file:///a"', '"x"')


# The table, against the types that another project made of the meta model

NAMES = {"uri", "target_uri", "old_uri", "new_uri", "scope_uri", "base_uri", "root_uri", "target", "href"}


def spelled(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(lsp).values()
        if isinstance(kind, type) and attrs.has(kind) and kind.__name__[0] != "_"
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_member_that_is_called_a_uri_is_in_the_table(kind: type[Any]) -> None:
    for field in attrs.fields(kind):
        if field.name in NAMES:
            assert spelled(field.name) in model.STRUCTURES.get(kind.__name__, {}), field.name


def test_every_method_of_the_specification_is_known() -> None:
    known = {*model.TO_EDITOR, *model.TO_SERVER}
    assert set(lsp.METHOD_TO_TYPES) <= known
    assert len(known) == 95


def test_every_type_of_a_method_has_a_shape() -> None:
    for table in (model.PARAMS, model.RESULTS, model.PARTIAL, model.OPTIONS):
        for types in table.values():
            assert shapes.shape(types)
