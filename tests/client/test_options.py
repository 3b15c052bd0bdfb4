"""The command line against what ruby, bash and python rmate understand (facts: their sources)."""

from __future__ import annotations

import pytest

from rbridge.client.options import Options, parse, position, split_position
from rbridge.errors import UsageError


def places(options: Options) -> list[tuple[str, int, int]]:
    return [(one.path, one.line, one.column) for one in options.requests]


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("-w a", "wait", True),
        ("--wait a", "wait", True),
        ("-w --no-wait a", "wait", False),
        ("a", "wait", False),
        ("-n a", "new", True),
        ("--new --no-new a", "new", False),
        ("-f a", "force", True),
        ("-k a", "keep_focus", True),
        ("-k --no-keep-focus a", "keep_focus", False),
        ("-r a", "read_only", True),
        ("-v a", "verbose", True),
        ("--verb a", "verbose", True),
        ("-h", "help", True),
        ("-?", "help", True),
        ("--help", "help", True),
        ("--version", "version", True),
        ("--large a", "large", True),
        ("-H box a", "host", "box"),
        ("--host=box a", "host", "box"),
        ("--host box a", "host", "box"),
        ("-p 80 a", "port", 80),
        ("-p80 a", "port", 80),
        ("--port=80 a", "port", 80),
        ("-s /x a", "socket", "/x"),
        ("--unixsocket=/x a", "socket", "/x"),
        ("--socket /x a", "socket", "/x"),
        ("--timeout 0.5 a", "timeout", 0.5),
        ("--else vim a", "fallback", "vim"),
        ("--head 5 a", "lines", (1, 5)),
        ("--lines 3:7 a", "lines", (3, 7)),
        ("--lines 3: a", "lines", (3, 0)),
        ("--lines :7 a", "lines", (1, 7)),
        ("--on mylaptop a", "on", "mylaptop"),
        ("a -w", "wait", True),
        ("a -wf", "force", True),
        ("-", "wait", True),
    ],
)
def test_an_option_means(words, name, value):
    assert getattr(parse(words.split()), name) == value


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


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--sudo a", "unknown option --sudo"),
        ("--via n1 a", "unknown option --via"),
        ("--follow a", "unknown option --follow"),
        ("-z a", "unknown option -z"),
        ("-wz a", "unknown option -z in -wz"),
        ("--no a", "--no may be --no-"),
        ("--wait=yes a", "--wait takes no value"),
        ("-l", "-l needs a value"),
        ("--host", "--host needs a value"),
        ("--host= a", "--host needs a value"),
        ("-l x a", "'x' is not LINE"),
        ("-l 5:x a", "'5:x' is not LINE"),
        ("+5x3y:a a", None),
        ("-p 0 a", "'0' is not a port"),
        ("-p 65536 a", "is not a port"),
        ("-p x a", "is not a port"),
        ("-p ² a", "is not a port"),
        (f"-p {'9' * 5000} a", "is not a port"),
        ("--timeout 0 a", "not a number of seconds"),
        ("--timeout nan a", "not a number of seconds"),
        ("--head 0 a", "not a number of lines"),
        ("--head -1 a", "not a number of lines"),
        ("--lines 5 a", "is not A:B"),
        ("--lines 7:3 a", "is not A:B"),
        ("--lines : a", "is not A:B"),
        ("--head 3 --lines 1:2 a", "one of them"),
        ("- -", "can be given once"),
        ("--head 3 -", "need a file"),
    ],
)
def test_nonsense_is_refused_with_words(words, says):
    if says is None:
        assert parse(words.split()).requests[0].line == 5
        return
    with pytest.raises(UsageError) as caught:
        parse(words.split())
    assert says in str(caught.value)
    assert caught.value.exit_code == 64


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
