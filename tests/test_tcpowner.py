"""Whose the other end of a TCP connection is, from real connections and from tables shown as files."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from rbridge import tcpowner

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:CDDA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0000 100 0
   1: 0100007F:CDDA 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 0000 20 4
   2: 0100007F:9C40 0100007F:CDDA 01 00000000:00000000 00:00000000 00000000  1001        0 333 1 0000 20 4
   3: 0100007F:CDDA 0100007F:9C41 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0000 20 4
   4: 0100007F:CDDA 0100007F:9C42 06 00000000:00000000 00:00000000 00000000     7        0 444 1 0000 20 4
"""


TCP6 = """\
  sl  local_address                         remote_address                        st ...
   0: 00000000000000000000000001000000:CDDA 00000000000000000000000001000000:9C40 01 00000000:00000000 \
00:00000000 00000000  1002        0 555 1 0000 20 4
   1: 0000000000000000FFFF00000100007F:CDDA 0000000000000000FFFF00000100007F:9C43 01 00000000:00000000 \
00:00000000 00000000  1003        0 666 1 0000 20 4
"""


SERVER, CLIENT = 0xCDDA, 0x9C40


little_endian = pytest.mark.skipif(
    struct.pack("=H", 1) != b"\1\0", reason="the tables above are those of a little-endian machine"
)


@pytest.fixture
def tables(tmp_path):
    for name, text in (("tcp", TCP), ("tcp6", TCP6)):
        (tmp_path / name).write_text(text)
    return str(tmp_path / "tcp"), str(tmp_path / "tcp6")


@little_endian
@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", CLIENT, 1000),
        ("::1", CLIENT, 1002),
        ("127.0.0.1", 0x9C43, 1003),  # the listener's socket is an IPv6 one
        ("::ffff:127.0.0.1", 0x9C43, 1003),
        ("127.0.0.1", 0x9C41, None),  # not accepted yet: it shows uid 0 and no inode
        ("127.0.0.1", 0x9C42, None),  # closing
        ("127.0.0.1", 0x9C44, None),
        ("192.0.2.1", CLIENT, None),
        ("no address", CLIENT, None),
    ],
)
def test_the_user_at_the_other_end_of_a_tcp_connection(tables, host, port, expected):
    peer = "127.0.0.1" if host == "no address" else host
    assert tcpowner.table_uid((host, port), (peer, SERVER), tables) == expected


def test_without_proc_nobody_can_tell(tmp_path):
    missing = str(tmp_path / "none")
    assert tcpowner.table_uid(("127.0.0.1", 1), ("127.0.0.1", 2), (missing, missing)) is None


WAYS = [tcpowner.tcp_peer_uid, tcpowner.diag_uid, tcpowner.table_uid]


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize(
    ("bound", "reached"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")]
)
def test_a_real_tcp_connection_shows_our_uid_once_it_is_accepted(ask, bound, reached):
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    dual = bound == "::"
    with (
        socket.create_server((bound, 0), family=family, dualstack_ipv6=dual) as listener,
        socket.create_connection((reached, listener.getsockname()[1])) as client,
    ):
        assert ask(client.getsockname(), client.getpeername()) is None
        with listener.accept()[0]:
            assert ask(client.getsockname(), client.getpeername()) == os.geteuid()


@pytest.mark.parametrize("ask", WAYS)
def test_a_listener_is_not_taken_for_a_connection(ask):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert ask(("127.0.0.1", 1), ("127.0.0.1", port)) is None
        assert ask(("192.0.2.1", 1), ("192.0.2.2", port)) is None


def test_without_sock_diag_the_tables_are_read(monkeypatch):
    monkeypatch.setattr(tcpowner, "diag_uid", lambda local, peer: None)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0],
    ):
        assert tcpowner.tcp_peer_uid(client.getsockname(), client.getpeername()) == os.geteuid()
