"""Where a new file can be created, and where not."""

from __future__ import annotations

import pytest

from rbridge.errors import RbridgeError


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


def test_a_new_file_in_a_directory_that_cannot_be_written(home, rbridge_open, powerless):
    (home.path / "d").mkdir()
    (home.path / "d").chmod(0o500)
    ran = rbridge_open("d/a.py", before=powerless)
    assert ran.code == 77
    assert "cannot create d/a.py: no permission to write in" in ran.err
