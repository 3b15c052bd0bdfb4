"""Finding files by a few letters."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from rbridge.client import find, tree
from rbridge.client.find import Query

PATHS = [
    "src/server/session.py",
    "src/server/sessions.py",
    "src/client/session_test.py",
    "docs/sessions/index.md",
    "s/e/s/s/i/o/n",
    "README.md",
    "src/Main.py",
    "src/domain.py",
]


def best(query: str, paths: list[str] = PATHS) -> list[str]:
    wanted = Query(query)
    scored = [(wanted.score(path), path) for path in paths]
    return [
        path for score, path in sorted((one for one in scored if one[0] is not None), key=lambda one: one)
    ]  # type: ignore[arg-type, return-value]


def test_a_name_counts_more_than_a_directory_and_that_more_than_letters_apart():
    assert best("session") == [
        "src/server/session.py",
        "src/server/sessions.py",
        "src/client/session_test.py",
        "docs/sessions/index.md",
        "s/e/s/s/i/o/n",
    ]


def test_the_letters_of_a_word_may_lie_apart_but_not_in_another_order():
    assert best("ssn") == [path for path in best("ssn") if "s" in path]
    assert "README.md" in best("rdm")
    assert "README.md" not in best("mdr")


@pytest.mark.parametrize("query", ["", "session", "ssn", "Main", "session client", "s i", "zz", "MD re"])
def test_the_quick_look_leaves_out_only_what_does_not_fit(query: str):
    wanted = Query(query)
    fit = [path for path in PATHS if wanted.score(path) is not None]
    assert [path for path in wanted.likely(PATHS) if wanted.score(path) is not None] == fit
    if " " not in query:
        assert wanted.likely(PATHS) == fit


def test_all_words_have_to_fit_in_any_order():
    assert best("session client") == best("client session") == ["src/client/session_test.py"]


def test_case_matters_only_where_a_capital_is_typed():
    assert set(best("main")) == {"src/Main.py", "src/domain.py"}
    assert best("Main") == ["src/Main.py"]


def test_nothing_typed_fits_everything_the_shorter_the_better():
    assert best("")[0] == "README.md"
    assert len(best("")) == len(PATHS)


@pytest.mark.parametrize("query", ["]", "^", "\\", "-", "[a", ".*", "("])
def test_any_letter_is_just_a_letter(query: str):
    assert best(query, [f"x{query}y", "xy"]) == [f"x{query}y"]


def test_a_long_path_of_one_letter_takes_no_time():
    began = time.perf_counter()
    assert Query("a" * 30 + "b").score("a" * 4000) is None
    assert Query("ab" * 20).score("ab" * 10 + "a" * 4000) is None
    assert time.perf_counter() - began < 2


class Told:
    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def __call__(self, kind: str, body: bytes) -> None:
        self.said.append((kind, json.loads(body)))


@pytest.fixture
def proj(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_the_best_are_said_at_the_end(proj, monkeypatch):
    monkeypatch.setattr(find, "OFTEN", 1e9)
    told = Told()
    find.find(proj, "session", 2, told)
    paths = ["src/server/session.py", "src/server/sessions.py"]
    assert told.said == [("L", {"paths": paths, "truncated": True, "by": "rg"})]


def test_what_was_found_so_far_is_said_now_and_then(proj, monkeypatch):
    many = [("git", [f"src/x{number}.py" for number in range(at, at + 500)]) for at in range(0, 2000, 500)]
    monkeypatch.setattr(tree, "files", lambda _fd, _idle: iter([*many, ("git", ["README.md"])]))
    monkeypatch.setattr(find, "OFTEN", -1.0)
    told = Told()
    find.find(proj, "", 5, told)
    assert [kind for kind, _ in told.said[:-1]] == ["M"] * (len(told.said) - 1)
    assert len(told.said) > 2
    assert all(len(said["paths"]) == 5 for _, said in told.said[:-1])  # type: ignore[arg-type]


def test_what_was_found_is_said_while_git_is_silent(proj, monkeypatch):
    def files(_fd, idle):
        yield "git", ["README.md"]
        assert told.said == []
        with monkeypatch.context() as late:
            late.setattr(find, "OFTEN", -1.0)
            idle()
            assert told.said == [("M", {"paths": ["README.md"]})]
            idle()
        yield "git", ["src/Main.py"]

    monkeypatch.setattr(tree, "files", files)
    monkeypatch.setattr(find, "OFTEN", 1e9)
    told = Told()
    find.find(proj, "", 5, told)
    assert [kind for kind, _ in told.said] == ["M", "L"]


def test_what_git_names_and_is_deleted_is_left_out(proj, monkeypatch):
    monkeypatch.setattr(tree, "files", lambda _fd, _idle: iter([("git", ["README.md", "deleted.md"])]))
    told = Told()
    find.find(proj, "md", 5, told)
    assert told.said[-1][1]["paths"] == ["README.md"]


def test_names_are_said_as_the_wire_has_them(proj, tmp_path):
    (tmp_path / os.fsdecode(b"100%\xff\n")).touch()
    told = Told()
    find.find(proj, "100", 5, told)
    assert told.said[-1][1]["paths"] == ["100%25%FF%0A"]
