"""What a language server of a host has named is opened: asked for about a document."""

from __future__ import annotations

import pytest

from rbridge.adapters.folder import FolderError
from tests.server.conftest import SECRET, opened, resume
from tests.server.folders import Asks, asking, reply

NUMPY = "/usr/lib/numpy.py"


async def asked(host):
    command, headers, _ = await host.hear()
    assert (command, headers["token"], headers["do"]) == ("ask", "t", "open")
    return headers


def document(laptop):
    return laptop.documents.all()[0]


async def test_it_is_a_document_like_any_other(laptop):
    host, _ = await opened(laptop)
    async with asking(document(laptop).opens_named().open(NUMPY, Asks(laptop), line=7)) as ask:
        said = await asked(host)
        assert (said["path"], said["selection"]) == (NUMPY, "7")
        await host.open(b"x = 1", "n", path=NUMPY, folder="t", request=said["request"], read_only="yes")
        assert await ask.over() == ""
        assert (await host.hear())[0] == "opened"
        edit = await laptop.editor.opened()
        assert (edit.content(), edit.text.read_only) == (b"x = 1", True)


async def test_one_that_is_open_already_is_named(laptop):
    host, edit = await opened(laptop)
    async with asking(document(laptop).opens_named().open("/home/u/train.py", Asks(laptop))) as ask:
        said = await asked(host)
        await reply(host, said["request"], {"document": "t"}, token="t")
        assert await ask.over() == edit.text.id


async def test_a_refusal_says_why(laptop):
    host, _ = await opened(laptop)
    async with asking(document(laptop).opens_named().open(NUMPY, Asks(laptop))) as ask:
        said = await asked(host)
        await reply(host, said["request"], b"", token="t", reason="outside", message="nobody%20named%20it")
        with pytest.raises(FolderError, match="nobody named it") as caught:
            await ask.over()
        assert caught.value.reason == "outside"


async def test_numbers_go_on_over_a_lost_connection(laptop):
    host, _ = await opened(laptop)
    async with asking(document(laptop).opens_named().open(NUMPY, Asks(laptop))) as ask:
        first = await asked(host)
        await host.hang_up()
        with pytest.raises(FolderError, match="is lost") as caught:
            await ask.over()
        assert caught.value.reason == "not-connected"
    with pytest.raises(FolderError, match="not connected"):
        await document(laptop).opens_named().open(NUMPY, Asks(laptop))
    host = laptop.connect()
    await host.link(session=SECRET, standing="resumed")
    await resume(host, b"hello")
    assert (await host.hear())[0] == "opened"
    async with asking(document(laptop).opens_named().open(NUMPY, Asks(laptop))) as ask:
        second = await asked(host)
        assert int(second["request"]) > int(first["request"])
        await host.open(b"x = 1", "n", path=NUMPY, folder="t", request=second["request"])
        assert await ask.over() == ""


async def test_nobody_waits_for_a_document_that_is_closed(laptop):
    host, edit = await opened(laptop)
    async with asking(document(laptop).opens_named().open(NUMPY, Asks(laptop))) as ask:
        await asked(host)
        edit.close()
        with pytest.raises(FolderError, match="was closed"):
            await ask.over()
    assert (await host.hear())[0] == "close"


async def test_what_nobody_asked_for_is_refused(laptop):
    host, _ = await opened(laptop)
    await host.open(b"x", "n", path=NUMPY, folder="t", request="1")
    command, said, _ = await host.hear()
    assert (command, said["reason"]) == ("refused", "failed")
    await reply(host, "1", {"document": "t"}, token="t")  # an answer to nothing is passed over
    async with asking(document(laptop).opens_named().open(NUMPY, Asks(laptop))) as ask:
        said = await asked(host)
        await reply(host, said["request"], {"document": "unknown"}, token="t")
        with pytest.raises(FolderError, match="open it again"):
            await ask.over()
