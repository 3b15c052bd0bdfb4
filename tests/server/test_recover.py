"""A kept text goes to the host through a document that is open there, or the user learns why not."""

from hashlib import sha256

import pytest
import trio

from rbridge.server import recover
from tests.server.conftest import SECRET

BASE = b"base\n"
KEPT = b"kept\n"
ID = "0123456789abcdef01234567"
WORDS = {
    "host": "gpu1",
    "path": "/home/u/train.py",
    "shown": "train.py",
    "why": "kept",
    "base": sha256(BASE).hexdigest(),
}


@pytest.fixture
def keep(laptop, tmp_path):
    """Put a text into the spool: ``keep(base=...)``."""

    def make(document=ID, **more):
        (tmp_path / "kept").write_bytes(KEPT)
        with open(tmp_path / "kept", "rb") as file:
            return laptop.spool.keep(document, file.fileno(), "train.py", **{**WORDS, **more})

    return make


async def opened(laptop, data=BASE, link=True, **who):
    host = laptop.connect(**who)
    if link:
        await host.link(session=SECRET)
    await host.open(data)
    edit = await laptop.editor.opened()

    async def replace(snapshot):
        edit.text.file.write_bytes(snapshot.read_bytes())
        return True

    edit.replace = replace
    if link:
        assert (await host.hear())[0] == "opened"
    return host, edit


async def acknowledging(host, bodies):
    while (heard := await host.hear())[0] != "eof":
        if heard[0] == "save":
            bodies.append(heard)
            await host.say("saved", token="t", save=heard[1]["save"])


async def send(laptop, document=ID, sure=False):
    with trio.fail_after(20):
        return await recover.send(laptop.documents, document, sure)


VERIFIED = {"name": "gpu1", "identity": "abc"}


async def test_it_lands_in_the_open_document_and_is_erased(laptop, nursery, keep):
    keep(identity="abc")
    host, edit = await opened(laptop, **VERIFIED)
    saves = []
    nursery.start_soon(acknowledging, host, saves)
    answer = await send(laptop)
    assert answer == {"ok": True, "said": "/home/u/train.py on gpu1: saved"}
    assert saves[0][1]["base"] == WORDS["base"]
    assert edit.content() == KEPT
    assert laptop.kept() == []


async def test_a_replaced_text_can_be_sent_too(laptop, nursery, keep):
    entry = keep(identity="abc", why="replaced")
    host, _ = await opened(laptop, **VERIFIED)
    nursery.start_soon(acknowledging, host, [])
    assert (await send(laptop, entry.about.id))["ok"]
    assert laptop.kept() == []


async def test_what_is_not_open_on_the_host_is_to_be_opened_there_first(laptop, keep):
    keep(identity="abc")
    await opened(laptop, **{**VERIFIED, "name": "gpu2"})
    answer = await send(laptop)
    assert (answer["code"], answer["error"]) == (75, "/home/u/train.py on gpu1 is not open")
    assert answer["hint"] == "open it there first: rbridge open /home/u/train.py"
    assert laptop.kept() == [KEPT]


async def test_a_host_without_a_connection_is_no_place_to_send_it(laptop, keep):
    keep(identity="abc")
    host, _ = await opened(laptop, **VERIFIED)
    await host.hang_up()
    (one,) = laptop.documents.all()
    await laptop.until(lambda: not one.row()["connected"])
    assert (await send(laptop))["code"] == 75


async def test_where_the_file_is_another_one_now_nothing_is_overwritten(laptop, keep):
    keep(identity="abc", base="11" * 32)
    _, edit = await opened(laptop, **VERIFIED)
    answer = await send(laptop)
    assert answer["code"] == 75
    assert "changed on the host" in answer["error"]
    assert "rbridge recover save" in answer["hint"]
    assert (edit.content(), laptop.kept()) == (BASE, [KEPT])


async def test_a_host_that_proved_nothing_gets_it_only_with_the_users_word(laptop, nursery, keep):
    keep(identity="abc")
    host, _ = await opened(laptop)
    nursery.start_soon(acknowledging, host, [])
    answer = await send(laptop)
    assert not answer["ok"]
    assert answer["ask"] == "gpu1 has not proved that it is gpu1: send it the text of train.py?"
    assert laptop.kept() == [KEPT]
    assert (await send(laptop, sure=True))["ok"]
    assert laptop.kept() == []


async def test_a_host_whose_key_changed_gets_it_only_with_the_users_word(laptop, keep):
    keep(identity="of before")
    await opened(laptop, **VERIFIED)
    assert "its key was changed" in (await send(laptop))["ask"]


