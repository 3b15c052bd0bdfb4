"""The command line against what ruby, bash and python rmate understand (facts: their sources)."""

from __future__ import annotations

import pytest

from rbridge.client.options import parse
from rbridge.errors import UsageError


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
        ("--follow a", "follow", True),
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
        ("--via login1 a", "via", "login1"),
        ("a -w", "wait", True),
        ("a -wf", "force", True),
        ("-", "wait", True),
    ],
)
def test_an_option_means(words, name, value):
    assert getattr(parse(words.split()), name) == value


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--sudo=yes a", "--sudo takes no value"),
        ("--via", "--via needs a value"),
        ("-z a", "unknown option -z"),
        ("-wz a", "unknown option -z in -wz"),
        ("--no a", "--no may be --no-"),
        ("--wait=yes a", "--wait takes no value"),
        ("-l", "-l needs a value"),
        ("--host", "--host needs a value"),
        ("--host= a", "--host needs a value"),
        ("-p 0 a", "'0' is not a port"),
        ("-p 65536 a", "is not a port"),
        ("-p x a", "is not a port"),
        ("-p ² a", "is not a port"),
        (f"-p {'9' * 5000} a", "is not a port"),
        ("--head 3 --lines 1:2 a", "one of them"),
        ("- -", "can be given once"),
        ("--head 3 -", "need a file"),
    ],
)
def test_nonsense_is_refused_with_words(words, says):
    with pytest.raises(UsageError) as caught:
        parse(words.split())
    assert says in str(caught.value)
    assert caught.value.exit_code == 64


@pytest.mark.parametrize("words", ["--follow -", "--follow --head 5 a", "--lines 3:7 --follow a"])
def test_following_goes_with_a_whole_file_only(words):
    with pytest.raises(UsageError, match="--follow"):
        parse(words.split())
