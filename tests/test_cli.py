"""The laptop's commands as processes: what they print where, and their exit codes."""

import os
import signal

import pytest

from rbridge import __version__
from tests.harness.environment import rbridge
from tests.harness.wait import until


@pytest.fixture
def run(home):
    """``run("serve", "--stop")``: the command's code, out and err."""
    return lambda *words: home.run(rbridge(*words))


def test_version(run):
    assert run("--version").ok().out == f"rbridge {__version__}\n"


def test_help_lists_what_both_sides_have(run):
    out = run("--help").ok().out
    for command in ("open", "serve", "allow"):
        assert f"  {command} " in out


def test_without_a_command_it_helps_and_says_usage(run):
    ran = run()
    assert ran.code == 64
    assert "Usage: rbridge" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["serve", "--dance"],
        ["serve", "--listen"],
        ["serve", "--listen", "0.0.0.0:5"],
        ["serve", "--listen", "nonsense"],
        ["serve", "--editor", "no-such-editor-anywhere"],
        ["serve", "--editor", ""],
        ["serve", "--editor", "'"],
        ["serve", "--stop", "--editor", "vi"],
        ["allow", "x", "--all"],
        ["allow", "--deny"],
    ],
)
def test_usage_errors_are_one_line_and_64(run, words):
    ran = run(*words)
    assert ran.code == 64
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("rbridge: ")


def test_a_mistake_in_the_configuration_is_named(run, home):
    (home.config / "rbridge").mkdir()
    (home.config / "rbridge" / "config.toml").write_text("colour = 'red'\n")
    ran = run("serve")
    assert ran.code == 64
    assert "config.toml: unknown key colour" in ran.err


@pytest.mark.parametrize("words", [["serve", "--stop"], ["allow"], ["allow", "--all"]])
def test_nobody_serves(run, words):
    ran = run(*words)
    assert ran.code == 69
    assert ran.err == "rbridge: rbridge is not serving here (start it with: rbridge serve)\n"


def test_stdout_has_one_line_per_listener_and_nothing_else(daemon):
    served = daemon(editor="true")
    first, second = served.out.splitlines()
    assert first.startswith("listening on 127.0.0.1:")
    assert second == f"listening on unix:{served.socket}"
    assert "files open in" in served.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_cleanly(daemon, home, number):
    served = daemon(editor="true")
    served.process.send_signal(number)
    assert served.process.wait(20) == 0
    assert sorted(os.listdir(home.runtime)) in (["daemon.lock"], ["daemon.lock", "files"])
    assert "Traceback" not in served.err


def test_the_second_one_names_the_first(daemon, run):
    served = daemon(editor="true")
    ran = run("serve", "--editor", "true", "--listen", "127.0.0.1:0")
    assert ran.code == 75
    assert f"pid {served.process.pid}" in ran.err


def test_stop_waits_for_the_end(daemon, run, home):
    served = daemon(editor="true")
    run("serve", "--stop").ok()
    assert served.process.wait(20) == 0
    assert not served.socket.exists()


def test_a_socket_of_a_killed_daemon_is_taken_over(daemon):
    served = daemon(editor="true")
    served.process.kill()
    served.process.wait()
    assert served.socket.exists()
    daemon(editor="true")


