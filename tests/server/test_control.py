import os
import socket
from array import array

import pytest
import trio

from rbridge import paths
from rbridge.errors import NotListening, RbridgeError
from rbridge.server import control, listeners
from rbridge.server.addresses import Unix
from rbridge.server.consent import Consent
from rbridge.server.control import Control


class Served:
    def __init__(self, laptop):
        self.laptop = laptop
        self.consent = Consent(300)
        self.stop = trio.Event()
        self.hosts = NoHosts()


class NoHosts:
    """What the daemon answers of tunnels is its own test's business: tests/server/test_hosts.py."""

    def __init__(self):
        self.asked = []

    async def standing(self, said, name):
        self.asked.append((said, name))
        return {"ok": True, "state": "none"}

    async def connect(self, request):
        self.asked.append(request)
        return {"ok": True, "state": "up"}

    async def disconnect(self, host):
        self.asked.append(host)
        return {"ok": True, "names": [host]}

    def rows(self):
        return [{"name": "gpu1"}]


@pytest.fixture
async def served(directories, laptop, nursery):
    made = Served(laptop)
    listener = await listeners.listen(Unix(control.path(paths.runtime_dir())))
    serve = Control(made.consent, made.stop, laptop.documents, made.hosts).serve
    nursery.start_soon(trio.serve_listeners, serve, [listener.socket])
    return made


async def test_stop(served):
    answer = await control.ask({"do": "stop"})
    assert answer["ok"]
    assert answer["pid"] == os.getpid()
    with trio.fail_after(20):
        await served.stop.wait()


async def test_ping(served):
    assert await control.ask({"do": "ping"}) == {"ok": True, "pid": os.getpid()}


async def test_tunnels_are_the_business_of_who_keeps_them(served):
    assert (await control.ask({"do": "tunnel", "destination": {"a": 1}, "name": "b"}))["state"] == "none"
    assert (await control.ask({"do": "connect", "control": "/c"}))["state"] == "up"
    assert (await control.ask({"do": "disconnect", "host": "gpu1"}))["names"] == ["gpu1"]
    assert served.hosts.asked == [({"a": 1}, "b"), {"do": "connect", "control": "/c"}, "gpu1"]
    assert (await control.ask({"do": "status"}))["hosts"] == [{"name": "gpu1"}]


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
    [
        {},
        {"do": "dance"},
        {"do": "answer"},
        {"do": "answer", "ids": [1]},
        {"do": "answer", "ids": "x"},
        {"do": "close"},
        {"do": "close", "ids": [1]},
        {"do": "resolve", "id": "x"},
        {"do": "resolve", "id": "x", "choose": "both"},
        {"do": "resolve", "id": "x", "choose": "mine"},
        {"do": "resolve", "id": [], "choose": "show"},
        {"do": "recover-send"},
    ],
)
async def test_what_it_does_not_know(served, request_):
    assert not (await control.ask(request_))["ok"]


@pytest.mark.parametrize(
    "said", [b"nonsense\n", b"[1]\n", b"[" * 60_000 + b"\n", b"x" * 100_000, b"\xff\n", b""]
)
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


async def opened(served, data=b"x\n"):
    host = served.laptop.connect()
    await host.link()
    await host.open(data)
    edit = await served.laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    return host, edit


async def test_what_is_open_is_told_without_what_only_its_client_knows(served):
    host, edit = await opened(served)
    answer = await control.ask({"do": "status"})
    (row,) = answer["rows"]
    assert (row["id"], row["host"], row["path"]) == (edit.text.id, "gpu1", "/home/u/train.py")
    assert (row["state"], row["connected"], row["editor"]) == ("clean", True, "ed")
    assert host.secret not in str(answer)
    assert "token" not in row


async def test_a_document_is_closed_by_its_id(served):
    host, edit = await opened(served)
    assert (await control.ask({"do": "close", "ids": ["0" * 24]}))["closed"] == []
    answer = await control.ask({"do": "close", "ids": [edit.text.id]})
    assert (answer["closed"], answer["open"]) == ([edit.text.id], [])
    assert (await host.hear())[0] == "close"
    assert (await control.ask({"do": "status"}))["rows"] == []


async def test_of_a_thousand_documents_all_are_told(served, monkeypatch):
    many = [{"id": f"{n:024x}", "path": "/" + "x" * 300} for n in range(1000)]
    monkeypatch.setattr(control.Overview, "rows", lambda self: {"ok": True, "rows": many})
    assert (await control.ask({"do": "status"}))["rows"] == many


async def test_descriptors_come_with_an_answer_and_are_closed_where_nobody_wants_them(
    served, monkeypatch, tmp_path
):
    for name in ("theirs", "mine"):
        (tmp_path / name).write_text(name)
    before = len(os.listdir("/proc/self/fd"))

    async def show(self, document):
        return {"ok": True}, [os.open(tmp_path / name, os.O_RDONLY) for name in ("theirs", "mine")]

    monkeypatch.setattr(control.Overview, "show", show)
    request = {"do": "resolve", "id": "x", "choose": "show"}
    answer, fds = await control.ask_for_texts(request, 10)
    assert answer["ok"]
    assert [os.read(fd, 10) for fd in fds] == [b"theirs", b"mine"]
    for fd in fds:
        os.close(fd)
    await control.ask(request)
    with trio.fail_after(20):
        while len(os.listdir("/proc/self/fd")) > before:
            await trio.lowlevel.checkpoint()


async def test_descriptors_with_an_answer_that_makes_no_sense_are_closed(directories, nursery, tmp_path):
    listener = await listeners.listen(Unix(control.path(paths.runtime_dir())))
    file = os.open(tmp_path, os.O_RDONLY)

    async def nonsense(stream):
        await stream.receive_some()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [file]))]
        await stream.socket.sendmsg([b"[1]\n"], rights)

    nursery.start_soon(trio.serve_listeners, nonsense, [listener.socket])
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RbridgeError, match="does not answer"):
        await control.ask({"do": "status"})
    os.close(file)
    with trio.fail_after(20):
        while len(os.listdir("/proc/self/fd")) >= before:
            await trio.lowlevel.checkpoint()
