"""The private sshd that the end-to-end tests stand on does what they rely on."""

import os
import socket
import stat
import threading

import pytest

from tests.harness.sshd import Sshd


@pytest.fixture
def echo():
    """A listener on the laptop's side that answers each connection with one line; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"here is the laptop\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def read(family, address):
    with socket.socket(family) as sock:
        sock.settimeout(10)
        sock.connect(address)
        return sock.makefile("rb").readline()


def test_commands_run_in_the_remote_home_with_its_environment(sshd, other_home):
    ran = sshd.run("pwd; echo $HOME; echo $RBRIDGE_RUNTIME_DIR; echo ${SSH_CONNECTION:+ssh}").ok()
    assert ran.out.split() == [str(other_home.path), str(other_home.path), str(other_home.runtime), "ssh"]


def test_a_tcp_forward_is_up_when_forward_returns(sshd, echo):
    with sshd.forward(f"127.0.0.1:0:127.0.0.1:{echo}") as forward:
        assert read(socket.AF_INET, ("127.0.0.1", forward.port)) == b"here is the laptop\n"


def test_a_unix_forward_is_a_private_socket_of_the_user(sshd, other_home, echo):
    path = other_home.path / "s.sock"
    with sshd.forward(f"{path}:127.0.0.1:{echo}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_uid == os.geteuid()
        assert read(socket.AF_UNIX, str(path)) == b"here is the laptop\n"


def test_a_forward_that_the_server_refuses_is_an_error(other_home, echo):
    server = Sshd(other_home, options=["AllowTcpForwarding no"])
    try:
        with pytest.raises(RuntimeError, match="forward"):
            server.forward(f"127.0.0.1:0:127.0.0.1:{echo}")
    finally:
        server.close()


def test_the_same_server_is_reached_through_a_jump_host(sshd, via_jump, other_home, echo):
    assert sshd.run("pwd", alias=via_jump.alias).ok().out.strip() == str(other_home.path)
    path = other_home.path / "j.sock"
    with sshd.forward(f"{path}:127.0.0.1:{echo}", alias=via_jump.alias):
        assert read(socket.AF_UNIX, str(path)) == b"here is the laptop\n"
    assert "Accepted publickey" in via_jump.jump.log()
