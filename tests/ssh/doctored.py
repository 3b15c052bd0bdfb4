"""``rbridge doctor`` as a user runs it, and its findings by their names."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.harness.environment import Home, Ran
from tests.harness.wait import free_port
from tests.ssh.trip import Trip

DOCTOR = """\
import sys
from rbridge import doctor
sys.exit(doctor.run(sys.argv[2:], print, int(sys.argv[1])))
"""


def said(home: Home, *arguments: str, port: int = 0) -> Ran:
    """It looks at *port* in place of rmate's own, which others of this machine may hold."""
    return home.run([sys.executable, "-c", DOCTOR, str(port or free_port()), *arguments], deadline=90)


class Findings:
    """What one run found: *code* is its exit code. The options of ssh that were *given* are left out of what
    it proposes.
    """

    def __init__(self, ran: Ran, given: str = "") -> None:
        self.code = ran.code
        assert ran.code in (0, 69), ran
        self.answer: dict[str, Any] = json.loads(ran.out)
        self.all: Sequence[dict[str, Any]] = self.answer["findings"]
        self.proposed = [str(one["mend"]) for one in self.all]
        for one in self.all:
            one["mend"] = one["mend"].replace(given, "")

    def __getitem__(self, name: str) -> dict[str, Any]:
        """The one of that *name*."""
        found = [one for one in self.all if one["name"] == name]
        assert len(found) == 1, (name, self)
        return found[0]

    def __contains__(self, name: str) -> bool:
        return any(one["name"] == name for one in self.all)

    def wrong(self) -> list[str]:
        """The names of all that is not ok."""
        return [str(one["name"]) for one in self.all if one["level"] != "ok"]

    def __repr__(self) -> str:
        return "\n".join(f"{one['level']} {one['name']}: {one['said']} -> {one['mend']}" for one in self.all)


def of_laptop(home: Home, port: int = 0) -> Findings:
    return Findings(said(home, "--json", port=port))


def of_host(trip: Trip, *options: str, alias: str = "", port: int = 0) -> Findings:
    words = ["-F", str(trip.sshd.config), *options, "--json", alias or trip.sshd.alias]
    return Findings(said(trip.laptop, *words, port=port), f"-F{trip.sshd.config} ")
