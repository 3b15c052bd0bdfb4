"""A private X server without a screen."""

from __future__ import annotations

import os
import select
import shutil
import subprocess

from tests.harness.environment import Home, stop
from tests.harness.wait import Never

DEADLINE = 20.0


class Display:
    """Xvfb on a display number that it finds free itself; *name* is what goes into $DISPLAY."""

    def __init__(self, home: Home) -> None:
        assert shutil.which("Xvfb"), "this test needs Xvfb: apt-get install xvfb"
        self._errors = home.root / "xvfb"
        reader, writer = os.pipe()
        try:
            with self._errors.open("wb") as errors:
                self._server = subprocess.Popen(
                    ["Xvfb", "-displayfd", str(writer), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
                    pass_fds=[writer],
                    env=home.env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
            os.close(writer)
            writer = -1
            self.name = f":{self._number(reader)}"
        finally:
            os.close(reader)
            if writer >= 0:
                os.close(writer)

    def _number(self, reader: int) -> int:
        """What the server says when it is ready."""
        said = b""
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([reader], [], [], DEADLINE)
            more = os.read(reader, 16) if ready else b""
            if not more:
                self.close()
                raise Never(f"Xvfb did not start: {self._errors.read_text(errors='replace')}")
            said += more
        return int(said)

    def close(self) -> None:
        stop(self._server)
