"""How the client is started in the tests: as the package, as the single file, and that file under PyPy."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rbridge import build

PYPY = "/usr/bin/pypy3"


class Builds:
    """The single-file client, written when first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def file(self) -> Path:
        path = self._directory / "rbridge"
        if not path.exists():
            build.write(path)
        return path

    @property
    def rmate(self) -> Path:
        """The same file under the name ``rmate``, as a link."""
        path = self._directory / "rmate"
        if not path.is_symlink():
            path.symlink_to(self.file.name)
        return path

    def command(self, kind: str) -> list[str]:
        """*kind* is ``package``, ``single-file`` or ``pypy``; a PyPy that is missing fails the test."""
        if kind == "package":
            return [sys.executable, "-m", "rbridge"]
        if kind == "single-file":
            return [str(self.file)]
        found = shutil.which(PYPY)
        assert found, f"{PYPY} is missing: install Debian's pypy3, as python3 -m tests does"
        return [found, "-I", "-S", str(self.file)]
