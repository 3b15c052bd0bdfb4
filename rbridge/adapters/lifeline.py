"""Tells when a program ends that we did not start as our child, or must not end with us.

tmux starts an editor as a process of its own; some terminal emulators hand over to a running one and
return; an editor with unsaved texts has to outlive the daemon. So what is started is a shell of a few lines
that holds a fifo of ours open, runs the program, and reports its status; the fifo's end is the program's end.
That is exact, needs no process ids, which may be used again, and works alike on every system. The shell
interprets no name: the program's words reach it as separate arguments.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters.process import Start, cannot_start, last_line

DEADLINE = 30.0  # seconds until the program must run; a terminal emulator may start slowly
SHELL = "/bin/sh"
FIFO = "alive"
KIND = "lifeline"

# $1: the fifo, $2: the working directory, the rest: the program's words.
HOLD = """exec 9>"$1" || exit 1
trap : INT QUIT
cd "$2" && shift 2 && echo started >&9 && "$@" 9>&-
echo "ended $?" >&9"""

# $1: the fifo, $2: where errors go, the rest: what to run behind our back.
LAUNCH = """exec 9>"$1" >/dev/null 2>>"$2" || exit 1
shift 2
("$@" 9>&-; echo "left $?" >&9) &"""


class Line:
    """The end of the line that we hold, open at *fd*; in *private* the program's errors are collected.
    *window* is what whoever gave it a window calls that, empty where nobody did.
    """

    def __init__(self, fd: int, private: Path, window: str = "") -> None:
        self.window = window
        self._fd = fd
        self._said = b""
        self._errors = private / "errors"

    async def wait(self) -> int | None:
        """The editor's exit status, negative for a signal; None if its window was closed."""
        await self._hear(b"ended ")
        status = self._status(b"ended ")
        if status is not None and 128 < status < 128 + signal.NSIG:  # as a shell reports a signal
            return 128 - status
        return status

    def last_words(self) -> str:
        """The last line that it wrote as an error, or nothing."""
        return last_line(self._errors)

    @property
    def resume(self) -> dict[str, Any]:
        """What :func:`adopted` needs beside the private directory: the fifo's name is always the same."""
        return {"kind": KIND, "window": self.window} if self.window else {"kind": KIND}

    async def _hear(self, *words: bytes) -> None:
        """Read until one of *words* was said, with its line, or the line is dead."""
        while not (self._said.endswith(b"\n") and any(word in self._said for word in words)):
            await trio.lowlevel.checkpoint()
            try:
                data = os.read(self._fd, 4096)
            except BlockingIOError:
                # only now: a fifo that nobody wrote to since it was opened is dead, and never gets readable
                await trio.lowlevel.wait_readable(self._fd)
                continue
            if not data:
                return
            self._said += data

    def _status(self, word: bytes) -> int | None:
        for line in self._said.splitlines():
            if line.startswith(word):
                return int(line[len(word) :])
        return None


class Lifeline(Line):
    """The line to an editor that is to start; *fifo* is its name for :meth:`hold` and :meth:`launch`."""

    def __init__(self, start: Start, fifo: Path, fd: int) -> None:
        super().__init__(fd, start.private)
        self._start = start
        self._fifo = fifo

    def hold(self) -> list[str]:
        """The command that runs the editor and holds the line."""
        return [SHELL, "-c", HOLD, "sh", str(self._fifo), str(self._start.cwd), *self._start.argv]

    async def launch(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start *words*, which sooner or later run :meth:`hold`'s command, detached from us."""
        await self._run([SHELL, "-c", LAUNCH, "sh", str(self._fifo), str(self._errors), *words], environ)

    async def ask(self, words: Sequence[str], environ: Mapping[str, str]) -> str:
        """Run *words* to their end; they make somebody else run :meth:`hold`'s command. What they print."""
        return await self._run(words, environ)

    async def started(self) -> None:
        """Return when the editor runs. Raises NotListening when it will not."""
        # An end of our own, for as long as nobody else may have one: without it the line would look dead
        # between an emulator's return and the start of the window that it handed over.
        ours = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            with trio.move_on_after(DEADLINE):
                await self._hear(b"started\n", b"left ", b"ended ")
                if self._status(b"ended ") is None and self._status(b"left ") == 0:
                    await self._hear(b"started\n", b"ended ")  # it handed over to another process
        finally:
            os.close(ours)
        if b"started\n" not in self._said:
            raise cannot_start(self._start, self.last_words() or f"no window within {DEADLINE:g} s")

    async def _run(self, words: Sequence[str], environ: Mapping[str, str]) -> str:
        try:
            with trio.fail_after(DEADLINE):
                done = await trio.run_process(
                    list(words),
                    env=environ,
                    cwd=self._start.cwd,
                    capture_stdout=True,
                    capture_stderr=True,
                    check=False,
                    start_new_session=True,
                )
        except trio.TooSlowError:
            name = os.path.basename(words[0])
            raise cannot_start(self._start, f"{name} does not answer within {DEADLINE:g} s") from None
        except OSError as error:
            raise cannot_start(self._start, f"{words[0]}: {error.strerror}") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise cannot_start(
                self._start, said or f"{os.path.basename(words[0])} ended with {done.returncode}"
            )
        return done.stdout.decode("utf-8", "replace").strip()


@asynccontextmanager
async def lifeline(start: Start) -> AsyncIterator[Lifeline]:
    """A line for one editor; what is at its other end goes on when the block is left."""
    fifo = start.private / FIFO
    os.mkfifo(fifo, 0o600)
    fd = _open(fifo)
    try:
        yield Lifeline(start, fifo, fd)
    finally:
        os.close(fd)
        fifo.unlink()


def holds(private: Path) -> bool:
    """Whether the line in *private*, of a process that is gone, is still held by its program."""
    try:
        fd = _open(private / FIFO)
    except OSError:
        return False
    try:
        return bool(os.read(fd, 1))  # the end of the file: nobody has it open for writing
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


@asynccontextmanager
async def adopted(private: Path, window: str = "") -> AsyncIterator[Line]:
    """The line in *private* that another process laid, and left; its editor is in *window*. Raises OSError.

    What was said while nobody listened is lost with the exit status: the end itself is not.
    """
    fifo = private / FIFO
    fd = _open(fifo)
    try:
        yield Line(fd, private, window)
    finally:
        os.close(fd)
        fifo.unlink(missing_ok=True)


def _open(fifo: Path) -> int:
    return os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
