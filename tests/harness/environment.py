"""A private environment per test: directories of its own, and no variable of whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.harness.wait import Never, until

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")
PROGRAMS = "/usr/bin:/bin"
"""A PATH with the machine's own programs, and without those of the environment that the tests run in."""

# Taken over from the person's environment; everything else is left out, so that nothing leaks in.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYENV_ROOT", "PYENV_VERSION")
# Names the test that a process belongs to; inherited by all that it starts.
MARK = "RBRIDGE_TESTS_MARK"


class Home:
    """Directories of one imaginary person on one imaginary machine, and the environment that leads there.

    Paths are short: a Unix socket's may have 100 bytes. The runtime directory is in memory where the
    machine has a memory file system, as it is in real use. *env* is what processes get; change it freely.
    """

    def __init__(self, name: str = "home") -> None:
        self.mark = uuid.uuid4().hex
        self.root = Path(tempfile.mkdtemp(prefix="rb-", dir="/tmp")).resolve()
        self.path = self._make(self.root / name)
        self.state = self._make(self.root / "state")
        self.config = self._make(self.root / "config")
        memory = os.access(MEMORY, os.W_OK)
        self._memory = Path(tempfile.mkdtemp(prefix="rb-", dir=MEMORY)) if memory else None
        self.runtime = self._make((self._memory or self.root) / "run")
        self.env: dict[str, str] = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env.update(
            HOME=str(self.path),
            USER="tester",
            LOGNAME="tester",
            SHELL="/bin/sh",
            TERM="xterm-256color",
            PYTHONPATH=str(ROOT),
            RBRIDGE_RUNTIME_DIR=str(self.runtime),
            RBRIDGE_STATE_DIR=str(self.state),
            XDG_CONFIG_HOME=str(self.config),
        )
        self.env[MARK] = self.mark
        self.env.setdefault("LANG", "C.UTF-8")

    @staticmethod
    def _make(path: Path) -> Path:
        path.mkdir(mode=0o700)
        return path

    def file(self, name: str, content: str | bytes = "", mode: int = 0o644) -> Path:
        """Write a file under the home directory, with the directories that lead to it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def script(self, name: str, text: str) -> Path:
        """An executable file; *text* begins with its ``#!`` line."""
        return self.file(name, text, 0o755)

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        stdin: str | bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        deadline: float = 30.0,
    ) -> Ran:
        """Run a command to its end; one that takes longer than *deadline* seconds is killed, and fails.

        It ends when its last process has closed stdout and stderr: one that stays behind must let them go.
        """
        words = [os.fspath(word) for word in argv]
        try:
            done = subprocess.run(
                words,
                input=stdin.encode() if isinstance(stdin, str) else stdin,
                capture_output=True,
                env={**self.env, **(env or {})},
                cwd=cwd or self.path,
                timeout=deadline,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            printed = f"out={late.stdout!r}, err={late.stderr!r}"
            raise Never(f"not ended within {deadline:g} s: {words}; it printed {printed}") from None
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a command in this environment; whoever starts it stops it with :func:`stop`."""
        return subprocess.Popen(
            [os.fspath(word) for word in argv],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**self.env, **(env or {})},
            cwd=cwd or self.path,
        )

    def processes(self) -> list[int]:
        """Pids of the living processes that carry this environment's mark (Linux)."""
        return [pid for pid in _pids() if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return pid != os.getpid() and f"{MARK}={self.mark}".encode() in environ.split(b"\0")

    def close(self) -> None:
        """End what still runs here, by its pid, and remove the directories."""
        for pid in self.processes():
            signalled(pid, signal.SIGTERM)
        try:
            until(lambda: not self.processes(), 3.0)
        except Never:
            for pid in self.processes():
                signalled(pid, signal.SIGKILL)
        for directory in (self._memory, self.root):
            if directory is not None:
                shutil.rmtree(directory, onerror=_allow_and_retry)


class Ran:
    """What a finished command left: its exit code and what it printed."""

    def __init__(self, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code = code
        self.out_bytes = stdout
        self.out = stdout.decode("utf-8", "replace")
        self.err = stderr.decode("utf-8", "replace")

    def ok(self) -> Ran:
        """Check that it ended with 0; for chaining."""
        assert self.code == 0, self
        return self

    def __repr__(self) -> str:
        return f"Ran(code={self.code}, out={self.out!r}, err={self.err!r})"


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM, deadline: float = 15.0) -> int:
    """Signal one process that we started, wait for its end, return its exit code (negative: a signal)."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        code = process.wait(deadline)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(deadline)
        raise Never(f"{process.args!r} still runs {deadline:g} s after signal {number:d}") from None
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return code


def rbridge(*words: str) -> list[str]:
    """The command line of the package under test, run by the interpreter that runs the tests."""
    return [sys.executable, "-m", "rbridge", *words]


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return []


def signalled(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _allow_and_retry(remove: object, path: str, _info: object) -> None:
    """A test took a directory's permissions away: give them back, then remove it after all."""
    parent = os.path.dirname(path)
    if parent not in ("/tmp", str(MEMORY)):  # those are everybody's
        os.chmod(parent, 0o700)
    if os.path.isdir(path) and not os.path.islink(path):
        os.chmod(path, 0o700)
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)
