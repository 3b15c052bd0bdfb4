"""What a plug-in writes: in order, whole or not at all, one at a time."""

from __future__ import annotations

import errno
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing

from rbridge.adapters import passages
from rbridge.adapters.passages import Passage
from rbridge.adapters.tasks import SMALL
from rbridge.adapters.writings import Writings
from rbridge.jsonrpc import RpcError
from tests.adapters.plugin import form


class Desk:
    """Takes texts for a test: *gate* holds the answers back, *allowed* lets texts in."""

    def __init__(self, directory: Path, nursery: trio.Nursery) -> None:
        self.directory = directory
        self.nursery = nursery
        self.gate = trio.Event()
        self.gate.set()
        self.allowed = True
        self.got: list[tuple[bytes, bool]] = []
        self.answers: dict[str, Any] = {}
        serial = itertools.count()
        self.writings = Writings(
            "train.py on gpu1", lambda name: directory / f"{name}-{next(serial)}", self._check, self._save
        )

    def _check(self, base: str, force: bool) -> None:
        if not self.allowed:
            raise RpcError(-32011, f"not on {base}")

    async def _save(self, passage: Passage, force: bool) -> dict[str, Any] | RpcError:
        data = passage.file.read_bytes()
        self.got.append((data, force))
        await self.gate.wait()
        passage.file.unlink()
        return RpcError(-32010, "no") if data == b"refuse" else {"outcome": "saved", "base": passage.digest}

    def write(self, name: str, data: bytes = b"", **more: Any) -> None:
        """Say ``buffer/write``; what is answered comes to ``answers[name]``."""
        asked = self.writings.take({"base": "b", **form(data), **more})

        async def wait() -> None:
            try:
                self.answers[name] = await asked
            except RpcError as error:
                self.answers[name] = error.code

        self.nursery.start_soon(wait)

    async def answer(self, name: str) -> Any:
        with trio.fail_after(10):
            while name not in self.answers:
                await trio.lowlevel.checkpoint()
        return self.answers[name]

    def left(self) -> list[str]:
        return sorted(one.name for one in self.directory.iterdir())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with trio.open_nursery() as nursery:
        made = Desk(tmp_path, nursery)
        nursery.start_soon(made.writings.deliver)
        yield made
        nursery.cancel_scope.cancel()


async def test_a_text_is_handed_on_and_answered(desk: Desk) -> None:
    desk.write("a", b"text")
    assert (await desk.answer("a"))["outcome"] == "saved"
    desk.write("b", b"refuse", force=True)
    assert await desk.answer("b") == -32010
    assert desk.got == [(b"text", False), (b"refuse", True)]
    assert desk.left() == []


async def test_chunks_make_one_text(desk: Desk) -> None:
    for number, data in enumerate((b"one ", b"\xff two ", b"three")):
        desk.write(str(number), data, chunk=number, of=3)
    assert (await desk.answer("2"))["outcome"] == "saved"
    assert (desk.answers["0"], desk.answers["1"]) == ({"chunk": 0}, {"chunk": 1})
    assert desk.got == [(b"one \xff two three", False)]
    assert desk.left() == []


