"""Some threads for what takes long about one folder: a few jobs at a time, the rest in the order they came.

There is a thread only while there is work. Results come back to the loop. A job that takes seconds may wait
for a file server that hangs, and does not count among the few: the rest of the folder may lie elsewhere.
"""

from collections import deque

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

    from rbridge.client.loop import Loop, Timer

    Job = Tuple[Callable[[], Any], Callable[[Any, Optional[BaseException]], None]]

MOST = 4
"""Jobs that get on, at a time."""

STUCK = 2.0
"""Seconds after which a job is taken for one that hangs."""

ALL = 16
"""Threads, those that hang included."""


class Crew:
    """Does jobs, :data:`MOST` at a time; all methods are for the loop's thread."""

    __slots__ = ("_after", "_begun", "_jobs", "_loop", "_timer")

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        self._jobs: "Deque[Job]" = deque()
        self._after: "List[Callable[[], None]]" = []
        self._begun: "Dict[object, float]" = {}  # when each of those that are being done was
        self._timer: "Optional[Timer]" = None

    @property
    def working(self) -> int:
        """Jobs that are being done."""
        return len(self._begun)

    def do(self, job: "Callable[[], Any]", then: "Callable[[Any, Optional[BaseException]], None]") -> None:
        """Call *job* in a thread, and afterwards *then* in the loop with its result, or what it raised."""
        self._jobs.append((job, then))
        self._start()

    def after(self, then: "Callable[[], None]") -> None:
        """Call *then* when no job is left: at once if there is none."""
        self._after.append(then)
        self._rest()

    def _start(self) -> None:
        while self._jobs and self.working < ALL and self._moving() < MOST:
            self._begin(*self._jobs.popleft())
        if self._jobs and self.working < ALL and self._timer is None:
            self._timer = self._loop.at(STUCK, self._again)

    def _moving(self) -> int:
        """Those that are not taken to hang."""
        now = self._loop.clock()
        return sum(now - begun < STUCK for begun in self._begun.values())

    def _again(self) -> None:
        self._timer = None
        self._start()

    def _begin(
        self, job: "Callable[[], Any]", then: "Callable[[Any, Optional[BaseException]], None]"
    ) -> None:
        import threading

        mark = object()
        self._begun[mark] = self._loop.clock()

        def work() -> None:
            result, failure = None, None
            try:
                result = job()
            except BaseException as error:
                failure = error
            self._loop.soon(lambda: self._over(mark, then, result, failure))

        try:
            threading.Thread(target=work, daemon=True).start()
        except RuntimeError:  # this user may have no more (ulimit -u, a cgroup's limit): then the loop waits
            work()

    def _over(
        self,
        mark: object,
        then: "Callable[[Any, Optional[BaseException]], None]",
        result: "Any",
        failure: "Optional[BaseException]",
    ) -> None:
        del self._begun[mark]
        try:
            then(result, failure)
        finally:
            self._start()
            self._rest()

    def _rest(self) -> None:
        if not self.working and not self._jobs:
            after, self._after = self._after, []
            for then in after:
                then()
