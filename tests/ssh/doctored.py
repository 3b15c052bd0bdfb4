"""``rbridge doctor`` as a user runs it, and its findings by their names."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rbridge import troubles
from rbridge.findings import Finding, Level
from tests.harness.environment import Home, Ran
from tests.harness.wait import free_port
from tests.ssh.trip import Trip

DOCTOR = """\
import sys
from rbridge import doctor
sys.exit(doctor.run(sys.argv[2:], print, int(sys.argv[1])))
"""

ERRORS = ("visit", "host", "speed")
"""Findings that say an error's own words."""

ON_HOST = """\
import sys
from rbridge.client import doctor, settings
settings.PORT = int(sys.argv[1])
sys.exit(doctor.run(sys.argv[2:]))
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
        for one in self.all:
            wrong = one["level"] in (Level.WARNING.value, Level.FAILURE.value)
            told = Finding(one["hop"], one["name"], Level(one["level"]), one["said"])
            assert not wrong or one["name"] in ERRORS or troubles.known(told), f"rbridge/troubles.py: {one}"
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


def of_this_host(home: Home, port: int = 0, env: Mapping[str, str] | None = None) -> Findings:
    """What the host's own doctor says in a shell there; *port* stands for rmate's own."""
    words = [sys.executable, "-c", ON_HOST, str(port or free_port()), "--json"]
    return Findings(home.run(words, env=env, deadline=90))


@contextmanager
def at(family: int, address: object, greeting: bytes = b"") -> Iterator[None]:
    """Somebody who takes connections at *address*, and says *greeting*, if anything."""
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)  # type: ignore[arg-type]
        listener.listen()
        taken: list[socket.socket] = []

        def serve() -> None:
            try:
                while True:
                    taken.append(listener.accept()[0])
                    taken[-1].sendall(greeting)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for one in taken:
            one.close()
