"""What could be lost, or done on the host without the user's word, while an editor works on a tree."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from rbridge.adapters.base import Outcome, Result, State
from rbridge.adapters.folder import FolderError
from tests.adapters import folders
from tests.adapters.folders import HostDesk, digest
from tests.adapters.trees import Laid

OLD = digest(b"import torch\n")


@pytest.fixture
async def laid(tmp_path: Path) -> AsyncIterator[Laid]:
    async with trio.open_nursery() as nursery:
        yield Laid(tmp_path, nursery)
        nursery.cancel_scope.cancel()


class Refusing(HostDesk):
    """A desk of a file that the host does not take."""

    def __init__(self, file: Path, base: str | None) -> None:
        super().__init__(file, base)
        self.answers = [Outcome(Result.REFUSED, f"{file.name} is another one there")]


async def test_what_was_changed_on_the_host_is_not_removed(laid: Laid) -> None:
    async with laid.open():
        laid.desk.gate = trio.Event()
        (laid.here / "train.py").unlink()
        await laid.desk.until(lambda: laid.desk.questions)
        (laid.host / "train.py").write_bytes(b"of somebody else\n")
        laid.desk.gate.set()
        await laid.desk.until(lambda: any("changed on gpu1 meanwhile" in one for one in laid.desk.told))
        await laid.desk.until((laid.here / "train.py").exists)
        assert (laid.here / "train.py").read_bytes() == b"of somebody else\n"
    assert laid.on_host("train.py") == b"of somebody else\n"
    assert laid.asked("remove") == []


async def test_in_a_directory_it_stays_and_so_does_the_directory(laid: Laid) -> None:
    async with laid.open():
        laid.desk.gate = trio.Event()
        shutil.rmtree(laid.here / "src")
        await laid.desk.until(lambda: laid.desk.questions)
        (laid.host / "src" / "io.py").write_bytes(b"of somebody else\n")
        laid.desk.gate.set()
        await laid.until_host("src/model.py", None)
        await laid.desk.until((laid.here / "src" / "io.py").exists)
        await laid.tree.finish()
    assert laid.on_host("src/io.py") == b"of somebody else\n"
    assert len(laid.desk.questions) == 1


async def test_one_that_the_host_lost_as_well_is_gone(laid: Laid) -> None:
    async with laid.open():
        laid.desk.gate = trio.Event()
        (laid.here / "train.py").unlink()
        await laid.desk.until(lambda: laid.desk.questions)
        (laid.host / "train.py").unlink()
        laid.desk.gate.set()
        await laid.tree.finish()
    assert len(laid.desk.questions) == 1
    assert laid.desk.told == []


@pytest.mark.parametrize("gone", ["src/io.py", "src/model.py"])
async def test_one_that_cannot_be_put_back_does_not_keep_the_others(laid: Laid, gone: str) -> None:
    laid.desk.allows = False
    other = "src/model.py" if gone == "src/io.py" else "src/io.py"
    async with laid.open():
        laid.desk.gate = trio.Event()
        shutil.rmtree(laid.here / "src")
        await laid.desk.until(lambda: laid.desk.questions)
        (laid.host / gone).unlink()
        laid.desk.gate.set()
        await laid.desk.until((laid.here / other).exists)
        await laid.desk.until(lambda: any(gone in one for one in laid.desk.told))


async def test_a_slow_host_moves_a_directory_once(laid: Laid) -> None:
    async with laid.open():
        laid.desk.gate = trio.Event()
        os.rename(laid.here / "src", laid.here / "lib")
        await laid.desk.until(lambda: laid.asked("move"))
        await laid.desk.until(lambda: not laid.tree._due)  # what is in it, and what is gone, was looked at
        laid.desk.gate.set()
        await laid.until_host("lib/model.py", b"x = 1\n")
        await laid.tree.finish()
    assert laid.asked("move") == [("move", "src", "lib", False)]
    assert (laid.desk.told, laid.desk.questions) == ([], [])


async def test_a_slow_host_moves_a_file_and_nobody_is_asked(laid: Laid) -> None:
    async with laid.open():
        laid.desk.gate = trio.Event()
        os.rename(laid.here / "train.py", laid.here / "run.py")
        await laid.desk.until(lambda: laid.asked("move"))
        await laid.desk.until(lambda: not laid.tree._due)
        laid.desk.gate.set()
        await laid.until_host("run.py", b"import torch\n")
        await laid.tree.finish()
    assert laid.desk.questions == []


async def test_what_is_moved_just_before_the_end_was_not_deleted(laid: Laid) -> None:
    async with laid.open():
        os.rename(laid.here / "train.py", laid.here / "run.py")
        os.rename(laid.here / "src", laid.here / "lib")
        await laid.tree.finish()
    assert (laid.on_host("run.py"), laid.on_host("lib/model.py")) == (b"import torch\n", b"x = 1\n")
    assert (laid.on_host("train.py"), laid.on_host("src/model.py")) == (None, None)
    assert (laid.desk.questions, laid.desk.told) == ([], [])


async def test_a_new_file_with_the_number_of_a_deleted_one_is_no_move(laid: Laid) -> None:
    laid.desk.allows = False
    async with laid.open():
        (laid.here / "train.py").unlink()
        (laid.here / "run.py").write_bytes(b"of its own\n")
        known = laid.tree._texts["train.py"]
        laid.tree._texts["train.py"] = replace(known, inode=os.stat(laid.here / "run.py").st_ino)
        await laid.until_host("run.py", b"of its own\n")
        await laid.desk.until(lambda: laid.desk.questions)
        await laid.tree.finish()
    assert laid.asked("move") == []
    assert laid.on_host("train.py") == b"import torch\n"


async def test_a_new_directory_with_the_number_of_a_deleted_one_is_no_move(laid: Laid) -> None:
    laid.desk.allows = False
    async with laid.open():
        shutil.rmtree(laid.here / "src")
        (laid.here / "lib").mkdir()
        laid.tree._directories["src"] = os.stat(laid.here / "lib").st_ino
        await laid.desk.until((laid.host / "lib").is_dir)
        await laid.desk.until(lambda: laid.desk.questions)
        await laid.tree.finish()
    assert laid.asked("move") == []
    assert laid.on_host("src/model.py") == b"x = 1\n"


async def test_a_file_that_was_moved_is_found_by_what_is_in_it(laid: Laid) -> None:
    async with laid.open():
        os.rename(laid.here / "train.py", laid.here / "run.py")
        await laid.until_host("run.py", b"import torch\n")
        os.rename(laid.here / "src", laid.here / "lib")
        await laid.until_host("lib/model.py", b"x = 1\n")
        await laid.tree.finish()
    assert [one[1:3] for one in laid.asked("move")] == [("train.py", "run.py"), ("src", "lib")]


async def test_one_that_is_moved_and_written_at_once_is_delivered(laid: Laid) -> None:
    """In memory no two files ever have the same number."""
    async with laid.open(in_memory=True):
        os.rename(laid.here / "train.py", laid.here / "run.py")
        (laid.here / "run.py").write_bytes(b"import jax\n")
        await laid.until_host("run.py", b"import jax\n")
    assert laid.asked("move") == [("move", "train.py", "run.py", False)]


async def test_a_document_that_is_being_closed_is_waited_for(laid: Laid) -> None:
    async with laid.open():
        laid.desk.refusal = FolderError("busy", "train.py is being closed; open it again")
        laid.write("train.py", b"mine\n")
        await laid.desk.until(lambda: len(laid.asked("open")) == 2)
        laid.desk.refusal = None
        await laid.until_host("train.py", b"mine\n")
    assert laid.desk.told == []


async def test_a_new_file_in_a_directory_that_the_host_lost_makes_it_again(laid: Laid) -> None:
    async with laid.open():
        shutil.rmtree(laid.host / "src")
        laid.desk.refusal = FolderError("gone", "no such directory")
        laid.write("src/new.py", b"new\n")
        await laid.desk.until(lambda: len(laid.asked("open")) == 2)
        assert [one[1] for one in laid.asked("make")] == ["src"]
        await laid.desk.until(lambda: any("new.py was not saved" in one for one in laid.desk.told))
    assert len(laid.asked("open")) == 2


async def test_but_not_for_ever(laid: Laid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbridge.adapters.tree.SETTLE", 0.01)
    async with laid.open():
        laid.desk.refusal = FolderError("busy", "train.py is being closed; open it again")
        laid.write("train.py", b"mine\n")
        await laid.desk.until(lambda: any("train.py was not saved" in one for one in laid.desk.told))
        laid.tree.keep()
    assert laid.desk.kept == {"train.py": b"mine\n"}


async def test_a_document_in_conflict_that_is_closed_leaves_what_its_text_stands_on(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"mine\n")
        await laid.until_host("train.py", b"mine\n")
        courier = laid.tree._couriers["train.py"]
        await courier.show(State.CONFLICT, "train.py was changed there")
        courier.end()
        await laid.desk.desks["train.py"].closed.wait()
        laid.write("train.py", b"mine again\n")
        await laid.desk.until(lambda: len(laid.asked("open")) == 2)
    assert laid.asked("open")[1] == ("open", "train.py", False, OLD)


async def test_a_new_file_that_was_refused_must_still_not_be_there(
    laid: Laid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "HostDesk", Refusing)
    async with laid.open():
        laid.write("new.py", b"mine\n")
        await laid.desk.until(lambda: "new.py" in laid.desk.desks)
        await laid.desk.desks["new.py"].until_told("another one")
        laid.tree._couriers["new.py"].end()
        await laid.desk.desks["new.py"].closed.wait()
        laid.write("new.py", b"mine again\n")
        await laid.desk.until(lambda: len(laid.asked("open")) == 2)
    assert laid.asked("open")[1] == ("open", "new.py", True, "absent")


async def test_what_is_kept_are_files_and_nothing_is_waited_for(laid: Laid, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"of the laptop\n")
    async with laid.open():
        os.mkfifo(laid.here / "pipe")
        (laid.here / "link").symlink_to(tmp_path / "secret")
        laid.desk.connected = False
        laid.write("new.py", b"new\n")
        laid.tree.keep()
    assert laid.desk.kept == {"new.py": b"new\n"}


async def test_its_documents_end_with_the_folder(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"mine\n")
        await laid.until_host("train.py", b"mine\n")
    laid.tree.end()
    await laid.desk.desks["train.py"].closed.wait()
    assert laid.desk.told == ["project on gpu1 is closed: what ed still saves of it is not sent any more"]


async def test_an_editor_that_was_closed_first_needs_no_word(laid: Laid) -> None:
    async with laid.open():
        await laid.tree.finish()
        laid.tree.keep()
        laid.tree.end()
    assert laid.desk.told == []


async def test_one_that_comes_when_the_folder_is_closed_is_not_begun(laid: Laid) -> None:
    async with laid.open():
        laid.desk.gate = trio.Event()
        laid.write("train.py", b"mine\n")
        await laid.desk.until(lambda: laid.asked("open"))
        laid.tree.end()
        laid.desk.gate.set()
        await laid.desk.until(lambda: "train.py" in laid.desk.desks)
        await laid.desk.desks["train.py"].closed.wait()
        await laid.desk.until(lambda: any("closed meanwhile" in one for one in laid.desk.told))
    laid.tree.keep()
    assert laid.desk.kept == {"train.py": b"mine\n"}


async def test_where_there_is_no_room_for_what_the_host_has_the_old_text_stays(
    laid: Laid, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with laid.open():
        await laid.desk.until(lambda: laid.desk.watching)
        assert laid.desk.watching is not None
        monkeypatch.setattr("rbridge.adapters.tree.put", full)
        (laid.host / "train.py").write_bytes(b"there\n")
        laid.desk.watching(["train.py"])
        await laid.desk.until(lambda: laid.desk.told)
        assert (laid.here / "train.py").read_bytes() == b"import torch\n"
    assert laid.desk.told == ["cannot show the host's new text of train.py in ed: No space left on device"]


async def test_a_large_text_is_not_read_again_unasked(laid: Laid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbridge.adapters.tree.AGAIN", 8)
    async with laid.open():
        await laid.desk.until(lambda: laid.desk.watching)
        assert laid.desk.watching is not None
        (laid.host / "train.py").write_bytes(b"there\n")
        (laid.host / "src" / "io.py").write_bytes(b"there\n")
        reads = len(laid.asked("read"))
        laid.desk.watching(["train.py", "src/io.py"])
        await laid.desk.until(lambda: (laid.here / "src" / "io.py").read_bytes() == b"there\n")
        await laid.desk.until(lambda: not laid.tree._busy)
    assert [one[1] for one in laid.asked("read")[reads:]] == ["src/io.py"]


async def test_the_user_hears_of_what_is_not_sent_once(laid: Laid) -> None:
    async with laid.open():
        for _ in range(2):
            laid.write(".exrc", b"set number\n")
        (laid.here / ".idea").mkdir()
        (laid.here / ".idea" / ".exrc").write_bytes(b"")
        laid.write("last.py", b"x\n")
        await laid.until_host("last.py", b"x\n")
    (told,) = laid.desk.told
    assert told.startswith(".exrc is not sent to gpu1: it tells editors what to do")


async def test_a_question_holds_up_nothing_but_what_it_is_about(
    laid: Laid, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = trio.Event(), trio.Event()

    async def confirm(_question: str) -> bool:
        asked.set()
        await answered.wait()
        return True

    monkeypatch.setattr(laid.desk, "confirm", confirm)
    async with laid.open():
        shutil.rmtree(laid.here / "src")
        await asked.wait()
        (laid.here / "src").mkdir()
        laid.write("src/fresh.py", b"new\n")
        await laid.until_host("src/fresh.py", b"new\n")
        answered.set()
        await laid.desk.until(lambda: not laid.tree._busy)
    assert laid.on_host("src/model.py") == b"x = 1\n"
    assert laid.asked("remove") == []


async def test_a_tree_that_is_gone_as_a_whole_was_not_deleted_by_the_user(laid: Laid) -> None:
    async with laid.open():
        shutil.rmtree(laid.here)
        await laid.desk.until(lambda: laid.desk.told)
        await laid.tree.finish()
    assert laid.desk.questions == []
    assert laid.desk.told == ["project is gone here, as a whole: gpu1 has it as it was"]
