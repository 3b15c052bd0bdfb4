"""One thing after the other: steps that are to happen in order, without anybody waiting for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

import trio

Step = Callable[[], Awaitable[object]]


class Turns:
    """Runs steps in the order in which they are added, in a task that *start* makes when there are any.

    A step that raises ends that task, and with it whatever nursery it runs in.
    """

    def __init__(self, start: Callable[[Callable[[], Awaitable[None]]], object]) -> None:
        self._start = start
        self._steps: deque[Step] = deque()
        self._running: trio.CancelScope | None = None
        self._idle = trio.Event()
        self._idle.set()

    def __bool__(self) -> bool:
        """Whether there is anything to do, or being done."""
        return self._running is not None

    def add(self, step: Step) -> None:
        self._steps.append(step)
        if self._running is None:
            self._idle = trio.Event()
            self._running = trio.CancelScope()
            self._start(partial(self._run, self._running))

    def clear(self) -> None:
        """Forget the steps that wait, and cancel the one that is being done."""
        self._steps.clear()
        if self._running is not None:
            self._running.cancel()
            self._running = None
            self._idle.set()

    async def idle(self) -> None:
        """Wait until nothing is left to do."""
        while self._running is not None:
            await self._idle.wait()

    async def _run(self, mine: trio.CancelScope) -> None:
        with mine:
            while self._steps and self._running is mine:
                await self._steps.popleft()()
        if self._running is mine:
            self._running = None
            self._idle.set()
