"""The saver with every system call failing in turn, and killed at every one: the file is old or new.

For each way of saving, each call that matters and each error, the n-th such call fails, for n = 1, 2, 3...
until a run is clean. What must hold each time is in :func:`check`. With ``--all`` more errors are tried.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rbridge.client import leftovers, saver
from tests.faults.strace import Fault, Rig, Run

Count = Callable[..., None]
SAVER = "saver faults"

KILLED_AT = [
    "openat", "write", "ftruncate", "fallocate", "flistxattr", "fsetxattr", "fchown", "fchmod", "fsync",
    "link", "rename", "renameat2", "unlink", "symlink", "mkdir", "lseek", "close", "newfstatat", "pread64",
]  # fmt: skip
ERRORS = {
    "openat": ["ENOSPC", "EIO", "EACCES"],
    "write": ["ENOSPC", "EDQUOT", "EIO", "EINTR"],
    "pread64": ["EIO"],
    "ftruncate": ["EIO"],
    "fallocate": ["ENOSPC", "EOPNOTSUPP"],
    "fsetxattr": ["ENOSPC", "EPERM"],
    "fchown": ["EPERM"],
    "fchmod": ["EPERM"],
    "fsync": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "link": ["EPERM", "EIO"],
    "rename": ["EIO", "EACCES"],
    "renameat2": ["ENOSYS", "EIO", "EBUSY"],
    "unlink": ["EIO"],
    "symlink": ["ENOSPC"],
    "mkdir": ["ENOSPC"],
}
MORE = {
    "openat": ["EMFILE", "ENFILE", "EDQUOT", "EROFS", "ESTALE", "ENOMEM"],
    "write": ["EFBIG", "ENOMEM"],
    "read": ["EIO", "EINTR"],
    "lseek": ["EIO"],
    "newfstatat": ["EIO", "ESTALE", "EACCES"],
    "flistxattr": ["EIO"],
    "fgetxattr": ["EIO", "EOPNOTSUPP"],
    "fsetxattr": ["EIO", "EDQUOT"],
    "fchown": ["EIO"],
    "fchmod": ["EIO"],
    "rename": ["ENOSPC", "EDQUOT", "EPERM"],
    "renameat2": ["ENOSPC", "EPERM", "EXDEV", "EINVAL"],
    "link": ["ENOSPC", "EOPNOTSUPP", "EACCES"],
    "unlink": ["EACCES"],
    "symlink": ["EACCES", "EIO"],
}
OLD = "".join(f"the old line {i}\n" for i in range(2_000))
NEW = "".join(f"a new line {i}, which is longer\n" for i in range(2_000))
CHANGED = OLD.replace("line 77\n", "line seventy-seven\n").replace("the old line 1500\n", "") + NEW[:20_000]


@dataclass
class Case:
    """A file as it is before the save, and what the save brings."""

    directory: Path
    old: str | None
    new: str
    piece: str
    base: list[Any] | None = None
    names: list[Path] = field(default_factory=list)
    metadata: tuple[object, ...] = ()

    @property
    def path(self) -> Path:
        return self.directory / "work" / "train.py"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def arguments(self) -> dict[str, Any]:
        said = {"path": str(self.path), "state": str(self.state), "base": self.base, "text": self.new}
        return {**said, "before": self.old} if self.piece == "save_change" else said


def facts(path: Path) -> tuple[object, ...]:
    st = path.stat()
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return (st.st_mode, st.st_uid, st.st_gid, attributes)


def lay(directory: Path, old: str | None, new: str, link: bool = False, piece: str = "save") -> Case:
    case = Case(directory, old, new, piece)
    case.path.parent.mkdir(parents=True)
    case.state.mkdir(mode=0o700)
    if old is None:
        return case
    case.path.write_text(old)
    os.chown(case.path, 1234, 2345)
    case.path.chmod(0o640)
    os.setxattr(case.path, "user.note", b"mine")
    case.names = [case.path]
    if link:
        os.link(case.path, case.path.parent / "second")
        case.names.append(case.path.parent / "second")
    with case.path.open("rb") as file:
        stamp = saver.stamp.take(file.fileno())
    case.base = [getattr(stamp, name) for name in ("size", "sha256", "device", "inode")]
    case.base += [stamp.mtime_ns, stamp.ctime_ns, stamp.taken_ns]
    case.metadata = facts(case.path)
    return case


WAYS: dict[str, Callable[[Path], Case]] = {
    "create": lambda d: lay(d, None, NEW),
    "swap": lambda d: lay(d, OLD, NEW),
    "rename": lambda d: lay(d, OLD, NEW, piece="save_without_swapping"),
    "delta": lambda d: lay(d, OLD, CHANGED, piece="save_change"),
    "delta, in place": lambda d: lay(d, OLD, CHANGED, link=True, piece="save_change"),
    "in place, longer": lambda d: lay(d, OLD, NEW, link=True),
    "in place, shorter": lambda d: lay(d, NEW, OLD, link=True),
}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig("tests.faults.saves")
    yield made
    made.close()


def text_of(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def check(case: Case, run: Run, fault: object) -> None:
    """Old or new, never torn, empty or missing; what was answered is true; no text is lost; no litter."""
    assert not run.raised, f"{fault}: {run.raised}"
    there = text_of(case.path)
    whole = there in (case.old, case.new)
    recorded = case.state.joinpath("saves").is_dir() and any(case.state.glob("saves/*.json"))
    assert whole or recorded, f"{fault}: torn, and no journal"
    if run.answer is not None:
        kind, kept = run.answer["kind"], run.answer["kept"]
        if kind == "saved":
            assert there == case.new, f"{fault}: said to be saved"
        elif kind == "refused":
            assert there == case.old, f"{fault}: {run.answer['message']}"
        if kind != "saved":
            assert run.answer["message"].isprintable()
            safe = kept and Path(kept).read_text() == case.new
            announced = "could not be kept" in run.answer["message"]
            if case.piece == "save_change":
                announced = announced or "the laptop keeps your text" in run.answer["message"]
            assert safe or there == case.new or announced, f"{fault}"
    told = saver.recover(str(case.state))
    there = text_of(case.path)
    assert there in (case.old, case.new), f"{fault}: torn after recovery: {told}"
    assert not leftovers.pending(str(case.state)), f"{fault}: {list(case.state.glob('saves/*'))}"
    said = run.answer["message"] if run.answer is not None else ""
    names = sorted(name for name in case.path.parent.iterdir() if f"before is {name}" not in said)
    expected = sorted({*case.names, case.path} if there is not None else case.names)
    assert names == expected, f"{fault}: litter in the directory"
    for name in case.names:
        assert facts(name) == case.metadata, f"{fault}: metadata of {name.name}"
        assert text_of(name) == there
    if told and "kept at" in told[0]:
        assert any(path.read_text() == case.new for path in case.state.glob("kept/*")), told


def every(rig: Rig, tmp_path: Path, way: str, call: str, error: str, stays: bool = False) -> int:
    """Let the first, second... *call* fail until a run is clean; returns how many faults that were.

    With *stays*, it and all that follow.
    """
    for when in range(1, 400):
        fault = Fault(call, when, error, stays)
        case = WAYS[way](tmp_path / "case")
        run = rig.run(case.piece, case.arguments(), fault)
        check(case, run, fault)
        shutil.rmtree(tmp_path / "case")
        if not run.hit:
            assert run.answer["kind"] == "saved", f"{way}: {fault}: {run.answer}"
            return when - 1
    pytest.fail("no end of faults")


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_call_the_file_is_old_or_new(rig: Rig, tmp_path: Path, way: str, faults: Count) -> None:
    counts = {call: every(rig, tmp_path, way, call, "SIGKILL") for call in KILLED_AT}
    assert counts["fsync"] >= 2, counts
    assert counts["openat"] >= 2, counts
    assert sum(counts.values()) >= 15, counts
    faults(SAVER, sum(counts.values()))


THEIRS = "theirs\n"


def beside_another(rig: Rig, tmp_path: Path, fault: Fault) -> tuple[Case, Run]:
    """A save with this *fault*, in whose last instant another program puts THEIRS in the file's place."""
    case = WAYS["swap"](tmp_path / "case")
    theirs = case.directory / "theirs"
    theirs.write_text(THEIRS)
    return case, rig.run("save_beside_another", {**case.arguments(), "theirs": str(theirs)}, fault)


