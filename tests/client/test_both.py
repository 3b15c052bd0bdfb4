"""Which side is asked: the host's processes, the laptop's daemon, or both."""

from __future__ import annotations

import sys

import pytest

from rbridge.client import both, undelivered


class Cli:
    """Stands where the laptop's commands are; *code* is what they end with."""

    def __init__(self) -> None:
        self.code = 0
        self.asked: list[list[str]] = []

    def __call__(self, arguments: list[str]) -> int:
        self.asked.append(arguments)
        return self.code


@pytest.fixture
def cli() -> Cli:
    return Cli()


@pytest.fixture
def daemon_serves(here):
    (here.runtime / "control.sock").touch()


def test_with_neither_nothing_is_open(here, cli, capsys):
    assert both.run("status", [], cli) == 0
    assert cli.asked == []
    assert capsys.readouterr().err == "nothing is open\n"


def test_on_a_host_the_laptops_commands_are_not_even_loaded(background, cli):
    background().resident.table["/a"] = ("clean", True, "")
    assert both.run("status", ["-q"], cli) == 0
    assert cli.asked == []


def test_on_a_laptop_the_daemon_is_asked(daemon_serves, cli):
    cli.code = 3
    assert both.run("close", ["gpu1:/a"], cli) == 3
    assert cli.asked == [["close", "gpu1:/a"]]


def test_on_a_laptop_whose_daemon_is_gone_its_undelivered_texts_are_told(here, cli):
    (here.state / "spool").mkdir(parents=True)
    assert both.run("status", ["-q"], cli) == 0
    assert cli.asked == []
    (here.state / "spool" / "0123").mkdir()
    cli.code = 75
    assert both.run("status", ["-q"], cli) == 75
    assert cli.asked == [["status", "-q"]]


def test_on_a_machine_that_is_both_status_tells_of_both(background, daemon_serves, cli, capsys):
    background().resident.table["/a"] = ("clean", True, "")
    assert both.run("status", [], cli) == 0
    assert cli.asked == [["status"]]
    assert capsys.readouterr().out.startswith("/a ")
    cli.code = 75
    assert both.run("status", ["-q"], cli) == 75


def test_there_the_one_that_knows_a_path_closes_it_the_host_first(
    here, background, daemon_serves, cli, capsys
):
    there = background()
    there.resident.table["/a"] = ("clean", True, "")
    assert both.run("close", ["/a"], cli) == 0
    assert cli.asked == []
    cli.code = 5
    assert both.run("close", ["/b"], cli) == 5
    assert cli.asked == [["close", "/b"]]
    assert "/b" not in capsys.readouterr().err


def test_there_a_conflict_is_settled_by_the_one_that_knows_it(background, daemon_serves, cli):
    background().resident.table["/a"] = ("conflict", True, "")
    assert both.run("resolve", ["/a", "--mine"], cli) == 0
    assert cli.asked == []
    both.run("resolve", ["/b", "--mine"], cli)
    assert cli.asked == [["resolve", "/b", "--mine"]]


def test_there_close_without_a_path_means_both(background, daemon_serves, cli):
    there = background()
    there.resident.table["/a"] = ("clean", True, "")
    assert both.run("close", [], cli) == 0
    assert (there.resident.table, cli.asked) == ({}, [["close"]])


def test_help_is_shown_once(background, daemon_serves, cli, capsys):
    background()
    for word in both.HERE:
        assert both.run(word, ["--help"], cli) == 0
    assert cli.asked == []
    assert capsys.readouterr().out.count("usage:") == 3


def test_without_the_laptops_commands_there_is_no_laptop_here(daemon_serves, capsys):
    assert both.run("status", [], None) == 0
    assert capsys.readouterr().err == "nothing is open\n"


def test_the_single_file_knows_the_commands(home, builds):
    for word in both.HERE:
        assert f"usage: rbridge {word}" in home.run([builds.file, word, "--help"]).ok().out
    ran = home.run([builds.file, "status"]).ok()
    assert (ran.out, ran.err) == ("", "nothing is open\n")
    assert home.run([sys.executable, "-m", "rbridge", "status"]).ok().err == "nothing is open\n"
    assert home.run([builds.file, "close", "a"]).code == 66
    assert home.run([builds.file, "resolve"]).code == 64


def test_what_the_hosts_side_left_behind_is_told_beside_the_laptops(daemon_serves, here, cli, capsys):
    undelivered.remember(str(here.state), undelivered.Undelivered("/a", "mylaptop", "0" * 16, "why"))
    assert both.run("status", [], cli) == 0
    assert cli.asked == [["status"]]
    assert "kept" in capsys.readouterr().out
    assert both.run("status", ["-q"], cli) == 75
