"""The daemon as a service: what is written for systemd and launchd, and which lines are run."""

from __future__ import annotations

import os
import plistlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rbridge.errors import NoInput, TryAgain, UsageError
from rbridge.ssh import service
from rbridge.ssh.service import Service
from tests.harness.environment import Home

ODD = '/opt/a b/100%/"$x"\\'


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def made(tmp_path: Path) -> Service:
    """A service whose manager writes down how it was called."""
    log = tmp_path / "log"
    lines = (("sh", "-c", f"echo start >>{log}"),)
    stops = (("sh", "-c", f"echo stop >>{log}"), ("sh", "-c", f"echo reload >>{log}"))
    return Service(str(tmp_path / "units" / "rbridge.service"), "[Unit]\n", lines, stops, True)


def _setup(made: Service, said: list[str], answer: bool = True) -> int:
    return service.setup(echo=said.append, say=said.append, confirm=lambda _: answer, made=made)


def _remove(made: Service, said: list[str]) -> int:
    return service.remove(echo=said.append, say=said.append, confirm=lambda _: True, made=made)


def test_systemd_takes_the_unit(home: Home) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = home.script("a b/rb$ri%dge", "#!/bin/sh\n")
    unit = service.service({**home.env, "EDITOR": ODD}, "linux", [str(program)])
    path = home.file("rbridge.service", unit.text)
    ran = home.run(
        ["systemd-analyze", "--user", "verify", "--man=no", path], env={"XDG_RUNTIME_DIR": str(home.path)}
    )
    assert (ran.code, str(path) in ran.err) == (0, False), ran


def test_systemd_does_not_start_again_what_will_not_run(home: Home) -> None:
    lines = service.service(home.env, "linux").text.splitlines()
    assert "Restart=on-failure" in lines
    (codes,) = [line for line in lines if line.startswith("RestartPreventExitStatus=")]
    assert str(TryAgain.exit_code) in codes.partition("=")[2].split()


def test_the_unit_hands_on_what_the_daemon_is_found_by(home: Home) -> None:
    unit = service.service({**home.env, "EDITOR": ODD, "SECRET": "x"}, "linux", ["/opt/a b/rbridge"])
    assert unit.path == f"{home.config}/systemd/user/rbridge.service"
    assert 'ExecStart="/opt/a b/rbridge" "serve"' in unit.text
    assert f'Environment="RBRIDGE_RUNTIME_DIR={home.runtime}"' in unit.text
    assert 'Environment="EDITOR=/opt/a b/100%%/\\"$x\\"\\\\"' in unit.text
    assert "SECRET" not in unit.text


def test_on_a_desktop_it_waits_for_what_the_desktop_hands_to_systemd(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.file("systemd/private")
    home.script("bin/systemctl", "#!/bin/sh\nexit 0\n")
    monkeypatch.setenv("PATH", f"{home.path}/bin")
    unit = service.service({**home.env, "XDG_RUNTIME_DIR": str(home.path)}, "linux")
    assert unit.reachable
    assert {"After=graphical-session.target", "WantedBy=graphical-session.target"} <= set(
        unit.text.splitlines()
    )
    home.script("bin/systemctl", "#!/bin/sh\nexit 3\n")
    unit = service.service({**home.env, "XDG_RUNTIME_DIR": str(home.path)}, "linux")
    assert [line for line in unit.text.splitlines() if ".target" in line] == ["WantedBy=default.target"]


def test_launchd_gets_a_list_that_it_reads_and_does_not_loop(home: Home) -> None:
    agent = service.service({"PATH": "/opt/<&>"}, "darwin", ["/opt/a b/rbridge"])
    assert agent.path.endswith("/Library/LaunchAgents/rbridge.plist")
    listed = plistlib.loads(agent.text.encode())
    assert listed["ProgramArguments"] == ["/opt/a b/rbridge", "serve"]
    assert listed["EnvironmentVariables"] == {"PATH": "/opt/<&>"}
    assert listed["KeepAlive"] == {"Crashed": True}
    assert agent.start[0][-1] == agent.path


def test_another_system_is_named(home: Home) -> None:
    with pytest.raises(UsageError, match="freebsd14"):
        service.service(home.env, "freebsd14")


def test_a_variable_with_a_newline_is_refused() -> None:
    with pytest.raises(UsageError):
        service.service({"PATH": "/bin\nExecStartPre=/bin/false"}, "linux")


def test_the_program_is_the_one_that_was_started(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    script = home.script("bin/rbridge", "#!/bin/sh\n")
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert f'ExecStart="{script}" "serve"' in service.service(home.env, "linux").text
    monkeypatch.setattr(sys, "argv", ["pytest"])
    assert f'ExecStart="{sys.executable}" "-m" "rbridge" "serve"' in service.service(home.env, "linux").text


def test_it_is_shown_written_and_started(made: Service, said: list[str], tmp_path: Path) -> None:
    assert _setup(made, said) == 0
    assert "+[Unit]" in said
    assert Path(made.path).read_text() == made.text
    assert (tmp_path / "log").read_text() == "start\n"


def test_a_no_writes_and_starts_nothing(made: Service, said: list[str], tmp_path: Path) -> None:
    assert _setup(made, said, answer=False) == 1
    assert os.listdir(tmp_path) == []


def test_remove_ends_it_first_and_takes_the_file_away(made: Service, said: list[str], tmp_path: Path) -> None:
    _setup(made, said)
    assert _remove(made, said) == 0
    assert not os.path.exists(made.path)
    assert (tmp_path / "log").read_text() == "start\nstop\nreload\n"
    with pytest.raises(NoInput):
        _remove(made, said)


def test_without_a_manager_the_lines_to_run_are_said(made: Service, said: list[str], tmp_path: Path) -> None:
    away = replace(made, reachable=False, start=(("systemctl", "--user", "restart", "rbridge.service"),))
    assert _setup(away, said) == 0
    assert "to start it: systemctl --user restart rbridge.service" in said
    assert os.path.exists(made.path)


def test_a_manager_that_fails_is_quoted(made: Service, said: list[str]) -> None:
    failing = replace(made, start=(("sh", "-c", "echo no bus >&2; exit 3"),))
    assert _setup(failing, said) == 75
    assert said[-1].endswith("ended with 3: no bus")
