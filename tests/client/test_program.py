"""Programs whose output is read."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from rbridge.client import program


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``script(text)``: a shell script called ``tool``, on PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def make(text: str) -> list[bytes]:
        path = tmp_path / "bin" / "tool"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return [b"tool"]

    return make


def test_its_output_comes_in_pieces_and_its_code_at_the_end(script):
    ran = program.started(script("printf 'a\\0b\\0c'; exit 3\n"))
    assert list(ran.split(b"\0", 100)) == [b"a", b"b", b"c"]
    assert ran.wait() == 3
    ran.close()


def test_a_piece_that_is_too_long_is_left_out(script):
    ran = program.started(
        script("echo short; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next; echo\n")
    )
    assert list(ran.split(b"\n", 1000)) == [b"short", b"next", b""]
    ran.close()


def test_while_it_is_silent_something_else_is_done(script, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    ran = program.started(script(f"echo a; read -r line < {tmp_path / 'fifo'}; echo b\n"))
    idle: list[int] = []

    def release() -> None:
        if not idle:
            (tmp_path / "fifo").write_text("go\n")
        idle.append(1)

    assert list(ran.split(b"\n", 100, release)) == [b"a", b"b"]
    assert idle
    ran.close()


def test_what_it_complains_of_can_be_read(script):
    ran = program.started(script("echo wrong >&2; exit 2\n"))
    assert list(ran.split(b"\n", 100)) == []
    assert (ran.wait(), ran.complaint()) == (2, "wrong\n")
    ran.close()


def test_one_that_goes_on_is_ended(script):
    ran = program.started(script("echo begun; exec sleep 1000\n"))
    assert next(ran.split(b"\n", 100)) == b"begun"
    ran.close()
    with pytest.raises(ProcessLookupError):
        os.kill(ran.pid, 0)
    ran.close()


def test_it_may_have_no_more_memory_than_a_host_can_spare(script):
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    ran = program.started(script("ulimit -d\n"))
    assert list(ran.split(b"\n", 100)) == [b"%d" % (program.MEMORY >> 10)]
    ran.close()
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_a_program_that_is_not_there_is_none():
    assert program.started([b"no-such-program-here"]) is None


def test_what_lies_in_the_folder_is_not_run(tmp_path, monkeypatch):
    tool = tmp_path / "rg"
    tool.write_text("#!/bin/sh\ntouch was-run\n")
    tool.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".::relative")
    assert program.found("rg") == ""
    (tmp_path / "bin" / "rg").mkdir(parents=True)  # a directory is no program
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert program.found("rg") == ""
    assert stat.S_IMODE(tool.stat().st_mode) == 0o755


def test_it_is_told_nothing_that_leads_git_elsewhere(script, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/some/repo")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "evil")
    ran = program.started(script("env\n"))
    said = b"\n".join(ran.split(b"\n", 10000))
    ran.close()
    assert b"/some/repo" not in said
    assert b"evil" not in said
    assert b"GIT_OPTIONAL_LOCKS=0" in said


def test_it_has_nothing_to_read(script):
    ran = program.started(script("cat; echo end\n"))
    assert list(ran.split(b"\n", 100)) == [b"end"]
    ran.close()
