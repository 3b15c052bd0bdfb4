"""Which files a language server has named."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.client import named
from rbridge.client.named import Named, Reading, path_of


def read(*pieces: bytes) -> Named:
    found = Named()
    reading = Reading(found, "/home/ada/proj")
    for piece in pieces:
        reading.feed(piece)
    return found


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b.py", "/a/b.py"),
        ("FILE:///a/b.py", "/a/b.py"),
        ("file:/a/b.py", "/a/b.py"),
        ("file://localhost/a", "/a"),
        ("file:///a%20b/%c3%a4.py#L3", "/a b/ä.py"),
        ("file:///a?x", "/a"),
        ("file:////a//b/../c/./d", "/a/c/d"),
        ("file:///%ff", os.fsdecode(b"/\xff")),
        ("file://other/a", ""),
        ("file:a", ""),
        ("file:///a%00b", ""),
        ("https:///a", ""),
    ],
)
def test_a_uri_stands_for_a_path(uri: str, path: str) -> None:
    assert path_of(json.dumps(uri).encode()) == path
    assert path_of(json.dumps(uri).replace("/", "\\/").encode()) == path


def test_what_is_named_anywhere_in_a_message_is_known() -> None:
    found = read(b'{"changes":{"file:///a":[]},"x":["file:///b"],"y":"see file:///c","z":"\\"file:///d\\""}')
    assert [path in found for path in ("/a", "/b", "/c", "/d")] == [True, True, False, False]


@given(st.lists(st.sampled_from(["/a", "/b c", "/ä/%.py", '/q"uote', "/x" * 90]), max_size=6), st.data())
def test_it_does_not_matter_in_which_pieces_it_comes(paths: list[str], data: st.DataObject) -> None:
    uris = [{"uri": "file://" + path.replace("%", "%25")} for path in paths]
    whole = json.dumps({"result": uris}).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[one:two] for one, two in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found = read(*pieces)
    assert all(path in found for path in paths)


def test_a_text_without_an_end_is_not_kept() -> None:
    found = Named()
    reading = Reading(found, "/")
    reading.feed(b'"file:///' + b"a" * 100_000)
    assert len(reading._rest) < 10
    reading.feed(b'","file:///b"')
    assert "/b" in found


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "MOST", 2)
    found = read(b'"file:///a" "file:///b" "file:///a" "file:///c"')
    assert [path in found for path in ("/a", "/b", "/c")] == [True, False, True]


def test_what_lies_outside_belongs_to_the_project_that_named_it() -> None:
    found = read(b'"file:///usr/lib/os.py" "file:///home/ada/proj/a.py"')
    assert found.project("/usr/lib/os.py") == "/home/ada/proj"
    assert found.project("/home/ada/proj/a.py") == ""
    assert found.project("/unknown") == ""


def test_what_is_within_a_project_is_known_by_its_real_path() -> None:
    found = Named()
    found.roots.add("/home/ada/proj")
    assert found.within("/home/ada/proj/a.py")
    assert not found.within("/home/ada/project/a.py")
    found.roots.add("/")
    assert found.within("/home/ada/project/a.py")
