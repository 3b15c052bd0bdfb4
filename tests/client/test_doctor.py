"""``rbridge doctor`` on a host: each failure is produced with real sockets, files and processes.

Long, because each of them is a test.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rbridge import __version__, laptop
from rbridge.client import doctor, journal, rcfiles, undelivered
from rbridge.errors import UsageError
from rbridge.findings import Finding, ok
from rbridge.wire import codec
from tests.client import foreign
from tests.client.saving import disk
from tests.conftest import Start
from tests.harness.client import Builds
from tests.harness.environment import Home, rbridge, signalled, stop
from tests.harness.tmux import Tmux
from tests.harness.wait import free_port, until
from tests.ssh.doctored import Findings, at, of_this_host

NOBODY = 65534
IDENTITY = "0123456789abcdef"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")


def greeting(laptop: str = "desk", version: str = __version__, identity: str = IDENTITY) -> bytes:
    return codec.greeting(laptop, version, "vim", identity=identity).encode() + b"\n"


@pytest.fixture
def place(rendezvous: Path) -> Path:
    """Where tunnels end on this host; made, as a visit would."""
    rendezvous.mkdir(mode=0o700, parents=True)
    rendezvous.parent.chmod(0o700)
    return rendezvous


@pytest.fixture
def tunnel(place: Path) -> Iterator[Path]:
    """A socket at which a laptop answers."""
    path = place / "a.sock"
    with at(socket.AF_UNIX, str(path), greeting()):
        path.chmod(0o600)
        yield path


def stale(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    path.chmod(0o600)
    return path


def wrong(found: Findings) -> list[str]:
    """The names of what is not ok, but that this test's rbridge is on no PATH."""
    return [name for name in found.wrong() if name != "path"]


def test_with_a_tunnel_it_says_where_files_open_and_how_far_that_is(home: Home, tunnel: Path) -> None:
    found = of_this_host(home)
    assert (found.code, wrong(found)) == (0, []), found
    said = found["socket"]["said"]
    assert (
        f"a.sock (~/.rbridge/{os.uname().nodename}, mode 0600) leads to desk (rbridge {__version__})" in said
    )
    assert found["daemon"]["said"].startswith("files open on desk; round trip ")
    assert __version__ in found["rbridge"]["said"]
    assert os.uname().nodename in found["host"]["said"]
    names = [one["name"] for one in found.all]
    assert names.index("socket") < names.index("port") < names.index("daemon")


def test_a_real_daemon_is_told_by_its_name_and_hears_of_nothing(home: Home, daemon: Start) -> None:
    running = daemon(editor="true")
    found = of_this_host(home)
    assert f"files open on {socket.gethostname().partition('.')[0]}" in found["daemon"]["said"]
    assert running.err.count("\n") == 1, running.err  # but for what it says at its start


def test_it_sends_nothing(home: Home, place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "a.sock"))
        listener.listen()
        (place / "a.sock").chmod(0o600)
        assert "socket-half-dead" in of_this_host(home)
        taken, _ = listener.accept()
        with taken:
            assert taken.recv(100) == b""


def test_nobody_listens(home: Home) -> None:
    found = of_this_host(home)
    assert (found.code, found["nobody"]["level"]) == (69, "failure")
    assert found["nobody"]["mend"] == "on the laptop: rbridge connect HOST"


def test_a_home_whose_tunnel_ends_on_another_node(home: Home, place: Path) -> None:
    (place.parent / "login1").mkdir(mode=0o700)
    stale(place.parent / "login1" / "a.sock")
    home.script("bin/ssh", f"#!/bin/sh\ntouch {home.root}/gone-there\n")
    found = of_this_host(home, env={"PATH": f"{home.path}/bin:{home.env['PATH']}"})
    assert not (home.root / "gone-there").exists()  # it only looks
    assert (found["other-node"]["level"], found.code) == ("warning", 0)
    assert "there are sockets of login1, which share this home" in found["other-node"]["said"]
    assert found["other-node"]["mend"] == "rbridge open --via login1 FILE"


