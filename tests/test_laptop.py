"""The laptop's commands, where they are and where they are not."""

from __future__ import annotations

import importlib.util
import sys

import rbridge.__main__ as entry
from rbridge import laptop


def test_alone_it_shows_help(home, client_command):
    ran = home.run(client_command)
    assert (ran.code, ran.out) == (64, "")
    assert "rbridge open" in ran.err


def test_the_single_file_says_where_the_laptops_commands_are(home, builds):
    ran = home.run([builds.file, "serve"])
    assert ran.code == 69
    assert ran.err == (
        "rbridge: 'serve' is a command of the laptop, this is the single file for hosts; "
        "run: pip install rbridge\n"
    )


def test_an_old_python_is_told_so_in_words(home, builds, monkeypatch, capsys):
    monkeypatch.setattr(laptop, "LAPTOP_PYTHON", (9, 9))
    assert entry.main(["rbridge", "serve"]) == 69
    now = "{}.{}".format(*sys.version_info[:2])
    assert capsys.readouterr().err == (
        f"rbridge: 'serve' needs Python 3.10 or newer, this is {now}; "
        "on a host only 'rbridge open' is needed\n"
    )
    assert entry.main(["rbridge"]) == 64
    assert entry.main(["rbridge", "--help"]) == 0
    assert entry.main(["rbridge", "--version"]) == 0


def test_a_library_that_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.delitem(sys.modules, "rbridge.cli", raising=False)
    import rbridge

    monkeypatch.delattr(rbridge, "cli", raising=False)
    assert entry.main(["rbridge", "serve"]) == 69
    assert "need the Python package 'click'" in capsys.readouterr().err


def test_whether_its_commands_can_be_run_here(monkeypatch):
    assert laptop.installed()
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "click" else real(name))
    assert not laptop.installed()
    monkeypatch.setattr(importlib.util, "find_spec", real)
    monkeypatch.setattr(laptop, "LAPTOP_PYTHON", (9, 9))
    assert not laptop.installed()
