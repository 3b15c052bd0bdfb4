"""Draws the table of ``rbridge/ssh/tunnel.py`` into ``docs/ssh.md``.

``python -m tests.ssh.diagrams`` rewrites the diagram there; a test fails while it differs from the table.
"""

from __future__ import annotations

import re
from pathlib import Path

from rbridge.ssh.events import State
from rbridge.ssh.tunnel import TRANSITIONS

DOCUMENT = Path(__file__).parents[2] / "docs" / "ssh.md"
_SLOT = re.compile(r"(<!-- drawn: tunnel -->\n).*?(<!-- end -->)", re.DOTALL)


def draw() -> str:
    """The table as a mermaid state diagram, without what leads nowhere else."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_word(State.DOWN)}"]
    for where, row in TRANSITIONS.items():
        if where is State.ENDED:
            continue
        targets: dict[State, list[str]] = {}
        for event, then in row.items():
            if then is not where:
                targets.setdefault(then, []).append(event.replace(":", ","))
        lines += [f"    {_word(where)} --> {_word(then)} : {'; '.join(why)}" for then, why in targets.items()]
    return "\n".join([*lines, f"    {_word(State.ENDED)} --> [*]", "```"]) + "\n"


def _word(state: State) -> str:
    return state.value.replace("-", "_")


def with_diagram(text: str) -> str:
    """*text* with its diagram drawn anew."""
    return _SLOT.sub(lambda slot: slot.group(1) + draw() + slot.group(2), text)


if __name__ == "__main__":
    DOCUMENT.write_text(with_diagram(DOCUMENT.read_text()))
