"""``rbridge status`` on the host: what is open, on which laptop, saved or not."""

import sys

from rbridge.client import asking
from rbridge.errors import UsageError, clean

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.intercom import Message

USAGE = """\
usage: rbridge status [-q] [PATH]

Lists the files that are open, all or those at or below PATH: path, state,
laptop, and what there is to say. With -q (--quiet) it says nothing and ends
with 0 only if every edit is on this disk, else with 75:
    rbridge status -q && python train.py
"""

FLAGS = {"-q": "quiet", "--quiet": "quiet", "-h": "help", "--help": "help"}
UNSAFE = 75


def run(arguments: "List[str]", alone: bool = True) -> int:
    """``rbridge status`` with *arguments*; the exit code. Unless *alone*, that nothing is open is not said.

    Raises UsageError.
    """
    flags, paths = asking.words(arguments, FLAGS)
    if "help" in flags:
        sys.stdout.write(USAGE)
        return 0
    if len(paths) > 1:
        raise UsageError("status takes one PATH", "without, it tells of all that is open")
    path = paths[0] if paths else ""
    answers = asking.ask("status", asking.where(path))
    rows = [row for answer in answers for row in answer.of("row")]
    if "quiet" in flags:
        unsafe = any(answer.trouble for answer in answers) or any(not safe(row) for row in rows)
        return UNSAFE if unsafe else 0
    if not rows and alone:
        asking.say("nothing is open{}".format(" at {}".format(path) if path else ""))
    asking.show(table(rows))
    return asking.silent(answers)


def safe(row: "Message") -> bool:
    """Whether every edit of this file is on the disk, as far as can be known."""
    return row.get("state") == "clean" and row.get("connected") == "yes"


def table(rows: "List[Message]") -> str:
    """The rows in columns, a line each."""
    lines = []
    for row in sorted(rows, key=lambda row: row.get("path")):
        laptop = row.get("laptop") + ("" if row.get("connected") == "yes" else " (not connected)")
        lines.append(
            [clean(word) for word in (row.get("path"), row.get("state"), laptop, row.get("message"))]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(3)] if lines else []
    out = []
    for line in lines:
        cells = [word.ljust(width) for word, width in zip(line, widths)] + [line[3]]
        out.append("  ".join(cells).rstrip() + "\n")
    return "".join(out)
