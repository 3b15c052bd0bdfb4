"""A real daemon in a process of its own: started, found ready by what it prints, and stopped by its pid."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.harness.environment import Home, Ran, rbridge, stop
from tests.harness.wait import until

BOTH = ("127.0.0.1:0", "unix")


class Daemon:
    """``rbridge serve`` in *home*.

    *listen* holds ADDRs as ``--listen`` takes them; the word ``unix`` stands for ``daemon.sock`` in the
    runtime directory. *editor* is ``--editor``'s SPEC. Ready when one ``listening on`` line per ADDR is out.
    """

    def __init__(
        self,
        home: Home,
        *,
        editor: str | None = None,
        listen: Iterable[str] = BOTH,
        config: str = "",
        env: dict[str, str] | None = None,
        args: Sequence[str] = (),
        ready: bool = True,
    ) -> None:
        self.home = home
        self.socket = home.runtime / "daemon.sock"
        if config:
            target = home.config / "rbridge" / "config.toml"
            target.parent.mkdir(mode=0o700, exist_ok=True)
            target.write_text(config)
        addresses = [f"unix:{self.socket}" if one == "unix" else one for one in listen]
        words = [word for one in addresses for word in ("--listen", one)]
        if editor is not None:
            words += ["--editor", editor]
        self._out = home.root / f"serve-{os.urandom(3).hex()}.out"
        self._err = self._out.with_suffix(".err")
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process: subprocess.Popen[bytes] = home.start(
                [*rbridge("serve"), *words, *args], env=env, stdout=out.fileno(), stderr=err.fileno()
            )
        self.addresses: list[str] = []
        if ready:
            until(lambda: len(self._listening()) >= len(addresses) or self._died(), what="the daemon listens")
            self.addresses = self._listening()

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def log(self) -> Path:
        """The file that its standard error goes to."""
        return self._err

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        tcp = [one for one in self.addresses if not one.startswith("unix:")]
        return int(tcp[0].rpartition(":")[2])

    def _listening(self) -> list[str]:
        lines = self.out.splitlines()
        return [line[len("listening on ") :] for line in lines if line.startswith("listening on ")]

    def _died(self) -> bool:
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"the daemon ended with {code}: {self.err or self.out}")
        return False

    def wait(self, deadline: float = 20.0) -> Ran:
        """Wait for an end that comes by itself, as for a wrong command line."""
        code = self.process.wait(deadline)
        return Ran(code, self._out.read_bytes(), self._err.read_bytes())

    def kill(self) -> None:
        """End it as a crash would; nothing is checked afterwards."""
        stop(self.process, signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it cleanly: exit code 0, no socket and no text left behind. Does nothing when it is over."""
        if self.process.poll() is not None:
            return
        code = stop(self.process, number)
        assert code == 0, f"the daemon ended with {code}: {self.err}"
        left = leftovers(self.home.runtime)
        assert not left, f"the daemon left {left}"


def leftovers(runtime: Path) -> list[str]:
    """Sockets and remote texts below *runtime*: what no daemon may leave when it has ended."""
    found = []
    for directory, _names, files in os.walk(runtime):
        for name in files:
            path = Path(directory) / name
            if path.is_socket() or "files" in path.relative_to(runtime).parts[:-1]:
                found.append(str(path))
    return found
