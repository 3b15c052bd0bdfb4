"""Whose turn it is to be looked at: a schedule without a clock, a file or a thread.

The file that the user turned to last is looked at every 2 s, each other one less and less often, down to
every 30 s, and all together at most 20 times a second: that much a file server bears of every user it has.
A log that is followed does not fall back: whoever follows it waits for its next line.
"""

import heapq

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Optional, Tuple

    Key = Any  # hashable: whatever tells the files apart

FOCUSED = 2.0
"""Seconds between two looks at the file that the user turned to last."""

SLOWEST = 30.0
"""Seconds between two looks at a file that nobody turned to for a while."""

GAP = 1 / 20
"""Seconds between any two looks."""


class Turn:
    """When one file is due, and how long it waits after that."""

    __slots__ = ("due", "pause", "steady")

    def __init__(self, due: float, steady: bool) -> None:
        self.due = due
        self.pause = FOCUSED
        self.steady = steady


class Rota:
    """The turns of all files; a key is whatever tells them apart. Times are seconds of one clock."""

    def __init__(self) -> None:
        self.focused: "Optional[Key]" = None
        self._turns: "Dict[Key, Turn]" = {}
        self._heap: "List[Tuple[float, int, Key]]" = []  # what is not as its turn says is out of date
        self._count = 0
        self._last = float("-inf")

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, key: "Key", now: float, steady: bool = False, turned: bool = True) -> None:
        """*key* was just opened: the user *turned* to it. *steady*: it is looked at no less later."""
        self._turns[key] = Turn(now + FOCUSED, steady)
        self._put(key, now + FOCUSED)
        if turned:
            self.focused = key

    def remove(self, key: "Key") -> None:
        """*key* was closed."""
        self._turns.pop(key, None)
        if self.focused == key:
            self.focused = None

    def focus(self, key: "Key", now: float) -> None:
        """The user turned to *key*, or saved it."""
        turn = self._turns.get(key)
        if turn is not None:
            self.focused = key
            self.soon(key, now)

    def soon(self, key: "Key", now: float) -> None:
        """Something happens to *key*: look often, and back off again from there."""
        turn = self._turns[key]
        turn.pause = FOCUSED
        if turn.due > now + FOCUSED:
            self._put(key, now + FOCUSED)

    def looked(self, key: "Key", now: float) -> None:
        """*key* had its turn, and nothing had happened."""
        self._last = now
        turn = self._turns.get(key)
        if turn is None:
            return
        self._put(key, now + turn.pause)
        if key != self.focused and not turn.steady:
            turn.pause = min(SLOWEST, 2 * turn.pause)

    def next(self, now: float) -> "Optional[Tuple[float, Key]]":
        """Who is next, and when; None when there is nobody. The focused one goes before others that wait."""
        while self._heap and not self._is_so(*self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        key = self._heap[0][2]
        if self.focused is not None and self._turns[self.focused].due <= max(now, self._heap[0][0]):
            key = self.focused
        return max(self._turns[key].due, self._last + GAP), key

    def _put(self, key: "Key", due: float) -> None:
        self._turns[key].due = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, key))
        if len(self._heap) > 4 * len(self._turns) + 16:
            self._heap = [one for one in self._heap if self._is_so(*one)]
            heapq.heapify(self._heap)

    def _is_so(self, due: float, _count: int, key: "Key") -> bool:
        turn = self._turns.get(key)
        return turn is not None and turn.due == due
