"""What a kept connection costs, beside ssh itself: each command takes turns with its peer in the same run.

Round trips are counted by what a command takes longer over a line with a delay than over one without. The
first connect begins on an account where nothing of rbridge is; the daemon runs, and the client for hosts is
made, as from the second host on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.carrying import port
from tests.benchmarks.measure import Series, interleave
from tests.benchmarks.table import Table, milliseconds
from tests.harness.areas import SSH
from tests.harness.environment import Home
from tests.harness.proxy import Proxy
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.ssh.trip import Trip

PACKAGES = SSH
RTT = 100.0  # ms
NEVER = "DisableForwarding yes"

MOST_MORE = 60.0  # ms, of a command on a live master
MOST_TRIPS, MOST_FIRST = 0.2, 3.2  # round trips more; what is over a whole one is the machine's noise
MOST_BACK = 3.0  # s
LEAST_SPEED = 0.8  # x scp


class Line:
    """A laptop and a host with a link of *rtt* ms between them; *options* are sshd's."""

    def __init__(self, stack: contextlib.ExitStack, rtt: float, *options: str) -> None:
        self.host = Home("remote")
        stack.callback(self.host.close)
        self.laptop = Home()
        stack.callback(self.laptop.close)
        self.sshd = Sshd(self.host, options=options)
        stack.callback(self.sshd.close)
        self.link = stack.enter_context(Proxy(f"127.0.0.1:{self.sshd.port}", delay=rtt / 2000))
        self.trip = Trip(self.laptop, self.sshd)
        stack.callback(self.trip.close)
        self.way = f"-oPort={self.link.port}"

    def ours(self) -> float:
        """``rbridge ssh HOST true``."""
        return self.time(self.trip.words("ssh", self.way, "true"))

    def plain(self) -> float:
        """``ssh HOST true``, by a login of its own."""
        return self.time(self.sshd.ssh(self.way, "true"))

    def shared(self) -> float:
        """The same over the master that rbridge keeps."""
        (control,) = self.laptop.runtime.glob("cm.*")
        return self.time(self.sshd.ssh(self.way, f"-oControlPath={control}", "true"))

    def first(self) -> float:
        """``rbridge ssh HOST true`` where nothing is."""
        self.forget()
        return self.ours()

    def forget(self) -> None:
        """The host has nothing of ours, and no connection."""
        self.trip.here("disconnect", "gpu1")
        for name in (".local", ".rbridge"):
            shutil.rmtree(self.host.path / name, ignore_errors=True)

    def time(self, words: Sequence[str]) -> float:
        begin = time.perf_counter()
        self.laptop.run(list(words)).ok()
        return time.perf_counter() - begin


def run(table: Table, quick: bool) -> None:
    rounds = 3 if quick else 15
    with contextlib.ExitStack() as stack:
        near, far = Line(stack, 0.0), Line(stack, RTT)
        live(table, near, far, rounds)
        first(table, near, far, rounds)
        near.ours()
        transfer(table, near, 3 if quick else 5, (256 if quick else 1024) << 20)
        port(table, near, 3 if quick else 9, (128 if quick else 512) << 20)
        stdio(table, near, Line(stack, 0.0, NEVER), 3 if quick else 9, "no delay")
        stdio(table, far, Line(stack, RTT, NEVER), 2 if quick else 5, f"{RTT:g} ms")
    back(table, 2 if quick else 6)


def live(table: Table, near: Line, far: Line, rounds: int) -> None:
    """On a live master."""
    near.ours()
    far.ours()
    found = interleave(
        {"near ours": near.ours, "near ssh": near.shared, "far ours": far.ours, "far ssh": far.shared}, rounds
    )
    more = (found["near ours"].median - found["near ssh"].median) * 1000
    peer = f"ssh over it {milliseconds(found['near ssh'].median)}"
    table.value("rbridge ssh HOST true on a live master, more", more, "ms", MOST_MORE, peer)
    _trips(table, "    round trips more", found, MOST_TRIPS)


