"""An editor whose daemon was killed goes on with the next one: the real processes, killed with SIGKILL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trio

from rbridge.adapters import pids
from rbridge.adapters.base import Pane, State, Text
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.process import Child
from rbridge.adapters.rmate import RmateAdapter
from rbridge.adapters.watch import InotifyWatcher
from rbridge.errors import NotListening
from tests.adapters.conformance import DEADLINE
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.test_command import CHILD, ChildShown, CommandRig, command_rig
from tests.adapters.traces import none_left
from tests.harness.wait import until_async

TEXT = b"one\ntwo\nthree\n"  # as make_text lays it out
OPENERS = ["child", "own"]


@dataclass
class Left:
    """What a killed process left: *text*, open in *shown*, and what finds it again."""

    text: Text
    resume: dict[str, Any]
    shown: ChildShown

    @property
    def pid(self) -> int:
        return int(self.shown.said["pid"])  # type: ignore[call-overload]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[CommandRig]:
    async with command_rig(tmp_path, "rename_away", InotifyWatcher()) as made:
        yield made


@pytest.fixture(params=OPENERS)
async def left(request: pytest.FixtureRequest, rig: CommandRig) -> AsyncIterator[Left]:
    words = [sys.executable, "-I", "-S", str(CHILD), str(rig.socket), "rename_away"]
    command = [sys.executable, "-m", "tests.adapters.dying", str(rig.files), request.param, *words]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with trio.fail_after(DEADLINE):
        said = b""
        while not said.endswith(b"\n"):
            more = await process.stdout.receive_some()
            assert more, "it could not open the text"
            said += more
        told = json.loads(said)
        text = make_again(rig.files, Path(told["file"]))
        shown = await rig.shown(text)
    process.kill()
    await process.wait()
    await process.stdout.aclose()
    made = Left(text, {**told["resume"], "known": sha256(TEXT).hexdigest()}, shown)
    yield made
    shown.forget()
    with suppress(ProcessLookupError):  # it ended in the test
        os.kill(made.pid, signal.SIGKILL)


def make_again(files: Path, file: Path) -> Text:
    """The text as the next daemon has it from what was written down."""
    document, host, *_ = file.relative_to(files).parts
    return Text(document, host, "/" + "/".join(file.parts[-1:]), file.name, file, len(TEXT))


@asynccontextmanager
async def adopted(rig: CommandRig, left: Left, desk: FakeDesk) -> AsyncIterator[tuple[Pane, trio.Event]]:
    """Go on with what was left, until the block ends; gives the pane and the event of the end."""
    returned = trio.Event()
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Pane]) -> None:
            await rig.adapter.adopt(left.text, desk, left.resume, task_status=task_status)
            returned.set()

        with trio.fail_after(DEADLINE):
            pane = await nursery.start(run)
        yield pane, returned
        nursery.cancel_scope.cancel()


async def over(returned: trio.Event) -> None:
    with trio.fail_after(DEADLINE):
        await returned.wait()


async def test_it_still_runs(rig: CommandRig, left: Left) -> None:
    assert rig.adapter.runs(left.text, left.resume)
    assert rig.adapter.runs(left.text, left.resume), "to ask changes nothing"


async def test_what_is_saved_from_now_on_is_delivered_and_its_end_is_the_end(
    rig: CommandRig, left: Left
) -> None:
    desk = FakeDesk()
    async with adopted(rig, left, desk) as (_, returned):
        await left.shown.save(b"later\n")
        await desk.until_last(b"later\n")
        await left.shown.close()
        await over(returned)
    assert desk.saves == [b"later\n"]
    assert desk.told == []


async def test_a_save_made_while_nobody_listened_is_delivered_at_once(rig: CommandRig, left: Left) -> None:
    await left.shown.save(b"meanwhile\n")
    desk = FakeDesk()
    async with adopted(rig, left, desk):
        await desk.until_last(b"meanwhile\n")
    assert desk.saves == [b"meanwhile\n"]


async def test_what_the_host_has_is_not_sent_again(rig: CommandRig, left: Left) -> None:
    await left.shown.save(b"acknowledged\n")
    left.resume["known"] = sha256(b"acknowledged\n").hexdigest()
    desk = FakeDesk()
    async with adopted(rig, left, desk) as (_, returned):
        await left.shown.close()
        await over(returned)
    assert desk.saves == []


async def test_an_editor_that_ended_meanwhile_is_not_running_and_its_save_is_still_delivered(
    rig: CommandRig, left: Left
) -> None:
    await left.shown.save(b"the last one\n")
    await left.shown.close()
    await until_async(lambda: not rig.adapter.runs(left.text, left.resume))
    desk = FakeDesk()
    async with adopted(rig, left, desk) as (_, returned):
        await over(returned)
    assert desk.saves == [b"the last one\n"]


async def test_it_can_be_adopted_again_and_again(rig: CommandRig, left: Left) -> None:
    pane_resume = {}
    async with adopted(rig, left, FakeDesk()) as (pane, _):
        pane_resume = dict(pane.resume)
    assert pane_resume == {name: left.resume[name] for name in left.resume if name != "known"}


async def test_the_hosts_new_text_is_shown_in_it(rig: CommandRig, left: Left, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(b"from the host\n")
    desk = FakeDesk()
    async with adopted(rig, left, desk) as (pane, _):
        assert await pane.replace(new)
        assert left.text.file.read_bytes() == b"from the host\n"
        await pane.show(State.CLEAN)
    assert desk.saves == []


async def test_nothing_is_left_at_the_end(rig: CommandRig, left: Left) -> None:
    root = rig.files / left.text.id
    with none_left(rig.files):
        async with adopted(rig, left, FakeDesk()) as (_, returned):
            await left.shown.close()
            await over(returned)
    assert [path.name for path in root.iterdir()] == [left.text.host]
    assert [path.name for path in rig.files.iterdir()] == [left.text.id]


async def test_cancelling_leaves_nothing_of_ours(rig: CommandRig, left: Left) -> None:
    root = rig.files / left.text.id
    with none_left(rig.files):
        async with adopted(rig, left, FakeDesk()):
            pass
    assert [path.name for path in root.iterdir()] == [left.text.host]
    runs = bool(pids.birth(left.pid))
    assert runs == (left.resume["kind"] == "lifeline"), "a waiting command is ended, a window is left alone"


@pytest.mark.parametrize(
    "resume",
    [
        {},
        {"private": "../../etc", "cwd": "x"},
        {"private": ".rbridge-none", "cwd": "0badcafe00000001.x"},
        {"private": ".rbridge-x/..", "cwd": "0badcafe00000001.x"},
        {"private": 1, "cwd": []},
    ],
)
async def test_what_makes_no_sense_is_not_running_and_refused(tmp_path: Path, resume: dict[str, Any]) -> None:
    text = make_text(tmp_path / "files")
    adapter = CommandAdapter(["ed"], opener=Child())
    assert not adapter.runs(text, resume)
    with pytest.raises(NotListening, match="cannot go on in ed"):
        await adapter.adopt(text, FakeDesk(), resume)
    assert text.file.exists()


async def test_an_adapter_that_cannot_says_so(tmp_path: Path) -> None:
    text = make_text(tmp_path / "files")
    adapter = RmateAdapter("127.0.0.1", 1)
    assert not adapter.runs(text, {"kind": "lifeline"})
    with pytest.raises(NotListening, match="cannot go on"):
        await adapter.adopt(text, FakeDesk(), {})
