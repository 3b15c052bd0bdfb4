"""Which files a language server wants to hear of."""

from __future__ import annotations

import time
from typing import Any

import pytest

from rbridge.lsp.watched import LONGEST, PATTERNS, Pattern, Watched

ROOT = b"/home/ada"


def watching(*watchers: Any) -> Watched:
    made = Watched()
    made.add("a", {"watchers": list(watchers)})
    return made


def wants(glob: Any, path: str, kind: int = 1) -> bool:
    return watching({"globPattern": glob}).wants(path.encode(), kind, ROOT)


@pytest.mark.parametrize(
    ("glob", "fits", "others"),
    [
        ("*.py", ["a.py", ".py"], ["a.pyi", "b/a.py", "apy", ""]),
        ("**/*.py", ["a.py", "b/a.py", "b/c/a.py"], ["a.pyc", "b/a"]),
        ("src/**", ["src/a", "src/b/c"], ["src", "srcs/a", "b/src/a"]),
        ("**", ["a", "a/b"], []),
        ("a/**/b", ["a/b", "a/c/b", "a/c/d/b"], ["ab", "a/cb", "a/b/c"]),
        ("?.py", ["a.py", "ü.py"], [".py", "ab.py", "/.py"]),
        ("[a-cx].py", ["a.py", "b.py", "x.py"], ["d.py", "-.py"]),
        ("[!a-c].py", ["d.py"], ["a.py", "/.py"]),
        ("[a-].py", ["a.py", "-.py"], ["b.py"]),
        ("pyproject.toml", ["pyproject.toml"], ["pyprojectxtoml", "a/pyproject.toml"]),
        ("[", ["["], ["a"]),
        ("", [""], ["a"]),
    ],
)
def test_globs_are_those_of_the_protocol(glob: str, fits: list[str], others: list[str]):
    pattern = Pattern(glob)
    assert [one for one in (*fits, *others) if pattern.fits(one)] == fits


def test_a_choice_is_one_of_several():
    for glob in ("**/*.{py,pyi}", "{**/*.py,**/*.pyi}", "**/*.{p{y,yi},pyi}"):
        assert [wants(glob, f"/home/ada/src/a.{end}") for end in ("py", "pyi", "pyc")] == [True, True, False]


def test_a_pattern_is_meant_from_the_root_or_from_the_top():
    assert wants("src/*.py", "/home/ada/src/a.py")
    assert wants("/home/ada/src/*.py", "/home/ada/src/a.py")
    assert wants("**/*.py", "/usr/lib/a.py")
    assert not wants("src/*.py", "/usr/src/a.py")


def test_a_base_is_where_it_is_meant_from():
    base = {"baseUri": "file:///usr/lib", "pattern": "**/*.py"}
    assert wants(base, "/usr/lib/x/a.py")
    assert not wants(base, "/home/ada/a.py")
    assert not wants(base, "/usr/library/a.py")
    assert wants({"baseUri": {"uri": "file:///usr/", "name": "usr"}, "pattern": "*.py"}, "/usr/a.py")


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_only_what_it_wants_to_hear_of_them(kind: int):
    for kinds in range(8):
        found = watching({"globPattern": "**", "kind": kinds}).wants(b"/home/ada/a", kind, ROOT)
        assert found == bool(kinds & {1: 1, 2: 2, 3: 4}[kind])


def test_what_is_registered_no_more_is_not_wanted():
    made = watching({"globPattern": "*.py"})
    made.add("b", {"watchers": [{"globPattern": "*.toml"}]})
    assert made.remove("a")
    assert not made.remove("a")
    assert not made.wants(b"/home/ada/a.py", 1, ROOT)
    assert made.wants(b"/home/ada/a.toml", 1, ROOT)
    made.clear()
    assert not made.wants(b"/home/ada/a.toml", 1, ROOT)


@pytest.mark.parametrize(
    "options",
    [
        None,
        [],
        7,
        {},
        {"watchers": None},
        {"watchers": [None, 7, {}, {"globPattern": None}, {"globPattern": ["**"]}]},
        {"watchers": [{"globPattern": {"baseUri": "https://x/", "pattern": "**"}}]},
        {"watchers": [{"globPattern": {"baseUri": "file://elsewhere/", "pattern": "**"}}]},
        {"watchers": [{"globPattern": {"baseUri": 7, "pattern": "**"}}]},
        {"watchers": [{"globPattern": {"pattern": "**"}}]},
        {"watchers": [{"globPattern": "*" * (LONGEST + 1)}]},
    ],
)
def test_what_makes_no_sense_is_passed_over(options: Any):
    made = Watched()
    made.add("a", options)
    assert not made.wants(b"/home/ada/a", 1, ROOT)


def test_a_hostile_server_takes_no_time():
    """However it asks, and however long a path is."""
    path = ROOT + b"/" + b"a" * 4000 + b"b"
    for glob in ("{a,b}" * 100, "**a" * 166, "b", "**b", "*" * LONGEST, "{,}" * 6, "[a-z]" * 100):
        begin = time.perf_counter()
        made = Watched()
        for number in range(3000):
            made.add(str(number), {"watchers": [{"globPattern": glob}] * (number % 100)})
        made.add("all", {"watchers": [{"globPattern": glob}] * 100_000})
        made.wants(path, 1, ROOT)
        assert time.perf_counter() - begin < 3.0, glob


def test_a_server_may_watch_only_so_much():
    made = Watched()
    assert all(made.add(str(number), {"watchers": [{"globPattern": "*.py"}]}) for number in range(PATTERNS))
    assert not made.add("more", {"watchers": [{"globPattern": "**"}]})
    assert not made.wants(b"/home/ada/a.txt", 1, ROOT)
    assert made.remove("0")
    assert made.add("more", {"watchers": [{"globPattern": "**"}]})
    assert made.wants(b"/home/ada/a.txt", 1, ROOT)
    for options in (
        {"watchers": [None] * (PATTERNS + 1)},
        {"watchers": [{"globPattern": "a" * LONGEST}] * 11},
    ):
        assert not Watched().add("a", options)
    assert not Watched().add("a" * 5000, {"watchers": []})
    far = {"baseUri": "file:///" + "a" * 5000, "pattern": "**"}
    assert not watching({"globPattern": far}).wants(b"/" + b"a" * 5000 + b"/b", 1, ROOT)


def test_what_is_registered_again_takes_the_place_of_what_it_was():
    made = watching(*[{"globPattern": "*.py"}] * PATTERNS)
    assert made.add("a", {"watchers": [{"globPattern": "*.toml"}]})
    assert [made.wants(b"/home/ada/a" + end, 1, ROOT) for end in (b".py", b".toml")] == [False, True]


def test_a_path_that_is_no_text_is_matched_all_the_same():
    assert watching({"globPattern": "*.py"}).wants(b"/home/ada/\xff.py", 1, ROOT)
