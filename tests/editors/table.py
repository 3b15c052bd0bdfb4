"""Writes the table of docs/editors.md: what each editor can do, as the scenarios and the drivers have it.

``python -m tests.editors.table`` rewrites it there; a test fails while it differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.editors.drivers import DRIVERS, driver
from tests.editors.scenarios import HERE
from tests.editors.scenarios import scenarios as of_file

DOCUMENT = Path(__file__).parents[2] / "docs" / "editors.md"
TITLES = {
    "nvim": "Neovim",
    "vim": "Vim",
    "emacs": "Emacs",
    "vscode": "VS Code",
    "sublime": "Sublime Text (stub)",
    "command": "any other",
}
_SLOT = re.compile(r"(<!-- table -->\n).*?(<!-- end -->)", re.DOTALL)


def scenarios() -> Iterator[tuple[str, str]]:
    """The name and the first line of each scenario, in the order in which they are written."""
    order = [
        f"test_{one}.py"
        for one in ("editing", "conflicts", "lost", "bytes", "safety", "folders", "folder_faults")
    ]
    files = {path.name for path in HERE.glob("test_*.py")}
    for file in [*order, *sorted(files - set(order))]:
        yield from of_file(file)


def table() -> str:
    """The table in Markdown, and below it why an editor cannot do what it cannot."""
    heads = [TITLES[kind] for kind in DRIVERS]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    reasons: list[str] = []
    for name, row in scenarios():
        cells = []
        for kind in DRIVERS:
            reason = driver(kind).cannot.get(name)
            if reason is None:
                cells.append("yes")
                continue
            note = f"{TITLES[kind]}: {reason}"
            if note not in reasons:
                reasons.append(note)
            cells.append(f"no ({reasons.index(note) + 1})")
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    notes = [f"{number}. {note}" for number, note in enumerate(reasons, 1)]
    return "\n".join([*lines, "", *notes] if notes else lines) + "\n"


def with_table(text: str) -> str:
    """*text* with its table written anew."""
    return _SLOT.sub(lambda slot: slot.group(1) + table() + slot.group(2), text)


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
