"""``python -m tests.benchmarks editors``: what is whose share is told apart, and happens in real editors."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from rbridge.jsonrpc import frame
from tests.benchmarks import editors, folders
from tests.benchmarks.__main__ import AREAS, main
from tests.benchmarks.deltas import text_of
from tests.benchmarks.editors import COMMAND, KINDS, STUBS, Opened, World, run
from tests.benchmarks.inside import INSIDE, offset
from tests.benchmarks.shares import Opening, messages, on_the_host, opening, saving, when
from tests.benchmarks.table import Table
from tests.editors.drivers import DRIVERS
from tests.editors.emacs import Emacs
from tests.harness.setup import SetupFailed
from tests.harness.tap import Passed

TEXT = text_of(10_000)


def here(at: float, data: bytes, connection: int = 1) -> Passed:
    return Passed(at, connection, True, data)


def back(at: float, data: bytes, connection: int = 1) -> Passed:
    return Passed(at, connection, False, data)


def asks(at: float, number: int, method: str, *, there: bool = True) -> Passed:
    return Passed(at, 1, there, frame({"jsonrpc": "2.0", "id": number, "method": method, "params": {}}))


def answers(at: float, number: int, *, there: bool) -> Passed:
    return Passed(at, 1, there, frame({"jsonrpc": "2.0", "id": number, "result": {}}))


OPEN_WIRE = [
    back(0.9, b"220 laptop RMATE rbridge/0.1.0 link/1\n"),
    here(1.0, b"link\nversion: 0.1.0\n\nopen\ntoken: a\ndata: 3\nx=1\n"),
    back(1.1, b"linked\nstanding: new\n\n"),
    back(3.0, b"opened\ntoken: a\n\n"),
]
OPEN_SAID = [
    asks(1.25, 1, "buffer/open", there=False),
    asks(1.5, 1, "buffer/read"),  # each side counts its own questions
    answers(1.625, 1, there=False),
    asks(2.0, 2, "buffer/read"),
    answers(2.125, 2, there=False),
    answers(2.5, 1, there=True),
]
SAVE_WIRE = [
    back(2.0, b"save\ntoken: a\nsave: 1\ndata: 3\nx=2\n"),
    here(2.5, b"saved\ntoken: a\nsave: 1\n\n"),
]
SAVE_SAID = [
    asks(1.0, 3, "buffer/write"),
    answers(1.25, 3, there=False),
    asks(1.5, 4, "buffer/write"),
    answers(3.0, 4, there=False),
]


def test_an_open_is_taken_apart() -> None:
    found = opening(OPEN_WIRE, list(messages(OPEN_SAID)))
    assert found == Opening(announcing=0.25, reading=0.25, confirming=0.5, editor=1.0)
    assert found.ours == 1.0


def test_an_open_that_nobody_confirms_is_none() -> None:
    with pytest.raises(LookupError, match="opened"):
        opening(OPEN_WIRE[:3], list(messages(OPEN_SAID)))
    with pytest.raises(LookupError, match="buffer/open"):
        opening(OPEN_WIRE, list(messages(OPEN_SAID[:5])))


def test_two_opens_are_not_taken_for_one() -> None:
    with pytest.raises(LookupError, match="2 times"):
        opening(OPEN_WIRE, list(messages([*OPEN_SAID, *OPEN_SAID])))


def test_a_save_is_taken_apart() -> None:
    found = saving(SAVE_WIRE, list(messages(SAVE_SAID)))
    assert (found.daemon, found.host) == (1.25, 0.5)
    assert on_the_host(SAVE_WIRE) == 0.5


def test_a_save_that_the_host_did_not_confirm_is_none() -> None:
    with pytest.raises(LookupError, match="saved"):
        saving(SAVE_WIRE[:1], list(messages(SAVE_SAID)))
    with pytest.raises(LookupError, match="buffer/write was not answered"):
        saving(SAVE_WIRE, list(messages(SAVE_SAID[:3])))


def test_a_record_is_found_where_it_was_cut_and_not_in_the_middle_of_a_line() -> None:
    passed = [
        here(1.0, b"open\nname: saved\ndata: 3\nx=1\n"),
        here(2.0, b"\nsav"),
        back(3.0, b"saved\n"),
        here(4.0, b"ed\n", connection=2),
        here(5.0, b"ed\ntoken: a\n\n"),
    ]
    assert when(passed, b"saved", there=True) == 5.0
    assert when(passed, b"open", there=True) == 1.0


def test_a_message_that_comes_in_pieces_has_the_time_of_the_last_one() -> None:
    whole = frame({"jsonrpc": "2.0", "method": "buffer/focus", "params": {}})
    passed = [here(1.0, whole[:9]), back(2.0, whole), here(3.0, whole[9:])]
    assert [(one.at, one.there, one.method) for one in messages(passed)] == [
        (2.0, False, "buffer/focus"),
        (3.0, True, "buffer/focus"),
    ]


def test_clocks_that_python_can_read_are_recognized_and_others_refused() -> None:
    assert offset(time.monotonic) == 0
    shift = offset(time.time)
    assert abs(time.time() + shift - time.monotonic()) < 1
    with pytest.raises(AssertionError, match="clock"):
        offset(time.process_time)


def test_each_editor_of_the_scenarios_is_measured_and_the_peer_of_all_first() -> None:
    assert set(KINDS) == set(INSIDE)
    assert KINDS[0] == COMMAND
    assert {*KINDS, *STUBS} == set(DRIVERS)


def test_folders_are_measured_with_the_editors_or_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an editor that is started for them."""
    ran: list[bool] = []
    monkeypatch.setattr(folders, "run", lambda _table, quick: ran.append(quick))
    monkeypatch.setattr(editors, "World", lambda kind: pytest.fail(f"{kind} was started"))
    run(Table(), quick=True, editor=["folders"])
    assert ran == [True]


