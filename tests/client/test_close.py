"""``rbridge close`` on the host."""

from __future__ import annotations

import os

import pytest

from rbridge.client import close, undelivered
from rbridge.client.undelivered import Undelivered
from rbridge.errors import UsageError


@pytest.fixture
def there(background, here):
    made = background()
    for name in ("a", "d/b", "d/c"):
        made.resident.table[str(here.path / name)] = ("clean", True, "")
    return made


def test_a_file_is_closed_and_named(there, here, capsys):
    assert close.run(["a"]) == 0
    assert there.resident.asked == [("close", str(here.path / "a"))]
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"{here.path}/a: closed\n")


def test_a_directory_means_all_in_it(there, here):
    assert close.run(["d"]) == 0
    assert list(there.resident.table) == [str(here.path / "a")]


def test_without_a_path_all_are(there, background):
    other = background("another")
    other.resident.table["/z"] = ("clean", True, "")
    assert close.run([]) == 0
    assert not there.resident.table
    assert not other.resident.table


def test_where_the_rest_of_a_text_is_to_be_found_is_said(there, here, capsys):
    there.resident.table[str(here.path / "a")] = ("dirty", True, "")
    assert close.run(["a"]) == 0
    assert (
        "closed while dirty: what mylaptop has of it is in 'rbridge recover list'" in capsys.readouterr().err
    )


def test_a_path_where_nothing_is_open_is_66_and_the_others_are_closed(there, here, capsys):
    assert close.run(["none", "a"]) == 66
    assert str(here.path / "a") not in there.resident.table
    assert "rbridge: nothing is open at none\n" in capsys.readouterr().err


def test_with_nothing_open_nothing_is_wrong(here, capsys):
    assert close.run([]) == 0
    assert capsys.readouterr().err == "nothing is open\n"
    assert close.run(["a"], alone=False) == 66
    assert capsys.readouterr().err == ""


def test_help_and_nonsense(capsys):
    assert close.run(["-h"]) == 0
    assert capsys.readouterr().out.startswith("usage: rbridge close")
    with pytest.raises(UsageError):
        close.run(["--all"])


def test_where_nothing_is_open_it_is_forgotten_what_a_laptop_keeps(there, here, capsys):
    for name in ("a", "e/x", "e/y"):
        one = Undelivered(str(here.path / name), "mylaptop", "0" * 16, "why")
        undelivered.remember(str(here.state), one)
    assert close.run(["a"]) == 0  # it is open: what it leaves behind is another matter
    assert len(undelivered.remembered(str(here.state))) == 3
    assert close.run([]) == 0
    assert len(undelivered.remembered(str(here.state))) == 3
    capsys.readouterr()
    assert close.run(["e"]) == 0
    assert [os.path.basename(one.real) for one in undelivered.remembered(str(here.state))] == ["a"]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        f"{here.path}/e/x: forgotten here; what mylaptop has of it is still in 'rbridge recover list' there"
    )
    assert len(said) == 2
    assert close.run(["e"]) == 66


def test_what_cannot_be_forgotten_is_said(here, monkeypatch, capsys):
    undelivered.remember(str(here.state), Undelivered(str(here.path / "a"), "mylaptop", "", "why"))

    def fail(states, real, identity):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(undelivered, "forget", fail)
    assert close.run(["a"]) == 74
    assert capsys.readouterr().err == f"rbridge: {here.path}/a: permission denied\n"
