"""What a document does is cancelled at each of its awaits: no text is lost then, and no descriptor left."""

import os

import pytest
import trio

from rbridge.adapters.base import State
from tests.harness.cancelling import at_every_step
from tests.server.conftest import Laptop
from tests.server.editings import again, change, resume

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
