"""What the way through the bridge costs a language client, beside the same server that it starts itself.

Each pair takes turns in the same run. An echo server answers at once, so that the difference is ours; of real
servers the difference is small beside what they take themselves. A server behind the bridge makes way for
others on its host (nice), so the one beside it does too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rbridge import build
from rbridge.lsp.uris import file_uri, remote_uri
from tests.benchmarks import echo
from tests.benchmarks.measure import Series, interleave
from tests.benchmarks.table import Table, milliseconds
from tests.harness import servers
from tests.harness.areas import SSH
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge, stop
from tests.harness.proxy import Proxy
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.lsp.client import CAPABILITIES

PACKAGES = SSH
NICE = 10
RTT = 50.0  # ms, of the line over which round trips are counted
PER_SECOND = 5000
PIECE = 1 << 20

MOST_MEDIAN, MOST_P95 = 1.0, 2.0  # ms more, of a small message
MOST_LARGE = 6.0  # of a completion of 180 KB
MOST_START = 60.0
MOST_BEHIND = 100.0  # ms after the last of the changes was said
MOST_SSH = 3.0

EDITOR = """#!/bin/sh
printf '%s\\n' "$1" >> {opened}
exec sleep 100000
"""
TEXT = (
    "import os\nimport only_here\n\n\ndef main(name: str) -> str:\n    return only_here.unique_symbol(name)\n"
)
PLACE = {"line": 5, "character": 24}
BEFORE = {"line": 5, "character": 21}  # behind the dot


class Talk:
    """A language client that takes times: messages are made before, and looked into afterwards."""

    def __init__(self, process: subprocess.Popen[bytes], uri: str, language: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.uri = uri
        self._language = language
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._buffer = bytearray()
        self._number = 0
        self._version = 1

    def begin(self) -> float:
        """Say what every client says first; seconds until the server has answered."""
        root = self.uri.rpartition("/")[0] if self.uri.startswith("file:") else None
        params = {"processId": None, "rootUri": root, "capabilities": CAPABILITIES}
        seconds, _ = self.ask("initialize", params)
        self.tell("initialized", {})
        document = {"uri": self.uri, "languageId": self._language, "version": 1, "text": TEXT}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return seconds

    def ask(self, method: str, params: Any) -> tuple[float, Any]:
        """Seconds until the answer is here, and the answer."""
        self._number += 1
        number = self._number
        framed = frame({"id": number, "method": method, "params": params})
        begin = time.perf_counter()
        self._write(framed)
        while True:
            body = self._read()
            seconds = time.perf_counter() - begin
            said = json.loads(body)
            if "method" in said:
                self._answer(said)
            elif said.get("id") == number:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']}")
                return seconds, said["result"]

    def about(self, method: str, place: dict[str, int]) -> Callable[[], float]:
        """Takes the time of ``textDocument/METHOD`` about a place."""
        params = {"textDocument": {"uri": self.uri}, "position": place}
        return lambda: self.ask(f"textDocument/{method}", params)[0]

    def tell(self, method: str, params: Any) -> None:
        self._write(frame({"method": method, "params": params}))

    def changes(self, count: int, per_second: float) -> float:
        """Say *count* changes of one character, *per_second* of them; seconds from the last until the server
        has all.
        """
        begin = time.perf_counter()
        before = self.ask("test/count", None)[1]
        for number in range(count):
            due = begin + number / per_second
            while time.perf_counter() < due:
                continue
            self._version += 1
            self._write(self._change(number % 2 == 0))
        last = time.perf_counter()
        while self.ask("test/count", None)[1] < before + count:
            continue
        return time.perf_counter() - last

    def _change(self, put: bool) -> bytes:
        at = {"line": 3, "character": 0}
        end = at if put else {"line": 3, "character": 1}
        change = {"range": {"start": at, "end": end}, "text": "#" if put else ""}
        document = {"uri": self.uri, "version": self._version}
        params = {"textDocument": document, "contentChanges": [change]}
        return frame({"method": "textDocument/didChange", "params": params})

    def _answer(self, said: dict[str, Any]) -> None:
        if "id" in said:
            wanted = said["method"] == "workspace/configuration"
            result = [None] * len(said["params"]["items"]) if wanted else None
            self._write(frame({"id": said["id"], "result": result}))

    def _write(self, framed: bytes) -> None:
        left = memoryview(framed)
        while left:
            left = left[os.write(self._in, left) :]

    def _read(self) -> bytes:
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0:
                fields = bytes(self._buffer[:end]).lower().split(b"\r\n")
                size = next(int(one.split(b":")[1]) for one in fields if one.startswith(b"content-length"))
                if len(self._buffer) >= end + 4 + size:
                    body = bytes(self._buffer[end + 4 : end + 4 + size])
                    del self._buffer[: end + 4 + size]
                    return body
            data = os.read(self._out, PIECE)
            if not data:
                raise RuntimeError(f"the connection ended: {self.process.args!r}")
            self._buffer += data


def frame(said: dict[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **said}, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class World:
    """A laptop with a daemon, and hosts with servers: one beside it, one through ssh, one far away."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        try:
            self._make()
        except BaseException:
            self._stack.close()
            raise

    def _make(self) -> None:
        self.laptop = self._home("laptop")
        self._opened = self.laptop.root / "opened"
        self._opened.touch()
        script = self.laptop.script("bin/editor", EDITOR.format(opened=shlex.quote(str(self._opened))))
        self.daemon = Daemon(self.laptop, editor=f"{shlex.quote(str(script))} {{file}}", listen=["unix"])
        self._stack.callback(self.daemon.stop)
        self._client = self.laptop.root / "rbridge"
        build.write(self._client)
        self.uris: dict[str, dict[str, str]] = {}
        self.paths: dict[str, Path] = {}
        self._open("loopback", self._host("loopback"), str(self.daemon.socket))
        far = self._host("far")
        link = self._stack.enter_context(Proxy(f"unix:{self.daemon.socket}", delay=RTT / 2000))
        self._open("far", far, f"127.0.0.1:{link.port}")
        host = self._host("ssh")
        sshd = Sshd(host)
        self._stack.callback(sshd.close)
        socket = host.root / "forwarded.sock"
        self._stack.enter_context(sshd.forward(f"{socket}:{self.daemon.socket}"))
        self._open("ssh", host, str(socket))

    def _home(self, name: str) -> Home:
        home = Home(name)
        self._stack.callback(home.close)
        return home

    def _host(self, name: str) -> Home:
        host = self._home(name)
        command = shlex.join([sys.executable, "-I", "-S", echo.__file__])
        target = host.config / "rbridge" / "config.toml"
        target.parent.mkdir(mode=0o700)
        target.write_text(f"lsp-r = '{command}'\n")
        return host

    def _open(self, way: str, host: Home, address: str) -> None:
        """Open a file for each language on *host*."""
        names = ["bench.r", "bench.py"]
        files = [host.file(f"project/{name}", TEXT) for name in names]
        where = ["--socket", address] if address.startswith("/") else ["--host", *address.split(":")]
        if len(where) == 3:
            where.insert(2, "--port")
        before = len(self._lines())
        env = {"PYTHONPATH": "", **servers.host().activated(host.env)}
        host.run([str(self._client), "open", *where, *map(str, files)], env=env, deadline=60.0).ok()
        until(lambda: len(self._lines()) == before + len(files), what="the files are open")
        found = {}
        for line in self._lines()[before:]:
            parts = Path(line).parts
            at = parts.index("files") + 1
            path = next(one for one in files if one.name == parts[-1])
            found[path.name] = remote_uri(parts[at + 1], os.fsencode(path), parts[at])
        self.uris[way] = found
        self.paths[way] = host.path / "project"

    def server(self, name: str) -> Path:
        """A server's program in the hosts' environment."""
        return servers.host().bin / name

    def _lines(self) -> list[str]:
        return self._opened.read_text().splitlines()

    def spawn(self, way: str, name: str, server: str, command: Sequence[str]) -> Talk:
        """A client of *server* about the file *name*, *way* there; ``direct`` starts *command* itself."""
        language = "r" if name.endswith(".r") else "python"
        if way == "direct":
            nice = ["nice", "-n", str(NICE), *command]
            uri = file_uri(os.fsencode(self.paths["loopback"] / name))
            env = servers.host().activated(self.laptop.env)
            process = self.laptop.start(
                nice, stdin=-1, stderr=subprocess.DEVNULL, env=env, cwd=self.paths["loopback"]
            )
            return Talk(process, uri, language)
        uri = self.uris[way][name]
        words = [*rbridge("lsp"), "--uri", uri, *(["--server", server] if server else [])]
        return Talk(self.laptop.start(words, stdin=-1, stderr=subprocess.DEVNULL), uri, language)

    @contextlib.contextmanager
    def talks(
        self, ways: Sequence[str], name: str, server: str, command: Sequence[str]
    ) -> Iterator[dict[str, Talk]]:
        """A client each *way*, as far as ``didOpen``."""
        made: dict[str, Talk] = {}
        try:
            for way in ways:
                made[way] = self.spawn(way, name, server, command)
                made[way].begin()
            yield made
        finally:
            for one in made.values():
                stop(one.process)

    def close(self) -> None:
        self._stack.close()


