import os
import signal
import stat
import sys

import pytest

from tests.harness.environment import Home, _allow_and_retry, stop
from tests.harness.wait import Never, until


def test_nothing_of_the_persons_session_leaks_in(home, monkeypatch):
    for name in ("RMATE_HOST", "SSH_CONNECTION", "TMUX", "XDG_RUNTIME_DIR", "EDITOR"):
        monkeypatch.setenv(name, "leak")
    env = home.run(["env"]).ok().out
    assert "leak" not in env
    assert f"HOME={home.path}\n" in env


def test_directories_are_private_and_short(home):
    for path in (home.path, home.runtime, home.state, home.config):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert len(os.fsencode(home.runtime / "control.sock")) < 60


def test_a_command_that_hangs_is_ended(home):
    with pytest.raises(Never, match="not ended within 0.2 s"):
        home.run(["sleep", "60"], deadline=0.2)


def test_close_ends_what_was_left_running_and_removes_the_directories():
    home = Home()
    home.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 &"]).ok()
    pids = home.processes()
    assert len(pids) == 1
    home.close()
    assert not home.root.exists()
    assert not os.path.exists(f"/proc/{pids[0]}/environ") or not home.processes()


def test_close_removes_directories_that_a_test_locked():
    home = Home()
    home.file("locked/file", "text")
    (home.path / "locked").chmod(0o000)
    home.close()
    assert not home.root.exists()


def test_directories_that_are_everybodys_keep_their_mode():
    home = Home()
    before = os.stat(home.root.parent).st_mode
    _allow_and_retry(os.rmdir, str(home.root), None)
    assert os.stat(home.root.parent).st_mode == before
    home.close()


def test_stop_gives_the_exit_code(home):
    code = (
        "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print(1, flush=True); signal.pause()"
    )
    process = home.start([sys.executable, "-c", code])
    assert process.stdout.readline() == b"1\n"
    assert stop(process) == 7


def test_stop_does_not_wait_for_ever(home):
    code = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    process = home.start([sys.executable, "-c", code])
    assert process.stdout.readline() == b"1\n"
    with pytest.raises(AssertionError, match="after signal 15"):
        stop(process, signal.SIGTERM, 0.2)
    until(lambda: process.returncode is not None)
