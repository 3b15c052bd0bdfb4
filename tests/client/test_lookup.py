"""Addresses of hosts that are given by name."""

from __future__ import annotations

import socket
import threading
from time import monotonic

import pytest

from rbridge.client.lookup import looked_up
from rbridge.errors import NotListening


def test_each_address_comes_with_its_family():
    found = looked_up("127.0.0.1", 7, monotonic() + 20)
    assert found == [(socket.AF_INET, ("127.0.0.1", 7))]


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 300])
def test_a_host_that_does_not_exist_is_named(host):
    with pytest.raises(NotListening, match=f"{host}: no such host"):
        looked_up(host, 7, monotonic() + 20)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr("_socket.getaddrinfo", lambda *rest: over.wait())
    try:
        with pytest.raises(NotListening, match="far: no answer to who that is"):
            looked_up("far", 7, monotonic() + 0.05)
    finally:
        over.set()
