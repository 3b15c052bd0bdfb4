"""Which window has a folder, and what that means for files of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters.browsing import GRACE
from rbridge.adapters.buffer import OPEN
from rbridge.adapters.folder import FolderError
from rbridge.errors import NotListening
from tests.adapters.browses import Browse, error_of
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.folders import FakeFolderDesk, make_root
from tests.adapters.plugin import Folder, Plugin


async def test_a_plugin_that_comes_back_has_its_folder(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
    async with browse.connected():
        assert plugin.welcome["folders"] == [{"id": folder.id, "connected": True}]
        await plugin.fs(folder, "stat", "train.py")
    assert not browse.over.is_set()


async def test_one_that_does_not_come_back_has_closed_it(browse: Browse, autojump_clock: Any) -> None:
    async with browse.connected():
        await browse.shown()
    begin = trio.current_time()
    await browse.over.wait()
    assert trio.current_time() - begin == pytest.approx(GRACE, abs=1)


async def test_after_a_restart_the_folder_goes_to_the_window_that_had_it(browse: Browse) -> None:
    before = Plugin("Before")
    before.folders["old"] = Folder(
        {"id": "old", "host": "gpu1", "path": "/home/u/project", "uri": "rbridge://gpu1/home/u/project"}
    )
    async with browse.connected(Plugin("Other")), trio.open_nursery() as nursery:

        async def later() -> None:
            await browse.browse(again=True)

        nursery.start_soon(later)
        await trio.testing.wait_all_tasks_blocked()
        async with browse.connected(before):
            await before.until(lambda: "f0badcafe0000001" in before.folders)
            assert "old" not in before.folders


async def test_one_that_no_window_claims_after_a_restart_is_not_shown(
    browse: Browse, autojump_clock: Any
) -> None:
    async with browse.connected(Plugin("Other")):
        with pytest.raises(NotListening):
            await browse.attached.browse(make_root(browse.files, again=True), browse.desk)


async def test_a_window_that_shows_no_folders_is_passed_over(browse: Browse) -> None:
    async with browse.connected(), browse.connected(Plugin("Old", folders=False)):
        await browse.shown()
    assert browse.plugin.folders


async def test_without_any_it_is_refused(browse: Browse) -> None:
    async with browse.connected(Plugin("Old", folders=False)):
        with pytest.raises(NotListening, match="Old does not show folders"):
            await browse.attached.browse(make_root(browse.files), browse.desk)


async def test_a_window_that_does_not_answer_loses_it_to_another(browse: Browse, autojump_clock: Any) -> None:
    silent = Plugin("Silent")
    silent.silent = True
    async with browse.connected(), browse.connected(silent):
        begin = trio.current_time()
        await browse.shown()
        assert trio.current_time() - begin >= OPEN
        assert (
            "folder/closed",
            {"id": "f0badcafe0000001", "message": "it was opened elsewhere"},
        ) in silent.said


async def test_a_file_on_the_host_goes_to_the_window_with_its_folder(browse: Browse) -> None:
    other = Plugin("Other")
    async with browse.connected() as plugin, browse.connected(other):
        await browse.shown_in(plugin)
        await plugin.tell("buffer/focus")
        await other.tell("buffer/focus")
        inside = make_text(browse.files, id="0badcafe00000001", path="/home/u/project/train.py")
        beside = make_text(browse.files, id="0badcafe00000002", path="/home/u/project2/train.py")
        elsewhere = make_text(
            browse.files, id="0badcafe00000003", host="gpu2", path="/home/u/project/train.py"
        )
        unproved = make_text(browse.files, id="0badcafe00000004", path="/home/u/project/a.py", verified=False)
        for text, wanted in ((inside, plugin), (beside, other), (elsewhere, other), (unproved, other)):
            browse.nursery.start_soon(browse.attached.edit, text, FakeDesk())
            await wanted.shown(text.id)


async def test_a_refusal_names_its_reason(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        browse.desk.refusal = FolderError("outside", "src leads out of the folder")
        error = await error_of(plugin.fs(folder, "list", "src"))
        assert (error.code, error.message, error.data) == (
            -32010,
            "src leads out of the folder",
            {"reason": "outside"},
        )


async def test_the_daemon_closes_it(browse: Browse) -> None:
    async with browse.connected() as plugin:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(browse.attached.browse, make_root(browse.files), browse.desk)
            folder = await plugin.folder()
            nursery.cancel_scope.cancel()
        await plugin.until(lambda: folder.closed)


async def test_a_daemon_that_ends_leaves_it_with_its_window(browse: Browse) -> None:
    shown: list[Any] = []
    async with browse.connected() as plugin:
        async with trio.open_nursery() as nursery:

            async def browsing(task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
                await browse.attached.browse(make_root(browse.files), browse.desk, task_status=task_status)

            shown.append(await nursery.start(browsing))
            folder = await plugin.folder()
            assert shown[0].leave()
            nursery.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert not folder.closed
        assert not plugin.heard("folder/closed")


async def test_one_without_a_window_is_not_left(browse: Browse) -> None:
    async with browse.connected():
        folder = await browse.shown()
    pane = browse.attached.folder(folder.id)
    assert pane is not None
    assert not pane.leave()


async def test_a_folder_whose_client_was_killed_gives_way_to_the_one_that_is_opened_again(
    browse: Browse, tmp_path: Path
) -> None:
    async with browse.connected() as plugin:
        old = (await browse.shown()).id
        before, browse.desk = browse.desk, FakeFolderDesk(tmp_path / "more", browse.host, browse.nursery)
        await browse.browse(id="f0badcafe0000002", path="/home/u/other")
        assert not browse.over.is_set()
        await browse.browse(id="f0badcafe0000003")
        assert not browse.over.is_set()
        before.connected = False
        await browse.browse(id="f0badcafe0000004")
        with trio.fail_after(15):
            await browse.over.wait()
        await plugin.until(lambda: plugin.said[-1] == ("folder/closed", {"id": old, "message": ""}))
        assert [one for one, _ in plugin.said].count("folder/closed") == 1
