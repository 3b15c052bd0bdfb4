"""``python -m tests.benchmarks [open save scale deltas editors lsp ssh]``: sets up, measures, prints.

An area is a module of this package with ``run(table, quick)`` and ``PACKAGES``, Debian's packages it needs.
That of ``save`` also takes the options that name a part of it.
The exit code is 0 also when a goal is missed: the table says so. Anything that keeps a number from being
measured is an error.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import sys
import time
from typing import Any

from tests.benchmarks.table import Table
from tests.harness import setup

AREAS = ("open", "save", "scale", "deltas", "editors", "lsp", "ssh")
RTTS = (0.0, 50.0, 200.0)
PART = ("rtt", "size", "edit", "rounds")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure rbridge beside its peers. Without AREA: all."
    )
    parser.add_argument("areas", nargs="*", metavar="AREA", help=" ".join(AREAS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller files: to try it out")
    chosen = parser.add_argument_group("a part of save; each may be repeated")
    chosen.add_argument("--rtt", type=float, action="append", choices=RTTS, help="the round trip, in ms")
    chosen.add_argument("--size", action="append", choices=("10KB", "1MB", "50MB"))
    chosen.add_argument("--edit", action="append", choices=("one", "two", "whole"))
    chosen.add_argument("--rounds", type=int, help="saves of each contestant")
    options = parser.parse_args(argv)
    unknown = [name for name in options.areas if name not in AREAS]
    if unknown:
        parser.error(f"no such area: {' '.join(unknown)} (there are: {' '.join(AREAS)})")
    part = {name: getattr(options, name) for name in PART if getattr(options, name) is not None}
    if part and options.areas != ["save"]:
        parser.error(f"--{' --'.join(part)}: these are for save alone")
    try:
        python = setup.tests_python()
        if os.path.realpath(sys.prefix) != os.path.realpath(python.parent.parent):
            os.execv(python, [str(python), "-m", "tests.benchmarks", *argv])
        return measure(options.areas or AREAS, options.quick, part)
    except setup.SetupFailed as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1


def measure(areas: list[str] | tuple[str, ...], quick: bool, part: dict[str, Any]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):  # what was started is ended then too
        signal.signal(number, signal.default_int_handler)
    begin = time.monotonic()
    table = Table()
    for area in areas:
        name = f"tests.benchmarks.{area}"
        if importlib.util.find_spec(name) is None:
            print(f"{area}: there is nothing to measure yet", flush=True)
            continue
        module = importlib.import_module(name)
        setup.install_packages(module.PACKAGES)
        table.section(area)
        module.run(table, quick, **part)
    print(f"\n{time.monotonic() - begin:.0f} s in all; {table.sum()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
