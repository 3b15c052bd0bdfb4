"""An editor as our child: what it gets, how its end is told, and that it goes with its group."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from rbridge.adapters import process
from rbridge.adapters.process import SHOWN, Child, Start, cannot_start, environment, last_line
from rbridge.errors import NotListening
from tests.adapters.traces import children
from tests.harness.wait import until_async

DEADLINE = 15.0


def start(tmp_path: Path, *argv: str, **more: object) -> Start:
    private, cwd = tmp_path / "private", tmp_path / "cwd"
    private.mkdir()
    cwd.mkdir()
    return Start("ed", argv, cwd, private, dict(os.environ), **more)  # type: ignore[arg-type]


def shell(script: str) -> tuple[str, ...]:
    return "/bin/sh", "-c", script


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9)])
async def test_the_status_is_that_of_the_command(tmp_path: Path, script: str, status: int) -> None:
    with trio.fail_after(DEADLINE):
        async with Child().open(start(tmp_path, *shell(script))) as editor:
            assert await editor.wait() == status


async def test_it_runs_in_the_directory_and_with_the_words_that_were_said(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["two words", "$HOME", "a\nb", "", "'\""]
    code = (
        "import os, sys; open(sys.argv[1], 'w').write(repr((os.getcwd(), os.environ['PWD'], sys.argv[2:])))"
    )
    said = start(tmp_path, sys.executable, "-I", "-S", "-c", code, str(out), *words)
    with trio.fail_after(DEADLINE):
        async with Child().open(said) as editor:
            await editor.wait()
    assert out.read_text() == repr((str(said.cwd), str(said.cwd), words))


async def test_its_last_error_is_kept_for_a_message_and_for_nobody_else_to_read(tmp_path: Path) -> None:
    said = start(tmp_path, *shell("echo a note; echo first >&2; echo '  the reason ' >&2; echo >&2"))
    with trio.fail_after(DEADLINE):
        async with Child().open(said) as editor:
            await editor.wait()
            assert editor.last_words() == "the reason"
    assert stat.S_IMODE((said.private / "errors").stat().st_mode) == 0o600


async def test_a_program_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    before = children()
    with pytest.raises(NotListening, match="cannot start ed: No such file") as caught:
        async with Child().open(start(tmp_path, "/no/such/editor")):
            pass
    assert "--editor" in caught.value.hint
    assert children() == before


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_block_that_is_left_early_ends_the_command_and_its_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 1000 & echo $$ $! > {shlex.quote(str(pids))}.new; mv {pids}.new {pids}; wait"
    with trio.fail_after(DEADLINE):
        async with Child().open(start(tmp_path, *shell(script))):
            await until_async(pids.exists)
    leader, member = map(int, pids.read_text().split())
    assert not alive(leader)
    await until_async(lambda: not alive(member), what="the group is gone")


async def test_a_command_that_does_not_end_when_asked_is_made_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 0.05)
    ready = tmp_path / "ready"
    script = f"trap '' TERM; : > {shlex.quote(str(ready))}; while :; do sleep 1000; done"
    before = children()
    with trio.fail_after(DEADLINE):
        async with Child().open(start(tmp_path, *shell(script))) as editor:
            await until_async(ready.exists)
    assert children() == before
    with trio.fail_after(DEADLINE):
        assert await editor.wait() == -signal.SIGKILL


async def test_a_cancellation_ends_it_too(tmp_path: Path) -> None:
    before = children()
    with trio.fail_after(DEADLINE), trio.CancelScope() as scope:
        async with Child().open(start(tmp_path, *shell("exec sleep 1000"))) as editor:
            scope.cancel()
            await editor.wait()
    assert children() == before


async def test_what_a_command_left_running_when_it_ended_goes_on(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f"(read x; echo $x > {gate}.out) < {gate} & exit 0"
    with trio.fail_after(DEADLINE):
        async with Child().open(start(tmp_path, *shell(script))) as editor:
            assert await editor.wait() == 0
        await trio.Path(gate).write_text("alive\n")
    await until_async(lambda: Path(f"{gate}.out").read_text() == "alive\n")


def test_what_the_editor_needs_goes_over_the_daemons_environment(tmp_path: Path) -> None:
    said = Start(
        "ed",
        ["ed"],
        tmp_path,
        tmp_path,
        {"A": "1", "B": "2", "PWD": "/x", "OLDPWD": "/y"},
        {"B": "3", "C": "4"},
    )
    assert environment(said) == {"A": "1", "B": "3", "C": "4", "PWD": str(tmp_path)}


def test_an_editor_that_gave_no_reason_ended_at_once(tmp_path: Path) -> None:
    said = Start("ed", ["ed"], tmp_path, tmp_path, {})
    assert str(cannot_start(said, "")) == "cannot start ed: it ended at once"


def test_a_reason_with_control_characters_is_cleaned(tmp_path: Path) -> None:
    said = Start("ed", ["ed"], tmp_path, tmp_path, {})
    assert str(cannot_start(said, "a\x1b[31m\nb")).isprintable()


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (b"", ""),
        (b"\n \n\n", ""),
        (b"one\ntwo", "two"),
        (b"one\ntwo\n\n  \n", "two"),
        (b"caf\xe9\n", "caf\N{REPLACEMENT CHARACTER}"),
        (b"early\n" * 5000 + b"late\n", "late"),
        (b"x" * 9999, "x" * SHOWN),
    ],
)
def test_the_last_line_that_says_something(tmp_path: Path, written: bytes, line: str) -> None:
    (tmp_path / "errors").write_bytes(written)
    assert last_line(tmp_path / "errors") == line


def test_without_a_file_of_errors_there_are_no_words(tmp_path: Path) -> None:
    assert last_line(tmp_path / "errors") == ""