def run(table: Table, quick: bool) -> None:
    servers.install()
    world = World()
    try:
        small, large = (100, 30) if quick else (2000, 300)
        echoed(table, world, small, large)
        behind(table, world, 2000 if quick else 20_000)
        started(table, world, 3 if quick else 21)
        real(table, world, "basedpyright", ["basedpyright-langserver", "--stdio"], 10 if quick else 200)
        real(table, world, "jedi-language-server", ["jedi-language-server"], 10 if quick else 100)
    finally:
        world.close()


ECHO = [sys.executable, "-I", "-S", echo.__file__]


def echoed(table: Table, world: World, small: int, large: int) -> None:
    """The echo server, all ways."""
    with world.talks(["direct", "loopback", "ssh", "far"], "bench.r", "", ECHO) as talks:
        near = {way: talks[way] for way in ("direct", "loopback", "ssh")}
        found = interleave({way: one.about("hover", PLACE) for way, one in near.items()}, small)
        added(table, "hover, echo", found["loopback"], found["direct"], MOST_MEDIAN, MOST_P95)
        added(table, "hover, echo, through ssh -R", found["ssh"], found["direct"], MOST_SSH)
        found = interleave({way: one.about("completion", PLACE) for way, one in near.items()}, large)
        added(table, "completion of 180 KB, echo", found["loopback"], found["direct"], MOST_LARGE)
        table.note(f"through ssh -R: {shown(found['ssh'])}")
        trips = interleave({"far": talks["far"].about("hover", PLACE)}, 10)["far"]
        table.value(
            f"hover over a line of {RTT:g} ms: round trips",
            trips.median * 1000 / RTT,
            "",
            1.2,
            "one at least",
        )


