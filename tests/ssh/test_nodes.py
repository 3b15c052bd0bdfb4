"""A compute node and login nodes that share a home, in namespaces: the ways of ``open`` to the tunnel."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.client.via import LINGER
from tests.harness.environment import Ran, rbridge, signalled
from tests.harness.wait import until
from tests.ssh.nodes import Cluster, words

LATE = 60.0  # seconds in which a machine that is busy finds a tunnel again


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    try:
        made.tunnel("login1")
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def over(cluster: Cluster) -> Iterator[None]:
    """Nothing stays open from one test to the next, and no ssh."""
    yield
    cluster.end()


def opened(cluster: Cluster, name: str, *said: str, code: int = 0, **env: str) -> Ran:
    """``rbridge open`` with these words on that node, to its end."""
    ran = cluster.homes[name].run([cluster.client, "open", *said], env=env, deadline=60)
    assert ran.code == code, ran
    return ran


def saved(cluster: Cluster, path: Path, text: bytes, limit: float = LATE) -> None:
    """Save *text* in the editor on the laptop, and see it arrive."""
    cluster.editing.write(text)
    until(lambda: path.read_bytes() == text, limit, f"{text!r} arrives")


def test_a_job_s_node_goes_through_where_the_job_was_submitted(cluster: Cluster) -> None:
    home = cluster.homes["node7"].root / "home"  # not shared: nothing is to be seen there
    home.mkdir(mode=0o700)
    path = cluster.shared.file("job.txt", "one\n")
    ran = opened(cluster, "node7", str(path), HOME=str(home), SLURM_SUBMIT_HOST="login1")
    assert ran.err.splitlines() == [
        "rbridge: going through login1, where the tunnel is (the job was submitted there)",
        f"{path}: open in an-editor on laptop",
    ]
    cluster.wait_open()
    saved(cluster, path, b"two\n")


def test_a_second_one_shares_the_process_and_its_ssh(cluster: Cluster) -> None:
    first, second = cluster.shared.file("a.txt", "a\n"), cluster.shared.file("b.txt", "b\n")
    opened(cluster, "node7", "--via", "login1", str(first))
    cluster.wait_open()
    ran = opened(cluster, "node7", "-v", "--via", "login1", str(second))
    assert "through the process in the background" in ran.err
    assert "open" in opened(cluster, "node7", str(first)).err  # without being told the way
    cluster.wait_open()
    saved(cluster, second, b"bb\n")
    assert len(cluster.masters("node7")) == 1


def test_a_shared_home_shows_which_login_node_has_the_tunnel(cluster: Cluster) -> None:
    path = cluster.shared.file("shared.txt", "one\n")
    ran = opened(cluster, "login2", str(path))
    assert "rbridge: going through login1, where the tunnel is (it shares this home)\n" in ran.err
    cluster.wait_open()
    saved(cluster, path, b"two\n")


def test_it_goes_on_when_ssh_was_killed(cluster: Cluster) -> None:
    path = cluster.shared.file("cut.txt", "one\n")
    opened(cluster, "node7", "--via", "login1", str(path))
    cluster.wait_open()
    (master,) = cluster.masters("node7")
    os.kill(master, signal.SIGKILL)
    saved(cluster, path, b"two\n")
    assert cluster.masters("node7") != [master]


def test_it_goes_on_when_the_laptop_was_away(cluster: Cluster) -> None:
    path = cluster.shared.file("away.txt", "one\n")
    opened(cluster, "node7", "--via", "login1", str(path))
    cluster.wait_open()
    cluster.cut()
    saved(cluster, path, b"two\n")


def test_it_goes_on_through_another_login_node(cluster: Cluster) -> None:
    """The laptop comes back through a name that stands for several, and lands on another one."""
    path = cluster.shared.file("round.txt", "one\n")
    cluster.laptop.run(rbridge("disconnect", "login1")).ok()
    cluster.tunnel("login")
    try:
        opened(cluster, "login1", str(path))
        cluster.wait_open()
        cluster.stands_for("login2")
        cluster.cut()
        saved(cluster, path, b"two\n")
        assert len(cluster.masters("login1")) == 1
    finally:
        cluster.stands_for("login1")
        cluster.laptop.run(rbridge("disconnect", "login")).ok()
        cluster.tunnel("login1")


def test_ssh_ends_with_the_client_even_with_one_that_was_killed(cluster: Cluster) -> None:
    path = cluster.shared.file("end.txt", "one\n")
    opened(cluster, "node7", "--via", "login1", str(path))
    cluster.wait_open()
    assert len(cluster.masters("node7")) == 1
    for pid in cluster.homes["node7"].processes():
        if b".local/bin/rbridge" in words(pid):
            signalled(pid, signal.SIGKILL)
    until(lambda: not cluster.masters("node7"), LINGER + LATE)


def test_a_node_that_does_not_answer_has_a_deadline(cluster: Cluster) -> None:
    path = cluster.shared.file("dead.txt", "one\n")
    sshd = cluster.sshds["login2"].process
    sshd.send_signal(signal.SIGSTOP)
    try:
        ran = opened(cluster, "node7", "--via", "login2", "--timeout", "1", str(path), code=69)
    finally:
        sshd.send_signal(signal.SIGCONT)
    assert ran.err == (
        "rbridge: nothing was sent: no way through login2 (--via): ssh did not get there within 1 s "
        "('ssh login2' has to work here, and a tunnel to end there: on your laptop, rbridge connect login2)\n"
    )


def test_a_login_node_without_a_tunnel_and_one_that_nobody_knows(cluster: Cluster) -> None:
    path = cluster.shared.file("none.txt", "one\n")
    assert (
        "login2 (--via): no tunnel ends there"
        in opened(cluster, "node7", "--via", "login2", str(path), code=69).err
    )
    assert (
        "nowhere (--via): ssh: Could not resolve hostname nowhere"
        in opened(cluster, "node7", "--via", "nowhere", str(path), code=69).err
    )
    assert (
        "is not the name of a machine"
        in opened(cluster, "node7", "--via=-oProxyCommand=x", str(path), code=64).err
    )


def test_one_that_forwards_nothing_is_told_so(cluster: Cluster) -> None:
    path = cluster.shared.file("strict.txt", "one\n")
    with cluster.told("login1", "AllowTcpForwarding remote"):
        ran = opened(cluster, "node7", "--via", "login1", str(path), code=69)
    assert "login1 (--via): it lets nothing through" in ran.err


def test_through_a_jump_host_to_a_node_that_only_the_login_node_reaches(cluster: Cluster) -> None:
    path = cluster.shared.file("jump.txt", "one\n")
    words = f"cd {cluster.shared.path} && {cluster.client} open {path}"
    ran = cluster.laptop.run(rbridge("ssh", "node7", words), deadline=60).ok()
    assert "jump.txt: open in an-editor on laptop" in ran.err
    cluster.wait_open()
    saved(cluster, path, b"two\n")
    cluster.laptop.run(rbridge("disconnect", "node7")).ok()


@pytest.mark.parametrize("node", ["login2", "node7"])
def test_the_laptop_goes_to_one_certain_node(cluster: Cluster, node: str) -> None:
    """To the one directly, to the other, of which nobody knows the address there, through the login node."""
    path = cluster.shared.file("pinned.txt", "one\n")
    ran = cluster.laptop.run(rbridge("connect", "login", "--node", node), deadline=60).ok()
    assert f"files of {node} open in" in ran.err
    try:
        ran = opened(cluster, node, "-v", str(path))
        assert f"through ~/.rbridge/{node}/" in ran.err
        cluster.wait_open()
        if node == "login2":  # behind a jump host it takes half a minute until the laptop looks again
            cluster.cut()
        saved(cluster, path, b"two\n")
    finally:
        cluster.laptop.run(rbridge("disconnect", node)).ok()
