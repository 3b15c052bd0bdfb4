"""vim and nano in a real terminal emulator: xterm, on an X server of the test's own.

Nobody types there: vim reads its keys from a script (-s), and a fifo holds it back where the test has a look.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from rbridge.adapters.base import Text
from rbridge.adapters.presets import choose
from rbridge.adapters.terminal import EMULATORS
from rbridge.errors import NotListening
from tests.adapters.desk import FakeDesk, make_text
from tests.editors.conftest import edited
from tests.editors.display import Display
from tests.harness.environment import Home
from tests.harness.wait import until_async

DEADLINE = 30.0
TEXT = "".join(f"line {number} of the text\n" for number in range(1, 41)).encode()
CHANGED = TEXT.replace(b"line 30", b"line NEW30")


def only_xterm(name: str) -> str | None:
    """This machine, without the other emulators."""
    return shutil.which(name) if name == "xterm" or name not in EMULATORS else None


class Screen:
    """A daemon's surroundings with a display, and no tmux."""

    def __init__(self, home: Home, display: str) -> None:
        self.home = home
        self.files = home.runtime / "files"
        self.files.mkdir()
        self.environ = {**home.env, "DISPLAY": display}
        self.go = home.root / "go"

    def vim(self, *keys: str) -> str:
        """The command of a vim that is typed *keys*, each after the other."""
        script = self.home.file("keys", "".join(keys).encode())
        return f"vim -s {script}"

    def pause(self) -> str:
        """Keys that hold vim back until :meth:`resume`."""
        os.mkfifo(self.go)
        return f":call system('cat {self.go}')\r"

    async def resume(self) -> None:
        with trio.fail_after(DEADLINE):
            await trio.Path(self.go).write_text("")

    def windows(self) -> dict[int, list[str]]:
        """The xterms that run here, with their command lines: all that can be seen of a setgid program."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if os.path.basename(words[0]) == "xterm" and any(str(self.files) in word for word in words):
                found[int(entry.name)] = words
        return found

    @asynccontextmanager
    async def editing(self, spec: str, text: Text, desk: FakeDesk) -> AsyncIterator[trio.Event]:
        """Edit *text* until the block ends; gives the event of its end."""
        assert shutil.which("xterm"), "this test needs xterm: apt-get install xterm"
        adapter = choose(spec, self.environ, only_xterm)
        assert adapter.describe() == f"{spec.split()[0]} in xterm"
        async with edited(adapter, text, desk) as returned:
            yield returned

    async def over(self, returned: trio.Event, desk: FakeDesk) -> None:
        with trio.move_on_after(DEADLINE):
            await returned.wait()
        assert returned.is_set(), f"still open; told {desk.told}"


@pytest.fixture
def screen(home: Home) -> Iterator[Screen]:
    display = Display(home)
    yield Screen(home, display.name)
    display.close()


async def test_vims_save_is_delivered_and_its_end_closes_the_text_and_the_window(screen: Screen) -> None:
    desk = FakeDesk()
    text = make_text(screen.files, TEXT, line=30, column=6)
    spec = screen.vim("iNEW\x1b:w\r", screen.pause(), ":q\r")
    async with screen.editing(spec, text, desk) as returned:
        await desk.until_last(CHANGED)
        assert len(screen.windows()) == 1
        assert not returned.is_set()
        await screen.resume()
        await screen.over(returned, desk)
    assert (desk.saves, desk.told) == ([CHANGED], [])
    await until_async(lambda: not screen.windows(), DEADLINE, "the window is gone")
    assert list(screen.files.iterdir()) == [screen.files / text.id]


async def test_a_save_with_which_vim_ends_is_delivered(screen: Screen) -> None:
    desk = FakeDesk()
    text = make_text(screen.files, TEXT, line=30, column=6)
    async with screen.editing(screen.vim("iNEW\x1b:wq\r"), text, desk) as returned:
        await screen.over(returned, desk)
    assert (desk.saves, desk.told) == ([CHANGED], [])


async def test_an_editor_that_fails_in_its_window_is_told(screen: Screen) -> None:
    desk = FakeDesk()
    async with screen.editing(screen.vim(":cq\r"), make_text(screen.files), desk) as returned:
        await screen.over(returned, desk)
    (told,) = desk.told
    # a terminal may have words of its own at its end: xterm, where its usual font is not installed
    assert told.partition(": xterm: ")[0] == "train.py on gpu1: vim ended with status 1"


async def test_the_window_is_named_after_the_text(screen: Screen) -> None:
    async with screen.editing("vim", make_text(screen.files), FakeDesk()):
        ((_, words),) = screen.windows().items()
        assert words[1:3] == ["-T", "train.py@gpu1"]


@pytest.mark.parametrize("name", ["vim", "nano"])
async def test_closing_the_window_closes_the_text_and_sends_nothing(screen: Screen, name: str) -> None:
    desk = FakeDesk()
    async with screen.editing(name, make_text(screen.files), desk) as returned:
        (pid,) = screen.windows()
        os.kill(pid, signal.SIGTERM)
        await screen.over(returned, desk)
    assert desk.saves == []


async def test_cancelling_leaves_the_window_with_what_was_typed(screen: Screen) -> None:
    witness = screen.home.path / "typed"
    keys = ("iunsaved\x1b", screen.pause(), f":call writefile(getline(1, 1), '{witness}')\r:q!\r")
    async with screen.editing(screen.vim(*keys), make_text(screen.files), FakeDesk()):
        assert len(screen.windows()) == 1
    await screen.resume()
    assert await until_async(witness.read_text) == "unsavedone\n"


async def test_two_texts_have_a_window_each(screen: Screen) -> None:
    one = make_text(screen.files, id="0badcafe00000001")
    two = make_text(screen.files, id="0badcafe00000002", host="gpu2")
    async with screen.editing("vim", one, FakeDesk()), screen.editing("nano", two, FakeDesk()):
        assert sorted(words[2] for words in screen.windows().values()) == ["train.py@gpu1", "train.py@gpu2"]


async def test_a_display_that_is_gone_is_said(home: Home) -> None:
    display = Display(home)
    gone = Screen(home, display.name)
    display.close()
    adapter = choose("vim", gone.environ, only_xterm)
    with (
        trio.fail_after(DEADLINE),
        pytest.raises(NotListening, match="cannot start vim: .*Can't open display"),
    ):
        await adapter.edit(make_text(gone.files), FakeDesk())
