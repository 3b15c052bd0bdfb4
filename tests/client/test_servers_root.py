"""Where the project of a file begins."""

from __future__ import annotations

import os

import pytest

from rbridge.client import servers


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """``tree("a/b/x.py", "a/pyproject.toml")`` makes these files; ``tree.root("a/b/x.py", "python")``."""
    top = tmp_path / "top"
    top.mkdir()
    monkeypatch.setenv("HOME", str(top / "home"))

    def make(*names: str):
        for name in names:
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                path.mkdir(exist_ok=True)
            else:
                path.touch()

    def root(name: str, language: str) -> str:
        found = servers.root_of(str(top / name), language)
        return os.path.relpath(found, top)

    make.root = root
    make.top = top
    return make


@pytest.mark.parametrize(
    ("name", "language", "mark"),
    [
        ("x.py", "python", "pyproject.toml"),
        ("x.py", "python", "pyrightconfig.json"),
        ("x.py", "python", "requirements.txt"),
        ("x.rs", "rust", "Cargo.toml"),
        ("x.go", "go", "go.mod"),
        ("go.mod", "gomod", "go.work"),
        ("x.jl", "julia", "Project.toml"),
        ("x.tsx", "typescriptreact", "tsconfig.json"),
        ("x.js", "javascript", "package.json"),
        ("x.cu", "cuda-cpp", "compile_commands.json"),
        ("x.c", "c", ".clangd"),
        ("x.md", "markdown", ".git/"),
        ("x.py", "python", ".hg/"),
        ("x.py", "python", ".git"),
    ],
)
def test_a_root_is_told_by_a_file_of_its_language_or_a_repository(tree, name, language, mark):
    tree(f"p/a/b/{name}", f"p/{mark}")
    assert tree.root(f"p/a/b/{name}", language) == "p"


def test_the_nearest_counts_and_is_looked_for_no_further_than_the_repository(tree):
    tree("p/pyproject.toml", "p/q/.git/", "p/q/r/setup.py", "p/q/r/s/x.py", "p/q/t/x.py")
    assert tree.root("p/q/r/s/x.py", "python") == "p/q/r"
    assert tree.root("p/q/t/x.py", "python") == "p/q"


def test_a_workspace_counts_more_than_its_members(tree):
    tree("w/Cargo.lock", "w/Cargo.toml", "w/one/Cargo.toml", "w/one/src/main.rs")
    assert tree.root("w/one/src/main.rs", "rust") == "w"
    tree("m/yarn.lock", "m/packages/a/package.json", "m/packages/a/x.ts")
    assert tree.root("m/packages/a/x.ts", "typescript") == "m"
    tree("g/one/go.mod", "g/one/x.go")
    assert tree.root("g/one/x.go", "go") == "g/one"


def test_files_of_other_languages_do_not_count(tree):
    tree("p/Cargo.toml", "p/a/x.py")
    assert tree.root("p/a/x.py", "python") == "p/a"


def test_a_file_alone_has_its_own_directory(tree):
    tree("a/x.py")
    assert tree.root("a/x.py", "python") == "a"
    assert servers.root_of("/x.py", "python") == "/"


def test_a_home_is_no_project_of_what_lies_below_it(tree):
    tree("home/pyproject.toml", "home/.git/", "home/a/b/x.py", "home/x.py", "pyproject.toml")
    assert tree.root("home/a/b/x.py", "python") == "home/a/b"
    assert tree.root("home/x.py", "python") == "home"


def test_a_home_that_is_reached_by_a_link_is_one_too(tree, monkeypatch):
    tree("disk/ada/.git/", "disk/ada/a/x.py", "disk/pyproject.toml")
    (tree.top / "homes").mkdir()
    (tree.top / "homes" / "ada").symlink_to(tree.top / "disk" / "ada")
    monkeypatch.setenv("HOME", str(tree.top / "homes" / "ada"))
    assert tree.root("homes/ada/a/x.py", "python") == "homes/ada/a"
    assert tree.root("disk/ada/a/x.py", "python") == "disk/ada/a"


def test_links_stay_as_the_path_has_them(tree):
    """The server hears of the document by this path, and of the root by one that it begins with."""
    tree("p/.git/", "p/src/x.py")
    (tree.top / "short").symlink_to(tree.top / "p" / "src")
    assert tree.root("p/src/x.py", "python") == "p"
    assert tree.root("short/x.py", "python") == "short"


def test_what_lies_where_everybody_may_write_is_nobodys_project(tree):
    tree("tmp/pyproject.toml", "tmp/.git/", "tmp/a/x.py", "tmp/x.py", "tmp/mine/.git/", "tmp/mine/b/x.py")
    (tree.top / "tmp").chmod(0o1777)
    assert tree.root("tmp/a/x.py", "python") == "tmp/a"
    assert tree.root("tmp/x.py", "python") == "tmp"
    assert tree.root("tmp/mine/b/x.py", "python") == "tmp/mine"


def test_what_cannot_be_looked_into_is_passed_over(tree, monkeypatch):
    tree("p/.git/", "p/a/b/x.py")
    real = os.lstat

    def lstat(path, *rest, **more):
        if "/p/a/" in os.fspath(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **more)

    monkeypatch.setattr(servers.os, "lstat", lstat)
    assert tree.root("p/a/b/x.py", "python") == "p"


def test_what_is_gone_has_a_root_all_the_same(tree):
    tree("p/.git/")
    assert tree.root("p/gone/x.py", "python") == "p"
    assert servers.root_of("/no/such/place/x.py", "python") == "/no/such/place"


def test_a_broken_link_is_a_mark_as_well(tree):
    tree("p/a/x.py")
    (tree.top / "p" / ".git").symlink_to("nowhere")
    assert tree.root("p/a/x.py", "python") == "p"


def test_it_is_not_looked_for_without_end(tree):
    deep = "p/" + "a/" * (servers.STEPS + 5)
    tree("p/.git/")
    assert tree.root(deep + "x.py", "python") == deep.rstrip("/")