async def test_a_host_that_proved_nothing_may_have_what_its_own_session_lost(laptop, nursery, keep):
    keep(session=SECRET, token="t0")
    host, _ = await opened(laptop)
    nursery.start_soon(acknowledging, host, [])
    assert (await send(laptop))["ok"]


async def test_a_plain_host_confirms_nothing_so_the_text_stays(laptop, keep):
    keep()
    await opened(laptop, link=False)
    answer = await send(laptop, sure=True)
    assert answer["ok"], answer
    assert "sent" in answer["said"]
    assert laptop.kept() == [KEPT]


async def test_a_text_whose_document_is_open_delivers_itself(laptop, keep):
    host, edit = await opened(laptop, **VERIFIED)
    keep(edit.text.id, identity="abc")
    assert (await send(laptop, edit.text.id))["hint"] == "the text is being delivered"
    await host.hang_up()
    (one,) = laptop.documents.all()
    await laptop.until(lambda: not one.row()["connected"])
    assert (await send(laptop, edit.text.id))["error"] == "/home/u/train.py on gpu1 has no connection"


async def test_a_text_that_waits_for_a_client_that_is_gone_goes_through_a_new_one(laptop, nursery):
    gone, edit = await opened(laptop)
    await gone.hang_up()
    await laptop.until(lambda: not laptop.documents.all()[0].row()["connected"])
    assert (await edit.save(KEPT)).result.value == "kept"
    edit.close()
    (old,) = laptop.documents.all()
    await laptop.until(lambda: old.row()["closed"])
    host = laptop.connect()
    await host.link(session="f" * 32)
    await host.open(BASE)
    again = await laptop.editor.opened()
    again.takes = True
    assert "keeps an undelivered text of it" in (await host.hear())[1]["note"]
    saves = []
    nursery.start_soon(acknowledging, host, saves)
    assert (await send(laptop, old.text.id, sure=True))["ok"]
    assert (again.content(), len(saves)) == (KEPT, 1)
    await laptop.until(lambda: old not in laptop.documents.all())
    assert laptop.kept() == []


async def test_in_a_conflict_the_user_decides(laptop, monkeypatch, keep):
    _, edit = await opened(laptop, **VERIFIED)
    keep(edit.text.id)
    (one,) = laptop.documents.all()
    row = {**one.row(), "state": "conflict"}
    monkeypatch.setattr(type(one), "row", lambda self: row)
    answer = await send(laptop, edit.text.id)
    assert (answer["code"], answer["hint"]) == (75, "rbridge resolve gpu1:/home/u/train.py")


async def test_what_is_not_kept_is_not_sent(laptop):
    assert (await send(laptop))["code"] == 66


async def test_without_a_spool_nothing_is_sent(laptop):
    laptop.configure(spool=False)
    assert (await send(laptop))["code"] == 64


async def test_a_newer_text_that_came_meanwhile_is_not_erased(laptop, nursery):
    gone, edit = await opened(laptop)
    await gone.hang_up()
    (old,) = laptop.documents.all()
    await laptop.until(lambda: not old.row()["connected"])
    assert (await edit.save(KEPT)).result.value == "kept"
    host = laptop.connect()
    await host.link(session="f" * 32)
    await host.open(BASE)
    (await laptop.editor.opened()).takes = True
    assert (await host.hear())[0] == "opened"
    answers = []

    async def ask():
        answers.append(await send(laptop, old.text.id, sure=True))

    nursery.start_soon(ask)
    command, headers, _ = await host.hear()
    assert command == "save"
    assert (await edit.save(b"newer\n")).result.value == "kept"
    await host.say("saved", token="t", save=headers["save"])
    await laptop.until(lambda: answers)
    assert answers[0]["ok"]
    assert laptop.kept() == [b"newer\n"]
    assert old.pending


async def test_what_the_editor_saves_in_the_same_moment_does_not_go_over_it(laptop, nursery, keep):
    keep(identity="abc")
    host, edit = await opened(laptop, **VERIFIED)

    async def replace(snapshot):
        nursery.start_soon(edit.save, b"mine\n")
        await laptop.quiet()
        edit.text.file.write_bytes(snapshot.read_bytes())
        return True

    edit.replace = replace
    saves = []
    nursery.start_soon(acknowledging, host, saves)
    answer = await send(laptop)
    assert answer["error"].endswith("has changes in its editor; the text is still kept")
    await laptop.until(lambda: saves)
    assert laptop.kept() == [KEPT]
