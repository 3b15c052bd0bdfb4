"""One document in an attached editor, without a plug-in: what it answers, and what lies where."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters import buffer as module
from rbridge.adapters.base import Outcome, Result, Standing, State
from rbridge.adapters.buffer import Buffer
from rbridge.adapters.passages import CHUNK
from rbridge.adapters.place import place_for
from rbridge.jsonrpc import RpcError
from tests.adapters.buffers import NEW, OLD, THEIRS, Open, Screen
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.plugin import data_of, digest
from tests.harness.wait import until_async

# Reading and writing


async def test_the_text_is_read(open_: Open) -> None:
    assert await open_.read() == {"base": digest(OLD), "size": len(OLD), "text": OLD.decode()}


@pytest.mark.parametrize("chunk", [-1, 1, "0", 10**9])
async def test_a_chunk_that_is_not_there(open_: Open, chunk: Any) -> None:
    with pytest.raises(RpcError) as caught:
        await open_.read(base=digest(OLD), chunk=chunk)
    assert caught.value.code == -32602


async def test_a_save_makes_a_new_base_and_the_text_is_read_as_it_is_now(open_: Open) -> None:
    assert await open_.write(NEW) == {"outcome": "saved", "base": digest(NEW)}
    assert open_.text.file.read_bytes() == NEW
    assert (await open_.read())["text"] == NEW.decode()
    assert open_.private() == ["save"]
    with pytest.raises(RpcError) as caught:
        await open_.read(base=digest(OLD), chunk=0)
    assert caught.value.code == -32011


async def test_a_base_that_only_our_own_writes_replaced_is_good(open_: Open) -> None:
    await open_.write(NEW)
    assert (await open_.write(b"2\n", NEW))["base"] == digest(b"2\n")
    for base in (OLD, NEW):
        assert (await open_.write(b"3\n", base))["base"] == digest(b"3\n")


async def test_an_unknown_base_is_a_conflict_before_anything_is_handed_on(open_: Open) -> None:
    error = await open_.refused(NEW, b"another")
    assert (error.code, error.data) == (-32011, {"base": digest(OLD)})
    assert open_.desk.saves == []
    assert open_.text.file.read_bytes() == OLD
    assert (await open_.write(NEW, b"another", force=True))["outcome"] == "saved"
    assert open_.desk.settled == []  # there is no conflict with the host


@pytest.mark.parametrize(
    ("outcome", "code", "data"),
    [
        (Outcome(Result.REFUSED, "disk full"), -32010, None),
        (Outcome(Result.UNCERTAIN, "no answer"), -32012, {"digest": digest(NEW)}),
    ],
)
async def test_what_was_not_saved_is_an_error(open_: Open, outcome: Outcome, code: int, data: Any) -> None:
    open_.desk.answers = [outcome]
    error = await open_.refused(NEW)
    assert (error.code, error.message, error.data) == (code, outcome.message, data)
    assert open_.desk.told == [outcome.message]
    assert open_.text.file.read_bytes() == NEW  # what was written last, should we be killed
    assert (await open_.read())["text"] == OLD.decode()  # what the host has
    assert open_.private() == ["shown"]


async def test_a_conflict_says_what_is_there_and_force_goes_over_it(open_: Open) -> None:
    open_.desk.answers = [Outcome(Result.REFUSED, "it was changed")]
    open_.desk.stands = Standing(State.CONFLICT, digest(OLD), digest(THEIRS), disputed=True)
    error = await open_.refused(NEW)
    assert (error.code, error.data) == (-32011, {"base": digest(THEIRS)})
    assert open_.desk.settled == []
    assert (await open_.write(NEW, force=True))["outcome"] == "saved"
    assert open_.desk.settled == ["over"]


async def test_a_conflict_with_nothing_on_the_host(open_: Open) -> None:
    open_.desk.answers = [Outcome(Result.REFUSED, "it is gone")]
    open_.desk.stands = Standing(State.CONFLICT, digest(OLD), disputed=True)
    assert (await open_.refused(NEW)).data == {}


async def test_a_kept_text_becomes_the_base_once_it_has_arrived(open_: Open) -> None:
    open_.desk.answers = [Outcome(Result.KEPT, "no connection")]
    answer = await open_.write(NEW)
    assert answer == {"outcome": "kept", "message": "no connection", "digest": digest(NEW)}
    await open_.buffer.show(State.DIRTY, "not connected")
    assert open_.screen.heard("buffer/state")[-1]["base"] == digest(OLD)
    open_.desk.stands = replace(open_.desk.stands, base=digest(NEW))
    await open_.buffer.show(State.CLEAN)
    assert open_.screen.heard("buffer/state")[-1] == {
        "id": open_.text.id,
        "state": "clean",
        "message": "",
        "base": digest(NEW),
        "connected": True,
    }
    assert (await open_.read())["text"] == NEW.decode()
    assert open_.private() == ["shown"]


async def test_an_overtaken_save_has_the_base_of_the_newer_one(open_: Open) -> None:
    class Newer(FakeDesk):
        def standing(self) -> Standing:
            return Standing(State.CLEAN, digest(b"newer"))

    open_.buffer.desk = Newer()
    assert await open_.write(NEW) == {"outcome": "saved", "base": digest(b"newer")}
    assert open_.buffer.shown.digest == digest(OLD)


async def test_a_read_only_text_is_not_written(tmp_path: Path) -> None:
    text = make_text(tmp_path / "files", OLD, read_only=True)
    desk = FakeDesk()
    with place_for(text) as place:
        buffer = Buffer(text, desk, place)
        await buffer.begin()
        error = await Open(text, buffer, desk).refused(NEW, force=True)
    assert error.code == -32010
    assert "read-only" in error.message
    assert (desk.saves, text.file.read_bytes()) == ([], OLD)


async def test_a_text_that_cannot_be_laid_out_is_refused(
    open_: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        error = await open_.refused(NEW)
    assert error.code == -32010
    assert "No space left" in error.message
    assert (open_.desk.saves, open_.text.file.read_bytes(), open_.private()) == ([], OLD, ["shown"])


# Texts of the host


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    file = tmp_path / "theirs"
    file.write_bytes(THEIRS)
    return file


class Replacing:
    """A replace that goes on beside the test."""

    def __init__(self, nursery: trio.Nursery, buffer: Buffer, file: Path) -> None:
        self.taken: bool | None = None
        self.scope = trio.CancelScope()
        nursery.start_soon(self._run, buffer, file)

    async def _run(self, buffer: Buffer, file: Path) -> None:
        with self.scope:
            self.taken = await buffer.replace(file)

    async def result(self) -> bool | None:
        await until_async(lambda: self.taken is not None)
        return self.taken


async def offered(open_: Open, count: int = 1) -> Mapping[str, Any]:
    await until_async(lambda: len(open_.screen.heard("buffer/changed")) == count)
    return open_.screen.heard("buffer/changed")[-1]


async def test_a_text_of_the_host_is_offered_and_taken(
    open_: Open, theirs: Path, nursery: trio.Nursery
) -> None:
    await open_.write(NEW)
    replacing = Replacing(nursery, open_.buffer, theirs)
    said = await offered(open_)
    assert said == {"id": open_.text.id, "base": digest(THEIRS), "size": len(THEIRS), "force": False}
    assert data_of(await open_.read()) == THEIRS
    open_.buffer.taken({"base": digest(THEIRS), "taken": True})
    assert await replacing.result()
    assert open_.text.file.read_bytes() == THEIRS
    assert data_of(await open_.read()) == THEIRS
    assert open_.private() == ["offer"]
    for base in (OLD, NEW):  # the host's text came after them
        assert (await open_.refused(b"3\n", base)).code == -32011
    assert (await open_.write(b"3\n", THEIRS))["outcome"] == "saved"


async def test_a_text_of_the_host_that_is_not_taken_leaves_all_as_it_was(
    open_: Open, theirs: Path, nursery: trio.Nursery
) -> None:
    replacing = Replacing(nursery, open_.buffer, theirs)
    await offered(open_)
    open_.buffer.taken({"base": digest(THEIRS), "taken": False})
    assert await replacing.result() is False
    assert open_.text.file.read_bytes() == OLD
    assert data_of(await open_.read()) == OLD
    assert open_.private() == ["shown"]
    with pytest.raises(RpcError) as caught:
        open_.buffer.taken({"base": digest(THEIRS), "taken": True})
    assert caught.value.code == -32011


async def test_only_the_text_that_is_offered_is_taken(
    open_: Open, theirs: Path, nursery: trio.Nursery
) -> None:
    Replacing(nursery, open_.buffer, theirs)
    await offered(open_)
    with pytest.raises(RpcError):
        open_.buffer.taken({"base": digest(OLD), "taken": True})
    open_.buffer.taken({"base": digest(THEIRS), "taken": True})


async def test_the_users_choice_is_passed_on(open_: Open, theirs: Path, nursery: trio.Nursery) -> None:
    open_.desk.stands = Standing(State.CONFLICT, digest(OLD), yielding=True)
    replacing = Replacing(nursery, open_.buffer, theirs)
    assert (await offered(open_))["force"]
    replacing.scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert open_.private() == ["shown"]
    assert data_of(await open_.read()) == OLD


async def test_a_text_is_offered_again_to_a_plugin_that_comes_back(
    open_: Open, theirs: Path, nursery: trio.Nursery
) -> None:
    replacing = Replacing(nursery, open_.buffer, theirs)
    await offered(open_)
    open_.buffer.lost(open_.screen)
    open_.screen = Screen()
    open_.buffer.goes_to(open_.screen)
    await offered(open_)
    open_.buffer.taken({"base": digest(THEIRS), "taken": True})
    assert await replacing.result()


async def test_bytes_that_the_editor_cannot_show_are_not_offered(open_: Open, tmp_path: Path) -> None:
    open_.screen.base64 = False
    file = tmp_path / "latin"
    file.write_bytes(b"caf\xe9")
    assert not await open_.buffer.replace(file)
    assert open_.screen.said == []
    assert open_.private() == ["shown"]


async def test_nothing_is_offered_over_a_save_that_was_not_handed_on(open_: Open, theirs: Path) -> None:
    asked = open_.buffer.write({"base": digest(OLD), "text": "new"})
    assert not await open_.buffer.replace(theirs)
    assert (await asked)["outcome"] == "saved"


async def test_a_large_text_that_is_replaced_in_the_middle_is_stale(
    open_: Open, theirs: Path, nursery: trio.Nursery
) -> None:
    large = b"x" * (CHUNK + 1)
    await open_.write(large)
    head = await open_.read()
    assert head == {"base": digest(large), "size": len(large), "chunks": 2}
    assert (await open_.read(base=head["base"], chunk=1))["text"] == "x"
    Replacing(nursery, open_.buffer, theirs)
    await offered(open_)
    with pytest.raises(RpcError) as caught:
        await open_.read(base=head["base"], chunk=1)
    assert caught.value.code == -32011
    open_.buffer.taken({"base": digest(THEIRS), "taken": False})


# Conflicts


async def test_the_hosts_text_in_a_conflict(open_: Open, theirs: Path) -> None:
    open_.desk.stands = Standing(State.CONFLICT, digest(OLD), disputed=True)
    open_.desk.host = theirs
    for _ in range(2):
        said = await open_.buffer.theirs({})
        assert (said["base"], data_of(said)) == (digest(THEIRS), THEIRS)
    assert open_.desk.asked == 2
    assert (await open_.buffer.theirs({"base": digest(THEIRS), "chunk": 0}))["of"] == 1
    assert open_.private() == ["shown", "theirs"]


async def test_without_a_conflict_there_is_no_text_of_the_host(open_: Open) -> None:
    with pytest.raises(RpcError) as caught:
        await open_.buffer.theirs({})
    assert caught.value.code == -32013


@pytest.mark.parametrize("connected", [True, False])
async def test_a_text_of_the_host_that_does_not_come(
    open_: Open, monkeypatch: pytest.MonkeyPatch, connected: bool
) -> None:
    monkeypatch.setattr(module, "THEIRS", 0.01)
    open_.desk.stands = Standing(State.CONFLICT, digest(OLD), connected=connected, disputed=True)
    with pytest.raises(RpcError) as caught:
        await open_.buffer.theirs({})
    assert caught.value.code == -32010


async def test_a_conflict_is_settled_by_one_of_two_words(open_: Open) -> None:
    for choose in ("mine", "theirs"):
        open_.buffer.resolve({"choose": choose})
    assert open_.desk.settled == ["mine", "theirs"]
    for wrong in ("over", None, 1):
        with pytest.raises(RpcError) as caught:
            open_.buffer.resolve({"choose": wrong})
        assert caught.value.code == -32602
    open_.desk.refusal = "there is no conflict"
    with pytest.raises(RpcError) as caught:
        open_.buffer.resolve({"choose": "mine"})
    assert caught.value.code == -32013


async def test_a_remark_is_shown_in_the_window(open_: Open) -> None:
    open_.buffer.remark("not yet")
    open_.buffer.opened = True
    open_.buffer.remark("a\x1b line")
    open_.buffer.remark("another", "info")
    open_.buffer.lost(open_.screen)
    open_.buffer.remark("to nobody")
    shown = [(one["id"], one["kind"], one["message"]) for one in open_.screen.heard("window/show")]
    assert [one[1:] for one in shown] == [("warning", "a\N{REPLACEMENT CHARACTER} line"), ("info", "another")]
    assert {one[0] for one in shown} == {open_.text.id}


async def test_shown_again_only_where_it_is_shown(open_: Open) -> None:
    await open_.buffer.reveal(3, 1)
    open_.buffer.opened = True
    await open_.buffer.reveal(3, 1)
    open_.buffer.lost(open_.screen)
    await open_.buffer.reveal(4, 1)
    assert [(one["line"], one["column"]) for one in open_.screen.heard("reveal")] == [(3, 1)]
