"""The models are as strict as what they stand for: each quirk, shown with raw bytes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.compat.servers import SERVERS, PlainServer
from tests.compat.servers.base import PATIENCE

HEADERS = b"display-name: gpu1:f.txt\nreal-path: /abs/f.txt\ndata-on-save: yes\nre-activate: yes\ntoken: t1\n"
BODY = b"hello\nworld\n"
OPEN = b"open\n" + HEADERS + b"data: 12\n" + BODY + b"\n"

SAVES = {
    "textmate": b"save\r\ntoken: t1\r\ndata: 3\r\nnew\r\n",
    "zed": b"save\ntoken: t1\ndata: 3\nnew\n",
}
CLOSES = {
    "textmate": b"close\r\ntoken: t1\r\n\r\n",
    "remote-vscode": b"",
    "zed": b"close\n",
    "rmate-server": b"",
}

Connect = Callable[[str], tuple[PlainServer, socket.socket]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Starts a model by name and connects to it; the greeting has been read."""
    running: list[tuple[PlainServer, socket.socket]] = []

    def start(name: str) -> tuple[PlainServer, socket.socket]:
        server = SERVERS[name]()
        server.__enter__()
        sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        running.append((server, sock))
        assert take(sock, len(server.greeting)) == server.greeting
        return server, sock

    yield start
    for server, sock in running:
        sock.close()
        server.__exit__(None, None, None)


def take(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := sock.recv(count - len(data))):
        data += more
    return data


def rest(sock: socket.socket) -> bytes:
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def pieces(server: PlainServer, sock: socket.socket, *parts: bytes) -> None:
    """Send each part when the model has read the one before."""
    wire = server.wait_wire()
    count = 0
    for part in parts:
        sock.sendall(part)
        count += len(part)
        wire.wait_received(count)


def nothing_opens(server: PlainServer, sock: socket.socket) -> None:
    """All that was sent has been read, and no file came of it."""
    sock.shutdown(socket.SHUT_WR)
    assert server.wait_wire().ended.wait(PATIENCE)
    assert server.opened() == 0


@pytest.mark.parametrize("name", SERVERS)
def test_what_every_client_sends_opens_everywhere(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN + b".\n")
    tab = server.wait_open()
    assert tab.content == BODY
    assert "f.txt" in tab.name


@pytest.mark.parametrize("name", SERVERS)
def test_a_save_reads_as_the_program_writes_it(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN + b".\n")
    server.wait_open().save(b"new")
    expected = SAVES.get(name, b"save\ntoken: t1\ndata: 3\nnew\n")
    assert take(sock, len(expected)) == expected


@pytest.mark.parametrize("name", [name for name, model in SERVERS.items() if model.closes])
def test_the_last_close_ends_the_connection(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN + b".\n")
    server.wait_open().close()
    assert rest(sock) == CLOSES.get(name, b"close\ntoken: t1\n\n")


