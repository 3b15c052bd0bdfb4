"""Gets what the tests and the benchmarks need: virtual environments under ``.venvs``, Debian's packages.

What is there already is used again. Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.areas import PROGRAMS, ROOT

VENVS = ROOT / ".venvs"
STAMP = "made-from"  # a file in each environment: what it was made from
PIP_SECONDS = 900
APT_SECONDS = 1200
ALSO_ON_PATH = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # where sshd is, for a user who is not root


class SetupFailed(Exception):
    """Something is missing and could not be had; the message says what to do."""


def tests_python() -> Path:
    """The interpreter with rbridge, editable, and all that tests it."""
    return _environment("tests", ["--editable", f"{ROOT}[dev]"], (ROOT / "pyproject.toml").read_bytes())


def rmate_python() -> Path:
    """The interpreter with PyPI's rmate, alone since rbridge installs a ``rmate`` too."""
    return _environment("rmate", ["rmate==1.0.3"])


def jupyter_python() -> Path:
    """The interpreter with a Jupyter server, its kernel and IPython, as a host may have one."""
    return _environment("jupyter", ["jupyter_server>=2.14,<3", "ipykernel>=6.29,<8"])


def debugpy_python() -> Path:
    """The interpreter with a debugger, as a host may have one."""
    return _environment("debugpy", ["debugpy>=1.8,<2"])


def installed_python() -> Path:
    """The interpreter with rbridge installed as a user has it; the sources decide when it is made anew."""
    sources = sorted(
        [
            *(ROOT / "rbridge").rglob("*.py"),
            *(ROOT / "rbridge").rglob("*.sh"),
            *filter(Path.is_file, (ROOT / "editors").rglob("*")),
        ]
    )
    return _environment("installed", [str(ROOT)], b"".join(path.read_bytes() for path in sources))


def _environment(name: str, packages: list[str], made_from: bytes = b"") -> Path:
    directory = VENVS / name
    python = directory / "bin" / "python"
    key = hashlib.sha256(
        "\n".join([sys.version, sys.base_prefix, str(directory), *packages]).encode() + made_from
    ).hexdigest()
    with _alone(name):
        stamp = directory / STAMP
        if stamp.exists() and stamp.read_text() == key and _runs(python):
            return python
        shutil.rmtree(directory, ignore_errors=True)
        _make_venv(directory)
        _call(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
            PIP_SECONDS,
            f"cannot install what {name} needs with pip",
        )
        stamp.write_text(key)
    return python


def _make_venv(directory: Path) -> None:
    try:
        import ensurepip  # noqa: F401  # Debian has it in a package of its own
    except ImportError:
        install_packages(["python3-venv", f"python3.{sys.version_info[1]}-venv"], force=True)
    _call([sys.executable, "-m", "venv", directory], 120, "cannot make a virtual environment")


def _runs(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", ""], check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Two runs side by side do not make the same thing at once."""
    VENVS.mkdir(exist_ok=True)
    with open(VENVS / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def missing_packages(packages: Iterable[str]) -> list[str]:
    """Those whose program, or other file, is not found."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *ALSO_ON_PATH])

    def found(name: str) -> bool:
        return os.path.isfile(name) if os.path.isabs(name) else shutil.which(name, path=path) is not None

    return sorted(one for one in packages if not found(PROGRAMS[one]))


def install_packages(packages: Iterable[str], force: bool = False) -> list[str]:
    """Install Debian packages that are missing; returns them. *force*: do not ask whether they are.

    Raises SetupFailed, with the line to run, where we are neither root nor have sudo without a password, and
    where there is no apt-get.
    """
    missing = sorted(packages) if force else missing_packages(packages)
    if not missing:
        return []
    words = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if not shutil.which("apt-get"):
        raise SetupFailed(
            f"missing: {' '.join(missing)} (Debian's names; install them with your package manager)"
        )
    prefix = _as_root()
    if prefix is None:
        line = " ".join(words)
        raise SetupFailed(f"missing: {' '.join(missing)}; run: sudo apt-get update && sudo {line}")
    prefix = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    with _alone("apt"):
        _call([*prefix, "apt-get", "-q", "update"], APT_SECONDS, "apt-get update failed")
        _call([*prefix, *words], APT_SECONDS, "apt-get install failed")
    if not force and (still := missing_packages(missing)):
        raise SetupFailed(f"installed, but not found: {' '.join(still)}")
    return missing


def _as_root() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL, check=False)
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None


def _call(argv: list[str | Path], seconds: float, complaint: str) -> None:
    """Run a command quietly; what it printed is shown when it fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        raise SetupFailed(f"{complaint}: not done after {seconds:g} s") from None
    if done.returncode:
        tail = done.stdout.decode("utf-8", "replace").splitlines()[-30:]
        raise SetupFailed("\n    ".join([f"{complaint} (exit {done.returncode})", *tail]))