def first(table: Table, near: Line, far: Line, rounds: int) -> None:
    """From nothing: login, key, client, socket, and the command."""
    found = interleave(
        {"near ours": near.first, "near ssh": near.plain, "far ours": far.first, "far ssh": far.plain}, rounds
    )
    ours, peer = found["near ours"], found["near ssh"]
    table.note(f"the first connect, no delay: {milliseconds(ours.median)}, ssh {milliseconds(peer.median)}")
    _trips(table, "the first connect with the deploy, round trips more", found, MOST_FIRST)


def _trips(table: Table, what: str, found: dict[str, Series], most: float) -> None:
    ours, peer = (
        (found[f"far {name}"].median - found[f"near {name}"].median) * 1000 / RTT for name in ("ours", "ssh")
    )
    table.value(what, ours - peer, "", most, f"ssh itself {peer:.1f}")


def transfer(table: Table, line: Line, rounds: int, size: int) -> None:
    """One large file, over the same master as scp."""
    memory = Path("/dev/shm")  # the network's speed is asked for, not the disk's
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        there, here = Path(name, "there"), Path(name, "here")
        there.write_bytes(os.urandom(1 << 20) * (size >> 20))
        (control,) = line.laptop.runtime.glob("cm.*")
        get = line.trip.words("get", line.way)[:-1] + [f"gpu1:{there}", str(here), "-q"]
        scp = ["scp", "-q", "-F", str(line.sshd.config), f"-oControlPath={control}"]
        scp += [f"gpu1:{there}", str(here)]

        def taking(words: Sequence[str]) -> float:
            here.unlink(missing_ok=True)
            return line.time(words)

        found = interleave({"ours": lambda: taking(get), "scp": lambda: taking(scp)}, rounds)
        found["scp"].name = "scp"
        table.speed(f"rbridge get, {size >> 20} MB", found["ours"], found["scp"], size, LEAST_SPEED)


def stdio(table: Table, forward: Line, agent: Line, rounds: int, delay: str) -> None:
    """Over stdio, where the host refuses to forward, beside a forward."""

    def opening(line: Line, name: str) -> float:
        command = f"cd {line.host.path} && {line.trip.client} open --large {name}"
        took = line.time(line.trip.words("ssh", line.way, command))
        line.trip.editor.wait_open()
        line.trip.there(f"close {name}", line.way).ok()
        return took

    lines = {"stdio": agent, "forward": forward}
    for line in lines.values():
        line.host.file("small.txt", "x\n")
        line.host.file("large.bin", os.urandom(1 << 20) * 64)
        line.ours()
    for what, name in (("64 MB", "large.bin"), ("a small file", "small.txt")):
        found = interleave({way: partial(opening, line, name) for way, line in lines.items()}, rounds)
        ours, peer = milliseconds(found["stdio"].median), milliseconds(found["forward"].median)
        table.note(f"rbridge open of {what}, {delay}: over stdio {ours}, over a forward {peer}")


def back(table: Table, rounds: int) -> None:
    """The network goes and comes."""
    with contextlib.ExitStack() as stack:
        line = Line(stack, 0.0)
        address, target = line.link.address, f"127.0.0.1:{line.sshd.port}"
        line.ours()
        took = Series("back")
        link = line.link
        for _ in range(rounds):
            link.close()
            until(lambda: "gpu1: down" in _standing(line), 30.0)
            link = stack.enter_context(Proxy(target, listen=address))
            begin = time.perf_counter()
            until(lambda: "gpu1: connected" in _standing(line), 30.0, every=0.02)
            took.times.append(time.perf_counter() - begin)
        table.value("the tunnel is back after the network, the slowest", max(took.times), "s", MOST_BACK)
        table.note(f"median {took.median:.2f} s of {rounds}; each look at it takes some 0.1 s of that")


def _standing(line: Line) -> str:
    return line.trip.here("status").ok().out
