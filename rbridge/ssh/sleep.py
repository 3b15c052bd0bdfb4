"""What happens to the laptop while the daemon lives: it sleeps, and its network changes.

Linux' CLOCK_BOOTTIME goes on during a sleep and CLOCK_MONOTONIC does not. Elsewhere, and where a virtual
machine was halted from outside, the wall clock has jumped ahead.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import trio

from rbridge.server.log import logger

LOOK = 10.0  # seconds between looks at the clocks; one takes some 50 us
SLEPT = 1.0  # seconds that CLOCK_BOOTTIME gained
JUMPED = 20.0  # seconds that the wall clock gained: more than setting it right does
SETTLE = 0.3  # seconds for what belongs to one change of the network
APART = 1.0  # seconds between two calls, at least

_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_ABSOLUTE_CANCEL_ON_SET = 1 | 2
_FAR = 360 * 86400  # seconds until the timer goes off, which nobody waits for

# linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h
_GROUPS = 0x10 | 0x40 | 0x100 | 0x400  # IPv4 addresses and routes, IPv6 addresses and routes
_NEWADDR, _DELADDR, _NEWROUTE, _DELROUTE = 20, 21, 24, 25
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, two lengths, tos, table, protocol, scope, type, flags
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_OF_ADDRESS = (1, 2)  # IFA_ADDRESS, IFA_LOCAL
_OF_ROUTE = (1, 4, 5)  # RTA_DST, RTA_OIF, RTA_GATEWAY
_TENTATIVE = 0x40  # an IPv6 address that is not in use yet
_SCOPE_LINK = 253  # from here on: not to be reached from elsewhere
_TABLE_MAIN, _PROTOCOL_KERNEL, _UNICAST = 254, 2, 1
_BATCH = 65536  # bytes; the kernel puts no more into one
_MOST = 4096  # addresses and routes that are remembered

_Key = tuple[object, ...]


@dataclass(frozen=True)
class Clocks:
    """Seconds of three clocks. *awake* stands still during a sleep, *always* does not, *wall* can be set."""

    awake: Callable[[], float]
    always: Callable[[], float]
    wall: Callable[[], float]


def system_clocks() -> Clocks:
    """Those of this machine."""
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is None or sys.platform == "darwin":
        return Clocks(time.monotonic, time.monotonic, time.time)
    number = boottime
    return Clocks(time.monotonic, lambda: time.clock_gettime(number), time.time)


async def notice(call: Callable[[], object], clocks: Clocks | None = None, alarm: int | None = None) -> None:
    """Call *call* each time that the laptop has slept, for ever.

    On Linux that is at once, by *alarm*: a descriptor that becomes readable when the wall clock is set, as it
    is after a sleep; by default a timer of the kernel's. Elsewhere it is within LOOK seconds.
    """
    clocks = clocks or system_clocks()
    with _timer(alarm) as fd:
        slept, jumped = _gains(clocks)
        while True:
            with trio.move_on_after(LOOK):
                await _rung(fd)
            before = slept, jumped
            slept, jumped = _gains(clocks)
            if slept - before[0] > SLEPT or jumped - before[1] > JUMPED:
                call()


def _gains(clocks: Clocks) -> tuple[float, float]:
    awake = clocks.awake()
    return clocks.always() - awake, clocks.wall() - awake


async def _rung(fd: int | None) -> None:
    """Wait until the alarm goes."""
    if fd is None:
        await trio.sleep_forever()
        return
    await trio.lowlevel.wait_readable(fd)
    with suppress(OSError):  # ECANCELED is how it says that the clock was set
        os.read(fd, 8)


@contextmanager
def _timer(given: int | None) -> Iterator[int | None]:
    """*given*, or a timerfd that is cancelled when the wall clock is set; None where there is none."""
    if given is not None:
        yield given
        return
    fd = _timerfd()
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def _timerfd() -> int | None:
    """See timerfd_create(2), TFD_TIMER_CANCEL_ON_SET: suspending cancels it, too."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        create, settime = libc.timerfd_create, libc.timerfd_settime
    except AttributeError:
        return None
    fd: int = create(0, _TFD_NONBLOCK_CLOEXEC)
    if fd < 0:
        return None
    times = (ctypes.c_long * 4)(0, 0, int(time.time()) + _FAR, 0)
    if settime(fd, _ABSOLUTE_CANCEL_ON_SET, times, None) < 0:
        os.close(fd)
        return None
    return fd


