"""What the client's tests share: editors on sockets, and a client that lacks root's powers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.editors import Editor
from tests.harness.environment import Home, Ran


@pytest.fixture
def editor() -> Iterator[Callable[..., Editor]]:
    """``editor(script, path=None, greeting=PLAIN)``: see :class:`tests.client.editors.Editor`."""
    made: list[Editor] = []

    def start(*args: object, **options: object) -> Editor:
        made.append(Editor(*args, **options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def rendezvous(home: Home) -> Path:
    """The directory of forwarded sockets on the imaginary host."""
    return home.path / ".rbridge" / os.uname().nodename


@pytest.fixture
def powerless() -> list[str]:
    """What to put before a command so that file permissions hold for it, for root as well."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]


@pytest.fixture
def rbridge_open(home: Home, client_command: list[str]) -> Callable[..., Ran]:
    """``rbridge_open(*words)`` runs ``rbridge open`` to its end, once for each way the client is started."""

    def run(*words: str | os.PathLike[str], before: list[str] = (), **options: object) -> Ran:  # type: ignore[assignment]
        return home.run([*before, *client_command, "open", *words], **options)  # type: ignore[arg-type]

    run.command = client_command  # type: ignore[attr-defined]
    return run
