"""What an editor does to a folder in memory is done on the host."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from rbridge.adapters.base import Outcome, Result
from rbridge.adapters.folder import NOT_CONNECTED, FolderError
from tests.adapters.folders import digest
from tests.adapters.trees import Laid

OLD = digest(b"import torch\n")


@pytest.fixture
async def laid(tmp_path: Path) -> AsyncIterator[Laid]:
    async with trio.open_nursery() as nursery:
        yield Laid(tmp_path, nursery)
        nursery.cancel_scope.cancel()


async def test_a_text_that_is_written_stands_on_what_was_laid_out(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"import jax\n")
        await laid.until_host("train.py", b"import jax\n")
        assert laid.asked("open") == [("open", "train.py", False, OLD)]
        laid.write("train.py", b"import numpy\n")
        await laid.until_host("train.py", b"import numpy\n")
        assert len(laid.asked("open")) == 1
        await laid.tree.finish()
        await laid.desk.desks["train.py"].closed.wait()
    assert laid.desk.told == []


async def test_what_is_laid_out_is_written_down(laid: Laid) -> None:
    async with laid.open():
        await laid.desk.until(lambda: laid.desk.recorded)
        assert laid.desk.recorded["train.py"] == OLD
        os.rename(laid.here / "train.py", laid.here / "run.py")
        await laid.desk.until(lambda: laid.desk.recorded.get("run.py") == OLD)
        assert "train.py" not in laid.desk.recorded


async def test_one_written_in_place(laid: Laid) -> None:
    async with laid.open():
        (laid.here / "src" / "model.py").write_bytes(b"x = 2\n")
        await laid.until_host("src/model.py", b"x = 2\n")


async def test_what_was_written_and_is_the_same_is_not_sent(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"import torch\n")
        laid.write("src/io.py", b"z\n")
        await laid.until_host("src/io.py", b"z\n")
        await laid.tree.finish()
        assert [one[1] for one in laid.asked("open")] == ["src/io.py"]


async def test_a_new_file_is_made_and_must_not_be_there(laid: Laid) -> None:
    async with laid.open():
        laid.write("new.py", b"new\n")
        await laid.until_host("new.py", b"new\n")
        assert laid.asked("open") == [("open", "new.py", True, "absent")]
        laid.write("new.py", b"newer\n")
        await laid.until_host("new.py", b"newer\n")


async def test_new_files_in_new_directories(laid: Laid) -> None:
    async with laid.open():
        (laid.here / "lib" / "deep").mkdir(parents=True)
        (laid.here / "lib" / "deep" / "a.py").write_bytes(b"a\n")
        (laid.here / "empty").mkdir()
        await laid.until_host("lib/deep/a.py", b"a\n")
        await laid.desk.until((laid.host / "empty").is_dir)


async def test_side_files_are_never_sent(laid: Laid) -> None:
    names = (".train.py.swp", "train.py~", "4913", ".#train.py", "#train.py#", ".goutputstream-X1", ".exrc")
    async with laid.open():
        for name in names:
            (laid.here / name).write_bytes(b"side\n")
        for directory in (".idea", ".vscode", "__pycache__"):
            (laid.here / directory).mkdir()
            (laid.here / directory / "a.json").write_bytes(b"{}")
        (laid.here / "last.py").write_bytes(b"x\n")
        await laid.until_host("last.py", b"x\n")
        await laid.tree.finish()
    assert sorted(one.name for one in laid.host.iterdir()) == ["last.py", "src", "train.py"]


async def test_a_temporary_file_that_is_gone_again_is_never_sent(laid: Laid) -> None:
    async with laid.open():
        for count in range(5):
            (laid.here / f"tmp{count}").write_bytes(b"half")
            await laid.desk.until(lambda name=f"tmp{count}": name in laid.tree._due)  # type: ignore[misc]
            os.replace(laid.here / f"tmp{count}", laid.here / "train.py")
        (laid.here / "train.py").write_bytes(b"whole\n")
        await laid.until_host("train.py", b"whole\n")
        await laid.tree.finish()
    assert [one[1] for one in laid.asked("open")] == ["train.py"]


async def test_a_save_in_two_steps_is_no_deletion(laid: Laid) -> None:
    async with laid.open():
        os.rename(laid.here / "train.py", laid.here / "train.py~")
        (laid.here / "train.py").write_bytes(b"two steps\n")
        os.unlink(laid.here / "train.py~")
        await laid.until_host("train.py", b"two steps\n")
        await laid.tree.finish()
    assert laid.desk.questions == []


async def test_a_deletion_asks_and_is_done(laid: Laid) -> None:
    laid.desk.gate = trio.Event()
    laid.desk.gate.set()
    async with laid.open():
        (laid.here / "train.py").unlink()
        await laid.until_host("train.py", None)
    assert laid.desk.questions == ["Remove train.py from project on gpu1? ed deleted it here."]


async def test_without_the_users_word_nothing_is_removed_and_the_text_is_put_back(laid: Laid) -> None:
    laid.desk.allows = False
    async with laid.open():
        (laid.here / "train.py").unlink()
        await laid.desk.until((laid.here / "train.py").exists)
        laid.write("train.py", b"after all\n")
        await laid.until_host("train.py", b"after all\n")
    assert laid.asked("remove") == []


async def test_several_deletions_are_one_question(laid: Laid) -> None:
    async with laid.open():
        shutil.rmtree(laid.here / "src")
        (laid.here / "train.py").unlink()
        await laid.desk.until(
            lambda: not (laid.host / "src").exists() and not (laid.host / "train.py").exists()
        )
    assert len(laid.desk.questions) <= 2
    assert not any("model.py" in one for one in laid.desk.questions)


async def test_of_a_directory_only_what_was_laid_out_is_removed(laid: Laid) -> None:
    (laid.host / "src" / "weights.pt").write_bytes(b"\0" * 100)
    async with laid.open():
        assert not (laid.here / "src" / "weights.pt").exists()
        shutil.rmtree(laid.here / "src")
        await laid.until_host("src/model.py", None)
        await laid.desk.until(lambda: any("more in it than was laid out" in one for one in laid.desk.told))
    assert (laid.host / "src" / "weights.pt").exists()


async def test_a_file_that_is_moved_is_moved_there(laid: Laid) -> None:
    async with laid.open():
        os.rename(laid.here / "train.py", laid.here / "src" / "run.py")
        await laid.until_host("src/run.py", b"import torch\n")
        laid.write("src/run.py", b"import jax\n")
        await laid.until_host("src/run.py", b"import jax\n")
        await laid.tree.finish()
    assert laid.on_host("train.py") is None
    assert laid.asked("move") == [("move", "train.py", "src/run.py", False)]
    assert laid.desk.questions == []


async def test_one_that_was_written_before_it_was_moved(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"import jax\n")
        await laid.until_host("train.py", b"import jax\n")
        os.rename(laid.here / "train.py", laid.here / "run.py")
        await laid.until_host("run.py", b"import jax\n")
        laid.write("run.py", b"import numpy\n")
        await laid.until_host("run.py", b"import numpy\n")
    assert laid.on_host("train.py") is None


async def test_a_directory_that_is_moved_is_moved_there(laid: Laid) -> None:
    async with laid.open():
        os.rename(laid.here / "src", laid.here / "lib")
        await laid.until_host("lib/model.py", b"x = 1\n")
        laid.write("lib/model.py", b"x = 2\n")
        await laid.until_host("lib/model.py", b"x = 2\n")
        await laid.tree.finish()
    assert not (laid.host / "src").exists()
    assert laid.asked("move") == [("move", "src", "lib", False)]
    assert laid.desk.questions == []


async def test_a_link_is_never_sent(laid: Laid, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the laptop\n")
    async with laid.open():
        (laid.here / "link.py").symlink_to(secret)
        (laid.here / "train.py").unlink()
        (laid.here / "train.py").symlink_to(secret)
        await laid.desk.until(lambda: len(laid.desk.told) == 2)
        await laid.tree.finish()
    assert all("a symbolic link" in one for one in laid.desk.told)
    assert laid.on_host("train.py") == b"import torch\n"
    assert laid.asked("open") == []


async def test_a_save_that_is_refused_is_told_and_the_next_one_is_sent(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"one\n")
        await laid.until_host("train.py", b"one\n")
        desk = laid.desk.desks["train.py"]
        desk.answers = [Outcome(Result.REFUSED, "cannot save train.py on gpu1: disk full")]
        laid.write("train.py", b"two\n")
        await desk.until_told("disk full")
        laid.write("train.py", b"three\n")
        await laid.until_host("train.py", b"three\n")


async def test_one_that_cannot_be_opened_is_told(laid: Laid) -> None:
    async with laid.open():
        laid.desk.refusal = FolderError("denied", "train.py: permission denied")
        laid.write("train.py", b"mine\n")
        await laid.desk.until(lambda: laid.desk.told)
        laid.desk.refusal = None
        laid.tree.keep()
    assert laid.desk.told[0] == "train.py was not saved: train.py: permission denied"
    assert laid.desk.kept == {"train.py": b"mine\n"}
    assert "rbridge recover show kept" in laid.desk.told[1]


async def test_what_is_written_without_a_connection_is_sent_when_it_is_back(laid: Laid) -> None:
    async with laid.open():
        laid.desk.connected = False
        await laid.tree.show(False)
        laid.write("train.py", b"mine\n")
        laid.write("new.py", b"new\n")
        await laid.desk.until(lambda: len(laid.asked("open")) == 2)
        assert ["not connected" in one for one in laid.desk.told] == [True]
        await laid.desk.until(lambda: laid.tree.pending)
        laid.desk.connected = True
        await laid.tree.show(True)
        await laid.until_host("train.py", b"mine\n")
        await laid.until_host("new.py", b"new\n")
        assert not laid.tree.pending


async def test_what_never_got_there_is_kept(laid: Laid) -> None:
    async with laid.open():
        laid.desk.refusal = FolderError(NOT_CONNECTED, "not connected")
        laid.write("train.py", b"mine\n")
        laid.write("new.py", b"new\n")
        await laid.tree.finish()
        laid.tree.keep()
    assert laid.desk.kept == {"train.py": b"mine\n", "new.py": b"new\n"}


async def test_nothing_is_kept_of_what_was_delivered(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"mine\n")
        await laid.until_host("train.py", b"mine\n")
        laid.tree.keep()
        await laid.tree.finish()
        laid.tree.keep()
    assert laid.desk.kept == {}


async def test_what_is_written_just_before_the_end_is_delivered(laid: Laid) -> None:
    async with laid.open():
        laid.write("train.py", b"mine\n")
        laid.write("new.py", b"new\n")
        await laid.tree.finish()
    assert (laid.on_host("train.py"), laid.on_host("new.py")) == (b"mine\n", b"new\n")


async def test_one_that_is_open_elsewhere_is_told(laid: Laid) -> None:
    async with laid.open():
        laid.desk.already = "0badcafe00000009"
        laid.write("train.py", b"mine\n")
        await laid.desk.until(lambda: any("another editor" in one for one in laid.desk.told))
        laid.tree.keep()
    assert laid.desk.kept == {"train.py": b"mine\n"}


async def test_a_change_on_the_host_is_shown_where_nobody_wrote(laid: Laid) -> None:
    async with laid.open():
        await laid.desk.until(lambda: laid.desk.watching)
        assert laid.desk.watching is not None
        (laid.host / "train.py").write_bytes(b"there\n")
        (laid.host / "src" / "io.py").write_bytes(b"there\n")
        laid.write("src/io.py", b"mine\n")
        laid.desk.watching(["train.py"])
        await laid.desk.until(lambda: (laid.here / "train.py").read_bytes() == b"there\n")
        laid.write("train.py", b"and here\n")
        await laid.desk.until(lambda: ("open", "train.py", False, digest(b"there\n")) in laid.desk.asked)


async def test_a_text_that_was_written_here_is_not_replaced(laid: Laid) -> None:
    async with laid.open():
        await laid.desk.until(lambda: laid.desk.watching)
        laid.desk.refusal = FolderError(NOT_CONNECTED, "not connected")
        laid.write("train.py", b"mine\n")
        await laid.desk.until(lambda: laid.asked("open"))
        await laid.desk.until(lambda: not laid.tree._busy)
        laid.desk.refusal = None
        (laid.host / "train.py").write_bytes(b"there\n")
        assert laid.desk.watching is not None
        laid.desk.watching(["train.py"])
        await laid.desk.until(lambda: ("read", "train.py", 0, 0) in laid.desk.asked[-3:])
        await laid.desk.until(lambda: not laid.tree._busy)
        assert (laid.here / "train.py").read_bytes() == b"mine\n"
