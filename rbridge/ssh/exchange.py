"""The host's end of a transfer, started over a master: one exec channel, and the modules that run there.

The command line holds a line of sh, which finds a Python, and what that reads its program with: no quote,
backslash, newline or exclamation mark within it, so that it means the same to bash, fish and tcsh. The
program itself goes over stdin, where other users of the host do not see it, with all names of files.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import InspectLoader
from types import TracebackType

from rbridge.errors import NotListening, RbridgeError, RemoteProtocolError, SaveLost, TryAgain, clean
from rbridge.ssh import farside, fetching, frames, giving, outcomes, place, taking
from rbridge.ssh.frames import SILENT, Channel, Lost, Nonsense

PATIENCE = 60.0  # seconds until the host's end has to speak: slow rc files, a cold NFS home
LEAVING = 3.0  # seconds for ssh to end by itself
NO_PYTHON = 98
LOST = 255  # ssh's own exit code

PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python", "python3")
MODULES = (fetching, frames, outcomes, giving, place, taking, farside)

# 2: that Python does not know -I; 99: it is too old; 126, 127: it cannot be started
_FIND = (
    'for p in {pythons}; do command -v "$p" >/dev/null 2>&1 || continue; "$p" -IS -c "$@"; r=$?; '
    "case $r in 2|99|126|127) ;; *) exit $r;; esac; done; exit {none}"
)
_READ = (
    "import sys;sys.version_info>=(3,6) or sys.exit(99);import zlib;b=sys.stdin.buffer;"
    'exec(compile(zlib.decompress(b.read(int(sys.argv[1]))),"rbridge","exec"))'
)
_LOAD = """
import sys, types
for name in ("rbridge", "rbridge.ssh"):
    sys.modules[name] = types.ModuleType(name)
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
sys.exit(sys.modules["rbridge.ssh.farside"].main(sys.argv[2], b.read(len(b.peek()))))
"""


def program() -> bytes:
    """What the host's Python runs, compressed."""
    sources = [(name, _source(name)) for name in (module.__name__ for module in MODULES)]
    return zlib.compress(_LOAD.format(sources=sources).encode())


def _source(name: str) -> str:
    """The text of the module *name*, from wherever it was imported."""
    loader = sys.modules[name].__loader__
    assert isinstance(loader, InspectLoader)
    return loader.get_source(name) or ""


def command(length: int, mark: str, pythons: Sequence[str] = PYTHONS) -> str:
    """The line for the host's login shell."""
    find = _FIND.format(pythons=" ".join(pythons), none=NO_PYTHON)
    return f"exec /bin/sh -c '{find}' rbridge '{_READ}' {length} {mark}"


class Exchange:
    """The host's end, running: *over* is the command line of a slave, less the command for the host.

    *channel* is there once the ``with`` block is entered, which raises NotListening, TryAgain or another
    RbridgeError where the host's end does not come up. Leaving it ends ssh.
    """

    channel: Channel

    def __init__(self, over: Sequence[str], host: str, pythons: Sequence[str] = PYTHONS) -> None:
        self.host = clean(host)
        self._over = list(over)
        self._pythons = pythons
        self._mark = secrets.token_hex(16)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with ssh

    def __enter__(self) -> Exchange:
        code = program()
        try:
            self._ssh = subprocess.Popen(
                [*self._over, command(len(code), self._mark, self._pythons)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for us: we end it
            )
        except OSError as error:
            self._errors.close()
            raise NotListening(f"cannot run ssh: {error.strerror}", "install OpenSSH") from None
        assert self._ssh.stdin
        assert self._ssh.stdout
        self._in, self._out = self._ssh.stdin.fileno(), self._ssh.stdout.fileno()
        self.channel = Channel(self._out, self._in)
        try:
            self._send(code)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if isinstance(error, Lost):
                raise self._lost(str(error) == SILENT) from None
            if isinstance(error, Nonsense):
                raise RemoteProtocolError(
                    f"{self.host} sent what makes no sense: {clean(str(error))}"
                ) from None
        finally:
            self._end()

    def meet(self) -> None:
        """Have what was said on its way, and hear the host's first words. Raises Lost, Nonsense."""
        self.channel.skip_to(f"\n{self._mark}\n".encode(), PATIENCE)
        if self.channel.record().get("rbridge") != farside.VERSION:
            raise Nonsense("another version")

    def _send(self, code: bytes) -> None:
        rest = memoryview(code)
        try:
            while rest:
                rest = rest[os.write(self._in, rest) :]
        except ConnectionError:
            raise self._lost() from None

    def _lost(self, silent: bool = False) -> RbridgeError:
        """Why the host's end is gone."""
        if silent:
            return TryAgain(f"{self.host} did not answer within {PATIENCE:g} s")
        self._close()
        with suppress(subprocess.TimeoutExpired):
            self._ssh.wait(LEAVING)
        code, said = self._ssh.returncode, self._said()
        if code == NO_PYTHON:
            return NotListening(
                f"{self.host} has no Python 3.6 or newer", "it is needed there to get and put files"
            )
        if code in (None, LOST) or code < 0:
            why = f" ({said})" if said else ""
            return TryAgain(f"the connection to {self.host} was lost{why}")
        return SaveLost(f"the transfer ended on {self.host}: {said or f'exit code {code}'}")

    def _said(self) -> str:
        """The last line on ssh's stderr."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 4096))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return clean(lines[-1].strip())[:300] if lines else ""

    def _close(self) -> None:
        for pipe in (self._ssh.stdin, self._ssh.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _end(self) -> None:
        self._close()
        try:
            self._ssh.wait(LEAVING)
        except subprocess.TimeoutExpired:
            self._ssh.kill()
            self._ssh.wait()
        self._errors.close()
