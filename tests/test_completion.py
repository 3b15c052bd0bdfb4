"""Completions as real shells ask for them, and the hosts that are proposed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click
import pytest

from rbridge import completion
from rbridge.errors import NoInput, UsageError
from tests.harness.environment import Home

CONFIG = "Include config.d/*\nHost gpu1 login*\nHost zeta\n"


@pytest.fixture
def configured(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    home.file(".ssh/config", CONFIG)
    home.file(".ssh/config.d/more", "Host gpu2\nInclude ~/.ssh/config\nInclude missing\n")
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, home.env[name])
    return home


def test_hosts_are_those_of_the_configuration_and_of_what_it_includes(configured: Home) -> None:
    found = completion.aliases(str(configured.path / ".ssh" / "config"), str(configured.path))
    assert found == ["gpu1", "zeta", "gpu2"]


def test_a_configuration_that_is_not_there_has_no_hosts(home: Home) -> None:
    assert completion.aliases(str(home.path / "none"), str(home.path)) == []


def test_hosts_complete_by_their_beginning(configured: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion.system, "home_of", lambda _uid: str(configured.path))
    context, parameter = click.Context(click.Command("x")), click.Argument(["host"])
    assert [item.value for item in completion.hosts(context, parameter, "gp")] == ["gpu1", "gpu2"]
    assert [item.type for item in completion.files(context, parameter, "a")] == ["file"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_each_script_is_one_that_its_shell_reads(shell: str, home: Home) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = home.file("script", completion.script(shell))
    home.run([shell, "-n", path]).ok()
    assert completion.VARIABLE in path.read_text()


def test_bash_asks_rbridge(home: Home) -> None:
    home.script("bin/rbridge", f'#!/bin/sh\nexec {sys.executable} -m rbridge "$@"\n')
    path = home.file("script", completion.script("bash"))
    asked = "COMP_WORDS=(rbridge plu) COMP_CWORD=1; _rbridge_completion rbridge"
    words = f". {path}; {asked}; echo ${{COMPREPLY[@]}}"
    ran = home.run(["bash", "-c", words], env={"PATH": f"{home.path}/bin:{home.env['PATH']}"}).ok()
    assert ran.out == "plugin\n"


def test_fish_asks_rbridge(home: Home) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    home.script("bin/rbridge", f'#!/bin/sh\nexec {sys.executable} -m rbridge "$@"\n')
    path = home.file("script", completion.script("fish"))
    ran = home.run(
        ["fish", "-c", f"source {path}; complete -C 'rbridge plu'"],
        env={"PATH": f"{home.path}/bin:{home.env['PATH']}"},
    ).ok()
    assert ran.out.split()[:1] == ["plugin"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_what_is_installed_can_be_removed(
    shell: str, configured: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    said: list[str] = []
    words = {"echo": said.append, "say": said.append, "confirm": lambda _: True}
    assert completion.install(shell, **words) == 0  # type: ignore[arg-type]
    path = Path(completion.path(shell))
    assert configured.root in path.parents
    assert path.read_text() == completion.script(shell)
    assert path.stat().st_mode & 0o777 == 0o644
    assert (".zshrc" in said[-1]) == (shell == "zsh")
    assert completion.remove(shell, **words) == 0  # type: ignore[arg-type]
    assert not path.exists()
    with pytest.raises(NoInput):
        completion.remove(shell, **words)  # type: ignore[arg-type]


def test_a_no_installs_nothing(configured: Home) -> None:
    said: list[str] = []
    assert completion.install("fish", echo=said.append, say=said.append, confirm=lambda _: False) == 1
    assert not os.path.exists(completion.path("fish"))


def test_another_shell_is_refused() -> None:
    with pytest.raises(UsageError, match="tcsh"):
        completion.script("tcsh")
    with pytest.raises(UsageError, match="tcsh"):
        completion.path("tcsh")
