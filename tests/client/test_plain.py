"""Connections to plain rmate servers, each with its file."""

from __future__ import annotations

import os
import threading

import pytest

from rbridge.client import incoming
from rbridge.client.delivery import Delivery
from rbridge.client.locate import locate
from rbridge.client.options import parse
from rbridge.client.resident import Resident
from rbridge.client.settings import Endpoint
from rbridge.client.source import check
from rbridge.client.undelivered import remembered
from tests.client.laptop import Asker, Here


@pytest.fixture
def opened(here, editor, host: Here):
    """``opened(script, "-w", "a")``: what a command left to the process in the background."""

    def start(script, *words: str) -> Asker:
        served = editor(script, here.root / "plain.sock")
        options = parse(["-s", str(served.path), *words])
        endpoint = Endpoint("unix", "test", path=str(served.path))
        delivery = Delivery(locate([endpoint], options, host.log.append), options, host.log.append)
        delivery.send([check(request, options) for request in options.requests])
        asker = Asker(options.wait)
        host.resident = Resident.from_delivery(host.loop, delivery, asker, host.log.append, str(here.state))
        return asker

    return start


def test_each_file_is_open_when_it_is_sent_and_closed_with_its_connection(host, here, opened):
    for name in "ab":
        here.file(name, name)
    go = threading.Event()

    def script(talk) -> None:
        said = talk.opened()
        assert go.wait(20)
        if said.body == b"a":
            talk.save(said.token, b"saved")

    asker = opened(script, "-w", "a", "b")
    assert len(asker.open) == 2
    assert asker.lines[0].startswith("a: sent to TextPal at")
    assert host.resident.endpoint == ""
    assert host.resident.attached
    go.set()
    host.until(lambda: len(asker.codes) == 2)
    assert asker.codes == [0, 0]
    assert (here.path / "a").read_bytes() == b"saved"
    host.until(host.resident.done)


def test_a_save_before_the_end_is_on_the_disk_when_it_is_told(host, here, opened):
    path = here.file("a", "old")

    def script(talk) -> None:
        token = talk.opened().token
        for text in (b"one", b"two", b"three"):
            talk.save(token, text)

    asker = opened(script, "-w", "a")
    host.until(lambda: asker.codes)
    assert asker.codes == [0]
    assert path.read_bytes() == b"three"


def test_a_save_while_the_base_is_being_read_waits_for_it(host, here, opened, monkeypatch):
    path = here.file("a", b"x" * 2_000_000)
    gate = threading.Event()
    began = threading.Event()
    real = incoming.take_base

    def slowly(document) -> None:
        began.set()
        assert gate.wait(20)
        real(document)

    monkeypatch.setattr(incoming, "take_base", slowly)
    sent = threading.Event()

    def script(talk) -> None:
        token = talk.opened().token
        assert began.wait(20)
        talk.save(token, b"new")
        talk.close(token)
        sent.set()

    asker = opened(script, "-w", "a")
    host.until(sent.is_set)
    host.turns()
    assert path.read_bytes() == b"x" * 2_000_000
    gate.set()
    host.until(lambda: asker.codes)
    assert asker.codes == [0]
    assert path.read_bytes() == b"new"


def test_a_close_of_the_host_is_the_end_of_the_connection(host, here, opened):
    here.file("a", "old")
    gone = []
    asker = opened(lambda talk: talk.opened() and gone.append(talk.gone()), "-w", "a")
    host.resident.close(host.resident.documents[0])
    host.until(lambda: gone and asker.codes)
    assert asker.codes == [0]
    host.until(host.resident.done)


def test_another_files_token_is_none_of_this_connection(host, here, opened):
    for name in "ab":
        here.file(name, name)
    tokens: list[str] = []

    def script(talk) -> None:
        said = talk.opened()
        tokens.append(said.token)
        if said.body == b"a":
            while len(tokens) < 2:
                threading.Event().wait(0.001)
            talk.save(tokens[1] if tokens[0] == said.token else tokens[0], b"evil")
        assert talk.gone()

    asker = opened(script, "-w", "a", "b")
    host.until(lambda: asker.codes)
    assert asker.codes == [65]
    assert "never opened" in asker.lines[-1]
    assert (here.path / "b").read_text() == "b"


def test_nothing_more_can_be_handed_over(host, here, opened):
    here.file("a", "old")
    opened(lambda talk: talk.opened() and talk.gone(), "-w", "a")
    asker = host.open("a")
    assert "not opened" in str(asker.errors[0])


def test_a_save_that_failed_is_remembered_when_it_is_closed(host, here, opened):
    here.file("a", "old")
    go = threading.Event()

    def script(talk) -> None:
        said = talk.opened()
        assert go.wait(20)
        talk.save(said.token, b"mine")

    asker = opened(script, "-w", "a")
    (here.path / "a").write_bytes(b"theirs")
    go.set()
    host.until(lambda: asker.codes)
    assert asker.codes == [74]
    (one,) = remembered(str(host.states))
    assert (os.path.basename(one.real), one.identity) == ("a", "")
    assert "was changed meanwhile" in one.why
