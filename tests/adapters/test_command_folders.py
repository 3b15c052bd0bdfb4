"""A folder in an editor that is started with a directory."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from rbridge.adapters.attached import Attached
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.editors import preset_of
from rbridge.adapters.laying import TooMuch
from rbridge.adapters.routed import Routed
from rbridge.errors import NotListening
from tests.adapters.browses import Browse
from tests.adapters.conformance import _CancelAfter as CancelAfter
from tests.adapters.folders import FakeFolderDesk, make_root
from tests.adapters.traces import none_left
from tests.harness.wait import until_async

EDIT = """#!/bin/sh
printf '%s\\n' "$1" > {log}
while [ ! -e {end} ]; do sleep 0.02; done
"""


class Shown:
    def __init__(self, directory: Path, nursery: trio.Nursery) -> None:
        directory = directory / "command"
        directory.mkdir()
        self.files = directory / "files"
        self.host = directory / "host"
        self.host.mkdir()
        (self.host / "a.py").write_bytes(b"a\n")
        self.log, self.end = directory / "log", directory / "end"
        script = directory / "an-editor"
        script.write_text(EDIT.format(log=self.log, end=self.end))
        script.chmod(0o700)
        self.adapter = CommandAdapter(
            [str(script)], environ={"PATH": "/usr/bin:/bin"}, which=lambda name: name
        )
        self.desk = FakeFolderDesk(self.files, self.host, nursery)
        self.root = make_root(self.files)
        self.over = trio.Event()

    async def run(self, task_status: trio.TaskStatus[object]) -> None:
        await self.adapter.browse(self.root, self.desk, task_status=task_status)
        self.over.set()


@pytest.fixture
async def shown(tmp_path: Path) -> AsyncIterator[Shown]:
    async with trio.open_nursery() as nursery:
        yield Shown(tmp_path, nursery)
        nursery.cancel_scope.cancel()


async def test_the_editor_gets_the_directory_and_its_end_closes_the_folder(
    shown: Shown, nursery: trio.Nursery
) -> None:
    pane = await nursery.start(shown.run)
    assert pane.editor == "an-editor"
    await until_async(lambda: shown.log.exists() and shown.log.read_text())
    assert shown.log.read_text() == f"{shown.root.directory}\n"
    (shown.root.directory / "a.py").write_bytes(b"b\n")
    shown.end.touch()
    with trio.fail_after(15):
        await shown.over.wait()
    assert (shown.host / "a.py").read_bytes() == b"b\n"
    await until_async(lambda: not list(shown.root.directory.parents[3].glob(".rbridge-*")))


async def test_what_is_not_delivered_when_it_is_cancelled_is_kept(
    shown: Shown, nursery: trio.Nursery
) -> None:
    async with trio.open_nursery() as inner:
        await inner.start(shown.run)
        shown.desk.gate = trio.Event()
        (shown.root.directory / "a.py").write_bytes(b"mine\n")
        await shown.desk.until(lambda: any(one[0] == "open" for one in shown.desk.asked))
        inner.cancel_scope.cancel()
    assert shown.desk.kept == {"a.py": b"mine\n"}


async def test_one_that_returns_at_once_leaves_the_folder_open(shown: Shown, nursery: trio.Nursery) -> None:
    shown.end.touch()
    await nursery.start(shown.run)
    await shown.desk.until(lambda: any("returned at once" in one for one in shown.desk.told))
    assert not shown.over.is_set()
    (shown.root.directory / "a.py").write_bytes(b"b\n")
    await shown.desk.until(lambda: (shown.host / "a.py").read_bytes() == b"b\n")


@pytest.mark.parametrize("name", ["nano", "micro", "joe", "kak", "gedit", "mg"])
async def test_an_editor_that_knows_no_folders_says_so(shown: Shown, name: str) -> None:
    adapter = CommandAdapter([name], preset=preset_of(name, display=True), which=lambda one: one)
    with pytest.raises(NotListening, match="does not show folders"):
        await adapter.browse(shown.root, shown.desk)
    assert shown.desk.asked == []


@pytest.mark.parametrize(
    "name", ["code", "zed", "subl", "pycharm", "idea", "kate", "hx", "vim", "nvim", "emacsclient"]
)
def test_one_that_does(name: str) -> None:
    preset = preset_of(name, display=True)
    assert preset is not None
    assert preset.folders


async def test_too_much_starts_no_editor(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbridge.adapters.laying.FILES", 0)
    with pytest.raises(TooMuch):
        await shown.adapter.browse(shown.root, shown.desk)
    assert not shown.log.exists()


async def test_an_attached_window_comes_first(shown: Shown, browse: Browse, nursery: trio.Nursery) -> None:
    routed = Routed(browse.attached, shown.adapter)
    async with browse.connected() as plugin:
        nursery.start_soon(routed.browse, shown.root, shown.desk)
        await plugin.folder()
    assert not shown.log.exists()


async def test_without_a_window_it_is_the_commands(shown: Shown, nursery: trio.Nursery) -> None:
    shown.adapter = Routed(Attached(), shown.adapter)  # type: ignore[assignment]
    await nursery.start(shown.run)
    await until_async(shown.log.exists)


async def test_it_can_be_cancelled_at_every_await(shown: Shown) -> None:
    steps = 0
    begun = False
    while not begun:
        steps += 1
        root = make_root(shown.files, id=f"{steps:016x}")
        with none_left(shown.files), trio.CancelScope() as scope:
            watch = CancelAfter(steps, scope)
            trio.lowlevel.add_instrument(watch)
            try:

                class Status:
                    def started(self, pane: object, scope: trio.CancelScope = scope) -> None:
                        nonlocal begun
                        begun = True
                        scope.cancel()

                await shown.adapter.browse(root, shown.desk, task_status=Status())  # type: ignore[arg-type]
            finally:
                trio.lowlevel.remove_instrument(watch)
                shutil.rmtree(shown.files / root.id)
        assert scope.cancelled_caught
    assert steps > 5
    assert shown.desk.kept == {}
