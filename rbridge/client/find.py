"""Finding files by a few letters of their paths, as quick-open does: the best first.

Each word of a query has to be in a path, as a subsequence. A word that is in the file's name as it is counts
more than one in its directories, that more than letters apart, and of equals the shorter path wins.
"""

import json
import os
import re
from time import monotonic

from rbridge.client import tree
from rbridge.client.entries import spelled
from rbridge.paths import encodable

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Match, Optional, Pattern, Tuple

    from rbridge.client.child import Say

    Best = Tuple[Tuple[int, int, int], str]

SECONDS = 20.0
"""Seconds that a find may take."""

OFTEN = 0.25
"""Seconds between two answers with what was found so far."""


class Query:
    """The words of *text*, ready to be matched."""

    def __init__(self, text: str) -> None:
        self._words: "List[Tuple[str, bool, Callable[[str], Optional[Match[str]]]]]" = []
        for word in encodable(text).split():
            exact = word != word.lower()
            letters = [re.escape(char) for char in word]
            between = ["[^{}]*{}".format(_set(char), letter) for char, letter in zip(word, letters)]
            pattern: "Pattern[str]" = re.compile("(?s)" + "".join(between))
            self._words.append((word, exact, pattern.match))

    def likely(self, paths: "List[str]") -> "List[str]":
        """Those of *paths* that may fit: a quick look for the longest word, which misses none."""
        if not self._words:
            return paths
        _, exact, match = max(self._words, key=lambda one: len(one[0]))
        return [path for path in paths if match(path if exact else path.lower())]

    def score(self, path: str) -> "Optional[Tuple[int, int, int]]":
        """How well *path* fits, the lower the better; None if it does not."""
        total = apart = 0
        lower = path.lower()
        name = path.rfind("/") + 1
        for word, exact, match in self._words:
            text = path if exact else lower
            begin = text.find(word, name)
            if begin >= 0:
                total += 0 if begin == name else 1
                continue
            if word in text:
                total += 2
                continue
            if match(text) is None:
                return None
            inside = match(text[name:])
            total += 3 if inside is not None else 4
            apart += _spread(word, text if inside is None else text[name:])
        return total, apart, len(path)


def _set(char: str) -> str:
    """*char* inside of brackets."""
    return "\\" + char if char in "\\]^-[" else char


def _spread(word: str, text: str) -> int:
    """How many characters lie between the letters of *word* in *text*, gone through from its end."""
    at = end = len(text)
    for index, char in enumerate(reversed(word)):
        at = text.rfind(char, 0, at)
        if not index:
            end = at
        if at < 0:
            return len(text)
    return end - at + 1 - len(word)


def find(root: int, query: str, limit: int, say: "Say") -> None:
    """Say the *limit* best paths below the directory *root*: ``M`` now and then, ``L`` at the end."""
    os.fchdir(root)
    wanted = Query(query)
    best: "List[Best]" = []
    count = told = 0
    by, said = "python", monotonic()

    def now_and_then() -> None:
        nonlocal best, told, said
        if count > told and monotonic() - said > OFTEN:
            best = sorted(best)[:limit]
            say("M", spoken(best, {}))
            told, said = count, monotonic()

    for who, paths in tree.files(root, now_and_then):
        by = who
        for path in wanted.likely(paths):
            score = wanted.score(path)
            if score is not None:
                count += 1
                best.append((score, path))
        if len(best) >= 4 * limit + 1000:
            best = sorted(best)[:limit]
        now_and_then()
    best = [one for one in sorted(best)[: limit + limit // 10 + 10] if _is_there(one[1])][:limit]
    say("L", spoken(best, {"truncated": count > limit, "by": by}))


def _is_there(path: str) -> bool:
    """Whether it is: git names what was deleted as well."""
    return os.path.lexists(path)


def spoken(best: "List[Best]", beside: "Any") -> bytes:
    """The body of an answer."""
    return json.dumps(dict({"paths": [spelled(path) for _, path in best]}, **beside)).encode()
