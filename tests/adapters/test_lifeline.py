"""The fifo that tells of a program's start and end; what runs it is the real ``/bin/sh``."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from rbridge.adapters import lifeline as module
from rbridge.adapters.lifeline import FIFO, KIND, Lifeline, adopted, lifeline
from rbridge.adapters.process import Start
from rbridge.errors import NotListening
from tests.adapters.traces import descriptors
from tests.harness.wait import until_async

DEADLINE = 15.0


def start(tmp_path: Path, *argv: str) -> Start:
    private, cwd = tmp_path / "private", tmp_path / "cwd"
    private.mkdir()
    cwd.mkdir()
    return Start("ed", argv, cwd, private, dict(os.environ))


def shell(script: str) -> tuple[str, ...]:
    return "/bin/sh", "-c", script


@asynccontextmanager
async def running(tmp_path: Path, *argv: str) -> AsyncIterator[Lifeline]:
    """The line to *argv*, which runs detached."""
    with trio.fail_after(DEADLINE):
        async with lifeline(start(tmp_path, *argv)) as line:
            await line.launch(line.hold(), os.environ)
            await line.started()
            yield line


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 0", 0),
        ("exit 1", 1),
        ("exit 127", 127),
        ("kill -HUP $$", -signal.SIGHUP),
        ("kill -SEGV $$", -signal.SIGSEGV),
        ("kill -KILL $$", -signal.SIGKILL),
        ("exit 255", 255),  # which is no signal: there are only so many
    ],
)
async def test_the_end_comes_with_its_status(tmp_path: Path, script: str, status: int) -> None:
    async with running(tmp_path, *shell(script)) as line:
        assert await line.wait() == status


async def test_a_program_that_is_not_there_ends_with_127_and_its_reason(tmp_path: Path) -> None:
    async with running(tmp_path, "/no/such/editor") as line:
        assert await line.wait() == 127
        assert "/no/such/editor" in line.last_words()


async def test_words_and_directory_reach_the_program_as_they_are(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["two words", "$(touch x)", "`id`", "a\nb", "", "'\"", "-n", ";"]
    code = "import os, sys; open(sys.argv[1], 'w').write(repr((os.getcwd(), sys.argv[2:])))"
    async with running(tmp_path, sys.executable, "-I", "-S", "-c", code, str(out), *words) as line:
        assert await line.wait() == 0
    assert out.read_text() == repr((str(tmp_path / "cwd"), words))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_a_window_that_was_killed_with_all_in_it_has_no_status(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    async with running(tmp_path, *shell(f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 1000")) as line:
        editor = int(await until_async(lambda: pid.read_text().strip()))
        os.kill(parent(editor), signal.SIGKILL)
        assert await line.wait() is None
        os.kill(editor, signal.SIGKILL)


async def test_what_the_program_leaves_running_does_not_hold_the_line(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 1000 >/dev/null 2>&1 & echo $! > {pid}; exit 5"
    async with running(tmp_path, *shell(script)) as line:
        assert await line.wait() == 5
    os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
async def test_a_key_that_interrupts_is_the_programs_business(tmp_path: Path, number: signal.Signals) -> None:
    """A terminal sends it to the whole group: the editor lives on, and so must the line."""
    ready, go = tmp_path / "ready", tmp_path / "go"
    os.mkfifo(go)
    code = (
        "import signal, sys; signal.signal(int(sys.argv[3]), signal.SIG_IGN);"
        "open(sys.argv[1], 'w').close(); open(sys.argv[2]).read(); sys.exit(7)"
    )
    words = sys.executable, "-I", "-S", "-c", code, str(ready), str(go), str(int(number))
    with trio.fail_after(DEADLINE):
        async with lifeline(start(tmp_path, *words)) as line:
            window = await trio.lowlevel.open_process(line.hold(), start_new_session=True)
            await line.started()
            await until_async(ready.exists)
            os.killpg(window.pid, number)
            await trio.Path(go).write_text("")
            assert await line.wait() == 7
            await window.wait()


async def test_the_program_outlives_the_line(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(tmp_path, *shell(f"read x < {gate}; echo $x > {gate}.out")):
        pass
    await trio.Path(gate).write_text("alive\n")
    await until_async(lambda: Path(f"{gate}.out").read_text() == "alive\n")


async def test_the_fifo_is_the_users_alone_and_goes_with_the_line(tmp_path: Path) -> None:
    before = descriptors()
    async with lifeline(start(tmp_path)):
        (fifo,) = (tmp_path / "private").iterdir()
        assert stat.S_IMODE(fifo.stat().st_mode) == 0o600
        assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert list((tmp_path / "private").iterdir()) == []
    assert descriptors() == before


async def test_who_starts_after_the_line_is_gone_does_not_start_the_editor(tmp_path: Path) -> None:
    """A window that opens when its edit is cancelled already."""
    made = start(tmp_path, *shell("touch started"))
    async with lifeline(made) as line:
        words = line.hold()
    made.private.rmdir()
    done = await trio.run_process(words, check=False, capture_stderr=True)
    assert done.returncode != 0
    assert list(made.cwd.iterdir()) == []


async def failing(tmp_path: Path, *words: str) -> str:
    """What is said when *words* are to open a window."""
    with trio.fail_after(DEADLINE):
        async with lifeline(start(tmp_path, "/bin/true")) as line:
            await line.launch(words, os.environ)
            with pytest.raises(NotListening) as caught:
                await line.started()
    return str(caught.value)


async def test_a_launcher_that_fails_gives_its_last_words(tmp_path: Path) -> None:
    words = shell("echo first >&2; echo 'no display' >&2; exit 1")
    assert await failing(tmp_path, *words) == "cannot start ed: no display"


async def test_a_launcher_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "/no/such/terminal" in await failing(tmp_path, "/no/such/terminal")


async def test_a_window_that_never_comes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.1)
    assert await failing(tmp_path, "/bin/true") == "cannot start ed: no window within 0.1 s"


async def test_an_editors_directory_that_is_gone_is_said_at_once(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE):
        made = start(tmp_path, "/bin/true")
        async with lifeline(made) as line:
            words = line.hold()
            await line.launch(["/bin/sh", "-c", 'rmdir "$0" && exec "$@"', str(made.cwd), *words], os.environ)
            with pytest.raises(NotListening, match="cannot start ed: .*cwd"):
                await line.started()


async def test_a_server_that_refuses_gives_its_reason(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE):
        async with lifeline(start(tmp_path, "/bin/true")) as line:
            with pytest.raises(NotListening, match="cannot start ed: no server running"):
                await line.ask(shell("echo no server running >&2; exit 1"), os.environ)


async def test_a_server_that_refuses_without_words_is_named(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE):
        async with lifeline(start(tmp_path, "/bin/true")) as line:
            with pytest.raises(NotListening, match="cannot start ed: sh ended with 4"):
                await line.ask(shell("exit 4"), os.environ)


async def test_a_server_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE):
        async with lifeline(start(tmp_path, "/bin/true")) as line:
            with pytest.raises(NotListening, match="cannot start ed: /no/such/tmux: No such file"):
                await line.ask(["/no/such/tmux"], os.environ)


async def test_a_server_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.1)
    with trio.fail_after(DEADLINE):
        async with lifeline(start(tmp_path, "true")) as line:
            with pytest.raises(NotListening, match="sh does not answer within 0.1 s"):
                await line.ask(shell("exec sleep 600"), os.environ)


async def test_the_window_stays_known(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FIFO)
    async with adopted(tmp_path, "@12") as line:
        assert line.resume == {"kind": KIND, "window": "@12"}
