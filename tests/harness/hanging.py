"""A file server that stops answering on command: sshfs over an sftp-server of its own, stopped by a signal.

While it is stopped every call for a file there blocks in the kernel, as with an NFS server that is away.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.harness.environment import Home
from tests.harness.wait import until

SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/lib/ssh/sftp-server", "/usr/libexec/openssh/sftp-server")
SCRIPT = """#!/bin/sh
echo $$ > {pid}
exec {server}
"""


class FileServer:
    """Serves the directory *there* of *home* at *path*."""

    def __init__(self, home: Home, name: str = "nfs") -> None:
        program = shutil.which("sshfs")
        server = next(filter(os.path.exists, SERVERS), None)
        assert program, "sshfs is missing: install Debian's sshfs"
        assert server, "sftp-server is missing: install Debian's openssh-sftp-server"
        self.home = home
        self.there = home.root / f"{name}-there"
        self.path = home.root / name
        for directory in (self.there, self.path):
            directory.mkdir()
        pid = home.root / f"{name}.pid"
        script = home.script(f"bin/{name}", SCRIPT.format(pid=pid, server=server))
        options = f"ssh_command={script},dir_cache=no,idmap=user"
        self.process: subprocess.Popen[bytes] = home.start(
            [program, "-f", "-o", options, f"x:{self.there}", self.path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: os.path.ismount(self.path), what="sshfs is mounted")
        self.server = int(until(pid.read_text, what="sftp-server runs"))
        self.hangs = False

    def hang(self) -> None:
        """Answer nothing any more."""
        os.kill(self.process.pid, signal.SIGSTOP)
        self.hangs = True

    def answer(self) -> None:
        """Answer all that was asked meanwhile, and what comes."""
        os.kill(self.process.pid, signal.SIGCONT)
        self.hangs = False

    def file(self, name: str, data: bytes) -> Path:
        """A file there; its path as others see it."""
        (self.there / name).write_bytes(data)
        return self.path / name

    def close(self) -> None:
        """Unmount it."""
        self.answer()
        self.home.run(["fusermount3", "-u", "-z", self.path])
        self.process.wait(20)
