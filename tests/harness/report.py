"""What a pytest run tells ``python3 -m tests``: one line of JSON per event, written as it happens.

So a run that hangs and is ended still says what had passed, and which test it hung in. Events: ``{"begin":
TEST}``, ``{"test": TEST, "outcome": "passed" | "failed" | "skipped", "why": TEXT}``, ``{"proof": TEXT}``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

VARIABLE = "RBRIDGE_TESTS_REPORT"


class Report:
    """The plug-in; conftest registers it when the environment names the file."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "a", buffering=1)  # noqa: SIM115  # closed with the run

    def write(self, **event: str) -> None:
        print(json.dumps(event), file=self._file)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.write(begin=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        expected = getattr(report, "wasxfail", None)
        if expected is not None and report.skipped:
            self.write(test=report.nodeid, outcome="skipped", why=f"expected to fail: {expected}")
        elif report.when == "call" or not report.passed:
            self.write(test=report.nodeid, outcome=report.outcome, why=_reason(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self.write(test=report.nodeid or "collection", outcome=report.outcome, why=_reason(report))

    def pytest_unconfigure(self) -> None:
        self._file.close()


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return ""
