"""``rbridge status`` on the host."""

from __future__ import annotations

import pytest

from rbridge.client import status, undelivered
from rbridge.client.undelivered import Undelivered
from rbridge.errors import UsageError


@pytest.fixture
def table(background):
    there = background()
    return there.resident.table


def test_a_line_per_file_in_columns(table, capsys):
    table["/work/b.py"] = ("dirty", True, "")
    table["/a"] = ("conflict", False, "changed here")
    assert status.run([]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out == (
        "/a          conflict  mylaptop (not connected)  changed here\n/work/b.py  dirty     mylaptop\n"
    )


def test_nothing_is_said_once_and_is_no_failure(here, capsys):
    assert status.run([]) == 0
    assert status.run(["a"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "nothing is open\nnothing is open at a\n")
    assert status.run([], alone=False) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (("clean", True, ""), 0),
        (("dirty", True, ""), 75),
        (("saving", True, ""), 75),
        (("conflict", True, ""), 75),
        (("unsaved", True, ""), 75),
        (("opening", True, ""), 75),
        (("clean", False, ""), 75),
    ],
)
def test_quiet_is_0_only_if_all_is_on_this_disk(here, table, capsys, row, code):
    table["/other"] = ("dirty", True, "")
    table[str(here.path / "a")] = row
    assert status.run(["-q", "a"]) == code
    assert status.run(["-q", "."]) == code
    assert status.run(["-q"]) == 75
    assert status.run(["-q", "nothing"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_quiet_is_75_when_one_does_not_tell(table, background, monkeypatch):
    there = background("another")
    there.do(lambda: setattr(there.reception, "answer", lambda connection, message: connection.gone()))
    assert status.run(["-q"]) == 75
    assert status.run([]) == 75


def test_control_characters_do_not_reach_the_terminal(table, capsys):
    table["/a\x1b[31m"] = ("clean", True, "\x1b]0;x\x07")
    status.run([])
    assert "\x1b" not in capsys.readouterr().out


def test_what_makes_no_sense_is_a_usage_error(here):
    for bad in ["a", "b"], ["--loud"]:
        with pytest.raises(UsageError):
            status.run(bad)


def test_help(capsys):
    assert status.run(["--help"]) == 0
    assert "status -q && " in capsys.readouterr().out


def never_here(here, name, identity="0" * 16):
    undelivered.remember(
        str(here.state), Undelivered(str(here.path / name), "mylaptop", identity, "closed there")
    )


def test_what_only_a_laptop_has_is_listed_and_not_safe(here, table, capsys):
    never_here(here, "d/a")
    table[str(here.path / "d/a")] = ("clean", True, "")
    assert status.run([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        [f"{here.path}/d/a", "clean", "mylaptop"],
        [f"{here.path}/d/a", "kept", "mylaptop"],
    ]
    assert "closed there; on the laptop: rbridge recover; here 'rbridge close PATH' forgets it" in lines[1]
    for path, code in (("", 75), ("d/a", 75), ("d", 75), ("e", 0)):
        assert status.run(["-q", *path.split()]) == code, path
    never_here(here, "e", identity="")
    assert status.run(["e"]) == 0
    assert capsys.readouterr().out.split()[1] == "unsaved"


def test_it_is_known_without_any_process(here, capsys):
    never_here(here, "a")
    assert status.run(["-q", "a"]) == 75
    assert status.run([]) == 0
    assert " kept " in capsys.readouterr().out


def test_what_cannot_be_looked_up_is_not_safe(here, monkeypatch, capsys):
    never_here(here, "a")

    def fail(states):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(undelivered, "remembered", fail)
    assert status.run(["-q", "b"]) == 75
    assert capsys.readouterr().err == ""
    assert status.run([]) == 75
    assert capsys.readouterr().err == "rbridge: cannot tell which texts never got here: permission denied\n"
