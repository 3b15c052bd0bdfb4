"""How far a save has come: what an editor is told of it, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from rbridge.lsp.progress import PATIENCE, TICK, SaveProgress, Travel, reports
from tests.harness.wait import until_async
from tests.lsp.stage import Client, Stage
from tests.lsp.test_desk import client_of, save

URI = "file:///train.py"
MB = 1_000_000


class Editor:
    """Makes room for all that it is asked for, if it does."""

    def __init__(self) -> None:
        self.travels: dict[str, Travel] = {}
        self.asked: list[str] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.answer: dict[str, Any] | None = {"result": None}
        self._late: list[Callable[[dict[str, Any]], None]] = []
        self.progress = SaveProgress(self.travels.get, self._ask, self._tell)

    def _ask(self, method: str, params: Any, answered: Callable[[dict[str, Any]], None]) -> None:
        assert method == "window/workDoneProgress/create"
        self.asked.append(params["token"])
        if self.answer is not None:
            answered(self.answer)
        else:
            self._late.append(answered)

    def answers(self) -> None:
        for answered in self._late:
            answered({"result": None})

    def _tell(self, method: str, params: Any) -> None:
        assert method == "$/progress"
        self.told.append((params["token"], params["value"]))

    def look(self, *travel: Travel) -> list[tuple[str, Any, Any]]:
        """What it is told now: kind, message, percentage."""
        self.travels.clear()
        self.travels.update({f"{URI}{number}": one for number, one in enumerate(travel)})
        self.told.clear()
        self.progress.look([f"{URI}0", f"{URI}1"], True)
        return [(said["kind"], said.get("message"), said.get("percentage")) for _, said in self.told]


def travel(done: float, of: float = 50, serial: int = 1) -> Travel:
    return Travel("train.py", serial, int(done * MB), int(of * MB))


@pytest.fixture
def editor() -> Editor:
    return Editor()


async def test_a_large_save_is_shown_until_the_host_has_it(editor: Editor, mock_clock: MockClock):
    assert editor.look(travel(0)) == []
    mock_clock.jump(PATIENCE + TICK)
    assert editor.look(travel(10)) == [("begin", "10.0 of 50.0 MB", 20)]
    assert editor.told[0][1]["title"] == "Saving train.py"
    assert editor.look(travel(11)) == []  # so soon
    mock_clock.jump(TICK + 0.01)
    assert editor.look(travel(10)) == []  # as before
    assert editor.look(travel(25.26)) == [("report", "25.3 of 50.0 MB", 50)]
    mock_clock.jump(TICK + 0.01)
    assert editor.look(travel(50)) == [("report", "the host writes it", 100)]
    assert editor.look() == [("end", None, None)]
    assert editor.look() == []
    assert len(editor.asked) == 1


async def test_a_save_that_is_over_soon_is_not_shown(editor: Editor, mock_clock: MockClock):
    assert editor.look(travel(0)) == []
    assert editor.progress.pause == TICK
    mock_clock.jump(PATIENCE - TICK)
    assert editor.look(travel(40)) == []
    assert editor.look() == []
    assert editor.progress.pause == math.inf
    assert editor.asked == []


async def test_one_save_after_the_other_is_two(editor: Editor, mock_clock: MockClock):
    editor.look(travel(0))
    mock_clock.jump(PATIENCE + TICK)
    editor.look(travel(10))
    assert editor.look(travel(0, serial=2)) == [("end", None, None)]
    mock_clock.jump(PATIENCE + TICK)
    assert editor.look(travel(1, serial=2)) == [("begin", "1.0 of 50.0 MB", 2)]
    assert len(set(editor.asked)) == 2


async def test_two_documents_have_their_own(editor: Editor, mock_clock: MockClock):
    editor.look(travel(0), travel(0))
    mock_clock.jump(PATIENCE + TICK)
    assert [kind for kind, _, _ in editor.look(travel(1), travel(2))] == ["begin", "begin"]
    assert len({token for token, _ in editor.told}) == 2


async def test_an_editor_that_makes_no_room_is_told_nothing(editor: Editor, mock_clock: MockClock):
    editor.answer = {}
    editor.look(travel(0))
    mock_clock.jump(PATIENCE + TICK)
    assert editor.look(travel(1)) == editor.look(travel(2)) == editor.look() == []
    assert len(editor.asked) == 1


async def test_an_editor_that_makes_room_when_all_is_over_is_told_nothing(
    editor: Editor, mock_clock: MockClock
):
    editor.answer = None
    editor.look(travel(0))
    mock_clock.jump(PATIENCE + TICK)
    assert editor.look(travel(1)) == editor.look() == []
    editor.answers()
    assert editor.told == []


async def test_a_save_that_has_no_bytes_yet_says_so(editor: Editor, mock_clock: MockClock):
    unknown = travel(0)._replace(of=None)
    editor.look(unknown)
    mock_clock.jump(PATIENCE + TICK)
    assert editor.look(unknown) == [("begin", "being compared", 0)]
    mock_clock.jump(TICK + 0.01)
    assert editor.look(travel(0, 0)) == [("report", "the host writes it", 100)]


async def test_it_is_looked_when_a_document_stands_otherwise_and_now_and_then(mock_clock: MockClock):
    looks = []
    progress = SaveProgress(lambda uri: looks.append(uri) or travel(1), lambda *_: None, lambda *_: None)
    progress.look([URI], False)
    assert looks == []  # nothing is on its way
    progress.look([URI], True)
    progress.look([URI], False)
    assert len(looks) == 1
    mock_clock.jump(TICK + 0.01)
    progress.look([URI], False)
    assert len(looks) == 2


async def test_a_buffer_of_a_plug_in_is_shown_by_that(stage: Stage, clock: MockClock):
    client = await client_of(stage, stage.uri, window={"workDoneProgress": True})
    headers = await save(stage, b"mine = 1\n")
    clock.jump(10 * PATIENCE)
    await trio.testing.wait_all_tasks_blocked()
    await stage.main.say("refused", token="t", save=headers["save"], reason="denied", message="denied")
    assert (await client.hear())["method"] == "textDocument/publishDiagnostics"


@pytest.mark.parametrize(
    ("window", "shown"),
    [({"workDoneProgress": True}, True), ({"workDoneProgress": False}, False), ({}, False), (None, False)],
)
def test_only_editors_that_show_progress_are_told(window: Any, shown: bool):
    assert reports({"capabilities": {"window": window}}) is shown


async def begun(client: Client) -> str:
    """Make room, as an editor does; returns the token."""
    said = await client.hear()
    assert said["method"] == "window/workDoneProgress/create", said
    await client.answered(said["id"])
    return str(said["params"]["token"])


async def progress(client: Client, token: str) -> Any:
    said = await client.hear()
    assert (said["method"], said["params"]["token"]) == ("$/progress", token), said
    return said["params"]["value"]


async def test_the_save_of_a_document_is_followed(stage: Stage, clock: MockClock):
    client = await client_of(stage, stage.document.text.file.as_uri(), window={"workDoneProgress": True})
    headers = await save(stage, b"mine = 1\n")
    clock.jump(PATIENCE + TICK)
    token = await begun(client)
    value = await progress(client, token)
    assert value == {
        "kind": "begin",
        "title": "Saving train.py on gpu1",
        "message": "the host writes it",
        "percentage": 100,
    }
    await stage.main.say("saved", token="t", save=headers["save"])
    assert await progress(client, token) == {"kind": "end"}


async def test_an_editor_without_progress_hears_nothing_of_it(stage: Stage, clock: MockClock):
    client = await client_of(stage, stage.document.text.file.as_uri())
    headers = await save(stage, b"mine = 1\n")
    clock.jump(10 * PATIENCE)
    await trio.testing.wait_all_tasks_blocked()
    await stage.main.say("refused", token="t", save=headers["save"], reason="denied", message="denied")
    assert (await client.hear())["method"] == "textDocument/publishDiagnostics"


async def test_a_connection_that_is_lost_meanwhile_ends_it(stage: Stage, clock: MockClock):
    client = await client_of(stage, stage.document.text.file.as_uri(), window={"workDoneProgress": True})
    await save(stage, b"mine = 1\n")
    clock.jump(PATIENCE + TICK)
    token = await begun(client)
    assert (await progress(client, token))["kind"] == "begin"
    await stage.cut()
    await until_async(lambda: stage.document.document.on_the_way is None)
    kinds = []
    while "end" not in kinds:
        said = await client.hear()
        kinds += [said["params"]["value"]["kind"]] if said["method"] == "$/progress" else []
