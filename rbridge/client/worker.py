"""What takes long about one document happens in a thread of its own, one job after the other.

There is a thread only while there is work: a document at rest costs none. Results come back to the loop.
"""

from collections import deque

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Optional, Tuple

    from rbridge.client.loop import Loop

    Job = Tuple[Callable[[], Any], Callable[[Any, Optional[BaseException]], None]]


class Worker:
    """Does jobs in the order in which they were given; all methods are for the loop's thread.

    *idle* is called, in the loop, whenever the last of them is over.
    """

    __slots__ = ("_idle", "_jobs", "_loop", "busy")

    def __init__(self, loop: "Loop", idle: "Callable[[], None]") -> None:
        self.busy = False
        self._loop = loop
        self._idle = idle
        self._jobs: "Deque[Job]" = deque()

    def do(self, job: "Callable[[], Any]", then: "Callable[[Any, Optional[BaseException]], None]") -> None:
        """Call *job* in the thread, and afterwards *then* in the loop with its result, or what it raised."""
        self._jobs.append((job, then))
        if not self.busy:
            self.busy = True
            self._start()

    def after(self, then: "Callable[[], None]") -> None:
        """Call *then* when all that was given so far is over: at once if nothing is to be done."""
        if self.busy:
            self._jobs.append((_nothing, lambda _result, _error: then()))
        else:
            then()

    def _start(self) -> None:
        import threading

        job, then = self._jobs[0]

        def work() -> None:
            result, failure = None, None
            try:
                result = job()
            except BaseException as error:
                failure = error
            self._loop.soon(lambda: self._over(then, result, failure))

        try:
            threading.Thread(target=work, daemon=True).start()
        except RuntimeError:  # this user may have no more (ulimit -u, a cgroup's limit): then the loop waits
            work()

    def _over(
        self,
        then: "Callable[[Any, Optional[BaseException]], None]",
        result: "Any",
        failure: "Optional[BaseException]",
    ) -> None:
        self._jobs.popleft()
        try:
            then(result, failure)
        finally:
            if self._jobs:
                self._start()
            else:
                self.busy = False
                self._idle()


def _nothing() -> None:
    """The job of who only wants to know when those before it are over."""
