"""How long an open and a save take in each editor, and how much of that is rbridge's: the command adapter and
the same editor with a file of its own machine are the peers. And folders, whichever editor shows them
(:mod:`tests.benchmarks.folders`).

The host reaches the daemon by its socket, without ssh. Of an open a tap there, and one between plug-in and
daemon, tell what is ours; when it is drawn the editor tells. Of a save ours is what the same editor does not
take for a file of its own: the host's disk counts, and what the taps cost.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from rbridge import build
from tests.benchmarks import folders
from tests.benchmarks.deltas import text_of
from tests.benchmarks.inside import INSIDE, Inside
from tests.benchmarks.shares import Opening, Saving, messages, on_the_host, opening, saving, when
from tests.benchmarks.table import Table, milliseconds
from tests.editors.drivers import DRIVERS, driver
from tests.harness import code
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.setup import SetupFailed
from tests.harness.tap import Tap
from tests.harness.wait import until

PACKAGES = ("chromium", "emacs-nox", "tmux", "vim-nox", *folders.PACKAGES)
COMMAND = "command"
STUBS = ("sublime",)  # what an editor's stub takes tells nothing of the editor
KINDS = (COMMAND, *(kind for kind in DRIVERS if kind not in (COMMAND, *STUBS)))
FOLDERS = "folders"
ALL = (*KINDS, FOLDERS)
SIZES = {"10 KB": 10_000, "1 MB": 1_000_000}
GOALS_AT = "10 KB"
ROUNDS = 21
ROUNDS_OF_THE_LARGE = 5
MOST_OPEN = 30.0  # milliseconds of an open that are ours
MOST_SAVE = 15.0
PATIENCE = 60.0


@dataclass(frozen=True)
class Opened:
    """Seconds of an open: from the client's *start*, and from its first byte, until the text was drawn.
    *parts*: whose they were, None without a plug-in.
    """

    file: Path
    start: float
    drawn: float
    parts: Opening | None


@dataclass(frozen=True)
class Saved:
    """Seconds of a save: *whole* as the editor has it, *host* of it on the host. *parts* as in Opened."""

    whole: float
    host: float
    parts: Saving | None


class World:
    """One editor of *kind*, attached to a daemon or started by it, and a host."""

    def __init__(self, kind: str) -> None:
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)
        try:
            self._build(kind)
        except BaseException:
            self.close()
            raise

    def _build(self, kind: str) -> None:
        editor, within = driver(kind), INSIDE[kind]
        self.laptop, self.host = self._home("laptop"), self._home("host")
        self._client = self.host.root / "rbridge"
        build.write(self._client)
        daemon = Daemon(self.laptop, listen=["unix"], **editor.serve(self.laptop))
        self._stack.callback(daemon.stop)
        self._socket = self.laptop.root / "wire.sock"
        self._wire = self._stack.enter_context(Tap(self._socket, daemon.socket))
        self._attach: Tap | None = None
        if kind != COMMAND:
            front = self.laptop.root / "front"
            front.mkdir(mode=0o700)
            self._attach = self._stack.enter_context(
                Tap(front / "editor.sock", self.laptop.runtime / "editor.sock")
            )
        self._stack.callback(editor.finish, self.laptop)
        with self._behind_the_tap():
            self.editor = editor(self.laptop, setup=within.setup(self.laptop))
        self._stack.callback(self.editor.kill)
        self.inside: Inside = within(self.editor)

    def _home(self, name: str) -> Home:
        home = Home(name)
        self._stack.callback(home.close)
        return home

    @contextlib.contextmanager
    def _behind_the_tap(self) -> Iterator[None]:
        """An editor that starts meanwhile takes the tap for the daemon."""
        runtime = self.laptop.runtime
        if self._attach is not None:
            self.laptop.runtime = self.laptop.root / "front"
            self.laptop.env["RBRIDGE_RUNTIME_DIR"] = str(self.laptop.runtime)
        try:
            yield
        finally:
            self.laptop.runtime = runtime
            self.laptop.env["RBRIDGE_RUNTIME_DIR"] = str(runtime)

    def open(self, text: bytes) -> Opened:
        """Open a new file of the host."""
        file = self.host.file(f"src/file{next(self._numbers)}.py", text)
        begin = time.monotonic()
        words: list[str | Path] = [self._client, "open", "--socket", self._socket, file]
        self.host.run(words, env={"PYTHONPATH": ""}).ok()
        drawn = self.inside.shown(file.name)
        wire = self._passed(begin)
        first = next(one.at for one in wire if one.there)
        parts = opening(wire, self._said(begin)) if self._attach is not None else None
        return Opened(file, drawn - begin, drawn - first, parts)

    def open_own(self, text: bytes) -> tuple[Path, float]:
        """Open a new file of the laptop; returns it, and the seconds until it was drawn."""
        file = self.laptop.file(f"own/file{next(self._numbers)}.py", text)
        return file, self.inside.open_own(str(file)).seconds

    def close_shown(self, *, last: bool = False) -> None:
        """Close what is shown; with the *last* file of a host its client ends."""
        before = self._shown()
        self.editor.close()
        until(lambda: self._shown() != before, PATIENCE, f"{before} is closed")
        if last:
            until(lambda: not self.host.processes(), PATIENCE, "the host's client ends")

    def _shown(self) -> str:
        """What is shown, empty where the editor's window has gone with its file."""
        with contextlib.suppress(LookupError, OSError):
            return self.editor.path
        return ""

    def save(self, opened: Opened) -> Saved:
        """Save a file of the host."""
        self.inside.turn_to(opened.file.name)
        begin = time.monotonic()
        span = self.inside.save()
        if self._attach is None:  # what the editor takes for saved is in memory
            answered = until(lambda: when(self._passed(begin), b"saved", there=True), PATIENCE)
            return Saved(answered - span.begin, on_the_host(self._passed(begin)), None)
        parts = saving(self._passed(begin), self._said(begin))
        return Saved(span.seconds, parts.host, parts)

    def save_own(self, file: Path) -> float:
        """Save a file of the laptop; returns the seconds."""
        self.inside.turn_to(file.name)
        return self.inside.save().seconds

    def disk(self, text: bytes) -> float:
        """Seconds that the host's disk takes for a save by itself: two fsyncs and a rename."""
        directory = self.host.path
        begin = time.perf_counter()
        with open(directory / "new~", "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(directory / "new~", directory / "alone~")
        fd = os.open(directory, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        return time.perf_counter() - begin

    def _passed(self, begin: float) -> list[Any]:
        return [one for one in self._wire.passed if one.at >= begin]

    def _said(self, begin: float) -> list[Any]:
        assert self._attach is not None
        return [one for one in messages(self._attach.passed) if one.at >= begin]

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Measured:
    """What one editor took with texts of one size, a value for each round."""

    opens: Sequence[Opened]
    own_opens: Sequence[float]
    more: Sequence[Opened]
    """Opens while another file of that host is open already."""
    own_more: Sequence[float]
    saves: Sequence[Saved]
    own_saves: Sequence[float]
    disk: Sequence[float]


def run(table: Table, quick: bool, *, editor: Sequence[str] = ALL) -> None:
    """All editors and folders, or those named *editor*; the command adapter comes first, being every editor's
    peer.
    """
    unknown = [kind for kind in editor if kind not in ALL]
    if unknown:
        raise SetupFailed(f"no such editor: {' '.join(unknown)} (there are: {' '.join(ALL)})")
    peers: dict[str, Measured] = {}
    for kind in KINDS:
        if kind not in editor and (kind != COMMAND or {*editor} == {FOLDERS}):
            continue
        if kind == "vscode":
            code.install()
        table.note(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        for size in list(SIZES)[: 1 if quick else 2]:
            rounds = 3 if quick else ROUNDS if size == GOALS_AT else ROUNDS_OF_THE_LARGE
            with World(kind) as world:
                measured = measure(world, text_of(SIZES[size]), rounds)
            if kind == COMMAND:
                peers[size] = measured
            report(table, kind, size, measured, peers[size])
    if FOLDERS in editor:
        folders.run(table, quick)


def measure(world: World, text: bytes, rounds: int) -> Measured:
    opens, own_opens = _in_turns(rounds, partial(_open, world, text), partial(_open_own, world, text))
    kept = world.open(text)
    more, own_more = _in_turns(rounds, partial(_open_more, world, text), partial(_open_own, world, text))
    own, _ = world.open_own(text)
    saves, own_saves, disk = _in_turns(
        rounds, partial(world.save, kept), partial(world.save_own, own), partial(world.disk, text)
    )
    return Measured(opens, own_opens, more, own_more, saves, own_saves, disk)


def _in_turns(rounds: int, *works: Callable[[], Any]) -> list[list[Any]]:
    """What each has returned, all of them once in each round; a first round warms up."""
    found: list[list[Any]] = [[] for _ in works]
    for number in range(rounds + 1):
        for values, work in zip(found, works, strict=True):
            value = work()
            if number:
                values.append(value)
    return found


def _open(world: World, text: bytes) -> Opened:
    opened = world.open(text)
    world.close_shown(last=True)
    return opened


def _open_more(world: World, text: bytes) -> Opened:
    opened = world.open(text)
    world.close_shown()
    return opened


def _open_own(world: World, text: bytes) -> float:
    _, seconds = world.open_own(text)
    world.close_shown()
    return seconds


def report(table: Table, kind: str, size: str, found: Measured, peer: Measured) -> None:
    """The goals are for a small file; the numbers of a large one are noted."""
    peers = None if kind == COMMAND else peer
    for what, opens, own, other in (
        ("open", found.opens, found.own_opens, peers and peers.opens),
        ("one more", found.more, found.own_more, peers and peers.more),
    ):
        drawn = _beside([one.drawn for one in opens], [one.drawn for one in other or ()], own)
        ours = median(_share(*pair) for pair in zip(opens, own, strict=True))
        _row(table, size, f"{kind}: {what}, {size}, ours of {drawn[0]}", ours, MOST_OPEN, drawn[1])
        table.note(_of_an_open(opens))
    whole = [one.whole for one in found.saves]
    saved = _beside(whole, [one.whole for one in peers.saves] if peers else [], found.own_saves)
    ours = median(one - its for one, its in zip(whole, found.own_saves, strict=True))
    _row(table, size, f"{kind}: save, {size}, ours of {saved[0]}", ours, MOST_SAVE, saved[1])
    table.note(_of_a_save(found))


def _beside(whole: Sequence[float], command: Sequence[float], own: Sequence[float]) -> tuple[str, str]:
    """How long it took in all, and the peers: the command adapter, and a file of the editor's own machine."""
    peers = [f"command {milliseconds(median(command))}"] if command else []
    return milliseconds(median(whole)), ", ".join([*peers, f"own {milliseconds(median(own))}"])


def _share(opened: Opened, own: float) -> float:
    """rbridge's share: as the taps have it, else what the same editor does not take for its *own* file."""
    return opened.parts.ours if opened.parts is not None else opened.drawn - own


def _row(table: Table, size: str, what: str, seconds: float, most: float, peer: str) -> None:
    if size == GOALS_AT:
        table.value(what, seconds * 1000, "ms", most, peer)
    else:
        table.note(f"{what}: {milliseconds(seconds)} ({peer})")


def _of_an_open(opens: Sequence[Opened]) -> str:
    parts = [one.parts for one in opens if one.parts is not None]
    said = f"from the command: {milliseconds(median(one.start for one in opens))}"
    if parts:
        for name in ("announcing", "reading", "confirming", "editor"):
            said += f"; {name} {milliseconds(median(getattr(one, name) for one in parts))}"
    return said


def _of_a_save(found: Measured) -> str:
    said = f"host {milliseconds(median(one.host for one in found.saves))}"
    said += f" (its disk alone {milliseconds(median(found.disk))})"
    parts = [(one.whole, one.parts) for one in found.saves if one.parts is not None]
    if parts:
        said += f"; daemon {milliseconds(median(one.daemon for _, one in parts))}"
        said += f"; editor {milliseconds(median(whole - one.daemon - one.host for whole, one in parts))}"
    return said
