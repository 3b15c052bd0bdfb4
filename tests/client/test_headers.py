"""What a plain server is told of a file."""

from __future__ import annotations

import os

import pytest

HOST = os.uname().nodename


def test_a_plain_open_in_full(home, sent):
    home.file("d/train.py", "x = 1\n")
    (said,) = sent("d/train.py")
    assert list(said.headers) == ["display-name", "real-path", "data-on-save", "re-activate", "token"]
    assert said.headers["display-name"] == f"{HOST}:d/train.py"
    assert said.headers["real-path"] == str(home.path / "d/train.py")
    assert (said.headers["data-on-save"], said.headers["re-activate"]) == ("yes", "yes")
    assert said.body == b"x = 1\n"


def test_all_that_the_options_add(home, sent):
    home.file("a", "x")
    (said,) = sent("-n", "-k", "-m", "my name", "-t", "python", "-l", "5:3", "a")
    assert said.headers["display-name"] == "my name"
    assert said.headers["re-activate"] == "no"
    assert said.headers["new"] == "yes"
    assert said.headers["file-type"] == "python"
    assert said.headers["selection"] == "5"


@pytest.mark.parametrize(
    ("greeting", "selection"),
    [
        (b"Sublime Text 3 (remote_subl plugin)\n", "5"),
        (b"VSCode 1\n", "5"),
        (b"220 mac RMATE TextMate (Darwin 20)\r\n", "5:3-7"),
        (b"zed-rmate-server 0\n", "5:3-7"),
    ],
)
def test_columns_go_only_to_those_who_understand_them(home, sent, greeting, selection):
    home.file("a", "x")
    (said,) = sent("-l", "5:3-7", "a", greeting=greeting)
    assert said.headers["selection"] == selection


def test_textmate_gets_backslashes_escaped(home, sent):
    home.file("a\\nb", "x")
    (said,) = sent("a\\nb", greeting=b"220 mac RMATE TextMate (Darwin 20)\r\n")
    assert said.headers["display-name"] == f"{HOST}:a\\\\nb"
    (said,) = sent("a\\nb")
    assert said.headers["display-name"] == f"{HOST}:a\\nb"
