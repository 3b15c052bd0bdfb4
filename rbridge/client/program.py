"""A program whose output is read piece by piece: git, or ripgrep, for a process of its own.

``subprocess`` does more than that, and holds 700 KB for it in a process that lives for days.
"""

import os
import resource
import select
import signal

from rbridge.client import process

MYPY = False
if MYPY:
    from typing import Callable, Dict, Iterator, List, Optional

READ = 256 * 1024
MEMORY = 1024 * 1024 * 1024
"""Bytes that a program may have for itself: git reads each file whole, and there may be one of 500 GB."""

PAUSE = 0.1
"""Seconds without a word after which a program counts as idle."""


def found(name: str) -> str:
    """Where the program *name* is on our PATH, "" if nowhere."""
    return process.search(name, os.environb.get(b"PATH", os.fsencode(os.defpath)))


def environment() -> "Dict[bytes, bytes]":
    """Ours, without what would lead git elsewhere."""
    kept = {name: value for name, value in os.environb.items() if not name.startswith(b"GIT_")}
    kept.update(
        {b"GIT_OPTIONAL_LOCKS": b"0", b"GIT_TERMINAL_PROMPT": b"0", b"GIT_PAGER": b"cat", b"LC_ALL": b"C"}
    )
    return kept


def _nothing() -> None:
    """What there is to do meanwhile."""


class Program:
    """*words*, running; what it writes is *out*, and its complaints *errors*. Raises OSError."""

    def __init__(self, words: "List[bytes]", path: str) -> None:
        self._code: "Optional[int]" = None
        self.out, out = os.pipe()
        self.errors, errors = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            self.pid = process.started(path, words, environment(), (nothing, out, errors), _bound)
        except OSError:
            os.close(self.out)
            os.close(self.errors)
            raise
        finally:
            for number in (nothing, out, errors):
                os.close(number)

    def split(self, end: bytes, longest: int, idle: "Callable[[], None]" = _nothing) -> "Iterator[bytes]":
        """The pieces of what it writes, each up to an *end*; one longer than *longest* is left out.

        *idle* is called whenever it has nothing to say for a while.
        """
        for pieces in self.pieces(end, longest, idle):
            for piece in pieces:
                yield piece

    def pieces(
        self, end: bytes, longest: int, idle: "Callable[[], None]" = _nothing
    ) -> "Iterator[List[bytes]]":
        """The same, as many at a time as there are."""
        held, skipping = b"", False
        while True:
            while not select.select([self.out], [], [], PAUSE)[0]:
                idle()
            data = os.read(self.out, READ)
            if not data:
                break
            pieces = (held + data).split(end)
            held = pieces.pop()
            if pieces:
                yield [piece for piece in pieces[skipping:] if len(piece) <= longest]
                skipping = False
            if len(held) > longest:
                held, skipping = b"", True
        if held and not skipping:
            yield [held]

    def complaint(self) -> str:
        """How it began to say what is wrong, once it has ended."""
        return os.read(self.errors, 4096).decode("utf-8", "replace")

    def wait(self) -> int:
        """Its exit code, when it has ended; 128 and more for a signal."""
        if self._code is None:
            _, status = os.waitpid(self.pid, 0)
            self._code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        return self._code

    def close(self) -> None:
        """End it; may be called twice."""
        if self.out >= 0:
            os.close(self.out)
            os.close(self.errors)
            self.out = self.errors = -1
            if self._code is None:
                os.kill(self.pid, signal.SIGKILL)
                self.wait()


def _bound() -> None:
    """Let this process have no more than MEMORY."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or most > MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))


def started(words: "List[bytes]") -> "Optional[Program]":
    """*words*, running, or None if there is no such program, or no process for it."""
    path = found(os.fsdecode(words[0]))
    try:
        return Program(words, path) if path else None
    except OSError:
        return None
