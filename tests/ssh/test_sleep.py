"""Sleeps by clocks that are made up; changes of the network by messages that are made up, and by the kernel's
own where there may be a network of our own.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

import rbridge
from rbridge.ssh import sleep
from rbridge.ssh.sleep import APART, JUMPED, LOOK, SETTLE, SLEPT, Clocks, network_changes, notice
from tests.harness.wait import until_async

ROOT = str(Path(rbridge.__file__).parent.parent)


class Machine:
    """Its clocks: awake is that of trio."""

    def __init__(self):
        self.slept = 0.0
        self.jumped = 0.0

    def clocks(self):
        awake = trio.current_time
        return Clocks(awake, lambda: awake() + self.slept, lambda: awake() + self.jumped)


@pytest.fixture
def silent_alarm():
    """A descriptor that rings when something is written to the other."""
    here, there = os.pipe()
    yield here, there
    os.close(here)
    os.close(there)


@pytest.fixture
def machine():
    return Machine()


async def test_a_sleep_is_noticed_at_the_next_look(autojump_clock, machine, silent_alarm, nursery):
    calls = []
    nursery.start_soon(notice, lambda: calls.append(trio.current_time()), machine.clocks(), silent_alarm[0])
    await trio.sleep(1)
    machine.slept += 3600
    begin = trio.current_time() - 1
    await trio.sleep(3 * LOOK)
    assert calls == [pytest.approx(begin + LOOK)]


async def test_the_alarm_has_it_noticed_at_once(machine, silent_alarm, nursery):
    noticed = trio.Event()
    nursery.start_soon(notice, noticed.set, machine.clocks(), silent_alarm[0])
    await trio.testing.wait_all_tasks_blocked()
    machine.slept += SLEPT + 0.1
    os.write(silent_alarm[1], b"1")
    with trio.fail_after(LOOK / 2):
        await noticed.wait()
        await trio.testing.wait_all_tasks_blocked()  # and the alarm was turned off


@pytest.mark.parametrize(("gains", "count"), [((0, JUMPED + 1), 1), ((0, JUMPED - 1), 0), ((0, -9999), 0)])
async def test_only_a_wall_clock_that_jumps_far_ahead_tells_of_a_sleep(
    autojump_clock, machine, silent_alarm, nursery, gains, count
):
    calls = []
    nursery.start_soon(notice, lambda: calls.append(1), machine.clocks(), silent_alarm[0])
    await trio.sleep(1)
    machine.slept, machine.jumped = gains
    await trio.sleep(5 * LOOK)
    assert len(calls) == count


async def test_each_sleep_is_noticed_once(autojump_clock, machine, silent_alarm, nursery):
    calls = []
    nursery.start_soon(notice, lambda: calls.append(1), machine.clocks(), silent_alarm[0])
    await trio.sleep(1)
    for _ in range(3):
        machine.slept += 60
        machine.jumped += 60
        await trio.sleep(2 * LOOK)
    assert len(calls) == 3


async def test_the_clocks_of_this_machine_say_that_it_is_awake():
    slept, _ = sleep._gains(sleep.system_clocks())
    again, _ = sleep._gains(sleep.system_clocks())
    assert abs(again - slept) < SLEPT


async def test_the_kernels_timer_is_closed_when_it_is_cancelled(monkeypatch):
    made = []
    monkeypatch.setattr(sleep, "_timerfd", lambda real=sleep._timerfd: made.append(real()) or made[0])
    with trio.move_on_after(0.05):
        await notice(lambda: None)
    if sys.platform == "linux":
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(made[0])
    else:
        assert made == [None]


async def test_without_such_a_timer_it_looks_from_time_to_time(autojump_clock, machine, nursery, monkeypatch):
    monkeypatch.setattr(sleep, "_timerfd", lambda: None)
    calls = []
    nursery.start_soon(notice, lambda: calls.append(1), machine.clocks())
    await trio.sleep(1)
    machine.slept += 60
    await trio.sleep(LOOK)
    assert calls == [1]


# The network, with messages that are made up


def message(kind, body, *attributes):
    for number, value in attributes:
        body += struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def address(kind, ip, scope=0, flags=0, interface=2):
    return message(kind, struct.pack("=BBBBI", 2, 24, flags, scope, interface), (1, socket.inet_aton(ip)))


def route(kind, table=254, protocol=3, type_=1, gateway="192.0.2.1"):
    body = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, table, protocol, 0, type_, 0)
    return message(kind, body, (5, socket.inet_aton(gateway)))


NEWADDR, DELADDR, NEWROUTE, DELROUTE, NEWLINK = 20, 21, 24, 25, 16


def tells(*messages):
    known = set()
    return [sleep._tells(one, known) for one in messages]


def test_an_address_is_news_once_and_again_after_it_went():
    here = address(NEWADDR, "192.0.2.1")
    assert tells(here, here, address(DELADDR, "192.0.2.1"), here) == [True, False, False, True]


def test_the_same_address_on_another_interface_is_news():
    assert tells(address(NEWADDR, "192.0.2.1"), address(NEWADDR, "192.0.2.1", interface=3)) == [True, True]


@pytest.mark.parametrize("how", [{"scope": 253}, {"scope": 254}, {"flags": 0x40}])
def test_an_address_that_leads_nowhere_is_no_news(how):
    assert tells(address(NEWADDR, "192.0.2.1", **how)) == [False]


def test_a_route_is_news_once_and_again_after_it_went():
    assert tells(route(NEWROUTE), route(NEWROUTE), route(DELROUTE), route(NEWROUTE)) == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("how", [{"table": 255}, {"protocol": 2}, {"type_": 7}])
def test_a_route_of_the_kernels_own_is_no_news(how):
    assert tells(route(NEWROUTE, **how)) == [False]


def test_several_messages_may_come_together():
    assert tells(address(DELADDR, "192.0.2.9") + address(NEWADDR, "192.0.2.1")) == [True]


@pytest.mark.parametrize("data", [b"", b"x", bytes(16), address(20, "192.0.2.1")[:-1], message(NEWLINK, b"")])
def test_what_is_no_message_is_no_news(data):
    assert tells(data) == [False]


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(sleep, "_MOST", 3)
    known = set()
    for number in range(10):
        assert sleep._tells(address(NEWADDR, f"192.0.2.{number}"), known)
        assert len(known) <= 3


@pytest.fixture
def netlink():
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    yield trio.socket.from_stdlib_socket(here), there
    here.close()
    there.close()


async def test_changes_that_belong_together_are_one_and_calls_stand_apart(netlink, nursery):
    calls = []
    nursery.start_soon(network_changes, lambda: calls.append(trio.current_time()), netlink[0])
    begin = trio.current_time()
    for number in range(5):
        netlink[1].send(address(NEWADDR, f"192.0.2.{number}"))
    await until_async(lambda: calls)
    netlink[1].send(route(NEWROUTE))
    await until_async(lambda: len(calls) == 2)
    assert calls[0] - begin >= SETTLE
    assert calls[1] - calls[0] >= APART


async def test_where_the_kernel_tells_nothing_nothing_is_noticed(autojump_clock, monkeypatch):
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    with trio.move_on_after(3600) as scope:
        await network_changes(lambda: pytest.fail("what was noticed?"))
    assert scope.cancelled_caught


# The kernel's own

INSIDE = """\
import subprocess, sys, trio, trio.testing
from rbridge.ssh.sleep import network_changes

async def main():
    called = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(network_changes, called.set)
        await trio.testing.wait_all_tasks_blocked()
        for words in sys.argv[2:]:
            await trio.run_process(words.split())
        with trio.move_on_after(float(sys.argv[1])):
            await called.wait()
        print("called" if called.is_set() else "silent")
        nursery.cancel_scope.cancel()

trio.run(main)
"""


def own_network(*commands, within=20.0):
    """What network_changes makes of *commands*, in so many seconds, in a network of its own."""
    try:
        subprocess.run(["unshare", "-n", "ip", "link"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace can be had here: {error}")
    words = ["unshare", "-n", sys.executable, "-c", INSIDE, str(within), "ip link set lo up", *commands]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=ROOT, check=True)
    return done.stdout.strip()


def test_the_kernel_tells_of_a_new_address():
    assert own_network("ip addr add 192.0.2.1/24 dev lo") == "called"


def test_the_kernel_tells_of_a_new_route():
    assert own_network("ip route add default dev lo") == "called"


def test_of_an_address_that_leads_nowhere_it_is_not_called():
    assert own_network("ip addr add 127.0.0.2/8 dev lo", within=3 * SETTLE) == "silent"
