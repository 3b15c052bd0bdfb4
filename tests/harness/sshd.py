"""A private OpenSSH server on loopback: own keys, own configuration, a temporary home on its far side.

It runs as whoever runs the tests, root or not, and lets exactly that user in, with a key made for the test.
Clients use the configuration file that :attr:`Sshd.config` names: ``ssh -F CONFIG ALIAS``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.harness.environment import Home, Ran, stop
from tests.harness.wait import free_port, until

PRIVILEGE_SEPARATION = Path("/run/sshd")
TRIES = 5  # a free port may be taken by someone else before sshd has it
ALIAS = "gpu1"
JUMP_ALIAS = "login1"
VIA_ALIAS = "gpu1-via"

SERVER = """
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_key
PidFile {directory}/pid
AuthorizedKeysFile {directory}/authorized_keys
AuthenticationMethods publickey
PermitRootLogin yes
StrictModes no
UsePAM no
PrintMotd no
UseDNS no
LogLevel VERBOSE
MaxStartups 200
MaxSessions 200
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
SetEnv {variables}
"""

CLIENT = """
Host {alias}
    HostName 127.0.0.1
    Port {port}
    User {user}
    HostKeyAlias {alias}
    {extra}

"""

CLIENT_FOR_ALL = """
Host *
    IdentityFile {directory}/key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 10
    ControlPath none
