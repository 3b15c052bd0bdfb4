"""A virtual machine that is reached as root through a quick tunnel's ProxyCommand, and that goes away.

The ``cloudflared`` here is a stand-in: it pipes to the private sshd and nothing else. What is real is ssh,
its ProxyCommand, and all that rbridge does.
"""

from __future__ import annotations

import pwd
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.environment import rbridge, signalled
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.ssh.reach import words
from tests.ssh.trip import Trip

NAME = "tall-pine-gamma-ray.trycloudflare.com"
CLOUDFLARED = """#!{python}
import os, socket, sys, threading

assert sys.argv[1:4] == ["access", "ssh", "--hostname"], sys.argv
with open({record!r}, "a") as file:
    print(sys.argv[4], file=file)
end = socket.create_connection(("127.0.0.1", int(open({port!r}).read())))


def pump(read, write, done):
    while data := read(65536):
        write(data)
    done()


up = lambda data: end.sendall(data)
threading.Thread(
    target=pump, args=(lambda n: os.read(0, n), up, lambda: end.shutdown(socket.SHUT_WR)), daemon=True
).start()
pump(end.recv, lambda data: os.write(1, data), lambda: os._exit(0))
"""
CONFIG = """
Host *.trycloudflare.com
    User {user}
    ProxyCommand {cloudflared} access ssh --hostname %h
    IdentityFile {key}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {known}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking accept-new
    ConnectTimeout 10
    ControlPath none
"""


class Colab:
    """The laptop of *trip*, whose configuration knows the tunnel only."""

    def __init__(self, trip: Trip) -> None:
        self.trip = trip
        self.port = trip.laptop.file("port", str(trip.sshd.port))
        self.asked = trip.laptop.path / "asked"
        text = CLOUDFLARED.format(python=sys.executable, record=str(self.asked), port=str(self.port))
        program = trip.laptop.script("bin/cloudflared", text)
        self.known = trip.laptop.path / "known_hosts"
        key = trip.laptop.file("key", (trip.sshd.directory / "key").read_bytes(), 0o600)
        self.user = pwd.getpwnam("root").pw_name if trip.sshd.user == "root" else trip.sshd.user
        trip.sshd.config = trip.laptop.file(
            "ssh_config", CONFIG.format(user=self.user, cloudflared=program, key=key, known=self.known)
        )
        trip.sshd.alias = NAME

    def lost(self) -> None:
        """The machine is taken away: its processes, its sshd and its disk. The tunnel's edge hangs up."""
        self.trip.sshd.close()
        ways = [pid for pid in self.trip.laptop.processes() if "cloudflared\0access" in words(pid)]
        for pid in (*self.trip.host.processes(), *ways):
            signalled(pid, signal.SIGKILL)
        shutil.rmtree(self.trip.host.path)

    def another(self) -> Sshd:
        """Another machine under the same name, with an empty disk and a key of its own; it lets us in."""
        self.trip.host.path.mkdir(mode=0o700)
        shutil.rmtree(self.trip.sshd.directory)
        key = self.trip.laptop.path / "key"
        config = self.trip.sshd.config
        made = Sshd(self.trip.host)
        shutil.copy(key, made.directory / "key")
        public = self.trip.laptop.run(["ssh-keygen", "-y", "-f", key]).ok().out
        (made.directory / "authorized_keys").write_text(public)
        made.config, made.alias = config, NAME
        self.trip.sshd = made
        self.port.write_text(str(made.port))
        return made


@pytest.fixture
def colab(trip: Trip) -> Iterator[Colab]:
    yield Colab(trip)
    trip.sshd.close()  # the last one that it had


def test_the_whole_way_as_root_through_the_tunnel(colab: Colab) -> None:
    trip = colab.trip
    ran = trip.run("ssh", "id -un").ok()
    assert ran.out == f"{colab.user}\n"
    assert f"is at ~/.local/bin/rbridge on {NAME}" in ran.err
    file = trip.host.file("train.py", "x = 1\n")
    said = trip.there("open train.py").ok()
    assert "train.py: open in " in said.out + said.err
    opened = trip.editor.wait_open()
    assert NAME in str(opened.file)
    opened.write(b"x = 2\n")
    until(lambda: file.read_bytes() == b"x = 2\n")
    opened.quit()
    assert set(colab.asked.read_text().split()) == {NAME}  # and never an address of its own
    trip.here("open", "--help").ok()
    assert trip.until_standing("connected").startswith(f"{NAME}: connected")


