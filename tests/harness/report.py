"""What a pytest run tells ``python3 -m tests``: one line of JSON per event, written as it happens.

So a run that hangs and is ended still says what had passed, and which test it hung in. Events:
``{"begin": TEST}``, ``{"test": TEST, "outcome": "passed" | "failed" | "skipped", "why": TEXT}``,
``{"proof": TEXT, "of": TEST}``, ``{"faults": CLASS, "count": COUNT, "lost": COUNT, "of": TEST}``,
``{"left_out": COUNT}``. Where tests run side by side, pytest's own process writes what theirs tell it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest


class Report:
    """The plug-in; conftest registers it when the environment names the file."""

    PROOF = "proof"  # the user property of a test that holds what it has to say
    FAULTS = "faults"  # the same for [class, number, number of those that lost something]
    LEFT_OUT = "left_out"

    def __init__(self, path: Path, only: Sequence[str] | None = None) -> None:
        self._only = only
        self._file = open(path, "a", buffering=1)  # noqa: SIM115  # closed with the run

    def write(self, **event: object) -> None:
        print(json.dumps(event), file=self._file)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._only is not None:
            items[:] = [item for item in items if item.nodeid in self._only]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.write(begin=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == self.PROOF:
                    self.write(proof=value, of=report.nodeid)
                elif name == self.FAULTS:
                    kind, count, lost = value
                    self.write(faults=kind, count=count, lost=lost, of=report.nodeid)
        expected = getattr(report, "wasxfail", None)
        if expected is not None and report.skipped:
            self.write(test=report.nodeid, outcome="skipped", why=f"expected to fail: {expected}")
        elif report.when == "call" or not report.passed:
            self.write(test=report.nodeid, outcome=report.outcome, why=_reason(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self.write(test=report.nodeid or "collection", outcome=report.outcome, why=_reason(report))

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.write(left_out=len(items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """A process of pytest-xdist is over; each of them has left out the same."""
        if count := getattr(node, "workeroutput", {}).get(self.LEFT_OUT):
            self.write(left_out=count)

    def pytest_unconfigure(self) -> None:
        self._file.close()


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it was skipped, or the first line of why it failed."""
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longrepr or "").strip().splitlines()
    return lines[0] if report.failed and lines else ""
