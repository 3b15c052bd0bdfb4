import os
import socket
import stat
from pathlib import Path

import pytest
import trio

from rbridge.errors import CannotCreate, NotListening
from rbridge.server import listeners
from rbridge.server.addresses import Tcp, Unix
from rbridge.server.listeners import Holder


@pytest.fixture
def path(directories):
    return str(directories / "run" / "x.sock")


def there(path):
    return os.path.lexists(path)


def write(path, text):
    Path(path).write_text(text)


def read(path):
    return Path(path).read_text()


async def accept_one(listener):
    stream = await listener.socket.accept()
    await stream.aclose()


async def test_a_free_port_is_named(nursery):
    listener = await listeners.listen(Tcp("127.0.0.1", 0))
    assert listener.address.port > 0
    nursery.start_soon(accept_one, listener)
    stream = await trio.open_tcp_stream("127.0.0.1", listener.address.port)
    assert await stream.receive_some() == b""
    await stream.aclose()
    await listeners.close([listener])


async def test_a_port_in_use_is_not_had():
    first = await listeners.listen(Tcp("127.0.0.1", 0))
    with pytest.raises(NotListening, match="another program listens there") as caught:
        await listeners.listen(first.address)
    assert caught.value.exit_code == 69
    await listeners.close([first])


async def test_the_other_loopback_works_or_says_that_it_is_not_there():
    if not socket.has_ipv6 or not there("/proc/net/if_inet6"):
        with pytest.raises((NotListening, CannotCreate)):
            await listeners.listen(Tcp("::1", 0))
    else:
        listener = await listeners.listen(Tcp("::1", 0))
        assert str(listener.address).startswith("[::1]:")
        await listeners.close([listener])


async def test_a_socket_is_ours_alone_from_its_first_moment(path):
    before = os.umask(0)
    try:
        listener = await listeners.listen(Unix(path))
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    await listeners.close([listener])
    assert not there(path)


async def test_a_dead_socket_is_replaced(path):
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    listener = await listeners.listen(Unix(path))
    assert await listeners.answers(path)
    await listeners.close([listener])


async def test_a_living_socket_is_left_alone(path):
    living = await listeners.listen(Unix(path))
    with pytest.raises(NotListening):
        await listeners.listen(Unix(path))
    assert await listeners.answers(path)
    await listeners.close([living])


async def test_a_file_in_its_place_is_left_alone(path):
    write(path, "precious")
    with pytest.raises(CannotCreate, match="no socket"):
        await listeners.listen(Unix(path))
    assert read(path) == "precious"


async def test_a_directory_that_is_not_there(directories):
    with pytest.raises(CannotCreate, match="No such file"):
        await listeners.listen(Unix(str(directories / "nothing" / "x.sock")))


async def test_someone_elses_socket_is_not_removed(path):
    listener = await listeners.listen(Unix(path))
    os.unlink(path)
    other = await listeners.listen(Unix(path))
    await listeners.close([listener])
    assert there(path)
    await listeners.close([other])


async def serve_greeting(listener, greeting):
    stream = await listener.accept()
    async with stream:
        if greeting:
            await stream.send_all(greeting)
        await stream.receive_some()


@pytest.mark.parametrize(
    ("greeting", "rmate"),
    [
        (b"220 laptop RMATE TextMate (Darwin)\n", True),
        (b"Sublime Text 3 (remote_subl plugin)\n", True),
        (b"VSCode 1\n", True),
        (b"SSH-2.0-x\r\n", False),
        (b"", False),
    ],
)
async def test_who_holds_a_port(nursery, greeting, rmate):
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    nursery.start_soon(serve_greeting, listener, greeting)
    assert await listeners.holder(Tcp("127.0.0.1", port)) == Holder(ours=True, rmate=rmate)
    await listener.aclose()


async def test_nobody_holds_it_any_more():
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    assert await listeners.holder(Tcp("127.0.0.1", port)) == Holder(ours=None, rmate=False)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Holder(ours=True, rmate=True), "--editor rmate:52698"),
        (Holder(ours=None, rmate=True), "--editor rmate:52698"),
        (Holder(ours=True, rmate=False), "another program"),
        (Holder(ours=None, rmate=False), "another program"),
        (Holder(ours=False, rmate=True), "do not forward to this port"),
        (Holder(ours=False, rmate=False), "do not forward to this port"),
    ],
)
def test_what_the_user_is_told(found, words):
    line = listeners.taken_line(Tcp("127.0.0.1", 52698), found)
    assert words in line
    assert "Unix socket" in line


def test_our_own_socket_is_in_the_runtime_directory(directories):
    assert listeners.default_socket() == Unix(str(directories / "run" / "daemon.sock"))


async def test_a_listener_may_be_for_one_host(path):
    listener = await listeners.listen(Unix(path), "gpu1", "ssh key of gpu1")
    assert (listener.name, listener.identity) == ("gpu1", "ssh key of gpu1")
    await listeners.close([listener])
    anyone = await listeners.listen(Unix(path))
    assert (anyone.name, anyone.identity) == ("", "")
    await listeners.close([anyone])
