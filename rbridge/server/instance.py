"""One daemon per runtime directory: a lock that ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from types import TracebackType

from rbridge.errors import CannotCreate, TryAgain

NAME = "daemon.lock"


class Instance:
    """The lock on *runtime*, held from ``with`` to its end; raises TryAgain that names the holder's pid."""

    def __init__(self, runtime: str) -> None:
        self.path = os.path.join(runtime, NAME)
        self._fd = -1

    def __enter__(self) -> Instance:
        self._fd = _open(self.path)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = holder(self.path)
            self._close()
            who = f"pid {pid}" if pid else "its pid is not known"
            raise TryAgain(f"rbridge is serving already ({who})", "rbridge serve --stop ends it") from None
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self._close()
            raise CannotCreate(f"cannot write {self.path}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: removing it would let two daemons lock two files of one name.
        os.ftruncate(self._fd, 0)
        self._close()

    def _close(self) -> None:
        os.close(self._fd)
        self._fd = -1


def wait(runtime: str) -> None:
    """Block until no daemon runs for *runtime*."""
    try:
        fd = os.open(os.path.join(runtime, NAME), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def holder(path: str) -> int | None:
    """The pid in the lock file at *path*, None if none can be read."""
    try:
        with open(path, "rb") as file:
            return int(file.read(32))
    except (OSError, ValueError):
        return None


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise CannotCreate(f"cannot create {path}: {error.strerror}") from error
