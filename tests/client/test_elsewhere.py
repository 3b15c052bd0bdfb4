"""Where else the tunnel may be: in which order it is looked for, and what is never gone to."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rbridge.client import elsewhere, via
from rbridge.client.locate import Search
from rbridge.client.loop import Loop
from rbridge.client.options import parse
from rbridge.client.settings import Endpoint
from rbridge.errors import NotListening
from tests.client.laptop import Clock
from tests.harness.environment import Home

said: list[str] = []


@pytest.fixture(autouse=True)
def environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    said.clear()
    for name in ("HOME", "RBRIDGE_RUNTIME_DIR"):
        monkeypatch.setenv(name, home.env[name])
    for name in (*elsewhere.SUBMITTED, "SUDO_UID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The machines that were gone to, all in vain."""
    gone: list[str] = []

    def lead(node: str, seconds: float, asks: bool = False) -> list[Endpoint]:
        gone.append(node)
        raise NotListening("ssh: no route")

    monkeypatch.setattr(via, "lead", lead)
    return gone


def tunnel(home: Home, node: str, at: float = 1e9, name: str = "0123-45.sock") -> Path:
    """The socket of a tunnel on another machine, as it is seen here."""
    place = home.path / ".rbridge" / node
    place.parent.mkdir(mode=0o700, exist_ok=True)
    place.mkdir(mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(place / name))
    os.utime(place / name, (at, at))
    return place / name


def search(words: str = "") -> Search:
    return Search([], parse([*words.split(), "a"]), said.append)


def tried(words: str = "") -> list[str]:
    """The sockets that are tried here, until nothing is left; *said* is what that ends with."""
    over, found = search(words), []
    try:
        while True:
            found += [one.path for one in elsewhere.further(over)]
    except NotListening as error:
        said.append(error.line())
        return found


def test_other_names_sockets_here_then_the_batch_job_s_host_then_the_others(home, ways, monkeypatch):
    old, new = tunnel(home, "login1", 1e9), tunnel(home, "login2", 2e9)
    monkeypatch.setenv("PBS_O_HOST", "login3.cluster.edu")
    assert tried() == [str(new), str(old)]
    assert ways == ["login3.cluster.edu", "login2", "login1"]
    assert "login3.cluster.edu (the job was submitted there): ssh: no route" in said[-1]
    assert "login2 (it shares this home): ssh: no route" in said[-1]


def test_those_of_other_machines_are_not_counted_among_what_failed(home, ways):
    tunnel(home, "login1")
    over = search()
    over.failures = ["here: refused"]
    assert elsewhere.further(over)
    over.failures.append("~/.rbridge/login1/x: refused")
    with pytest.raises(NotListening, match="here: refused; login1"):
        elsewhere.further(over)


def test_few_are_gone_to_without_having_been_named(home, ways):
    for number in range(9):
        tunnel(home, f"login{number}", 1e9 + number)
    tried()
    assert ways == ["login8", "login7", "login6"]


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("", [8, 2]), ("--else vim", [2, 2]), ("--else vim --timeout 12", [8, 4]), ("--timeout 12", [8, 4])],
)
def test_all_of_them_together_have_as_long_as_a_listener(home, monkeypatch, words, seconds):
    """And less where an editor waits for them."""
    for number in range(3):
        tunnel(home, f"login{number}")
    clock, given = Clock(), []

    def lead(node: str, seconds: float, asks: bool = False) -> list[Endpoint]:
        given.append(round(seconds))
        clock.skipped += seconds
        raise NotListening("ssh did not get there")

    monkeypatch.setattr(via, "lead", lead)
    monkeypatch.setattr(elsewhere, "monotonic", clock)
    tried(words)
    assert given == seconds


def test_what_was_named_is_all_that_is_gone_to(home, ways, monkeypatch):
    tunnel(home, "login1")
    monkeypatch.setenv("SLURM_SUBMIT_HOST", "login2")
    assert tried("--via me@login3") == []
    assert ways == ["me@login3"]
    assert said[-1].startswith("nothing was sent: no way through me@login3 (--via): ssh: no route (")


@pytest.mark.parametrize("words", ["-s /x", "-H a", "-p 1"])
def test_with_an_address_of_the_user_s_own_nothing_else_is_tried(home, ways, words):
    tunnel(home, "login1")
    assert tried(words) == [] == ways


