"""Whether who listens at a socket is a process that this one descends from.

The shell of a login by ssh is a child of the sshd of its connection, and that very process listens at the
sockets which this connection forwards. So of several forwards the one whose listener is an ancestor of ours
leads to where the user sits: unlike a variable that is as old as the tmux server, this cannot be stale.
All sessions of a shared connection (ControlMaster) have one sshd.

Nothing is learnt, and nothing guessed, where the chain is broken (tmux, screen, a job, sudo with a hidden
/proc), in a container that has its own process ids, on TCP (only root may see who has a port), and on systems
without /proc.
"""

import os
import sys

from rbridge import system

MYPY = False
if MYPY:
    from typing import Any, List

DEEPEST = 256
"""Ancestors that are looked at; a chain that long is no user's."""


def listener(sock: "Any", platform: str = sys.platform) -> int:
    """The process that listens at the other end of the connected Unix socket *sock*, 0 if not to be had.

    Linux: SO_PEERCRED names who called ``listen``. 0 stands also for one outside of our pid namespace.
    """
    if not platform.startswith("linux"):
        return 0
    try:
        return int.from_bytes(sock.getsockopt(system.SOL_SOCKET, system.SO_PEERCRED, 12)[:4], sys.byteorder)
    except OSError:
        return 0


def ancestors(proc: str = "/proc") -> "List[int]":
    """The processes that this one descends from, the nearest first, as far as can be seen."""
    try:
        if os.readlink(os.path.join(proc, "self")) != str(os.getpid()):
            return []  # of another pid namespace
    except OSError:
        return []
    found: "List[int]" = []
    pid = os.getppid()
    while pid > 1 and pid not in found and len(found) < DEEPEST:
        found.append(pid)
        try:
            with open(os.path.join(proc, str(pid), "stat"), "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return found
