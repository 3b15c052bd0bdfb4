"""Which files are not looked for: those that ``.gitignore`` files name, and what tools keep for themselves.

The patterns are git's (gitignore(5)): the last one that fits decides, ``!`` takes back, a slash in it ties it
to its directory, one at its end to directories. Globs are translated here for the rest of the client, too.
"""

import re

MYPY = False
if MYPY:
    from typing import Iterable, List, Optional, Pattern, Tuple

    Rule = Tuple[Pattern[str], bool, bool]  # what it fits, whether it takes back, whether directories only

CACHES = frozenset(
    (
        # fmt: off
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        "node_modules",
        ".venv",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".ipynb_checkpoints",
        # fmt: on
    )
)
"""Directories that nobody means, wherever they are."""

NAME = ".gitignore"
LARGEST = 256 * 1024
"""Bytes of one that are read."""

BRACES = 64
"""Globs that the braces of one may stand for."""


def cached(path: str) -> bool:
    """Whether one of *path*'s directories, or itself, is a cache."""
    return not CACHES.isdisjoint(path.split("/"))


class Ignores:
    """The rules of one directory, *above* being those of the ones around it.

    *depth* is the length of its path from the root with its slash: what rules see is relative to theirs.
    """

    def __init__(self, text: str, base: str, above: "Tuple[Ignores, ...]" = ()) -> None:
        self.base = len(base)
        self.above = above
        self.rules = [rule for rule in map(_rule, text.split("\n")) if rule is not None]

    def ignored(self, path: str, directory: bool) -> bool:
        """Whether *path*, from the root, is ignored by the last rule that fits it, from here outwards."""
        for ignores in (self,) + self.above:
            name = path[ignores.base :]
            for pattern, back, only in reversed(ignores.rules):
                if (directory or not only) and pattern.match(name):
                    return not back
        return False

    def within(self, text: str, base: str) -> "Ignores":
        """Those of a directory inside, called *base*, whose file says *text*."""
        return Ignores(text, base, (self,) + self.above) if text else self


def _rule(line: str) -> "Optional[Rule]":
    """One line of a file, None if it says nothing."""
    line = line.rstrip("\r")
    while line.endswith(" ") and not line.endswith("\\ "):
        line = line[:-1]
    if not line or line.startswith("#"):
        return None
    back = line.startswith("!")
    if back:
        line = line[1:]
    only = line.endswith("/")
    line = line.rstrip("/") if only else line
    if not line:
        return None
    try:
        return re.compile(translated(line)), back, only
    except re.error:
        return None


def translated(glob: str) -> str:
    """A regular expression for the whole of the paths that *glob* fits."""
    tied = "/" in glob
    glob = glob[1:] if glob.startswith("/") else glob
    made = "" if tied else "(?:.*/)?"
    at = 0
    while at < len(glob):
        char = glob[at]
        if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
            made += "(?:.*/)?"
            at += 3
            continue
        if glob[at:] == "**" and (at == 0 or glob[at - 1] == "/"):
            made += ".*"
            break
        if char == "*":
            while glob[at + 1 : at + 2] == "*":
                at += 1
            made += "[^/]*"
        elif char == "?":
            made += "[^/]"
        elif char == "[":
            end = glob.find("]", at + 3 if glob[at + 1 : at + 2] in ("!", "^") else at + 2)
            if end < 0:
                made += "\\["
            else:
                inside = glob[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
                made += "[^/" + inside[1:] + "]" if inside[0] in "!^" else "[" + inside + "]"
                at = end
        elif char == "\\" and at + 1 < len(glob):
            at += 1
            made += re.escape(glob[at])
        else:
            made += re.escape(char)
        at += 1
    return "(?s)" + made + "\\Z"


def without_braces(glob: str) -> "List[str]":
    """The globs that *glob* stands for with its ``{a,b}`` said one by one."""
    found = [glob]
    done: "List[str]" = []
    while found:
        one = found.pop(0)
        split = re.match(r"(?s)(.*?)\{([^{}]*,[^{}]*)\}(.*)\Z", one)
        if split is None or len(done) + len(found) >= BRACES:
            done.append(one)
        else:
            found[:0] = [split.group(1) + part + split.group(3) for part in split.group(2).split(",")]
    return done


def fits(globs: "Iterable[str]", path: str) -> bool:
    """Whether one of *globs* fits *path* or a directory around it; one that makes no sense fits nothing."""
    for glob in globs:
        try:
            pattern = re.compile(translated(glob.rstrip("/")))
        except re.error:
            continue
        parts = path.split("/")
        if any(pattern.match("/".join(parts[:count])) for count in range(1, len(parts) + 1)):
            return True
    return False
