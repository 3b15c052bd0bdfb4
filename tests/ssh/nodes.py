"""A cluster out of namespaces: login nodes and a compute node that share a home, and a laptop outside.

Each node has its own network, its own name and its own mounts. What it sees of the others' ``~/.rbridge`` it
sees through an overlay, where the sockets of other nodes are what they are on a file server: names on which
nobody listens.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.compat.editor import Editor
from tests.harness.environment import PROGRAMS, Home, Ran, rbridge, signalled, stop
from tests.harness.sshd import CLIENT, CLIENT_FOR_ALL, Sshd
from tests.harness.wait import until
from tests.ssh.trip import CONFIG, _give_client

NAMES = ("laptop", "login1", "login2", "node7")
WIRES = (
    ("laptop", "login1"),
    ("laptop", "login2"),
    ("login1", "login2"),
    ("login1", "node7"),
    ("login2", "node7"),
)
"""Who reaches whom: the compute node is reached from the login nodes only."""

H = TypeVar("H", bound=Home)

PORT = 2222
"""All of them listen there, beside the ports of their own."""

LOGIN = """
Host login
    Port {port}
    User {user}

"""
"""A name that stands for one login node or the other."""

SSH = """#!/bin/sh
exec /usr/bin/ssh -F {config} "$@"
"""


class Node:
    """One machine: a process that holds its namespaces."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.addresses: dict[str, str] = {}  # of this node, as others reach it
        inside = f"hostname {name} && ip link set lo up && echo up && exec sleep infinity"
        self.process = subprocess.Popen(
            ["unshare", "-n", "-u", "-m", "sh", "-c", inside],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"up\n":
            stop(self.process)
            pytest.skip("no namespaces can be had here")
        self.enter = ["nsenter", "-t", str(self.process.pid), "-n", "-u", "-m"]

    def run(self, *words: str) -> None:
        subprocess.run([*self.enter, *words], check=True, capture_output=True, timeout=20)


class Inside(Home):
    """A home whose commands run on *node*; that of *shared*, if it is given, with a runtime directory of its
    own.
    """

    def __init__(self, node: Node, shared: Home | None = None) -> None:
        super().__init__(node.name)
        self.node = node
        if shared is not None:
            self.path = shared.path
            self.env["HOME"] = str(shared.path)
            self.env["RBRIDGE_STATE_DIR"] = str(shared.state)
            self.env["PATH"] = PROGRAMS
            self.env.pop("PYTHONPATH")

    def run(self, argv: Sequence[Any], **options: Any) -> Ran:
        return super().run([*self.node.enter, *self._at(options), *argv], **options)

    def start(self, argv: Sequence[Any], **options: Any) -> subprocess.Popen[bytes]:
        return super().start([*self.node.enter, *self._at(options), *argv], **options)

    def _at(self, options: Mapping[str, Any]) -> list[str]:
        """nsenter goes to the directory as the node's mounts have it."""
        return [f"--wd={options.get('cwd') or self.path}"]


class Cluster:
    """The nodes by name, their homes, and an sshd on each login node and on the compute node."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("namespaces are root's")
        self.nodes: dict[str, Node] = {}
        self.homes: dict[str, Inside] = {}
        self.sshds: dict[str, Sshd] = {}
        self._opened: list[Home] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        for name in NAMES:
            self.nodes[name] = Node(name)
        for number, (one, other) in enumerate(WIRES):
            self._wire(number, one, other)
        self.shared = self._opens(Home("shared"))
        self.laptop = self._opens(Inside(self.nodes["laptop"]))
        for name, node in self.nodes.items():
            if node is not self.laptop.node:
                self.homes[name] = self._opens(Inside(node, self.shared))
        for name, home in self.homes.items():
            node = self.nodes[name]
            listen = [f"Port {PORT}", *(f"ListenAddress {one}" for one in node.addresses.values())]
            self.sshds[name] = Sshd(home, alias=name, options=listen)
        first = self.sshds["login1"]
        for sshd in self.sshds.values():
            if sshd is not first:  # one key lets in everywhere
                shutil.copy(first.directory / "authorized_keys", sshd.directory / "authorized_keys")
        for name in ("host_key", "host_key.pub"):  # behind one name there is one host key
            shutil.copy(first.directory / name, self.sshds["login2"].directory / name)
        self._again("login2")
        for name in self.homes:
            self._share(name)
        self.editor = Editor(self.laptop)
        target = self.laptop.config / "rbridge" / "config.toml"
        target.parent.mkdir(mode=0o700)
        target.write_text(CONFIG.format(editor=self.editor.spec))
        _give_client(self.laptop)
        self.client = self.shared.path / ".local" / "bin" / "rbridge"
        for name, home in (*self.homes.items(), ("laptop", self.laptop)):
            config = self._configured(name, home)
            place = home.root / "bin"
            place.mkdir()
            (place / "ssh").write_text(SSH.format(config=config))
            (place / "ssh").chmod(0o755)
            home.env["PATH"] = f"{place}:{home.env['PATH']}"

    def _opens(self, home: H) -> H:
        self._opened.append(home)
        return home

    def _wire(self, number: int, one: str, other: str) -> None:
        here, there = self.nodes[one], self.nodes[other]
        ends = f"w{number}a", f"w{number}b"
        words = ["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1], "netns"]
        here.run(*words, str(there.process.pid))
        for node, peer, end, last in ((here, other, ends[0], 1), (there, one, ends[1], 2)):
            address = f"10.77.{number}.{last}"
            node.run("ip", "address", "add", f"{address}/30", "dev", end)
            node.run("ip", "link", "set", end, "up")
            node.addresses[peer] = address

    def _configured(self, name: str, home: Home) -> Path:
        """ssh's configuration on that machine: those that it reaches by their names."""
        directory = self.sshds["login1"].directory
        known = ""
        for alias, sshd in self.sshds.items():
            names = [alias, f"[{alias}]:{PORT}"] + [f"[login]:{PORT}"] * (alias == "login1")
            known += f"{','.join(names)} {(sshd.directory / 'host_key.pub').read_text()}"
        (home.root / "known_hosts").write_text(known)
        hosts = LOGIN.format(port=PORT, user=self.sshds["login1"].user)
        for alias, sshd in self.sshds.items():
            text = CLIENT.format(alias=alias, port=sshd.port, user=sshd.user, extra="")
            theirs = {alias: "127.0.0.1", **self.nodes[alias].addresses}
            if name not in theirs:
                text += "    ProxyJump login1\n"
            hosts += text.replace("127.0.0.1", theirs.get(name) or theirs["login1"])
        names = "".join(f"{node.addresses[name]} {node.name}\n" for node in self._seen_from(name))
        (home.root / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        if name == "laptop":
            self.stands_for("login1")
        self.nodes[name].run("mount", "--bind", str(home.root / "hosts"), "/etc/hosts")
        config = home.root / "ssh_config"
        text = hosts + CLIENT_FOR_ALL.format(directory=directory)
        config.write_text(text.replace(f"{directory}/known_hosts", f"{home.root}/known_hosts"))
        return config

    def _seen_from(self, name: str) -> list[Node]:
        return [node for node in self.nodes.values() if name in node.addresses]

    def _share(self, name: str) -> None:
        """Have the node see the sockets of the others as a file server shows them.

        Below an overlay's root a directory that only its lower layer has is listed anew each time.
        """
        place, own = self.shared.path / ".rbridge", self.homes[name].root
        for path in (
            place,
            *(place / other for other in self.homes),
            own / "upper",
            own / "work",
            own / "seen",
        ):
            path.mkdir(mode=0o700, exist_ok=True)
        options = f"lowerdir={place},upperdir={own}/upper,workdir={own}/work"
        self.nodes[name].run("mount", "-t", "overlay", "overlay", "-o", options, f"{own}/seen")
        for other in self.homes:
            if other != name:
                self.nodes[name].run("mount", "--bind", f"{own}/seen/{other}", f"{place}/{other}")

    def tunnel(self, name: str) -> None:
        """Connect the laptop to that node."""
        self.laptop.run(rbridge("connect", name), deadline=60).ok()

    def stands_for(self, name: str) -> None:
        """On the laptop the name ``login`` means that node from now on."""
        hosts = self.laptop.root / "hosts"
        kept = [line for line in hosts.read_text().splitlines() if not line.endswith(" login")]
        hosts.write_text("\n".join([*kept, f"{self.nodes[name].addresses['laptop']} login", ""]))

    def cut(self) -> None:
        """The laptop's connections are lost."""
        said = ""
        for control in self.laptop.runtime.glob("cm.????????"):
            said += self.laptop.run(["ssh", "-S", str(control), "-O", "check", "any"]).err
        pids = re.findall(r"pid=(\d+)", said)
        assert pids, said
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)

    def wait_open(self) -> None:
        """A text is opened in the editor; :attr:`editing` from now on."""
        self.editing = self.editor.wait_open()

    def end(self) -> None:
        """End what clients and their ssh are left on the nodes, as a reboot would."""
        for name, home in self.homes.items():
            clients = [pid for pid in home.processes() if b".local/bin/rbridge" in words(pid)]
            for pid in clients + self.masters(name):
                signalled(pid, signal.SIGKILL)

    @contextmanager
    def told(self, name: str, option: str) -> Iterator[None]:
        """Within, new logins on that node find this line in sshd_config."""
        sshd = self.sshds[name]
        config = sshd.directory / "sshd_config"
        before = config.read_text()
        for text in (f"{option}\n{before}", before):
            config.write_text(text)
            self._again(name)
            if text is not before:
                yield

    def _again(self, name: str) -> None:
        """Have that node's sshd read its configuration and its keys again."""
        sshd = self.sshds[name]
        before = sshd.log().count("Received SIGHUP")
        sshd.process.send_signal(signal.SIGHUP)
        until(lambda: sshd.log().count("Received SIGHUP") > before)
        until(lambda: sshd.log().rpartition("Received SIGHUP")[2].count("Server listening") > 1)

    def masters(self, name: str) -> list[int]:
        """The ssh processes on that node that lead elsewhere."""
        return titled(f"{self.homes[name].runtime}/via/")

    def close(self) -> None:
        if hasattr(self, "client"):
            self.laptop.run(rbridge("serve", "--stop"))
        for sshd in self.sshds.values():
            sshd.close()
        for home in reversed(self._opened):
            home.close()
        for node in self.nodes.values():
            stop(node.process, signal.SIGKILL)


def titled(path: str) -> list[int]:
    """The shared connections of ssh whose socket's path begins so: their title hides their environment."""
    found = [int(pid) for pid in os.listdir("/proc") if pid.isdigit()]
    return [pid for pid in found if words(pid).startswith(f"ssh: {path}".encode())]


def words(pid: int) -> bytes:
    """The command line of a process, b"" when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
