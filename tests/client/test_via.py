"""What is run to get to another machine; this ssh is a script, tests/ssh/test_nodes.py has the real one."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from rbridge.client import via
from rbridge.errors import NotListening, UsageError
from tests.harness.environment import PROGRAMS, Home
from tests.harness.wait import until

SAYS = """#!/bin/sh
echo "$@" >>"$0.log"
case " $* " in
  *" -O cancel "*) : >"$0.cancelled" ;;
  *" -O forward "*)
    [ -n "$FORGETS" ] && [ ! -e "$0.cancelled" ] && exit
    for word; do case $word in /*:/*) : >"${word%%:*}" ;; esac; done ;;
  *) DOES ;;
esac
"""
"""The first forward comes to nothing where it FORGETS."""


@pytest.fixture(autouse=True)
def environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "RBRIDGE_RUNTIME_DIR"):
        monkeypatch.setenv(name, home.env[name])


@pytest.fixture
def ssh(home: Home, monkeypatch: pytest.MonkeyPatch):
    """``ssh("echo a; exit 1")``: an ssh that does this; the file in which it says how it was called."""

    def write(does: str) -> Path:
        script = home.script("bin/ssh", SAYS.replace("DOES", does))
        monkeypatch.setenv("PATH", f"{script.parent}:{PROGRAMS}")
        return Path(f"{script}.log")

    return write


@pytest.mark.parametrize("name", ["login1", "login1.cluster.edu", "me@login-1", "10.0.0.1", "a_b"])
def test_what_can_be_a_machine(name):
    assert via.is_name(name)


@pytest.mark.parametrize(
    "name", ["", "-oProxyCommand=x", "a b", "a;b", "a/b", "..", "@x", "ä", "a" * 254, "a\n", "a:b", "%h"]
)
def test_what_cannot(name):
    assert not via.is_name(name)
    with pytest.raises(UsageError):
        via.ends(name)


def test_the_machine_is_in_the_socket_s_name():
    assert via.node_of("/run/via-me@login-1-0123abcd.sock") == "me@login-1"
    assert via.node_of("/run/0123-4567.sock") == ""
    assert via.node_of("/run/via-x.other") == ""
    assert via.node_of("") == ""


def test_sockets_here_lead_to_those_that_were_named(home, ssh):
    log = ssh(f"echo welcome; echo '{via.MARK}/there/a.sock'; echo '{via.MARK}/there/b.sock'")
    found = via.lead("login1", 20)
    assert [one.shared for one in found] == [True, True]
    assert [via.node_of(one.path) for one in found] == ["login1", "login1"]
    first, *forwards = log.read_text().splitlines()
    assert "BatchMode=yes" in first
    assert f"-S {home.runtime}/via/login1 " in first
    assert [f":/there/{name}.sock " in line for name, line in zip("ab", forwards, strict=True)] == [
        True,
        True,
    ]
    assert sorted(one.path for one in via.ends("login1")) == sorted(one.path for one in found)
    assert via.ends("login") == []
    assert (home.runtime / "via").stat().st_mode & 0o777 == 0o700


def test_who_may_ask_is_not_kept_from_it_and_heard(ssh, capfd):
    log = ssh(f"echo '{via.MARK}/there/a.sock'; echo 'try again' >&2")
    via.lead("login1", 20, True)
    assert "BatchMode" not in log.read_text()
    assert capfd.readouterr().err == "try again\n"
    ssh("echo Permission denied. >&2; exit 255")
    with pytest.raises(NotListening, match="^ssh: it said why$"):
        via.lead("login1", 20, True)


def test_who_may_not_has_no_window_to_ask_in(home, ssh, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":9")
    for asks, said in ((False, "none never\n"), (True, ":9 \n")):
        ssh(f'echo "${{DISPLAY-none}} $SSH_ASKPASS_REQUIRE" >"$0.env"; echo \'{via.MARK}/there/a.sock\'')
        via.lead("login1", 20, asks)
        assert (home.path / "bin" / "ssh.env").read_text() == said


def test_a_runtime_directory_with_a_space(home, ssh, monkeypatch):
    place = home.root / "run dir"
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(place))
    ssh(f"printf '<%s>' \"$@\" >\"$0.words\"; echo '{via.MARK}/there/a.sock'")
    via.lead("login1", 20)
    assert f"<-S><{place}/via/login1>" in (home.path / "bin" / "ssh.words").read_text()


def test_an_old_ssh_that_knows_no_remote_command(ssh):
    complaint = "command-line: line 0: Bad configuration option: remotecommand"
    ssh(
        f'case "$*" in *RemoteCommand*) echo "{complaint}" >&2; exit 255 ;; esac;'
        f" echo '{via.MARK}/there/a.sock'"
    )
    assert len(via.lead("login1", 20)) == 1


def test_one_whose_stderr_stays_open(home, ssh):
    """As with ``ControlPersist`` and a ProxyCommand before OpenSSH 8.0."""
    ssh(f"sleep 1000 >/dev/null & echo $! >\"$0.pid\"; echo '{via.MARK}/there/a.sock'")
    try:
        assert len(via.lead("login1", 20)) == 1
    finally:
        os.kill(int((home.path / "bin" / "ssh.pid").read_text()), signal.SIGKILL)


def test_where_more_files_are_open_than_select_can_have(ssh):
    ssh(f"echo '{via.MARK}/there/a.sock'")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2048), before[1]))
    held = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while held[-1] < 1100:
            held.append(os.dup(held[0]))
        assert len(via.lead("login1", 20)) == 1
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_socket_that_was_removed_is_made_again(ssh, monkeypatch):
    monkeypatch.setenv("FORGETS", "yes")
    log = ssh(f"echo '{via.MARK}/there/a.sock'")
    (found,) = via.lead("login1", 20)
    assert os.path.exists(found.path)
    assert [line.partition("-O ")[2].split()[0] for line in log.read_text().splitlines()[1:]] == [
        "forward",
        "cancel",
        "forward",
    ]


def test_what_makes_no_sense_is_passed_over():
    paths = ["relative", "/a:b", "/" + "x" * 200, "/1", "/2", "/3", "/4", "/5"]
    assert via.listed("".join(f"{via.MARK}{path}\n" for path in paths)) == ["/1", "/2", "/3", "/4"]


def test_nobody_listens_there(ssh):
    ssh("true")
    with pytest.raises(NotListening, match="no tunnel ends there"):
        via.lead("login1", 20)


def test_ssh_s_own_last_words_are_told(ssh):
    ssh("echo first >&2; echo 'ssh: no such host' >&2; exit 255")
    with pytest.raises(NotListening, match="^ssh: no such host$"):
        via.lead("login1", 20)
    ssh("echo Permission denied. >&2; exit 255")
    with pytest.raises(NotListening, match="^ssh: Permission denied.$"):
        via.lead("login1", 20)
    ssh("exit 255")
    with pytest.raises(NotListening, match="without a word"):
        via.lead("login1", 20)


def test_one_that_takes_too_long_is_ended(home, ssh):
    ssh('trap "" TERM; sleep 1000 & echo $$ $! >"$0.pid"; exec sleep 1000')
    with pytest.raises(NotListening, match="did not get there within 0.3 s"):
        via.lead("login1", 0.3123)
    pid = home.path / "bin" / "ssh.pid"
    for number in pid.read_text().split() if pid.exists() else ():
        until(lambda number=number: not os.path.exists(f"/proc/{number}"))


def test_ctrl_c_ends_it_too(home, ssh, monkeypatch):
    ssh('echo $$ >"$0.pid"; exec sleep 1000')
    pid = home.path / "bin" / "ssh.pid"

    def interrupted() -> None:
        until(pid.exists)
        raise KeyboardInterrupt

    monkeypatch.setattr(via.select, "poll", interrupted)
    with pytest.raises(KeyboardInterrupt):
        via.lead("login1", 20)
    until(lambda: not os.path.exists(f"/proc/{pid.read_text().strip()}"))


def test_without_ssh_that_is_said(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotListening, match="there is no ssh here"):
        via.lead("login1", 20)


def test_a_path_that_is_too_long_for_ssh(home, monkeypatch):
    place = home.root / ("x" * 70)
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(place))
    with pytest.raises(NotListening, match="too long") as caught:
        via.lead("login1.cluster.edu", 20)
    assert "RBRIDGE_RUNTIME_DIR" in caught.value.hint


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_the_script_names_live_sockets_in_directories_that_are_ours_alone(home, shell):
    node = os.uname().nodename
    ours, open_to_all = home.path / ".rbridge" / node, home.path / "run" / "rbridge"
    live = []
    for place, mode in ((ours, 0o700), (open_to_all, 0o755)):
        place.mkdir(parents=True)
        place.chmod(mode)
        for name in ("a live.sock", "editor.sock", "client-1.sock", "via-x-01234567.sock", "dead.sock"):
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(str(place / name))
            if name == "dead.sock":
                sock.close()
            else:
                sock.listen()
                live.append(sock)
    (ours / "file.sock").touch()
    env = {"HOME": str(home.path), "XDG_RUNTIME_DIR": str(home.path / "run"), "PATH": PROGRAMS}
    words = "exec /bin/sh -c " + shlex.quote(via.SCRIPT)
    done = subprocess.run([shell, "-c", words], env=env, capture_output=True, text=True, check=True)
    mine = [line for line in done.stdout.splitlines() if str(home.path) in line]
    assert mine == [f"{via.MARK}{ours}/a live.sock"]
    assert done.stderr == ""
    for sock in live:
        sock.close()


def test_the_script_can_be_passed_on_by_any_shell():
    assert "'" not in via.SCRIPT
    assert "!" not in via.SCRIPT
    assert "\n" not in via.SCRIPT
