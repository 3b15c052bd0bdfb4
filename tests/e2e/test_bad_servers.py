"""Servers that fail, and ports where something else listens, against the real client."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest

from tests.client.editors import LINK, Talk
from tests.client.editors import Editor as Server
from tests.e2e.bad import OLD, one_line
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge
from tests.harness.wait import free_port


def silent(talk: Talk) -> None:
    talk.file.read()


def hang_up(talk: Talk) -> None:
    talk.hang_up()


def other_file(talk: Talk) -> None:
    talk.linked()
    talk.save("0" * 24, b"evil", 1)
    talk.gone()


def negative(talk: Talk) -> None:
    (said,) = talk.linked()
    talk.send(f"save\ntoken: {said.token}\nsave: 1\ndata: -5\n".encode())
    talk.gone()


def endless(talk: Talk) -> None:
    (said,) = talk.linked()
    talk.send(f"save\ntoken: {said.token}\nx: ".encode() + b"y" * 100_000)
    talk.gone()


def huge(talk: Talk) -> None:
    (said,) = talk.linked()
    talk.send(f"save\ntoken: {said.token}\nsave: 1\ndata: 1000000000000\n".encode())
    talk.gone()


def half_a_header(talk: Talk) -> None:
    (said,) = talk.linked()
    talk.send(f"save\ntoken: {said.token}".encode())
    talk.hang_up()


def half_a_save(talk: Talk) -> None:
    (said,) = talk.linked()
    talk.send(f"save\ntoken: {said.token}\nsave: 1\ndata: 100\n0123456789".encode())
    talk.hang_up()


@pytest.mark.parametrize(
    ("greeting", "script", "code", "says"),
    [
        (LINK, silent, 69, "did not answer within 1 s, so it is closed again (the file is unchanged)"),
        (b"", silent, 69, "it accepted the connection but said nothing within 1 s"),
        (b"", hang_up, 69, "nothing was sent"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", silent, 69, "nothing was sent"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", hang_up, 69, "nothing was sent"),
        (b"\x15\x03\x01\x00\x02\x02\x50", silent, 69, "nothing was sent"),
        (b"x" * 20_000, silent, 69, "nothing was sent"),
        (LINK, other_file, 65, "named a file that was never opened: nothing was written"),
        (LINK, negative, 65, "makes no sense"),
        (LINK, endless, 65, "makes no sense"),
        (LINK, huge, 65, "makes no sense"),
        (LINK, half_a_header, 74, "lost before it was closed; what was saved is on disk"),
        (LINK, half_a_save, 74, "cannot save train.py: the connection was lost in the middle (the file is"),
    ],
)
def test_a_server_that_fails_leaves_the_file_alone(
    home: Home, greeting: bytes, script: Callable[[Talk], None], code: int, says: str
) -> None:
    home.file("work/train.py", OLD)
    server = Server(script, greeting=greeting)
    try:
        ran = home.run(
            rbridge("open", "-w", "--timeout", "1", *server.where, "train.py"), cwd=home.path / "work"
        )
    finally:
        server.close()
    assert ran.code == code, ran
    told = [line for line in ran.err.splitlines() if ": open in vim" not in line]
    assert says in told[0]
    assert all(line.isprintable() and line.startswith("rbridge: ") for line in told)
    assert len(told) <= (2 if script is half_a_save else 1), told
    assert (home.path / "work/train.py").read_bytes() == OLD
    assert os.listdir(home.path / "work") == ["train.py"]


def test_nobody_listens(home: Home) -> None:
    home.file("train.py", OLD)
    ran = home.run(rbridge("open", "-p", str(free_port()), "train.py"))
    assert ran.code == 69
    assert "connection refused" in one_line(ran.err)
    assert "rbridge connect HOST" in ran.err


def test_something_else_has_the_port_that_the_daemon_was_told(
    home: Home, daemon: Callable[..., Daemon]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = daemon(editor="true", listen=[f"127.0.0.1:{port}"], ready=False).wait()
    assert ran.code == 69
    assert f"127.0.0.1:{port}: another program listens there" in one_line(ran.err)
