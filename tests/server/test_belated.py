"""What was saved while the host was away, and closed, is delivered before a new client's open is answered."""

import pytest
import trio

OLD = b"old\n"
NEW = b"new\n"
WHO = {"name": "gpu1", "identity": "abc"}


async def left_behind(laptop, text=NEW):
    """A document whose client is gone and whose editor was closed, with *text* to deliver."""
    gone = laptop.connect(**WHO)
    await gone.link(session="1" * 32)
    await gone.open(OLD)
    assert (await gone.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    await gone.hang_up()
    (one,) = laptop.documents.all()
    await laptop.until(lambda: not one.row()["connected"])
    await edit.save(text)
    edit.close()
    await laptop.until(lambda: one.row()["closed"])
    return one


async def newcomer(laptop, data=OLD, session="2" * 32, **more):
    host = laptop.connect(**WHO)
    await host.link(session=session)
    await host.open(data, token="new", **more)
    return host


@pytest.mark.parametrize("size", [1, 200_000])
async def test_it_is_delivered_and_then_shown(laptop, size):
    old = await left_behind(laptop, NEW * size)
    host = await newcomer(laptop)
    command, headers, _ = await host.hear()
    assert (command, headers["token"]) == ("save", "new")
    await host.say("saved", token="new", save=headers["save"])
    assert await host.hear() == ("opened", {"token": "new", "editor": "ed", "undelivered": "no"}, b"")
    edit = await laptop.editor.opened()
    assert edit.content() == NEW * size
    assert laptop.kept() == []
    (one,) = laptop.documents.all()
    assert one is not old
    assert len(laptop.sessions) == 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(edit.save, b"more\n")
        command, headers, _ = await host.hear()
        assert (command, headers["base"]) == ("save", one.document.base)
        await host.say("saved", token="new", save=headers["save"])
    assert {state for state, _ in host.states} <= {"clean"}
    await laptop.left_alone()


async def test_a_file_that_was_not_there_is_there_then(laptop):
    gone = laptop.connect(**WHO)
    await gone.link(session="1" * 32)
    await gone.open(b"", absent="yes")
    assert (await gone.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    await gone.hang_up()
    (one,) = laptop.documents.all()
    await laptop.until(lambda: not one.row()["connected"])
    await edit.save(NEW)
    edit.close()
    await laptop.until(lambda: one.row()["closed"])
    host = await newcomer(laptop, b"", absent="yes")
    command, headers, _ = await host.hear()
    assert (command, headers["base"]) == ("save", "absent")
    await host.say("saved", token="new", save=headers["save"])
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    assert edit.content() == NEW
    async with trio.open_nursery() as nursery:
        nursery.start_soon(edit.save, b"more\n")
        _, headers, _ = await host.hear()
        assert headers["base"] != "absent"
        await host.say("saved", token="new", save=headers["save"])


async def test_where_the_file_is_another_one_now_that_is_shown_and_the_text_offered(laptop):
    await left_behind(laptop)
    host = await newcomer(laptop, b"theirs\n")
    command, headers, _ = await host.hear()
    assert (command, headers["undelivered"]) == ("opened", "yes")
    assert "keeps an undelivered text of it" in headers["note"]
    edit = await laptop.editor.opened()
    assert (edit.content(), laptop.kept()) == (b"theirs\n", [NEW])
    assert host.states == []


async def test_what_the_host_refuses_is_offered(laptop):
    await left_behind(laptop)
    host = await newcomer(laptop)
    _, headers, _ = await host.hear()
    await host.say("refused", token="new", save=headers["save"], reason="no-space", message="full")
    command, headers, _ = await host.hear()
    assert (command, headers["undelivered"]) == ("opened", "yes")
    assert ((await laptop.editor.opened()).content(), laptop.kept()) == (OLD, [NEW])


async def test_a_host_that_has_it_already_gets_no_save(laptop):
    await left_behind(laptop)
    host = await newcomer(laptop, NEW)
    assert await host.hear() == ("opened", {"token": "new", "editor": "ed", "undelivered": "no"}, b"")
    assert ((await laptop.editor.opened()).content(), laptop.kept()) == (NEW, [])


async def test_without_a_spool_it_is_delivered_all_the_same(laptop):
    laptop.configure(spool=False)
    await left_behind(laptop)
    host = await newcomer(laptop)
    command, headers, _ = await host.hear()
    assert command == "save"
    await host.say("saved", token="new", save=headers["save"])
    assert (await host.hear())[0] == "opened"
    assert ((await laptop.editor.opened()).content(), laptop.kept()) == (NEW, [])


async def test_a_connection_that_is_lost_in_between_loses_nothing(laptop):
    await left_behind(laptop)
    host = await newcomer(laptop)
    assert (await host.hear())[0] == "save"
    await host.hang_up()
    (one,) = laptop.documents.all()
    await laptop.until(lambda: not one.row()["connected"])
    assert laptop.kept() == [NEW]
    third = await newcomer(laptop, session="3" * 32)
    command, headers, _ = await third.hear()
    assert command == "save"
    await third.say("saved", token="new", save=headers["save"])
    assert (await third.hear())[0] == "opened"
    assert ((await laptop.editor.opened()).content(), laptop.kept()) == (NEW, [])
    await laptop.left_alone()


async def test_a_host_that_does_not_want_it_any_more_is_shown_nothing(laptop):
    await left_behind(laptop)
    host = await newcomer(laptop)
    assert (await host.hear())[0] == "save"
    await host.say("close", token="new")
    await laptop.until(lambda: not laptop.documents.all())
    await laptop.quiet()
    assert (laptop.texts(), laptop.kept()) == ([], [NEW])


async def test_without_room_for_it_the_host_hears_so_and_has_it(laptop, monkeypatch):
    await left_behind(laptop)
    host = await newcomer(laptop)
    _, headers, _ = await host.hear()
    monkeypatch.setattr(laptop.files, "room", lambda: 1)
    await host.say("saved", token="new", save=headers["save"])
    command, headers, _ = await host.hear()
    assert (command, headers["reason"]) == ("refused", "no-space")
    assert (laptop.texts(), laptop.kept()) == ([], [])
