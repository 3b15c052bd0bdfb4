"""Whether a thread gets on: what reads or writes piece by piece says so after each piece."""

from _thread import get_ident

MYPY = False
if MYPY:
    from typing import Callable, Dict

_steps: "Dict[int, Callable[[], None]]" = {}


def follow(stepped: "Callable[[], None]") -> None:
    """Call *stepped* at each step of this thread, from here to :func:`leave`."""
    _steps[get_ident()] = stepped


def leave() -> None:
    """This thread is at its end."""
    _steps.pop(get_ident(), None)


def step() -> None:
    """This thread got on."""
    stepped = _steps.get(get_ident())
    if stepped is not None:
        stepped()
