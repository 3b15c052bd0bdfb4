"""Draws what ``rbridge doctor`` knows into ``docs/troubleshooting.md``.

``python -m tests.troubles`` rewrites the tables there; a test fails while they differ from rbridge's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from rbridge.troubles import ROWS, SECTIONS, TROUBLES, Trouble, capitals

DOCUMENT = Path(__file__).parents[1] / "docs" / "troubleshooting.md"
_SLOT = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def draw(which: str) -> str:
    return _findings() if which == "findings" else _ssh()


def _findings() -> str:
    lines = []
    for title, section in SECTIONS.items():
        lines += [
            "",
            f"### {title}",
            "",
            "| it says | it means | what mends it | name |",
            "|---|---|---|---|",
        ]
        lines += [_row(_said(one), one.means, one.mends, f"`{one.name}`") for one in section]
    return "\n".join([*lines, "", ""])


def _said(one: Trouble) -> str:
    return "<br>".join(f"`{line}`" for line in one.says)


def _ssh() -> str:
    lines = ["| it says | what mends it | name |", "|---|---|---|"]
    seen = set()
    for row in ROWS:
        key = (row.name, row.said, row.hint)
        if key not in seen and row.name not in TROUBLES:
            seen.add(key)
            hint = capitals(row.hint) or "it is tried again by itself"
            lines.append(_row(f"`{capitals(row.said)}`", hint, f"`{row.name}`"))
    return "\n".join(["", *lines, "", ""])


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def with_tables(text: str) -> str:
    """*text* with its tables drawn anew."""
    return _SLOT.sub(lambda slot: slot[1] + draw(slot[2]) + slot[3], text)


def slots(text: str) -> Iterable[str]:
    return (slot[2] for slot in _SLOT.finditer(text))


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
