"""One document in an attached editor: what its plug-in asks about it, and what the daemon wants of it.

The text that the plug-in reads lies beside the document's own file, which holds what was written last: the
two differ while a save is on its way, refused or kept. The plug-in may lose its connection and come back.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Protocol

import trio

from rbridge.adapters.base import Desk, Outcome, Pane, Result, State, Text
from rbridge.adapters.passages import Passage
from rbridge.adapters.place import Place
from rbridge.adapters.tasks import aside
from rbridge.adapters.writings import REFUSED, UNCERTAIN, Params, Writings
from rbridge.errors import clean
from rbridge.jsonrpc import INVALID_PARAMS, RpcError

UNKNOWN_BUFFER = -32009
CONFLICT = -32011
NO_CONFLICT = -32013

KIND = "attached"
GRACE = 10.0  # seconds that a plug-in has to come back
OPEN = 10.0  # seconds in which it must go on with opening a text
THEIRS = 30.0  # seconds for the host to send its text
LOOK = 0.05  # seconds between looks for it: nothing tells when it is here
EARLIER = 64  # bases that are remembered


class Screen(Protocol):
    """The window that shows a buffer."""

    @property
    def name(self) -> str: ...

    @property
    def base64(self) -> bool: ...

    @property
    def here(self) -> bool: ...

    def say(self, method: str, params: Params) -> None: ...

    async def reveal(self, buffer: Buffer, line: int, column: int) -> None: ...


class _Offer:
    """A text of the host that the plug-in may take."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        self.taken: bool | None = None


