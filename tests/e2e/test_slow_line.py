"""A line that is slow, or long: what waits for what there, and how many round trips an open takes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from rbridge import build
from rbridge.wire.limits import DEAD_BUSY
from tests.benchmarks.far import Distance, Far
from tests.benchmarks.savers import Laptop
from tests.compat.editor import Editor
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge, stop
from tests.harness.proxy import Proxy
from tests.harness.wait import until

LINE = Distance(50, 4e6)
LARGE = int(2 * DEAD_BUSY * 4e6 / 8)  # bytes that take longer than a side may be silent during a save
LONG = Distance(600)
BEHIND = 3 << 20  # bytes that go before: ssh takes 2 MiB of a channel ahead, and the system has buffers


@pytest.fixture
def laptop() -> Iterator[Laptop]:
    home = Home("laptop")
    made = Laptop(home)
    yield made
    made.close()
    home.close()


class Host:
    """A host at the other end of *line*, with a forward to the daemon of *laptop*."""

    def __init__(self, line: Distance, laptop: Laptop) -> None:
        self.home = Home("host")
        self.far = Far(line, self.home)
        self.link = self.far.link
        self._client = self.home.root / "rbridge"
        self._socket = self.home.root / "line.sock"
        build.write(self._client)
        self.far.forward(f"{self._socket}:{laptop.daemon.socket}")

    def start(self, name: str, text: bytes) -> subprocess.Popen[bytes]:
        """Open a new file."""
        file = self.home.file(name, text)
        return self.home.start([self._client, "open", "--socket", self._socket, file])

    def close(self) -> None:
        self.far.close()
        self.home.close()


@pytest.fixture
def host(laptop: Laptop) -> Iterator[Callable[[Distance], Host]]:
    made: list[Host] = []

    def start(line: Distance) -> Host:
        made.append(Host(line, laptop))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_small_save_does_not_wait_behind_a_large_one_and_both_land(
    laptop: Laptop, host: Callable[[Distance], Host], proof: Callable[[str], None]
) -> None:
    there = host(LINE)
    files, opened = {}, {}
    for name in ("large.bin", "small.py"):
        command = there.start(name, b"old\n")
        opened[name] = laptop.editor.wait_open()
        until(lambda command=command: command.poll() == 0)  # type: ignore[misc]
        stop(command)
        files[name] = there.home.path / name
    text = os.urandom(LARGE)
    before = there.link.count()
    began = time.monotonic()
    opened["large.bin"].rename(text)
    until(lambda: (there.link.count() - before).up > 500_000, what="the large save is on its way")
    slowest = 0.0
    for number in range(2):
        small = b"small %d\n" % number
        at = time.monotonic()
        opened["small.py"].rename(small)
        until(lambda small=small: files["small.py"].read_bytes() == small)  # type: ignore[misc]
        slowest = max(slowest, time.monotonic() - at)
    assert files["large.bin"].read_bytes() == b"old\n"
    # now nobody says anything for longer than DEAD_BUSY, but for the large save
    until(lambda: files["large.bin"].read_bytes() == text, 4 * LINE.carries(LARGE), every=0.05)
    took = time.monotonic() - began
    proof(f"{LINE}: {LARGE / 1e6:.0f} MB took {took:.0f} s, a small save meanwhile {slowest:.2f} s")
    assert slowest < LINE.carries(BEHIND)
    assert "lost" not in laptop.daemon.err
    for one in opened.values():
        one.quit()


def test_an_open_takes_a_round_trip_and_a_half_and_a_second_one_half(
    laptop: Laptop, host: Callable[[Distance], Host], proof: Callable[[str], None]
) -> None:
    there = host(LONG)
    trips = []
    for number in range(3):
        before = laptop.editor.started()
        began = time.monotonic()
        command = there.start(f"{number}.py", b"old\n")
        until(lambda n=before: laptop.editor.started() > n, every=0.002)  # type: ignore[misc]
        trips.append((time.monotonic() - began) / (LONG.rtt / 1000))
        until(lambda command=command: command.poll() == 0)  # type: ignore[misc]
        stop(command)
        laptop.editor.wait_open()
    proof(f"{LONG}: in the editor after {', '.join(f'{one:.2f}' for one in trips)} round trips")
    assert 1.5 <= trips[0] < 2
    assert all(0.5 <= one < 1 for one in trips[1:])


def test_a_large_text_is_sent_compressed_where_the_line_is_the_slower_one(
    home: Home, other_home: Home, daemon: Callable[..., Daemon], proof: Callable[[str], None]
) -> None:
    editor = Editor(home)
    served = daemon(editor=editor.spec)
    text = b"".join(b"%d: a line of a text as there are many\n" % number for number in range(200_000))
    file = other_home.file("large.txt", text)
    way = other_home.runtime / "way.sock"
    with Proxy(f"unix:{served.socket}", rate=10e6, listen=f"unix:{way}") as proxy:
        other_home.run([*rbridge("open"), "--socket", way, file]).ok()
        opened = editor.wait_open()
        assert opened.content == text
        up = proxy.count().up
        assert up < len(text) * 0.6
        proof(f"an open of {len(text) / 1e6:.1f} MB at 10 Mbit/s took {up / 1e6:.1f} MB")
        opened.write(b"short\n")
        until(lambda: file.read_bytes() == b"short\n")
        opened.quit()
        until(lambda: not other_home.processes())
