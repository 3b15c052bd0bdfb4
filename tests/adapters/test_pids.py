"""A process is told from any other that may have its number later."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from rbridge import system
from rbridge.adapters import pids
from tests.harness.wait import until


@pytest.fixture
def process():
    made = subprocess.Popen(["sleep", "1000"])
    yield made
    made.kill()
    made.wait()


def test_a_running_process_is_found_again(process):
    trace = pids.trace(process.pid)
    assert trace == {"kind": "process", "pid": process.pid, "start": pids.birth(process.pid)}
    assert pids.lives(trace)
    assert system.boot_id() in trace["start"]


def test_one_that_ended_is_not_even_before_anybody_fetched_its_status(process):
    trace = pids.trace(process.pid)
    process.kill()
    until(lambda: not pids.lives(trace))
    assert pids.birth(process.pid) == ""
    process.wait()
    assert not pids.lives(trace)
    assert pids.trace(process.pid) == {}


def test_another_process_with_its_number_is_another_one(process):
    assert not pids.lives({"pid": process.pid, "start": "1 " + system.boot_id()})


@pytest.mark.parametrize(
    "trace", [{}, {"pid": 0, "start": ""}, {"pid": 1, "start": pids.birth(1)}, {"pid": "x", "start": "x"}]
)
def test_what_makes_no_sense_lives_not(trace):
    assert not pids.lives(trace)


def stat(proc: Path, number: int, words: str) -> None:
    (proc / str(number)).mkdir(parents=True)
    (proc / str(number) / "stat").write_text(words)


def test_a_name_may_hold_anything(tmp_path):
    fields = " ".join(str(n) for n in range(4, 53))  # as proc(5) numbers them
    stat(tmp_path, 7, f"7 (a) S 1 (x)) S {fields}\n")
    assert pids.birth(7, tmp_path).split()[0] == "22"


@pytest.fixture
def no_proc(tmp_path):
    """A system without /proc, such as macOS."""
    return tmp_path / "proc"


def test_without_proc_ps_is_asked(no_proc, tmp_path, monkeypatch):
    ps = tmp_path / "ps"
    ps.write_text('#!/bin/sh\necho "$*" > "$0.said"\necho \'S+   Fri Nov 21 10:00:00 2025\'\n')
    ps.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert pids.birth(7, no_proc) == "Fri Nov 21 10:00:00 2025"
    assert (tmp_path / "ps.said").read_text() == "-o stat=,lstart= -p 7\n"


@pytest.mark.parametrize("says", ["echo 'Z   Fri Nov 21 10:00:00 2025'", "exit 1", "exec sleep 1000"])
def test_without_proc_one_that_ended_has_no_start(no_proc, tmp_path, monkeypatch, says):
    ps = tmp_path / "ps"
    ps.write_text(f"#!/bin/sh\n{says}\n")
    ps.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(pids, "PS", 0.2)
    assert pids.birth(7, no_proc) == ""


def test_without_proc_and_ps_nobody_can_tell(no_proc, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pids.birth(7, no_proc) == ""