def of_another(case: Case, told: list[str], fault: object) -> list[str]:
    """What is kept of the other program's, after the recovery that *told* this: nothing of it may be lost."""
    there = text_of(case.path)
    kept = [path.read_text() for path in case.state.glob("kept/2*.theirs.*")]
    assert there in (OLD, NEW, THEIRS), f"{fault}"
    assert not leftovers.pending(str(case.state)), f"{fault}: {told}"
    assert list(case.path.parent.iterdir()) == [case.path], f"{fault}: litter"
    assert THEIRS in (there, *kept) or (case.directory / "theirs").exists(), f"{fault}: lost: {told}"
    assert kept in ([], [THEIRS]), f"{fault}"
    return kept


def test_a_recovery_of_that_which_is_killed_anywhere_can_be_done_again(
    rig: Rig, tmp_path: Path, faults: Count
) -> None:
    recovered = 0
    for call in KILLED_AT:
        for when in range(1, 200):
            case, first = beside_another(rig, tmp_path, Fault("renameat2", 2))
            assert first.killed, "before it was swapped back"
            fault = Fault(call, when)
            second = rig.run("recover", {"state": str(case.state)}, fault)
            told = saver.recover(str(case.state)) if second.killed else second.answer
            assert of_another(case, told, fault) == [THEIRS], f"{fault}"
            shutil.rmtree(tmp_path / "case")
            if not second.hit:
                (said,) = second.answer
                assert "in which another program changed that: what it put there is kept at" in said
                break
            recovered += 1
    assert recovered >= 10, recovered
    faults(SAVER, recovered)


