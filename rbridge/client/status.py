"""``rbridge status`` on the host: what is open, on which laptop, saved or not."""

import sys

from rbridge.client import asking
from rbridge.errors import UsageError, clean

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.intercom import Message
    from rbridge.client.undelivered import Undelivered

USAGE = """\
usage: rbridge status [-q] [PATH]

Lists the files that are open, and those of which only a laptop has the newest
text ("kept"), all or those at or below PATH: path, state, laptop, and what
there is to say. With -q (--quiet) it says nothing and ends with 0 only if every
edit is on this disk, else with 75:
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
    where = asking.where(path)
    answers = asking.ask("status", where)
    rows = [row for answer in answers for row in answer.of("row")]
    kept, trouble = asking.undelivered(where)  # after the answers: what ends meanwhile is in one of both
    if "quiet" in flags:
        unsafe = trouble or any(answer.trouble for answer in answers)
        return UNSAFE if unsafe or kept or not all(safe(row) for row in rows) else 0
    if not rows and not kept and alone and not trouble:
        asking.say("nothing is open{}".format(" at {}".format(path) if path else ""))
    asking.show(table([cells(row) for row in rows] + [still_kept(one) for one in kept]))
    if trouble:
        asking.report(trouble)
    return asking.silent(answers) or (UNSAFE if trouble else 0)


def safe(row: "Message") -> bool:
    """Whether every edit of this file is on the disk, as far as can be known."""
    port = row.get("path").startswith(":")
    return port or (row.get("state") == "clean" and row.get("connected") == "yes")


def cells(row: "Message") -> "List[str]":
    """What is said of an open file."""
    laptop = row.get("laptop") + ("" if row.get("connected") == "yes" else " (not connected)")
    return [row.get("path"), row.get("state"), laptop, row.get("message")]


def still_kept(one: "Undelivered") -> "List[str]":
    """What is said of a file of which a text never got here."""
    if not one.identity:  # a plain rmate server keeps nothing
        return [one.real, "unsaved", one.laptop, "{}; 'rbridge close PATH' forgets it".format(one.why)]
    there = "on the laptop: rbridge recover; here 'rbridge close PATH' forgets it"
    return [one.real, "kept", one.laptop, "{}; {}".format(one.why, there)]


def table(rows: "List[List[str]]") -> str:
    """The rows in columns, a line each."""
    lines = [[clean(word) for word in row] for row in sorted(rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)] if lines else []
    out = []
    for line in lines:
        cells = [word.ljust(width) for word, width in zip(line, widths)] + [line[3]]
        out.append("  ".join(cells).rstrip() + "\n")
    return "".join(out)
