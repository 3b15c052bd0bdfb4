"""A desk for tests: remembers what was saved and told, and answers as it is asked to."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import trio

from rbridge.adapters.base import Outcome, Pane, Result, Standing, State, Text

DEADLINE = 15.0


class FakeDesk:
    """*answers* are given one by one, then SAVED; *gate* holds every answer back until it is set."""

    def __init__(self) -> None:
        self.answers: list[Outcome] = []
        self.saves: list[bytes] = []
        self.told: list[str] = []
        self.gate = trio.Event()
        self.gate.set()
        self.pane: Pane | None = None
        self.stands = Standing(State.CLEAN, "")
        self.settled: list[str] = []
        self.refusal = ""  # what settle() says
        self.host: Path | None = None  # the host's text
        self.asked = 0  # how often it was asked for
        self.focused = 0
        self._news = trio.Event()

    async def save(self, snapshot: Path, /, digest: str = "") -> Outcome:
        data = _bytes(snapshot)
        assert digest in ("", hashlib.sha256(data).hexdigest())
        self.saves.append(data)
        self._wake()
        await self.gate.wait()
        assert _bytes(snapshot) == data, "the snapshot changed while it was being saved"
        outcome = self.answers.pop(0) if self.answers else Outcome(Result.SAVED)
        if outcome.delivered:
            self.stands = replace(self.stands, base=hashlib.sha256(data).hexdigest())
        return outcome

    def focus(self) -> None:
        self.focused += 1
        self._wake()

    def standing(self) -> Standing:
        return self.stands

    def settle(self, choose: str, /) -> str:
        self.settled.append(choose)
        return self.refusal

    def theirs(self) -> Path | None:
        return self.host

    def ask_theirs(self) -> None:
        self.asked += 1

    def tell(self, message: str) -> None:
        assert message.isprintable(), message
        self.told.append(message)
        self._wake()

    async def until_saved(self, count: int) -> bytes:
        """Wait for the *count*-th save (from 1)."""
        return await self._until(lambda: self.saves[count - 1] if len(self.saves) >= count else None)

    async def until_last(self, data: bytes) -> None:
        """Wait until the newest save is *data*."""
        wanted = hashlib.sha256(data).digest()
        await self._until(lambda: self.saves and hashlib.sha256(self.saves[-1]).digest() == wanted or None)

    async def until_told(self, part: str) -> str:
        """Wait for a message with *part* in it."""
        return await self._until(lambda: next((m for m in self.told if part in m), None))

    async def _until(self, condition):  # type: ignore[no-untyped-def]
        with trio.move_on_after(DEADLINE):
            while (found := condition()) is None:
                self._news = trio.Event()
                await self._news.wait()
            return found
        raise AssertionError(f"waited in vain: {len(self.saves)} saves, told {self.told}")

    def _wake(self) -> None:
        self._news.set()


def _bytes(file: Path) -> bytes:
    return file.read_bytes()


def make_text(
    files: Path,
    data: bytes = b"one\ntwo\nthree\n",
    *,
    id: str = "0badcafe00000001",  # noqa: A002 - as Text calls it
    host: str = "gpu1",
    path: str = "/home/u/train.py",
    **more: object,
) -> Text:
    """Lay a text out below *files* as the daemon does."""
    file = files / id / host / path.lstrip("/")
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_bytes(data)
    file.chmod(0o600)
    name = file.name
    return Text(id=id, host=host, path=path, name=name, file=file, size=len(data), **more)  # type: ignore[arg-type]
