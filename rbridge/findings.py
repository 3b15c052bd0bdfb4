"""What ``rbridge doctor`` found, on the laptop or on a host, and how it is shown. Pure.

A finding is one fact about one hop on the way of a file from the editor to the host, with what mends it where
something is wrong. The exit code is 0 where nothing fails; warnings, and what could not be found out, do not
count.
"""

import json
from enum import Enum

from rbridge.errors import NotListening, clean

MYPY = False
if MYPY:
    from typing import Iterable, List, Mapping, Optional, Sequence, Tuple

VERSION = 1
"""Of the JSON: it grows when something in it is renamed or goes away."""


class Level(Enum):
    """How bad it is. UNKNOWN: it could not be found out, which says nothing about the hop itself."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Finding:
    """One fact: *name* is a stable slug, *hop* where on the way it is, *said* what is so.

    *mend* is what to do about it, mostly a command, and empty where there is nothing to do.
    """

    __slots__ = ("hop", "level", "mend", "name", "said")

    def __init__(self, hop: str, name: str, level: Level, said: str, mend: str = "") -> None:
        self.hop = hop
        self.name = name
        self.level = level
        self.said = said
        self.mend = mend

    def __repr__(self) -> str:
        return "Finding({} {} {}: {!r})".format(self.level.value, self.hop, self.name, self.said)


def ok(hop: str, name: str, said: str) -> Finding:
    return Finding(hop, name, Level.OK, said)


def warning(hop: str, name: str, said: str, mend: str = "") -> Finding:
    return Finding(hop, name, Level.WARNING, said, mend)


def failure(hop: str, name: str, said: str, mend: str = "") -> Finding:
    return Finding(hop, name, Level.FAILURE, said, mend)


def unknown(hop: str, name: str, said: str, mend: str = "") -> Finding:
    return Finding(hop, name, Level.UNKNOWN, said, mend)


def exit_code(found: "Iterable[Finding]") -> int:
    """69 where something fails, else 0."""
    return NotListening.exit_code if any(one.level is Level.FAILURE for one in found) else 0


def table(found: "Sequence[Finding]", means: "Optional[Mapping[str, str]]" = None) -> "List[str]":
    """A line for each: level, hop, what is so; what mends it is on a line below.

    *means* has for names of findings what they mean, which then stands between the two where not all is well.
    """
    widths = [max((len(word) for word in column), default=0) for column in _columns(found)]
    below = " " * (sum(widths) + 4)
    lines = []
    for one in found:
        words = (one.level.value.ljust(widths[0]), clean(one.hop).ljust(widths[1]), clean(one.said))
        lines.append("  ".join(words))
        meant = means.get(one.name) if means and one.level is not Level.OK else ""
        if meant:
            lines.append(below + meant)
        if one.mend:
            lines.append("{}-> {}".format(below, clean(one.mend)))
    return lines


def summary(found: "Sequence[Finding]", seconds: float) -> str:
    """The last line: how many of each level, and how long it took."""
    counts = [(sum(one.level is level for one in found), level.value) for level in Level]
    told = ", ".join("{} {}".format(count, word) for count, word in counts if count)
    return "{} in {:.1f} s".format(told, seconds)


def as_json(found: "Sequence[Finding]", host: str, seconds: float) -> str:
    """All of it as one JSON object; *host* is "" where only one end was looked at, from itself."""
    each = [
        {
            "hop": clean(one.hop),
            "name": one.name,
            "level": one.level.value,
            "said": clean(one.said),
            "mend": clean(one.mend),
        }
        for one in found
    ]
    whole = {
        "version": VERSION,
        "host": clean(host),
        "code": exit_code(found),
        "seconds": round(seconds, 3),
        "findings": each,
    }
    return json.dumps(whole, indent=1)


def _columns(found: "Sequence[Finding]") -> "Tuple[List[str], List[str]]":
    return [one.level.value for one in found], [clean(one.hop) for one in found]