def test_a_stale_socket(home: Home, place: Path, tunnel: Path) -> None:
    path = stale(place / "old.sock")
    found = of_this_host(home)
    assert (found["socket-stale"]["level"], found["socket-stale"]["mend"]) == ("warning", f"rm {path}")
    assert found.code == 0
    home.run(["sh", "-c", found["socket-stale"]["mend"]]).ok()
    assert "socket-stale" not in of_this_host(home)


def test_a_socket_that_is_half_dead(home: Home, place: Path) -> None:
    with at(socket.AF_UNIX, str(place / "old.sock")):
        (place / "old.sock").chmod(0o600)
        found = of_this_host(home)
    assert "a lost login holds it" in found["socket-half-dead"]["said"]
    mend = found["socket-half-dead"]["mend"]
    assert mend == f"rm {place}/old.sock  # unless that laptop only sleeps"
    home.run(["sh", "-c", mend]).ok()
    assert "socket-half-dead" not in of_this_host(home)


def test_a_socket_that_leads_to_no_daemon(home: Home, place: Path) -> None:
    with at(socket.AF_UNIX, str(place / "web.sock"), b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        (place / "web.sock").chmod(0o600)
        found = of_this_host(home)
    assert found["socket-closed"]["level"] == "warning"
    assert "nobody" in found


def test_a_socket_that_others_can_reach(home: Home, tunnel: Path) -> None:
    tunnel.chmod(0o666)
    found = of_this_host(home)
    assert found["socket-open"]["mend"] == f"chmod 600 {tunnel}"
    home.run(["sh", "-c", found["socket-open"]["mend"]]).ok()
    assert wrong(of_this_host(home)) == []


@needs_root
def test_a_socket_of_another_user(home: Home, place: Path) -> None:
    words = [sys.executable, foreign.__file__, "unix", str(place / "evil.sock")]
    theirs = home.start(words, stdin=subprocess.PIPE)
    assert theirs.stdout is not None
    try:
        assert theirs.stdout.readline() == b"0\n"
        found = of_this_host(home)
    finally:
        stop(theirs)
    assert found["socket-foreign"]["level"] == "failure"
    assert "it belongs to nobody" in found["socket-foreign"]["said"]
    assert found.code == 69


def test_an_editor_that_is_no_rbridge(home: Home, place: Path) -> None:
    with at(socket.AF_UNIX, str(home.path / ".rmate.socket"), b"220 desk RMATE TextMate\n"):
        (home.path / ".rmate.socket").chmod(0o600)
        found = of_this_host(home)
    assert "nobody hears whether a save arrived" in found["daemon"]["said"]
    assert found.code == 0


def test_a_daemon_of_another_version(home: Home, place: Path) -> None:
    with at(socket.AF_UNIX, str(place / "a.sock"), greeting(version="0.0.9")):
        (place / "a.sock").chmod(0o600)
        found = of_this_host(home)
    assert found["daemon-version"]["said"] == f"it is rbridge 0.0.9, and this is {__version__}"
    assert found["daemon-version"]["mend"] == "on the laptop: rbridge deploy HOST"


def test_several_laptops_and_the_one_that_was_chosen(home: Home, place: Path, tunnel: Path) -> None:
    with at(socket.AF_UNIX, str(place / "b.sock"), greeting("book", identity="f" * 16)):
        (place / "b.sock").chmod(0o600)
        found = of_this_host(home)
        assert found["several-laptops"]["level"] == "warning"
        assert "rbridge use LAPTOP" in found["several-laptops"]["mend"]
        home.run(rbridge("use", "book")).ok()
        assert of_this_host(home)["daemon"]["said"].startswith("files open on book")


def test_a_directory_that_others_may_write_to(home: Home, place: Path, tunnel: Path) -> None:
    place.chmod(0o770)
    found = of_this_host(home)
    assert found["directory"]["level"] == "failure"
    assert found["directory"]["mend"] == f"run: chmod 700 {place}"
    assert "nobody" in found


def test_a_directory_that_is_a_link(home: Home, place: Path) -> None:
    place.rmdir()
    place.symlink_to(home.root)
    assert "is a symbolic link" in of_this_host(home)["directory"]["said"]


@needs_root
def test_a_directory_of_another_user(home: Home, place: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    assert "belongs to nobody" in of_this_host(home)["directory"]["said"]


def test_a_variable_of_a_tmux_server_that_is_older_than_the_tunnel(
    home: Home, tunnel: Path, request: pytest.FixtureRequest
) -> None:
    home.env["RBRIDGE_SOCKET"] = str(home.root / "gone.sock")
    tmux: Tmux = request.getfixturevalue("tmux")
    told = home.root / "told"
    tmux.line(f"{shlex.join(rbridge('doctor', '--json'))} > {told}; echo $RBRIDGE_SOCKET it was")
    tmux.wait_for("gone.sock it was")
    found = {one["name"]: one for one in json.loads(told.read_text())["findings"]}
    assert found["variable-stale"]["said"].startswith("$RBRIDGE_SOCKET is stale: ")
    tmux.line(found["variable-stale"]["mend"] + "; echo [$RBRIDGE_SOCKET] here")
    tmux.wait_for("[] here")
    tmux.window(["sh", "-c", "echo [$RBRIDGE_SOCKET] anew; exec sleep 60"])
    tmux.wait_for("[] anew")


def test_settings_that_make_no_sense(home: Home) -> None:
    assert "$RMATE_PORT" in of_this_host(home, env={"RMATE_PORT": "x"})["setting"]["said"]
    home.file(".rmate.rc", "port: x\n")
    assert "is not a port" in of_this_host(home)["setting"]["said"]


def test_a_port_on_both_families(home: Home, tunnel: Path) -> None:
    port = free_port()
    found = of_this_host(home, port)
    free = [one["said"] for one in found.all if one["hop"] == "port"]
    assert free == [f"localhost:{port} ({host}) (the usual port) is free" for host in ("127.0.0.1", "::1")]
    with (
        at(socket.AF_INET, ("127.0.0.1", port), greeting()),
        at(socket.AF_INET6, ("::1", port), greeting()),
    ):
        found = of_this_host(home, port)
    assert sum("leads to desk" in one["said"] for one in found.all if one["hop"] == "port") == 2


def test_a_port_that_is_held_on_one_family_by_a_lost_login(home: Home) -> None:
    port = free_port()
    with at(socket.AF_INET, ("127.0.0.1", port)):
        found = of_this_host(home, port)
    assert "a lost login holds it" in found["port-half-dead"]["said"]
    assert f"'ssh -R {port}' would succeed on the other address" in found["port-one-family"]["said"]
    assert found["port-one-family"]["mend"] == "on the laptop: rbridge connect HOST"


@needs_root
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_that_another_user_has_taken_first(home: Home, host: str) -> None:
    words = "import os, socket, sys; os.setuid(65534); ipv6 = ':' in sys.argv[1]\n"
    words += (
        "l = socket.create_server((sys.argv[1], 0), family=socket.AF_INET6 if ipv6 else socket.AF_INET)\n"
    )
    words += "print(l.getsockname()[1], flush=True); taken = [l.accept() for _ in range(9)]"
    theirs = home.start([sys.executable, "-c", words, host], env={"PYTHONPATH": ""})
    assert theirs.stdout is not None
    try:
        port = int(theirs.stdout.readline())
        found = of_this_host(home, port)  # who says nothing is known by the kernel's table
    finally:
        stop(theirs, 9)
    assert found["port-squatted"]["level"] == "failure"
    assert "it belongs to nobody" in found["port-squatted"]["said"]


def test_keys(home: Home, place: Path) -> None:
    keys = place.parent / "keys"
    keys.mkdir(mode=0o700)
    own = home.file(f".rbridge/keys/{IDENTITY}@{os.uname().nodename}", f"{'0' * 16} {'0' * 64} h\n", 0o600)
    home.file(".rbridge/keys/0000000000000000@another", "", 0o644)
    assert "yours alone" in of_this_host(home)["key"]["said"]
    for path, mode in ((own, 0o644), (keys, 0o755), (place.parent, 0o777)):
        before = path.stat().st_mode & 0o777
        path.chmod(mode)
        found = of_this_host(home)
        assert found["key"]["level"] == "failure", found
        home.run(["sh", "-c", found["key"]["mend"]]).ok()
        assert of_this_host(home)["key"]["level"] == "ok"
        path.chmod(before)
    text = own.read_text()
    own.unlink()
    home.file("elsewhere", text, 0o600)
    own.symlink_to(home.path / "elsewhere")
    assert "is a symbolic link" in of_this_host(home)["key"]["said"]


def test_a_daemon_on_a_port_without_a_key(home: Home, place: Path) -> None:
    port = free_port()
    with at(socket.AF_INET, ("127.0.0.1", port), greeting()):
        assert "no key for desk" in of_this_host(home, port)["key"]["said"]


@needs_root
def test_a_disk_that_is_full_or_read_only(home: Home) -> None:
    with disk(home.state, "size=32k,mode=700"):
        found = of_this_host(home)
        assert found["state-full"]["level"] == "failure"
        assert "no space left" in found["state-full"]["said"]
        assert found["state-full"]["mend"] == f"make room: df -h {home.state}"
        assert list(home.state.iterdir()) == []
    with disk(home.runtime, "ro,mode=700"):
        found = of_this_host(home)
        assert "read-only" in found["runtime-full"]["said"]
        assert "RBRIDGE_RUNTIME_DIR" in found["runtime-full"]["mend"]


def test_a_quota_that_is_used_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(directory: str) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    for name in ("RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR"):
        monkeypatch.setenv(name, home.env[name])
    monkeypatch.setattr(doctor, "write", refused)
    for one in doctor.directories():
        assert "quota exceeded" in one.said
        assert one.mend.startswith("make room: quota -s;")


def test_directories_that_are_not_ours_alone(home: Home) -> None:
    home.state.chmod(0o770)
    home.runtime.chmod(0o770)
    found = of_this_host(home)
    assert found["state"]["mend"] == f"run: chmod 700 {home.state}"
    assert "RBRIDGE_RUNTIME_DIR" in found["runtime"]["mend"]


@needs_root
def test_a_home_that_nothing_may_be_executed_from(home: Home, builds: Builds) -> None:
    with disk(home.path / "bin", "noexec,mode=700") as there:
        (there / "rbridge").write_bytes(builds.file.read_bytes())
        (there / "rbridge").chmod(0o755)
        found = Findings(home.run([sys.executable, there / "rbridge", "doctor", "--json"]))
        mend = found["noexec"]["mend"]
        assert mend.startswith("alias rbridge=")
        said = home.run(["sh", "-c", f"{mend}\neval 'rbridge --version'"]).ok().out
        assert said == f"rbridge {__version__}\n"


def test_the_single_file_examines_itself(home: Home, builds: Builds, tunnel: Path) -> None:
    ran = home.run([builds.file, "doctor"])
    assert ran.err == ""
    assert f"rbridge {__version__} at {builds.file}, with Python " in ran.out
    assert "files open on desk" in ran.out
    assert f"-> export PATH={builds.file.parent}:$PATH" in ran.out
    other = home.script("bin/rbridge", "#!/bin/sh\n")
    found = Findings(
        home.run([builds.file, "doctor", "--json"], env={"PATH": f"{other.parent}:/usr/bin:/bin"})
    )
    assert found["path"]["said"] == f"this shell finds another rbridge first: {other}"
    mended = home.run(["sh", "-c", found["path"]["mend"] + f"; {builds.file} doctor --json"])
    assert "path" not in Findings(mended)


def test_what_runs_in_the_background_and_what_of_it_hangs(
    home: Home, editor: Callable[..., object], daemon: Start, place: Path
) -> None:
    home.file("a.txt", "text\n")
    running = daemon(editor="sh -c 'exec sleep 600' {file}")
    home.run(rbridge("open", "--socket", str(running.socket), "a.txt")).ok()
    found = of_this_host(home)
    said = found["client"]["said"]
    assert ", 1 open, " in said
    pid = int(said.partition("pid ")[2].partition(",")[0])
    assert pid in home.processes()
    signalled(pid, signal.SIGSTOP)
    hung = of_this_host(home)["client-hung"]
    assert (hung["level"], hung["mend"]) == ("warning", f"kill -CONT {pid}  # or end it: kill {pid}")
    home.run(["sh", "-c", hung["mend"]]).ok()
    until(lambda: "client-hung" not in of_this_host(home))
    running.process.kill()  # no farewell
    until(lambda: "not-connected" in of_this_host(home))


def test_texts_that_only_a_laptop_has_and_saves_that_were_cut_short(home: Home) -> None:
    one = undelivered.Undelivered("/home/me/a", "desk", IDENTITY, "lost")
    undelivered.remember(str(home.state), one)
    (home.state / "saves").mkdir(mode=0o700)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (home.state / "saves" / f"{journal.node()}-{ended.pid}-0011aabb.json").write_text("{}")
    (home.state / "saves" / f"{journal.node()}-{os.getpid()}-0011aabb.json").write_text("{}")
    found = of_this_host(home)
    assert found["texts-kept"]["said"] == "only a laptop has the newest text of 1 file(s)"
    assert found["torn"]["said"] == "1 save(s) in place were cut short"


def test_language_servers_and_who_turned_them_off(home: Home, tmp_path: Path) -> None:
    home.script("bin/pylsp", "#!/bin/sh\n")
    env = {"PATH": f"{home.path}/bin"}
    assert found_languages(home, env) == "language servers on this PATH: pylsp (python)"
    assert found_languages(home, {"PATH": str(tmp_path)}).endswith("none; pip install basedpyright, say")
    settings = home.config / "rbridge" / "config.toml"
    settings.parent.mkdir(mode=0o700)
    settings.write_text("lsp-python = 7\n")
    found = of_this_host(home, env=env)
    assert (found["languages-setting"]["level"], found["languages-setting"]["mend"]) == (
        "warning",
        f"mend {settings}",
    )
    settings.write_text("lsp = false\n")
    assert found_languages(home, env) == f"language servers are turned off by lsp in {settings}"


def found_languages(home: Home, env: dict[str, str]) -> str:
    return str(of_this_host(home, env=env)["languages"]["said"])


def test_the_administrator_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rbridge.conf").write_text("lsp = false\nidle = 5\n")
    monkeypatch.setattr(rcfiles, "SYSTEM", str(tmp_path / "rbridge.conf"))
    said = [one.said for one in doctor.languages()]
    assert said[0] == f"{tmp_path}/rbridge.conf says idle = 5, lsp = False"


def test_a_check_that_hangs_or_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    never, far = os.pipe()

    def machine() -> list[Finding]:
        os.read(never, 1)
        return []

    def keys() -> list[Finding]:
        raise ZeroDivisionError("oops")

    for name in ("sockets", "directories", "processes", "texts"):
        monkeypatch.setattr(doctor, name, list)
    machine.__name__ = "program"
    monkeypatch.setattr(doctor, "program", machine)
    monkeypatch.setattr(doctor, "keys", keys)
    monkeypatch.setattr(doctor, "languages", lambda: [ok("languages", "languages", "works")])
    monkeypatch.setattr(doctor, "EACH", 0.05)
    found = doctor.look()
    os.close(far)
    assert [one.level.value for one in found] == ["unknown", "unknown", "ok"]
    assert "ZeroDivisionError" in found[1].said


def test_a_mistake_in_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"rbridge doctor \[--json\]"):
        doctor.run(["gpu1"])
    assert doctor.run(["--help"]) == 0
    assert capsys.readouterr().out == doctor.USAGE


def test_which_end_is_looked_at_where_both_are_installed(home: Home, rendezvous: Path, daemon: Start) -> None:
    def hops(**env: str) -> set[str]:
        return {str(one["hop"]) for one in Findings(home.run(rbridge("doctor", "--json"), env=env)).all}

    assert "editor" in hops()  # nothing tells of a host here
    assert "editor" not in hops(SSH_CONNECTION="10.0.0.1 5 10.0.0.2 22")
    rendezvous.mkdir(mode=0o700, parents=True)  # as in tmux, days after a laptop has connected
    assert "editor" not in hops()
    assert laptop.installed()
    daemon(editor="true")
    assert "editor" in hops(SSH_CONNECTION="10.0.0.1 5 10.0.0.2 22")
