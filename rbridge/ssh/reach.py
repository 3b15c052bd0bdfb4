"""Whether a host can be reached: a TCP connection to its ssh server is tried until one comes about.

For hosts that ssh connects to directly; behind a jump host or a proxy command it says nothing.

QUIRK: sshd counts each connection that ends without a login. One is made per time the host comes into reach,
far below MaxStartups and PerSourcePenalties, and sshd may write a line to its log about it.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Sequence
from typing import Any

import trio

BRISK = 60.0  # seconds during which it is tried every second, and later on every other
ANSWER = 3.0  # seconds for one try; in that time the system sends the first packet twice
STAGGER = 0.25  # seconds between a host's addresses
ADDRESSES = 6  # of a host are tried
LOOKUPS = 2  # threads that may hang in the resolver for one host

Address = tuple[int, Any]  # its family, and what connect() takes


async def reachable(
    host: str,
    port: int,
    *,
    every: float = 1.0,
    later: float = 2.0,
    chance: Callable[[], float] = random.random,
) -> bool:
    """Return when *host* accepts a connection on *port*: whether the first try had failed.

    It is tried *every* so many seconds during BRISK and then every *later* seconds, for ever; *chance*, a
    number from 0 to 1, takes up to a quarter off each pause. A name that cannot be resolved counts as a try
    that failed. Cancelled, it leaves no socket, and at most LOOKUPS threads until the resolver gives up.
    """
    lookups = trio.CapacityLimiter(LOOKUPS)
    begin = trio.current_time()
    failed = False
    while True:
        tried = trio.current_time()
        with trio.move_on_after(ANSWER):
            if await _connects(await _resolve(host, port, lookups)):
                return failed
        failed = True
        pause = every if tried - begin < BRISK else later
        await trio.sleep_until(tried + pause * (1 - 0.25 * chance()))


async def _resolve(host: str, port: int, lookups: trio.CapacityLimiter) -> list[Address]:
    """The addresses of *host*, none if the resolver knows none or is out of reach."""

    def look_up(flags: int = 0) -> list[Address]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        return [(family, address) for family, _, _, _, address in found]

    try:
        return look_up(socket.AI_NUMERICHOST)
    except OSError:
        pass  # a name
    except UnicodeError:
        return []
    try:
        # with threads of its own: a resolver that hangs is not to take those of the whole daemon
        return await trio.to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=lookups)
    except (OSError, UnicodeError):
        return []


async def _connects(addresses: Sequence[Address]) -> bool:
    """Whether one of *addresses* accepts a connection; it is closed at once."""
    if len(addresses) == 1:
        return await _connect(*addresses[0])
    connected = False

    async def attempt(number: int, family: int, address: Any) -> None:
        nonlocal connected
        await trio.sleep(number * STAGGER)
        if await _connect(family, address):
            connected = True
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for number, (family, address) in enumerate(addresses[:ADDRESSES]):
            nursery.start_soon(attempt, number, family, address)
    return connected


async def _connect(family: int, address: Any) -> bool:
    try:
        with trio.socket.socket(family, socket.SOCK_STREAM) as sock:
            await sock.connect(address)
    except OSError:
        return False
    return True
