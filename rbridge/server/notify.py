"""Desktop notifications, for what failed or waits; never for a success.

What is shown also goes to the log and to stderr: a laptop without ``notify-send`` or ``osascript`` still
tells its user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping

import trio

from rbridge.errors import clean
from rbridge.server.log import logger

DEADLINE = 5.0  # seconds one notification may take
QUEUE = 16  # notifications that wait; more than that at once is noise, and the log has them all
PER_MINUTE = 12  # on the desktop: a peer that is refused over and over must not fill it

_OSASCRIPT = (
    "on run argv",
    'display notification (item 1 of argv) with title "rbridge"',
    "end run",
)


def command(environ: Mapping[str, str], which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """The command, less the message, that shows a notification here; empty where there is none."""
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        found = which("notify-send")
        if found:
            return [found, "--app-name=rbridge", "--", "rbridge"]
    found = which("osascript")
    if found:
        return [found, *(word for line in _OSASCRIPT for word in ("-e", line))]
    return []


class Notifier:
    """Shows notifications one after the other; :meth:`tell` never waits."""

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._send, self._receive = trio.open_memory_channel[str](QUEUE)
        self._recent: deque[float] = deque(maxlen=PER_MINUTE)

    @classmethod
    def here(cls, enabled: bool) -> Notifier:
        return cls(command(os.environ) if enabled else [])

    def tell(self, message: str) -> None:
        """Log *message*, show it on stderr and, where that can be done, on the desktop."""
        shown = clean(message)
        logger.warning("%s", shown)
        if self._argv and not self._too_many():
            try:
                self._send.send_nowait(shown)
            except trio.WouldBlock:
                logger.debug("too many notifications at once: the last one is only here")

    def _too_many(self) -> bool:
        now = trio.current_time()
        if len(self._recent) == PER_MINUTE and now - self._recent[0] < 60:
            return True
        self._recent.append(now)
        return False

    async def run(self) -> None:
        """Show what :meth:`tell` was given, until cancelled."""
        async for message in self._receive:
            with trio.move_on_after(DEADLINE):
                await self._show(message)

    async def _show(self, message: str) -> None:
        try:
            await trio.run_process(
                [*self._argv, message],
                stdin=b"",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            logger.info("no desktop notifications: %s", error.strerror)
            self._argv = []
