"""Ids of documents as a user reads and types them: a few digits, as many as tell them apart.

An id begins with the mark of its daemon, which most of them share; what is shown begins behind that.
"""

from __future__ import annotations

from collections.abc import Iterable

MARK = 8  # as in rbridge.server.files
WHOLE = 24  # digits of an id with a mark
SHORT = 6  # digits that are shown at least


def shortened(ids: Iterable[str]) -> dict[str, str]:
    """For each of *ids* what is shown of it."""
    tails = {one: _tail(one) for one in ids}
    length = SHORT
    while len({tail[:length] for tail in tails.values()}) < len(set(tails.values())):
        length += 1
    return {one: tail[:length] for one, tail in tails.items()}


def named(ids: Iterable[str], word: str) -> list[str]:
    """Those of *ids* that *word* may mean: all of it, or the beginning of what is shown."""
    word = word.lower()
    found = list(ids)
    exact = [one for one in found if word in (one, _tail(one))]
    return exact or [one for one in found if word and (one.startswith(word) or _tail(one).startswith(word))]


def _tail(one: str) -> str:
    return one[MARK:] if len(one) == WHOLE else one
