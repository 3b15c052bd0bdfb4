"""The threads in which users' files are touched, because any call for a file may hang for as long as its file
server does, and nothing can end it.

There is a thread only while there is work. A job that got no step further for a while is *stuck*: it does not
count among those that the others share, and its file system gets no more than a few threads until it answers.
So those of one dead server hold up nothing but each other.
"""

from _thread import start_new_thread
from collections import deque

from rbridge.client import progress

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List, Optional

    from rbridge.client.loop import Loop, Timer

    Over = Callable[[Any, Optional[BaseException]], None]

AT_ONCE = 16
"""Jobs that get on, at a time."""

OF_ONE = 8
"""Those of one file system."""

OF_STUCK = 4
"""Jobs of a file system that has a stuck one, at a time."""

MOST = 64
"""Threads, the stuck ones included."""

STUCK = 2.0
"""Seconds without a step after which a job is stuck."""


class Job:
    """One *work*, for a file on *device* (st_dev, -1 if that is not known). *begun*: it has its thread;
    *moved* is when it last got on, or was asked for.
    """

    __slots__ = ("begun", "clock", "device", "moved", "over", "work")

    def __init__(
        self, clock: "Callable[[], float]", device: int, work: "Callable[[], Any]", over: "Over"
    ) -> None:
        self.clock = clock
        self.device = device
        self.work = work
        self.over = over
        self.begun = False
        self.moved = clock()

    @property
    def silent(self) -> float:
        """Seconds since it last got on."""
        return self.clock() - self.moved

    def step(self) -> None:
        """It got on."""
        self.moved = self.clock()


class Pool:
    """Does jobs in threads, and says in the loop what came of each. All methods are for the loop's thread."""

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        self._running: "List[Job]" = []
        self._waiting: "Deque[Job]" = deque()
        self._timer: "Optional[Timer]" = None

    def do(self, device: int, work: "Callable[[], Any]", over: "Over") -> Job:
        """Call *work* in a thread when there is one for *device*, then *over* with what came of it."""
        job = Job(self._loop.clock, device, work, over)
        self._waiting.append(job)
        self._next()
        return job

    def stuck(self, device: int) -> bool:
        """Whether something on *device* does not answer now."""
        return any(job.device == device and job.silent >= STUCK for job in self._running)

    def _next(self) -> None:
        """Begin all that may begin."""
        if self._running:
            held: "Dict[int, int]" = {}
            stuck: "Dict[int, int]" = {}
            for job in self._running:
                held[job.device] = held.get(job.device, 0) + 1
                if job.silent >= STUCK:
                    stuck[job.device] = stuck.get(job.device, 0) + 1
            self._share(held, stuck)
        else:
            self._share({}, {})
        if self._waiting and self._timer is None:
            self._timer = self._loop.at(STUCK, self._again)

    def _share(self, held: "Dict[int, int]", stuck: "Dict[int, int]") -> None:
        """The same, where jobs of each device hold so many threads, and so many of them are stuck."""
        later: "Deque[Job]" = deque()
        free = AT_ONCE - len(self._running) + sum(stuck.values())
        while self._waiting and free > 0 and len(self._running) < MOST:
            job = self._waiting.popleft()
            mine = held.get(job.device, 0)
            if mine >= (OF_STUCK if job.device in stuck else OF_ONE):
                later.append(job)
                continue
            if not self._begin(job):
                later.append(job)
                break
            held[job.device] = mine + 1
            free -= 1
        later.extend(self._waiting)
        self._waiting = later

    def _again(self) -> None:
        self._timer = None
        self._next()

    def _begin(self, job: Job) -> bool:
        """Begin *job*; False when there is no thread to be had before another one ends."""
        others = bool(self._running)
        self._running.append(job)
        job.begun = True
        job.step()
        try:
            start_new_thread(self._work, (job,))
        except RuntimeError:  # this user may have no more (ulimit -u, a cgroup's limit)
            if others:
                self._running.remove(job)
                job.begun = False
                return False
            self._work(job)  # then the loop waits
        return True

    def _work(self, job: Job) -> None:
        result, failure = None, None
        progress.follow(job.step)
        try:
            result = job.work()
        except BaseException as error:
            failure = error
        finally:
            progress.leave()
        self._loop.soon(lambda: self._over(job, result, failure))

    def _over(self, job: Job, result: "Any", failure: "Optional[BaseException]") -> None:
        self._running.remove(job)
        try:
            job.over(result, failure)
        finally:
            if self._waiting:
                self._next()
