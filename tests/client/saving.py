"""What the saver's tests share: a place to save in, a save in one line, and other users."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import pickle
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rbridge.client import saver
from rbridge.client.saver import Outcome, Staging, Stamp, Target

LOADED_BEFORE_THE_USER_CHANGES = (ctypes, fcntl, json)
NOBODY = 65534
T = TypeVar("T")


class Place:
    """A directory ``work`` that any user can enter, and a state directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.state = root / "state"
        self.work.mkdir()
        self.state.mkdir(mode=0o700)

    def file(self, name: str | bytes, content: bytes | None = b"old\n") -> Path:
        path = self.work / os.fsdecode(name)
        if content is not None:
            path.write_bytes(content)
        return path

    def save(
        self,
        path: Path,
        text: bytes = b"new\n",
        base: Any = "as it is",
        force: bool = False,
        read_only: bool = False,
        before: Callable[[], object] | None = None,
    ) -> Outcome:
        """Save *text*; *before* is done between the text's arrival and the save."""
        if base == "as it is":
            base = stamp_of(path)
        staging = Staging(str(path), str(self.state), len(text))
        staging.write(text)
        staging.finish()
        if before is not None:
            before()
        return saver.save(Target(str(path), base, read_only), staging, force)

    def kept(self) -> list[bytes]:
        where = self.state / "kept"
        return [path.read_bytes() for path in sorted(where.iterdir())] if where.exists() else []

    def litter(self) -> list[str]:
        """Staging files and journals that are still there."""
        names = [name for name in os.listdir(self.work) if ".rbridge-" in name]
        saves = self.state / "saves"
        return names + (os.listdir(saves) if saves.exists() else [])

    def give_to(self, uid: int) -> None:
        """The state directory is *uid*'s, as if the client ran there."""
        for directory, _, names in os.walk(self.state):
            os.chown(directory, uid, uid)
            for name in names:
                os.chown(os.path.join(directory, name), uid, uid)


def stamp_of(path: Path) -> Stamp | None:
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return saver.stamp.take(fd)
    finally:
        os.close(fd)


@pytest.fixture
def place() -> Iterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="rbridge-test-"))
    root.chmod(0o755)
    try:
        yield Place(root)
    finally:
        subprocess.run(["chattr", "-R", "-i", "-a", str(root)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(root)


def fork() -> int:
    """``os.fork``, for a child that saves and ends: Python 3.12 warns where a watchdog runs as a thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def as_user(uid: int, work: Callable[[], T], groups: tuple[int, ...] = ()) -> T:
    """Do *work* in a child that is user *uid* (and its group) for good; what it returns is pickled."""
    reader, writer = os.pipe()
    pid = fork()
    if pid == 0:
        try:
            os.setgroups(groups)
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            data = pickle.dumps((True, work()))
        except BaseException as error:  # it has to reach the test
            data = pickle.dumps((False, repr(error)))
        os.write(writer, data)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    fine, value = pickle.loads(data)
    assert fine, value
    return value  # type: ignore[no-any-return]


@contextmanager
def disk(at: Path, options: str) -> Iterator[Path]:
    """A tmpfs with *options* mounted at *at*; a machine where that cannot be done fails the test."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)
