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
