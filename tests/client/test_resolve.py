"""``rbridge resolve`` on the host."""

from __future__ import annotations

import os

import pytest

from rbridge.client import reception, resolve
from rbridge.errors import UsageError


@pytest.fixture
def there(background, here):
    """``a.txt`` is in conflict."""
    made = background()
    here.file("a.txt", "one\ntwo\nthree\n")
    made.resident.table[str(here.path / "a.txt")] = ("conflict", True, "it was changed here")
    return made


@pytest.mark.parametrize("words", [["a.txt", "--show"], ["a.txt"]])
def test_show_is_a_diff_with_both_sides_named(there, here, capsys, words):
    there.resident.text = b"one\n\ttwo!\nthree"
    assert resolve.run(words) == 0
    out, err = capsys.readouterr()
    assert out == (
        f"--- theirs (on {os.uname().nodename})\n"
        "+++ mine (on mylaptop)\n"
        "@@ -1,3 +1,3 @@\n one\n-two\n-three\n+\ttwo!\n+three\n\\ no line end at the end\n"
    )
    assert err == "--mine puts the laptop's text here, --theirs keeps this file's\n"


def test_binary_is_said_to_be(there, here, capsys):
    there.resident.text = b"\0\1\2"
    assert resolve.run(["a.txt", "--show"]) == 0
    assert capsys.readouterr().out == f"{here.path}/a.txt: binary, 14 bytes here and 3 on mylaptop\n"


def test_what_is_too_large_is_said_to_be(there, capsys, monkeypatch):
    monkeypatch.setattr(resolve, "LARGEST", 10)
    there.resident.text = b"x" * 100
    assert resolve.run(["a.txt", "--show"]) == 0
    assert "too large, 14 bytes here and 100 on mylaptop" in capsys.readouterr().out


def test_equal_texts_are_said_to_be(there, capsys):
    there.resident.text = b"one\ntwo\nthree\n"
    assert resolve.run(["a.txt", "--show"]) == 0
    assert capsys.readouterr().out == "both texts are the same\n"


def test_a_text_does_not_steer_the_terminal(there, capsys):
    there.resident.text = b"\x1b[31mred\n"
    assert resolve.run(["a.txt", "--show"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_file_that_is_gone_here(there, here, capsys):
    there.resident.text = b"x"
    (here.path / "a.txt").unlink()
    assert resolve.run(["a.txt", "--show"]) == 0
    assert "a.txt: no such file or directory" in capsys.readouterr().out


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_a_choice_settles_it(there, capsys, choice):
    assert resolve.run(["a.txt", f"--{choice}"]) == 0
    assert there.resident.asked[0] == ("resolve", choice)
    assert "a.txt: settled: " in capsys.readouterr().err


def test_what_is_not_settled_is_74_and_says_why(there, capsys):
    there.resident.settles = False
    assert resolve.run(["a.txt", "--mine"]) == 74
    assert "rbridge: a.txt: the laptop does not settle it\n" in capsys.readouterr().err


def test_no_answer_is_74(there, capsys, monkeypatch):
    monkeypatch.setattr(reception, "SETTLED", 0.3)
    assert resolve.run(["a.txt", "--show"]) == 74
    assert "a.txt: no answer from mylaptop" in capsys.readouterr().err


def test_without_a_conflict_nothing_is_done(there, here, capsys):
    there.resident.table[str(here.path / "a.txt")] = ("clean", True, "")
    assert resolve.run(["a.txt", "--theirs"]) == 0
    assert "no conflict, it is clean on mylaptop" in capsys.readouterr().err
    assert there.resident.asked == []


def test_a_directory_with_several_is_not_settled_at_once(there, here, capsys):
    there.resident.table[str(here.path / "b.txt")] = ("conflict", True, "")
    assert resolve.run([".", "--mine"]) == 64
    assert "name one" in capsys.readouterr().err
    assert there.resident.asked == []


def test_a_file_that_is_not_open_is_66(there, capsys):
    assert resolve.run(["b.txt"]) == 66
    assert capsys.readouterr().err == "rbridge: b.txt is not open\n"
    assert resolve.run(["b.txt", "--mine"], alone=False) == 66
    assert capsys.readouterr().err == ""


def test_help_and_nonsense(capsys):
    assert resolve.run(["--help"]) == 0
    assert "--theirs" in capsys.readouterr().out
    for bad in [], ["a", "b"], ["a", "--mine", "--theirs"], ["a", "--ours"]:
        with pytest.raises(UsageError):
            resolve.run(bad)
