"""Attached editors first, else the one that is started."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters import window
from rbridge.adapters.absent import Absent
from rbridge.adapters.attached import Attached
from rbridge.adapters.base import Adapter, Desk, Pane, Text
from rbridge.adapters.routed import Routed
from rbridge.adapters.starter import Bare, House, Starter
from rbridge.adapters.terminal import NoTerminal
from rbridge.errors import NotListening, RbridgeError
from rbridge.jsonrpc import RpcError
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.folders import FakeFolderDesk, make_root
from tests.adapters.plugin import Plugin
from tests.adapters.traces import none_left


class Other(Adapter):
    """An editor that is started, and closed at once."""

    name = "ed"

    def __init__(self) -> None:
        self.edited: list[str] = []
        self.adopted: list[str] = []

    def describe(self) -> str:
        return "ed on paper"

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self.edited.append(text.id)

    def runs(self, text: Text, resume: Mapping[str, Any]) -> bool:
        return resume.get("kind") == "other"

    async def adopt(
        self,
        text: Text,
        desk: Desk,
        resume: Mapping[str, Any],
        *,
        task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        self.adopted.append(text.id)


class Rig:
    def __init__(self, directory: Path, nursery: trio.Nursery) -> None:
        self.files = directory / "files"
        self.files.mkdir()
        self.other = Other()
        self.routed = Routed(Attached(), self.other)
        self.nursery = nursery

    def connect(self) -> trio.abc.Stream:
        there, here = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.routed.serve, here)
        return there


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with trio.open_nursery() as nursery:
        yield Rig(tmp_path, nursery)
        nursery.cancel_scope.cancel()


async def test_without_a_window_it_is_the_other_editor(rig: Rig) -> None:
    text = make_text(rig.files)
    with none_left(rig.files):
        await rig.routed.edit(text, FakeDesk())
    assert rig.other.edited == [text.id]


async def test_a_window_comes_first(rig: Rig) -> None:
    plugin = Plugin()
    async with plugin.connected(rig.connect()), trio.open_nursery() as nursery:
        text = make_text(rig.files)
        pane = await nursery.start(rig.routed.edit, text, FakeDesk())
        assert pane.editor == "Editor"
        await plugin.close(await plugin.shown(text.id))
    assert rig.other.edited == []


async def test_a_window_that_does_not_answer_is_passed_over(
    rig: Rig, autojump_clock: trio.testing.MockClock
) -> None:
    plugin = Plugin()
    plugin.silent = True
    async with plugin.connected(rig.connect()):
        text = make_text(rig.files)
        with none_left(rig.files):
            await rig.routed.edit(text, FakeDesk())
    assert rig.other.edited == [text.id]
    assert trio.current_time() >= window.OPEN


async def test_bytes_that_no_window_can_show_go_to_the_other_editor(rig: Rig) -> None:
    async with Plugin(base64=False).connected(rig.connect()):
        text = make_text(rig.files, b"caf\xe9\n")
        await rig.routed.edit(text, FakeDesk())
    assert rig.other.edited == [text.id]


async def test_what_a_window_refuses_is_refused(rig: Rig) -> None:
    plugin = Plugin()
    plugin.refuse = RpcError(-32603, "no more tabs")
    async with plugin.connected(rig.connect()):
        with pytest.raises(RbridgeError, match=r"Editor cannot show train\.py: no more tabs"):
            await rig.routed.edit(make_text(rig.files), FakeDesk())
    assert rig.other.edited == []


class Willing(Starter):
    """Has an editor whose plug-in connects, or says *why* not."""

    def __init__(self, rig: Rig, why: str = "") -> None:
        super().__init__(Bare("ned", ["ned"], NoTerminal()))
        self.plugin = Plugin("Ned")
        self._rig = rig
        self._why = why

    def describe(self) -> str:
        return "ned on paper"

    async def start(self, text: Text, house: House) -> str:
        if not self._why:
            self._rig.nursery.start_soon(self._connect)
            await house.arrival()
        return self._why

    async def _connect(self) -> None:
        async with self.plugin.connected(self._rig.connect()):
            await trio.sleep_forever()


async def test_an_editor_that_has_its_plug_in_is_started_before_the_other(rig: Rig) -> None:
    willing = Willing(rig)
    rig.routed = Routed(Attached(), rig.other, willing)
    text = make_text(rig.files)
    async with trio.open_nursery() as nursery:
        pane = await nursery.start(rig.routed.edit, text, FakeDesk())
        assert pane.editor == "Ned"
        await willing.plugin.close(await willing.plugin.shown(text.id))
    assert rig.other.edited == []


async def test_where_that_fails_the_user_is_told_and_the_other_opens_it(rig: Rig) -> None:
    rig.routed = Routed(Attached(), rig.other, Willing(rig, "ned did not come"))
    text, desk = make_text(rig.files), FakeDesk()
    await rig.routed.edit(text, desk)
    assert rig.other.edited == [text.id]
    assert desk.told == ["train.py: ned did not come"]


async def test_a_folder_starts_the_editor_that_has_its_plug_in(rig: Rig, tmp_path: Path) -> None:
    willing = Willing(rig)
    rig.routed = Routed(Attached(), rig.other, willing)
    desk = FakeFolderDesk(rig.files, tmp_path, rig.nursery)
    async with trio.open_nursery() as nursery:
        pane = await nursery.start(rig.routed.browse, make_root(rig.files), desk)
        assert pane.editor == "Ned"
        await willing.plugin.ask("folder/close", id=(await willing.plugin.folder()).id)


async def test_where_that_fails_the_folder_is_for_the_other(rig: Rig, tmp_path: Path) -> None:
    rig.routed = Routed(Attached(), rig.other, Willing(rig, "ned did not come"))
    desk = FakeFolderDesk(rig.files, tmp_path, rig.nursery)
    with pytest.raises(NotListening, match="ed cannot show a folder"):
        await rig.routed.browse(make_root(rig.files), desk)
    assert desk.told == ["project: ned did not come"]


async def test_each_goes_on_with_its_own(rig: Rig) -> None:
    text = make_text(rig.files)
    assert rig.routed.runs(text, {"kind": "other"})
    await rig.routed.adopt(text, FakeDesk(), {"kind": "other"})
    assert rig.other.adopted == [text.id]
    for nobodys in ({}, {"kind": "attached"}, {"kind": "attached", "private": "../x", "cwd": "y"}):
        assert not rig.routed.runs(text, nobodys)
        with pytest.raises(NotListening):
            await rig.routed.adopt(text, FakeDesk(), nobodys)


async def test_it_says_what_it_will_be(rig: Rig) -> None:
    assert rig.routed.describe() == "ed on paper, or in an editor whose plug-in is attached"
    assert rig.routed.name == "ed"
    starting = Routed(Attached(), rig.other, Willing(rig))
    assert starting.describe() == "ned on paper, whose plug-in is installed, or in another that is attached"
    assert Routed(Attached(), Absent()).describe() == "editors whose plug-in is attached, and in no other"


async def test_questions_are_put_in_a_window_that_is_attached() -> None:
    attached = Attached()
    asked: list[str] = []

    async def ask(message: str, answers: object) -> str:
        asked.append(message)
        return "Open"

    attached.ask = ask  # type: ignore[method-assign]
    assert await Routed(attached, Other()).ask("may it?", ["Open"]) == "Open"
    assert asked == ["may it?"]
    assert await Other().ask("may it?", ["Open"]) is None
