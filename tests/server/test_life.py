"""A document whose daemon was killed goes on in the next one, and a large one from the start."""

import json
import os
from dataclasses import replace

import pytest

from rbridge.server import adopted, sending, texts
from rbridge.server.editing import APART, Editing
from rbridge.server.ground import Ground
from rbridge.server.spool import About
from tests.server.conftest import opened
from tests.server.editings import Saving, cut, document, resume, sha, text_of

__all__ = ["document"]


def written(laptop):
    (directory,) = laptop.texts()
    return json.loads((directory / adopted.NAME).read_text())


async def test_what_the_next_daemon_must_know_is_written_down_and_kept_up(laptop, document, nursery):
    host, edit = document
    about = written(laptop)
    assert (about["session"], about["token"], about["file"]) == (host.secret, "t", str(edit.text.file))
    assert (about["base"], about["handed"], about["serial"]) == (sha(b"old"), sha(b"old"), 0)
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    await host.say("saved", token="t", save="1")
    await save.result(laptop)
    await laptop.until(lambda: written(laptop)["base"] == sha(b"new"))
    assert (written(laptop)["handed"], written(laptop)["serial"]) == (sha(b"new"), 1)
    (directory,) = laptop.texts()
    assert (directory / adopted.NAME).stat().st_mode & 0o777 == 0o600


async def test_a_plain_clients_document_is_written_down_without_a_way_back(laptop):
    host = laptop.connect()
    await host.event()
    await host.open(b"x")
    await laptop.editor.opened()
    await laptop.until(lambda: written(laptop))
    assert (written(laptop)["resume"], written(laptop)["session"]) == ({}, "")


def dead(laptop, secret):
    """The session of a client that the daemon before this one knew."""
    return laptop.sessions.adopt(secret, "gpu1", "")


class Adopting:
    """An editor that is found again; it is the laptop's own one with another way in."""

    def __init__(self, editor):
        self.editor = editor
        self.name = editor.name
        self.resumes = []

    async def adopt(self, text, desk, resume, *, task_status):
        self.resumes.append(resume)
        await self.editor.edit(text, desk, task_status=task_status)


async def killed(laptop, tmp_path):
    """What a daemon that was killed left: a text of ours, its base, and what it wrote down."""
    incoming = laptop.files.create("gpu1", ("train.py",), 4)
    incoming.write(b"edited")
    incoming.finish()
    (laptop.root / incoming.id / ".base").write_bytes(b"old")
    return {
        "session": "ab" * 16,
        "token": "t",
        "identity": "",
        "host": "gpu1",
        "path": "/train.py",
        "name": "train.py",
        "file": str(incoming.path),
        "base": sha(b"old"),
        "handed": sha(b"old"),
        "serial": 7,
        "read_only": False,
        "size": 3,
        "line": 0,
        "column": 0,
        "file_type": "",
        "resume": {"pid": 5, "known": sha(b"old")},
        "id": incoming.id,
    }


async def test_an_adopted_document_goes_on_and_delivers(laptop, tmp_path):
    about = await killed(laptop, tmp_path)
    adapter = Adopting(laptop.editor)
    laptop.documents.tools = replace(laptop.documents.tools, adapter=adapter)
    session = dead(laptop, about["session"])
    editing = Editing.adopt(laptop.documents.tools, session, about)
    session.begin("t", editing)
    edit = await laptop.editor.opened()
    assert adapter.resumes == [{"pid": 5, "known": sha(b"old")}]
    outcome = await edit.save(b"edited")
    assert outcome.result.value == "kept"
    host = laptop.connect()
    await host.link(session=about["session"], standing="resumed", resume="yes")
    await resume(host, b"old", 7)
    assert (await host.hear())[0] == "opened"
    command, headers, body = await host.hear()
    assert (command, headers["base"], headers["save"]) == ("save", sha(b"old"), str(7 + APART + 1))
    assert text_of(b"old", headers, body) == b"edited"


