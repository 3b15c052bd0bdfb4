"""How long it takes until a file is at the laptop: PyPI's rmate and ``cat`` are the peers."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rbridge import build
from tests.benchmarks.measure import interleave
from tests.benchmarks.sink import Arrival, Sink
from tests.benchmarks.table import Table
from tests.harness import setup
from tests.harness.areas import SSH
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.sshd import Sshd
from tests.harness.wait import until

PACKAGES = SSH
LINE = b"0123456789abcdefghijklmnopqrstuvwxyz, a line of text as there are many\n"
KB, MB, GB = 1_000, 1_000_000, 1 << 30
PATIENCE = 120.0

# cat with a socket as its standard output: what a forward can carry at most.
CAT = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX) if sys.argv[1] == "unix" else socket.socket()
sock.connect(sys.argv[2] if sys.argv[1] == "unix" else ("127.0.0.1", int(sys.argv[2])))
os.dup2(sock.fileno(), 1)
os.execvp("cat", ["cat", sys.argv[3]])
"""

# Says through one pipe that it has the text, and closes it when something comes through the other. Its exit
# status says that nothing was saved; an editor that ends well in no time is not taken for the editor itself.
EDITOR = """#!/bin/sh
echo opened > {desk}/opened
read -r _ < {desk}/quit
exit 1
"""

Command = Sequence[str]


