"""What several tests of ssh begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.environment import Home
from tests.harness.sshd import Sshd
from tests.ssh.trip import Trip


@pytest.fixture
def trip(home: Home, sshd: Sshd) -> Iterator[Trip]:
    """A laptop and a host on which nothing was installed; what was started is ended with the test."""
    made = Trip(home, sshd)
    yield made
    made.close()
