"""The watch in its loop: one look at a time, news in the loop's thread, none while paused."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from rbridge.client import pool
from rbridge.client.loop import Loop
from rbridge.client.shown import Shown
from rbridge.client.watch import Watch
from tests.harness.wait import until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class File:
    """A file whose looks are counted; *news* is what the next one tells."""

    missing = 0
    steady = False

    def __init__(self) -> None:
        self.looks = 0
        self.still = False
        self.news: object = None
        self.hold: threading.Event | None = None
        self.thread: threading.Thread | None = None

    def quiet(self) -> bool:
        return self.still

    def look(self, now: float | None = None) -> object:
        self.thread = threading.current_thread()
        if self.hold is not None:
            assert self.hold.wait(20)
        self.looks += 1
        news, self.news = self.news, None
        return news


class Row(File, Shown):
    """What is seen of a folder, the same way."""

    device = 7  # type: ignore[assignment]


class Stage:
    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.told: list[tuple[Any, Any]] = []
        self.watch = Watch(self.loop, lambda document, news: self.told.append((document, news)))

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        self.loop.turn(0.0)

    def looks(self, file: File, count: int) -> None:
        """Let the look under way come to its end."""

        def done() -> bool:
            self.loop.turn(0.0)
            return file.looks == count and not self.watch._looking

        until(done, what="the look is over")


@pytest.fixture
def stage() -> Any:
    made = Stage()
    yield made
    made.loop.close()


class Document:
    """All that the watch asks of one: where it lies."""

    def __init__(self, device: int = 1) -> None:
        self.target = self.before = None
        self.source = SimpleNamespace(device=device)


def test_a_file_is_looked_at_in_another_thread_and_its_news_told_in_ours(stage: Stage) -> None:
    one, file = Document(), File()
    file.news = "news"
    stage.watch.add(one, file)  # type: ignore[arg-type]
    stage.turn(1.9)
    assert file.looks == 0
    stage.turn(0.2)
    stage.looks(file, 1)
    assert stage.told == [(one, "news")]
    assert file.thread is not threading.current_thread()


def test_a_quiet_file_starts_no_thread(stage: Stage) -> None:
    one, file = Document(), File()
    file.still = True
    stage.watch.add(one, file)  # type: ignore[arg-type]
    for _ in range(10):
        stage.turn(2.0)
    assert file.looks == 0
    assert file.thread is None


def test_a_look_that_hangs_holds_up_nobody_but_those_on_its_file_system(stage: Stage) -> None:
    hung, beside, other = Document(1), Document(1), Document(2)
    files = {one: File() for one in (hung, beside, other)}
    files[hung].hold = threading.Event()
    stage.watch.add(hung, files[hung])  # type: ignore[arg-type]
    stage.turn(2.1)
    assert stage.watch.silent(hung) == 0.0  # type: ignore[arg-type]
    stage.turn(2.1)
    for one in (beside, other):
        stage.watch.add(one, files[one])  # type: ignore[arg-type]
    for turn in range(1, 4):
        stage.turn(2.1)
        stage.turn(0.1)
        until(lambda turn=turn: stage.turn(0.1) or files[other].looks >= turn, what="the other's turn")
    assert stage.watch.silent(hung) > 6.0  # type: ignore[arg-type]
    assert (files[hung].looks, files[beside].looks) == (0, 0)
    files[hung].hold.set()
    stage.looks(files[hung], 1)
    until(lambda: stage.turn(1.0) or files[beside].looks > 0, what="the turn of the one beside it")


def test_what_a_look_finds_of_a_closed_document_is_dropped(stage: Stage) -> None:
    one, file = Document(), File()
    file.hold, file.news = threading.Event(), "late"
    stage.watch.add(one, file)  # type: ignore[arg-type]
    stage.turn(2.1)
    stage.watch.remove(one)  # type: ignore[arg-type]
    file.hold.set()
    stage.looks(file, 1)
    assert stage.told == []


def test_what_a_look_finds_of_a_file_that_was_saved_meanwhile_is_dropped(stage: Stage) -> None:
    one, file, new = Document(), File(), File()
    file.hold, file.news = threading.Event(), "the save, seen as a change"
    stage.watch.add(one, file)  # type: ignore[arg-type]
    stage.turn(2.1)
    stage.watch.saved(one, new)  # type: ignore[arg-type]
    file.hold.set()
    stage.looks(file, 1)
    assert stage.told == []
    stage.turn(2.1)
    stage.looks(new, 1)


def test_nobody_looks_while_it_is_paused(stage: Stage) -> None:
    one, file = Document(), File()
    stage.watch.add(one, file)  # type: ignore[arg-type]
    stage.watch.pause(True)
    stage.turn(60.0)
    stage.turn(0.0)
    assert file.looks == 0
    stage.watch.pause(False)
    stage.turn(0.1)
    stage.looks(file, 1)


def test_where_no_thread_is_to_be_had_the_look_is_left_for_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, one, file, first = Document(), Document(), File(), File()
    first.hold = threading.Event()
    stage.watch.add(hung, first)  # type: ignore[arg-type]
    stage.turn(2.1)
    stage.watch.add(one, file)  # type: ignore[arg-type]
    with monkeypatch.context() as without:

        def start(work: object, arguments: object) -> None:
            raise RuntimeError("can't start new thread")

        without.setattr(pool, "start_new_thread", start)
        stage.turn(1.9)
        assert file.looks == 0
    first.hold.set()
    stage.looks(first, 1)
    stage.turn(2.1)
    stage.looks(file, 1)


def test_what_is_shown_is_looked_at_and_told_of_as_itself(stage: Stage) -> None:
    shown = Row()
    shown.news = shown
    stage.watch.show(shown)
    assert stage.watch._rota.focused is None
    stage.turn(2.1)
    stage.looks(shown, 1)
    assert stage.told == [(shown, shown)]
    stage.watch.remove(shown)
    stage.turn(60.0)
    assert shown.looks == 1


def test_what_is_shown_of_a_file_system_that_does_not_answer_waits_for_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = {7}
    monkeypatch.setattr(pool.Pool, "stuck", lambda _pool, device: device in stuck)
    shown = Row()
    stage.watch.show(shown)
    stage.turn(2.1)
    assert not stage.watch._looking
    stuck.clear()
    stage.turn(60.0)
    stage.looks(shown, 1)
