"""Searching in the files of a folder, in each of the three ways."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rbridge.client import grep, program
from rbridge.client.grep import Wanted

NONSENSE = {"[", "{", "\\"}
"""Globs that ripgrep does not take: then the next one has to say that they fit nothing."""

TEXTS = {
    "a.py": "import os\nprint('Needle')  # wörld needle needle\n",
    "sub/b.py": "needles\n-needle\n",
    "sub/c.txt": "needle in text\r\n",
    "binary": "needle\0",
    "ignored.log": "needle\n",
    "node_modules/x.js": "needle\n",
    "sub/na:me.md": "a needle\n",
}


@pytest.fixture
def proj(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    for name, text in TEXTS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, newline="")
    (tmp_path / ".gitignore").write_text("*.log\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture(params=["rg", "git grep", "python"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who searches: those before it are not there."""
    hidden = {"rg": (), "git grep": ("rg",), "python": ("rg", "git")}[request.param]
    real = program.found
    monkeypatch.setattr(program, "found", lambda name: "" if name in hidden else real(name))
    return str(request.param)


@pytest.fixture
def search(proj: int, by: str) -> Callable[..., list[dict[str, Any]]]:
    """``search("text", regex=True, ...)``: the matches; the last answer is ``search.last``."""

    def ask(text: str, **options: Any) -> list[dict[str, Any]]:
        said: list[tuple[str, bytes]] = []
        wanted = {"regex": False, "case": "smart", "word": False, "include": [], "exclude": [], "limit": 1000}
        grep.search(proj, Wanted(text, **{**wanted, **options}), lambda *one: said.append(one))
        kind, body = said[-1]
        ask.last = (kind, body.decode() if kind == "E" else json.loads(body))  # type: ignore[attr-defined]
        found = told(said)
        if kind == "L" and not NONSENSE & {*options.get("include", [])}:
            assert ask.last[1]["by"] == by  # type: ignore[attr-defined]
        return sorted(found, key=lambda one: (one["path"], one["line"], one["column"]))

    return ask


