"""What belongs to which area of the tests: paths, Debian packages, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Debian's packages, each with the program, or other file, that shows it is there.
PROGRAMS = {
    "acl": "getfacl",
    "attr": "getfattr",
    "busybox": "busybox",
    "chromium": "chromium",
    "clangd": "clangd",
    "elpa-eglot": "/var/lib/dpkg/info/elpa-eglot.list",
    "emacs-nox": "emacs",
    "fish": "fish",
    "git": "git",
    "iproute2": "ip",
    "kakoune": "kak",
    "lsyncd": "lsyncd",
    "micro": "micro",
    "nano": "nano",
    "openssh-client": "ssh",
    "openssh-server": "sshd",
    "pypy3": "pypy3",
    "ripgrep": "rg",
    "rsync": "rsync",
    "screen": "screen",
    "shellcheck": "shellcheck",
    "sshfs": "sshfs",
    "strace": "strace",
    "sudo": "sudoedit",
    "tcsh": "tcsh",
    "tmux": "tmux",
    "util-linux": "setpriv",
    "vim-nox": "vim",
    "xterm": "xterm",
    "xvfb": "Xvfb",
    "zsh": "zsh",
}


@dataclass(frozen=True)
class Area:
    """One word of ``python3 -m tests AREA``; *minutes* is when it is taken for hung and ended.

    *parallel*: its tests share nothing, neither files nor ports, and run side by side.
    """

    name: str
    packages: tuple[str, ...]
    minutes: float
    parallel: bool = False
    code: bool = False
    """Its tests run VS Code, those in one process; see :mod:`tests.harness.code`."""
    repeats: int = 0
    """When at most so many of its tests failed, these are run once more, alone and one after the other. They
    drive real editors by keys, or real servers and tunnels against the clock, on a machine that may be busy;
    what passes only then is listed, so that somebody looks at it. None is whose file is about losses."""

    servers: bool = False
    """Its tests run language servers; see :mod:`tests.harness.servers`."""

    @property
    def directory(self) -> Path:
        return ROOT / "tests" / self.name

    def arguments(self) -> list[str]:
        """What pytest is to collect; ``unit`` is all that belongs to no other area."""
        if self.name != "unit":
            return [f"tests/{self.name}"] if self.directory.is_dir() else []
        others = [one.name for one in AREAS.values() if one is not self] + ["benchmarks"]
        return ["tests", *(f"--ignore=tests/{name}" for name in others)]


BASE = ("acl", "attr", "git", "pypy3", "ripgrep", "shellcheck", "tmux", "util-linux")
SSH = ("openssh-client", "openssh-server")

SHELLS = ("busybox", "fish", "tcsh", "zsh")
LSP = ("clangd", "elpa-eglot", "emacs-nox")
EDITORS = ("chromium", "elpa-eglot", "emacs-nox", "kakoune", "micro", "nano", "vim-nox", "xterm", "xvfb")

AREAS = {
    area.name: area
    for area in (
        Area("unit", (*BASE, *SSH, "sshfs"), 12, parallel=True),
        Area("compat", BASE, 8),
        Area("e2e", (*BASE, *SSH, "sudo", "vim-nox"), 18, parallel=True, repeats=2),
        Area("faults", (*BASE, *SSH, "sshfs", "strace", "vim-nox"), 12),
        Area("editors", (*BASE, *SSH, *EDITORS), 45, parallel=True, code=True, servers=True, repeats=3),
        Area("lsp", (*BASE, *SSH, *LSP), 12, parallel=True, servers=True, repeats=3),
        Area(
            "ssh",
            (*BASE, *SSH, *SHELLS, "iproute2", "screen", "sudo", "vim-nox"),
            15,
            parallel=True,
            repeats=2,
        ),
    )
}