def test_under_sudo_root_s_ssh_goes_nowhere(home, ways, monkeypatch):
    tunnel(home, "login1")
    monkeypatch.setattr(elsewhere.system, "us", lambda _: (0, 1000))
    assert tried() == [] == ways


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "a b", "keys;x", "@x", os.uname().nodename])
def test_a_directory_that_is_no_other_machine_s(home, ways, name):
    tunnel(home, name)
    assert tried() == [] == ways


def test_a_directory_that_others_may_write_to(home, ways):
    tunnel(home, "login1").parent.chmod(0o777)
    assert tried() == [] == ways
    (home.path / ".rbridge" / "login1").chmod(0o700)
    (home.path / ".rbridge").chmod(0o755)
    assert tried() == [] == ways


def test_a_link_to_one(home, ways):
    real = tunnel(home, "login1").parent
    real.rename(home.path / "real")
    real.symlink_to(home.path / "real")
    assert tried() == [] == ways


def test_this_machine_is_not_gone_to(ways, monkeypatch):
    node = os.uname().nodename
    for name, value in zip(elsewhere.SUBMITTED, (node, f"{node}.cluster.edu", "-x"), strict=True):
        monkeypatch.setenv(name, value)
    assert tried() == [] == ways


def test_names_of_one_machine():
    assert elsewhere.same("login1", "login1.cluster.edu")
    assert elsewhere.same("login1.cluster.edu", "login1")
    assert not elsewhere.same("login1", "login11")


def test_a_way_that_lets_nothing_through_is_told_so(monkeypatch):
    monkeypatch.setattr(via, "lead", lambda *_: [Endpoint("unix", "", path="/via-login1-01234567.sock")])
    over = search("--via login1")
    assert elsewhere.further(over)
    over.failures.append("/via-login1-01234567.sock: it closed the connection without a word")
    with pytest.raises(NotListening, match="AllowTcpForwarding"):
        elsewhere.further(over)


def test_each_way_has_the_whole_time(home, ways):
    tunnel(home, "login1")
    over = search("--timeout 7")
    over.end = 0.0
    elsewhere.further(over)
    assert over.end > 7


class Lost:
    """A session that was lost at *path*, by a clock of its own."""

    def __init__(self, path: str) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.detour = elsewhere.Detour(self.loop, Endpoint("unix", "", path=path))

    def look(self, ways: list[str], count: int) -> None:
        """Look, until so many ways were made and the last one is over."""
        self.detour.look()
        self.loop.run(lambda: len(ways) >= count and not self.detour._worker.busy)


def test_a_lost_way_is_made_again_and_rarer_and_rarer(ways):
    lost = Lost("/run/via-login1-01234567.sock")
    lost.look(ways, 1)
    lost.look(ways, 1)  # not yet
    for count, seconds in ((2, 1.1), (3, 2.1), (4, 4.1)):
        lost.clock.skipped += seconds
        lost.look(ways, count)
    assert ways == ["login1"] * 4


def test_all_that_may_have_it_are_gone_to_and_one_that_denied_rarely(home, monkeypatch):
    gone: list[str] = []

    def lead(node: str, seconds: float, asks: bool = False) -> list[Endpoint]:
        gone.append(node)
        if node == "login2":
            raise NotListening("ssh: login2: Permission denied (publickey).")
        return []

    monkeypatch.setattr(via, "lead", lead)
    os.utime(tunnel(home, "login2"))
    lost = Lost("/run/via-login1-01234567.sock")
    lost.look(gone, 2)
    assert gone == ["login1", "login2"]
    lost.clock.skipped += 1.1
    lost.look(gone, 3)
    lost.clock.skipped += elsewhere.DENIED
    lost.look(gone, 5)
    assert gone == ["login1", "login2", "login1", "login1", "login2"]


def test_a_lost_session_goes_where_a_tunnel_was_made_since(home, ways):
    tunnel(home, "login1")
    lost = Lost("/home/x/.rbridge/here/0123-45.sock")
    assert lost.detour.nodes() == []
    os.utime(tunnel(home, "login2", name="b.sock"))
    assert lost.detour.nodes() == ["login2"]
