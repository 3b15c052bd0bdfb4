"""Each part of the way to a language server is killed in the middle of a session with unsaved text."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.harness.proxy import Proxy
from tests.harness.wait import until
from tests.lsp.client import Client, Failed
from tests.lsp.conftest import Host, uri_of
from tests.lsp.test_pump import alive, began, hover

CONTENT_MODIFIED = -32801


def hovered(client: Client, uri: str) -> str:
    """What a hover says, empty where nothing answers it now in a way that editors show nobody."""
    try:
        return hover(client, uri)
    except Failed as error:
        return "" if error.code == CONTENT_MODIFIED else str(error)


def until_known(client: Client, uri: str, text: str) -> None:
    """Wait until a server knows the unsaved *text*."""
    until(lambda: hovered(client, uri) == f"venv:{text}", what="a server knows the unsaved text")


def until_ended(pid: int) -> None:
    until(lambda: not alive(pid), what="the server has ended")


def residents(host: Host) -> list[int]:
    """The host's client, in the background."""
    return [pid for pid in host.home.processes() if pid not in host.pids() and b"open" in words(pid)]


def words(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


@pytest.fixture
def tunnel(host: Host) -> Iterator[Proxy]:
    """Between *host* and the daemon."""
    with Proxy(host.address, listen=f"unix:{host.home.runtime / 'tunnel.sock'}") as made:
        (host.home.runtime / "tunnel.sock").chmod(0o600)
        host.address = made.address
        yield made


def test_a_server_that_is_killed_is_started_again_with_the_unsaved_text(
    host: Host, faults: Callable[..., None]
):
    client, uri = began(host)
    for number in range(3):
        client.change(uri, f"unsaved = {number}\n")
        assert hover(client, uri) == f"venv:unsaved = {number}\n"
        os.kill(host.pids()[-1], signal.SIGKILL)
        until_known(client, uri, f"unsaved = {number}\n")
        faults("language servers killed", 1)
    assert len(host.pids()) == 4
    assert not [pid for pid in host.pids()[:-1] if alive(pid)]


def test_a_tunnel_that_is_cut_costs_a_pause(host: Host, tunnel: Proxy, faults: Callable[..., None]):
    client, uri = began(host)
    assert hover(client, uri) == "venv:unsaved = 1\n"
    for number in range(3):
        before = host.pids()[-1]
        assert tunnel.cut() >= 2
        client.change(uri, f"unsaved = {number}\n")
        until_known(client, uri, f"unsaved = {number}\n")
        until_ended(before)
        faults("tunnel cuts under a language server", 1)


def test_a_file_that_is_closed_on_the_host_ends_its_server_with_a_word(host: Host):
    client, uri = began(host)
    assert hover(client, uri)
    (pid,) = host.pids()
    for resident in residents(host):
        os.kill(resident, signal.SIGTERM)
    until_ended(pid)
    host.open()
    client.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
    until(lambda: len(host.pids()) > 1, what="it is started for the document that was opened again")
    assert client.close() == 0


def test_a_server_that_dies_at_its_start_is_said_once_with_its_last_words(
    host: Host,
):
    host.tell(die=["initialize"], words="ImportError: no module named jedi\n")
    uri = uri_of(host.open())
    client = host.client("--uri", uri)
    client.initialize()
    said = client.until("window/showMessage")
    assert "ended 5 times" in said["message"]
    assert "ImportError: no module named jedi" in said["message"]
    assert len(host.pids()) == 5
    host.tell(die=[])
    client.open(uri, "unsaved = 1\n")
    client.ask("workspace/executeCommand", {"command": "rbridge.restartServer", "arguments": []})
    until_known(client, uri, "unsaved = 1\n")
    assert len([one for one in client.heard if one["method"] == "window/showMessage"]) == 1


def test_a_server_that_prints_what_is_no_message_does_not_reach_the_editor(host: Host):
    host.tell(garbage="Welcome to pylsp!\n")
    uri = uri_of(host.open())
    client = host.client("--uri", uri)
    client.initialize()
    assert "it said what is no message" in client.until("window/showMessage")["message"]
    until(lambda: not [pid for pid in host.pids() if alive(pid)], what="all of them have ended")


def test_no_server_at_all_is_said_once(host: Host):
    (host.home.path / "bin" / "pylsp").unlink()
    uri = uri_of(host.open())
    client = host.client("--uri", uri)
    client.initialize()
    said = client.until("window/showMessage")["message"]
    assert "no language server for python on the PATH of the shell that opened the file" in said
    client.open(uri, "x = 1\n")
    for _ in range(3):
        assert hovered(client, uri) == ""
    assert [one["method"] for one in client.heard] == ["window/showMessage"]
    assert client.close() == 0


def test_two_servers_serve_one_document(host: Host):
    host.server("ruff")
    uri = uri_of(host.open())
    types, lint = (
        host.client("--uri", uri, "--server", "pylsp"),
        host.client("--uri", uri, "--server", "ruff"),
    )
    for client in (types, lint):
        client.initialize()
        client.open(uri, "unsaved = 1\n")
        assert hover(client, uri) == "venv:unsaved = 1\n"
    assert len(set(host.pids())) == 2
    assert types.close() == 0
    client.change(uri, "unsaved = 2\n")
    assert hover(lint, uri) == "venv:unsaved = 2\n"
