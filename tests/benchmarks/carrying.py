"""What one connection through ``rbridge port`` carries each way, beside ``ssh -L`` over the same master."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rbridge.ssh import master
from tests.benchmarks.measure import interleave
from tests.benchmarks.table import Table
from tests.harness.environment import stop
from tests.harness.wait import free_port, until
from tests.ssh.reach import words

if TYPE_CHECKING:
    from tests.benchmarks.ssh import Line

MB = 1 << 20
LEAST = 0.8  # x ssh -L

# One connection after the other: it says how much it wants, or sends all that it has and hears one byte.
SERVER = """\
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
piece, into = memoryview(bytes(1 << 20)), bytearray(1 << 20)
while True:
    with listener.accept()[0] as one:
        wanted = int(one.recv(16))
        for _ in range(wanted >> 20):
            one.sendall(piece)
        if not wanted:
            one.sendall(b"?")
            while one.recv_into(into):
                pass
            one.sendall(b"!")
"""


def port(table: Table, line: Line, rounds: int, size: int) -> None:
    """*size* bytes each way; the tunnel of *line* stands."""
    server = line.host.start([sys.executable, "-c", SERVER], stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        there, here = int(server.stdout.readline()), free_port()
        ours = _asked(line, there)
        (control,) = line.laptop.runtime.glob("cm.*")
        forward = ["-O", "forward", "-L", f"127.0.0.1:{here}:127.0.0.1:{there}"]
        line.laptop.run(master.asking(str(control), *forward)).ok()
        for what, carry in (("from the host", _heard), ("to the host", _said)):
            ways = {"ours": partial(carry, ours, size), "ssh -L": partial(carry, here, size)}
            for way in ways.values():
                way()  # the first connection is another matter
            found = interleave(ways, rounds)
            found["ssh -L"].name = "ssh -L"
            table.speed(f"rbridge port, {size // MB} MB {what}", found["ours"], found["ssh -L"], size, LEAST)
            before, took = _used(line), ways["ours"]()
            client, daemon = (after - was for was, after in zip(before, _used(line), strict=True))
            table.note(
                f"of {took:.2f} s the client there computes {client:.2f} s, and the daemon {daemon:.2f} s"
            )
    finally:
        stop(server)


def _asked(line: Line, number: int) -> int:
    """Have port *number* of the host, as its user does; where it is here."""
    here = free_port()
    asked = line.host.start([line.trip.client, "port", f"{number}:{here}"], stderr=subprocess.DEVNULL)
    try:
        until(lambda: "asks that" in line.trip.here("allow").out, 30.0)
        line.trip.here("allow", "--all").ok()
        assert asked.wait(30.0) == 0
    finally:
        stop(asked)
    return here


def _used(line: Line) -> tuple[float, float]:
    """Seconds of CPU that the client in the background and the daemon have used."""
    client = next(pid for pid in line.host.processes() if "/.local/bin/rbridge\0" in words(pid))
    found = []
    for pid in (client, line.trip.daemon):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return found[0], found[1]


def _heard(number: int, size: int) -> float:
    into, heard = bytearray(MB), 0
    with socket.create_connection(("127.0.0.1", number), timeout=60) as one:
        begin = time.perf_counter()
        one.sendall(b"%d" % size)
        while count := one.recv_into(into):
            heard += count
        took = time.perf_counter() - begin
    assert heard == size, heard
    return took


def _said(number: int, size: int) -> float:
    piece = memoryview(bytes(MB))
    with socket.create_connection(("127.0.0.1", number), timeout=60) as one:
        one.sendall(b"0")
        assert one.recv(1) == b"?"
        begin = time.perf_counter()
        for _ in range(size // MB):
            one.sendall(piece)
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b"!"
        return time.perf_counter() - begin
