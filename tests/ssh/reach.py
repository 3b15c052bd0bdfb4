"""A laptop with a daemon and a tunnel, and a host behind a real sshd: for what goes through both."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, rbridge, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until

LEADS = re.compile(r"http://127\.0\.0\.1:(\d+) on \S+ leads to port (\d+)")
SHOW = """#!/bin/sh
case "$1" in
  file://*) cat "${1#file://}" ;;
esac >"$0.page"
echo "$1" >"$0.said"
"""


class Reach:
    """The host is ``gpu1``; its files are in *remote*, those of the laptop in *laptop*."""

    def __init__(self) -> None:
        self.remote, self.laptop = Home("remote"), Home("laptop")
        self.sshd = Sshd(self.remote)
        self.browser = self.laptop.script("browser", SHOW)
        self.laptop.env["BROWSER"] = str(self.browser)
        self.daemon = self.serve()
        self.connect()
        self.rbridge = self.remote.path / ".local/bin/rbridge"
        self.remote.env.pop("PYTHONPATH")  # the single file, and nothing beside it
        self.remote.env["PATH"] = f"{self.rbridge.parent}:{self.remote.env['PATH']}"

    def serve(self) -> Daemon:
        return Daemon(self.laptop, editor="true {file}", listen=("unix",))

    def connect(self) -> None:
        self.laptop.run(rbridge("connect", "-F", str(self.sshd.config), "gpu1"), deadline=60).ok()

    def close(self) -> None:
        self.daemon.stop()
        self.sshd.close()
        self.remote.close()
        self.laptop.close()

    # On the host

    def host(self, *words: str, env: dict[str, str] | None = None) -> Ran:
        return self.remote.run([self.rbridge, *words], env=env)

    def resident(self) -> int:
        """The process in the background, once no command is there any more."""

        def alone() -> list[int]:
            found = [one for one in self.remote.processes() if "/.local/bin/rbridge\0" in words(one)]
            return found if len(found) == 1 else []

        return until(alone, deadline=60, what="one client of the host")[0]

    @contextmanager
    def asked(self, *arguments: str, allow: bool = True) -> Iterator[subprocess.Popen[bytes]]:
        """A command on the host, of which the question is answered on the laptop."""
        process = self.remote.start([self.rbridge, *arguments])
        try:
            until(lambda: "asks that" in self.allow().out)
            self.allow(*(("--all",) if allow else ("--all", "--deny"))).ok()
            yield process
        finally:
            stop(process)

    def port(self, number: int) -> int:
        """Have that port on the laptop; where it is there."""
        with self.asked("port", str(number)) as process:
            _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
        return self.leads(said.decode())

    def leads(self, said: str) -> int:
        found = LEADS.search(said)
        assert found is not None, said
        return int(found.group(1))

    # On the laptop

    def allow(self, *arguments: str) -> Ran:
        return self.laptop.run(rbridge("allow", *arguments))

    def status(self) -> str:
        return self.laptop.run(rbridge("status")).ok().out

    def cut(self) -> None:
        """The connection is lost; the daemon makes another one by itself."""
        (control,) = self.laptop.runtime.glob("cm.????????")
        said = self.laptop.run(["ssh", "-S", str(control), "-O", "check", "gpu1"]).err
        os.kill(int(re.findall(r"pid=(\d+)", said)[0]), signal.SIGKILL)

    def shown(self) -> tuple[str, str]:
        """What the browser was told to show, and the page if it is one of ours."""
        said = Path(f"{self.browser}.said")
        until(said.exists)
        told = said.read_text().strip()
        said.unlink()
        return told, Path(f"{self.browser}.page").read_text()


class Server:
    """A program of the host that listens on its loopback, *text* in Python with the socket ``listener``."""

    def __init__(self, reach: Reach, text: str, port: int = 0) -> None:
        start = "import socket, sys, threading\n"
        start += f"listener = socket.create_server(('127.0.0.1', {port}), backlog=256)\n"
        start += "print(listener.getsockname()[1], flush=True)\n"
        self.process = reach.remote.start([sys.executable, "-c", start + text], stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        stop(self.process)


def words(pid: int) -> str:
    """The command line of a process, NUL between its words; "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def memory(pid: int) -> int:
    """Bytes that the process has in memory."""
    (line,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) * 1024


def ask(port: int, said: bytes = b"", end: bool = True) -> bytes:
    """Connect to *port* of this machine, say that, and hear all that comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(said)
        if end:
            try:
                client.shutdown(socket.SHUT_WR)
            except OSError as error:  # it was broken off already
                raise ConnectionResetError(*error.args) from error
        heard = bytearray()
        while data := client.recv(1 << 16):
            heard += data
    return bytes(heard)
