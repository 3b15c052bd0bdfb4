"""Reads the command blocks of README.md and docs/*.md.

A block is fenced as ``sh`` (commands) or ``console`` (commands after ``$ ``, and what they print). Each runs
in ``tests/e2e/test_docs.py``, unless an HTML comment on the line above says why it cannot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.layers.imports import ROOT

LANGUAGES = ("sh", "console")
OTHER_SPELLINGS = ("bash", "shell", "zsh", "shell-session")

# The reasons that count; a comment may go on after them.
REASONS = ("needs your own host", "runs until you stop it", ".ci/run runs this")
FENCE = re.compile(r"^( *)(?:```|~~~)\s*([\w-]*)")
COMMENT = re.compile(r"<!--\s*(.*?)\s*-->")


@dataclass(frozen=True)
class Block:
    """One fenced block: *line* is the fence's number, *reason* why it does not run, or empty."""

    document: str
    line: int
    language: str
    text: str
    reason: str

    def commands(self) -> str:
        """What a shell is to run."""
        if self.language == "sh":
            return self.text
        return "\n".join(line[2:] for line in self.text.splitlines() if line.startswith(("$ ", "> ")))


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def blocks(path: Path) -> list[Block]:
    """All fenced blocks of a document, in order, whatever their language."""
    found: list[Block] = []
    lines = path.read_text().splitlines()
    index = 0
    while index < len(lines):
        fence = FENCE.match(lines[index])
        if not fence:
            index += 1
            continue
        end = index + 1
        while end < len(lines) and lines[end].strip() not in ("```", "~~~"):
            end += 1
        indent = len(fence.group(1))
        text = "\n".join(line[indent:] for line in lines[index + 1 : end])
        found.append(Block(path.name, index + 1, fence.group(2), text, _reason(lines[:index])))
        index = end + 1
    return found


def _reason(above: list[str]) -> str:
    comment = COMMENT.search(above[-1]) if above else None
    text = comment.group(1) if comment else ""
    return text if text.startswith(REASONS) else ""
