"""A host whose only Python is PyPy 3.9: the client that is put there runs with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.harness.environment import PROGRAMS, Home
from tests.harness.sshd import Sshd
from tests.harness.view import view, without
from tests.harness.wait import until
from tests.ssh.reach import words
from tests.ssh.trip import Trip

ELSEWHERE = ("/usr/local/bin", "/usr/libexec", "/opt")
"""Where else the client and its installation look for a Python."""


@pytest.fixture
def trip(home: Home, other_home: Home) -> Iterator[Trip]:
    other_home.env["PATH"] = PROGRAMS
    other_home.env.pop("PYTHONPATH")
    files = without("python*", other_home.root / "programs")
    sshd = Sshd(other_home, before=view(files=files, empty=filter(os.path.isdir, ELSEWHERE)))
    made = Trip(home, sshd)
    yield made
    made.close()
    sshd.close()


def reads(file: Path, text: bytes) -> bool:
    return file.read_bytes() == text


def test_a_file_is_opened_and_its_saves_arrive(trip: Trip) -> None:
    assert "no CPython" in trip.sshd.run("python3 --version || echo no CPython").ok().out
    file = trip.host.file("train.py", "x = 1\n")
    trip.there("open train.py").ok()
    opened = trip.editor.wait_open()
    for number in range(2, 5):
        text = b"x = %d\n" % number
        opened.write(text)
        until(partial(reads, file, text))
    until(
        lambda: "train.py  an-editor  clean" in trip.here("status").ok().out, what="the host acknowledged it"
    )
    (resident,) = (pid for pid in trip.host.processes() if f"{trip.client}\0" in words(pid))
    assert "pypy" in Path(os.readlink(f"/proc/{resident}/exe")).name
    opened.quit()
