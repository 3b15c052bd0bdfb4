"""``rbridge lsp`` as an editor starts it: a real daemon, a real client on the host, a pretended server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge import tcpowner
from rbridge.errors import Denied
from rbridge.lsp import pump
from tests.harness.environment import Home, rbridge, stop
from tests.harness.wait import until
from tests.lsp.client import PATIENCE, Client
from tests.lsp.conftest import Host, uri_of

ENOUGH = 10.0


def hover(client: Client, uri: str) -> str:
    return str(client.at("hover", uri, (0, 0))["contents"])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def began(host: Host) -> tuple[Client, str]:
    """A client for the document that is open, and what it calls that."""
    uri = uri_of(host.open())
    client = host.client("--uri", uri)
    client.initialize()
    client.open(uri, "unsaved = 1\n")
    return client, uri


def test_an_editor_reaches_the_server_in_the_environment_of_the_shell_and_back(host: Host):
    client, uri = began(host)
    assert client.initialized["capabilities"]["hoverProvider"] is True
    assert hover(client, uri) == "venv:unsaved = 1\n"
    client.change(uri, "unsaved = 2\n")
    assert hover(client, uri) == "venv:unsaved = 2\n"
    (pid,) = host.pids()
    assert client.close() == 0
    until(lambda: not alive(pid), what="the server has ended")
    heard = host.heard()
    assert [one["method"] for one in heard][-2:] == ["shutdown", "exit"]
    assert heard[0]["params"]["rootUri"] == host.train.parent.as_uri()
    assert "rbridge" not in json.dumps(heard[0]["params"].get("initializationOptions"))


@pytest.mark.parametrize("how", ["eof", "killed", "SIGTERM"])
def test_an_editor_that_is_gone_without_a_word_takes_its_server_along(host: Host, how: str):
    client, uri = began(host)
    hover(client, uri)
    (pid,) = host.pids()
    if how == "eof":
        client.process.stdin.close()  # type: ignore[union-attr]
        client.process.stdin = None
        assert client.process.wait(PATIENCE) == 0
    else:
        number = signal.SIGKILL if how == "killed" else signal.SIGTERM
        assert stop(client.process, number) == -number
    until(lambda: not alive(pid), what="the server has ended")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_the_daemon_ends_it_with_a_line(host: Host, number: signal.Signals):
    client, uri = began(host)
    hover(client, uri)
    (pid,) = host.pids()
    stop(host.daemon.process, number)
    assert client.process.wait(PATIENCE) == 69
    _, err = client.process.communicate()
    assert err.decode() == f"rbridge: {pump.ENDED} (start it again: rbridge serve)\n"
    until(lambda: not alive(pid), what="the server has ended")


def test_without_a_daemon_that_is_said(home: Home):
    ran = home.run(rbridge("lsp"))
    assert (ran.code, ran.err) == (69, "rbridge: rbridge serve is not running (start it: rbridge serve)\n")
    ran = home.run(rbridge("lsp", "--tcp"))
    assert (ran.code, ran.out) == (69, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nonsense"], "unknown option --nonsense"),
        (["gpu1"], "unknown option gpu1"),
        (["--uri"], "--uri wants a value"),
        (["--tcp=http"], "--tcp takes a port, not 'http'"),
        (["--tcp", "65536"], "--tcp takes a port, not '65536'"),
    ],
)
def test_what_makes_no_sense_is_refused(home: Home, words: list[str], said: str):
    ran = home.run(rbridge("lsp", *words))
    assert (ran.code, ran.out) == (64, "")
    assert ran.err.startswith(f"rbridge: rbridge lsp: {said}")


def test_its_help_has_all_its_options(home: Home):
    ran = home.run(rbridge("lsp", "--help")).ok()
    assert ran.out == pump.USAGE
    for option in ("--uri", "--server", "--language", "--tcp"):
        assert f"\n  {option} " in ran.out


def test_a_runtime_directory_that_others_can_reach_is_not_used(host: Host):
    host.daemon.home.runtime.chmod(0o755)
    ran = host.daemon.home.run(rbridge("lsp"))
    host.daemon.home.runtime.chmod(0o700)
    assert ran.code == 69
    assert "can be reached by others" in ran.err


# Over TCP


def attach(host: Host, *words: str) -> tuple[subprocess.Popen[bytes], int]:
    """``rbridge lsp --tcp``, and its port."""
    process = host.pump("--tcp", *words)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


class Over(Client):
    """A client whose *process* is reached by *sock*."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket) -> None:
        super().__init__(process)
        self._in = self._out = sock.fileno()


def test_an_editor_may_attach_to_a_port(host: Host):
    uri = uri_of(host.open())
    process, port = attach(host, "0", "--uri", uri)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        client = Over(process, sock)
        client.initialize()
        client.open(uri, "unsaved = 1\n")
        assert hover(client, uri) == "venv:unsaved = 1\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        assert client.close() == 0


def test_it_listens_for_this_machine_only(host: Host):
    process, port = attach(host)
    table = Path("/proc/net/tcp").read_text().splitlines()
    (line,) = [one for one in table if f":{port:04X} 00000000:0000 0A" in one]
    assert line.split()[1] == f"0100007F:{port:04X}"
    assert all(f":{port:04X} " not in one.split("  ")[0] for one in Path("/proc/net/tcp6").read_text())
    assert stop(process) == -signal.SIGTERM


def test_a_port_that_is_taken_is_named(host: Host):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = host.daemon.home.run(rbridge("lsp", "--tcp", str(port)))
    assert (ran.code, ran.out) == (69, "")
    assert ran.err == f"rbridge: rbridge lsp: cannot listen on port {port}: address already in use\n"


@pytest.fixture
def visitors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What those say who connect, one after the other, as soon as anybody listens."""
    said: list[bytes] = []
    listen = socket.socket.listen
    with contextlib.ExitStack() as made:

        def listened(sock: socket.socket, _backlog: int) -> None:
            listen(sock, len(said))
            for one in said:
                made.enter_context(socket.create_connection(sock.getsockname())).sendall(one)

        monkeypatch.setattr(socket.socket, "listen", listened)
        yield said


def test_somebody_else_is_refused_and_the_editor_still_awaited(
    visitors: list[bytes], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """As where the kernel names another user for the first connection, and ours for the second."""
    uids = iter((os.geteuid() + 1, os.geteuid()))
    monkeypatch.setattr(tcpowner, "tcp_peer_uid", lambda _here, _there: next(uids))
    visitors += [b"x", b"y"]
    with pump.attached(0) as editor:
        assert editor.recv(1) == b"y"
    assert f"refused a connection of uid {os.geteuid() + 1}" in capfd.readouterr().err


def test_where_it_cannot_be_told_who_connects_nobody_is_taken(
    visitors: list[bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tcpowner, "tcp_peer_uid", lambda _here, _there: None)
    visitors.append(b"x")
    with pytest.raises(Denied, match="it cannot be told here who connects"):
        pump.attached(0)


# What it costs


def test_it_imports_next_to_nothing(home: Home):
    """An editor waits for its start: no library, and nothing heavy of the standard one."""
    code = "import sys; from rbridge.__main__ import main; main(['rbridge', 'lsp']); print(*sys.modules)"
    done = home.run([sys.executable, "-S", "-c", code]).ok()
    assert "rbridge serve is not running" in done.err
    heavy = {
        "trio",
        "pygls",
        "asyncio",
        "subprocess",
        "socket",
        "typing",
        "dataclasses",
        "selectors",
        "logging",
    }
    assert not heavy & set(done.out.split())
