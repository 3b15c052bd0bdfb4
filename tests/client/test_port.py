"""``rbridge port`` and the process in the background: what is asked for, told, listed and closed."""

from __future__ import annotations

import os
import socket

import pytest

from rbridge.client import port, rcfiles
from rbridge.client.browse import Browse
from rbridge.client.directory import again, record
from rbridge.client.handed import differs
from rbridge.client.handed import source as taken
from rbridge.client.handover import described
from rbridge.client.intercom import Message
from rbridge.client.options import Options, Request
from rbridge.client.port import Port, listens
from tests.client.laptop import Asker, Here, unquoted
from tests.client.residents import Shown
from tests.client.test_session import back
from tests.harness.environment import Home
from tests.harness.wait import free_port


def command(*words: str) -> tuple[Port, Shown]:
    made, shown = Port(list(words), "rbridge port"), Shown()
    made.say, made.report = shown.say, shown.report  # type: ignore[method-assign]
    return made, shown


def source(word: str = "8888"):  # type: ignore[no-untyped-def]
    return command()[0].find(Request(word), Options())


def test_a_server_that_listens_is_known_and_one_that_does_not_is_said() -> None:
    for family, place in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.create_server((place, 0), family=family) as server:
            assert listens(server.getsockname()[1])
    made, shown = command()
    number = free_port()
    made.find(Request(str(number)), Options())
    assert shown.lines == [f"port {number}: nothing listens there yet"]


def test_where_the_kernel_tells_nothing_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rcfiles, "read_text", lambda *_: "")
    assert listens(7)


@pytest.mark.parametrize(
    "words", [[], ["x"], ["0"], ["65536"], ["8888:"], ["8888:x"], ["1:2:3"], ["--close"]]
)
def test_what_is_no_port_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert port.run(words) == 64
    assert "rbridge:" in capsys.readouterr().err


def test_the_configuration_can_turn_it_off(
    here: Home, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "rbridge.conf"
    settings.write_text("ports = false\n")
    monkeypatch.setattr(rcfiles, "SYSTEM", str(settings))
    assert port.run(["8888"]) == 77
    assert f"turned off by ports in {settings}" in capsys.readouterr().err


def test_what_the_laptop_is_told() -> None:
    one = source("8888:9000")
    said = record(one, Options(), True)
    assert said.command == "port"
    assert said.headers == {"token": one.token, "port": "8888", "wanted": "9000"}
    one.url = "http://localhost/%"
    assert record(one, Options(), False).headers["url"] == "http://localhost/%25"
    was = {**said.headers, "absent": "yes"}  # so that a daemon that knows no ports says just that
    assert again(one, True, False) == {**was, "url": "http://localhost/%25", "re-activate": "yes"}
    assert again(one, False, False) == was


def test_it_is_handed_over_within_one_network_only() -> None:
    one = source("8888:9000")
    message = Message("file", described(one))
    assert differs(message) == ""
    assert (taken(message).port, taken(message).real) == ("8888:9000", ":8888")
    message.headers["directory"] = "1:2"
    assert "another network namespace" in differs(message)


@pytest.fixture
def asks(host: Here, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """``asks("8888", later=False)``: have that port; who asked for it."""

    def find(request: Request, options: Options):  # type: ignore[no-untyped-def]
        return command()[0].find(request, options)

    monkeypatch.setattr("tests.client.laptop.check", find)
    return lambda word, later=False: (host.open if later else host.begin)(word)


@pytest.fixture
def there(host: Here, asks) -> Asker:  # type: ignore[no-untyped-def]
    """Port 8888, at 9000 on the laptop."""
    asker: Asker = asks("8888")
    token = host.heard("port").token
    host.main.say("opened", token=token, editor="http://127.0.0.1:9000")
    host.until(lambda: asker.open)
    return asker


def test_it_is_said_where_it_is_and_listed(host: Here, there: Asker) -> None:
    node = os.uname().nodename
    assert there.lines == [f"http://127.0.0.1:9000 on {host.resident.label} leads to port 8888 of {node}"]
    assert host.resident.rows() == [(":8888", "clean", True, "http://127.0.0.1:9000")]
    assert not host.resident.done()


def test_asked_for_again_it_is_the_same_one(host: Here, there: Asker, asks) -> None:  # type: ignore[no-untyped-def]
    again: Asker = asks("8888", later=True)
    host.until(lambda: again.open)
    assert again.lines == there.lines
    assert host.heard("resume")["port"] == "8888"
    assert len(host.resident.documents) == 1


def test_the_answer_of_a_person_is_waited_for(host: Here, asks) -> None:  # type: ignore[no-untyped-def]
    asker: Asker = asks("8888")
    token = host.heard("port").token
    host.main.say("state", token=token, state="asking", message="vm asks its user")
    host.until(lambda: asker.lines == ["port 8888: vm asks its user"])
    for _ in range(20):
        host.main.say("beat")
        host.skip(15)
    assert not asker.errors
    host.main.say("refused", token=token, reason="unanswered", message="nobody answered")
    host.until(lambda: asker.errors)
    assert asker.errors[0].exit_code == 75
    assert host.resident.done()


def test_a_laptop_that_does_not_know_what_that_is_is_not_waited_for_long(host: Here, asks) -> None:  # type: ignore[no-untyped-def]
    asker: Asker = asks("8888")
    host.heard("port")
    host.skip(11)
    host.until(lambda: asker.errors)
    assert "did not answer" in str(asker.errors[0])


def test_who_refuses_it_is_permission_denied(host: Here, asks) -> None:  # type: ignore[no-untyped-def]
    asker: Asker = asks("8888")
    token = host.heard("port").token
    host.main.say("refused", token=token, reason="denied", message="no")
    host.until(lambda: asker.errors)
    assert asker.errors[0].exit_code == 77


def test_it_is_closed_from_either_side(host: Here, there: Asker) -> None:
    host.main.say("close", token=host.heard("port").token)
    host.until(host.resident.done)


def test_and_from_here(host: Here, there: Asker) -> None:
    host.resident.close(host.resident.documents[0])
    assert host.heard("close").token == host.heard("port").token
    host.until(lambda: not host.resident.documents)


def test_it_is_said_anew_where_it_was_when_the_laptop_is_back(host: Here, there: Asker, laptop) -> None:  # type: ignore[no-untyped-def]
    token = host.heard("port").token
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    assert host.resident.rows()[0][2] is False
    back(host, laptop)
    said = {"token": token, "port": "8888", "wanted": "9000", "absent": "yes"}
    assert host.heard("resume").headers == said


@pytest.mark.parametrize("command", ["save", "ask", "fetch", "mine"])
def test_nothing_that_is_for_files_is_said_of_it(host: Here, there: Asker, command: str) -> None:
    host.main.say(command, b"" if command != "fetch" else None, token=host.heard("port").token)
    host.until(lambda: not host.resident.documents)


def test_a_page_is_shown_again_with_the_url_of_then(host: Here, there: Asker, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def find(request: Request, options: Options):  # type: ignore[no-untyped-def]
        return Browse([], "rbridge browse").find(request, options)

    monkeypatch.setattr("tests.client.laptop.check", find)
    again = host.open("http://localhost:8888/?token=secret")
    host.until(lambda: again.open)
    said = host.heard("resume")
    assert (unquoted(said, "url"), said["re-activate"]) == ("http://localhost:8888/?token=secret", "yes")
    assert "secret" not in "".join(again.lines + host.log)
