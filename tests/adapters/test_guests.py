"""Texts in an editor that is here only by its language client."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import trio

from rbridge.adapters import guests, pids
from rbridge.adapters.guests import Guest, Guests
from rbridge.errors import NotListening
from tests.adapters.desk import FakeDesk, make_text
from tests.harness.wait import until_async

ALIVE: dict[str, Any] = pids.trace(os.getpid())


class Way:
    """A connection of an editor, which shows what it is asked to unless it *refuses*."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.asked: list[tuple[Path, int, int, bool]] = []

    async def show(self, file: Path, line: int, column: int, focus: bool) -> bool:
        self.asked.append((file, line, column, focus))
        await trio.lowlevel.checkpoint()
        return not self.refuses


class Edit:
    """A text that is being edited in one of *house*, to its end."""

    def __init__(self, house: Guests, tmp_path: Path, **about: Any) -> None:
        self.text = make_text(tmp_path, b"old", **about)
        self.desk = FakeDesk()
        self.over = trio.Event()
        self._house = house

    async def run(self, task_status: trio.TaskStatus[Any]) -> None:
        await self._house.edit("", self.text, self.desk, task_status=task_status)
        self.over.set()


def below(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*"))


@pytest.fixture
def way() -> Way:
    return Way()


async def test_a_text_is_shown_and_what_is_written_goes_to_the_host(
    tmp_path: Path, nursery: trio.Nursery, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "RETURN", 0.0)
    house = Guests()
    guest = house.join("Helix", ALIVE, way.show)
    edit = Edit(house, tmp_path, line=3, column=7)
    pane = await nursery.start(edit.run)
    assert pane.editor == "Helix"
    assert way.asked == [(edit.text.file, 3, 7, True)]
    guest.opened(edit.text.file)
    edit.text.file.write_bytes(b"new")
    await until_async(lambda: edit.desk.saves == [b"new"])
    await pane.reveal(9, 0)
    assert way.asked[1] == (edit.text.file, 9, 0, True)
    edit.text.file.write_bytes(b"at the end")
    guest.closed(edit.text.file)
    await edit.over.wait()
    assert edit.desk.saves == [b"new", b"at the end"]


async def test_one_that_refuses_is_passed_over_for_the_next(tmp_path: Path, nursery: trio.Nursery) -> None:
    house, first, last = Guests(), Way(), Way(refuses=True)
    house.join("Kate", ALIVE, first.show)
    house.join("Helix", {}, last.show)
    pane = await nursery.start(Edit(house, tmp_path, keep_focus=True).run)
    assert pane.editor == "Kate"
    assert (last.asked[0][3], len(first.asked)) == (False, 1)


async def test_where_none_shows_it_that_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    house, way = Guests(), Way(refuses=True)
    house.join("Helix", ALIVE, way.show)
    text = make_text(tmp_path, b"old")
    before = below(tmp_path)
    with pytest.raises(NotListening, match="no editor"):
        await house.edit("", text, FakeDesk())
    assert below(tmp_path) == before


async def test_a_language_client_that_is_started_anew_keeps_the_text(
    tmp_path: Path, nursery: trio.Nursery, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file in memory goes only when the editor has closed it: what is saved after that would be lost."""
    monkeypatch.setattr(guests, "LOOK", 0.001)
    monkeypatch.setattr(guests, "RETURN", 0.0)
    looks: list[object] = []
    monkeypatch.setattr(guests, "lives", lambda trace: looks.append(trace) or True)
    house, again = Guests(), Way()
    guest = house.join("Helix", ALIVE, way.show)
    edit = Edit(house, tmp_path)
    await nursery.start(edit.run)
    guest.left(way.show)
    assert not house.are("helix")
    await until_async(lambda: len(looks) > 3)
    edit.text.file.write_bytes(b"new")
    await until_async(lambda: edit.desk.saves == [b"new"])
    assert house.join("Helix", ALIVE, again.show) is guest
    guest.closed(edit.text.file)
    await edit.over.wait()


async def test_the_end_of_its_process_ends_its_texts(
    tmp_path: Path, nursery: trio.Nursery, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "LOOK", 0.001)
    house, living = Guests(), [True]
    monkeypatch.setattr(guests, "lives", lambda _trace: living[0])
    guest = house.join("Helix", ALIVE, way.show)
    edit = Edit(house, tmp_path)
    await nursery.start(edit.run)
    guest.left(way.show)
    living[0] = False
    await edit.over.wait()


async def test_a_text_that_is_opened_again_at_once_was_not_closed(
    monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    """So editors say that it has another language."""
    guest, file, done = Guest("Kate", {}), Path("/x"), trio.Event()

    async def wait() -> None:
        await guest.until_done(file)
        done.set()

    nursery.start_soon(wait)
    guest.closed(file)
    await trio.testing.wait_all_tasks_blocked()
    guest.opened(file)
    await trio.testing.wait_all_tasks_blocked(guests.RETURN * 0.01)
    assert not done.is_set()
    monkeypatch.setattr(guests, "RETURN", 0.0)
    guest.closed(file)
    await done.wait()


def test_only_the_users_own_editor_is_asked(way: Way) -> None:
    house = Guests()
    house.join("helix", ALIVE, way.show)
    assert [name for name in ("hx", "Helix", "", "zed", "vim") if house.are(name)] == ["hx", "Helix", ""]
