"""Files that are ours alone: no two names in one place, none that others could write, none half done."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rbridge.errors import CannotCreate, Denied
from rbridge.server import privatefiles
from tests.harness.environment import ROOT

FOREIGN = 65534
FULL = OSError(28, "No space left on device")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir(mode=0o700)
    return made


def write(root: Path, name: str, data: bytes) -> Path:
    path = Path(privatefiles.place(str(root), name))
    with privatefiles.locked(str(root)) as directory:
        privatefiles.replace(str(path), data, directory)
    return path


def read(path: Path) -> bytes:
    return privatefiles.read(str(path), 100)


NAMES = [
    "gpu1",
    "GPU1",
    "Gpu1",
    "a@b",
    "a-b",
    "../x",
    ".x",
    "..",
    "",
    "a/b",
    "a\nb",
    "x" * 300,
    "x" * 301,
    "::1",
]


def test_no_two_names_share_a_place_and_none_leads_elsewhere(root: Path) -> None:
    for name in NAMES:
        write(root, name, name.encode())
    entries = os.listdir(root)
    assert len({entry.lower() for entry in entries}) == len(NAMES) == len(entries)
    assert all(len(entry) < 100 and not entry.startswith(".") for entry in entries)
    assert os.listdir(root.parent) == ["files"]
    for name in NAMES:
        assert privatefiles.read(privatefiles.place(str(root), name), 400) == name.encode()


def test_a_plain_name_is_the_name_of_its_file(root: Path) -> None:
    assert privatefiles.place(str(root), "gpu1.example") == f"{root}/gpu1.example.json"


def test_what_is_written_is_ours_alone_and_replaced_as_a_whole(root: Path) -> None:
    path = write(root, "gpu1", b"old")
    before = path.open("rb")
    assert write(root, "gpu1", b"new") == path
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert read(path) == b"new"
    with before:
        assert before.read() == b"old"
    assert os.listdir(root) == ["gpu1.json"]


def test_only_so_much_is_read(root: Path) -> None:
    assert privatefiles.read(str(write(root, "gpu1", b"12345")), 3) == b"123"


def test_a_missing_file_is_missing(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(root / "gpu1.json")


@pytest.mark.parametrize("bits", [0o604, 0o640, 0o622])
def test_a_file_that_others_can_reach_is_refused(root: Path, bits: int) -> None:
    path = write(root, "gpu1", b"x")
    path.chmod(bits)
    with pytest.raises(Denied, match=rf"mode {bits:04o}") as caught:
        read(path)
    assert caught.value.hint == f"run: chmod 600 {path}"


def test_a_link_is_refused(root: Path) -> None:
    write(root, "gpu1", b"x").rename(root / "away")
    (root / "gpu1.json").symlink_to(root / "away")
    with pytest.raises(Denied, match="is a symbolic link"):
        read(root / "gpu1.json")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_at_once(root: Path, make: object) -> None:
    make(root / "gpu1.json", 0o600)  # type: ignore[operator]
    with pytest.raises(Denied, match="is not a regular file"):
        read(root / "gpu1.json")


def test_a_file_of_another_user_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(root, "gpu1", b"x")
    if os.geteuid() == 0:
        os.chown(path, FOREIGN, FOREIGN)
    else:  # who cannot give it away becomes another user, as far as rbridge can tell
        monkeypatch.setattr(os, "geteuid", lambda: FOREIGN)
    with pytest.raises(Denied, match="belongs to "):
        read(path)


def test_a_directory_that_others_can_look_into_is_refused(root: Path) -> None:
    root.chmod(0o750)
    with pytest.raises(Denied, match="mode 0750"), privatefiles.locked(str(root)):
        raise AssertionError("it must not come so far")


def test_a_full_disk_leaves_the_old_content_and_nothing_else(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root, "gpu1", b"old")

    def full(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotCreate, match=r"cannot write .*gpu1\.json: No space left"):
        write(root, "gpu1", b"new")
    assert read(path) == b"old"
    assert os.listdir(root) == ["gpu1.json"]


ADDER = """
import sys
from rbridge.server import privatefiles
root = sys.argv[1]
path = privatefiles.place(root, "count")
for _ in range(20):
    with privatefiles.locked(root) as directory:
        count = int(privatefiles.read(path, 100))
        privatefiles.replace(path, str(count + 1).encode(), directory)
"""


def test_two_processes_take_turns(root: Path) -> None:
    path = write(root, "count", b"0")
    both = [subprocess.Popen([sys.executable, "-c", ADDER, root], cwd=ROOT) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert read(path) == b"40"
