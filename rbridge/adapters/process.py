"""A running editor, as the command adapter sees it; the plain kind is a child process with its own window."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Protocol

import trio

from rbridge.adapters.pids import trace
from rbridge.errors import NotListening, clean

GRACE = 2.0  # seconds between the request to end and the order to
SHOWN = 200  # bytes of an editor's last words that go into a message


@dataclass(frozen=True)
class Start:
    """What to start: *argv* with an absolute program first, where, and in which environment.

    *added* are variables on top of *environ*. *title* names the window. *guards* are the options
    among *argv* that keep the text from being obeyed, or kept. *private* is a directory of ours.
    """

    editor: str
    argv: Sequence[str]
    cwd: Path
    private: Path
    environ: Mapping[str, str]
    added: Mapping[str, str] = field(default_factory=dict)
    guards: Sequence[str] = ()
    title: str = ""
    keep_focus: bool = False


class Running(Protocol):
    """An editor that was started."""

    async def wait(self) -> int | None:
        """Return when it ended: its exit status, negative for a signal, None where that cannot be known."""
        ...

    def last_words(self) -> str:
        """The last line that it wrote as an error, or nothing."""
        ...

    @property
    def resume(self) -> Mapping[str, Any]:
        """What finds it again from another process, as JSON can hold it; empty where that is not possible."""
        return {}


class Opener(Protocol):
    """A way of giving an editor a window."""

    def describe(self) -> str:
        """How an editor opens, as in ``in a new tmux window``."""
        ...

    def open(self, start: Start) -> AbstractAsyncContextManager[Running]:
        """Start the editor; leaving the block before it ended is a cancellation. Raises NotListening."""
        ...


class Child:
    """For commands that wait until an editor is done, and for programs of which we know nothing.

    When the block is left early, the process and its group are ended.
    """

    def describe(self) -> str:
        return "in its own window"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        errors = start.private / "errors"
        # A file and not a pipe: what the command left running must not die of writing into it.
        fd = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = await trio.lowlevel.open_process(
                list(start.argv),
                cwd=start.cwd,
                env=environment(start),
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=fd,
                start_new_session=True,
            )
        except OSError as error:
            raise cannot_start(start, error.strerror or "") from error
        finally:
            os.close(fd)
        try:
            yield _RunningChild(process, errors, trace(process.pid))
        finally:
            await end(process)


class _RunningChild:
    def __init__(self, process: trio.Process, errors: Path, resume: Mapping[str, Any]) -> None:
        self.resume = resume
        self._process = process
        self._errors = errors

    async def wait(self) -> int | None:
        return await self._process.wait()

    def last_words(self) -> str:
        return last_line(self._errors)


def environment(start: Start) -> dict[str, str]:
    """The daemon's own environment, with the new working directory and what the editor needs on top."""
    environ = {**start.environ, **start.added, "PWD": str(start.cwd)}
    environ.pop("OLDPWD", None)
    return environ


def cannot_start(start: Start, reason: str) -> NotListening:
    """The error for an editor that did not start."""
    return NotListening(
        clean(f"cannot start {start.editor}: {reason or 'it ended at once'}"),
        "check that it is installed, or choose another: rbridge serve --editor SPEC",
    )


def last_line(errors: Path) -> str:
    """The last line in the file *errors*, shortened."""
    try:
        with open(errors, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
            lines = stream.read().split(b"\n")
    except OSError:
        return ""
    said = [line for line in lines if line.strip()]
    return said[-1][:SHOWN].decode("utf-8", "replace").strip() if said else ""


async def end(process: trio.Process) -> None:
    """End *process* and its group, unless it has ended; returns when it is gone."""
    if process.poll() is not None:
        return
    with trio.CancelScope(shield=True):
        signal_group(process.pid, signal.SIGTERM)
        with trio.move_on_after(GRACE):
            await process.wait()
            return
        signal_group(process.pid, signal.SIGKILL)
        await process.wait()


def signal_group(leader: int, number: int) -> None:
    """Send signal *number* to the process group of *leader*, if it is still there."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return  # it ended by itself just now
