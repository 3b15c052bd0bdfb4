"""The commands that have to do with hosts: they are there, and a shell can complete them."""

from __future__ import annotations

import io

import pytest

from rbridge import commands
from rbridge.errors import UsageError
from tests.harness.environment import Home, rbridge


@pytest.mark.parametrize("name", ["ssh", "connect", "deploy", "doctor", "get", "put"])
def test_what_takes_ssh_s_options_has_a_help_of_its_own(home: Home, name: str) -> None:
    ran = home.run(rbridge(name, "--help")).ok()
    assert ran.out.startswith(f"usage: rbridge {name}")
    assert "exit codes" in ran.out


def test_all_are_listed(home: Home) -> None:
    listed = home.run(rbridge("--help")).ok().out
    for command in commands.ALL:
        assert f"\n  {command.name} " in listed


def test_hosts_are_completed_from_ssh_s_configuration(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from rbridge import completion

    monkeypatch.setattr(completion, "aliases", lambda *_args: ["gpu1", "gpu2", "login"])
    context = click.Context(commands.connect)
    (argument,) = commands.connect.params
    found = argument.shell_complete(context, "gpu")
    assert [item.value for item in found] == ["gpu1", "gpu2"]


def test_yes_is_a_yes_and_without_a_terminal_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert commands.confirm(True, "really?")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UsageError, match="really"):
        commands.confirm(False, "really?")


def test_disconnect_without_a_daemon(home: Home) -> None:
    ran = home.run(rbridge("disconnect", "gpu1"))
    assert (ran.code, "not serving" in ran.err) == (69, True)
