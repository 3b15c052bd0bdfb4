"""The only place where tests wait: look at the real condition until it holds or the deadline is over."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")

DEADLINE = 20.0  # seconds; generous, since a wait that is over early costs nothing
FIRST_LOOK = 0.002  # seconds between looks, growing to
LAST_LOOK = 0.05


class Never(AssertionError):
    """The condition did not come to hold before the deadline."""


def until(
    condition: Callable[[], T], deadline: float = DEADLINE, what: str = "", *, every: float | None = None
) -> T:
    """Return the first true value of *condition*; raise :class:`Never` after *deadline* seconds.

    It looks less and less often, or *every* so many seconds, as who takes the time wants it.
    What *condition* raises as OSError, IndexError, KeyError or AssertionError counts as "not yet" and is
    shown when the time is up.
    """
    end = time.monotonic() + deadline
    pause = every or FIRST_LOOK
    while True:
        value, doubt = _look(condition)
        if value:
            return value  # type: ignore[return-value]
        if time.monotonic() >= end:
            raise Never(_complaint(condition, deadline, what, doubt))
        time.sleep(pause)
        pause = every or min(pause * 1.5, LAST_LOOK)


async def until_async(condition: Callable[[], T], deadline: float = DEADLINE, what: str = "") -> T:
    """The same under trio with its real clock; other tasks run meanwhile."""
    end = time.monotonic() + deadline
    pause = FIRST_LOOK
    while True:
        value, doubt = _look(condition)
        if value:
            return value  # type: ignore[return-value]
        if time.monotonic() >= end:
            raise Never(_complaint(condition, deadline, what, doubt))
        await trio.sleep(pause)
        pause = min(pause * 1.5, LAST_LOOK)


def stays(condition: Callable[[], object], seconds: float, what: str = "") -> None:
    """Check that *condition* holds now and at every look during *seconds*: for what must not happen."""
    end = time.monotonic() + seconds
    while True:
        if not condition():
            raise AssertionError(f"did not stay so for {seconds} s: {what or repr(condition)}")
        if time.monotonic() >= end:
            return
        time.sleep(LAST_LOOK)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody held a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _look(condition: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    try:
        return condition(), None
    except (OSError, LookupError, AssertionError) as error:
        return None, error


def _complaint(condition: object, deadline: float, what: str, doubt: BaseException | None) -> str:
    text = f"not within {deadline:g} s: {what or repr(condition)}"
    return f"{text}; the last look said: {doubt!r}" if doubt is not None else text
