"""The scenarios' stage: for each kind of editor a laptop, a host, and where asked for a real ssh between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Start
from tests.e2e.conftest import Bridge
from tests.editors.bench import Bench
from tests.editors.driver import Driver
from tests.editors.drivers import DRIVERS, driver
from tests.harness.client import Builds
from tests.harness.environment import Home
from tests.harness.sshd import Sshd


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each scenario over each editor that can do it; docs/editors.md says which cannot, and why."""
    if "kind" in metafunc.fixturenames:
        name = metafunc.function.__name__.removeprefix("test_")
        kinds = [one for one in DRIVERS if name not in driver(one).cannot]
        metafunc.parametrize("kind", kinds, scope="session")


@pytest.fixture(scope="session")
def shared_laptop(kind: str) -> Iterator[Home]:
    made = Home("laptop")
    yield made
    driver(kind).finish(made)
    made.close()


@pytest.fixture
def laptop(kind: str, request: pytest.FixtureRequest) -> Home:
    """The user's machine: a new one for each scenario, unless the editor takes too long to start."""
    found: Home = request.getfixturevalue("shared_laptop" if driver(kind).shared else "home")
    return found


@pytest.fixture
def bench(kind: str, laptop: Home, other_home: Home, daemon: Start) -> Iterator[Bench[Driver]]:
    made = Bench(driver(kind), laptop, other_home, daemon)
    yield made
    made.close()


@pytest.fixture
def tunnel(bench: Bench[Driver], sshd: Sshd, builds: Builds) -> Iterator[Bridge]:
    """A way from the bench's host to its laptop through a real sshd."""
    made = Bridge(sshd, bench.daemon, builds.file, unix=True, alias=sshd.alias)
    yield made
    made.close()
