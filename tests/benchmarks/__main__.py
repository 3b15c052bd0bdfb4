"""``python -m tests.benchmarks [open save scale deltas editors lsp ssh]``: sets up, measures, prints.

An area is a module of this package with ``run(table, quick)`` and ``PACKAGES``, Debian's packages it needs.
Those of ``save`` and ``editors`` also take the options that name a part of them.
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

AREAS = {
    "open": "until a file is at the laptop, beside PyPI's rmate and cat",
    "save": "until the host has it, beside rmate, rsync, scp, sshfs and lsyncd, over slow lines",
    "scale": "1,000 documents of 20 hosts",
    "deltas": "what is sent of an edit, and how long that is computed",
    "editors": "rbridge's share of an open and of a save in each editor; folders of 100,000 files",
    "lsp": "language clients, through the bridge and beside it",
    "ssh": "connections",
}
RTTS = (0.0, 50.0, 200.0)
PARTS = {"save": ("rtt", "size", "edit", "rounds"), "editors": ("editor",)}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure rbridge beside its peers. Without AREA: all.",
        epilog="areas:\n" + "\n".join(f"  {name:<20}  {what}" for name, what in AREAS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("areas", nargs="*", metavar="AREA", help="what is measured, see below")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller files: to try it out")
    chosen = parser.add_argument_group("a part of save; each may be repeated")
    chosen.add_argument("--rtt", type=float, action="append", choices=RTTS, help="the round trip, in ms")
    chosen.add_argument("--size", action="append", choices=("10KB", "1MB", "50MB"))
    chosen.add_argument("--edit", action="append", choices=("one", "two", "whole"))
    chosen.add_argument("--rounds", type=int, help="saves of each contestant")
    chosen = parser.add_argument_group("a part of editors; may be repeated")
    chosen.add_argument(
        "--editor",
        action="append",
        metavar="EDITOR",
        help="nvim, vim, vscode, ..., with the peer of all; or folders",
    )
    options = parser.parse_args(argv)
    unknown = [name for name in options.areas if name not in AREAS]
    if unknown:
        parser.error(f"no such area: {' '.join(unknown)} (there are: {' '.join(AREAS)})")
    part = {}
    for area, names in PARTS.items():
        given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
        if given and options.areas != [area]:
            parser.error(f"--{' --'.join(given)}: for {area} alone")
        part.update(given)
    try:
        python = setup.tests_python()
        if os.path.realpath(sys.prefix) != os.path.realpath(python.parent.parent):
            os.execv(python, [str(python), "-m", "tests.benchmarks", *argv])
        return measure(options.areas or list(AREAS), options.quick, part)
    except setup.SetupFailed as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1


def measure(areas: list[str], quick: bool, part: dict[str, Any]) -> int:
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
