import os
import subprocess
import sys
import threading

import pytest

from rbridge.errors import CannotCreate, TryAgain
from rbridge.server import instance
from rbridge.server.instance import Instance
from tests.client.saving import disk

HOLD = """
import sys
from rbridge.server.instance import Instance
with Instance(sys.argv[1]):
    print(flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path, repository):
    """Another process that holds the lock until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=repository,
    )
    process.stdout.readline()
    yield process
    process.stdin.close()
    process.wait()
    process.stdout.close()


def test_the_second_one_learns_the_pid_of_the_first(tmp_path, other):
    with pytest.raises(TryAgain, match=f"pid {other.pid}") as caught, Instance(str(tmp_path)):
        pass
    assert caught.value.exit_code == 75
    assert "--stop" in caught.value.hint


def test_the_lock_ends_with_a_killed_process(tmp_path, other):
    other.kill()
    other.wait()
    with Instance(str(tmp_path)):
        assert instance.holder(str(tmp_path / instance.NAME)) == os.getpid()


def test_it_can_be_taken_again(tmp_path):
    for _ in range(2):
        with Instance(str(tmp_path)):
            pass


def test_wait_returns_when_the_daemon_is_gone(tmp_path, other):
    done = threading.Thread(target=instance.wait, args=[str(tmp_path)])
    done.start()
    assert done.is_alive()
    other.stdin.close()
    done.join(20)
    assert not done.is_alive()


def test_wait_where_no_daemon_ever_ran(tmp_path):
    instance.wait(str(tmp_path))


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / instance.NAME).symlink_to(tmp_path / "precious")
    with pytest.raises(CannotCreate), Instance(str(tmp_path)):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_pid_that_cannot_be_read(tmp_path):
    (tmp_path / "x").write_text("nonsense")
    assert instance.holder(str(tmp_path / "x")) is None
    assert instance.holder(str(tmp_path / "nothing")) is None


def test_a_full_disk_is_said_and_the_lock_let_go(tmp_path):
    with disk(tmp_path / "small", "size=4k") as small:
        fill = small / "fill"
        fill.write_bytes(b"x" * 4096)
        with pytest.raises(CannotCreate, match="No space left on device"), Instance(str(small)):
            pass
        fill.unlink()
        with Instance(str(small)):
            pass
