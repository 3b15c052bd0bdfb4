"""What the laptop's user sees of documents, and does with them, without the socket in between."""

import os
from hashlib import sha256

import pytest
import trio

from rbridge.server import overview
from rbridge.server.overview import Overview

BASE = b"base\n"
THEIRS = b"theirs\n"


def digest(data):
    return sha256(data).hexdigest()


async def opened(laptop, data=BASE):
    host = laptop.connect()
    await host.link()
    await host.open(data)
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    return host, edit


async def conflict(laptop, nursery):
    """A document whose save the host refused, since its file is another one by now."""
    host, edit = await opened(laptop)
    outcome = []

    async def save():
        outcome.append(await edit.save(b"mine\n"))

    nursery.start_soon(save)
    command, headers, _ = await host.hear()
    assert command == "save"
    await host.say(
        "refused",
        token="t",
        save=headers["save"],
        reason="conflict",
        message="train.py%20changed",
        sha256=digest(THEIRS),
        size=str(len(THEIRS)),
    )
    (one,) = laptop.documents.all()
    await laptop.until(lambda: one.row()["state"] == "conflict")
    return host, edit, one


async def answer_fetches(host):
    """Play the host: send its text whenever it is asked for."""
    while (heard := await host.hear())[0] != "eof":
        if heard[0] == "fetch":
            await host.say(
                "changed", THEIRS, token="t", sha256=digest(THEIRS), size=str(len(THEIRS)), fetched="yes"
            )


async def test_rows_of_all_that_is_open(laptop):
    await opened(laptop)
    answer = Overview(laptop.documents).rows()
    (row,) = answer["rows"]
    assert {"id", "host", "path", "state", "connected", "message"} <= row.keys()
    assert not {"session", "token"} & row.keys()


async def test_closing_keeps_what_the_host_did_not_get(laptop, nursery):
    host, edit, one = await conflict(laptop, nursery)
    nursery.start_soon(answer_fetches, host)
    answer = await Overview(laptop.documents).close([one.text.id])
    assert answer == {"ok": True, "closed": [one.text.id], "open": []}
    assert laptop.kept() == [b"mine\n"]


async def test_one_that_does_not_close_is_named(laptop, monkeypatch):
    _, edit = await opened(laptop)
    monkeypatch.setattr(overview, "PATIENCE", 0.1)
    (one,) = laptop.documents.all()
    monkeypatch.setattr(type(one), "stop", lambda self: None)
    answer = await Overview(laptop.documents).close([one.text.id])
    assert answer["open"] == [one.text.id]


async def test_a_conflict_is_shown_as_two_texts(laptop, nursery):
    host, _, one = await conflict(laptop, nursery)
    nursery.start_soon(answer_fetches, host)
    with trio.fail_after(20):
        answer, fds = await Overview(laptop.documents).show(one.text.id)
    assert answer["ok"], answer
    assert [os.read(fd, 100) for fd in fds] == [THEIRS, b"mine\n"]
    for fd in fds:
        os.close(fd)


async def test_without_a_conflict_there_is_nothing_to_show(laptop):
    await opened(laptop)
    (one,) = laptop.documents.all()
    answer, fds = await Overview(laptop.documents).show(one.text.id)
    assert (answer, fds) == ({"ok": False, "error": "train.py on gpu1: there is no conflict"}, [])


async def test_the_hosts_text_of_a_host_that_is_gone_cannot_be_shown(laptop, nursery):
    host, _, one = await conflict(laptop, nursery)
    await host.hang_up()
    await laptop.until(lambda: not one.row()["connected"])
    with trio.fail_after(20):
        answer, fds = await Overview(laptop.documents).show(one.text.id)
    if answer["ok"]:  # it came before the host went
        for fd in fds:
            os.close(fd)
    else:
        assert "is not connected" in answer["error"]


async def test_theirs_keeps_mine_aside(laptop, nursery):
    host, edit, one = await conflict(laptop, nursery)
    nursery.start_soon(answer_fetches, host)

    async def replace(snapshot):
        edit.text.file.write_bytes(snapshot.read_bytes())
        return True

    edit.replace = replace
    with trio.fail_after(20):
        answer = await Overview(laptop.documents).settle(one.text.id, "theirs")
    assert answer["ok"], answer
    assert answer["row"]["state"] == "clean"
    assert edit.content() == THEIRS
    await laptop.until(lambda: [entry.about.why for entry in laptop.spool.entries()] == ["replaced"])
    assert laptop.kept() == [b"mine\n"]


async def test_mine_goes_over_what_the_user_saw(laptop, nursery):
    host, _, one = await conflict(laptop, nursery)

    async def play():
        while (heard := await host.hear())[0] != "eof":
            if heard[0] == "fetch":
                await host.say("changed", THEIRS, token="t", sha256=digest(THEIRS), size="7", fetched="yes")
            if heard[0] == "save":
                saves.append(heard)
                await host.say("saved", token="t", save=heard[1]["save"])

    saves = []
    nursery.start_soon(play)
    with trio.fail_after(20):
        answer = await Overview(laptop.documents).settle(one.text.id, "mine")
    assert answer["ok"], answer
    assert answer["row"]["state"] == "clean"
    assert saves[-1][1]["over"] == digest(THEIRS)
    await laptop.until(lambda: laptop.kept() == [])


@pytest.mark.parametrize("choose", ["mine", "theirs"])
async def test_what_is_not_in_conflict_is_not_settled(laptop, choose):
    _, edit = await opened(laptop)
    answer = await Overview(laptop.documents).settle(edit.text.id, choose)
    assert answer == {"ok": False, "error": "train.py on gpu1: there is no conflict"}


async def test_what_is_closed_is_neither_shown_nor_settled(laptop):
    seen = Overview(laptop.documents)
    assert not (await seen.settle("0" * 24, "mine"))["ok"]
    answer, fds = await seen.show("0" * 24)
    assert (answer["ok"], fds) == (False, [])
    assert (await seen.close(["0" * 24]))["closed"] == []


async def test_what_came_after_the_user_looked_does_not_go_without_another_word(laptop, nursery):
    host, _, one = await conflict(laptop, nursery)
    seen = Overview(laptop.documents)
    nursery.start_soon(answer_fetches, host)
    with trio.fail_after(20):
        _, fds = await seen.show(one.text.id)
    for fd in fds:
        os.close(fd)
    await host.say("changed", b"later", token="t", sha256=digest(b"later"), size="5")
    await laptop.until(lambda: one.document.theirs == digest(b"later"))
    answer = await seen.settle(one.text.id, "mine")
    assert "changed again after you looked" in answer["error"]
    assert one.row()["state"] == "conflict"
    assert one.settle("mine") == ""
