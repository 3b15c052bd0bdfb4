"""Positions and numbers on the command line, against what ruby, bash and python rmate understand."""

from __future__ import annotations

import pytest

from rbridge.client.options import Options, parse
from rbridge.client.positions import position, split_position
from rbridge.errors import UsageError


def places(options: Options) -> list[tuple[str, int, int]]:
    return [(one.path, one.line, one.column) for one in options.requests]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-l 5 a", [("a", 5, 0)]),
        ("-l5 a", [("a", 5, 0)]),
        ("-wl5 a", [("a", 5, 0)]),
        ("-l 5:3 a", [("a", 5, 3)]),
        ("--line=5 a", [("a", 5, 0)]),
        ("a -l 5", [("a", 5, 0)]),
        ("a b -l 5 -l 6", [("a", 5, 0), ("b", 6, 0)]),
        ("-l 5 -l 6 a b", [("a", 5, 0), ("b", 6, 0)]),
        ("-l 5 a b", [("a", 5, 0), ("b", 0, 0)]),
        ("+5 a", [("a", 5, 0)]),
        ("+5:2 a", [("a", 5, 2)]),
        ("a +5", [("a", 5, 0)]),
        ("a +5 b", [("a", 0, 0), ("b", 5, 0)]),
        ("+5 a +6 b", [("a", 5, 0), ("b", 6, 0)]),
        ("+5 +6 a b", [("a", 5, 0), ("b", 6, 0)]),
        ("a b +5 +6", [("a", 5, 0), ("b", 6, 0)]),
        ("+x a", [("+x", 0, 0), ("a", 0, 0)]),
        ("-- +5 -w", [("+5", 0, 0), ("-w", 0, 0)]),
        ("-l 5:3-7:1 a", [("a", 5, 3)]),
        ("-l 3x2 a", [("a", 3, 0)]),
    ],
)
def test_lines_belong_to_paths(words, expected):
    assert places(parse(words.split())) == expected


def test_names_and_types_belong_to_paths_in_order():
    found = parse(["-m", "one", "-t", "py", "a", "-m", "two", "b", "c"]).requests
    assert [(one.name, one.type) for one in found] == [("one", "py"), ("two", ""), ("", "")]


def test_the_selection_is_kept_as_it_was_given():
    assert parse(["-l", "5:3-7:1", "a"]).requests[0].selection == "5:3-7:1"


def test_what_stands_behind_a_position_is_textmates():
    assert parse(["+5x3y:a", "a"]).requests[0].line == 5


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("-l x a", "'x' is not LINE"),
        ("-l 5:x a", "'5:x' is not LINE"),
        ("--timeout 0 a", "not a number of seconds"),
        ("--timeout nan a", "not a number of seconds"),
        ("--head 0 a", "not a number of lines"),
        ("--head -1 a", "not a number of lines"),
        ("--lines 5 a", "is not A:B"),
        ("--lines 7:3 a", "is not A:B"),
        ("--lines : a", "is not A:B"),
        ("+5y", "5y: not LINE or LINE:COLUMN"),
    ],
)
def test_nonsense_is_refused_with_words(words, says):
    with pytest.raises(UsageError, match=says):
        parse(words.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.py:12", ("a.py", 12, 0)),
        ("a.py:12:", ("a.py", 12, 0)),
        ("a.py:12:5", ("a.py", 12, 5)),
        ("a.py:12:5:", ("a.py", 12, 5)),
        ("a:b:12", ("a:b", 12, 0)),
        ("a:1:2:3", ("a:1", 2, 3)),
        ("a.py", None),
        ("a.py:", None),
        ("a.py:x", None),
        (":12", None),
        ("a.py:1x", None),
        ("a:-1", None),
        ("a:" + "9" * 30, None),
    ],
)
def test_a_position_behind_a_path(text, expected):
    assert split_position(text) == expected


@pytest.mark.parametrize("text", ["", ":", "5:", "x", "5 ", "-5", "5;"])
def test_what_is_no_position(text):
    assert position(text) is None
