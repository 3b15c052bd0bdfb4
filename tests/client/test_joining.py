"""A large file beside small ones goes over a connection of its own."""

from __future__ import annotations

import os

from tests.harness.wait import until

LARGE = os.urandom(3_000_000)


def test_a_large_file_beside_others_has_a_connection_of_its_own(home, laptop, client_command):
    served = laptop()
    home.file("small.txt", "small\n")
    (home.path / "large.bin").write_bytes(LARGE)
    home.file("last.txt", "last\n")
    names = ["small.txt", "large.bin", "last.txt"]
    home.run([*client_command, "open", "-s", str(served.path), *names]).ok()
    lines = until(lambda: len(served.lines) > 1 and [line for line in served.lines if line.heard])
    (main,) = [line for line in lines if "join" not in line.heard[0].headers]
    (further,) = [line for line in lines if line.heard[0].headers.get("join") == "0"]
    assert [one.body for one in main.all("open")] == [b"small\n", b"last\n"]
    assert [one.body for one in further.all("open")] == [LARGE]
