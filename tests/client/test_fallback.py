"""Editing on the host when nobody is listening."""

from __future__ import annotations

import pytest

from rbridge.client import fallback, source
from rbridge.client.options import Request, parse
from rbridge.errors import UsageError

NOWHERE = ["-s", "/no/such/socket"]


def made(path: str, line: int = 0) -> source.Source:
    request = Request(path)
    request.line = line
    return source.Source(path, "/x/" + path, request)


@pytest.mark.parametrize(
    ("words", "sources", "expected"),
    [
        (["vim"], [made("a", 5)], ["vim", "+5", "a"]),
        (["/usr/bin/nano", "-x"], [made("a", 5)], ["/usr/bin/nano", "-x", "+5", "a"]),
        (["vim"], [made("a"), made("b", 2)], ["vim", "a", "+2", "b"]),
        (["sed"], [made("a", 5)], ["sed", "a"]),
        (["vim"], [made("-x"), made("+5")], ["vim", "./-x", "./+5"]),
    ],
)
def test_the_command_line(words, sources, expected):
    assert fallback.argv(words, sources) == expected


def test_a_command_that_cannot_be_split():
    with pytest.raises(UsageError, match="--else: no closing quotation"):
        fallback.command(parse(["--else", "vim 'x", "a"]))


@pytest.fixture
def pen(home):
    """An editor that writes down how it was called."""
    home.env["PATH"] = f"{home.path}/bin:{home.env['PATH']}"
    return home.script("bin/pen", '#!/bin/sh\necho "$*" > "$HOME/called"\nexit 3\n')


def test_it_takes_the_place_of_the_command(home, rbridge_open, pen):
    home.file("a b.txt")
    ran = rbridge_open(*NOWHERE, "--else", "pen -x", "a b.txt")
    assert ran.code == 3
    assert (home.path / "called").read_text() == "-x a b.txt\n"
    assert ran.err == "rbridge: nobody is listening: opening in pen here\n"


def test_it_may_stand_in_the_configuration(home, rbridge_open, pen):
    home.file("a.txt")
    (home.config / "rbridge").mkdir()
    (home.config / "rbridge/config.toml").write_text('fallback = "pen"\n[serve]\nx = 1\n')
    assert rbridge_open(*NOWHERE, "a.txt").code == 3
    assert (home.path / "called").read_text() == "a.txt\n"


def test_the_command_line_outdoes_the_configuration(home, rbridge_open, pen):
    home.file("a.txt")
    (home.config / "rbridge").mkdir()
    (home.config / "rbridge/config.toml").write_text('fallback = "false"\n')
    assert rbridge_open(*NOWHERE, "--else", "pen", "a.txt").code == 3


def test_a_git_commit_without_a_laptop(home, rbridge_open, pen):
    """What an $EDITOR has to get right: a line, a file, the exit code."""
    home.script("bin/vim", '#!/bin/sh\necho "$*" > "$HOME/called"\n')
    home.file("COMMIT_EDITMSG")
    assert rbridge_open("-w", *NOWHERE, "--else", "vim", "+3", "COMMIT_EDITMSG").code == 0
    assert (home.path / "called").read_text() == "+3 COMMIT_EDITMSG\n"


def test_an_editor_that_does_not_exist(home, rbridge_open):
    home.file("a.txt")
    ran = rbridge_open(*NOWHERE, "--else", "no-such-editor", "a.txt")
    assert ran.code == 69
    assert "and no-such-editor cannot be started: no such file or directory" in ran.err


def test_standard_input_cannot_be_edited_here(home, rbridge_open, pen):
    ran = rbridge_open(*NOWHERE, "--else", "pen", "-", stdin=b"x")
    assert ran.code == 69
    assert "cannot edit standard input" in ran.err


def test_a_file_that_cannot_be_opened_is_no_reason_to_fall_back(home, rbridge_open, pen):
    ran = rbridge_open(*NOWHERE, "--else", "pen", "none/a.txt")
    assert ran.code == 73
    assert not (home.path / "called").exists()
