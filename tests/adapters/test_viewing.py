"""A picture in the laptop's own viewer, and a folder in a command's editor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio

from rbridge.adapters.attached import Attached
from rbridge.adapters.base import Adapter, Pane, State, Text
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.pair import Half, Pair
from rbridge.adapters.routed import Routed
from rbridge.adapters.viewing import Viewing
from rbridge.errors import NotListening
from tests.adapters.browses import Browse, error_of
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.plugin import Plugin
from tests.harness.wait import until_async

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
SHOW = "#!/bin/sh\nprintf '%s\\n' \"$1\" >> {log}\n{then}\n"


ENVIRON = {"DISPLAY": ":0", "PATH": "/usr/bin:/bin"}


def programs(directory: Path, then: str = "exit 0") -> Callable[[str], str | None]:
    """Finds the programs of a desktop, whose viewer does *then*."""
    viewer = directory / "xdg-open"
    viewer.write_text(SHOW.format(log=directory / "log", then=then))
    viewer.chmod(0o700)
    found: Mapping[str, str] = {"xdg-open": str(viewer), "ed": sys.executable}
    return found.get


@pytest.fixture
def desktop(tmp_path: Path) -> Callable[..., CommandAdapter]:
    """An adapter where there is a desktop, whose viewer does *then*."""

    def make(then: str = "exit 0") -> CommandAdapter:
        return CommandAdapter(["ed"], environ=ENVIRON, which=programs(tmp_path, then))

    return make


def seen(directory: Path) -> list[str]:
    """The files that the viewer was given."""
    log = directory / "log"
    return log.read_text().splitlines() if log.exists() else []


async def edited(adapter: Adapter, text: Text, desk: FakeDesk, nursery: trio.Nursery) -> Pane:
    async def run(task_status: trio.TaskStatus[Pane]) -> None:
        await adapter.edit(text, desk, task_status=task_status)

    pane: Pane = await nursery.start(run)
    return pane


async def test_a_picture_is_shown_for_reading(tmp_path: Path, desktop: Callable[..., CommandAdapter]) -> None:
    text, desk = make_text(tmp_path / "files", PNG, path="/home/u/figure.png"), FakeDesk()
    async with trio.open_nursery() as nursery:
        pane = await edited(desktop(), text, desk, nursery)
        await until_async(lambda: (tmp_path / "log").exists())
        assert (tmp_path / "log").read_text() == f"{text.file}\n"
        assert text.file.stat().st_mode & 0o777 == 0o400
        new = tmp_path / "new"
        new.write_bytes(PNG + b"1")
        assert await pane.replace(new)
        await pane.show(State.CLEAN)
        assert text.file.read_bytes() == PNG + b"1"
        nursery.cancel_scope.cancel()
    assert (desk.saves, desk.told) == ([], [])


async def test_a_viewer_that_fails_says_why(tmp_path: Path, desktop: Callable[..., CommandAdapter]) -> None:
    text = make_text(tmp_path / "files", PNG, path="/home/u/figure.png")
    with pytest.raises(NotListening, match="cannot show figure.png: no program for that"):
        await desktop("echo no program for that >&2; exit 3").edit(text, FakeDesk())


async def test_a_script_that_is_called_a_picture_goes_to_the_editor(
    tmp_path: Path, desktop: Callable[..., CommandAdapter]
) -> None:
    text = make_text(tmp_path / "files", b"#!/bin/sh\n", path="/home/u/figure.png")
    desk = FakeDesk()
    async with trio.open_nursery() as nursery:
        await edited(desktop(), text, desk, nursery)
        assert not (tmp_path / "log").exists()
        nursery.cancel_scope.cancel()


async def test_a_window_that_can_show_it_comes_first_and_one_that_cannot_is_passed_over(
    browse: Browse, tmp_path: Path, desktop: Callable[..., CommandAdapter]
) -> None:
    viewer = Plugin("Viewer", viewer=True)
    one = make_text(browse.files, PNG, path="/home/u/figure.png", id="0badcafe00000001")
    two = make_text(browse.files, PNG, path="/home/u/other.png", id="0badcafe00000002")
    async with trio.open_nursery() as nursery:
        routed = Routed(browse.attached, desktop())
        async with browse.connected(viewer), browse.connected():
            await edited(routed, one, FakeDesk(), nursery)
            assert viewer.buffers[one.id].text == PNG
            assert not browse.plugin.buffers
        async with browse.connected():
            await edited(routed, two, FakeDesk(), nursery)
            await until_async(lambda: (tmp_path / "log").exists())
        nursery.cancel_scope.cancel()


async def test_without_any_window_it_is_the_other_editors_matter(
    tmp_path: Path, desktop: Callable[..., CommandAdapter]
) -> None:
    text = make_text(tmp_path / "files", PNG, path="/home/u/figure.png")
    async with trio.open_nursery() as nursery:
        await edited(Routed(Attached(), desktop()), text, FakeDesk(), nursery)
        await until_async(lambda: (tmp_path / "log").exists())
        nursery.cancel_scope.cancel()


async def test_one_that_has_handed_the_file_on_does_so_again(
    tmp_path: Path, desktop: Callable[..., CommandAdapter]
) -> None:
    text, desk = make_text(tmp_path / "files", PNG, path="/home/u/figure.png"), FakeDesk()
    async with trio.open_nursery() as nursery:
        pane = await edited(desktop(), text, desk, nursery)
        assert pane.editor == "xdg-open"
        await until_async(lambda: seen(tmp_path) == [str(text.file)])
        while seen(tmp_path) != [str(text.file)] * 2:
            await pane.reveal()
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


# Beside windows of attached editors


@pytest.fixture
def beside(browse: Browse, tmp_path: Path) -> Browse:
    """Attached editors on a desktop with a viewer."""
    browse.attached = Attached(Viewing(ENVIRON, programs(tmp_path)))
    (browse.host / "paper.pdf").write_bytes(b"%PDF-1.7\n")
    (browse.host / "figure.png").write_bytes(PNG)
    return browse


async def test_what_no_window_shows_is_shown_by_the_viewer(beside: Browse, tmp_path: Path) -> None:
    text = make_text(beside.files, b"%PDF-1.7\n", path="/home/u/paper.pdf")
    async with trio.open_nursery() as nursery, beside.connected(Plugin(viewer=["png"])) as plugin:
        pane = await edited(beside.attached, text, FakeDesk(), nursery)
        await until_async(lambda: seen(tmp_path) == [str(text.file)])
        assert pane.editor == "xdg-open"
        assert not plugin.buffers
        nursery.cancel_scope.cancel()


async def test_what_a_window_asks_for_and_does_not_show_goes_there_too(
    beside: Browse, tmp_path: Path
) -> None:
    async with beside.connected(Plugin(viewer=["png"])) as plugin:
        await beside.browse()
        folder = await plugin.folder()
        said = await plugin.fs(folder, "open", "paper.pdf")
        assert said == {"viewer": "xdg-open", "kind": "PDF files", "name": "paper.pdf"}
        await until_async(lambda: len(seen(tmp_path)) == 1)
        picture = await plugin.fetch(folder, "figure.png")
        assert picture.text == PNG
        assert len(seen(tmp_path)) == 1


async def test_once_more_is_shown_once_more(beside: Browse, tmp_path: Path) -> None:
    async with beside.connected() as plugin:
        await beside.browse()
        folder = await plugin.folder()
        said = await plugin.fs(folder, "open", "paper.pdf")
        await until_async(lambda: len(seen(tmp_path)) == 1)
        (beside.desk.already,) = beside.attached._viewed
        while len(seen(tmp_path)) == 1:
            assert await plugin.fs(folder, "open", "paper.pdf") == said


async def test_without_a_viewer_it_is_refused(browse: Browse) -> None:
    browse.attached = Attached(Viewing({}))
    (browse.host / "paper.pdf").write_bytes(b"%PDF-1.7\n")
    async with browse.connected() as plugin:
        await browse.browse()
        folder = await plugin.folder()
        error = await error_of(plugin.fs(folder, "open", "paper.pdf"))
        assert (error.code, "Editor does not show PDF files" in error.message) == (-32010, True)


async def test_a_picture_that_was_to_be_compared_is_shown_and_its_half_is_over(
    tmp_path: Path, desktop: Callable[..., CommandAdapter]
) -> None:
    half = Half(Pair(), "left")
    text = make_text(tmp_path / "files", PNG, path="/home/u/figure.png", half=half)
    async with trio.open_nursery() as nursery:
        await edited(desktop(), text, FakeDesk(), nursery)
        assert half.note("ed") == "figure.png is no text, so there is no diff"
        nursery.cancel_scope.cancel()
