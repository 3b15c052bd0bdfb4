"""Texts that are opened out of a folder: documents like any other."""

from __future__ import annotations

import pytest

from rbridge.adapters.folder import FolderError
from rbridge.wire.records import Body, End, Record
from tests.server.conftest import SECRET, digest
from tests.server.folders import Asks, asked, asking, reply, shown


async def test_a_text_that_was_asked_for_is_a_document(laptop):
    host, folder = await shown(laptop)
    opening = folder.desk.open("a.py", Asks(laptop), line=3, column=2)
    async with asking(opening) as ask:
        number, headers, _ = await asked(host)
        assert (headers["do"], headers["path"], headers["selection"]) == ("open", "a.py", "3:2")
        await host.open(b"text", name="gpu1:a.py", path="/home/u/project/a.py", folder="f", request=number)
        assert await ask.over() == ""
        assert (await host.hear())[0] == "opened"
        edit = await laptop.editor.opened()
        assert edit.content() == b"text"
    folder.close()
    assert (await host.hear())[0] == "close"
    edit.close()
    assert (await host.hear()) == ("close", {"token": "t"}, b"")


async def test_one_that_nobody_wants_any_more_when_it_comes_is_refused_in_silence(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.open("a.py", Asks(laptop))) as ask:
        number, _, _ = await asked(host)
        headers = {"token": "t", "display-name": "gpu1:a.py", "real-path": "/a.py", "folder": "f"}
        await host.stream.send_all(host.wire.send(Record("open", {**headers, "request": number}, length=4)))
        await laptop.quiet()
        ask.scope.cancel()
        assert (await host.hear())[0] == "cancel"
        await host.stream.send_all(host.wire.send(Body(b"text")) + host.wire.send(End()))
        command, said, _ = await host.hear()
        assert (command, said["reason"]) == ("refused", "cancelled")
    assert laptop.said.lines == []
    assert not len(laptop.documents)


async def test_one_that_was_given_up_before_it_came_is_refused_in_silence_too(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.open("a.py", Asks(laptop))) as ask:
        number, _, _ = await asked(host)
        ask.scope.cancel()
        assert (await host.hear())[0] == "cancel"
    await host.open(b"text", folder="f", request=number)
    command, said, _ = await host.hear()
    assert (command, said["reason"]) == ("refused", "cancelled")
    assert laptop.said.lines == []
    assert not len(laptop.documents)


async def test_one_whose_own_connection_is_cut_can_come_once_more(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.open("a.py", Asks(laptop))) as ask:
        number, _, _ = await asked(host)
        further = laptop.connect()
        await further.link(session=SECRET, standing="joined", join="0")
        headers = {"token": "t", "display-name": "gpu1:a.py", "real-path": "/a.py", "folder": "f"}
        await further.stream.send_all(
            further.wire.send(Record("open", {**headers, "request": number}, length=4))
        )
        await laptop.quiet()
        await further.hang_up()
        await laptop.quiet()
        await host.open(b"text", folder="f", request=number)
        assert await ask.over() == ""
        assert (await host.hear())[0] == "opened"


async def test_a_connection_that_ends_in_the_middle_of_one_ends_the_request(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.open("a.py", Asks(laptop))) as ask:
        number, _, _ = await asked(host)
        headers = {"token": "t", "display-name": "gpu1:a.py", "real-path": "/a.py", "folder": "f"}
        await host.stream.send_all(host.wire.send(Record("open", {**headers, "request": number}, length=4)))
        await laptop.quiet()
        await host.hang_up()
        with pytest.raises(FolderError) as caught:
            await ask.over()
        assert caught.value.reason == "not-connected"


async def test_one_that_is_open_already_is_named(laptop):
    host, folder = await shown(laptop)
    await host.open(b"text")
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    async with asking(folder.desk.open("train.py", Asks(laptop))) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, {"document": "t"})
        assert await ask.over() == edit.text.id


async def test_one_whose_editor_is_gone_is_about_to_be_closed(laptop):
    host, folder = await shown(laptop)
    await host.open(b"text")
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    async with asking(edit.save(b"mine")):
        assert (await host.hear())[0] == "save"
        edit.close()
        await laptop.until(lambda: edit.desk.document.editor_gone)
        async with asking(folder.desk.open("train.py", Asks(laptop))) as ask:
            number, _, _ = await asked(host)
            await reply(host, number, {"document": "t"})
            with pytest.raises(FolderError, match="open it again") as caught:
                await ask.over()
        assert caught.value.reason == "busy"


async def test_an_unknown_document_is_an_error(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.open("train.py", Asks(laptop))) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, {"document": "nosuch"})
        with pytest.raises(FolderError, match="open it again"):
            await ask.over()


@pytest.mark.parametrize("claim", [{"folder": "f", "request": "9"}, {"folder": "nosuch", "request": "1"}])
async def test_an_open_that_nobody_asked_for_is_refused(laptop, claim):
    host, _folder = await shown(laptop)
    await host.open(b"text", **claim)
    command, headers, _ = await host.hear()
    assert (command, headers["token"], headers["reason"]) == ("refused", "t", "failed")
    assert not len(laptop.documents)


async def test_an_open_in_answer_to_something_else_is_refused(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.stat("a")) as ask:
        number, _, _ = await asked(host)
        await host.open(b"text", folder="f", request=number)
        assert (await host.hear())[0] == "refused"
        assert not ask.done.is_set()


async def test_what_the_editor_has_is_what_a_save_stands_on(laptop):
    """The host has another text by now: it decides, and nothing is overwritten."""
    host, folder = await shown(laptop)
    opening = folder.desk.open("train.py", Asks(laptop), base=digest(b"as laid"))
    async with asking(opening) as ask:
        number, _, _ = await asked(host)
        await host.open(b"changed there", folder="f", request=number)
        await ask.over()
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    async with asking(edit.save(b"mine")) as saving:
        command, headers, body = await host.hear()
        assert (command, headers["base"], body) == ("save", digest(b"as laid"), b"mine")
        there = {"sha256": digest(b"changed there"), "size": "13"}
        await host.say("refused", token="t", save=headers["save"], reason="conflict", message="no", **there)
        outcome = await saving.over()
    assert "nothing was overwritten" in outcome.message


async def test_a_file_that_the_editor_made_must_not_be_there(laptop):
    host, folder = await shown(laptop)
    opening = folder.desk.open("train.py", Asks(laptop), create=True, base="absent")
    async with asking(opening) as ask:
        number, headers, _ = await asked(host)
        assert headers["create"] == "yes"
        await host.open(b"it is", folder="f", request=number)
        await ask.over()
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    async with asking(edit.save(b"mine")):
        command, headers, _ = await host.hear()
        assert (command, headers["base"]) == ("save", "absent")
