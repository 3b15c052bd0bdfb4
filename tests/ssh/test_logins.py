"""Which hosts let us in without their user."""

from pathlib import Path

import pytest

from rbridge.ssh.logins import Logins

ONE, OTHER = "0" * 32, "1" * 32


@pytest.fixture
def logins(tmp_path: Path) -> Logins:
    return Logins(str(tmp_path / "logins"))


def test_of_a_host_that_was_never_tried_nothing_is_known(logins: Logins) -> None:
    assert not logins.alone(ONE)
    assert not Path(logins.root).exists()


def test_what_was_noted_is_known_to_the_next_daemon(logins: Logins) -> None:
    logins.note(ONE, True)
    logins.note(ONE, True)
    assert Logins(logins.root).alone(ONE)
    assert not logins.alone(OTHER)
    assert Path(logins.root).stat().st_mode & 0o777 == 0o700


def test_a_host_that_wants_its_user_again_is_forgotten(logins: Logins) -> None:
    logins.note(ONE, True)
    logins.note(ONE, False)
    logins.note(ONE, False)
    assert not logins.alone(ONE)


def test_a_disk_that_takes_nothing_is_no_error() -> None:
    logins = Logins("/proc/none/logins")
    logins.note(ONE, True)
    assert not logins.alone(ONE)