async def network_changes(call: Callable[[], object], messages: trio.socket.SocketType | None = None) -> None:
    """Call *call* each time that an address or a route appeared, for ever; at most once in APART seconds.

    *messages* is a socket with rtnetlink's messages, by default the kernel's own; it is closed in the end.
    Elsewhere than on Linux nothing is noticed: the other ways to find out remain.
    """
    sock = messages or _rtnetlink()
    if sock is None:
        await trio.sleep_forever()
        return
    known: set[_Key] = set()
    with sock:
        while True:
            try:
                news = await _read(sock, known)
            except OSError as error:
                logger.warning("changes of the network are not noticed any more: %s", error.strerror)
                await trio.sleep_forever()
            if news:
                with trio.move_on_after(SETTLE):
                    while True:
                        await _read(sock, known)
                call()
                await trio.sleep(APART - SETTLE)


async def _read(sock: trio.socket.SocketType, known: set[_Key]) -> bool:
    """Wait for the kernel's next messages: whether they are news."""
    try:
        data, sender = await sock.recvfrom(_BATCH)
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise
        return True  # there were too many
    return _from_kernel(sender) and _tells(data, known)


def _rtnetlink() -> trio.socket.SocketType | None:
    family: int | None = getattr(socket, "AF_NETLINK", None)
    if family is None:
        return None
    try:
        sock = socket.socket(family, socket.SOCK_RAW, 0)
    except OSError:
        return None  # forbidden, as in some containers
    try:
        sock.bind((0, _GROUPS))
        return trio.socket.from_stdlib_socket(sock)
    except OSError:
        sock.close()
        return None


def _from_kernel(sender: object) -> bool:
    return not isinstance(sender, tuple) or sender[0] == 0


def _tells(data: bytes, known: set[_Key]) -> bool:
    """Whether *data*, one or more messages, tell of an address or a route that is not in *known* yet.

    The kernel repeats itself: with each router advertisement come the addresses there are.
    """
    news = False
    for kind, body in _records(data, _HEADER):
        key = _key(kind, body)
        if key is None:
            continue
        if kind in (_DELADDR, _DELROUTE):
            known.discard(key)
        elif key not in known:
            if len(known) >= _MOST:
                known.clear()
            known.add(key)
            news = True
    return news


def _key(kind: int, body: bytes) -> _Key | None:
    """What tells this address or route from others; None if it leads nowhere."""
    if kind in (_NEWADDR, _DELADDR) and len(body) >= _ADDRESS.size:
        family, _, flags, scope, interface = _ADDRESS.unpack_from(body)
        if scope >= _SCOPE_LINK or flags & _TENTATIVE:
            return None
        return "address", family, interface, *_values(body[_ADDRESS.size :], _OF_ADDRESS)
    if kind in (_NEWROUTE, _DELROUTE) and len(body) >= _ROUTE.size:
        family, length, _, _, table, protocol, _, type_, _ = _ROUTE.unpack_from(body)
        if (table, type_) != (_TABLE_MAIN, _UNICAST) or protocol == _PROTOCOL_KERNEL:
            return None  # the kernel's own come with an address
        return "route", family, length, *_values(body[_ROUTE.size :], _OF_ROUTE)
    return None


def _values(attributes: bytes, wanted: tuple[int, ...]) -> list[tuple[int, bytes]]:
    return sorted((type_, value) for type_, value in _records(attributes, _ATTRIBUTE) if type_ in wanted)


def _records(data: bytes, header: struct.Struct) -> Iterator[tuple[int, bytes]]:
    """Type and content of each of netlink's records, whose headers begin with length and type."""
    at = 0
    while at + header.size <= len(data):
        length, type_ = header.unpack_from(data, at)[:2]
        if length < header.size or at + length > len(data):
            return
        yield type_, data[at + header.size : at + length]
        at += (length + 3) & ~3
