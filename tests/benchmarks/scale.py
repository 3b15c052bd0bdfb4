"""Many documents at once: what they cost the daemon at rest, how long a save of one of them takes, and what
one more open file costs its host.

Twenty hosts, each with directories, and so with a client process, of its own; they reach the daemon by its
socket. An editor is a process that sleeps, and this one writes its file. A second daemon has a single
document: its saves take turns with those of the many, so that noise meets both.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rbridge import build
from tests.benchmarks.deltas import text_of
from tests.benchmarks.far import Edited, HostFile
from tests.benchmarks.savers import Tail
from tests.benchmarks.table import Table
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.wait import stays, until

PACKAGES: tuple[str, ...] = ()
HOSTS = 20
STEPS = (1, 10, 100, 1000)
TEXT = 10_000  # bytes of each document
SAVES = 400
REST = 15.0  # seconds over which the processor's time is counted
PATIENCE = 240.0

MOST_MEMORY = 120.0  # MB, of the daemon
MOST_IDLE = 0.5  # per cent of one processor
MOST_SLOWER = 2.0  # times the p99 of one document
MOST_PER_FILE = 100.0  # KB, of a host's client

EDITOR = """#!/bin/sh
printf '%s\\n' "$1" >> {opened}
exec sleep 100000
"""


class World:
    """A daemon and its hosts; every document that is open, by its path on the host."""

    def __init__(self, hosts: int) -> None:
        self.documents: dict[Path, Path] = {}
        self._stack = contextlib.ExitStack()
        self.laptop = self._home("laptop")
        self._opened = self.laptop.root / "opened"
        self._opened.touch()
        script = self.laptop.script("bin/editor", EDITOR.format(opened=shlex.quote(str(self._opened))))
        self.daemon = Daemon(
            self.laptop, editor=f"{shlex.quote(str(script))} {{file}}", listen=["unix"], args=["-v"]
        )
        self._log = Tail(self.daemon)
        self.hosts = [self._home(f"host{number}") for number in range(hosts)]
        self._client = self.laptop.root / "rbridge"
        build.write(self._client)

    def _home(self, name: str) -> Home:
        home = Home(name)
        self._stack.callback(home.close)
        return home

    def open(self, count: int) -> float:
        """Open as many files as are missing to *count*, on all hosts alike; returns the seconds taken."""
        text = text_of(TEXT)
        wanted: list[list[Path]] = [[] for _ in self.hosts]
        for number in range(len(self.documents), count):
            host = number % len(self.hosts)
            wanted[host].append(self.hosts[host].file(f"src/file{number}.py", text))
        begin = time.perf_counter()
        for home, files in zip(self.hosts, wanted, strict=True):
            if files:
                self._open(home, files)
        until(lambda: len(self._lines()) == count, PATIENCE, what="all editors have started")
        taken = time.perf_counter() - begin
        by_name = {real.name: real for files in wanted for real in files}
        for line in self._lines()[len(self.documents) :]:
            self.documents[by_name[os.path.basename(line)]] = Path(line)
        return taken

    def _open(self, home: Home, files: Sequence[Path]) -> None:
        command: list[str | Path] = [self._client, "open", "--socket", self.daemon.socket, *files]
        home.run(command, env={"PYTHONPATH": ""}, deadline=PATIENCE).ok()

    def _lines(self) -> list[str]:
        return self._opened.read_text().splitlines()

    def save(self, real: Path, number: int) -> float:
        """Seconds until the laptop knows that a save is on the host's disk."""
        file = self.documents[real]
        text = file.read_bytes()
        at = len(text) // 3
        edited = Edited(b"%s# %08d %s" % (text[:at], number, text[at + 11 :]), at)
        aside = file.with_name(file.name + ".new~")
        aside.write_bytes(edited.text)
        self._log.skip()
        begin = time.perf_counter()
        os.rename(aside, file)
        _, acknowledged = HostFile(real).follow(begin, edited, self._log.saved)
        assert acknowledged is not None
        return acknowledged

    def clients(self) -> list[int]:
        """The clients that stay behind on the hosts."""
        return [pid for home in self.hosts for pid in home.processes()]

    def end(self) -> list[str]:
        """Close every document from its host; returns what the hosts have left of them."""
        for home in self.hosts:
            if home.processes():
                home.run([str(self._client), "close"], env={"PYTHONPATH": ""}, deadline=PATIENCE).ok()
        until(lambda: not self.clients(), PATIENCE, what="the clients end")
        return [str(path) for home in self.hosts for path in home.runtime.rglob("*") if not path.is_dir()]

    def close(self) -> None:
        try:
            self.daemon.stop()
        finally:
            self._stack.close()


