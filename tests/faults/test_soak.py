"""One editor that saves ten times a second, and a tunnel that is lost again and again.

Nothing may be lost or come twice, and neither side may hold more memory or descriptors in the end. Of the 200
cuts as many are made as fit in the time that a usual run has; all of them with ``--all``.
"""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.compat.editor import Opened
from tests.faults.ground import Ground, Grounds, Tunnel
from tests.faults.test_cuts import WAYS, cut
from tests.harness.wait import stays, until

CUTS = 200
SECONDS = 40.0
EVERY = 0.1
SEED = 5
WARM = 6  # cuts after which both sides have loaded what they need
MEMORY = 4 << 20  # bytes that the last third may need more than the first one
DESCRIPTORS = 3
Count = Callable[..., None]


def text_of(number: int) -> bytes:
    """The *number*-th text: some 20 KB, of which the head tells whether it is whole."""
    body = f"the {number}th text\n".encode() * (1000 + number % 7)
    return b"%d %s\n" % (number, sha256(body).hexdigest().encode()) + body


def number_of(text: bytes) -> int:
    """Which text this is; fails for one that is torn."""
    head, _, body = text.partition(b"\n")
    number, _, digest = head.partition(b" ")
    assert sha256(body).hexdigest().encode() == digest, f"torn: {head!r}"
    return int(number)


class Saver(threading.Thread):
    """Saves one text after the other until :meth:`end`."""

    def __init__(self, opened: Opened) -> None:
        super().__init__(daemon=True)
        self.number = 0
        self._opened = opened
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(EVERY):
            self.number += 1
            (self._opened.write if self.number % 2 else self._opened.rename)(text_of(self.number))

    def end(self) -> None:
        self._over.set()
        self.join(30)


def held(pid: int) -> tuple[int, int]:
    """Resident memory in bytes, and descriptors."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd"))


def grown(samples: list[tuple[int, int]]) -> tuple[float, float]:
    """By how much memory and descriptors of the last third exceed those of the first."""
    third = len(samples) // 3
    first, last = samples[:third], samples[-third:]
    memory, descriptors = (
        statistics.median(one[at] for one in last) - statistics.median(one[at] for one in first)
        for at in (0, 1)
    )
    return memory, descriptors


@pytest.fixture
def grounds() -> Iterator[Grounds]:
    made = Grounds(["soak"], links=True)
    yield made
    made.close()


def soak(
    ground: Ground, tunnel: Tunnel, saver: Saver, cuts: int, seconds: float
) -> list[list[tuple[int, int]]]:
    """Lose the tunnel again and again; returns what daemon and client held after each time."""
    chance = random.Random(SEED)
    samples: list[list[tuple[int, int]]] = [[], []]
    newest, end = 0, time.monotonic() + seconds
    while len(samples[0]) < cuts and time.monotonic() < end:
        way = chance.choice(WAYS)
        cut(tunnel, way)
        stays(saver.is_alive, chance.uniform(0, 0.3), "the user goes on saving")
        tunnel.up()
        if chance.random() < 0.8:  # else it is lost again before anything could be said
            now = saver.number
            until(lambda n=now: number_of(tunnel.document.path.read_bytes()) >= n, what=f"text {now} lands")  # type: ignore[misc]
        stays(saver.is_alive, chance.uniform(0, 0.3), "the user goes on saving")
        number = number_of(tunnel.document.path.read_bytes())
        assert number >= newest, f"text {number} came after {newest}"
        newest = number
        for found, pid in zip(samples, (ground.daemon.process.pid, tunnel.resident), strict=True):
            found.append(held(pid))
    return samples


@pytest.mark.timeout(20 * SECONDS)  # with --all
def test_an_editor_that_saves_all_the_time_loses_nothing(
    grounds: Grounds, faults: Count, proof: Callable[[str], None], pytestconfig: pytest.Config
) -> None:
    everything = pytestconfig.getoption("--all")
    with grounds.use() as ground:
        (tunnel,) = ground.tunnels
        tunnel.open("train.py", text_of(0))
        saver = Saver(tunnel.document.opened)
        saver.start()
        try:
            samples = soak(ground, tunnel, saver, CUTS, 15 * SECONDS if everything else SECONDS)
        finally:
            saver.end()
        path = tunnel.document.path
        until(lambda: path.read_bytes() == text_of(saver.number), what="the last text lands")
        until(lambda: ground.kept(path) is None, what="it is acknowledged")
        cuts = len(samples[0])
        said = []
        for name, found in zip(("daemon", "client"), samples, strict=True):
            memory, descriptors = grown(found[WARM:])
            said.append(f"{name} {memory / 1024:+,.0f} KB and {descriptors:+.0f} descriptors")
            assert memory <= MEMORY, f"{name}: {found}"
            assert descriptors <= DESCRIPTORS, f"{name}: {found}"
        faults("tunnel cuts", cuts)
    proof(f"soak: {saver.number:,} saves, {cuts} tunnel cuts, the last text landed; {', '.join(said)}")
    assert cuts == CUTS if everything else cuts >= 20
