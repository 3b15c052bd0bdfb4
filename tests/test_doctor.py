"""``rbridge doctor`` on the laptop: each failure is produced with a real daemon, or real files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from rbridge import __version__, doctor
from rbridge.errors import UsageError
from rbridge.server.spool import About
from tests.conftest import Start
from tests.harness.environment import ROOT, Home, rbridge
from tests.harness.sshd import Sshd
from tests.harness.wait import free_port
from tests.ssh.doctored import of_laptop, said
from tests.ssh.trip import Trip


def test_with_a_daemon_all_is_ok(daemon: Start, home: Home) -> None:
    running = daemon(editor="true")
    home.env["EDITOR"] = "true"
    found = of_laptop(home)
    assert (found.code, found.wrong()) == (0, []), found
    assert f"(pid {running.process.pid}), version {__version__}" in found["daemon"]["said"]
    assert "control.sock" in found["sockets"]["said"]


def test_it_is_shown_as_a_table_with_the_time_it_took(daemon: Start, home: Home) -> None:
    daemon(editor="true")
    lines = said(home).out.splitlines()
    assert lines[0].startswith(("ok       rbridge    rbridge ", "ok  rbridge    rbridge "))
    assert lines[-1].endswith(" s")


def test_no_daemon_runs(home: Home) -> None:
    found = of_laptop(home)
    assert found.code == 69
    assert found["daemon-not-running"]["level"] == "failure"
    assert found["daemon-not-running"]["mend"].startswith("rbridge serve")


def test_it_makes_nothing_here(home: Home) -> None:
    home.runtime.rmdir()
    home.state.rmdir()
    of_laptop(home)
    assert not home.runtime.exists()
    assert not home.state.exists()
    home.runtime.mkdir()


def test_a_daemon_of_another_version(daemon: Start, home: Home) -> None:
    other = home.root / "other"
    shutil.copytree(ROOT / "rbridge", other / "rbridge", ignore=shutil.ignore_patterns("__pycache__"))
    (other / "rbridge" / "__init__.py").write_text('"""Another."""\n\n__version__ = "0.0.9"\n')
    daemon(editor="true", env={"PYTHONPATH": str(other), "PYTHONSAFEPATH": "1"})
    found = of_laptop(home)
    assert f"is version 0.0.9: this command is {__version__}" in found["daemon-version"]["said"]
    assert found["daemon-version"]["mend"] == "rbridge serve --stop; rbridge serve"


def test_a_daemon_that_does_not_answer(daemon: Start, home: Home) -> None:
    running = daemon(editor="true")
    running.process.send_signal(signal.SIGSTOP)
    try:
        found = of_laptop(home)
    finally:
        running.process.send_signal(signal.SIGCONT)
    assert found["daemon-silent"]["mend"] == f"kill {running.process.pid}; rbridge serve"


def test_a_daemon_with_its_sockets_elsewhere(daemon: Start, home: Home) -> None:
    running = daemon(editor="true")
    elsewhere = home.root / "run2"
    elsewhere.mkdir(mode=0o700)
    there, home.env["RBRIDGE_RUNTIME_DIR"] = home.env["RBRIDGE_RUNTIME_DIR"], str(elsewhere)
    found = of_laptop(home)
    assert str(running.process.pid) in found["two-daemons"]["said"]
    assert f"RBRIDGE_RUNTIME_DIR={there}" in found["two-daemons"]["mend"]
    assert "daemon-not-running" in found


def test_a_runtime_directory_that_others_can_reach(home: Home) -> None:
    home.runtime.chmod(0o755)
    found = of_laptop(home)
    assert found["runtime"]["level"] == "failure"
    assert found["runtime"]["mend"] == f"run: chmod 700 {home.runtime}"
    assert found["daemon"]["level"] == "unknown"


def test_sockets_that_are_stale_or_open_to_others(home: Home) -> None:
    for name in ("stale.sock", "open.sock"):
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(home.runtime / name))
        (home.runtime / name).chmod(0o600)
    (home.runtime / "open.sock").chmod(0o666)
    found = of_laptop(home)
    assert found["socket-stale"]["mend"] == f"rm {home.runtime}/stale.sock"
    assert found["socket-open"]["mend"] == f"chmod 600 {home.runtime}/open.sock"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_a_socket_of_another_user(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(home.runtime / "x.sock"))
    os.chown(home.runtime / "x.sock", 65534, 65534)
    assert of_laptop(home)["socket-foreign"]["level"] == "failure"


def test_the_port_is_the_daemon_s(daemon: Start, home: Home) -> None:
    running = daemon(editor="true", listen=("127.0.0.1:0",))
    found = of_laptop(home, running.port)
    assert f"the daemon listens on 127.0.0.1:{running.port}" in found["port"]["said"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_port_is_another_program_s(home: Home, host: str) -> None:
    port = free_port()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family):
        found = of_laptop(home, port)
    assert f"port {port} is held by another program" in found["port-taken"]["said"]
    assert found["port-taken"]["level"] == "warning"


def test_a_state_directory_that_others_can_reach(home: Home) -> None:
    home.state.chmod(0o770)
    assert of_laptop(home)["state"]["mend"] == f"run: chmod 700 {home.state}"


def test_texts_that_wait_for_their_host(home: Home) -> None:
    text(home)
    found = of_laptop(home)
    assert found["texts-kept"]["said"].startswith("1 text(s)")
    assert found["texts-kept"]["mend"] == "rbridge recover"


def test_no_editor(home: Home) -> None:
    bare = home.path / "bare"
    bare.mkdir()
    home.env["PATH"] = str(bare)
    found = of_laptop(home)
    assert found["no-editor"]["level"] == "failure"
    assert "rbridge serve --editor" in found["no-editor"]["mend"]


def test_settings_that_make_no_sense(home: Home) -> None:
    (home.config / "rbridge").mkdir(mode=0o700)
    (home.config / "rbridge" / "config.toml").write_text("editor = 7\n")
    found = of_laptop(home)
    assert found["settings"]["level"] == "failure"
    assert "editor" in found["settings"]["said"]


def test_what_the_editor_keeps_on_the_disk(home: Home) -> None:
    home.script("bin/code", "#!/bin/sh\n")
    home.env.update(PATH=f"{home.path}/bin:{home.env['PATH']}", DISPLAY=":99")
    assert "hot exit" in of_laptop(home)["keeps"]["said"]


def test_plug_ins(home: Home) -> None:
    home.run(rbridge("plugin", "install", "vim")).ok()
    home.run(rbridge("plugin", "install", "emacs")).ok()
    (home.path / ".emacs.d/elpa/rbridge/.rbridge-plugin").write_text("0.0.9 x\n")
    home.file(".local/share/nvim/site/pack/rbridge/start/rbridge/mine.lua")
    found = of_laptop(home)
    assert found["plug-in"]["said"] == f"Vim: its plug-in is installed ({__version__})"
    assert found["plug-in-old"]["mend"] == "rbridge plugin install emacs"
    assert "is there, and not from rbridge" in found["plug-in-foreign"]["said"]


def test_a_plug_in_is_offered_for_an_editor_that_is_there(home: Home) -> None:
    home.script("bin/nvim", "#!/bin/sh\n")
    home.env["PATH"] = f"{home.path}/bin:{home.env['PATH']}"
    assert "nvim" in of_laptop(home)["plug-in-offered"]["said"]


def test_without_a_host_the_tunnels_are_told(home: Home, sshd: Sshd) -> None:
    trip = Trip(home, sshd)
    try:
        trip.run("connect").ok()
        found = of_laptop(home)
        assert found["tunnel"]["said"].startswith("gpu1: connected for ")
        assert "an-editor" in found["editor"]["said"]
    finally:
        trip.close()


def test_a_mistake_in_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--bogus"], ["gpu1", "ls"], ["-p"]):
        with pytest.raises(UsageError):
            doctor.run(words, print)
    assert doctor.run(["--help"], print) == 0
    assert capsys.readouterr().out == doctor.USAGE


def test_a_library_that_is_missing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    for name in ("RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR"):
        monkeypatch.setenv(name, home.env[name])
    monkeypatch.setattr(doctor, "LIBRARIES", ("click", "no-such-library"))
    doctor.run(["--json"], lines.append, free_port())
    found = {one["name"]: one for one in json.loads(lines[0])["findings"]}
    assert "'no-such-library' is missing" in found["library"]["said"]


def text(home: Home) -> Path:
    """A text that a daemon has kept."""
    directory = home.state / "spool" / ("ab" * 8)
    directory.mkdir(parents=True, mode=0o700)
    directory.parent.chmod(0o700)
    values = {"host": "gpu1", "path": "/x", "name": "x", "why": "lost", "base": "", "time": 1.0, "size": 2}
    about = About(id="ab" * 8, sha256="0" * 64, text="x", **values)  # type: ignore[arg-type]
    (directory / "about.json").write_text(json.dumps(about.__dict__))
    (directory / "x").write_text("hi")
    return directory
