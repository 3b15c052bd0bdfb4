"""A private OpenSSH server on loopback, for ``rbridge demo --ssh``: own keys, own configuration, one user.

It lets in nobody but whoever started it, with a key that was made for it, and touches no file outside its
directory: neither ``~/.ssh`` nor the machine's own sshd.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rbridge.errors import CannotCreate, NotListening

ALIAS = "demo-host"
START = 10.0  # seconds until sshd has to listen
TRIES = 3  # a free port may be taken by someone else before sshd has it
PRIVILEGE_SEPARATION = "/run/sshd"  # an sshd started by root wants it to exist

SERVER = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/key.pub
AuthenticationMethods publickey
AllowUsers {user}
PermitRootLogin yes
StrictModes no
UsePAM no
PrintMotd no
"""

CLIENT = """\
Host {alias}
    HostName 127.0.0.1
    Port {port}
    User {user}
    HostKeyAlias {alias}
    IdentityFile {directory}/key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ControlPath none
    LogLevel ERROR
"""


def missing() -> list[str]:
    """The programs of OpenSSH that are not there, by name."""
    return [name for name in ("sshd", "ssh", "ssh-keygen") if _find(name) is None]


@asynccontextmanager
async def private_sshd(directory: Path, variables: Mapping[str, str]) -> AsyncIterator[list[str]]:
    """Run a server in *directory* (0700, ours) and yield the command line that reaches it: ssh, ..., HOST.

    *variables* are the environment of what is run there. The server is gone when the context ends. Raises
    NotListening when it does not come up, CannotCreate when its keys cannot be made.
    """
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("host_key", "key"):
        await _run(
            [_path("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", ALIAS, "-f", str(directory / name)]
        )
    public = (directory / "host_key.pub").read_text()
    (directory / "known_hosts").write_text(f"{ALIAS} {public}")
    if os.geteuid() == 0:
        os.makedirs(PRIVILEGE_SEPARATION, mode=0o755, exist_ok=True)
    if variables:
        said = " ".join(f'"{name}={value}"' for name, value in variables.items())
        environment = f"SetEnv {said}\n"
    else:
        environment = ""
    server = await _start(directory, user, environment)
    try:
        yield [_path("ssh"), "-F", str(directory / "ssh_config"), ALIAS]
    finally:
        await _end(server)


async def _start(directory: Path, user: str, environment: str) -> trio.Process:
    """A server that listens; its configuration and the client's lie in *directory*."""
    words = [_path("sshd"), "-D", "-f", str(directory / "sshd_config"), "-E", str(directory / "log")]
    for _ in range(TRIES):
        port = _free_port()
        places = {"port": port, "directory": directory, "user": user}
        (directory / "sshd_config").write_text(SERVER.format(**places) + environment)
        (directory / "ssh_config").write_text(CLIENT.format(alias=ALIAS, **places))
        server = await trio.lowlevel.open_process(words)
        if await _listens(server, port):
            return server
        await _end(server)
    raise NotListening("the private sshd did not start", f"its log: {_log(directory)}")


async def _end(server: trio.Process) -> None:
    if server.poll() is None:
        server.terminate()
    with trio.CancelScope(shield=True):
        await server.wait()


async def _run(words: list[str]) -> None:
    done = await trio.run_process(words, check=False, capture_stdout=True, capture_stderr=True)
    if done.returncode:
        raise CannotCreate(f"{words[0]}: {done.stderr.decode(errors='replace').strip()}")


async def _listens(server: trio.Process, port: int) -> bool:
    """Whether *server* takes connections before its time is up; False as well when it ended."""
    with trio.move_on_after(START):
        while server.poll() is None:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.02)
                continue
            await stream.aclose()
            return True
    return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _log(directory: Path) -> str:
    try:
        lines = (directory / "log").read_text(errors="replace").split("\n")
    except OSError as error:
        return str(error)
    return " ".join(line.strip() for line in lines[-3:]).strip() or "empty"


def _find(name: str) -> str | None:
    """sshd has to be started by its absolute path, and is not always on a person's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


def _path(name: str) -> str:
    found = _find(name)
    if found is None:
        raise NotListening(f"{name} is not installed", "install OpenSSH, or run the demo without --ssh")
    return found
