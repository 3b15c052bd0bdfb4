"""Runs work beside other work: tasks beside a block of code, and what is computed of texts in threads.

The block's errors come out as they are: a bare nursery wraps them in exception groups, and the contract
promises a plain RbridgeError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio

SMALL = 64 << 10  # bytes up to which a text is worked on at once: a thread would take longer to start

T = TypeVar("T")


async def aside(size: int, work: Callable[..., T], *words: Any) -> T:
    """What *work*, called with *words*, returns of a text of *size* bytes. Other tasks go on while it works
    on a large one.
    """
    return work(*words) if size <= SMALL else await trio.to_thread.run_sync(work, *words)


@asynccontextmanager
async def beside(*tasks: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Run *tasks* as long as the block runs, then cancel them.

    An exception of the block is raised unchanged; one of a task cancels the block and arrives in a group.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
        try:
            yield
        except Exception as error:
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