def behind(table: Table, world: World, count: int) -> None:
    """Many changes: the server has the last one soon after it was said."""
    with world.talks(["direct", "loopback"], "bench.r", "", ECHO) as talks:
        seconds = {way: one.changes(count, PER_SECOND) for way, one in talks.items()}
        table.value(
            f"{count:,} didChange, {PER_SECOND:,} per second: behind",
            seconds["loopback"] * 1000,
            "ms",
            MOST_BEHIND,
            f"direct {milliseconds(seconds['direct'])}",
        )
        for way, one in talks.items():
            begin = time.perf_counter()
            one.changes(count, float("inf"))
            rate = count / (time.perf_counter() - begin)
            table.note(f"as fast as they are taken, {way}: {rate:,.0f} didChange per second")


def started(table: Table, world: World, rounds: int) -> None:
    """From the start of the process that the editor starts to the answer to ``initialize``."""

    def once(way: str) -> float:
        begin = time.perf_counter()
        talk = world.spawn(way, "bench.r", "", ECHO)
        talk.begin()
        seconds = time.perf_counter() - begin
        stop(talk.process)
        return seconds

    found = interleave({way: lambda way=way: once(way) for way in ("direct", "loopback")}, rounds)  # type: ignore[misc]
    added(table, "start until initialize is answered, echo", found["loopback"], found["direct"], MOST_START)


def real(table: Table, world: World, server: str, command: Sequence[str], rounds: int) -> None:
    """A server that has work to do."""
    direct = [str(world.server(command[0])), *command[1:]]
    with world.talks(["direct", "loopback", "ssh"], "bench.py", server, direct) as talks:
        for what, place in (("hover", PLACE), ("definition", PLACE), ("completion", BEFORE)):
            found = interleave({way: one.about(what, place) for way, one in talks.items()}, rounds)
            most = MOST_MEDIAN if what != "completion" else MOST_LARGE
            added(table, f"{what}, {server}", found["loopback"], found["direct"], most)
            table.note(f"through ssh -R: {shown(found['ssh'])}")


def added(
    table: Table, what: str, ours: Series, peer: Series, most: float, most_p95: float | None = None
) -> None:
    """Rows of what *ours* takes more than *peer*: the median of the rounds' differences, and of the 95th in a
    hundred.
    """
    more = median(one - other for one, other in zip(ours.times, peer.times, strict=True)) * 1000
    table.value(f"{what}: added", more, "ms", most, f"direct {milliseconds(peer.median)}")
    if most_p95 is not None:
        late = (p95(ours) - p95(peer)) * 1000
        table.value(f"{what}: added, p95", late, "ms", most_p95, f"direct {milliseconds(p95(peer))}")


def p95(series: Series) -> float:
    return sorted(series.times)[int(len(series.times) * 0.95)]


def shown(series: Series) -> str:
    return f"median {series.median * 1000:.2f} ms, p95 {p95(series) * 1000:.2f} ms"
