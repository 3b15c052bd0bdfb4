"""Where connections of this laptop come in that lead to a host."""

from __future__ import annotations

import socket

import pytest
import trio

from rbridge.server.loopback import NEXT, candidates, listeners, roomy
from tests.harness.wait import free_port


@pytest.mark.parametrize(
    ("wanted", "first"), [(8888, 8888), (1024, 1024), (80, 8080), (443, 8443), (1, 8001)]
)
def test_a_port_that_is_none_for_users_is_raised(wanted: int, first: int) -> None:
    found = list(candidates(wanted))
    assert found[: NEXT + 1] == list(range(first, first + NEXT + 1))
    assert found[-1] == 0
    assert all(number == 0 or 1024 <= number < 65536 for number in found)


def test_there_is_no_port_above_the_last() -> None:
    assert [number for number in candidates(65530) if number] == list(range(65530, 65536))


def test_it_is_both_families_at_one_number() -> None:
    for number in (free_port(), 0):
        found = listeners(number)
        assert {one.getsockname()[0] for one in found} == {"127.0.0.1", "::1"}
        assert len({one.getsockname()[1] for one in found}) == 1
        assert not listeners(found[0].getsockname()[1])
        for one in found:
            one.close()


@pytest.mark.parametrize(("family", "place"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_it_is_none_where_one_of_them_is_taken(family: int, place: str) -> None:
    with socket.create_server((place, 0), family=family) as other:
        assert listeners(other.getsockname()[1]) == []


def test_without_ipv6_it_is_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rbridge.server.loopback.HERE", ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "2001:db8::1"))
    )
    (found,) = listeners(0)
    found.close()


async def test_the_kernel_may_take_more_for_ssh_at_a_time_than_by_itself() -> None:
    here, there = socket.socketpair()
    with here, there:
        usual = here.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        roomy(trio.SocketStream(trio.socket.from_stdlib_socket(here)))
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > usual