async def test_of_texts_that_wait_the_newest_is_handed_on_and_all_get_its_answer(desk: Desk) -> None:
    desk.gate = trio.Event()
    desk.write("first", b"first")
    while not desk.got:
        await trio.lowlevel.checkpoint()
    for number in range(20):
        desk.write(str(number), b"%d" % number)
    while desk.writings._receiving:
        await trio.lowlevel.checkpoint()
    assert desk.writings.waiting
    desk.gate.set()
    newest = await desk.answer("19")
    assert newest["base"] != (await desk.answer("first"))["base"]
    assert [await desk.answer(str(number)) for number in range(20)] == [newest] * 20
    assert desk.got == [(b"first", False), (b"19", False)]
    assert desk.left() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"chunk": 0, "of": 3, "text": 1},
        {"chunk": 2, "of": 3},
        {"chunk": 1, "of": 4},
        {"chunk": 1, "of": 3, "base": "other"},
        {"chunk": 5, "of": 3},
        {"base": 7, "chunk": 1, "of": 3},
    ],
)
async def test_a_chunk_that_does_not_follow_ends_the_text(desk: Desk, wrong: dict[str, Any]) -> None:
    desk.write("0", b"one", chunk=0, of=3)
    desk.write("wrong", b"two", **wrong)
    assert await desk.answer("wrong") == -32602
    desk.write("1", b"two", chunk=1, of=3)
    assert await desk.answer("1") == -32602
    assert (desk.left(), desk.got) == ([], [])
    desk.write("whole", b"whole")
    assert (await desk.answer("whole"))["outcome"] == "saved"


async def test_a_text_that_begins_anew_takes_the_place_of_half_a_text(desk: Desk) -> None:
    desk.write("half", b"half", chunk=0, of=2)
    desk.write("0", b"new ", chunk=0, of=2)
    desk.write("1", b"text", chunk=1, of=2)
    await desk.answer("1")
    desk.write("another half", b"half", chunk=0, of=2)
    desk.write("whole", b"whole")
    await desk.answer("whole")
    assert [data for data, _ in desk.got] == [b"new text", b"whole"]
    assert desk.left() == []


async def test_what_may_not_be_written_is_not_taken_in(desk: Desk) -> None:
    desk.allowed = False
    desk.write("a", b"text")
    assert await desk.answer("a") == -32011
    assert (desk.left(), desk.got) == ([], [])


async def test_without_room_nothing_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(passages.Arriving, "take", full)
        desk.write("a", b"text")
        assert await desk.answer("a") == -32010
    assert desk.left() == []
    assert not desk.writings.waiting
    desk.write("b", b"text")
    assert (await desk.answer("b"))["outcome"] == "saved"


async def test_a_text_that_came_whole_counts_without_anybody_who_waits_for_its_answer(desk: Desk) -> None:
    asked = desk.writings.take({"base": "b", "text": "text"})
    with trio.CancelScope() as scope:
        scope.cancel()
        await asked
    await desk.writings.delivered()
    assert desk.got == [(b"text", False)]


async def test_half_a_text_is_forgotten(desk: Desk) -> None:
    desk.write("0", b"half", chunk=0, of=2)
    await desk.answer("0")
    desk.writings.forget()
    assert desk.left() == []
    desk.write("1", b"half", chunk=1, of=2)
    assert await desk.answer("1") == -32602


async def test_forgotten_while_it_is_written_nothing_is_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = passages.Arriving.take

    def forget_first(self: passages.Arriving, data: bytes) -> None:
        trio.from_thread.run_sync(desk.writings.forget)
        take(self, data)

    monkeypatch.setattr(passages.Arriving, "take", forget_first)
    desk.write("a", b"x" * (SMALL + 1))
    assert await desk.answer("a") == -32010
    assert (desk.left(), desk.got) == ([], [])


async def test_closed_those_that_wait_are_answered(desk: Desk) -> None:
    desk.gate = trio.Event()
    desk.write("a", b"a")
    while not desk.got:
        await trio.lowlevel.checkpoint()
    desk.write("b", b"b")
    while desk.writings._receiving:
        await trio.lowlevel.checkpoint()
    desk.writings.close()
    assert await desk.answer("b") == -32012
    desk.gate.set()
    assert (await desk.answer("a"))["outcome"] == "saved"
    await desk.writings.delivered()


async def test_a_text_that_nobody_waits_for_is_handed_on(desk: Desk) -> None:
    file = desk.directory / "left"
    file.write_bytes(b"left")
    desk.writings.add(Passage.read(file))
    await desk.writings.delivered()
    assert desk.got == [(b"left", False)]
