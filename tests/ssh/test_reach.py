"""A port on loopback that opens after a while, names that nobody knows, and how often it is tried."""

from __future__ import annotations

import os
import socket
import sys
import threading

import pytest
import trio
import trio.testing

from rbridge.ssh import reach
from rbridge.ssh.reach import ANSWER, BRISK, LOOKUPS, reachable
from tests.harness.cancelling import at_every_step
from tests.harness.wait import free_port


def slow():
    """No jitter: the longest pauses."""
    return 0.0


def listening(port, backlog=8):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(backlog)
    return sock


class Tries:
    """Stands in for connecting, or for the resolver: counts when it was called."""

    def __init__(self, result, takes=0.0):
        self.result = result
        self.takes = takes
        self.at = []

    async def __call__(self, *_):
        self.at.append(trio.current_time())
        await trio.sleep(self.takes)
        return self.result


async def test_a_port_that_listens_is_reached_at_once():
    with listening(0) as server, trio.fail_after(5):
        assert await reachable("localhost", server.getsockname()[1]) is False


async def test_a_port_that_opens_later_is_noticed_within_the_pause():
    port = free_port()
    noticed = []

    async def wait():
        assert await reachable("127.0.0.1", port, every=0.2, chance=slow)
        noticed.append(trio.current_time())

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(0.5)
            with listening(port):
                begin = trio.current_time()
                while not noticed:
                    await trio.testing.wait_all_tasks_blocked(0.01)
    assert noticed[0] - begin < 0.2 + 1.0  # a second for a machine that is busy


async def test_it_is_tried_every_second_and_later_every_other(autojump_clock, monkeypatch):
    tries = Tries(False)
    monkeypatch.setattr(reach, "_connects", tries)
    with trio.move_on_after(BRISK + 20):
        await reachable("127.0.0.1", 1, chance=slow)
    pauses = [round(after - before, 6) for before, after in zip(tries.at, tries.at[1:], strict=False)]
    assert set(pauses[: int(BRISK)]) == {1.0}
    assert set(pauses[int(BRISK) :]) == {2.0}


async def test_chance_takes_at_most_a_quarter_off(autojump_clock, monkeypatch):
    tries = Tries(False)
    monkeypatch.setattr(reach, "_connects", tries)
    with trio.move_on_after(1.6):
        await reachable("127.0.0.1", 1, chance=lambda: 1.0)
    assert [at - tries.at[0] for at in tries.at] == pytest.approx([0, 0.75, 1.5])


async def test_a_try_that_hangs_is_given_up_and_followed_by_another(autojump_clock, monkeypatch):
    tries = Tries(True, takes=ANSWER + 1)
    monkeypatch.setattr(reach, "_connects", tries)
    with trio.move_on_after(2 * ANSWER + 1):
        await reachable("127.0.0.1", 1)
    assert [at - tries.at[0] for at in tries.at] == [0, ANSWER, 2 * ANSWER]


async def test_a_resolver_that_fails_at_once_is_not_asked_in_a_circle(autojump_clock, monkeypatch):
    tries = Tries([])
    monkeypatch.setattr(reach, "_resolve", tries)
    with trio.move_on_after(3.5):
        await reachable("gpu1", 22, chance=slow)
    assert len(tries.at) == 4


@pytest.mark.parametrize("name", ["no.such.host.invalid", "a" * 80, "", "\udc80"])
async def test_a_name_that_cannot_be_resolved_is_only_a_try_that_failed(name):
    with trio.fail_after(30):
        assert await reach._resolve(name, 1, trio.CapacityLimiter(1)) in ([], *LOOPBACK)


LOOPBACK = [
    [(socket.AF_INET6, ("::1", 1, 0, 0)), (socket.AF_INET, ("127.0.0.1", 1))],
    [(socket.AF_INET, ("127.0.0.1", 1))],
]


async def test_a_resolver_that_hangs_takes_few_threads_and_none_of_the_daemons(monkeypatch):
    begun, go_on = [], threading.Event()

    def getaddrinfo(host, *_, flags=0, **__):
        if not flags:
            begun.append(threading.get_ident())
            go_on.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(reach, "ANSWER", 0.05)
    try:
        with trio.move_on_after(0.5):
            await reachable("gpu1", 22, every=0.01)
        assert len(begun) == LOOKUPS
        assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
    finally:
        go_on.set()


async def test_the_second_address_is_tried_when_the_first_is_silent(monkeypatch):
    monkeypatch.setattr(reach, "STAGGER", 0.01)
    with listening(0) as server, Full() as full, trio.fail_after(5):
        addresses = [(socket.AF_INET, one.getsockname()) for one in (full.server, server)]
        assert await reach._connects(addresses)


class Full:
    """A port on loopback that does not answer: its queue is full. Linux drops what comes then."""

    def __enter__(self):
        self.server = listening(0, backlog=0)
        self.waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(self.server.getsockname())
            self.waiting.append(sock)
        return self

    def __exit__(self, *_):
        for sock in (*self.waiting, self.server):
            sock.close()


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_cancelled_anywhere_it_leaves_no_socket():
    with listening(0, backlog=128) as server:
        port = server.getsockname()[1]
        await reachable("localhost", port)  # what the first time opens for good
        before = len(os.listdir("/proc/self/fd"))

        async def afterwards():
            assert len(os.listdir("/proc/self/fd")) == before

        assert await at_every_step(lambda: reachable("127.0.0.1", port), afterwards) >= 2
        two = [(socket.AF_INET, ("127.0.0.1", port))] * 2
        assert await at_every_step(lambda: reach._connects(two), afterwards) >= 5