"""


class Sshd:
    """One server; *remote* is the environment that commands on its far side see.

    *options* are further lines of sshd_config (the first value of an option wins, as always in that file).
    *before* stands before sshd's command line, as :func:`tests.harness.view.view` makes it.
    """

    def __init__(
        self, remote: Home, *, alias: str = ALIAS, options: Sequence[str] = (), before: Sequence[str] = ()
    ) -> None:
        self.remote = remote
        self.alias = alias
        self.directory = remote.root / f"sshd-{alias}"
        self.directory.mkdir(mode=0o700)
        self.config = self.directory / "ssh_config"
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self._options = options
        self._before = before
        self._program = _program("sshd")
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self._make_keys()
        self.port = 0
        self.process = self._start()
        self.pid = self.process.pid
        self._hosts = [CLIENT.format(alias=alias, port=self.port, user=self.user, extra="")]
        self._write_config()

    def _make_keys(self) -> None:
        for name in ("host_key", "key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f"]
            self.remote.run([*words, self.directory / name]).ok()
        shutil.copy(self.directory / "key.pub", self.directory / "authorized_keys")
        public = (self.directory / "host_key.pub").read_text()
        (self.directory / "known_hosts").write_text(f"{self.alias} {public}")

    def _start(self) -> subprocess.Popen[bytes]:
        for _ in range(TRIES):
            self.port = free_port()
            variables = " ".join(f'"{name}={value}"' for name, value in self.remote.env.items())
            text = SERVER.format(port=self.port, directory=self.directory, variables=variables)
            # sshd takes the first value of an option: the test's own lines come first.
            (self.directory / "sshd_config").write_text("\n".join(self._options) + text)
            files: list[str | Path] = ["-f", self.directory / "sshd_config", "-E", self.directory / "log"]
            process = self.remote.start(
                [*self._before, self._program, "-D", *files],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            until(lambda p=process: p.poll() is not None or "Server listening" in self.log())  # type: ignore[misc]
            if process.poll() is None:
                return process
        raise RuntimeError(f"sshd does not start: {self.log()}")

    def _write_config(self) -> None:
        for_all = CLIENT_FOR_ALL.format(directory=self.directory)
        self.config.write_text("".join(self._hosts) + for_all)

    def add_host(self, alias: str, *lines: str) -> None:
        """Another name for this server, with further lines of ssh_config."""
        extra = "\n    ".join(lines)
        known = (self.directory / "host_key.pub").read_text()
        with open(self.directory / "known_hosts", "a") as file:
            file.write(f"{alias} {known}")
        self._hosts.append(CLIENT.format(alias=alias, port=self.port, user=self.user, extra=extra))
        self._write_config()

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ssh(self, *words: str, alias: str | None = None) -> list[str]:
        """The command line ``ssh -F CONFIG [options] ALIAS``: *words* that begin with ``-`` go before ALIAS.

        An option with a value is one word here: ``-oExitOnForwardFailure=yes``.
        """
        options = [word for word in words if word.startswith("-")]
        rest = [word for word in words if not word.startswith("-")]
        return ["ssh", "-F", str(self.config), *options, alias or self.alias, *rest]

    def run(self, command: str, *, alias: str | None = None, stdin: str = "", deadline: float = 30.0) -> Ran:
        """Run a shell command on the far side, in its home directory."""
        line = f"cd {self.remote.path} && {command}"
        argv = ["ssh", "-F", str(self.config), alias or self.alias, line]
        return self.remote.run(argv, stdin=stdin, deadline=deadline)

    def forward(self, spec: str, *, alias: str | None = None, options: Sequence[str] = ()) -> Forward:
        """``ssh -N -R SPEC``; ready when the server has confirmed it. Close it when done."""
        return Forward(self, spec, alias or self.alias, options)

    def close(self) -> None:
        """End the server; sessions that still run are ended with the remote home."""
        if self.process.poll() is None:
            stop(self.process)


class Forward:
    """A running ``ssh -N -R SPEC``, as a user's own session would carry it.

    For TCP give the bind address: ``127.0.0.1:0:127.0.0.1:PORT`` takes any free port, see :attr:`port`.
    """

    def __init__(self, server: Sshd, spec: str, alias: str, options: Sequence[str]) -> None:
        self.spec = spec
        self._log = server.directory / f"forward-{os.urandom(3).hex()}.log"
        self.process = server.remote.start(
            ["ssh", "-F", server.config, "-v", "-E", self._log, "-oExitOnForwardFailure=yes", *options]
            + ["-N", "-R", spec, alias],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._confirmed, what=f"forward {spec}")

    def _confirmed(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"ssh -R {self.spec} ended with {self.process.returncode}: {self.log()}")
        return "remote forward success for" in self.log()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def port(self) -> int:
        """The port on the far side: the one asked for, or the one that the server chose."""
        for line in self.log().splitlines():
            if line.startswith("Allocated port "):
                return int(line.split()[2])
        return int(self.spec.split(":")[1])

    def cut(self) -> None:
        """End the tunnel as a lost connection would: no word to the other side."""
        stop(self.process, 9)

    def close(self) -> None:
        """End the tunnel. Its socket on the far side stays: sshd never unlinks it."""
        if self.process.poll() is None:
            stop(self.process)

    def __enter__(self) -> Forward:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Via:
    """The way to *target* through a second server: the alias ``gpu1-via`` has a ProxyJump."""

    def __init__(self, target: Sshd) -> None:
        self.target = target
        self.jump = Sshd(target.remote, alias=JUMP_ALIAS)
        self.alias = VIA_ALIAS
        # ssh hands -F on to the jump's own ssh: both hosts must stand in the one file.
        authorized = (target.directory / "key.pub").read_text()
        (self.jump.directory / "authorized_keys").write_text(authorized)
        with open(target.directory / "known_hosts", "a") as file:
            file.write((self.jump.directory / "known_hosts").read_text())
        target._hosts.append(
            CLIENT.format(alias=JUMP_ALIAS, port=self.jump.port, user=self.jump.user, extra="")
        )
        target.add_host(VIA_ALIAS, f"ProxyJump {JUMP_ALIAS}")

    def close(self) -> None:
        self.jump.close()


def _program(name: str) -> str:
    """The absolute path, as sshd wants to be started: it is not always on a person's PATH."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
    assert found, f"{name} is missing: install Debian's openssh-server, as python3 -m tests does"
    return found
