"""A program that was the child of a process of ours which is dead: found again, waited for, ended.

Linux tells the end through a pidfd (5.3 and newer). Where there is none we look once a second. The exit
status is nobody's to have.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters.pids import lives
from rbridge.adapters.process import GRACE, last_line, signal_group

LOOK = 1.0  # seconds between looks where the system does not tell


@asynccontextmanager
async def adopted(private: Path, resume: Mapping[str, Any]) -> AsyncIterator[Orphan]:
    """The process of which *resume* is the trace; *private* is the directory that it was started with.

    When the block is left early, the process and its group are ended, as those of a child are.
    """
    orphan = Orphan(private, resume)
    try:
        yield orphan
    finally:
        try:
            await orphan.end()
        finally:
            orphan.close()


class Orphan:
    """A process that somebody else reaps. It may have ended already."""

    def __init__(self, private: Path, resume: Mapping[str, Any]) -> None:
        self.resume = {name: resume[name] for name in ("kind", "pid", "start") if name in resume}
        self._errors = private / "errors"
        self._fd = _pidfd(resume.get("pid"))  # before the look at its birth: from here on it is this one

    @property
    def alive(self) -> bool:
        return lives(self.resume)

    async def wait(self) -> int | None:
        """Return when it ended; None: its status is not ours to know."""
        await trio.lowlevel.checkpoint()
        while self.alive:
            if self._fd >= 0:
                await trio.lowlevel.wait_readable(self._fd)
                break
            await trio.sleep(LOOK)
        return None

    def last_words(self) -> str:
        """The last line that it wrote as an error, or nothing."""
        return last_line(self._errors)

    async def end(self) -> None:
        """End it and its group, unless it has ended; returns when it is gone."""
        if not self.alive:
            return
        with trio.CancelScope(shield=True):
            signal_group(self.resume["pid"], signal.SIGTERM)
            with trio.move_on_after(GRACE):
                await self.wait()
                return
            if self.alive:
                signal_group(self.resume["pid"], signal.SIGKILL)
                await self.wait()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _pidfd(pid: object) -> int:
    """A descriptor that becomes readable when *pid* ends, -1 where there is none."""
    if not hasattr(os, "pidfd_open") or not isinstance(pid, int):
        return -1
    try:
        return os.pidfd_open(pid)
    except (OSError, OverflowError):
        return -1
