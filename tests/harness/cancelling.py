"""Cancels something at each of its awaits in turn, so that a test can look at what is left after each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.lowlevel

MOST = 2000  # steps: a scenario that takes more does not come to an end


class _Countdown(trio.abc.Instrument):
    """Cancels *scope* before step number *left* of the tasks below *root*, or of those that *which* names."""

    def __init__(self, left: int, scope: trio.CancelScope, root: trio.lowlevel.Task, which: str) -> None:
        self.left = left
        self._scope = scope
        self._root = root
        self._which = which

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._counts(task):
            self.left -= 1
            if self.left == 0:
                self._scope.cancel()

    def _counts(self, task: trio.lowlevel.Task) -> bool:
        if self._which:
            return self._which in task.name
        one: trio.lowlevel.Task | None = task
        while one is not None and one is not self._root:
            one = one.parent_nursery.parent_task if one.parent_nursery is not None else None
        return one is not None and task is not self._root


async def at_every_step(
    scenario: Callable[[], Awaitable[object]], afterwards: Callable[[], Awaitable[object]], of: str = ""
) -> int:
    """Run *scenario* again and again, cancelled one step later each time, and *afterwards* after each.

    A step is what a task does between two awaits. Those of all tasks of *scenario* count or, with *of*, those
    of tasks with that in their name. Returns the number of steps, once *scenario* came to its end.
    """
    for step in range(1, MOST):
        with trio.CancelScope() as scope:
            countdown = _Countdown(step, scope, trio.lowlevel.current_task(), of)
            trio.lowlevel.add_instrument(countdown)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(scenario)
            finally:
                trio.lowlevel.remove_instrument(countdown)
        await afterwards()
        if countdown.left > 0:
            return step - 1
    raise AssertionError(f"more than {MOST} steps")
