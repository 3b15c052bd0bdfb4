"""The line that shows how far a transfer is, as users of scp know it; nothing where nobody watches."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from rbridge.errors import clean

OFTEN = 0.1  # seconds between two looks of the line
AVERAGE = 0.3  # share of the newest interval in the rate
NUMBERS = 36  # columns right of the name
NARROW = 20  # columns that the name has in any case
UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


class Line:
    """One file after the other on *out*; *shown* is False where it is no terminal, or the user wants none."""

    def __init__(self, out: TextIO, shown: bool) -> None:
        self._out = out
        self._shown = shown
        self._name = ""
        self._open = False  # something is on the line
        self._began = self._last = 0.0
        self._first = self._at = 0
        self._rate = 0.0

    def moved(self, name: str, at: int, size: int) -> None:
        """*at* of the *size* bytes of *name* are through."""
        if not self._shown:
            return
        now = time.monotonic()
        if name != self._name:
            self._name, self._began, self._last = name, now, now
            self._first = self._at = at
            self._rate = 0.0
        elif now - self._last >= OFTEN:
            rate = (at - self._at) / (now - self._last)
            self._rate = AVERAGE * rate + (1 - AVERAGE) * self._rate if self._rate else rate
            self._last, self._at = now, at
            left = (size - at) / self._rate if self._rate else 0.0
            self._draw(at, size, self._rate, clock(left) + " ETA")

    def done(self, name: str, size: int) -> None:
        """*name* is whole: its line stays."""
        if not self._shown:
            return
        now = time.monotonic()
        if name != self._name:
            self._name, self._began, self._first = name, now, 0
        took = now - self._began
        self._draw(size, size, (size - self._first) / took if took > OFTEN else 0.0, clock(took))
        self.end()

    def end(self) -> None:
        """What is written next begins on a line of its own."""
        if self._open:
            self._out.write("\n")
            self._out.flush()
        self._open, self._name = False, ""

    def _draw(self, at: int, size: int, rate: float, clocked: str) -> None:
        room = max(NARROW, shutil.get_terminal_size().columns - NUMBERS - 1)
        name = clean(self._name)
        name = name if len(name) <= room else "…" + name[1 - room :]
        percent = 100 * at // size if size else 100
        numbers = f"{percent:4d}% {amount(at):>8} {amount(rate) + '/s' if rate else '':>10} {clocked:>9}"
        self._out.write(f"\r{name:<{room}}{numbers:<{NUMBERS}}")
        self._out.flush()
        self._open = True


def amount(count: float) -> str:
    """*count* bytes in at most seven characters: ``1.2 MB``."""
    unit, larger = UNITS[0], list(UNITS[1:])
    while count >= 999.5 and larger:
        unit, count = larger.pop(0), count / 1000
    return f"{count:.0f} {unit}" if count >= 99.95 or unit == "B" else f"{count:.1f} {unit}"


def clock(seconds: float) -> str:
    """*seconds* as MM:SS, or H:MM:SS."""
    whole = min(int(seconds), 359999)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"
