"""What the system is asked, with other systems shown to it as files and fakes."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from rbridge import system

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
    assert system.table_uid((host, port), (peer, SERVER), tables) == expected


def test_without_proc_nobody_can_tell(tmp_path):
    missing = str(tmp_path / "none")
    assert system.table_uid(("127.0.0.1", 1), ("127.0.0.1", 2), (missing, missing)) is None


WAYS = [system.tcp_peer_uid, system.diag_uid, system.table_uid]


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
    monkeypatch.setattr(system, "diag_uid", lambda local, peer: None)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0],
    ):
        assert system.tcp_peer_uid(client.getsockname(), client.getpeername()) == os.geteuid()


def test_the_user_at_the_other_end_of_a_unix_socket():
    one, two = socket.socketpair()
    with one, two:
        assert system.peer_uid(one) == os.geteuid()


class Mac:
    """A connected Unix socket on macOS: xucred is version, uid, number of groups, groups."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option) == (0, 1)
        return self.answer[:size]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (struct.pack("=IIh2x16I", 0, 501, 1, *range(16)), 501),
        (struct.pack("=IIh2x16I", 9, 501, 1, *range(16)), None),  # a version that we do not know
        (b"", None),
    ],
)
def test_the_same_on_macos(answer, expected):
    assert system.peer_uid(Mac(answer), "darwin") == expected


def test_a_system_that_cannot_tell_says_none():
    assert system.peer_uid(Mac(b""), "sunos5") is None
    with socket.socket(socket.AF_INET) as unconnected:
        assert system.peer_uid(unconnected) in (None, -1, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("euid", "environ", "expected"),
    [
        (1000, {}, (1000,)),
        (0, {}, (0,)),
        (0, {"SUDO_UID": "1000"}, (0, 1000)),
        (1000, {"SUDO_UID": "1001"}, (1000,)),
        (0, {"SUDO_UID": "0"}, (0,)),
        (0, {"SUDO_UID": "x"}, (0,)),
    ],
)
def test_who_counts_as_us(euid, environ, expected):
    assert system.us(environ, euid) == expected


def test_names_and_homes_of_users():
    assert system.user_name(0) == "root"
    assert system.home_of(0).startswith("/")
    assert system.user_name(4294967290) == "uid 4294967290"
    assert system.home_of(4294967290) == ""


MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / {root}/shm rw,nosuid - tmpfs tmpfs rw
24 22 0:6 / {root}/home rw - nfs4 server:/home rw
25 24 0:7 / {root}/home/my\040dir rw master:2 - fuse.sshfs x rw
26 22 0:8 / {root}/over rw - nfs4 server:/a rw
27 22 0:9 / {root}/over rw - tmpfs tmpfs rw
bad line
"""


@pytest.fixture
def mounts(tmp_path):
    """``mounts(path)`` gives a path below the pretended mounts, and their table."""
    root = tmp_path.resolve()
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.format(root=root))
    return lambda path: (f"{root}/{path}", str(table))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("shm/x", "tmpfs"),
        ("shm", "tmpfs"),
        ("shmoo", "ext4"),
        ("home/u/a.py", "nfs4"),
        ("home/my dir/a.py", "fuse.sshfs"),
        ("over/x", "tmpfs"),
    ],
)
def test_the_file_system_that_holds_a_path(mounts, path, kind):
    assert system.mount_type(*mounts(path)) == kind


def test_network_and_memory_file_systems(mounts):
    assert system.on_network(*mounts("home/u"))
    assert system.on_network(*mounts("home/my dir"))
    assert not system.on_network(*mounts("shm/x"))
    assert system.in_memory(*mounts("shm/x"))
    assert not system.in_memory(*mounts("home/u"))


def test_without_a_table_of_mounts_nothing_is_known(tmp_path):
    missing = str(tmp_path / "none")
    assert system.mount_type("/", missing) == ""
    assert not system.on_network("/", missing)
    assert system.memory_dirs({"XDG_RUNTIME_DIR": "/"}, missing) == []


def test_directories_in_memory_have_to_be_writable(mounts, tmp_path):
    place, table = mounts("shm")
    os.mkdir(place)
    assert place in system.memory_dirs({"XDG_RUNTIME_DIR": place}, table)
    assert system.memory_dirs({"XDG_RUNTIME_DIR": "relative"}, table) == system.memory_dirs({}, table)


def test_small_answers(tmp_path):
    assert system.free_bytes(str(tmp_path)) > 0
    assert system.free_bytes(str(tmp_path / "none")) == 0
    assert system.boot_id(str(tmp_path / "none")) == ""
    (tmp_path / "id").write_text("abc\n")
    assert system.boot_id(str(tmp_path / "id")) == "abc"
    assert system.has_inotify("linux")
    assert not system.has_inotify("darwin")


def test_open_descriptors():
    fd = os.open(os.devnull, os.O_RDONLY)
    try:
        assert fd in system.open_descriptors()
        assert {0, 1, 2} <= set(system.open_descriptors("/no/such/table"))
    finally:
        os.close(fd)
