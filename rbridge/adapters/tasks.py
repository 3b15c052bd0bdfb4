"""Runs tasks beside a block of code, such that the block's errors come out as they are.

A bare nursery wraps them in exception groups; the contract promises a plain RbridgeError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio


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
