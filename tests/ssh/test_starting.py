"""The daemon as the commands that need one have it: asked, and started where none runs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.errors import NotListening, RbridgeError
from rbridge.ssh import starting
from tests.harness.environment import Home
from tests.harness.wait import until

PING = {"do": "ping"}
EDITOR = 'editor = "true"\nlisten = ["127.0.0.1:0"]\n'


@pytest.fixture
def laptop(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """This process has the environment of *home*, whose daemon is ended with the test."""
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    config = home.config / "rbridge" / "config.toml"
    config.parent.mkdir()
    config.write_text(EDITOR)
    yield home
    try:
        pid = starting.ask({"do": "stop"})["pid"]
    except NotListening:
        return
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_without_a_daemon_nobody_answers(laptop: Home) -> None:
    with pytest.raises(NotListening, match="not serving"):
        starting.ask(PING)


def test_one_is_started_and_stays(laptop: Home) -> None:
    said: list[str] = []
    starting.asked(PING, said.append)
    assert any("files open in" in line for line in said)
    answer = starting.ask(PING)
    assert answer["ok"]
    assert os.getsid(answer["pid"]) != os.getsid(0)
    starting.asked(PING, said.append)
    assert starting.ask(PING) == answer


def test_it_holds_on_to_nothing_of_who_started_it(laptop: Home) -> None:
    starting.asked(PING, lambda line: None)
    pid = starting.ask(PING)["pid"]
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{number}") == os.devnull
    assert os.readlink(f"/proc/{pid}/cwd") == "/"


def test_two_that_start_one_have_the_same(laptop: Home) -> None:
    threads = [threading.Thread(target=starting.start, args=(lambda line: None,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert starting.ask(PING)["ok"]
    assert (
        len([pid for pid in laptop.processes() if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes()]) == 1
    )


def test_one_that_cannot_start_says_why(laptop: Home) -> None:
    (laptop.config / "rbridge" / "config.toml").write_text("colour = 1\n")
    with pytest.raises(NotListening, match="unknown key colour"):
        starting.asked(PING, lambda line: None)


def test_one_that_is_never_ready_is_ended(laptop: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "START", 0.5)
    note = f"open('{laptop.path}/pid', 'w').write(str(os.getpid()))"
    script = f"import os, time\nif os.fork(): os._exit(0)\n{note}\n"
    monkeypatch.setattr(starting, "ORPHAN", script + "time.sleep(1000)\n")
    with pytest.raises(RbridgeError, match="not ready"):
        starting.start(lambda line: None)
    pid = int((laptop.path / "pid").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_an_answer_that_is_none(laptop: Home) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(laptop.runtime / "control.sock"))
        sock.listen()

        def serve() -> None:
            stream, _ = sock.accept()
            with stream:
                stream.recv(1000)
                stream.sendall(b"[1]\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(RbridgeError, match="does not answer"):
            starting.ask(PING)
        thread.join()
        with pytest.raises(RbridgeError, match="does not answer"):
            starting.ask(PING, patience=0.2)
    (laptop.runtime / "control.sock").unlink()
