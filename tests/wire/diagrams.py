"""Draws the tables of ``rbridge/wire/state.py`` into ``docs/protocol.md``.

``python -m tests.wire.diagrams`` rewrites the diagrams there; a test fails while they differ from the tables.
"""

from __future__ import annotations

import re
from pathlib import Path

from rbridge.wire import state
from rbridge.wire.state import EDITOR, HOST, TABLES, TRIGGERED

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
_SLOT = re.compile(r"(<!-- drawn: (host|editor) -->\n).*?(<!-- end -->)", re.DOTALL)
_FIRST = {HOST: state.START, EDITOR: state.SILENT}
_LAST = (state.ENDED, state.FAILED)


def draw(party: str) -> str:
    """The table of *party* as a mermaid state diagram.

    Dotted in the text as ``[...]``: moves that the other party's state brings about. What is possible
    everywhere is left out.
    """
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_FIRST[party]}"]
    for where, row in TABLES[party].items():
        targets: dict[str, list[str]] = {}
        for event, then in row.items():
            targets.setdefault(then, []).append("dot" if event == "." else event)
        lines += [f"    {where} --> {then} : {', '.join(events)}" for then, events in targets.items()]
    for (host, editor), (who, where) in TRIGGERED.items():
        if who == party:
            mine, other = (host, editor) if party == HOST else (editor, host)
            their = EDITOR if party == HOST else HOST
            lines.append(f"    {mine} --> {where} : [{their} is {other}]")
    lines += [f"    {last} --> [*]" for last in _LAST]
    return "\n".join([*lines, "```"]) + "\n"


def with_diagrams(text: str) -> str:
    """*text* with its diagrams drawn anew."""
    return _SLOT.sub(lambda slot: slot.group(1) + draw(slot.group(2)) + slot.group(3), text)


if __name__ == "__main__":
    DOCUMENT.write_text(with_diagrams(DOCUMENT.read_text()))
