"""What plug-ins hear about the language servers of hosts."""

from __future__ import annotations

import json
import sys

import pytest
import trio

from rbridge.adapters.folder import FolderError
from rbridge.adapters.languages import Offer, Server
from rbridge.errors import RemoteProtocolError
from rbridge.server import languages as module
from rbridge.server.languages import LARGEST, MOST, DocumentLanguages, read
from rbridge.server.streams import StreamEnded
from tests.server.conftest import SECRET, opened
from tests.server.folders import Asks, asking, reply

SAID = {
    "language": "python",
    "root": "/home/u/my%20project",
    "servers": [
        {"name": "pylsp", "kind": "types", "languages": ["python"]},
        {"name": "ruff", "kind": "lint"},
    ],
    "advice": "",
}


async def further(laptop, host):
    """The connection that was dialled for, and the ``stream`` on it."""
    command, headers, _ = await host.hear()
    assert command == "dial"
    line = laptop.connect()
    await line.link(session=SECRET, standing="joined", join=headers["dial"])
    return line


async def offered(laptop, body=None, reason="closed", pieces=1, language=""):
    """What comes of it when the host says *body*."""
    host, edit = await opened(laptop)
    languages = DocumentLanguages(laptop.documents)
    async with asking(languages.offer(edit.text.id, language)) as ask:
        line = await further(laptop, host)
        command, headers, _ = await line.hear()
        assert (command, headers["token"], headers["to"]) == ("stream", "t", "servers")
        if reason == "closed":
            await line.say("streaming", token="t")
            for _ in range(pieces):
                await line.say("bytes", body, token="t")
        await line.say("ended", token="t", reason=reason, message="cannot%20tell")
        assert headers.get("language", "") == language
        await ask.done.wait()
    if ask.error is not None:
        raise ask.error
    return ask.result


async def test_what_the_host_says_is_offered(laptop):
    offer = await offered(laptop, json.dumps(SAID).encode(), language="python")
    root = "/home/u/my project"
    assert offer == Offer(
        "gpu1", "python", [Server("pylsp", "types", root), Server("ruff", "lint", root)], ""
    )


async def test_a_host_that_cannot_tell_says_why(laptop):
    with pytest.raises(StreamEnded, match="cannot tell"):
        await offered(laptop, reason="failed")


async def test_more_than_anybody_asked_for_is_no_answer(laptop):
    with trio.fail_after(30), pytest.raises(RemoteProtocolError, match="more than anybody asked for"):
        await offered(laptop, bytes(LARGEST // 2), pieces=3)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"{}",
        b'"x"',
        b"\xff",
        json.dumps({**SAID, "root": 7}).encode(),
        json.dumps({**SAID, "root": "%"}).encode(),
        json.dumps({**SAID, "servers": [7]}).encode(),
        json.dumps({**SAID, "servers": None}).encode(),
        json.dumps({**SAID, "servers": [{"name": []}]}).encode(),
    ],
)
def test_what_makes_no_sense_is_said_to(said):
    with pytest.raises(RemoteProtocolError, match="makes no sense"):
        read("gpu1", said)


def test_what_is_shown_is_clean_and_not_too_much():
    said = {**SAID, "advice": "a\x1b[31m\nb", "servers": [{"name": "a\nb", "kind": "types"}] * 100}
    offer = read("gpu1", json.dumps(said).encode())
    assert len(offer.servers) == MOST
    assert "\n" not in offer.advice + offer.servers[0].name
    assert "\x1b" not in offer.advice


async def test_nothing_is_asked_of_a_host_that_opens_no_further_connection(laptop):
    host = laptop.connect(ours=False)
    await host.link(session=SECRET)
    await host.open(b"hello")
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    offer = await DocumentLanguages(laptop.documents).offer(edit.text.id, "python")
    assert list(offer.servers) == []
    assert "has not proved who it is; forward a Unix socket" in offer.advice
    again = await DocumentLanguages(laptop.documents).offer(edit.text.id, "c")
    assert (again.language, again.advice) == (offer.language, offer.advice)  # so it is shown once


async def test_a_host_that_is_away_is_not_asked(laptop):
    host, edit = await opened(laptop)
    languages = DocumentLanguages(laptop.documents)
    with pytest.raises(FolderError, match="not open any more"):
        await languages.offer("0" * 24, "")
    await host.hang_up()
    await laptop.until(lambda: laptop.documents.all()[0].session.peer is None)
    with pytest.raises(FolderError, match="not connected") as caught:
        await languages.offer(edit.text.id, "")
    assert caught.value.reason == "not-connected"
    with pytest.raises(FolderError, match="not connected"):
        await languages.open("gpu1", "/usr/lib/numpy.py", Asks(laptop))


async def test_each_session_of_the_host_is_asked_until_one_knows_the_file(laptop):
    hosts = []
    for number, token in enumerate("ab"):
        host = laptop.connect()
        await host.link(session=str(number) * 32)
        await host.open(b"hello", token, path=f"/home/u/{token}.py")
        assert (await host.hear())[0] == "opened"
        hosts.append(host)
    languages = DocumentLanguages(laptop.documents)
    async with asking(languages.open("gpu1", "/usr/lib/numpy.py", Asks(laptop))) as ask:
        _, said, _ = await hosts[0].hear()
        await reply(hosts[0], said["request"], b"", token="a", reason="outside", message="no")
        _, said, _ = await hosts[1].hear()
        await hosts[1].open(b"x", "n", path="/usr/lib/numpy.py", folder="b", request=said["request"])
        assert await ask.over() == ""
    assert languages.find("gpu1", "/usr/lib/numpy.py")
    assert languages.find("gpu1", "/usr/lib/other.py") == ""
    async with asking(languages.open("gpu1", "/etc/shadow", Asks(laptop))) as ask:
        _, said, _ = await hosts[0].hear()
        while said.get("do") != "open":
            _, said, _ = await hosts[0].hear()
        await reply(hosts[0], said["request"], b"", token="a", reason="denied", message="no%20permission")
        with pytest.raises(FolderError, match="no permission"):
            await ask.over()


async def test_what_takes_long_to_load_is_loaded_once_and_ahead(laptop, monkeypatch):
    loaded = []
    monkeypatch.setattr(module, "import_module", loaded.append)
    languages = DocumentLanguages(laptop.documents)
    languages.prepare()
    languages.prepare()
    await laptop.until(lambda: loaded == [module.ENDPOINT])


async def test_an_installation_without_what_the_endpoint_needs_goes_on(laptop, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pygls.lsp.server", None)
    monkeypatch.delitem(sys.modules, module.ENDPOINT, raising=False)
    DocumentLanguages(laptop.documents).prepare()
    await laptop.until(lambda: "go without rbridge's own" in caplog.text)
    assert (await opened(laptop))[1].content() == b"hello"
