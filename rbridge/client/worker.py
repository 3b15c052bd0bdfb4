"""What takes long, or may hang, about one document happens in a thread, one job after the other.

There is a thread only while there is work: a document at rest costs none. Results come back to the loop.
"""

from collections import deque

from rbridge.client.pool import Pool

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Optional, Tuple

    from rbridge.client.loop import Loop
    from rbridge.client.pool import Job

    Then = Callable[[Any, Optional[BaseException]], None]


class Worker:
    """Does jobs in the order in which they were given; all methods are for the loop's thread.

    *idle* is called, in the loop, whenever the last of them is over. The threads are those of *pool* (None:
    one of its own) for *device*, see there.
    """

    __slots__ = ("_device", "_idle", "_jobs", "_now", "_pool", "busy")

    def __init__(
        self, loop: "Loop", idle: "Callable[[], None]", pool: "Optional[Pool]" = None, device: int = -1
    ) -> None:
        self.busy = False
        self._pool = Pool(loop) if pool is None else pool
        self._device = device
        self._idle = idle
        self._jobs: "Deque[Tuple[Optional[Callable[[], Any]], Then]]" = deque()
        self._now: "Optional[Job]" = None

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def silent(self) -> float:
        """Seconds since the job that is being done last got on, or waits for others of its file system that
        are stuck; 0 if there is none.
        """
        job = self._now
        if job is None or not (job.begun or self._pool.stuck(self._device)):
            return 0.0
        return job.silent

    def do(self, job: "Callable[[], Any]", then: "Then") -> None:
        """Call *job* in the thread, and afterwards *then* in the loop with its result, or what it raised."""
        self._jobs.append((job, then))
        if not self.busy:
            self.busy = True
            self._go_on()

    def after(self, then: "Callable[[], None]") -> None:
        """Call *then* when all that was given so far is over: at once if nothing is to be done."""
        if self.busy:
            self._jobs.append((None, lambda _result, _error: then()))
        else:
            then()

    def _go_on(self) -> None:
        """Begin what is next."""
        while self._jobs:
            job, then = self._jobs[0]
            if job is not None:
                self._now = self._pool.do(self._device, job, self._over)
                return
            self._jobs.popleft()
            then(None, None)
        self.busy = False
        self._idle()

    def _over(self, result: "Any", failure: "Optional[BaseException]") -> None:
        _, then = self._jobs.popleft()
        self._now = None
        try:
            then(result, failure)
        finally:
            self._go_on()
