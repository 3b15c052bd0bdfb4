"""Two texts that the user of a host wants to see beside each other, with what differs.

They come one after the other, each to a task of its own, and may both be new, or be open already. So each has
a :class:`Half` of a :class:`Pair`, by which its task meets that of the other one. An adapter that shows no
diff need not look at it: two texts are opened then, and the host is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import trio

MEET = 8.0  # seconds for the second one; the host waits 20 s for both, and longer for large ones
PAIRS = 32  # of a session that wait for their second half


class Screen(Protocol):
    """A window with texts in it."""

    async def compare(self, left: Any, right: Any, /) -> str:
        """Show two of its texts beside each other; nothing, or one line that says why not."""
        ...


class Pair:
    """What the tasks of both texts know."""

    def __init__(self) -> None:
        self.turn = trio.Lock()
        """Who opens a text of the pair holds it, so that the second one goes where the first one is."""
        self.sides: dict[str, Any] = {}
        """What stands for a text that has come: whatever its adapter wants the other one to know."""
        self.arriving: set[str] = set()
        """The sides of which the text is on its way from the host."""
        self.ended: tuple[str] | None = None
        """Nothing where the diff is shown, else why it is not in one line; None before that is known."""
        self._news = trio.Event()

    def changed(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def wait(self) -> None:
        await self._news.wait()


class Half:
    """The text on *side*, ``left`` or ``right``, of *pair*."""

    def __init__(self, pair: Pair, side: str) -> None:
        self.pair = pair
        self.side = side
        self._last = False

    @property
    def shown(self) -> bool:
        """Whether the diff is there."""
        return self.pair.ended == ("",)

    @property
    def why(self) -> str:
        """One line that says why it is not; nothing if nobody looked."""
        return self.pair.ended[0] if self.pair.ended is not None else ""

    @property
    def other(self) -> Any:
        """What stands for the other text, None before it has come."""
        return self.pair.sides.get("left" if self.side == "right" else "right")

    def arrives(self) -> None:
        """The text is on its way: the other one can wait for it."""
        self.pair.arriving.add(self.side)

    def fails(self) -> None:
        """The text does not come after all."""
        self.pair.arriving.discard(self.side)
        if self.pair.ended is None:
            self.end("the other file was not opened, so there is no diff")

    def comes(self, what: Any) -> None:
        """This text is here."""
        self.pair.sides[self.side] = what
        self.pair.arriving.discard(self.side)
        self._last = self.other is not None
        self.pair.changed()

    def note(self, editor: str) -> str:
        """What the host's user is to hear of it from this half, where *editor* has the text."""
        if self.shown or self.side == "right":
            return ""
        return self.why or f"{editor} shows no diff: both files are open"

    def end(self, why: str = "") -> None:
        """The diff is shown, or in one line why not."""
        self.pair.ended = (why,)
        self.pair.changed()

    async def met(self) -> bool:
        """Wait for the other text; whether it has come in time, and nobody has said that there is no diff."""
        while self.other is None and self.pair.ended is None:
            with trio.move_on_after(MEET) as patience:
                await self.pair.wait()
            if patience.cancelled_caught and not self.pair.arriving:
                self.end("the other text did not come in time, so there is no diff")
        return not self.why

    async def over(self) -> None:
        """Wait until it is known whether the diff is shown."""
        while self.pair.ended is None:
            await self.pair.wait()

    async def opened(self, buffer: Any, opening: Callable[[Any], Awaitable[None]]) -> None:
        """*opening* opens *buffer* in a window, where it need not be seen before the diff is."""
        try:
            async with self.pair.turn:
                await opening(buffer)
                self.comes(buffer)
            await self.show()
        except BaseException:
            if self.pair.ended is None:
                self.end("the other file could not be opened there, so there is no diff")
            raise
        if not self.shown:
            await buffer.reveal(buffer.text.line, buffer.text.column)

    async def show(self) -> None:
        """Have the window that has both show them; the task of whichever came last sees to that."""
        if not self._last:
            if await self.met():
                await self.over()
            return
        left, right = self.pair.sides["left"], self.pair.sides["right"]
        screen = getattr(left, "window", None)
        if screen is None or screen is not getattr(right, "window", None):
            self.end("they are open in two windows, so there is no diff")
            return
        why = "it was given up"
        try:
            why = await cast(Screen, screen).compare(left, right)
        finally:
            self.end(why)


class Pairs:
    """Those of one session, by the names that its host gave them."""

    def __init__(self) -> None:
        self._waiting: dict[str, Pair] = {}

    def half(self, side: str, name: str) -> Half:
        """The half of the pair *name*. One of which both halves were asked for is forgotten."""
        pair = self._waiting.pop(name, None)
        if pair is None:
            pair = self._waiting[name] = Pair()
            while len(self._waiting) > PAIRS:
                del self._waiting[next(iter(self._waiting))]
        return Half(pair, side)
