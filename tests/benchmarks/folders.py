"""A folder of 100,000 files on a host: listed, found in and searched, beside the programs that do it there.

What is asked is asked as a plug-in does, of a daemon, which asks the host's client: all of the way there and
back is measured. The files lie in memory where that can be had: the disk is nobody's merit.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rbridge import build
from tests.benchmarks.attached import Window
from tests.benchmarks.measure import interleave
from tests.benchmarks.table import Table, milliseconds
from tests.harness.daemon import Daemon
from tests.harness.environment import MEMORY, Home
from tests.harness.wait import until

PACKAGES = ("ripgrep",)
FILES, FLAT, LARGE = 100_000, 10_000, 100_000
LISTED, HELD = 150.0, 20.0  # ms, MiB
SEARCHED = 1.3  # times the program's own time
BY_PYTHON = 3.0  # times grep's
NEEDLE = "needle_in_a_haystack"
LINES = 20  # functions in each file
PATIENCE = 120.0


class World:
    """A directory tree of a host, and a daemon. Folders are opened by :meth:`open`."""

    def __init__(self, files: int, flat: int, large: int) -> None:
        self._stack = contextlib.ExitStack()
        self._laptop = self._home("laptop")
        place = MEMORY if os.access(MEMORY, os.W_OK) else self._laptop.path
        self.root = Path(self._stack.enter_context(tempfile.TemporaryDirectory(dir=place)))
        self.small = self.root / "small"
        self.client = self._laptop.root / "rbridge"
        try:
            fill(self.root / "project", files)
            for name, count in (("small", 3), ("flat", flat), ("large", large)):
                entries(self.root / name, count)
            build.write(self.client)
            self.daemon = Daemon(self._laptop, listen=["unix"], editor="true {file}")
            self._stack.callback(self.daemon.stop)
            self.window = Window(self._laptop.runtime / "editor.sock")
            self._stack.callback(self.window.close)
        except BaseException:
            self.close()
            raise

    def _home(self, name: str) -> Home:
        home = Home(name)
        self._stack.callback(home.close)
        return home

    def open(self, name: str, *, without: Sequence[str] = ()) -> Folder:
        """The directory *name*, opened by a host of its own that has not the programs *without*."""
        home = self._home("host")
        if without:
            home.env["PATH"] = str(programs(home.root / "bin", without))
        return self._stack.enter_context(opened(self, home, self.root / name))

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Folder:
    """The directory *root*, shown in *window* as *folder*; *pid* is the host's client."""

    def __init__(self, window: Window, folder: str, root: Path, pid: int) -> None:
        self.root = root
        self.pid = pid
        self._window = window
        self._folder = folder

    def page(self, after: str = "", path: str = "") -> tuple[dict[str, Any], float]:
        """A page of a directory, and the seconds it took."""
        more = {"after": after} if after else {}
        return self._window.timed("fs/list", folder=self._folder, path=path, **more)

    def first(self) -> float:
        """The seconds until the first page is here."""
        said, seconds = self.page()
        assert said["entries"]
        return seconds

    def listed(self) -> float:
        """The seconds that all pages take, one asked for after the other."""
        begin, names, after = time.perf_counter(), 0, ""
        while after is not None:
            said, _ = self.page(after)
            names += len(said["entries"])
            after = said["next"]
        end = time.perf_counter()
        assert names == len(os.listdir(self.root))
        return end - begin

    def found(self, by: str) -> float:
        said, seconds = self._window.timed("fs/find", folder=self._folder, query="module 7", limit=200)
        assert said["paths"]
        assert said["by"] == by
        return seconds

    def searched(self, by: str) -> float:
        said, seconds = self._window.timed("fs/search", folder=self._folder, query=NEEDLE)
        assert [one["path"] for one in said["matches"]] == ["package_000/module_007.py"]
        assert said["by"] == by
        return seconds

    def held(self) -> float:
        """MiB that the client ever had in memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("this system does not tell how much memory a process has")

    def program(self, *words: str) -> float:
        """The seconds that a program of the host takes for the same."""
        begin = time.perf_counter()
        subprocess.run(words, cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        return time.perf_counter() - begin

    def close(self) -> None:
        self._window.ask("folder/close", id=self._folder)


@contextlib.contextmanager
def opened(world: World, home: Home, root: Path) -> Iterator[Folder]:
    process = home.start(
        [sys.executable, world.client, "open", "--socket", world.daemon.socket, root], env={"PYTHONPATH": ""}
    )
    shown = world.window.folder()
    assert process.wait(PATIENCE) == 0
    process.communicate()
    (pid,) = home.processes()
    folder = Folder(world.window, shown, root, pid)
    try:
        yield folder
    finally:
        folder.close()
        until(lambda: not home.processes(), PATIENCE, "the client ends with its folder")


def programs(directory: Path, without: Sequence[str]) -> Path:
    """A directory with what a client may start, but *without* some of it."""
    directory.mkdir()
    for name in {"git", "rg"} - {*without}:
        found = shutil.which(name)
        if found is not None:
            (directory / name).symlink_to(found)
    return directory


def fill(root: Path, files: int) -> None:
    """*files* in packages of a thousand; one of them has the needle."""
    text = "".join(f"def function_{number}(value):\n    return value + {number}\n" for number in range(LINES))
    for number in range(files):
        package = root / f"package_{number // 1000:03}"
        if not number % 1000:
            package.mkdir(parents=True)
        (package / f"module_{number % 1000:03}.py").write_text(text)
    (root / "package_000" / "module_007.py").write_text(f"{NEEDLE} = 1\n")


def entries(directory: Path, count: int) -> None:
    """A directory of *count* files."""
    directory.mkdir()
    for number in range(count):
        (directory / f"entry_{number:06}.txt").touch()


def run(table: Table, quick: bool) -> None:
    files, flat, large = (2_000, 1_000, 5_000) if quick else (FILES, FLAT, LARGE)
    rounds = 3 if quick else 9
    with World(files, flat, large) as world:
        _list(table, world, rounds, flat, large)
        project = world.open("project")
        python = world.open("project", without=["rg", "git"])
        _find(table, project, rounds, files)
        _search(
            table, project, "rg", rounds, files, SEARCHED, "rg", "--hidden", "--fixed-strings", NEEDLE, "."
        )
        _search(table, python, "python", 3, files, BY_PYTHON, "grep", "-rnIF", NEEDLE, ".")
        repository(project.root)
        git = world.open("project", without=["rg"])
        _search(table, git, "git grep", rounds, files, SEARCHED, "git", "grep", "-nIF", "--untracked", NEEDLE)


def repository(root: Path) -> None:
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", "-c", "core.autocrlf=false", *words], cwd=root, check=True)


def _list(table: Table, world: World, rounds: int, flat: int, large: int) -> None:
    ten, hundred = world.open("flat"), world.open("large")
    warm = world.open("small")
    warm.listed()
    idle = warm.held()
    series = interleave(
        {
            "list": ten.listed,
            "ls": partial(ten.program, "ls", "-l"),
            "first": hundred.first,
            "ls first": partial(hundred.program, "ls", "-l"),
        },
        rounds,
    )
    ms = {name: one.median * 1000 for name, one in series.items()}
    table.value(f"list {flat:,} entries", ms["list"], "ms", LISTED, f"ls -l {ms['ls']:.0f} ms")
    what = f"first page of {large:,} entries"
    table.value(what, ms["first"], "ms", LISTED, f"ls -l {ms['ls first']:.0f} ms")
    table.note(f"all pages of {large:,} entries: {milliseconds(hundred.listed())}")
    what = f"the client's memory, listing {large:,} entries"
    table.value(what, hundred.held() - idle, "MiB more", HELD, f"idle {idle:.0f} MiB")


def _find(table: Table, folder: Folder, rounds: int, files: int) -> None:
    contestants: dict[str, Callable[[], float]] = {
        "ours": partial(folder.found, "rg"),
        "find": partial(folder.program, "find", ".", "-name", "*module*7*"),
        "rg --files": partial(folder.program, "rg", "--files", "--hidden"),
    }
    said = [f"{name} {milliseconds(one.median)}" for name, one in interleave(contestants, rounds).items()]
    table.note(f"find among {files:,} files: {', '.join(said)}")


def _search(table: Table, folder: Folder, by: str, rounds: int, files: int, most: float, *words: str) -> None:
    peer = " ".join(words[:2]) if words[0] == "git" else words[0]
    contestants: dict[str, Callable[[], float]] = {
        "ours": partial(folder.searched, by),
        peer: partial(folder.program, *words),
    }
    series = interleave(contestants, rounds)
    table.compare(f"search {files:,} files, by {by}", series["ours"], series[peer], most)
