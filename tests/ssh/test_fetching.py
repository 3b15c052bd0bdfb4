"""Names that a host may give to files of the laptop, and HOST:PATH."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.ssh.fetching import NAME, fits, impossible, is_part, last, part_name, remote, unfit


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("gpu1:a", ("gpu1", "a")),
        ("gpu1:", ("gpu1", "")),
        ("me@gpu1:~/a b", ("me@gpu1", "~/a b")),
        ("gpu1:/etc/a:b", ("gpu1", "/etc/a:b")),
        ("[::1]:a", ("::1", "a")),
        ("me@[fe80::1]:a", ("me@fe80::1", "a")),
        ("./a:b", None),
        ("/a:b", None),
        (":a", None),
        ("-oProxyCommand=x:a", None),
        ("[a/b]:c", None),
        ("plain", None),
    ],
)
def test_host_and_path_are_told_from_a_file_as_scp_does(word, found):
    assert remote(word) == found


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\0b", "x" * (NAME + 1), ".a.rbridge-part", "\ud800"]
)
def test_some_names_cannot_be(name):
    assert impossible(name)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "a\x7f", "a\x9bb", "NUL", "con.txt", "Com1", "aux .log"])
def test_a_host_may_not_give_names_that_do_something(name):
    assert not impossible(name)
    assert unfit(name)


@pytest.mark.parametrize("name", ["a b", "übung.log", "n\udcff", "...", "-rf", "console", "x" * NAME])
def test_a_host_may_give_usual_names(name):
    assert not unfit(name)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("runs/loss.png", "loss.png"),
        ("runs/", "runs"),
        ("logs/*.log", "a.log"),
        ("**", "a"),
        (".b*", ".bashrc"),
        ("~", "me"),
        ("~other", "other"),
        ("a/..", "x"),
        ("a[1].txt", "a[1].txt"),
        ("a[1].txt", "a1.txt"),
    ],
)
def test_what_was_asked_for_fits(asked, name):
    assert fits(asked, name)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("runs/loss.png", ".bashrc"),
        ("logs/*.log", "a.sh"),
        ("logs/*", ".bashrc"),
        ("**", ".bashrc"),
        ("~", ".bashrc"),
        ("logs/*.log", "A.LOG"),
    ],
)
def test_what_was_not_asked_for_does_not_fit(asked, name):
    assert not fits(asked, name)


def test_only_the_host_knows_what_its_home_is_called():
    assert [last(path) for path in ("", "~", "~/", "~me", ".", "a/..", "/")] == [""] * 7
    assert [last(path) for path in ("~/a", "a/", "/a/b", "x/~y")] == ["a", "a", "b", "~y"]


@given(st.binary(min_size=1, max_size=NAME).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_an_unfinished_file_has_a_possible_name(name):
    found = part_name(name)
    assert len(found) <= NAME
    assert is_part(found)


def test_two_long_names_have_two_unfinished_files():
    assert part_name(b"x" * 254 + b"1") != part_name(b"x" * 254 + b"2")