class Buffer(Pane):
    """The document *text*. Call :meth:`begin` or :meth:`go_on_from` first, run :meth:`deliver` beside it."""

    window: Screen | None
    """Where it is shown; None while the plug-in is gone."""

    def __init__(self, text: Text, desk: Desk, place: Place, grace: float = GRACE) -> None:
        self.text = text
        self.desk = desk
        self.window = None
        self.opened = False
        self.closing = False
        self.opening = trio.CancelScope()
        self._place = place
        self._grace = grace
        self._serial = itertools.count(1)
        self.shown = Passage(text.file, "", 0, utf8=True)
        """What the plug-in has: the host's text, as far as is known."""
        self._newest = self.shown  # what was written last, as it lies in the text's file
        self._earlier: list[str] = []  # bases that only writes of this buffer have replaced
        self._offer: _Offer | None = None
        self._theirs: Passage | None = None
        self._writings = Writings(self.where, self._another, self._check, self._save)
        self._news = trio.Event()

    async def begin(self) -> None:
        """Note what the text is. Raises OSError."""
        file = self._another("shown")
        os.link(self.text.file, file)
        self.shown = await aside(os.stat(file).st_size, Passage.read, file)
        self._newest = self.shown.at(self.text.file)

    async def go_on_from(self, resume: Mapping[str, Any]) -> None:
        """Another process began, and left *resume*: what is there now may be a save. Raises OSError."""
        known = str(resume.get("known", ""))
        bases = resume.get("bases")
        self._earlier = [*bases, known] if isinstance(bases, list) else [known]
        self._newest = await trio.to_thread.run_sync(Passage.read, self.text.file)
        left = list(self._place.private.iterdir())
        self._serial = itertools.count(1 + max([0, *(_number(one) for one in left)]))
        found = [await trio.to_thread.run_sync(Passage.read, one) for one in left if one.is_file()]
        shown = next((one for one in found if one.digest == known), None)
        if shown is None:
            shown = self._newest.at(self._another("shown"))
            os.link(self.text.file, shown.file)
        for one in found:
            if one is not shown:
                one.file.unlink()
        self.shown = shown
        if self._newest.digest != known:
            save = self._newest.at(self._another("save"))
            os.link(self.text.file, save.file)
            self._writings.add(save)
        self.opened = True

    @property
    def resume(self) -> Mapping[str, Any]:
        bases = [*self._earlier, self.shown.digest]
        return {"kind": KIND, **self._place.resume, "editor": self.editor, "bases": bases}

    @property
    def editor(self) -> str:
        return self.window.name if self.window is not None else ""

    # The window

    def standing(self) -> dict[str, Any]:
        """What ``initialize`` and ``buffer/state`` say."""
        now = self.desk.standing()
        busy = self._writings.waiting or self._writings.saving
        return self._state(State.SAVING if busy and now.state is State.CLEAN else now.state, now.message)

    def goes_to(self, window: Screen) -> None:
        """*window* shows it from now on."""
        self.window = window
        self._wake()

    def lost(self, window: Screen) -> None:
        """*window* is gone, and with it what had not arrived whole."""
        if self.window is window:
            self.window = None
            self._grace = GRACE
            self._writings.forget()
            self._wake()

    async def over(self) -> None:
        """Wait until the plug-in has closed it, or has not come back; all it wrote has its outcome then."""
        while not self.closing:
            if self.window is not None:
                await self._news.wait()
                continue
            with trio.move_on_after(self._grace) as grace:
                while self.window is None and not self.closing:
                    await self._news.wait()
            if grace.cancelled_caught:
                break
        await self._delivered()

    def gone(self) -> None:
        """The document is closed here."""
        window, self.window = self.window, None
        if window is not None and not self.closing and not self._place.left:
            window.say("buffer/closed", {"id": self.text.id, "message": ""})
        self.closing = True
        self._writings.close()
        self._wake()

    # Pane

    async def replace(self, snapshot: Path, /) -> bool:
        if self._writings.waiting:
            return False
        file = self._another("offer")
        offer: _Offer | None = None
        try:
            passage = await aside(os.stat(snapshot).st_size, Passage.copied, snapshot, file)
            if self.window is not None and not (passage.utf8 or self.window.base64):
                return False
            offer = self._offer = _Offer(passage)
            announced: Screen | None = None
            while offer.taken is None and not self.closing:
                if self.window is not None and self.window is not announced:
                    announced = self.window
                    self._announce(passage, announced)
                await self._news.wait()
            return offer.taken is True
        finally:
            if self._offer is offer:
                self._offer = None
            if offer is None or not offer.taken:
                file.unlink(missing_ok=True)

    async def show(self, state: State, message: str = "") -> None:
        if state in (State.OPENING, State.CLOSED):
            return
        self._catch_up()
        if self.window is not None:
            self.window.say("buffer/state", self._state(state, message))
        if state is State.CONFLICT and message:
            self.desk.tell(clean(message))

    async def reveal(self, line: int = 0, column: int = 0) -> None:
        if self.window is not None and self.opened and not self.closing:
            await self.window.reveal(self, line, column)

    def remark(self, message: str, kind: str = "warning") -> None:
        if self.window is not None and self.opened:
            self.window.say("window/show", {"id": self.text.id, "kind": kind, "message": clean(message)})

    def leave(self) -> bool:
        """The plug-in keeps what is typed, and asks the next daemon for its buffers."""
        here = self.window is not None and self.window.here
        self._place.left = here and self.opened and not self.closing
        return self._place.left

    # What the plug-in asks. What these do before they return happens in the order of the messages.

    def read(self, params: Params) -> Awaitable[Any]:
        self.opening.deadline = max(self.opening.deadline, trio.current_time() + OPEN)  # it goes on
        return self._pass_on(self._offer.passage if self._offer is not None else self.shown, params)

    def write(self, params: Params) -> Awaitable[Any]:
        return self._writings.take(params)

    def theirs(self, params: Params) -> Awaitable[Any]:
        return self._show_theirs(params)

    def taken(self, params: Params) -> None:
        offer = self._offer
        if offer is None or offer.taken is not None or params.get("base") != offer.passage.digest:
            raise RpcError(CONFLICT, f"{self.where}: that text is not offered any more")
        if params.get("taken") is True:
            self._take(offer.passage)
            offer.taken = True
        else:
            offer.taken = False
        self._wake()

    def resolve(self, params: Params) -> None:
        choose = params.get("choose")
        if choose not in ("mine", "theirs"):
            raise RpcError(INVALID_PARAMS, "choose is mine or theirs")
        if refused := self.desk.settle(choose):
            raise RpcError(NO_CONFLICT, clean(refused))

    def close(self, params: Params) -> Awaitable[Any]:
        self.end()
        return self._delivered()

    def end(self) -> None:
        """Close it, once all that was written has its outcome."""
        self.closing = True
        self._wake()

    # Saves

    async def deliver(self) -> None:
        """Hand what is written to the desk, for ever."""
        await self._writings.deliver()

    async def _save(self, passage: Passage, force: bool) -> dict[str, Any] | RpcError:
        try:
            if force and self.desk.standing().disputed:
                self.desk.settle("over")
            self._lay(passage)
            return self._answer(passage, await self.desk.save(passage.file, passage.digest))
        except OSError as error:
            message = clean(f"cannot keep what was saved of {self.where}: {error.strerror}; nothing was sent")
            self.desk.tell(message)
            return RpcError(REFUSED, message)
        finally:
            if self.shown.file != passage.file:
                passage.file.unlink(missing_ok=True)

    def _answer(self, passage: Passage, outcome: Outcome) -> dict[str, Any] | RpcError:
        message = clean(outcome.message)
        standing = self.desk.standing()
        if outcome.delivered:
            base = standing.base or passage.digest
            if base == passage.digest:
                self._advance(passage)
            return {"outcome": outcome.result.value, "base": base}
        self.desk.tell(message or f"{self.where} was not saved: {outcome.result.value}")
        if outcome.result is Result.KEPT:
            return {"outcome": "kept", "message": message, "digest": passage.digest}
        if outcome.result is Result.UNCERTAIN:
            return RpcError(UNCERTAIN, message, {"digest": passage.digest})
        if standing.disputed:
            return RpcError(CONFLICT, message, {"base": standing.theirs} if standing.theirs else {})
        return RpcError(REFUSED, message)

    def _check(self, base: str, force: bool) -> None:
        """Whether a text that stands on *base* may be written at all."""
        if self.text.read_only:
            message = clean(f"{self.where} is read-only: nothing was sent, the host's file is intact")
            self.desk.tell(message)
            raise RpcError(REFUSED, message)
        if force or base == self.shown.digest or base in self._earlier:
            return
        message = clean(f"{self.where}: it was changed on the host meanwhile, and nothing was overwritten")
        raise RpcError(CONFLICT, message, {"base": self.shown.digest})

    # Texts

    @property
    def where(self) -> str:
        return f"{self.text.name} on {self.text.host}"

    async def _pass_on(self, passage: Passage, params: Params) -> dict[str, Any]:
        chunk = params.get("chunk")
        try:
            if chunk is None:
                return await aside(passage.size, passage.head)
            if params.get("base") != passage.digest:
                raise RpcError(CONFLICT, f"{self.where}: stale: another text took its place")
            if not isinstance(chunk, int) or not 0 <= chunk < passage.chunks:
                raise RpcError(INVALID_PARAMS, "there is no such chunk")
            return await trio.to_thread.run_sync(passage.chunk, chunk)
        except FileNotFoundError:
            raise RpcError(CONFLICT, f"{self.where}: stale: another text took its place") from None

    async def _show_theirs(self, params: Params) -> dict[str, Any]:
        if params.get("chunk") is not None and self._theirs is not None:
            return await self._pass_on(self._theirs, params)
        if not self.desk.standing().disputed:
            raise RpcError(NO_CONFLICT, f"{self.where}: there is no conflict")
        self.desk.ask_theirs()
        with trio.move_on_after(THEIRS):
            while self.desk.theirs() is None and self.desk.standing().connected:  # noqa: ASYNC110 - see LOOK
                await trio.sleep(LOOK)
        theirs = self.desk.theirs()
        if theirs is None:
            raise RpcError(REFUSED, clean(f"{self.where}: the host's text is not here"))
        file = self._another("theirs")
        passage = await trio.to_thread.run_sync(Passage.copied, theirs, file)
        if self._theirs is not None:
            self._theirs.file.unlink(missing_ok=True)
        self._theirs = passage
        return await self._pass_on(passage, params)

    def _announce(self, passage: Passage, window: Screen) -> None:
        said = {"id": self.text.id, "base": passage.digest, "size": passage.size}
        window.say("buffer/changed", {**said, "force": self.desk.standing().yielding})

    def _take(self, passage: Passage) -> None:
        """The plug-in shows a text of the host."""
        self._lay(passage)
        self._advance(passage)
        self._earlier = []

    def _lay(self, passage: Passage) -> None:
        """Let the text's file be *passage*. Raises OSError."""
        if passage.digest != self._newest.digest:
            staged = self._another("lay")
            os.link(passage.file, staged)
            os.replace(staged, self.text.file)
        self._newest = passage.at(self.text.file)

    def _advance(self, passage: Passage) -> None:
        """The host has *passage*, and the plug-in shows it."""
        old, self.shown = self.shown, passage
        if old.digest != passage.digest:
            self._earlier = [*self._earlier[-EARLIER:], old.digest]
        if old.file != passage.file:
            old.file.unlink(missing_ok=True)

    def _catch_up(self) -> None:
        """A text that was kept, or of which nobody knew, may have reached the host."""
        newest, base = self._newest, self.desk.standing().base
        if self._writings.saving or base != newest.digest or base == self.shown.digest:
            return
        file = self._another("shown")
        os.link(self.text.file, file)
        self._advance(newest.at(file))

    def _state(self, state: State, message: str) -> dict[str, Any]:
        return {
            "id": self.text.id,
            "state": State.CLEAN.value if state is State.OPENING else state.value,
            "message": clean(message),
            "base": self.shown.digest,
            "connected": self.desk.standing().connected,
        }

    async def _delivered(self) -> dict[str, Any]:
        await self._writings.delivered()
        return {}

    def _another(self, name: str) -> Path:
        return self._place.private / f"{name}-{next(self._serial)}"

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()


def _number(file: Path) -> int:
    digits = file.name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0