def test_an_explicit_address_in_use(daemon, run):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = run("serve", "--editor", "true", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert ran.code == 69
    assert "another program listens there" in ran.err


def test_allow_lists_and_answers(daemon, run, home):
    import socket

    served = daemon(editor="true", config="classic = 'ask'\n")
    assert "nothing waits" in run("allow").ok().err
    port = int(served.out.splitlines()[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"open\ndisplay-name: gpu1:x.py\nreal-path: /x.py\ntoken: t\ndata: 1\nx\n\n.\n")
        listed = until(lambda: run("allow").ok().out)
        assert "gpu1:x.py" in listed
        assert "rbridge allow" in served.err
        ran = run("allow", "nope")
        assert ran.code == 66
        assert run("allow", listed.split()[0]).ok().out.startswith("allowed: gpu1:x.py")
        assert "nothing waits" in run("allow", "--all").ok().err


def test_the_log_is_ours_alone_and_holds_no_text(daemon, home):
    import socket

    served = daemon(editor="true", args=["-vv"])
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(served.socket))
        peer.sendall(b"open\ndisplay-name: gpu1:x.py\ntoken: t\ndata: 11\nvery secret\n\n.\n")
        until(lambda: "opens gpu1:x.py" in served.err)
    log = home.state / "log" / "daemon.log"
    until(lambda: "opens gpu1:x.py" in log.read_text())
    assert log.stat().st_mode & 0o077 == 0
    assert "secret" not in log.read_text() + served.err


def test_importing_the_command_line_imports_no_trio(home):
    import sys

    code = "import sys, rbridge.cli; print('trio' in sys.modules)"
    assert home.run([sys.executable, "-c", code]).ok().out == "False\n"


ID = "aaaaaaaa1111111111111111"


@pytest.fixture
def keep(home, tmp_path):
    """Put a text into this home's spool: ``keep(b"...")``."""
    from rbridge.server.spool import Spool

    def make(data):
        (tmp_path / "kept").write_bytes(data)
        words = {"host": "gpu1", "path": "/home/u/x.py", "shown": "x.py", "why": "kept", "base": ""}
        with open(tmp_path / "kept", "rb") as file:
            Spool(str(home.state / "spool"), 1 << 20).keep(ID, file.fileno(), "x.py", **words)

    return make


@pytest.fixture
def opened(daemon):
    """A daemon with one document open: its socket's other end, which speaks as a plain client."""
    import socket

    served = daemon(editor="/bin/sh -c 'exec sleep 1000'")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(served.socket))
        peer.sendall(b"open\ndisplay-name: gpu1:x.py\nreal-path: /home/u/x.py\ntoken: t\ndata: 1\nx\n\n.\n")
        yield peer


def test_status_and_close(opened, run):
    listed = until(lambda: run("status").ok().out)
    assert listed.split()[0] == "gpu1:/home/u/x.py"
    assert run("status", "-q", "x.py").ok().out == ""
    assert run("close", "y.py").code == 66
    assert "gpu1:/home/u/x.py: closed" in run("close", "x.py").ok().err
    assert run("status").ok().out == ""
    assert b"close" in opened.recv(1000)


def test_a_kept_text_counts_as_unsafe_whether_a_daemon_runs_or_not(opened, run, keep):
    keep(b"mine\n")
    assert run("status", "-q").code == 75
    assert "rbridge recover" in run("status").ok().out


def test_resolve_of_what_is_not_in_conflict(opened, run):
    until(lambda: run("status").ok().out)
    ran = run("resolve", "x.py")
    assert (ran.code, ran.err) == (75, "rbridge: x.py on gpu1: there is no conflict\n")
    assert run("resolve", "y.py", "--mine").code == 66
    assert run("resolve").code == 64


def test_recover_without_a_daemon(run, keep, tmp_path):
    assert "nothing is kept" in run("recover").ok().err
    keep(b"mine\n")
    bare, listed = (run("recover", *word).ok().out.split() for word in ((), ("list",)))
    age = bare.index("s") - 1
    assert [*bare[:age], *bare[age + 1 :]] == [*listed[:age], *listed[age + 1 :]]
    assert run("recover").ok().out.split()[0] == "111111"
    assert run("recover", "show", "1111").ok().out == "mine\n"
    assert run("recover", "save", "1111", str(tmp_path / "copy")).code == 0
    assert (tmp_path / "copy").read_bytes() == b"mine\n"
    assert run("recover", "save", "1111", str(tmp_path / "copy")).code == 73
    assert run("recover", "show", "2").code == 66
    ran = run("recover", "send", "1111")
    assert (ran.code, ran.err.count("\n")) == (69, 1)
    ran = run("recover", "drop", "1111")
    assert ran.code == 64
    assert "--yes" in ran.err
    run("recover", "drop", "--yes", "1111").ok()
    assert run("recover").ok().out == ""


def test_recover_send_of_what_is_not_open(daemon, run, keep):
    keep(b"mine\n")
    daemon(editor="true")
    ran = run("recover", "send", "1111")
    assert ran.code == 75
    assert "open it there first: rbridge open /home/u/x.py" in ran.err


def test_recover_asks_on_a_terminal(tmux, run, keep):
    from tests.harness.environment import rbridge as command

    keep(b"mine\n")
    import shlex

    tmux.line(shlex.join(command("recover", "drop", "1111")) + "; echo exit=$?")
    tmux.wait_for("[y/N]")
    tmux.line("n")
    tmux.wait_for("exit=75")
    assert run("recover").ok().out
