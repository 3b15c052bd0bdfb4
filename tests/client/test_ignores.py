"""Which files are ignored; git itself is asked whether it agrees."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rbridge.client import ignores
from rbridge.client.ignores import Ignores

PATHS = [
    "a.log",
    "sub/a.log",
    "build/x",
    "sub/build/x",
    "doc/a.txt",
    "doc/deep/a.txt",
    "keep.log",
    "foo",
    "sub/foo",
    "a b",
    "#hash",
    "!bang",
    "x/y/z",
    "x/1/y/z",
    "file1",
    "file2",
    "filea",
    "lib/sub/c.o",
]
RULES = [
    "*.log\n",
    "*.log\n!keep.log\n",
    "build/\n",
    "/build\n",
    "doc/*.txt\n",
    "doc/**/*.txt\n",
    "**/foo\n",
    "/foo\n",
    "foo/\n",
    "x/**/z\n",
    "x/**\n",
    "file[0-9]\n",
    "file[!0-9]\n",
    "\\#hash\n\\!bang\n",
    "# a remark\n\na\\ b\n",
    "a b   \n",
    "lib/*/*.o\n",
    "*\n!*.log\n",
    "f?le1\n",
    "[\nfoo\n",
    "sub\r\n",
    "**\n!/foo\n",
    "sub/*\n!sub/foo\n",
]


def ours(rules: str) -> list[str]:
    """What is left of PATHS, as a walk goes: an ignored directory is not entered."""
    found = Ignores(rules, "")

    def ignored(path: str) -> bool:
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        return any(found.ignored(one, True) for one in above) or found.ignored(path, False)

    return [path for path in PATHS if not ignored(path)]


@pytest.mark.parametrize("rules", RULES)
def test_they_are_gits(tmp_path: Path, rules: str) -> None:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / ".gitignore").write_text(rules, newline="")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    asked = ["git", "ls-files", "-z", "-o", "--exclude-standard"]
    said = subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True).stdout
    theirs = [one.decode() for one in said.split(b"\0") if one]
    assert sorted(ours(rules)) == sorted(set(theirs) - {".gitignore"})


def test_rules_of_an_inner_directory_go_before_those_around_it() -> None:
    outer = Ignores("*.log\n", "")
    inner = outer.within("!keep.log\n", "sub/")
    assert outer.ignored("keep.log", False)
    assert not inner.ignored("sub/keep.log", False)
    assert inner.ignored("sub/other.log", False)
    assert outer.within("", "sub/") is outer


@pytest.mark.parametrize("path", ["node_modules/x", "a/__pycache__/b", ".git/config", "a/.git"])
def test_caches_are_nobodys(path: str) -> None:
    assert ignores.cached(path)
    assert not ignores.cached("src/gitter.py")


@pytest.mark.parametrize(
    ("glob", "globs"),
    [
        ("*.py", ["*.py"]),
        ("*.{c,h}", ["*.c", "*.h"]),
        ("{a,b}/{c,d}", ["a/c", "a/d", "b/c", "b/d"]),
        ("a{b,{c,d}}", ["ab", "ac", "ad"]),
        ("{a}", ["{a}"]),
        ("{", ["{"]),
        ("", [""]),
    ],
)
def test_braces_stand_for_several_globs(glob: str, globs: list[str]) -> None:
    assert sorted(set(ignores.without_braces(glob))) == globs


def test_endless_braces_are_not_gone_through() -> None:
    assert len(ignores.without_braces("{a,b}" * 40)) <= ignores.BRACES + 2


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("*.py", "a/b.py", True),
        ("src", "src/a/b", True),
        ("src/", "src/a", True),
        ("src/*.py", "src/a/b.py", False),
        ("src/**/*.py", "src/a/b.py", True),
        ("*.py", "a.pyc", False),
        ("[z-a]", "z", False),
    ],
)
def test_a_glob_fits_a_path_or_a_directory_around_it(glob: str, path: str, fits: bool) -> None:
    assert ignores.fits([glob], path) is fits


def test_any_glob_is_translated_to_something_that_compiles() -> None:
    for glob in ("[", "[a", "[!", "[]", "[]a]", "\\", "a\\", "***", "[z-a]", "(", "+"):
        try:
            re.compile(ignores.translated(glob))
        except re.error:
            assert glob == "[z-a]"
    assert not Ignores("[z-a]\n", "").ignored("b", False)
