"""Whether there is something to recover, asked cheaply."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from rbridge.client import journal, leftovers


@pytest.fixture
def state(tmp_path: Path) -> str:
    journal.make_directory(str(tmp_path / "state" / "saves"))
    return str(tmp_path / "state")


def test_nothing_is_pending_where_there_is_nothing(tmp_path: Path, state: str) -> None:
    assert not leftovers.pending(str(tmp_path / "none"))
    assert not leftovers.pending(state)
    Path(leftovers.directory(state), "x").touch()
    assert leftovers.pending(state)


def test_asking_what_is_pending_imports_next_to_nothing(state: str) -> None:
    code = (
        "import sys; before = set(sys.modules); from rbridge.client import leftovers;"
        f"leftovers.pending({state!r}); print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == ["rbridge", "rbridge.client", "rbridge.client.leftovers"]