def run(table: Table, quick: bool) -> None:
    steps = STEPS[:3] if quick else STEPS
    saves = SAVES // 8 if quick else SAVES
    one, many = World(1), World(HOSTS)
    try:
        one.open(1)
        for count in steps:
            _step(table, one, many, count, saves, 2.0 if quick else REST)
        left = many.end()
        table.value("all closed: clients and files left on the hosts", len(many.clients()) + len(left), "", 0)
    finally:
        one.close()
        many.close()


def _step(table: Table, one: World, many: World, count: int, saves: int, rest: float) -> None:
    what = f"{count:,} document{'s' if count > 1 else ''}"
    hosts = min(count, HOSTS)
    daemon = many.daemon.process.pid
    before = _resident(many.clients()) if many.documents else 0.0
    more = (count - len(many.documents)) / hosts
    taken = many.open(count)
    single, several = _saves(one, many, saves)
    clients = many.clients()
    table.value(f"{what}: the daemon's memory", _resident([daemon]), "MB", MOST_MEMORY)
    ours, theirs = _processor([daemon]), _processor(clients)
    stays(lambda: many.daemon.process.poll() is None, rest, what="the daemon rests")
    ours, theirs = (now - then for now, then in ((_processor([daemon]), ours), (_processor(clients), theirs)))
    table.value(f"{what}: idle, of one processor", ours / rest * 100, "%", MOST_IDLE)
    p50, p99 = several[len(several) // 2], several[int(len(several) * 0.99)]
    single_p50, single_p99 = single[len(single) // 2], single[int(len(single) * 0.99)]
    shown = f"one: p50 {single_p50 * 1000:.1f}, p99 {single_p99 * 1000:.1f} ms"
    table.note(f"{what}: save p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms; {shown}")
    table.value(f"{what}: save p99, times that of one", p99 / single_p99, "x", MOST_SLOWER)
    now = _resident(clients)
    if before and count > HOSTS:
        table.value(f"{what}: one more file on the host", (now - before) / more * 1000, "KB", MOST_PER_FILE)
    table.value(f"{what}: client processes on each host", len(clients) / hosts, "", 1)
    table.note(
        f"{what}: opened in {taken:.1f} s; a client has {now:.1f} MB and takes"
        f" {theirs / rest / hosts * 100:.2f} % of a processor"
    )


def _saves(one: World, many: World, count: int) -> tuple[list[float], list[float]]:
    """The times of saves of the one document and of each of the many in turn, sorted."""
    single, several = [], []
    (alone,) = one.documents
    paths = list(many.documents)
    stride = max(1, len(paths) // count)
    for number in range(count):
        several.append(many.save(paths[number * stride % len(paths)], number))
        single.append(one.save(alone, number))
    return sorted(single), sorted(several)


def _resident(pids: Sequence[int]) -> float:
    """The median of the processes' memory, in MB."""
    sizes = []
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                sizes.append(int(line.split()[1]) * 1024 / 1e6)
    return median(sizes)


def _processor(pids: Sequence[int]) -> float:
    """Seconds of processor that they have used, all together."""
    tick = os.sysconf("SC_CLK_TCK")
    words = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in words) / tick