def test_killed_at_any_call_what_another_program_wrote_in_that_instant_is_not_lost(
    rig: Rig, tmp_path: Path, faults: Count
) -> None:
    """It is in the file, or it is kept and said so."""
    killed, kept = 0, 0
    for call in KILLED_AT:
        for when in range(1, 400):
            fault = Fault(call, when)
            case, run = beside_another(rig, tmp_path, fault)
            kept += len(of_another(case, saver.recover(str(case.state)), fault))
            shutil.rmtree(tmp_path / "case")
            if not run.hit:
                assert run.answer["reason"] == "conflict", run.answer
                break
            killed += 1
    assert kept >= 1, "none was killed between the two swaps"
    faults(SAVER, killed)


@pytest.mark.parametrize("way", WAYS)
def test_whatever_call_fails_the_answer_is_true_and_no_text_is_lost(
    rig: Rig, tmp_path: Path, way: str, pytestconfig: pytest.Config, faults: Count
) -> None:
    errors = [(call, error) for call, names in ERRORS.items() for error in names]
    if pytestconfig.getoption("--all"):
        errors += [(call, error) for call, names in MORE.items() for error in names]
    counts = {pair: every(rig, tmp_path, way, *pair) for pair in errors}
    assert counts["fsync", "EIO"] >= 2, counts
    assert counts["write", "ENOSPC"] >= 1, counts
    faults(SAVER, sum(counts.values()))


@pytest.mark.parametrize("way", WAYS)
def test_a_disk_that_fails_for_good_at_any_call(rig: Rig, tmp_path: Path, way: str, faults: Count) -> None:
    errors = [
        ("write", "ENOSPC"),
        ("write", "EIO"),
        ("fsync", "EIO"),
        ("openat", "EMFILE"),
        ("openat", "EROFS"),
        ("unlink", "EROFS"),
        ("ftruncate", "EIO"),
    ]
    counts = {pair: every(rig, tmp_path, way, *pair, stays=True) for pair in errors}
    assert sum(counts.values()) >= 15, counts
    faults(SAVER, sum(counts.values()))


@pytest.mark.parametrize("way", ["in place, longer", "in place, shorter"])
def test_a_recovery_that_is_killed_anywhere_can_be_done_again(
    rig: Rig, tmp_path: Path, way: str, faults: Count
) -> None:
    recovered = 0
    for at in [("write", 3), ("write", 4), ("ftruncate", 2), ("fsync", 6)]:
        for call in ["openat", "write", "ftruncate", "fsync", "rename", "unlink", "close"]:
            for when in range(1, 200):
                case = WAYS[way](tmp_path / "case")
                first = rig.run("save", case.arguments(), Fault(*at))
                assert first.killed, at
                fault = Fault(call, when)
                second = rig.run("recover", {"state": str(case.state)}, fault)
                check(case, second, f"{at}, then {fault}") if second.killed else None
                shutil.rmtree(tmp_path / "case")
                if not second.hit:
                    break
                recovered += 1
    assert recovered >= 20, recovered
    faults(SAVER, recovered)


def test_the_text_is_on_disk_before_it_gets_its_name_and_the_name_before_the_answer(
    rig: Rig, tmp_path: Path
) -> None:
    case = WAYS["swap"](tmp_path / "case")
    traced = "fsync,rename,renameat2,write,writev,fchmod,fchown,fsetxattr,openat,unlink"
    run = rig.run("save", case.arguments(), trace=traced)
    steps = [line.split("(", 1)[0] + (" dir" if line.endswith("work>) = 0") else "") for line in run.calls]
    wanted = ["write", "fchown", "fsetxattr", "fchmod", "fsync", "openat", "renameat2", "unlink", "fsync dir"]
    position = -1
    for step in wanted:
        position = next((i for i, name in enumerate(steps) if i > position and name.strip() == step), -1)
        assert position >= 0, f"{step} is missing, or out of order: {run.calls}"
    assert steps.index("writev") > position


def test_in_place_the_record_is_on_disk_before_the_file_is_touched(rig: Rig, tmp_path: Path) -> None:
    case = WAYS["in place, longer"](tmp_path / "case")
    run = rig.run("save", case.arguments(), trace="fsync,write,rename,ftruncate,fallocate,unlink,writev")
    touched = [i for i, line in enumerate(run.calls) if "work/train.py>" in line]
    synced = [i for i, line in enumerate(run.calls) if line.startswith("fsync") and i < touched[0]]
    assert {".new", ".old", ".part"} <= {
        run.calls[i].split(">")[0][-4:].replace("part", ".part") for i in synced
    }
    dropped = next(i for i, line in enumerate(run.calls) if line.startswith("unlink") and ".json" in line)
    last = max(i for i, line in enumerate(run.calls) if line.startswith("fsync") and "train.py>" in line)
    assert touched[0] < last < dropped
