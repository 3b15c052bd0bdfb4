"""The texts that a plug-in writes of one buffer: taken in in order, whole or in chunks, and handed on one at
a time. A newer one overtakes those that wait, and they get its answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters.passages import Arriving, Malformed, Passage, bytes_of, place_in
from rbridge.adapters.tasks import aside
from rbridge.errors import clean
from rbridge.jsonrpc import INVALID_PARAMS, RpcError

REFUSED = -32010
UNCERTAIN = -32012

Params = Mapping[str, Any]


class _Written:
    """A text that came whole; *answer* is there once it is settled."""

    def __init__(self, passage: Passage, force: bool = False) -> None:
        self.passage = passage
        self.force = force
        self.settled = trio.Event()
        self.answer: dict[str, Any] | RpcError = RpcError(UNCERTAIN, "the document was closed meanwhile")


class Writings:
    """Of the buffer *where*. *another* gives names for files; *check* raises RpcError if a text that stands
    on a base may not be written; *save* hands it on, with the user's word that it may go over the host's.
    """

    def __init__(
        self,
        where: str,
        another: Callable[[str], Path],
        check: Callable[[str, bool], None],
        save: Callable[[Passage, bool], Awaitable[dict[str, Any] | RpcError]],
    ) -> None:
        self._where = where
        self._another = another
        self._check = check
        self._save = save
        self._arriving: Arriving | None = None
        self._receiving = 0
        self._queue: list[_Written] = []
        self._before: trio.Event | None = None
        self._news = trio.Event()
        self.saving = False

    @property
    def waiting(self) -> bool:
        """Whether there are texts that were not handed on yet."""
        return bool(self._queue or self._receiving)

    def take(self, params: Params) -> Awaitable[Any]:
        """One ``buffer/write``, which the awaitable answers. Texts are taken in in the order of the calls."""
        before, self._before = self._before, trio.Event()
        self._receiving += 1
        return self._take(params, before, self._before)

    def add(self, passage: Passage) -> None:
        """A text that nobody waits for."""
        self._queue.append(_Written(passage))
        self._wake()

    async def deliver(self) -> None:
        """Hand on what is written, for ever."""
        while True:
            while not self._queue:
                await self._news.wait()
            batch, self._queue = self._queue, []
            self.saving = True
            try:
                for older in batch[:-1]:
                    older.passage.file.unlink()
                batch[-1].answer = await self._save(batch[-1].passage, batch[-1].force)
            finally:
                for one in batch:
                    one.answer = batch[-1].answer
                    one.settled.set()
                self.saving = False
                self._wake()

    async def delivered(self) -> None:
        """Return when all that was written has its answer."""
        while self.waiting or self.saving:
            await self._news.wait()

    def forget(self) -> None:
        """Give up a text that has not arrived whole."""
        arriving, self._arriving = self._arriving, None
        if arriving is not None and not arriving.busy:
            arriving.drop()

    def close(self) -> None:
        """Nothing is handed on any more."""
        self.forget()
        queue, self._queue = self._queue, []
        for written in queue:
            written.settled.set()
        self._wake()

    async def _take(self, params: Params, before: trio.Event | None, done: trio.Event) -> Any:
        written: _Written | int = 0
        with trio.CancelScope(shield=True):  # what came whole counts, also if the plug-in is gone by now
            written = await self._in_turn(params, before, done)
        if isinstance(written, int):
            return {"chunk": written}
        await written.settled.wait()
        if isinstance(written.answer, RpcError):
            raise written.answer
        return written.answer

    async def _in_turn(self, params: Params, before: trio.Event | None, done: trio.Event) -> _Written | int:
        try:
            if before is not None:
                await before.wait()
            return await self._receive(params)
        finally:
            self._receiving -= 1
            done.set()
            self._wake()

    async def _receive(self, params: Params) -> _Written | int:
        """Take in a text, or a chunk, whose number is returned."""
        base, force = params.get("base"), params.get("force") is True
        try:
            place = place_in(params)
            data = bytes_of(params)
            if not isinstance(base, str):
                raise Malformed("base is a string")
        except Malformed as error:
            self.forget()
            raise RpcError(INVALID_PARAMS, str(error)) from None
        try:
            self._check(base, force)
            arriving = self._arriving_of(params, place, base)
            await self._store(arriving, data)
        except OSError as error:
            self.forget()
            message = clean(f"cannot take in what was saved of {self._where}: {error.strerror}")
            raise RpcError(REFUSED, message) from error
        except RpcError:
            self.forget()
            raise
        if not arriving.whole:
            return arriving.next - 1
        self._arriving = None
        written = _Written(arriving.close(), force)
        self._queue.append(written)
        return written

    def _arriving_of(self, params: Params, place: tuple[int, int] | None, base: str) -> Arriving:
        number, of = place or (0, 1)
        if number == 0:
            self.forget()
            self._arriving = Arriving(self._another("save"), base, of)
        elif self._arriving is None or not self._arriving.follows(params):
            raise RpcError(INVALID_PARAMS, f"chunk {number} does not follow what came: begin again")
        return self._arriving

    async def _store(self, arriving: Arriving, data: bytes) -> None:
        arriving.busy = True
        try:
            await aside(len(data), arriving.take, data)
        finally:
            arriving.busy = False
            if self._arriving is not arriving:
                arriving.drop()
        if self._arriving is not arriving:
            raise RpcError(REFUSED, f"{self._where} was closed meanwhile")

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()