async def test_what_an_adopted_document_delivers_takes_the_place_of_what_was_kept_of_it(
    laptop, tmp_path, nursery
):
    about = await killed(laptop, tmp_path)
    words = {"host": "gpu1", "path": "/train.py", "shown": "train.py", "why": "refused", "base": ""}
    (tmp_path / "older").write_bytes(b"older")
    fd = texts.take(tmp_path / "older")
    laptop.spool.keep(about["id"], fd, "train.py", session=about["session"], token="t", **words)
    os.close(fd)
    laptop.documents.tools = replace(laptop.documents.tools, adapter=Adopting(laptop.editor))
    session = dead(laptop, about["session"])
    session.begin("t", Editing.adopt(laptop.documents.tools, session, about))
    edit = await laptop.editor.opened()
    host = laptop.connect()
    await host.link(session=about["session"], standing="resumed", resume="yes")
    await resume(host, b"old", 7)
    assert (await host.hear())[0] == "opened"
    save = Saving(nursery, edit, b"edited")
    _, headers, _ = await host.hear()
    await host.say("saved", token="t", save=headers["save"])
    assert (await save.result(laptop)).delivered
    await laptop.until(lambda: laptop.kept() == [])


async def test_an_adopted_text_that_cannot_be_edited_is_kept(laptop, tmp_path):
    about = await killed(laptop, tmp_path)
    session = dead(laptop, about["session"])
    session.begin("t", Editing.adopt(laptop.documents.tools, session, about))
    await laptop.until(lambda: len(laptop.documents) == 0)
    assert laptop.kept() == [b"edited"]
    assert "cannot edit train.py on gpu1" in laptop.said.lines[0]
    assert laptop.texts() == []


@pytest.mark.parametrize(("why", "serial"), [("lost", 3), (adopted.WHY, 3 + APART)])
async def test_a_kept_text_has_the_number_it_was_sent_with_if_that_is_sure(laptop, tmp_path, why, serial):
    (tmp_path / "kept").write_bytes(b"kept")
    about = About(
        "0badcafe" * 3, "gpu1", "/x", "x", why, sha(b"old"), 0.0, 4, sha(b"kept"), "kept", serial=3, token="t"
    )
    session = dead(laptop, "ab" * 16)
    editing = Editing.kept(laptop.documents.tools, session, about, tmp_path / "kept")
    assert (editing.document.unsettled, editing.pending, editing.row()["closed"]) == (serial, True, True)
    session.begin("t", editing)
    await laptop.documents.stop()
    assert len(laptop.documents) == 0


async def test_a_large_text_is_hashed_while_its_editor_starts(laptop, nursery, monkeypatch):
    monkeypatch.setattr(sending, "BASE", 1000)
    monkeypatch.setattr("rbridge.server.files.HASHED", 1000)
    text = b"".join(b"line %d\n" % number for number in range(1000))
    host = laptop.connect()
    await host.link()
    await host.open(text)
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    (editing,) = laptop.documents.all()
    await laptop.until(lambda: editing.document.base == sha(text))
    mine = text.replace(b"line 500\n", b"mine\n")
    Saving(nursery, edit, mine)
    _, headers, body = await host.hear()
    assert headers["encoding"] == "delta"
    assert text_of(text, headers, body) == mine


async def test_a_large_text_that_is_written_into_meanwhile_has_no_known_base(laptop, nursery, monkeypatch):
    monkeypatch.setattr(sending, "BASE", 1000)
    monkeypatch.setattr("rbridge.server.files.HASHED", 1000)
    host = laptop.connect()
    await host.link()
    real = Ground.lay

    def slow(self, fd, digest):
        (directory,) = laptop.texts()
        with open(directory / "gpu1" / "home" / "u" / "train.py", "ab") as file:
            file.write(b"!")
        return real(self, fd, digest)

    monkeypatch.setattr(Ground, "lay", slow)
    await host.open(b"x" * 2000)
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    Saving(nursery, edit, b"mine")
    _, headers, _ = await host.hear()
    assert headers["base"] == sending.UNKNOWN


