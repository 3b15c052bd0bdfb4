"""Names a process such that another one of ours finds it again, or knows that it is gone.

A pid alone names no process for long; with the moment of its start, in this boot, it does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rbridge import system

KIND = "process"
PS = 5.0  # seconds that ps may take
PROC = Path("/proc")

_GONE = ("Z", "X", "x")


def trace(pid: int) -> dict[str, Any]:
    """What finds the process *pid* again; empty where the system does not tell when it was started."""
    start = birth(pid)
    return {"kind": KIND, "pid": pid, "start": start} if start else {}


def lives(resume: Mapping[str, Any]) -> bool:
    """Whether the process of which *resume* is the trace still runs."""
    pid = resume.get("pid")
    return isinstance(pid, int) and pid > 1 and birth(pid) == resume.get("start")


def birth(pid: int, proc: Path = PROC) -> str:
    """When process *pid* was started, in the system's own words; empty if it has ended or nobody can tell.

    On Linux field 22 of ``/proc/PID/stat`` (proc(5): clock ticks since the boot) and the boot's id, elsewhere
    what ps says.
    """
    try:
        fields = (proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return "" if (proc / "self").exists() else _asked(pid)
    return "" if fields[0] in _GONE else f"{fields[19]} {system.boot_id()}".strip()


def _asked(pid: int) -> str:
    try:
        done = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, timeout=PS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    state, _, start = done.stdout.decode("ascii", "replace").strip().partition(" ")
    return "" if state[:1] in _GONE else start.strip()
