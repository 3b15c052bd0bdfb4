"""What several tests of ssh begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.environment import PROGRAMS, Home
from tests.harness.sshd import Sshd
from tests.ssh.trip import Trip


@pytest.fixture
def sshd(other_home: Home) -> Iterator[Sshd]:
    """The host's own programs only: what the tests run in has an rbridge, too."""
    other_home.env["PATH"] = PROGRAMS
    server = Sshd(other_home)
    yield server
    server.close()


@pytest.fixture
def trip(home: Home, sshd: Sshd) -> Iterator[Trip]:
    """A laptop and a host on which nothing was installed; what was started is ended with the test."""
    made = Trip(home, sshd)
    yield made
    made.close()
