"""Which laptop is meant, remembered."""

from __future__ import annotations

import os

import pytest

from tests.client.editors import Talk

LINK = b"220 %s RMATE rbridge/0.1.0 link/1 editor=vim\n"


@pytest.fixture
def use(home, client_command):
    """``use("one")``: run ``rbridge use one``."""
    return lambda *words: home.run([*client_command, "use", *words])


def close_at_once(talk: Talk) -> None:
    for said in talk.linked():
        talk.close(said.token)


def test_the_chosen_laptop_is_taken_where_several_answer(home, use, rbridge_open, editor, rendezvous):
    home.file("a.py")
    editor(close_at_once, rendezvous / "1.sock", LINK % b"one")
    editor(close_at_once, rendezvous / "2.sock", LINK % b"two")
    assert rbridge_open("a.py").code == 75
    assert use("two").code == 0
    assert "open in vim on two" in rbridge_open("a.py").err
    assert "open in vim on one" in rbridge_open("--on", "one", "a.py").err
    assert use("three").code == 0
    ran = rbridge_open("a.py")
    assert ran.code == 75
    assert "rbridge use LAPTOP" in ran.err


def test_it_is_told_and_forgotten(home, use):
    assert use().out == "no laptop was chosen\n"
    assert use("one").ok().out == ""
    assert use().out == "one\n"
    assert (home.state / "laptop").stat().st_mode & 0o777 == 0o600
    use("--forget").ok()
    use("--forget").ok()
    assert use().out == "no laptop was chosen\n"
    assert os.listdir(home.state) == []


@pytest.mark.parametrize("words", [["a", "b"], ["--so"], [""], ["a\x1bb"], ["x" * 300]])
def test_what_is_no_name_is_refused(use, words):
    ran = use(*words)
    assert ran.code == 64
    assert ran.err.count("\n") == 1


def test_help(use):
    assert use("--help").ok().out.startswith("usage: rbridge use")


def test_a_choice_that_cannot_be_kept_is_an_error(home, use):
    home.state.rmdir()
    home.state.write_text("in the way")
    ran = use("one")
    assert ran.code in (73, 77)
    assert ran.err.count("\n") == 1
