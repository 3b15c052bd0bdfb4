"""Asking a file server for so long and no longer."""

from rbridge.client import patience
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Any, Callable


class Silent(RbridgeError):
    """No answer came in time."""

    exit_code = 75


def within(seconds: float, work: "Callable[[], Any]") -> "Any":
    """What *work* returns, or raises; raises Silent when it takes longer than *seconds*."""

    def silent() -> None:
        raise Silent("its file system does not answer")

    return patience.ask(work, seconds, silent)
