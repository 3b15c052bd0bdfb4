import os

import pytest
import trio

from rbridge import paths
from rbridge.errors import NotListening, RbridgeError
from rbridge.server import control, listeners
from rbridge.server.addresses import Unix
from rbridge.server.consent import Consent
from rbridge.server.control import Control


class Served:
    def __init__(self):
        self.consent = Consent(300)
        self.stop = trio.Event()


@pytest.fixture
async def served(directories, nursery):
    made = Served()
    listener = await listeners.listen(Unix(control.path(paths.runtime_dir())))
    serve = Control(made.consent, made.stop).serve
    nursery.start_soon(trio.serve_listeners, serve, [listener.socket])
    return made


async def test_stop(served):
    answer = await control.ask({"do": "stop"})
    assert answer["ok"]
    assert answer["pid"] == os.getpid()
    with trio.fail_after(20):
        await served.stop.wait()


async def test_pending_and_answers(served):
    first, second = served.consent.question("one?"), served.consent.question("two?")
    answer = await control.ask({"do": "pending"})
    assert [(one["id"], one["text"]) for one in answer["pending"]] == [
        (first.id, "one?"),
        (second.id, "two?"),
    ]
    answer = await control.ask({"do": "answer", "ids": [second.id], "allow": True})
    assert (answer["ok"], answer["answered"]) == (True, ["two?"])
    assert second.allowed
    answer = await control.ask({"do": "answer", "ids": [], "allow": False})
    assert answer["answered"] == ["one?"]
    assert first.answered.is_set()
    assert not first.allowed
    answer = await control.ask({"do": "answer", "ids": ["nope"], "allow": True})
    assert not answer["ok"]
    assert "nope" in answer["error"]


@pytest.mark.parametrize(
    "request_",
    [{}, {"do": "dance"}, {"do": "answer"}, {"do": "answer", "ids": [1]}, {"do": "answer", "ids": "x"}],
)
async def test_what_it_does_not_know(served, request_):
    assert not (await control.ask(request_))["ok"]


@pytest.mark.parametrize("said", [b"nonsense\n", b"[1]\n", b"x" * 100_000, b"\xff\n", b""])
async def test_nonsense_does_not_end_it(served, said):
    stream = await trio.open_unix_socket(control.path(paths.runtime_dir()))
    async with stream:
        try:
            await stream.send_all(said)
            await stream.send_eof()
            await stream.receive_some()
        except trio.BrokenResourceError:
            pass
    assert (await control.ask({"do": "pending"}))["ok"]
    assert not served.stop.is_set()


async def test_nobody_serves(directories):
    with pytest.raises(NotListening) as caught:
        await control.ask({"do": "pending"})
    assert "rbridge serve" in caught.value.hint


async def test_another_user_is_refused(served, monkeypatch):
    monkeypatch.setattr(control.system, "peer_uid", lambda sock: os.geteuid() + 1)
    with pytest.raises((NotListening, RbridgeError)):
        await control.ask({"do": "stop"})
    assert not served.stop.is_set()


async def test_a_daemon_that_says_nothing(directories, nursery, autojump_clock):
    listener = await listeners.listen(Unix(control.path(paths.runtime_dir())))

    async def say_nothing(stream):
        await trio.sleep_forever()

    nursery.start_soon(trio.serve_listeners, say_nothing, [listener.socket])
    with pytest.raises(RbridgeError, match="does not answer"):
        await control.ask({"do": "pending"})
