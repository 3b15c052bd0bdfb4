"""What is no file of the project."""

from __future__ import annotations

import pytest

from rbridge.adapters.sidefiles import is_binary_name, is_left_out, is_side_file, is_text, why_not


@pytest.mark.parametrize(
    "name",
    [".a.py.swp", ".a.py.swx", "a.py~", "4913", ".#a.py", "#a.py#", ".goutputstream-AB12", ".a.py.kate-swp"],
)
def test_side_files_of_editors(name: str) -> None:
    assert is_side_file(name)
    assert is_left_out(f"src/{name}")


@pytest.mark.parametrize(
    "name", ["a.py", ".gitignore", ".editorconfig", "4914", "a#b", "swp", ".env", "49131"]
)
def test_files_of_the_project(name: str) -> None:
    assert not is_side_file(name)
    assert not is_left_out(f"src/{name}")


@pytest.mark.parametrize(
    "path",
    [".git/config", "a/.vscode/tasks.json", ".idea", ".exrc", "a/.dir-locals.el", "p.sublime-project"]
    + [".Git/config", "a/.VSCode/tasks.json", ".Exrc", "P.Sublime-Project"],
)
def test_what_steers_an_editor(path: str) -> None:
    assert is_left_out(path)


@pytest.mark.parametrize("path", ["a\nb", "caf\udce9", "a\u202eb"])
def test_names_that_cannot_be_shown(path: str) -> None:
    assert is_left_out(path)


def test_of_what_the_user_made_it_is_known_why_it_is_left_out() -> None:
    assert why_not("src/.exrc") == "it tells editors what to do"
    assert why_not("a\u202eb") == "its name cannot be shown"
    assert not any(map(why_not, ("a.py", ".idea/a.xml", ".git/.exrc", "a.py~", ".a.py.swp")))


def test_binary_files_by_name_and_content() -> None:
    assert is_binary_name("data/Model.PT")
    assert is_binary_name("a.tar.gz")
    assert not is_binary_name("train.py")
    assert not is_binary_name("png")
    assert not is_binary_name(".png")
    assert is_text(b"")
    assert is_text("caf\u00e9".encode("latin-1"))
    assert not is_text(b"PK\0\0")
    assert is_text(b"x" * 8192 + b"\0")