def test_an_editor_that_there_is_not_is_named() -> None:
    with pytest.raises(SetupFailed, match="no such editor: ed"):
        run(Table(), quick=True, editor=["ed"])


@pytest.fixture(params=["nvim", "vim", COMMAND])
def world(request: pytest.FixtureRequest) -> Any:
    with World(request.param) as made:
        yield made


def test_opens_and_saves_are_measured_in_a_real_editor(world: World) -> None:
    first = world.open(TEXT)
    more = world.open(TEXT)
    for one in (first, more):
        _is_plausible(one)
    own, seconds = world.open_own(TEXT)
    assert seconds > 0
    for number in (1, 2):
        found = world.save(first)
        assert 0 < found.host < found.whole
        if found.parts is not None:
            assert found.host + found.parts.daemon < found.whole
        assert first.file.read_bytes() == b"# %d\n" % _count(world) + TEXT.partition(b"\n")[2], number
        assert world.save_own(own) > 0
        assert own.read_bytes() == b"# %d\n" % _count(world) + TEXT.partition(b"\n")[2]
    assert world.disk(TEXT) > 0
    assert more.file.read_bytes() == TEXT


def _count(world: World) -> int:
    return world.inside._saves


def _is_plausible(opened: Opened) -> None:
    assert 0 < opened.drawn < opened.start
    if opened.parts is not None:
        assert min(opened.parts.announcing, opened.parts.reading, opened.parts.confirming) > 0
        assert opened.parts.editor > 0
        assert opened.parts.announcing + opened.parts.reading < opened.drawn


def test_a_save_in_emacs_waits_for_the_daemon_and_not_for_any_process() -> None:
    """For any process Emacs waits tens of milliseconds longer than until the answer is there."""
    with World("emacs") as world:
        ask = cast(Emacs, world.editor).ask
        opened = world.open(TEXT)
        ask("(setq waits nil)")
        ask("(advice-add 'accept-process-output :before (lambda (&optional one &rest _) (push one waits)))")
        world.save(opened)
        assert ask("(length waits)") > 0
        assert ask("(seq-every-p #'processp waits)")


@pytest.mark.parametrize(
    "words", [["editors", "--rtt", "50"], ["save", "--editor", "vim"], ["--editor", "vim"]]
)
def test_what_names_a_part_of_one_area_is_refused_for_another(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert f"for {'save' if '--rtt' in words else 'editors'} alone" in capsys.readouterr().err


def test_the_help_says_what_each_area_measures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for name, what in AREAS.items():
        assert f"{name}  " in said
        assert what in said
