"""``python3 -m tests``: the whole run, from an empty machine to the line that sums up."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.harness import code, servers, setup, steps
from tests.harness.areas import AREAS, Area
from tests.harness.steps import Result

LANES = 2  # the fast part's checks run beside its tests
SERVERS = "language servers"


class Run:
    """Prints every step when it is over, and keeps count."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self._colour = sys.stdout.isatty() and os.environ.get("CI") != "true" and "NO_COLOR" not in os.environ

    def say(self, text: str) -> None:
        print(text, flush=True)

    def add(self, result: Result) -> Result:
        """Print a step's line, and what it had to say when it failed."""
        self.results.append(result)
        counted = result.passed + result.failed + len(result.skips)
        nothing = result.note == steps.NOTHING
        word, colour = ("FAIL", 31) if result.failed else ("none", 33) if nothing else ("ok", 32)
        if self._colour:
            word = f"\x1b[{colour}m{word}\x1b[0m" + " " * (4 - len(word))
        tests = f"  {_sum([result])}" if counted > 1 else ""
        note = f"  {result.note}" if result.note else ""
        self.say(f"{word:4}  {result.name:<16} {result.seconds:6.1f} s{tests}{note}")
        for title, found in (("failed", result.failures), ("repeated", result.repeated)):
            for test, why in found:
                self.say(f"      {title}: {test}: {why}")
        for proof in result.proofs:
            self.say(f"      {proof}")
        if result.faults:
            self.say(f"      {_faults([result])}")
        if result.output:
            self.say(textwrap.indent(result.output.rstrip(), "    | "))
        return result

    def step(self, name: str, do: Callable[[], Result]) -> Result:
        return self.add(steps.timed(name, do))

    def finish(self) -> int:
        """List what was skipped, repeated or failed, print the line that sums up, return the exit code."""
        skips = [(result.name, *skip) for result in self.results for skip in result.skips]
        repeated = [(result.name, *test) for result in self.results for test in result.repeated]
        failed = [(result.name, *test) for result in self.results for test in _failures(result)]
        for title, found in (("skipped", skips), ("passed only when repeated", repeated), ("failed", failed)):
            if found:
                self.say(f"\n{title}:")
            for area, test, why in found:
                self.say(f"  {area}: {test}: {why}")
        self.say("")
        if sum(bool(result.faults) for result in self.results) > 1:
            self.say(_faults(self.results))
        self.say(_sum(self.results))
        return 1 if any(result.failed for result in self.results) else 0


def _failures(result: Result) -> list[tuple[str, str]]:
    """What failed in it, a test or the step itself, with the first line of why."""
    if result.failed and not result.failures:
        return [(result.note or "itself", next(iter(result.output.splitlines()), ""))]
    return result.failures


def _sum(results: list[Result]) -> str:
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    skipped = sum(len(result.skips) for result in results)
    repeated = sum(len(result.repeated) for result in results)
    more = f", {repeated} repeated" if repeated else ""
    return f"{passed} passed, {failed} failed, {skipped} skipped{more}"


def _faults(results: list[Result]) -> str:
    """``612 faults, lost: 0 (cancellations 80, kills 120, ...)``."""
    classes = sorted({kind for result in results for kind in result.faults})
    found = [result.faults[kind] for kind in classes for result in results if kind in result.faults]
    parts = [f"{kind} {sum(result.faults.get(kind, (0, 0))[0] for result in results):,}" for kind in classes]
    count, lost = (sum(numbers) for numbers in zip(*found, strict=True))
    return f"{count:,} faults, lost: {lost} ({', '.join(parts)})"


def prepare(run: Run, area: Area) -> Path | None:
    """The environments and the fast part's packages, side by side; None when something could not be had."""
    pythons: list[Path] = []

    def environment() -> Result:
        pythons.append(setup.tests_python())
        setup.rmate_python()
        return Result("set up Python")

    with ThreadPoolExecutor(LANES + 1) as pool:
        parts = [
            pool.submit(steps.timed, "set up Python", environment),
            pool.submit(steps.timed, "Debian packages", lambda: packages(area)),
        ]
        if area.servers and not servers.ready():
            parts.append(pool.submit(steps.timed, SERVERS, language_servers))
        results = [run.add(part.result()) for part in parts]
    return None if any(result.failed for result in results) else pythons[0]


def packages(area: Area) -> Result:
    installed = setup.install_packages(area.packages)
    return Result("Debian packages", note=f"installed {' '.join(installed)}" if installed else "all there")


def language_servers() -> Result:
    why = servers.install()
    if why:
        os.environ[servers.MISSING] = why
    return Result(SERVERS, note=f"all but the client in node: {why}" if why else "installed")


def vs_code(run: Run) -> Result:
    if code.ready():
        return Result("VS Code", note="all there")
    run.say("      VS Code: code-server is being compiled, which takes about three minutes")
    try:
        code.install()
    except code.OutOfReach as error:
        os.environ[code.MISSING] = str(error)
        return Result("VS Code", note=f"its tests are skipped: {error}")
    return Result("VS Code", note="installed code-server")


def unit(run: Run, area: Area, python: Path, amount: str) -> None:
    """The fast part: the checks that run no test in one lane, the tests in the other."""
    env = steps.environment(python)
    with ThreadPoolExecutor(LANES) as pool:
        tests: Future[Result] = pool.submit(
            steps.timed, area.name, lambda: steps.pytest(area, python, amount)
        )
        for name, argv in steps.static(python):
            check = pool.submit(steps.timed, name, lambda n=name, a=argv: steps.command(n, a, env))  # type: ignore[misc]
            run.add(check.result())
        run.add(tests.result())


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests", description="Set up what the tests need, and run them. Without AREA: all."
    )
    parser.add_argument("areas", nargs="*", metavar="AREA", help=" ".join(AREAS))
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--quick", action="store_true", help="only the fast part: lint, types, unit tests")
    amount.add_argument("--all", action="store_true", help="slow tests too, and more faults")
    options = parser.parse_args(argv)
    unknown = [name for name in options.areas if name not in AREAS]
    if unknown:
        parser.error(f"no such area: {' '.join(unknown)} (there are: {' '.join(AREAS)})")
    wanted = [area for area in AREAS.values() if not options.areas or area.name in options.areas]
    if options.quick:
        wanted = [area for area in wanted if area.name == "unit"]
    run = Run()
    begin = time.monotonic()
    try:
        _all(run, wanted, "--quick" if options.quick else "--all" if options.all else "")
    except KeyboardInterrupt:
        run.add(Result("interrupted", failed=1))
    run.say(f"\n{time.monotonic() - begin:.0f} s in all")
    return run.finish()


def _all(run: Run, wanted: list[Area], amount: str) -> None:
    if not wanted:
        return
    python = prepare(run, wanted[0])
    if python is None:
        return
    for area in wanted:
        if area.name == "unit":
            unit(run, area, python, amount)
            continue
        missing = area.arguments() and setup.missing_packages(area.packages)
        if missing and run.step("Debian packages", lambda a=area: packages(a)).failed:  # type: ignore[misc]
            continue
        if area.servers and not servers.ready() and run.step(SERVERS, language_servers).failed:
            continue
        if area.code and run.step("VS Code", lambda: vs_code(run)).failed:
            continue
        run.step(area.name, lambda a=area: steps.pytest(a, python, amount))  # type: ignore[misc]
