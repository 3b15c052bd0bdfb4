"""Which document a language client is for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from rbridge.lsp.target import Hello, by_path, by_uri, greeting, named, workspace

FILES = b"/dev/shm/rb/files"
ONE, TWO, OTHER = "1" * 24, "2" * 24, "3" * 24


@dataclass(frozen=True)
class Open:
    id: str
    host: str
    path: str


DOCUMENTS = [
    Open(OTHER, "gpu2", "/home/ada/project/train.py"),
    Open(ONE, "gpu1", "/home/ada/project/train.py"),
    Open(TWO, "gpu1", "/home/ada/project/näher model.py"),
]


def the(found: Any) -> str:
    return found.id if found is not None else ""


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        (f"rbridge://gpu1/home/ada/project/train.py?{TWO}", TWO),  # the id says more than the path
        (f"rbridge://gpu1/moved.py?{ONE}", ONE),
        ("rbridge://gpu1/home/ada/project/train.py", ONE),
        ("RBRIDGE://gpu2/home/ada/project/train.py", OTHER),
        ("rbridge://gpu1/home/ada/project/n%C3%A4her%20model.py", TWO),
        ("rbridge://gpu1/home/ada/project/näher model.py", TWO),
        ("rbridge://gpu1/home/ada/project", ONE),
        ("rbridge://gpu1/home/ada/project/", ONE),
        ("rbridge://gpu1/somewhere/else", ONE),
        ("rbridge://gpu3/home/ada/project/train.py", ""),
        (f"file:///dev/shm/rb/files/{TWO}/gpu1/home/ada/project/model.py", TWO),
        (f"file:///dev/shm/rb/files/{TWO}", TWO),
        (f"file:///dev/shm/rb/files/{TWO}.x7a", TWO),  # where an editor for it works
        (f"file:///dev/shm/rb/files/{'4' * 24}/gpu1/x.py", ""),
        ("file:///dev/shm/rb/files", ""),
        (f"file:///dev/shm/rb/filesystem/{ONE}/x", ""),
        (f"file:///dev/shm/rb/files/{ONE}/../../{TWO}/x", ""),
        ("file:///home/me/project", ""),
        ("https://gpu1/home/ada/project/train.py", ""),
        ("untitled:Untitled-1", ""),
        ("", ""),
    ],
)
def test_a_uri_names_a_document_or_where_one_lies(uri: str, wanted: str):
    assert the(by_uri(uri, DOCUMENTS, FILES)) == wanted


@pytest.mark.parametrize("uri", ["rbridge://gpu1/home/ada/project", "rbridge://gpu1/somewhere/else"])
def test_exactly_means_no_document_nearby(uri: str):
    assert by_uri(uri, DOCUMENTS, FILES, exactly=True) is None
    assert the(by_uri("rbridge://gpu1/home/ada/project/train.py", DOCUMENTS, FILES, exactly=True)) == ONE


def test_a_path_outside_names_none():
    assert by_path(b"/tmp/x", DOCUMENTS, FILES) is None


@pytest.mark.parametrize(
    ("hello", "params", "wanted"),
    [
        (Hello(uri=f"rbridge://gpu1/x?{TWO}", document=ONE), {}, TWO),
        (Hello(document=ONE), {"rootUri": "rbridge://gpu2/home/ada/project"}, OTHER),
        (Hello(document=ONE), {"rootUri": "file:///home/me"}, ONE),
        (Hello(document="gone", cwd=f"/dev/shm/rb/files/{ONE}"), {}, ""),
        (Hello(cwd=f"/dev/shm/rb/files/{ONE}.abc"), {"rootUri": None}, ONE),
        (Hello(), {"workspaceFolders": [{"uri": "rbridge://gpu2/home/ada"}]}, OTHER),
        (Hello(), {}, ""),
        (Hello(uri="nonsense"), None, ""),
    ],
)
def test_what_says_more_comes_first(hello: Hello, params: Any, wanted: str):
    assert the(named(hello, params, DOCUMENTS, FILES)) == wanted


@pytest.mark.parametrize(
    ("params", "uris"),
    [
        (None, []),
        ([], []),
        ({"rootUri": 7, "workspaceFolders": "x"}, []),
        ({"workspaceFolders": [1, {"uri": 2}, {"uri": "a:b"}]}, ["a:b"]),
        ({"rootUri": "a:r", "workspaceFolders": [{"uri": "a:b"}]}, ["a:r", "a:b"]),
    ],
)
def test_a_workspace_that_makes_no_sense_is_none(params: Any, uris: list[str]):
    assert workspace(params) == uris


@pytest.mark.parametrize(
    ("said", "hello", "whole"),
    [
        ({"method": "rbridge/hello", "params": {"uri": "u", "cwd": "/"}}, Hello(uri="u", cwd="/"), True),
        (
            {"method": "rbridge/hello", "params": {"uri": 7, "odd": "x", "server": "s"}},
            Hello(server="s"),
            True,
        ),
        ({"method": "rbridge/hello", "params": []}, Hello(), False),
        ({"method": "initialize", "params": {}}, Hello(), False),
        ({"method": "initialize", "params": {"initializationOptions": [1]}}, Hello(), False),
        (
            {"method": "initialize", "params": {"initializationOptions": {"rbridge": {"primary": True}}}},
            Hello(primary="yes"),
            False,
        ),
        (
            {"method": "initialize", "params": {"initializationOptions": {"rbridge": {"primary": False}}}},
            Hello(),
            False,
        ),
        ([], Hello(), False),
        (7, Hello(), False),
    ],
)
def test_a_first_message_says_what_it_can(said: Any, hello: Hello, whole: bool):
    assert greeting(json.dumps(said).encode()) == (hello, whole)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_message_says_nothing(body: bytes):
    assert greeting(body) == (Hello(), False)
