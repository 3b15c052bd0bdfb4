"""Windows in terminals, with stand-ins for the emulators: they differ in when they return."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import trio

from rbridge.adapters.lifeline import KIND
from rbridge.adapters.process import Start
from rbridge.adapters.terminal import Emulator, MacTerminal, NoTerminal, OwnProgram, Tmux, find, plain
from rbridge.errors import NotListening
from tests.harness.wait import until_async

STAYS = '#!/bin/sh\nshift; "$@"\n'  # xterm
HANDS_OVER = '#!/bin/sh\nshift; setsid "$@" >/dev/null 2>&1 &\n'  # gnome-terminal without --wait
FAILS = "#!/bin/sh\necho 'cannot open display' >&2; exit 1\n"


def start(tmp_path: Path, *argv: str) -> Start:
    private, cwd = tmp_path / "private", tmp_path / "cwd"
    private.mkdir()
    cwd.mkdir()
    return Start("ed", argv, cwd, private, dict(os.environ), {"ADDED": "1"}, "train.py@gpu1")


def emulator(tmp_path: Path, script: str) -> Emulator:
    file = tmp_path / "term"
    file.write_text(script)
    file.chmod(0o755)
    return Emulator([str(file), "-e"])


@pytest.mark.parametrize("script", [STAYS, HANDS_OVER])
@pytest.mark.parametrize("status", [0, 3])
async def test_the_editors_end_and_status_are_noticed(tmp_path: Path, script: str, status: int) -> None:
    check = "import os; assert os.environ['ADDED'] == '1' and os.getcwd().endswith('cwd')"
    code = f"{check}; raise SystemExit({status})"
    with trio.fail_after(15):
        async with emulator(tmp_path, script).open(start(tmp_path, sys.executable, "-c", code)) as window:
            assert await window.wait() == status


async def test_a_signal_is_a_negative_status(tmp_path: Path) -> None:
    with trio.fail_after(15):
        async with OwnProgram().open(start(tmp_path, "/bin/sh", "-c", "kill -9 $$")) as window:
            assert await window.wait() == -9


async def test_an_emulator_that_fails_is_named_with_its_reason(tmp_path: Path) -> None:
    with trio.fail_after(15), pytest.raises(NotListening, match="cannot start ed: cannot open display"):
        async with emulator(tmp_path, FAILS).open(start(tmp_path, "/bin/true")):
            pass


async def test_no_terminal_at_all_is_said_with_what_mends_it(tmp_path: Path) -> None:
    with pytest.raises(NotListening, match="there is no terminal") as caught:
        async with NoTerminal().open(start(tmp_path, "/bin/true")):
            pass
    assert "tmux" in caught.value.hint


async def test_a_program_of_its_own_outlives_the_edit(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    said = start(tmp_path, "/bin/sh", "-c", 'read x < "$0"; echo "$x" > "$0.out"', str(gate))
    async with OwnProgram().open(said):
        pass
    await trio.Path(gate).write_text("alive\n")
    await until_async(lambda: (tmp_path / "gate.out").read_text() == "alive\n")


def test_macos_gets_a_script_with_every_word_quoted(tmp_path: Path) -> None:
    from rbridge.adapters.lifeline import Lifeline

    said = start(tmp_path, "/bin/ed", "a b'c.py")
    (script,) = MacTerminal()._command(said, Lifeline(said, tmp_path / "f", -1))
    assert "'a b'\"'\"'c.py'" in Path(script).read_text()
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize(
    ("environ", "installed", "kind"),
    [
        ({"TMUX": "x", "DISPLAY": ":0"}, ("tmux", "xterm"), Tmux),
        ({"TMUX": "x", "DISPLAY": ":0"}, ("xterm",), Emulator),
        ({"DISPLAY": ":0"}, ("tmux", "xterm"), Emulator),
        ({"DISPLAY": ":0"}, ("tmux",), NoTerminal),
        ({}, ("tmux", "xterm"), NoTerminal),
    ],
)
def test_where_a_terminal_editor_opens(
    environ: dict[str, str], installed: tuple[str, ...], kind: type
) -> None:
    assert type(find(environ, lambda name: name if name in installed else None, platform="linux")) is kind


def test_macos_has_a_terminal_always() -> None:
    assert type(find({}, lambda name: None, platform="darwin")) is MacTerminal


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("train.py@gpu1", "train.py@gpu1"),
        ("#(touch x)@h", "_(touch x)@h"),
        ("-d", "d"),
        ("", "rbridge"),
        ("x" * 99, "x" * 60),
    ],
)
def test_a_windows_name_is_harmless(title: str, shown: str) -> None:
    assert plain(title) == shown


@pytest.mark.parametrize("window", ["", "3", "@", "@3;kill-server", "-t", "@3 "])
def test_only_a_window_of_tmux_comes_to_the_front(window: str) -> None:
    assert Tmux("tmux").raising(window) == []
    assert Tmux("tmux").raising("@3") == ["tmux", "select-window", "-t", "@3"]


async def test_tmux_says_which_window_it_made(tmp_path: Path) -> None:
    program = tmp_path / "tmux"
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\n"$@" >/dev/null 2>&1 &\necho @12\n'
    )
    program.chmod(0o755)
    said = start(tmp_path, "/bin/sh", "-c", "read x < gate", "sh")
    os.mkfifo(tmp_path / "cwd" / "gate")
    with trio.fail_after(15):
        async with Tmux(str(program)).open(said) as window:
            assert window.resume == {"kind": KIND, "window": "@12"}
            await trio.Path(tmp_path / "cwd" / "gate").write_text("end\n")
