"""What the events of a pytest run come to, as :mod:`tests.harness.report` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

REPORT = "RBRIDGE_TESTS_REPORT"  # the file that the events are written to
ONLY = "RBRIDGE_TESTS_ONLY"  # JSON: the names of the tests to run, of all that are collected

RANK = ("passed", "skipped", "failed")
GROUP = re.compile(r"@[\w-]+$")  # pytest-xdist adds the group of a test to its name


class Outcomes:
    """By test: of what it reported in its phases the worst and why; what it had to say; its faults."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self.of: dict[str, str] = {}
        self.why: dict[str, str] = {}
        self.running: set[str] = set()
        self.proofs: list[tuple[str, str]] = []
        self._faults: list[tuple[str, str, int, int]] = []
        self.left_out = 0
        for event in events:
            if "begin" in event:
                self.running.add(_plain(event["begin"]))
            elif "proof" in event:
                self.proofs.append((_plain(event["of"]), event["proof"]))
            elif "faults" in event:
                self._faults.append((_plain(event["of"]), event["faults"], event["count"], event["lost"]))
            elif "left_out" in event:
                self.left_out = event["left_out"]
            elif "test" in event:
                self._add(_plain(event["test"]), event["outcome"], event["why"])

    def _add(self, test: str, outcome: str, why: str) -> None:
        self.running.discard(test)
        if test not in self.of or RANK.index(outcome) > RANK.index(self.of[test]):
            self.of[test], self.why[test] = outcome, why

    def those(self, outcome: str) -> list[tuple[str, str]]:
        """The tests with that outcome, each with its reason."""
        return [(test, self.why[test]) for test, one in self.of.items() if one == outcome]

    @property
    def faults(self) -> dict[str, tuple[int, int]]:
        """By class: how many, and how many of them lost something, as one of a test that failed did."""
        found: dict[str, tuple[int, int]] = {}
        for test, kind, count, lost in self._faults:
            before, lost_before = found.get(kind, (0, 0))
            lost = max(lost, int(self.of.get(test) != "passed"))
            found[kind] = (before + count, lost_before + lost)
        return found

    def repeat(self, again: Outcomes) -> list[tuple[str, str]]:
        """What failed here and passed *again* has passed; returns those tests, each with why it failed."""
        found = [(test, why) for test, why in self.those("failed") if again.of.get(test) == "passed"]
        names = {test for test, _ in found}
        self.of.update(dict.fromkeys(names, "passed"))
        self.proofs = [one for one in self.proofs if one[0] not in names]
        self.proofs += [one for one in again.proofs if one[0] in names]
        self._faults = [one for one in self._faults if one[0] not in names]
        self._faults += [one for one in again._faults if one[0] in names]
        return found


def _plain(test: str) -> str:
    return GROUP.sub("", test)
