"""The tunnel's socket on the host when the tunnel is left: sshd never removes it, so this does."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rbridge.ssh import master

DEADLINE = 2.0  # seconds

_REMOVE = (
    'grep -F " 00010000 " /proc/net/unix 2>/dev/null | grep -qF " $1" || '
    '[ -L "$1" ] || [ ! -S "$1" ] || [ ! -O "$1" ] || rm -f "$1"'
)
"""One that somebody listens at is left, where the system tells: this may run late, beside the next tunnel."""


async def remove(over: Sequence[str], socket: str) -> None:
    """Remove *socket*, by a command over the slave's command line *over*: as well as it can be done in time.

    Raises NotListening where ssh cannot be run.
    """
    line = f"exec /bin/sh -c '{_REMOVE}' rbridge {shlex.quote(socket)}"
    await master.run([*over, line], deadline=DEADLINE)
