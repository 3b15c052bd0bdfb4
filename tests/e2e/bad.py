"""What the tests of bad input look at on both sides."""

from __future__ import annotations

from pathlib import Path

from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge

OLD = b"the old text\n"


def client(daemon: Daemon, *words: str) -> list[str]:
    return rbridge("open", "--socket", str(daemon.socket), *words)


def texts(home: Home) -> list[Path]:
    """The remote texts that lie in FILES."""
    found = (home.runtime / "files").rglob("*")
    return [path for path in found if path.is_file() and not path.name.startswith(".")]


def warnings(daemon: Daemon) -> list[str]:
    """What the daemon told its user since it was ready."""
    return [line for line in daemon.err.splitlines() if "files open in" not in line]


def one_line(text: str) -> str:
    """Check that *text* is one line of printable characters."""
    assert text.endswith("\n"), text
    assert text[:-1].isprintable(), text
    return text[:-1]
