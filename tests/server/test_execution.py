"""What a document does is cancelled at each of its awaits: no text is lost then, and no descriptor left."""

import os

import pytest
import trio

from rbridge.adapters.base import Result, State
from tests.harness.cancelling import at_every_step
from tests.server.conftest import Laptop, digest, opened
from tests.server.editings import Saving, again, change, document, resume, sha, text_of

__all__ = ["document"]

LARGE = os.urandom(200_000)  # more than what is worked on without a thread


class Life:
    """One laptop for each run of a scenario, and what must not be lost."""

    def __init__(self, directory):
        self.directory = directory
        self.count = 0
        self.handed = None  # the newest text that the editor wrote
        self.landed = set()

    async def __call__(self):
        self.count += 1
        self.handed, self.landed = None, set()
        root = self.directory / str(self.count)
        root.mkdir()
        async with trio.open_nursery() as nursery:
            self.laptop = Laptop(root, nursery)
            try:
                await self.scenario(nursery)
            finally:
                self.laptop.files.close()
            nursery.cancel_scope.cancel()

    async def opened(self, text=b"old\n", **more):
        host = self.laptop.connect()
        await host.link()
        await host.open(text, **more)
        edit = await self.laptop.editor.opened()
        edit.takes = True
        assert (await host.hear())[0] == "opened"
        return host, edit

    def save(self, nursery, edit, data):
        nursery.start_soon(self._save, edit, data)

    async def _save(self, edit, data):
        if edit.text.file.exists():  # the cancellation came first
            self.handed = data
            await edit.save(data)

    async def land(self, host, serial, data):
        assert (await host.hear())[:1] == ("save",)
        self.landed.add(data)
        await host.say("saved", token="t", save=str(serial))

    async def afterwards(self):
        # what a cancelled nursery left is garbage by now
        kept = self.laptop.kept()
        assert self.handed is None or self.handed in self.landed or self.handed in kept
        assert self.laptop.root.exists() is False or self.laptop.texts() == []
        assert open_files(self.directory) == []


def open_files(directory):
    """Descriptors of files below *directory*."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith(str(directory)):
            found.append(target)
    return found


class Saves(Life):
    async def scenario(self, nursery):
        host, edit = await self.opened()
        for number, data in enumerate((b"small\n", LARGE, LARGE + b"!"), 1):
            self.save(nursery, edit, data)
            await self.land(host, number, data)
            await self.laptop.until(lambda: edit.shown[-1] == (State.CLEAN, ""))
        edit.close()
        assert (await host.hear())[0] == "close"


class Refusals(Life):
    async def scenario(self, nursery):
        host, edit = await self.opened()
        self.save(nursery, edit, b"mine\n")
        assert (await host.hear())[0] == "save"
        await host.say(
            "refused", token="t", save="1", reason="conflict", message="c", sha256="0" * 64, size="1"
        )
        await self.laptop.until(lambda: edit.shown[-1][0] is State.CONFLICT)
        (editing,) = self.laptop.documents.all()
        editing.settle("theirs")
        assert (await host.hear())[0] == "fetch"
        await change(host, LARGE, fetched="yes")
        await self.laptop.until(lambda: edit.content() == LARGE)
        edit.close()
        assert (await host.hear())[0] == "close"


class Cuts(Life):
    async def scenario(self, nursery):
        host, edit = await self.opened()
        self.save(nursery, edit, LARGE)
        assert (await host.hear())[0] == "save"
        await host.hang_up()
        await self.laptop.until(lambda: edit.shown[-1][1] == "not connected")
        host = await again(self.laptop, host)
        await resume(host, b"old\n")
        assert (await host.hear())[0] == "opened"
        await self.land(host, 1, LARGE)
        await host.hang_up()
        await self.laptop.until(lambda: edit.shown[-1][1] == "not connected")
        self.save(nursery, edit, b"last\n")
        await self.laptop.until(lambda: b"last\n" in self.laptop.kept())
        edit.close()
        await self.laptop.until(lambda: self.laptop.texts() == [])
        host = await again(self.laptop, host)
        await resume(host, LARGE, 1)
        await self.land(host, 2, b"last\n")
        assert (await host.hear())[0] == "close"


@pytest.mark.parametrize("kind", [Saves, Refusals, Cuts])
async def test_cancelled_at_every_step(tmp_path, kind):
    life = kind(tmp_path)
    steps = await at_every_step(life, life.afterwards)
    assert steps > 50


async def test_a_save_made_while_the_hosts_text_takes_its_place_does_not_stand_on_that(
    laptop, document, nursery
):
    host, edit = document

    async def replace(snapshot):
        Saving(nursery, edit, b"mine")
        await laptop.quiet()
        edit.text.file.write_bytes(snapshot.read_bytes())
        return True

    edit.replace = replace
    await change(host, b"theirs")
    command, headers, _ = await host.hear()
    assert (command, headers["base"]) == ("save", sha(b"old"))
    assert "over" not in headers


async def test_a_difference_that_did_not_give_the_text_is_followed_by_all_of_it(laptop, nursery):
    text = b"".join(b"line %d\n" % number for number in range(1000))
    host = laptop.connect()
    await host.link()
    await host.open(text)
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    mine = text.replace(b"line 500\n", b"mine\n")
    save = Saving(nursery, edit, mine)
    assert (await host.hear())[1]["encoding"] == "delta"
    failed = {"token": "t", "save": "1", "reason": "failed", "message": "no"}
    await host.say("refused", **failed)
    command, headers, body = await host.hear()
    assert (command, headers["save"], headers["base"]) == ("save", "1", sha(text))
    assert headers["encoding"] != "delta"
    assert text_of(text, headers, body) == mine
    await host.say("refused", **failed)
    assert (await save.result(laptop)).message.startswith("no;")


async def test_a_text_that_could_not_be_kept_is_kept_once_there_is_room(laptop, document, nursery):
    host, edit = document
    laptop.spool._limit = 2
    save = Saving(nursery, edit, b"sent")
    assert (await host.hear())[0] == "save"
    await host.hang_up()
    assert "NOT be kept" in (await save.result(laptop)).message
    laptop.spool._limit = 1000
    edit.close()
    await laptop.until(lambda: laptop.kept() == [b"sent"])
    await laptop.until(lambda: "closed before it was saved; the text is kept" in laptop.said.lines[-1])
    await laptop.documents.stop()
    assert laptop.kept() == [b"sent"]


async def test_a_text_that_could_not_be_kept_is_kept_when_the_daemon_ends(laptop, document, nursery):
    host, edit = document
    laptop.spool._limit = 2
    save = Saving(nursery, edit, b"sent")
    assert (await host.hear())[0] == "save"
    await host.hang_up()
    assert "NOT be kept" in (await save.result(laptop)).message
    laptop.spool._limit = 1000
    await laptop.documents.stop()
    assert laptop.kept() == [b"sent"]


async def test_a_text_is_kept_where_somebody_removed_the_spool(laptop, document):
    host, edit = document
    os.rmdir(laptop.spool.root)
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1][1] == "not connected")
    outcome = await edit.save(b"new")
    assert "kept at" in outcome.message
    assert laptop.kept() == [b"new"]


async def test_a_spool_that_cannot_be_read_harms_no_document(laptop, document, monkeypatch):
    host, edit = document
    real = os.listdir

    def broken(path):
        if path == laptop.spool.root:
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(os, "listdir", broken)
    await host.open(b"other", token="u", name="gpu1:y.py", path="/y.py")
    assert (await host.hear())[0] == "opened"
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1][1] == "not connected")
    outcome = await edit.save(b"new")
    assert "could NOT be kept" in outcome.message
    assert edit.content() == b"new"
    host = await again(laptop, host)
    await resume(host, b"gone", token="v")
    assert (await host.hear())[:2] == ("close", {"token": "v", "unknown": "yes"})


async def test_what_concerns_a_document_is_told_in_its_window_too(laptop):
    host, edit = await opened(laptop)
    await host.say("gone", token="t", reason="denied", message="train.py cannot be read")
    await laptop.until(lambda: edit.remarks)
    assert edit.remarks == [("warning", "train.py cannot be read")]
    assert laptop.said.lines[-1] == "train.py cannot be read"


async def test_a_conflict_is_not_said_twice(laptop):
    host, edit = await opened(laptop)
    await host.say("changed", b"theirs", token="t", sha256=digest(b"theirs"), size="6")
    await laptop.until(lambda: edit.shown[-1:] and edit.shown[-1][0].value == "conflict")
    assert "was changed on the host" in edit.shown[-1][1]
    assert edit.remarks == []


async def test_a_save_whose_file_server_is_silent_goes_on_being_saved_and_that_is_shown(
    laptop, document, nursery
):
    host, edit = document
    limit = laptop.documents.tools.limits.answer
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    for seconds in (5, 35):
        message = f"train.py: not saved yet: its file system does not answer since {seconds} s"
        await host.say("slow", token="t", save="1", message=message.replace(" ", "%20"))
        await laptop.until(lambda message=message: edit.shown[-1] == (State.SAVING, message))
    assert [line for line in laptop.said.lines if "does not answer" in line] == [
        "train.py: not saved yet: its file system does not answer since 5 s"
    ]
    assert laptop.documents.all()[0].row()["state"] == "saving"
    await host.say("slow", token="t", save="7", message="another")
    await host.say("saved", token="t", save="1")
    assert (await save.result(laptop)).result is Result.SAVED
    assert "another" not in str(edit.shown)
    assert limit > 30  # what is said anew every half a minute keeps it waiting