def test_what_was_saved_after_the_machine_was_gone_is_written_to_a_folder(
    colab: Colab, tmp_path: Path
) -> None:
    trip = colab.trip
    trip.run("ssh", "true").ok()
    for name in ("train.py", "notes.md"):
        trip.host.file(name, "old\n")
    trip.there("open train.py notes.md").ok()
    opened = [trip.editor.wait_open(), trip.editor.wait_open()]
    colab.lost()
    texts = {}
    for one in opened:
        texts[one.file.name] = f"new {one.file.name}\n".encode()
        one.write(texts[one.file.name])
    until(lambda: trip.here("recover", "list").out.count("not delivered yet") == 2)
    assert f"{NAME}: connected" not in trip.here("status").ok().out
    rescued = tmp_path / "rescued"
    trip.here("recover", "save", f"{rescued}/").ok()
    assert {path.name: path.read_bytes() for path in rescued.iterdir()} == texts
    for one in opened:
        one.quit()
    trip.here("serve", "--stop")
    assert trip.here("recover", "list").ok().out.count(NAME) == 2  # it does not take a daemon
    again = tmp_path / "again"
    trip.here("recover", "save", f"{again}/").ok()
    assert {path.name: path.read_bytes() for path in again.iterdir()} == texts


def test_another_machine_under_the_same_name_gets_nothing_that_is_kept_for_the_first(
    colab: Colab, tmp_path: Path
) -> None:
    trip = colab.trip
    trip.run("ssh", "true").ok()
    trip.host.file("train.py", "old\n")
    trip.there("open train.py").ok()
    opened = trip.editor.wait_open()
    colab.lost()
    opened.write(b"mine\n")
    until(lambda: "not delivered yet" in trip.here("recover", "list").out)
    opened.quit()
    colab.another()

    refused = trip.run("ssh", "true")  # ssh itself refuses a key that changed
    assert refused.code != 0
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.err
    until(lambda: "needs you" in trip.here("status").ok().out, 90)  # nor does it try again by itself

    trip.laptop.run(["ssh-keygen", "-f", colab.known, "-R", NAME]).ok()
    trip.run("ssh", "true").ok()
    log = (trip.laptop.state / "log/daemon.log").read_text()
    assert f"{NAME} shows another ssh key than before: it is taken for another machine" in log
    file = trip.host.file("train.py", "old\n")
    trip.there("open train.py").ok()
    shown = trip.editor.wait_open()
    assert shown.content == b"old\n"
    assert file.read_bytes() == b"old\n"
    kept = trip.here("recover", "list").ok().out
    assert kept.count("\n") == 1
    word = kept.split()[0]
    sent = trip.here("recover", "send", word)
    assert sent.code == 64
    assert "is another machine than the one the text came from, or its key was changed" in sent.err
    assert file.read_bytes() == b"old\n"
    trip.here("recover", "save", word, f"{tmp_path}/rescued/").ok()
    assert (tmp_path / "rescued/train.py").read_bytes() == b"mine\n"
    (tmp_path / "rescued/train.py").rename(tmp_path / "rescued/train2.py")
    put = rbridge("put", "-F", str(trip.sshd.config), str(tmp_path / "rescued/train2.py"), f"{NAME}:")
    trip.laptop.run(put, deadline=60).ok()
    assert (trip.host.path / "train2.py").read_bytes() == b"mine\n"
    shown.quit()


def test_a_host_that_is_let_in_unseen_is_known_by_its_name_alone(colab: Colab) -> None:
    """As guides for Colab advise: StrictHostKeyChecking no, and /dev/null for known_hosts."""
    trip = colab.trip
    options = ("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null")
    trip.run("ssh", *options, "true").ok()
    trip.host.file("train.py", "old\n")
    trip.there("open train.py", *options).ok()
    opened = trip.editor.wait_open()
    colab.lost()
    opened.write(b"mine\n")
    until(lambda: "not delivered yet" in trip.here("recover", "list").out)
    opened.quit()
    until(lambda: not opened.file.exists())
    colab.another()
    trip.run("ssh", *options, "true", deadline=120).ok()
    assert "shows another ssh key" not in (trip.laptop.state / "log/daemon.log").read_text()
    file = trip.host.file("train.py", "old\n")
    trip.there("open train.py", *options).ok()  # the file that the edit began from
    assert file.read_text() == "mine\n"
    assert trip.here("recover", "list").ok().out == ""
    shown = trip.editor.wait_open()
    assert shown.content == b"mine\n"
    shown.quit()
