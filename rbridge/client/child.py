"""A process of our own that does one thing for us, and can be ended at any moment: a find, or a search.

In a thread it would keep all others waiting: Python's ``re`` lets nobody run beside it, and a catastrophic
pattern runs for ever. It is forked, not started anew: what it runs is loaded, also when the package is gone
by now. It holds nothing of ours but its end of a pipe and what it is told to keep.
"""

import os
import signal
import warnings

from rbridge import system
from rbridge.client.loop import READ

MYPY = False
if MYPY:
    from typing import Callable, Iterable

    from rbridge.client.loop import Loop

    Say = Callable[[str, bytes], None]

LARGEST = 8 * 1024 * 1024
"""Bytes of one message; a child of ours says no larger one."""

RECEIVE = 64 * 1024
HURRY = 5.0
"""Seconds in which somebody waits for it, so that it is as quick as what he would start himself: what takes
longer makes way for everything else."""

NICE = 10
REAP = 0.05  # seconds between two looks whether it has ended


class Child:
    """Does *job* in a process of its own, for at most *seconds*.

    *job* is given a function that says a kind, one letter, and bytes: *heard* is called with them in the
    loop. *over* is called once, with nothing more to come, unless it was ended by :meth:`kill`. What goes
    wrong in the child ends it without a word. Raises OSError when there can be none.
    """

    def __init__(
        self,
        loop: "Loop",
        job: "Callable[[Say], None]",
        heard: "Callable[[str, bytes], None]",
        over: "Callable[[], None]",
        keep: "Iterable[int]",
        seconds: float,
    ) -> None:
        self._loop = loop
        self._heard = heard
        self._over = over
        self._data = b""
        self._paused = False
        self._fd, write = os.pipe()
        try:
            with warnings.catch_warnings():
                # 3.12 warns where there are threads; the child takes no lock that one of them may hold
                warnings.simplefilter("ignore", DeprecationWarning)
                self.pid = os.fork()
        except OSError:
            os.close(self._fd)
            os.close(write)
            raise
        if not self.pid:
            live(job, write, {write, *keep}, seconds)
        os.close(write)
        os.set_blocking(self._fd, False)
        self._timer = loop.at(seconds, self._late)
        self._hurry = loop.at(HURRY, self._make_way)
        loop.watch(self._fd, READ, self._ready)

    def kill(self) -> None:
        """End it; nothing more is heard. May be called twice."""
        if self._fd >= 0:
            self._timer.cancel()
            self._hurry.cancel()
            self._loop.forget(self._fd)
            os.close(self._fd)
            self._fd = -1
            for kill, number in ((os.killpg, self.pid), (os.kill, self.pid)):
                try:
                    kill(number, signal.SIGKILL)
                except OSError:
                    continue  # it has ended, or is no group yet
            self._reap()

    def pause(self) -> None:
        """Hear nothing more until :meth:`go_on`; the child waits when the pipe is full."""
        self._paused = True
        if self._fd >= 0:
            self._loop.forget(self._fd)

    def go_on(self) -> None:
        """Hear again."""
        if self._paused and self._fd >= 0:
            self._paused = False
            self._loop.watch(self._fd, READ, self._ready)
            self._take()

    def _ready(self, _events: int) -> None:
        try:
            data = os.read(self._fd, RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        if not data:
            self._late()
            return
        self._data += data
        self._take()

    def _take(self) -> None:
        """Hand on what is complete, as long as it is wanted."""
        while not self._paused and self._fd >= 0 and len(self._data) >= 5:
            end = 5 + int.from_bytes(self._data[1:5], "big")
            if end > LARGEST:
                self._late()
                return
            if len(self._data) < end:
                return
            kind, body, self._data = self._data[:1].decode("latin-1"), self._data[5:end], self._data[end:]
            self._heard(kind, body)

    def _make_way(self) -> None:
        try:
            os.setpriority(os.PRIO_PGRP, self.pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE))
        except OSError:
            return  # it ends just now

    def _late(self) -> None:
        """It has ended, or its time is up."""
        self.kill()
        self._over()

    def _reap(self) -> None:
        """Have it gone from the table of processes; one that hangs in a file server takes its time."""
        try:
            ended, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            self._loop.at(REAP, self._reap)


def live(job: "Callable[[Say], None]", write: int, keep: "Iterable[int]", seconds: float) -> None:
    """The life of the child; never returns."""
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(which, signal.SIG_DFL)
        signal.alarm(int(seconds) + 5)  # if nobody is there any more to end it
        wanted = {0, 1, 2, *keep}
        for number in system.open_descriptors():
            if number not in wanted:
                try:
                    os.close(number)
                except OSError:
                    continue  # the listing's own

        def say(kind: str, body: bytes) -> None:
            left = memoryview(kind.encode("latin-1") + len(body).to_bytes(4, "big") + body)
            while left:
                left = left[os.write(write, left) :]

        job(say)
    except BaseException:
        os._exit(1)
    os._exit(0)