def told(said: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """The matches in all answers: under load some are said before the end."""
    return [one for kind, body in said if kind != "E" for one in json.loads(body)["matches"]]


def places(found: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [(one["path"], one["line"], one["column"]) for one in found]


def test_a_match_is_where_it_stands_in_characters(search):
    found = search("needle")
    assert places(found) == [
        ("a.py", 2, 8),
        ("a.py", 2, 26),
        ("a.py", 2, 33),
        ("sub/b.py", 1, 1),
        ("sub/b.py", 2, 2),
        ("sub/c.txt", 1, 1),
        ("sub/na:me.md", 1, 3),
    ]
    assert found[1]["text"] == "print('Needle')  # wörld needle needle"
    assert {one["length"] for one in found} == {6}
    assert found[5]["text"] == "needle in text"


def test_a_capital_makes_case_matter_and_so_does_the_user(search):
    assert places(search("Needle")) == [("a.py", 2, 8)]
    assert len(search("Needle", case="no")) == 7
    assert len(search("needle", case="yes")) == 6


def test_whole_words(search):
    assert ("sub/b.py", 1, 1) not in places(search("needle", word=True))
    assert len(search("needle", word=True)) == 6


def test_a_regular_expression(search):
    assert places(search("^-n.*e$", regex=True)) == [("sub/b.py", 2, 1)]
    assert search("^-n.*e$") == []


@pytest.mark.parametrize("text", ["-needle", "--files", "-e", "--pre=touch was-run", "-f/etc/passwd"])
def test_a_text_that_looks_like_an_option_is_a_text(search, tmp_path, text):
    found = search(text)
    assert len(found) == (text == "-needle")
    assert not (tmp_path / "was-run").exists()


def test_an_expression_that_makes_no_sense_is_told(search):
    assert search("(needle", regex=True) == []
    kind, message = search.last
    assert kind == "E"
    assert "makes no sense" in message


def test_globs_choose_the_files(search):
    assert {one["path"] for one in search("needle", include=["*.py"])} == {"a.py", "sub/b.py"}
    assert {one["path"] for one in search("needle", include=["sub"])} == {
        "sub/b.py",
        "sub/c.txt",
        "sub/na:me.md",
    }
    assert {one["path"] for one in search("needle", include=["sub/*.{py,txt}"])} == {"sub/b.py", "sub/c.txt"}
    assert {one["path"] for one in search("needle", exclude=["sub"])} == {"a.py"}
    assert {one["path"] for one in search("needle", exclude=["*.py", "*.md"])} == {"sub/c.txt"}
    assert {one["path"] for one in search("needle", include=["*.{py,md}"], exclude=["sub/*.py"])} == {
        "a.py",
        "sub/na:me.md",
    }


def test_what_is_ignored_stays_so_with_a_glob_for_all(search):
    assert "ignored.log" not in {one["path"] for one in search("needle", include=["*"])}


@pytest.mark.parametrize("glob", ["-x", "--pre=touch was-run", "!*", ":(top)", "[", "{", "\\"])
def test_a_glob_is_a_glob_whatever_it_looks_like(search, tmp_path, glob):
    search("needle", include=[glob], exclude=[glob])
    assert not (tmp_path / "was-run").exists()


def test_it_stops_at_the_limit(search):
    assert len(search("needle", limit=2)) == 2
    assert search.last[1]["truncated"] is True
    assert len(search("needle", limit=7)) == 7
    assert search.last[1]["truncated"] is False


def test_of_a_long_line_only_what_surrounds_the_match_is_told(search, tmp_path):
    (tmp_path / "long.txt").write_text("x" * 5000 + "hay stack" + "y" * 5000 + "\n")
    (found,) = search("hay stack")
    assert (found["line"], found["column"], found["length"]) == (1, 5001, 9)
    assert len(found["text"]) == grep.SHOWN
    assert found["text"][found["column"] - found["from"] :].startswith("hay stack")


def test_a_line_that_is_too_long_to_be_held_is_passed_over(search, tmp_path, monkeypatch):
    monkeypatch.setattr(grep, "LINE", 4096)
    (tmp_path / "long.txt").write_text("x" * 5000 + "hay stack\nhay stack\n")
    assert places(search("hay stack")) == [("long.txt", 2, 1)]


def test_bytes_that_are_no_text_are_shown_as_such(search, tmp_path):
    (tmp_path / os.fsdecode(b"latin\xff.txt")).write_bytes(b"caf\xe9 hay\n")
    (found,) = search("hay")
    assert (found["path"], found["column"], found["text"]) == (
        "latin%FF.txt",
        6,
        "caf\N{REPLACEMENT CHARACTER} hay",
    )


@pytest.mark.parametrize("case", ["smart", "yes"])
@pytest.mark.parametrize("word", [False, True])
@pytest.mark.parametrize("text", ["kilo", "wörld", "WÖRLD", "end", "\ufffd", "a b", "x\r", "two\nlines"])
def test_the_quick_look_of_the_walk_misses_nothing(text, case, word):
    """It finds what is found line by line, whatever letters count as equal."""
    lines = [
        "\u212aILO kilo",
        "w\xf6rld W\xd6RLD",
        "the end",
        "endless",
        "a b",
        "ab",
        "x\r",
        "two",
        "lines",
        "",
    ]
    pattern = (wanted := Wanted(text, False, case, word, [], [], 10)).pattern()
    may = wanted.may(pattern)
    for line in [*lines, "\n".join(lines), "\r\n".join(lines)]:
        data = line.encode() + b"\xff"
        found = any(pattern.search(one) for one in data.decode("utf-8", "replace").split("\n"))
        assert may(data) or not found
    assert may(b"nothing of that") is (text == grep.REPLACED)
    assert may(f"... {text} ...".encode())


def test_a_regular_expression_is_never_looked_for_quickly():
    wanted = Wanted("^b$", True, "smart", False, [], [], 10)
    assert wanted.may(wanted.pattern())(b"a\nb\nc\n")


def test_a_fifo_is_passed_over(search, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    fd = os.open(tmp_path / "fifo", os.O_RDWR)
    os.write(fd, b"needle\n")
    assert len(search("needle")) == 7
    assert os.read(fd, 100) == b"needle\n"
    os.close(fd)


def test_nothing_is_found_where_nothing_is(search):
    assert search("no such text") == []
    assert search.last[1]["truncated"] is False


def test_a_folder_that_its_repository_ignores_is_searched_all_the_same(
    search, proj, tmp_path, by, monkeypatch
):
    (tmp_path / ".gitignore").write_text("sub\n")
    inner = os.open(tmp_path / "sub", os.O_RDONLY)
    said: list[tuple[str, bytes]] = []
    grep.search(inner, Wanted("needles", False, "smart", False, [], [], 10), lambda *one: said.append(one))
    os.close(inner)
    assert [one["path"] for one in told(said)] == ["b.py"]


def test_links_out_of_it_are_not_followed(search, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "key").write_text("unheard-of\n")
    (tmp_path / "out").symlink_to(outside)
    (tmp_path / "key").symlink_to(outside / "key")
    assert search("unheard-of") == []


@pytest.mark.parametrize("who", [("rg", ()), ("python", ("rg",))], ids=str)
def test_what_does_not_answer_is_not_looked_into(proj, monkeypatch, who):
    by, hidden = who
    real = program.found
    monkeypatch.setattr(program, "found", lambda name: "" if name in hidden else real(name))
    monkeypatch.setattr(grep, "silent", lambda _root: ["sub"])
    said: list[tuple[str, bytes]] = []
    wanted = Wanted("needle", False, "smart", False, ["*.py", "*.txt"], [], 100)
    grep.search(proj, wanted, lambda *one: said.append(one))
    assert {one["path"] for one in told(said)} == {"a.py"}
    assert json.loads(said[-1][1])["by"] == by


def test_without_a_program_large_files_have_to_wait_for_the_others(proj, tmp_path, monkeypatch):
    monkeypatch.setattr(grep, "LARGE", 100)
    (tmp_path / "a-large.csv").write_text("needle\n" + "1;2;3\n" * 50)
    wanted = Wanted("needle", False, "smart", False, [], ["sub/"], 100)
    assert [one["path"] for one in grep.by_python(proj, wanted, lambda: None)] == ["a.py"] * 3 + [
        "a-large.csv"
    ]


def test_what_one_told_before_it_failed_is_not_told_again_by_the_next(proj, monkeypatch):
    real = grep.by_git

    def fails(root, wanted, idle):
        yield from list(real(root, wanted, idle))[:3]
        raise grep.Unfit

    monkeypatch.setattr(grep, "by_rg", fails)
    said: list[tuple[str, bytes]] = []
    grep.search(proj, Wanted("needle", False, "smart", False, [], [], 100), lambda *one: said.append(one))
    found = places(told(said))
    assert len(found) == len(set(found)) == 7
    assert json.loads(said[-1][1])["by"] == "git grep"


def test_matches_are_said_in_batches(proj, monkeypatch, tmp_path):
    (tmp_path / "many.txt").write_text("hay\n" * 1000)
    said: list[tuple[str, bytes]] = []
    grep.search(proj, Wanted("hay", False, "smart", False, [], [], 5000), lambda *one: said.append(one))
    assert len(said) >= 1000 // grep.BATCH
    assert [kind for kind, _ in said] == ["M"] * (len(said) - 1) + ["L"]


def test_a_ripgrep_that_knows_none_of_this_is_passed_over(proj, tmp_path, monkeypatch):
    old = tmp_path / "bin"
    old.mkdir()
    (old / "rg").write_text("#!/bin/sh\necho \"error: Found argument '--json'\" >&2\nexit 2\n")
    (old / "rg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{old}:{os.environ['PATH']}")
    said: list[tuple[str, bytes]] = []
    grep.search(proj, Wanted("needles", False, "smart", False, [], [], 10), lambda *one: said.append(one))
    assert json.loads(said[-1][1])["by"] == "git grep"


def test_a_single_match_is_said_before_the_search_is_over(proj, monkeypatch):
    def slowly(_root, _wanted, idle):
        yield grep.match_of("a", 1, "x", 0, 1)
        idle()
        assert [kind for kind, _ in said] == ["M"]

    said: list[tuple[str, bytes]] = []
    monkeypatch.setattr(grep, "by_rg", slowly)
    monkeypatch.setattr(grep, "OFTEN", -1.0)
    grep.search(proj, Wanted("x", False, "smart", False, [], [], 10), lambda *one: said.append(one))
    assert [kind for kind, _ in said] == ["M", "L"]
