"""Clearing up after a crash at the start of a command, but not for long: a file server may not answer."""

from rbridge.client.saver import recover
from rbridge.client.within import Silent, within

MYPY = False
if MYPY:
    from typing import List

PATIENCE = 2.0
"""Seconds that the command waits for it."""


def clear(states: str) -> "List[str]":
    """What ``recover`` says of the state directory *states*.

    What lies on a file server that does not answer is left to a later start: recovering can be cut short at
    any point, as the command can be killed.
    """
    try:
        lines: "List[str]" = within(PATIENCE, lambda: recover(states))
    except Silent as error:
        return ["an earlier save that was cut short cannot be cleared up now: {}".format(error)]
    return lines
