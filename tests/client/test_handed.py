"""Whether a file that was handed over is the one that is seen here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import rbridge
from rbridge.client.handed import differs, see, source
from rbridge.client.intercom import Message
from rbridge.client.source import NOTHING
from rbridge.errors import RemoteProtocolError


@pytest.fixture
def message(here):
    """``message(path, file)``: *file* (or nothing) handed over as what is at *path*."""
    made = []

    def make(path: object, file: object = None, **headers: str) -> Message:
        made.append(Message("file", {"path": "shown", "real": str(path), **headers}))
        if file is not None:
            made[-1].descriptors.append(os.open(str(file), os.O_RDONLY))
        return made[-1]

    yield make
    for one in made:
        one.close()


def identified(path: object) -> str:
    found = os.stat(str(path))
    return f"{found.st_dev}:{found.st_ino}"


def test_the_same_file_by_any_name_is_the_same(here, message):
    path = here.file("a", "x")
    (here.path / "link").symlink_to("a")
    os.link(path, here.path / "hard")
    for name in ("a", "link", "hard"):
        assert differs(message(here.path / name, path)) == ""


def test_another_file_with_the_same_text_is_another(here, message):
    one, other = here.file("a", "x"), here.file("b", "x")
    assert "another file" in differs(message(one, other))


def test_what_is_no_regular_file_is_refused(here, message):
    assert "no regular file" in differs(message(here.path, here.path))


def test_a_folder_is_a_directory_that_is_seen_here_too(here, message):
    (here.path / "d").mkdir()
    assert differs(message(here.path / "d", here.path / "d", folder="yes")) == ""
    assert "another file" in differs(message(here.path / "d", here.path, folder="yes"))
    assert "no regular file" in differs(message(here.file("a"), here.path / "a", folder="yes"))
    assert source(message(here.path / "d", here.path / "d", folder="yes")).folder


def test_a_relative_path_is_refused(here, message):
    path = here.file("a", "x")
    assert "another file" in differs(message("a", path))


def test_an_absent_file_has_to_be_absent_in_the_same_directory(here, message):
    new = here.path / "new"
    assert differs(message(new, directory=identified(here.path))) == ""
    assert "something else" in differs(message(new, directory=identified(here.root)))
    assert "something else" in differs(message(new))
    here.file("new")
    assert "something else" in differs(message(new, directory=identified(here.path)))
    assert "no such file" in differs(message("/none/new", directory=identified(here.path)))


def test_standard_input_needs_no_path(here, message):
    assert differs(message("/dev/stdin-1.txt", here.file("a"), stdin="yes")) == ""


def test_control_characters_do_not_come_through(here, message):
    one = message(here.path / "a", here.path)
    one.headers["path"] = "a\x1b[31m"
    assert "\x1b" not in differs(one)


def test_a_number_that_is_none_is_nonsense(here, message):
    with pytest.raises(RemoteProtocolError):
        source(message(here.path / "a", here.file("a"), size="many"))


def test_the_source_takes_the_descriptor(here, message):
    one = message(here.path / "a", here.file("a"), mode="420", line="3")
    made = source(one)
    assert (made.mode, made.line, made.fd >= 0) == (420, 3, True)
    assert one.descriptors == []
    made.close()


def test_what_is_seen_of_it_is_noted_for_the_loop_which_looks_at_nothing(here, message):
    path = here.file("a")
    (here.path / "link").symlink_to(path)
    made = source(message(here.path / "link", path, device="5"))
    assert (made.device, made.resolved, made.found) == (5, "", None)
    see(made)
    assert made.resolved == str(path)
    assert made.found.st_ino == path.stat().st_ino
    made.close()
    made = source(message(here.path / "new"))
    see(made)
    assert (made.resolved, made.found) == (str(here.path / "new"), None)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy decodes with UTF-8 always")
def test_a_name_that_the_locale_cannot_spell_is_a_file_all_the_same(here):
    """Python 3.6 takes LANG=C for ASCII; this one has to be told so."""
    path = here.file("fa\u00e7ade.py", "x")
    script = (
        "import os, sys\n"
        "from rbridge.client.handed import differs, source\n"
        "from rbridge.client.intercom import Message\n"
        "assert sys.getfilesystemencoding() == 'ascii'\n"
        "real = os.environb[b'FILE'].decode('utf-8')\n"
        "message = Message('file', {'path': real, 'real': real})\n"
        "message.descriptors.append(os.open(os.environ['FILE'], os.O_RDONLY))\n"
        "print(repr(differs(message)), source(message).real == os.environ['FILE'])\n"
    )
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "FILE": str(path)}
    env["PYTHONPATH"] = os.path.dirname(os.path.dirname(rbridge.__file__))
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("'' True\n", "")


def test_the_null_device_stands_for_a_file_that_is_not_there_in_a_diff_only(here, message):
    assert differs(message(os.devnull, os.devnull, part=NOTHING)) == ""
    assert "no regular file" in differs(message(os.devnull, os.devnull))
    assert "no regular file" in differs(message("/dev/zero", "/dev/zero", part=NOTHING))


def test_the_side_of_a_diff_is_handed_over(here, message):
    handed = source(message(here.file("a", "x"), here.path / "a", diff="left 12ab"))
    assert handed.diff == "left 12ab"
    handed.close()
