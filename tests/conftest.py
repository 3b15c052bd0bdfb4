"""Fixtures that every test may use; the parts behind them are in ``tests/harness``."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.outcomes import ONLY, REPORT
from tests.harness.report import Report
from tests.harness.sshd import Sshd, Via
from tests.harness.tmux import Tmux

Start = Callable[..., Daemon]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also what is marked slow, and more faults")
    parser.addoption("--quick", action="store_true", help="not what is marked thorough, and fewer examples")


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get(REPORT)
    if path and not hasattr(config, "workerinput"):  # pytest-xdist's processes report to the first one
        only = os.environ.get(ONLY)
        config.pluginmanager.register(Report(Path(path), json.loads(only) if only else None), "report")
    # No deadline per example: that is the machine's business. In CI the same examples each time.
    examples = 1000 if config.getoption("--all") else 25 if config.getoption("--quick") else 100
    settings.register_profile(
        "rbridge", deadline=None, derandomize=os.environ.get("CI") == "true", max_examples=examples
    )
    settings.load_profile("rbridge")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        if left_out:
            items[:] = [item for item in items if not item.get_closest_marker("thorough")]
            config.hook.pytest_deselected(items=left_out)
            if hasattr(config, "workeroutput"):
                config.workeroutput[Report.LEFT_OUT] = len(left_out)
    if config.getoption("--all"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: runs with --all"))


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> Iterator[None]:
    """The tests' own process has no variable of the person's session either, and ignores no signal.

    Whoever runs the tests with nohup, or behind a script's ``&``, would have all their processes ignore some.
    """
    for number in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
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


@pytest.fixture(params=["package", "single-file", pytest.param("pypy", marks=pytest.mark.thorough)])
def client_command(request: pytest.FixtureRequest, builds: Builds) -> list[str]:
    """How the client is started: ``[*client_command, "open", PATH]``. A test with it runs three times.

    Under PyPy not in the fast part: a quarter of its time; one open and save there is in ``test_build.py``.
    """
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
def proof(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say in the run's own report what was shown: ``proof("1512 files saved and compared: 0 differ")``."""

    def say(text: str) -> None:
        print(text)
        record_property(Report.PROOF, text)

    return say


@pytest.fixture
def faults(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Count faults for the run's own report: ``faults("tunnel cuts", 50)``, of which *lost* lost something.

    The numbers of one class are added up over all tests. Of a test that fails at least one counts as lost.
    """

    def count(kind: str, number: int = 1, lost: int = 0) -> None:
        record_property(Report.FAULTS, (kind, number, lost))

    return count


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the source tree."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable
