"""What every editor must do, written once and run over each: ``pytest tests/editors/scenarios -k nvim``.

The name of a scenario is its test's without ``test_``; the first line of its docstring is its row in the
table of docs/editors.md, which ``python -m tests.editors.table`` writes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


def scenarios(file: str) -> Iterator[tuple[str, str]]:
    """The name and the first line of each scenario of *file*, in the order in which they are written."""
    for node in ast.parse((HERE / file).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            said = ast.get_docstring(node)
            assert said, f"{file}: {node.name} has no row in docs/editors.md"
            yield node.name.removeprefix("test_"), said.splitlines()[0]


DIFFS = [name for name, _ in scenarios("test_diffs.py")]
"""The scenarios about two files beside each other, for editors that compare none."""

FOLDERS = [name for one in ("test_folders.py", "test_folder_faults.py") for name, _ in scenarios(one)]
"""The scenarios about folders, for editors that show none."""
