"""Whether the spool keeps an older text of a file, and that the host hears when that changes."""

import shutil

import pytest

from rbridge.server import older
from rbridge.server.control import Control
from tests.server.conftest import opened
from tests.server.test_opening import keep

HERE = ("gpu1", "/home/u/train.py")


async def look(laptop, path=HERE[1], identity="", own=""):
    found, entry = await older.look(laptop.documents, HERE[0], path, identity, own)
    return found, entry.about.id if entry is not None else ""


async def test_of_an_empty_spool_nothing(laptop):
    assert await look(laptop) == (False, "")


async def test_the_text_of_this_file_of_this_host(laptop, tmp_path):
    kept = keep(laptop, tmp_path, path=HERE[1], identity="abc").id
    assert await look(laptop, identity="abc") == (True, kept)
    assert await look(laptop) == (False, "")
    assert await look(laptop, "/other", "abc") == (False, "")
    assert await look(laptop, identity="abc", own=kept) == (False, "")


async def test_a_spool_that_cannot_be_read_tells_nothing(laptop):
    shutil.rmtree(laptop.spool.root)
    assert await look(laptop) == (None, "")


async def test_what_an_open_document_has_its_host_knows(laptop):
    host, edit = await opened(laptop)
    await host.hang_up()
    (one,) = laptop.documents.all()
    await laptop.until(lambda: not one.document.attached)
    await edit.save(b"kept")
    assert await look(laptop) == (True, edit.text.id)
    one.document.attached = True
    assert await look(laptop) == (False, "")
    one.document.attached = False


@pytest.fixture
def control(laptop):
    return Control(None, None, laptop.documents, None)


async def test_a_host_that_was_told_is_told_when_it_is_gone(laptop, tmp_path, control):
    kept = keep(laptop, tmp_path, path=HERE[1]).id
    host, _ = await opened(laptop)
    (one,) = laptop.documents.all()
    assert one.undelivered
    request = {"do": "recovered", "host": HERE[0], "path": HERE[1]}
    await control._answer(request)
    laptop.spool.drop(kept)
    await control._answer({**request, "path": "/other"})
    assert await control._answer(request) == ({"ok": True}, [])
    assert await host.hear_all() == ("state", {"token": "t", "state": "clean", "undelivered": "no"}, b"")
    assert not one.undelivered
