"""One poll(2) loop: descriptors, timers, calls from other threads, and signals.

Callbacks run one after the other in the thread that runs the loop. A signal is noted and acted on between
two of them, never in the middle of one.
"""

import heapq
import os
import select
import signal
from _thread import allocate_lock
from collections import deque
from time import monotonic

MYPY = False
if MYPY:
    from typing import Callable, Deque, Dict, List, Optional, Tuple

READ, WRITE = select.POLLIN, select.POLLOUT

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Timer:
    """A call that is due at *when*, in the loop's seconds; :meth:`cancel` may be called at any time."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: "Callable[[], None]") -> None:
        self.when = when
        self.callback: "Optional[Callable[[], None]]" = callback

    def cancel(self) -> None:
        self.callback = None


class Watched:
    """A descriptor's *events* and the *callback* that is given those which occurred."""

    __slots__ = ("callback", "events")

    def __init__(self, events: int, callback: "Callable[[int], None]") -> None:
        self.events = events
        self.callback = callback


class Loop:
    """The loop. *clock* tells seconds that only grow; what a test passes has to be turned by hand.

    *on_signal* is called with the number of a signal that has come. :meth:`close` gives back the pipe and the
    signals; the descriptors that are watched belong to who watches them.
    """

    def __init__(self, clock: "Callable[[], float]" = monotonic) -> None:
        self.clock = clock
        self.on_signal: "Callable[[int], None]" = _ignored
        self._poll = select.poll()
        self._watched: "Dict[int, Watched]" = {}
        self._timers: "List[Tuple[float, int, Timer]]" = []
        self._count = 0  # of timers ever set: of two that are due together the older one goes first
        self._lock = allocate_lock()
        self._calls: "Deque[Callable[[], None]]" = deque()
        self._signals: "Deque[int]" = deque()
        self._before: "List[Tuple[int, object]]" = []
        self._wake, self._waker = os.pipe()
        for number in (self._wake, self._waker):
            os.set_blocking(number, False)
        self.watch(self._wake, READ, self._woken)

    def watch(self, fd: int, events: int, callback: "Callable[[int], None]") -> None:
        """Call *callback* with what poll(2) says of *fd* whenever one of *events*, or an error, is there."""
        found = self._watched.get(fd)
        if found is None:
            self._watched[fd] = Watched(events, callback)
            self._poll.register(fd, events)
            return
        found.callback = callback
        if found.events != events:
            found.events = events
            self._poll.modify(fd, events)

    def forget(self, fd: int) -> None:
        """Watch *fd* no more, which has to be said before it is closed; one that is not watched is none."""
        if self._watched.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def at(self, seconds: float, callback: "Callable[[], None]") -> Timer:
        """Call *callback* once, *seconds* from now."""
        timer = Timer(self.clock() + seconds, callback)
        self._count += 1
        heapq.heappush(self._timers, (timer.when, self._count, timer))
        return timer

    def soon(self, callback: "Callable[[], None]") -> None:
        """Call *callback* in the loop's thread as soon as it has time. The only method for other threads."""
        with self._lock:  # until the pipe is written: the call may be the last, and the pipe closed after it
            self._calls.append(callback)
            try:
                os.write(self._waker, b"\0")
            except OSError:
                return  # the pipe is full, so the loop wakes anyway; or it is closed, and nobody waits

    def listen_to_signals(self) -> None:
        """From here on SIGINT, SIGTERM and SIGHUP go to *on_signal*, save those that are ignored (nohup)."""
        signal.set_wakeup_fd(self._waker)
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before.append((number, signal.signal(number, self._noted)))

    def run(self, done: "Callable[[], bool]") -> None:
        """Take events until *done*."""
        while not done():
            self.turn()

    def turn(self, longest: "Optional[float]" = None) -> None:
        """Wait for events, at most *longest* seconds, and take all that are there."""
        ready = [(fd, self._watched[fd], events) for fd, events in self._wait(longest)]
        for fd, watched, events in ready:
            # an earlier one of this round may have let it go, and its number may be another's by now
            if self._watched.get(fd) is watched:
                watched.callback(events)
        while self._signals:
            self.on_signal(self._signals.popleft())
        with self._lock:
            calls = list(self._calls)
            self._calls.clear()
        for call in calls:
            call()
        now = self.clock()
        while self._timers and self._timers[0][0] <= now:
            callback = heapq.heappop(self._timers)[2].callback
            if callback is not None:
                callback()

    def close(self) -> None:
        """Give the signals back to who had them, and close the pipe."""
        if self._before:
            signal.set_wakeup_fd(-1)
        while self._before:
            number, before = self._before.pop()
            signal.signal(number, before)  # type: ignore[arg-type]
        if self._wake >= 0:
            self.forget(self._wake)
            os.close(self._wake)
            os.close(self._waker)
            self._wake = self._waker = -1

    @property
    def descriptors(self) -> "List[int]":
        """The loop's own."""
        return [self._wake, self._waker]

    def _wait(self, longest: "Optional[float]") -> "List[Tuple[int, int]]":
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        left = longest
        if self._timers:
            due = max(0.0, self._timers[0][0] - self.clock())
            left = due if left is None else min(left, due)
        if self._calls or self._signals:
            left = 0.0
        return self._poll.poll(None if left is None else int(left * 1000) + (left > 0))

    def _woken(self, _events: int) -> None:
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            return

    def _noted(self, number: int, _frame: object) -> None:
        self._signals.append(number)


def _ignored(_number: int) -> None:
    """A signal that nobody asked for."""