async def test_a_large_text_that_was_written_anew_before_it_is_hashed_has_no_known_base(
    laptop, nursery, monkeypatch
):
    monkeypatch.setattr(sending, "BASE", 1000)
    monkeypatch.setattr("rbridge.server.files.HASHED", 1000)
    host = laptop.connect()
    await host.link()
    real = Editing._lay_large

    async def late(self):
        self.text.file.write_bytes(b"mine")
        await real(self)

    monkeypatch.setattr(Editing, "_lay_large", late)
    await host.open(b"x" * 2000)
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    Saving(nursery, edit, b"mine")
    _, headers, _ = await host.hear()
    assert headers["base"] == sending.UNKNOWN


async def test_cancelled_what_the_editor_only_wrote_is_kept(laptop, document):
    host, edit = document
    edit.text.file.write_bytes(b"just written")
    (editing,) = laptop.documents.all()
    editing._nursery.cancel_scope.cancel()
    await laptop.until(lambda: laptop.kept() == [b"just written"])
    assert laptop.texts() == []


async def test_a_growing_file_is_followed(laptop):
    host = laptop.connect()
    await host.link()
    await host.open(b"begin\n", follow="yes", at="100", read_only="yes")
    edit = await laptop.editor.opened()
    edit.takes = True
    assert (await host.hear())[0] == "opened"
    await host.say("append", b"more\n", token="t", at="106")
    await laptop.until(lambda: edit.content() == b"begin\nmore\n")
    await cut(laptop, host, edit)
    secret = host.secret
    host = laptop.connect()
    await host.link(session=secret, standing="resumed", resume="yes")
    await resume(host, b"whatever it is by now")
    assert (await host.hear())[0] == "opened"
    await host.say("append", b"anew\n", token="t", at="0", restart="yes")
    await laptop.until(lambda: edit.content() == b"anew\n")
    edit.close()
    assert (await host.hear())[:2] == ("close", {"token": "t"})
    assert laptop.kept() == []


async def test_at_the_end_of_the_daemon_a_text_is_left_to_an_editor_that_keeps_it(laptop, nursery):
    laptop.configure(shutdown=0.1)
    host, edit = await opened(laptop)
    edit.stays = True
    outcomes = []

    async def save():
        outcomes.append(await edit.save(b"mine"))

    nursery.start_soon(save)
    assert (await host.hear())[0] == "save"
    await laptop.documents.stop()
    assert len(laptop.documents) == 0
    assert outcomes[0].result.value == "uncertain"
    assert laptop.kept() == [b"mine"]
    assert edit.cancelled
    assert edit.text.file.read_bytes() == b"mine"
    about = written(laptop)
    assert (about["token"], about["base"], about["serial"]) == ("t", sha(b"hello"), 1)
    laptop.files.close()
    assert edit.text.file.exists()


async def test_an_editor_that_closes_it_meanwhile_has_closed_it(laptop, nursery):
    host, edit = await opened(laptop)
    edit.stays = True
    nursery.start_soon(edit.save, b"mine")
    _, headers, _ = await host.hear()
    nursery.start_soon(laptop.documents.stop)
    await laptop.quiet()
    edit.close()
    (one,) = laptop.documents.all()
    await laptop.until(lambda: one._returned)
    await host.say("saved", token="t", save=headers["save"])
    assert await host.hear() == ("close", {"token": "t"}, b"")
    await laptop.until(lambda: not laptop.documents.all())
    assert not edit.text.file.exists()
    assert laptop.kept() == []


async def test_other_editors_are_told_that_their_file_goes(laptop, caplog):
    host, edit = await opened(laptop)
    await laptop.documents.stop()
    assert (await host.hear())[0] == "close"
    assert "closed, since rbridge serve ends; where ed shows it still, it has no file any more" in caplog.text
    assert not edit.text.file.exists()
