"""Which paths can be opened, and the words and the code for each that cannot."""

from __future__ import annotations

import pytest

from rbridge.client import source
from rbridge.errors import NoInput


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