@pytest.mark.parametrize("name", SERVERS)
def test_only_some_open_a_second_file(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    second = OPEN.replace(b"t1", b"t2").replace(b"f.txt", b"g.txt").replace(b"world", b"there")
    sock.sendall(OPEN + second + b".\n")
    assert server.wait_open().content == BODY
    if server.many_files:
        assert server.wait_open().content == b"hello\nthere\n"
    else:
        nothing_opens(server, sock)


def test_textmate_sends_blocks_of_one_kilobyte_and_none_for_an_emptied_file(connect: Connect) -> None:
    server, sock = connect("textmate")
    sock.sendall(OPEN + b".\n")
    tab = server.wait_open()
    tab.save(b"x" * 1500)
    expected = b"save\r\ntoken: t1\r\ndata: 1024\r\n%sdata: 476\r\n%s\r\n" % (b"x" * 1024, b"x" * 476)
    assert take(sock, len(expected)) == expected
    tab.save(b"")
    assert take(sock, 19) == b"save\r\ntoken: t1\r\n\r\n"


def test_textmate_unescapes_what_it_is_told(connect: Connect) -> None:
    server, sock = connect("textmate")
    sock.sendall(OPEN.replace(b"gpu1:f.txt", rb"gpu1:a\\b\nc\d") + b".\n")
    assert server.wait_open().name == "gpu1:a\\b\ncd"


@pytest.mark.parametrize("name", ["textmate", "zed", "rsub", "rmate-server"])
def test_the_dot_is_needed(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN)
    nothing_opens(server, sock)


@pytest.mark.parametrize("name", ["remotesubl", "remote-vscode", "rmate-vscode", "pricci1"])
def test_the_dot_is_not_waited_for(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN)
    assert server.wait_open().content == BODY


@pytest.mark.parametrize("name", ["textmate", "rsub", "rmate-server"])
def test_data_without_a_last_newline_needs_one_behind_it(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(b"open\n" + HEADERS + b"data: 5\nhello.\n")
    nothing_opens(server, sock)


@pytest.mark.parametrize("name", ["rsub", "zed"])
def test_a_header_without_a_colon_drops_the_connection(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(b"open\nflag\n" + OPEN[5:] + b".\n")
    assert "flag" in server.problems.get(timeout=PATIENCE)


def test_zed_wants_a_space_behind_the_colon(connect: Connect) -> None:
    server, sock = connect("zed")
    sock.sendall(b"open\nx-a:b\n" + OPEN[5:] + b".\n")
    assert "x-a:b" in server.problems.get(timeout=PATIENCE)


@pytest.mark.parametrize("name", ["rsub", "zed", "textmate", "remote-vscode", "rmate-server"])
def test_a_command_before_open_breaks_it(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(b"hello\nversion\n\n" + OPEN + b".\n")
    nothing_opens(server, sock)


def test_rsub_never_completes_a_file_that_says_open(connect: Connect) -> None:
    server, sock = connect("rsub")
    sock.sendall(b"open\n" + HEADERS + b"data: 12\nopen\nworld!\n\n.\n")
    nothing_opens(server, sock)


@pytest.mark.parametrize("name", ["rsub", "remotesubl", "zed"])
def test_a_name_that_is_not_utf8_drops_the_connection(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN.replace(b"gpu1:f.txt", b"gpu1:\xff.txt") + b".\n")
    nothing_opens(server, sock)


@pytest.mark.parametrize("header", [b"token", b"display-name"])
def test_remotesubl_drops_a_file_without_token_or_name(header: bytes, connect: Connect) -> None:
    server, sock = connect("remotesubl")
    sock.sendall(OPEN.replace(header, b"x-other") + b".\n")
    nothing_opens(server, sock)


def test_remotesubl_fails_after_a_file_without_real_path(connect: Connect) -> None:
    server, sock = connect("remotesubl")
    sock.sendall(OPEN.replace(b"real-path", b"x-path"))
    server.wait_open()
    sock.sendall(OPEN + b".\n")
    assert "real-path" in server.problems.get(timeout=PATIENCE)


def test_remotesubl_takes_the_same_path_into_the_same_tab(connect: Connect) -> None:
    server, sock = connect("remotesubl")
    sock.sendall(OPEN)
    server.wait_open()
    sock.sendall(OPEN.replace(b"t1", b"t2") + b".\n")
    assert server.wait_open().headers["token"] == "t2"
    assert take(sock, 17) == b"close\ntoken: t1\n\n"


def test_remotesubl_opens_another_file_for_a_column(connect: Connect) -> None:
    server, sock = connect("remotesubl")
    sock.sendall(OPEN.replace(b"token", b"selection: 5:3\ntoken") + b".\n")
    assert server.wait_open().name == "f.txt:5"


def test_remotesubl_calls_a_dash_untitled(connect: Connect) -> None:
    server, sock = connect("remotesubl")
    sock.sendall(OPEN.replace(b"token: t1", b"token: -") + b".\n")
    assert server.wait_open().name == "untitled"


def test_remote_vscode_loses_the_data_header_that_is_split(connect: Connect) -> None:
    server, sock = connect("remote-vscode")
    head, tail = (OPEN + b".\n").split(b"ta: 12")
    pieces(server, sock, head, b"ta: 12" + tail)
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock) == b""
    assert server.opened() == 0


def test_remote_vscode_takes_headers_that_are_split_between_lines(connect: Connect) -> None:
    server, sock = connect("remote-vscode")
    pieces(server, sock, b"open\n", HEADERS, b"data: 12\n", BODY, b"\n.\n")
    assert server.wait_open().content == BODY


@pytest.mark.parametrize("name", ["remote-vscode", "rmate-server"])
def test_a_header_that_says_data_moves_the_text(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN.replace(b"gpu1:f.txt", b"gpu1:data: 12") + b".\n.\n")
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock) == b""
    assert server.opened() == 0 or server.wait_open().content != BODY


def test_rmate_vscode_loops_at_a_split_line(connect: Connect) -> None:
    server, sock = connect("rmate-vscode")
    pieces(server, sock, OPEN[:20], OPEN[20:] + b".\n")
    assert "loops" in server.problems.get(timeout=PATIENCE)
    assert server.opened() == 0


@pytest.mark.parametrize("extra", [b"x-late: 1\n\n.\n", b".\nping\n"])
def test_rmate_vscode_never_ends_after_a_word_too_many(extra: bytes, connect: Connect) -> None:
    server, sock = connect("rmate-vscode")
    pieces(server, sock, OPEN, *extra.splitlines(keepends=True))
    server.wait_open().close()
    assert take(sock, 17) == b"close\ntoken: t1\n\n"
    sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        sock.recv(1)


@pytest.mark.parametrize("name", ["rmate-vscode", "rmate-server"])
def test_a_token_ends_at_its_second_colon(name: str, connect: Connect) -> None:
    server, sock = connect(name)
    sock.sendall(OPEN.replace(b"token: t1", b"token: a: b") + b".\n")
    assert server.wait_open().headers["token"] == "a"


def test_rmate_server_fails_below_a_directory_with_a_dot(connect: Connect) -> None:
    server, sock = connect("rmate-server")
    sock.sendall(OPEN.replace(b"/abs/f.txt", b"/abs.d/Makefile") + b".\n")
    assert "ENOENT" in server.problems.get(timeout=PATIENCE)


def test_pricci1_ends_only_after_the_client(connect: Connect) -> None:
    server, sock = connect("pricci1")
    sock.sendall(OPEN + b".\n")
    server.wait_open().close()
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock) == b"close\ntoken: t1\n\n"
