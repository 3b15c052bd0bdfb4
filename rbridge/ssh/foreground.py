"""A program that has the terminal to itself for a while, as a shell would start it.

It runs in a process group of its own, to which the terminal's keys go: Ctrl-C ends the program and leaves us
to say so, Ctrl-Z suspends both. What it leaves behind when it ends stays in that group, and is not ended by
the Ctrl-C that is meant for a later command. Standard library only; for the main thread only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

GRACE = 2.0  # seconds to end in when told to
LOOK = 0.02  # seconds between looks whether the program said something
FOR_THE_TERMINAL = (signal.SIGTTIN, signal.SIGTTOU)
MORTAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
VAIN = 5  # times in a row that we did not stop when told to
PIECE = 1 << 16  # bytes passed on at once


def run(argv: list[str], errors: IO[bytes] | None, environ: Mapping[str, str] | None, cwd: str | None) -> int:
    """Run *argv* to its end and return its exit code, 128 + N if signal N ended it.

    Its stdin and stdout are nowhere. Its stderr is ours or, with *errors*, that file, and passed on. Whatever
    ends us before it, by an exception or SIGTERM, ends it and its group too. Raises OSError.
    """
    with _terminal() as terminal, _mortal():
        modes = None if terminal is None else termios.tcgetattr(terminal)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, MORTAL)  # until there is something to end
        try:
            process = _start(argv, errors, environ, cwd, terminal, mask)
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise
        done = False
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            code = _attend(process, terminal, errors)
            done = code == 0
        finally:
            if not done:
                _end(process, terminal)
                _mend(terminal, modes)
    return code


def _start(
    argv: list[str],
    errors: IO[bytes] | None,
    environ: Mapping[str, str] | None,
    cwd: str | None,
    terminal: int | None,
    mask: set[Any],
) -> subprocess.Popen[bytes]:
    ours = os.getpgrp()

    def lead() -> None:
        os.setpgid(0, 0)
        _give(terminal, ours, os.getpid())
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=environ,
        cwd=cwd,
        preexec_fn=lead,
    )


def _attend(process: subprocess.Popen[bytes], terminal: int | None, errors: IO[bytes] | None) -> int:
    """Wait for the end of *process*, suspended when it is; pass on what it says. Returns its exit code."""
    shown, ours, vain = 0, os.getpgrp(), 0
    while True:
        pid, status = os.waitpid(process.pid, os.WUNTRACED | (os.WNOHANG if errors else 0))
        if errors is not None:
            shown = _show(errors, shown)
        if pid == 0:
            time.sleep(LOOK)
        elif os.WIFSTOPPED(status):
            _give(terminal, process.pid, ours)
            before = time.monotonic()
            os.killpg(ours, signal.SIGTSTP)  # we stop here, until the shell has us go on
            at_once = os.WSTOPSIG(status) in FOR_THE_TERMINAL and time.monotonic() - before < LOOK
            vain = vain + 1 if at_once else 0
            if vain == VAIN:
                process.kill()  # no shell is left that could bring us to the foreground
            _give(terminal, ours, process.pid)
            os.killpg(process.pid, signal.SIGCONT)
        else:
            process.returncode = os.waitstatus_to_exitcode(status)
            _give(terminal, process.pid, ours)
            return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _end(process: subprocess.Popen[bytes], terminal: int | None) -> None:
    """End the program, and what is left of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGCONT)
    if process.returncode is None:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _give(terminal, process.pid, os.getpgrp())


def _mend(terminal: int | None, modes: list[Any] | None) -> None:
    """Have the terminal show what is typed again: a program that was killed at a question did not do that."""
    if terminal is not None and modes is not None:
        with suppress(OSError, termios.error):
            if os.tcgetpgrp(terminal) == os.getpgrp():
                termios.tcsetattr(terminal, termios.TCSANOW, modes)


@contextmanager
def _terminal() -> Iterator[int | None]:
    """The terminal that we were started in, None where there is none."""
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _mortal() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP end us as Ctrl-C does: by an exception."""

    def leave(number: int, _frame: Any) -> None:
        raise SystemExit(128 + number)

    old = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _give(terminal: int | None, giver: int, taker: int) -> None:
    """Let the terminal's keys go to the process group *taker*, if it is *giver* to which they go now."""
    if terminal is None:
        return
    old = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # else who is in the background is stopped for it
    try:
        if os.tcgetpgrp(terminal) == giver:
            os.tcsetpgrp(terminal, taker)
    except OSError:
        return  # the terminal was closed, or nobody is left to take it
    finally:
        signal.signal(signal.SIGTTOU, old)


def _show(errors: IO[bytes], shown: int) -> int:
    """Copy what *errors* has beyond *shown* bytes to our own stderr; returns how many it has."""
    while data := os.pread(errors.fileno(), PIECE, shown):
        shown += len(data)
        with suppress(OSError):  # nobody wants to read it
            os.write(2, data)
    return shown
