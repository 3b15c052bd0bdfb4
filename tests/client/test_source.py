"""Which paths can be opened, and the words and the code for each that cannot."""

from __future__ import annotations

import os
import socket

import pytest

from rbridge.client import source
from rbridge.client.options import parse
from rbridge.errors import NoInput, RbridgeError


@pytest.fixture
def check(home, monkeypatch):
    """``check("a.py", "--force")``: the source, with the home as current directory; closed at the end."""
    monkeypatch.chdir(home.path)
    made = []

    def ask(*words: str) -> source.Source:
        options = parse(list(words))
        made.append(source.check(options.requests[0], options))
        return made[-1]

    yield ask
    for one in made:
        one.close()


def test_a_file(check, home):
    home.file("a.py", "text\n", 0o640)
    found = check("a.py")
    assert (found.path, found.real) == ("a.py", str(home.path / "a.py"))
    assert (found.size, found.start, found.mode, found.read_only) == (5, 0, 0o640, False)
    assert found.fd >= 0


def test_tokens_are_opaque_and_different(check, home):
    home.file("a.py")
    one, two = check("a.py").token, check("a.py").token
    assert one != two
    assert len(one) == 24
    assert one.isalnum()


def test_a_file_that_does_not_exist_yet(check):
    found = check("new.py")
    assert (found.fd, found.size, found.mode) == (-1, 0, -1)


@pytest.mark.parametrize(
    ("existing", "given", "path", "line", "column"),
    [
        (["a.py"], "a.py:12", "a.py", 12, 0),
        (["a.py"], "a.py:12:5", "a.py", 12, 5),
        (["a.py"], "a.py:12:", "a.py", 12, 0),
        (["a.py", "a.py:12"], "a.py:12", "a.py:12", 0, 0),
        ([], "new.py:12", "new.py", 12, 0),
        (["a.py:1"], "a.py:1:5", "a.py", 1, 5),
    ],
)
def test_a_line_behind_the_path(check, home, existing, given, path, line, column):
    for name in existing:
        home.file(name)
    found = check(given)
    assert (found.path, found.line, found.column) == (path, line, column)


def test_an_option_outdoes_the_line_behind_the_path(check, home):
    home.file("a.py")
    assert check("-l", "3", "a.py:12").line == 3


def make_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (os.mkdir, "cannot open x: it is a directory"),
        (os.mkfifo, "cannot open x: it is a pipe"),
        (make_socket, "cannot open x: it is a socket"),
        (lambda path: os.symlink("/dev/null", path), "cannot open x: it is a device"),
        (lambda path: os.symlink(path, path), "cannot open x: too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_is_refused_with_its_own_words(check, make, says):
    make("x")
    with pytest.raises(NoInput) as caught:
        check("x")
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["none/a.py"], 73, "there is no directory"),
        (["new/"], 66, "no such directory"),
        (["a.py/b"], 66, "not a directory"),
        ([""], 66, "no name of a file"),
        (["a\0b"], 66, "no name of a file"),
        (["-r", "new.py"], 66, "no such file"),
        (["--head", "3", "new.py"], 66, "no such file"),
        (["x" * 300], 66, "file name too long"),
    ],
)
def test_what_cannot_be_there(check, home, words, code, says):
    home.file("a.py")
    with pytest.raises(RbridgeError, match=says) as caught:
        check(*words)
    assert caught.value.exit_code == code


def test_a_dangling_link_is_a_new_file_where_it_points(check, home):
    (home.path / "link").symlink_to("target.py")
    assert check("link").fd == -1
    (home.path / "bad").symlink_to("none/target.py")
    with pytest.raises(RbridgeError, match="there is no directory"):
        check("bad")


def big(path, size: int, content: bytes = b"") -> None:
    """A sparse file."""
    with open(path, "wb") as file:
        file.write(content)
        file.truncate(size)


TEXT = b"text\n" * 2000


@pytest.mark.parametrize(
    ("size", "content", "refused"),
    [
        (source.LARGE_BINARY, b"", False),
        (source.LARGE_BINARY + 1, b"", True),
        (source.LARGE_BINARY + 1, TEXT, False),
        (source.LARGE, TEXT, False),
        (source.LARGE + 1, TEXT, True),
    ],
)
def test_too_much_is_named_with_size_and_kind(check, home, size, content, refused):
    big(home.path / "big", size, content)
    if not refused:
        assert check("big").size == size
        return
    with pytest.raises(NoInput, match="not opened: big is .* MiB of (text|binary data)") as caught:
        check("big")
    assert "--large" in caught.value.hint
    assert check("--large", "big").size == size


def test_a_part_of_a_file_that_is_too_large(check, home):
    big(home.path / "big", source.LARGE + 1, TEXT)
    found = check("--head", "3", "big")
    assert (found.start, found.size, found.shown, found.read_only) == (0, 15, "big (lines 1-3)", True)


def test_more_than_the_protocol_can_say_is_refused_even_with_large(check, home):
    big(home.path / "big", 9 * 1024**3)
    with pytest.raises(NoInput, match="9.0 GiB is more than can be sent"):
        check("--large", "big")


def test_a_directory_that_is_gone(check, home, monkeypatch):
    (home.path / "d").mkdir()
    monkeypatch.chdir(home.path / "d")
    (home.path / "d").rmdir()
    with pytest.raises(NoInput, match="the current directory is gone"):
        check("a.py")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (20480, "20 KiB"), (3 << 30, "3.0 GiB")],
)
def test_sizes_as_people_say_them(size, text):
    assert source.human(size) == text


# What root may do is no test of permissions: these run as a process without root's powers.


def test_a_file_that_cannot_be_read(home, rbridge_open, powerless):
    home.file("a.py", "x", 0o200)
    ran = rbridge_open("a.py", before=powerless)
    assert (ran.code, ran.err) == (77, "rbridge: cannot read a.py: permission denied\n")


@pytest.mark.parametrize("word", ["--read-only", "--force", None])
def test_a_file_that_cannot_be_written(home, rbridge_open, powerless, editor, word):
    home.file("a.py", "x", 0o400)
    served = editor(lambda talk: talk.close(talk.opened().token))
    ran = rbridge_open("-w", *served.where, "a.py", *([word] if word else []), before=powerless)
    if word:
        assert ran.code == 0
    else:
        assert ran.code == 77
        assert "no permission to write it (--read-only to read it, --force to try)" in ran.err


def test_a_new_file_in_a_directory_that_cannot_be_written(home, rbridge_open, powerless):
    (home.path / "d").mkdir()
    (home.path / "d").chmod(0o500)
    ran = rbridge_open("d/a.py", before=powerless)
    assert ran.code == 77
    assert "cannot create d/a.py: no permission to write in" in ran.err