def run(table: Table, quick: bool) -> None:
    """All of the area ``open``."""
    home = Home()
    del home.env["PYTHONPATH"]  # what is installed is measured, not this source tree
    home.env["RBRIDGE_PYTHON"] = str(setup.rmate_python())  # the single file, under the peer's interpreter
    try:
        with tempfile.TemporaryDirectory(prefix="rb-bench-") as directory:
            clients = commands(Path(directory))
            first_byte(table, home, clients, 5 if quick else 31)
            sizes = {"1 KB": (KB, 5 if quick else 31), "50 MB": (50 * MB, 3 if quick else 11)}
            for name, (size, rounds) in sizes.items():
                to_sink(table, home, clients, name, size, rounds)
            for name, (size, rounds) in sizes.items():
                to_daemon(table, home, clients, name, size, rounds)
    finally:
        home.close()
    for unix in (True, False):
        through_ssh(table, GB // 8 if quick else GB, unix=unix, rounds=2 if quick else 9)


def commands(directory: Path) -> dict[str, Command]:
    """The contestants, all under the same interpreter version."""
    installed, rmate = setup.installed_python(), setup.rmate_python()
    single = directory / "rbridge"
    build.write(single)
    return {
        "installed": [str(installed.parent / "rbridge"), "open"],
        "single file": [str(single), "open"],
        "PyPI rmate": [str(rmate.parent / "rmate")],
    }


def spawn(home: Home, command: Command, words: Sequence[str]) -> tuple[float, subprocess.Popen[bytes]]:
    """Start a client; the time is that before its start."""
    begin = time.perf_counter()
    process = home.start([*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return begin, process


def once(home: Home, sink: Sink, command: Command, file: Path, when: Callable[[Arrival], float]) -> float:
    """Seconds from the start of one client to what *when* picks of its arrival."""
    words = ["--host", "127.0.0.1", "--port", str(sink.port), str(file)]
    begin, process = spawn(home, command, words)
    arrival = sink.wait()
    code = process.wait(PATIENCE)
    if code:
        raise RuntimeError(f"{command} ended with {code}")
    until(lambda: not home.processes(), what="the client in the background ends")
    return when(arrival) - begin


def first_byte(table: Table, home: Home, clients: dict[str, Command], rounds: int) -> None:
    """From the command to its first byte; the single file also with the code that an earlier start kept."""
    file = text_file(home, "small.txt", KB)
    with Sink() as sink:

        def one(name: str) -> float:
            return once(home, sink, clients[name], file, lambda arrival: arrival.first)

        def bare() -> float:
            for kept in home.state.glob("code.*"):
                kept.unlink()
            return one("single file")

        contestants = {name: functools.partial(one, name) for name in clients}
        series = interleave({"bare": bare, **contestants}, rounds)
    peer = series["PyPI rmate"]
    table.compare("command to first byte, installed", series["installed"], peer, 0.8)
    table.compare("command to first byte, single file", series["bare"], peer, 1.2)
    table.compare("command to first byte, single file, second start", series["single file"], peer, 0.8)


def to_sink(table: Table, home: Home, clients: dict[str, Command], name: str, size: int, rounds: int) -> None:
    file = text_file(home, f"{size}.txt", size)
    with Sink() as sink:
        series = interleave(
            {
                name: functools.partial(once, home, sink, command, file, lambda arrival: arrival.last)
                for name, command in clients.items()
            },
            rounds,
        )
    what = f"open {name}, loopback, plain server"
    table.compare(f"{what}, installed", series["installed"], series["PyPI rmate"], 1.0)
    table.compare(f"{what}, single file", series["single file"], series["PyPI rmate"], 1.2)


class Desk:
    """The laptop's editor: tells when it has a text, and is closed on demand."""

    def __init__(self, home: Home) -> None:
        self._directory = home.root / "desk"
        self._directory.mkdir()
        for name in ("opened", "quit"):
            os.mkfifo(self._directory / name)
        script = home.script("bin/editor", EDITOR.format(desk=shlex.quote(str(self._directory))))
        self.spec = f"{shlex.quote(str(script))} {{file}}"

    def wait(self) -> float:
        """When the editor had the text. Returns with the editor open."""
        (self._directory / "opened").read_bytes()
        return time.perf_counter()

    def quit(self) -> None:
        (self._directory / "quit").write_bytes(b"\n")


def to_daemon(
    table: Table, home: Home, clients: dict[str, Command], name: str, size: int, rounds: int
) -> None:
    """From the command on the host to the editor's start on the laptop, on loopback."""
    file = text_file(home, f"{size}.txt", size)
    laptop = Home("laptop")
    try:
        desk = Desk(laptop)
        daemon = Daemon(laptop, editor=desk.spec)

        def one(command: Command) -> float:
            words = ["--host", "127.0.0.1", "--port", str(daemon.port), str(file)]
            begin, process = spawn(home, command, words)
            end = desk.wait()
            desk.quit()
            process.wait(PATIENCE)
            until(lambda: not home.processes(), what="the client in the background ends")
            return end - begin

        series = interleave(
            {key: functools.partial(one, command) for key, command in clients.items()}, rounds
        )
        daemon.stop()
    finally:
        laptop.close()
    what = f"open {name}, loopback, our daemon's editor"
    table.compare(f"{what}, installed", series["installed"], series["PyPI rmate"], 1.0)


def through_ssh(table: Table, size: int, *, unix: bool, rounds: int) -> None:
    """A file of *size* bytes through a real ``ssh -R``: ours into a real daemon's editor and into a plain
    server that drops it, beside cat into a file in memory and into nothing.
    """
    laptop, host = Home("laptop"), Home("host")
    file = text_file(host, "large.txt", size)
    desk = Desk(laptop)
    daemon = Daemon(laptop, editor=desk.spec)
    server = Sshd(host)
    idle = memory(daemon.process.pid, "VmRSS")
    single = host.root / "rbridge"
    build.write(single)
    client = [str(single), "open", "--large"]
    peaks: list[float] = []
    ends = {name: laptop.root / f"{name}.sock" for name in ("kept", "dropped", "plain")}
    try:
        with contextlib.ExitStack() as stack:
            sinks = {
                "kept": Sink(ends["kept"], raw=True, into=laptop.runtime / "kept"),
                "dropped": Sink(ends["dropped"], raw=True),
                "plain": Sink(ends["plain"]),
            }
            ways = {}
            for name, end in {**ends, "daemon": daemon.socket}.items():
                if name in sinks:
                    stack.enter_context(sinks[name])
                ways[name] = Way(stack, server, host.root / name, end, unix=unix)

            def cat(name: str) -> float:
                words = [sys.executable, "-I", "-S", "-c", CAT, *ways[name].words, str(file)]
                begin, process = spawn(host, words, [])
                arrival = sinks[name].wait()
                process.wait(PATIENCE)
                return arrival.last - begin

            def to_plain() -> float:
                begin, process = spawn(host, client, ["-w", *ways["plain"].options, str(file)])
                arrival = sinks["plain"].wait()
                process.wait(PATIENCE)
                return arrival.last - begin

            def to_editor() -> float:
                begin, process = spawn(host, client, ["-w", *ways["daemon"].options, str(file)])
                end = desk.wait()
                peaks.append(memory(process.pid, "VmHWM"))
                desk.quit()
                process.wait(PATIENCE)
                return end - begin

            contestants: dict[str, Callable[[], float]] = {
                "cat > file": functools.partial(cat, "kept"),
                "editor": to_editor,
                "cat": functools.partial(cat, "dropped"),
                "plain": to_plain,
            }
            series = interleave(contestants, rounds)
        above = memory(daemon.process.pid, "VmHWM") - idle
        daemon.stop()
    finally:
        server.close()
        host.close()
        laptop.close()
    way = "unix" if unix else "tcp"
    what = f"open {size >> 20} MiB, ssh -R {way}"
    table.speed(f"{what}, plain server", series["plain"], series["cat"], size, 0.9)
    table.speed(f"{what}, our daemon's editor", series["editor"], series["cat > file"], size, 0.9)
    table.note(
        f"to nothing instead of memory, cat is {series['cat > file'].ratio(series['cat']):.2f} times as fast"
    )
    table.value(f"  the client's peak memory, {way}", max(peaks), "MB", 20)
    table.value(f"  the daemon's peak above idle, {way}", above, "MB", 64, f"idle {idle:.0f} MB")


class Way:
    """One forward, and how a client and cat are told of it."""

    def __init__(
        self, stack: contextlib.ExitStack, server: Sshd, remote: Path, local: Path, *, unix: bool
    ) -> None:
        where = str(remote) if unix else "127.0.0.1:0"
        made = stack.enter_context(server.forward(f"{where}:{local}"))
        self.words = ["unix", str(remote)] if unix else ["tcp", str(made.port)]
        self.options = (
            ["--socket", str(remote)] if unix else ["--host", "127.0.0.1", "--port", str(made.port)]
        )


def memory(pid: int, field: str) -> float:
    """A line of ``/proc/PID/status`` in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {field} for {pid}")


def text_file(home: Home, name: str, size: int) -> Path:
    path = home.path / name
    if not path.exists():
        block = LINE * (MB // len(LINE))
        with open(path, "wb") as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
    return path
