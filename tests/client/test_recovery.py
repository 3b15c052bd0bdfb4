from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbridge.client import inplace, journal, kept, leftovers, saver
from rbridge.client.saver import SAVED, Staging, recover
from tests.client import saving
from tests.client.saving import Place, fork, stamp_of

place = saving.place
OLD, NEW = b"old\n" * 25_000, b"the new text\n" * 9_000


def dies(work: Callable[[], object]) -> None:
    """Do *work* in a child, which is to kill itself."""
    pid = fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def path(place: Place) -> Path:
    made = place.file("train.py", OLD)
    os.link(made, place.work / "second")
    return made


@pytest.fixture
def interrupted(place: Place, path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``interrupted(n)``: a save in place of which n bytes were written (-1: all, and cut) before a crash."""

    def run(written: int) -> None:
        def overwrite(fd: int, source: int, size: int, there: int) -> None:
            os.pwrite(fd, NEW if written < 0 else NEW[:written], 0)
            if written < 0:
                os.ftruncate(fd, size)
            crash()

        with monkeypatch.context() as patch:
            patch.setattr(inplace, "overwrite", overwrite)
            dies(lambda: place.save(path, NEW))
        assert leftovers.pending(str(place.state))

    return run


Interrupted = Callable[[int], None]


def test_nothing_to_recover_costs_and_makes_nothing(place: Place) -> None:
    assert recover(str(place.state)) == []
    assert list(place.state.iterdir()) == []


@pytest.mark.parametrize("written", [512, 4096, 65_536, 110_080])
def test_a_torn_file_is_finished(place: Place, path: Path, interrupted: Interrupted, written: int) -> None:
    interrupted(written)
    assert path.read_bytes() not in (OLD, NEW)
    assert recover(str(place.state)) == [f"finished the save of {path} that was interrupted"]
    assert path.read_bytes() == NEW
    assert place.litter() == []
    assert recover(str(place.state)) == []


def test_a_file_that_has_the_new_text_is_done(place: Place, path: Path, interrupted: Interrupted) -> None:
    interrupted(-1)
    assert recover(str(place.state)) == [f"the save of {path} that was interrupted is complete"]
    assert path.read_bytes() == NEW
    assert place.litter() == []
    assert place.kept() == []


def test_a_file_that_was_not_touched_stays_and_the_text_is_kept(
    place: Place, path: Path, interrupted: Interrupted
) -> None:
    interrupted(0)
    (message,) = recover(str(place.state))
    assert "the old file is intact; the text of that save is kept at" in message
    assert path.read_bytes() == OLD
    assert place.kept() == [NEW]
    assert place.litter() == []


@pytest.mark.parametrize("how", ["written", "replaced", "appended", "removed"])
def test_what_somebody_did_afterwards_is_never_overwritten(
    place: Place, path: Path, interrupted: Interrupted, how: str
) -> None:
    interrupted(4096)
    if how == "written":
        path.write_bytes(b"theirs")
    elif how == "replaced":
        os.replace(place.file("other", b"theirs"), path)
    elif how == "appended":
        with path.open("ab") as file:
            file.write(b"x" * 100_000)
    else:
        path.unlink()
    before = path.read_bytes() if path.exists() else None
    (message,) = recover(str(place.state))
    assert (path.read_bytes() if path.exists() else None) == before
    assert sorted(place.kept()) == sorted([OLD, NEW])
    assert ("is not there any more" if how == "removed" else "was changed by another program") in message
    assert all(str(kept) in message for kept in (place.state / "kept").iterdir())
    assert place.litter() == []


def test_a_save_that_is_still_running_is_left_alone(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, told = inplace.overwrite, []

    def overwrite(fd: int, source: int, size: int, there: int) -> None:
        real(fd, source, size // 2, there)
        told.append(recover(str(place.state)))
        real(fd, source, size, there)

    monkeypatch.setattr(inplace, "overwrite", overwrite)
    assert place.save(path, NEW).kind == SAVED
    assert told == [[]]
    assert path.read_bytes() == NEW


def edit(place: Place, **changed: object) -> Path:
    (record,) = (place.state / "saves").glob("*.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), **changed}))
    return record


def test_another_hosts_save_is_left_to_it_and_mentioned_after_a_while(
    place: Place, path: Path, interrupted: Interrupted
) -> None:
    interrupted(4096)
    torn = path.read_bytes()
    record = edit(place, host="node17")
    assert recover(str(place.state)) == []
    os.utime(record, (1, 1))
    (message,) = recover(str(place.state))
    assert f"a save of {path} on node17 was interrupted; run rbridge there" in message
    assert path.read_bytes() == torn
    assert record.exists()


def test_after_a_reboot_a_save_is_finished_even_where_nothing_can_be_locked(
    place: Place, path: Path, interrupted: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(4096)
    monkeypatch.setattr(journal, "lock", lambda fd: None)
    monkeypatch.setattr(journal, "is_dead", lambda entry, age: False)
    assert recover(str(place.state)) == []
    edit(place, boot="another")
    assert len(recover(str(place.state))) == 1
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("which", ["new", "old"])
def test_with_a_damaged_backup_nothing_is_touched(
    place: Place, path: Path, interrupted: Interrupted, which: str
) -> None:
    interrupted(4096)
    torn = path.read_bytes()
    (text,) = (place.state / "saves").glob(f"*.{which}")
    text.write_bytes(b"damaged")
    (message,) = recover(str(place.state))
    assert "is damaged" in message
    assert path.read_bytes() == torn
    assert text.exists()


def test_a_record_that_cannot_be_read_is_named_and_left(place: Place, interrupted: Interrupted) -> None:
    interrupted(4096)
    (record,) = (place.state / "saves").glob("*.json")
    record.write_text("{")
    assert recover(str(place.state)) == [f"a record of an interrupted save cannot be read: {record}"]
    assert len(list((place.state / "saves").iterdir())) == 3


def test_a_name_with_bytes_that_are_no_text_is_recovered(
    place: Place, path: Path, interrupted: Interrupted
) -> None:
    odd = place.work / os.fsdecode(b"\xff\n.py")
    interrupted(4096)
    path.rename(odd)
    edit(place, real=str(odd))
    (message,) = recover(str(place.state))
    assert message.isprintable()
    assert odd.read_bytes() == NEW


# -- what dead processes staged -----------------------------------------------------------------------------


def test_staging_files_of_the_dead_are_removed_and_of_the_living_not(place: Place) -> None:
    path = place.file("train.py")

    def stage() -> None:
        Staging(str(path), str(place.state)).write(b"half a te")
        crash()

    dies(stage)
    living = Staging(str(path), str(place.state))
    assert len(place.litter()) == 4
    assert recover(str(place.state)) == []
    assert place.litter() == [os.path.basename(living.file), os.path.basename(living._link)]
    living.abort()
    assert place.litter() == []
    assert path.read_bytes() == b"old\n"


def test_a_text_staged_in_the_state_directory_by_the_dead_is_removed(place: Place, path: Path) -> None:
    def stage() -> None:
        Staging(str(path), str(place.state)).write(b"half a te")
        crash()

    dies(stage)
    assert len(place.litter()) == 1
    recover(str(place.state))
    assert place.litter() == []


def test_a_link_to_anything_else_removes_nothing(place: Place) -> None:
    precious = place.file("precious")
    with subprocess.Popen(["true"]) as process:
        process.wait()
    journal.make_directory(leftovers.directory(str(place.state)))
    link = Path(leftovers.directory(str(place.state)), f"{journal.node()}-{process.pid}-0badcafe.link")
    link.symlink_to(precious)
    recover(str(place.state))
    assert precious.exists()
    assert not link.is_symlink()


# -- a save that was killed while it traded places with the file ---------------------------------------------

Meddle = Callable[[Path], object]


@pytest.fixture
def swapping(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``swapping(before, after)``: a file whose save dies behind the swap, and what others do around that."""

    def run(before: Meddle = id, after: Meddle = id, name: str = "train.py", **how: Any) -> Path:
        path = place.file(name, OLD)
        real = saver.exchange

        def exchange(a: str, b: str) -> bool:
            before(path)
            assert real(a, b)
            after(Path(a))
            crash()
            return True

        with monkeypatch.context() as patch:
            patch.setattr(saver, "exchange", exchange)
            dies(lambda: place.save(path, NEW, **how))
        return path

    return run


def write_anew(path: Path) -> None:
    path.with_name("other").write_bytes(b"theirs")
    os.replace(path.with_name("other"), path)


def test_what_was_to_be_replaced_is_removed(place: Place, swapping: Callable[..., Path]) -> None:
    path = swapping()
    assert len(place.litter()) == 2
    assert recover(str(place.state)) == []
    assert path.read_bytes() == NEW
    assert place.litter() == place.kept() == []


@pytest.mark.parametrize("name", ["train.py", "x" * 255, ".hidden.rbridge-x"])
def test_what_another_program_put_there_in_that_instant_is_kept(
    place: Place, swapping: Callable[..., Path], name: str
) -> None:
    path = swapping(write_anew, name=name)
    (message,) = recover(str(place.state))
    (kept,) = (place.state / "kept").iterdir()
    shown = path.with_name(name[:236])
    assert message == (
        f"a save of {shown} was interrupted in the instant in which another program changed that:"
        f" what it put there is kept at {kept}"
    )
    assert kept.read_bytes() == b"theirs"
    assert path.read_bytes() == NEW
    assert os.listdir(place.work) == [name]
    assert not leftovers.pending(str(place.state))


def test_so_is_what_was_written_into_the_old_file_afterwards(
    place: Place, swapping: Callable[..., Path]
) -> None:
    def append(path: Path) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    swapping(after=append)
    assert len(recover(str(place.state))) == 1
    assert place.kept() == [OLD + b"more"]
    assert place.litter() == []


def test_what_a_forced_save_replaces_is_kept_once(place: Place, swapping: Callable[..., Path]) -> None:
    swapping(force=True, base=None)
    assert place.kept() == [OLD]
    recover(str(place.state))
    assert place.kept() == [OLD]
    assert place.litter() == []


@pytest.mark.parametrize("what", ["link", "directory"])
def test_what_is_no_text_stays_where_it_is_and_is_named(
    place: Place, swapping: Callable[..., Path], what: str
) -> None:
    def put(path: Path) -> None:
        path.unlink()
        path.mkdir() if what == "directory" else path.symlink_to("elsewhere")

    swapping(put)
    (message,) = recover(str(place.state))
    (stays,) = place.litter()
    assert f"what it put there is {place.work / stays}" in message
    assert recover(str(place.state)) == []


def test_where_nothing_can_be_kept_it_stays_as_well(
    place: Place, swapping: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    swapping(write_anew)
    monkeypatch.setattr(kept, "keep", fail)
    (message,) = recover(str(place.state))
    (stays,) = place.litter()
    assert message.endswith(f"what it put there is {place.work / stays} (no space left on device)")
    assert (place.work / stays).read_bytes() == b"theirs"


def test_a_text_that_did_not_get_its_name_is_removed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.file("train.py", OLD)
    with monkeypatch.context() as patch:
        patch.setattr(saver, "exchange", lambda a, b: crash())
        dies(lambda: place.save(path, NEW))
    assert recover(str(place.state)) == []
    assert path.read_bytes() == OLD
    assert place.litter() == place.kept() == []


def test_stamps_are_as_good_after_a_recovery(place: Place, path: Path, interrupted: Interrupted) -> None:
    interrupted(4096)
    recover(str(place.state))
    assert place.save(path, b"next", stamp_of(path)).kind == SAVED
