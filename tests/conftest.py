"""Fixtures that every test may use; the parts behind them are in ``tests/harness``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.report import VARIABLE, Report
from tests.harness.sshd import Sshd, Via
from tests.harness.tmux import Tmux

Start = Callable[..., Daemon]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also what is marked slow, and more faults")


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get(VARIABLE)
    if path:
        config.pluginmanager.register(Report(Path(path)), "report")
    # No deadline per example: that is the machine's business. In CI the same examples each time.
    examples = 1000 if config.getoption("--all") else 100
    settings.register_profile(
        "rbridge", deadline=None, derandomize=os.environ.get("CI") == "true", max_examples=examples
    )
    settings.load_profile("rbridge")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: runs with --all"))


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> Iterator[None]:
    """The tests' own process has no variable of the person's session either."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith(("RMATE_", "RBRIDGE_", "SSH_", "TMUX", "XDG_")) or name in ("VISUAL", "EDITOR"):
            patch.delenv(name)
    yield
    patch.undo()


@pytest.fixture
def home() -> Iterator[Home]:
    """A private environment; see :class:`tests.harness.environment.Home`."""
    made = Home()
    yield made
    made.close()


@pytest.fixture
def other_home() -> Iterator[Home]:
    """A second one, for tests with a laptop and a host that share nothing."""
    made = Home("remote")
    yield made
    made.close()


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """The single-file client, built once per run."""
    return Builds(tmp_path_factory.mktemp("single"))


@pytest.fixture(params=["package", "single-file", "pypy"])
def client_command(request: pytest.FixtureRequest, builds: Builds) -> list[str]:
    """How the client is started: ``[*client_command, "open", PATH]``. A test with it runs three times."""
    return builds.command(request.param)


@pytest.fixture
def daemon(home: Home) -> Iterator[Start]:
    """Start a real daemon: ``daemon(editor="true")``; each is stopped at the end and must leave nothing."""
    started: list[Daemon] = []

    def start(**options: object) -> Daemon:
        made = Daemon(options.pop("home", home), **options)  # type: ignore[arg-type]
        started.append(made)
        return made

    yield start
    for one in reversed(started):
        one.stop()


@pytest.fixture
def sshd(other_home: Home) -> Iterator[Sshd]:
    """A private OpenSSH server; its remote home is ``other_home``."""
    server = Sshd(other_home)
    yield server
    server.close()


@pytest.fixture
def via_jump(sshd: Sshd) -> Iterator[Via]:
    """The same server, reached through a second one with ProxyJump."""
    way = Via(sshd)
    yield way
    way.close()


@pytest.fixture
def tmux(home: Home) -> Iterator[Tmux]:
    """A private tmux server of 100 by 30, with this test's environment."""
    server = Tmux(home)
    yield server
    server.close()


@pytest.fixture
def proof(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Say in the run's own report what was shown: ``proof("1512 files saved and compared: 0 differ")``."""
    report = pytestconfig.pluginmanager.get_plugin("report")
    return print if report is None else lambda text: report.write(proof=text)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the source tree."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable
