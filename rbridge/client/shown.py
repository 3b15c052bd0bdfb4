"""What the user sees of a folder, looked at as the open files are: by ``client/watch``, in turn with them."""

import os
from time import monotonic

from rbridge import mounts
from rbridge.client.root import Outside
from rbridge.client.stamp import RACY_NS, now_ns

MYPY = False
if MYPY:
    from typing import Callable, List, Optional, Tuple

    from rbridge.client.root import Root

    State = Tuple[int, int, int, int, int]


class Shown:
    """The directory or file at *names* below *root*, called *path* on the wire. When it has changed
    *told* is called, in the loop; *told_at* is when it was last, in the loop's seconds.

    Of a directory its own times are looked at, so what is told is that names came or went. *untold*: it has
    changed, and nobody was told so far. It may be shown, hidden, and shown again: what happens meanwhile is
    found by the next look.
    """

    steady = False  # see Rota.add
    missing = 0  # see Watch
    __slots__ = ("_local", "_names", "_racy", "_root", "_seen", "_since", "path", "told", "told_at", "untold")

    def __init__(self, root: "Root", names: "List[str]", path: str) -> None:
        self._root = root
        self._names = names
        self._local = mounts.is_local(os.path.join(root.real, *names))
        self._seen: "Optional[State]" = None
        self._racy = False
        self._since = 0.0  # when it was first seen as it is
        self.untold = False
        self.path = path
        self.told: "Callable[[Shown], None]" = _nobody
        self.told_at = float("-inf")

    @property
    def device(self) -> int:
        """The file system that it was on at the last look, -1 if it was not there."""
        return self._seen[0] if self._seen is not None else -1

    def begin(self) -> None:
        """The first look, which tells nothing."""
        self._note(self._state(), monotonic())

    def quiet(self) -> bool:
        """Whether nothing happened, where a stat alone tells that, and never blocks."""
        return self._local and not (self._racy or self.untold) and self._state() == self._seen

    def look(self, now: "Optional[float]" = None) -> "Optional[Shown]":
        """Itself if something may have happened since the last look."""
        state = self._state()
        if state == self._seen and not (self._racy or self.untold):
            return None
        self._note(state, monotonic() if now is None else now)
        self.untold = True
        return self

    def _note(self, state: "Optional[State]", now: float) -> None:
        if state != self._seen:
            self._since = now
        self._seen = state
        # what changes within the same tick of the file system's clock looks the same: told once too often;
        # that clock may be ahead of ours: what was seen so for long enough has got another time since
        late = state is not None and now_ns() - max(state[3:]) < RACY_NS
        self._racy = late and (now - self._since) * 1e9 < RACY_NS

    def _state(self) -> "Optional[State]":
        try:
            with self._root.place(self._names, False) as place:
                found: os.stat_result = place.stat()
        except (OSError, Outside):
            return None
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _nobody(_shown: Shown) -> None:
    """It is not shown, and nobody is told."""
