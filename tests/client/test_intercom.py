"""Messages between processes of one host, with descriptors."""

from __future__ import annotations

import _socket
import os
import socket

import pytest

from rbridge.client.intercom import BATCH, Intercom, connected, reach, spelled
from rbridge.errors import LocalProtocolError, RemoteProtocolError


@pytest.fixture
def ends():
    one, other = _socket.socketpair()
    made = Intercom(one), Intercom(other)
    yield made
    for end in made:
        end.close()


def test_any_value_arrives_as_it_was(ends):
    one, other = ends
    path = "a b\n%41\x7f\udcff: é"
    one.say("say", {"text": path, "empty": ""})
    other.receive()
    message = other.next()
    assert message.command == "say"
    assert message.get("text") == path
    assert message.get("empty", "none") == "none"
    assert other.next() is None


def test_a_body_arrives_in_pieces(ends):
    one, other = ends
    body = os.urandom(100_000)
    data = spelled("hand", {"cwd": "/"}, body)
    for at in range(0, len(data), 30_000):
        one.send_all(data[at : at + 30_000])
        other.receive()
    message = other.next()
    assert message.body == body


def test_descriptors_reach_the_messages_that_name_them(ends, tmp_path):
    one, other = ends
    files = [os.open(tmp_path / str(number), os.O_RDWR | os.O_CREAT) for number in range(BATCH)]
    data = b"".join(spelled("file", {"path": str(n)}, count=n % 2) for n in range(2 * BATCH))
    one.send_all(data, files)
    found = []
    while len(found) < 2 * BATCH:
        other.receive()
        message = other.next()
        while message is not None:
            found.append(message)
            message = other.next()
    for number, message in enumerate(found):
        assert len(message.descriptors) == number % 2
        if message.descriptors:
            there = os.fstat(message.descriptors[0])
            assert there.st_ino == os.fstat(files[number // 2]).st_ino
            assert not os.get_inheritable(message.descriptors[0])
        message.close()
    for fd in files:
        os.close(fd)


def test_a_message_without_its_descriptor_is_nonsense(ends):
    one, other = ends
    one.send_all(spelled("file", {"path": "a"}, count=1))
    other.receive()
    with pytest.raises(RemoteProtocolError):
        other.next()


@pytest.mark.parametrize(
    "data", [b"file\ndescriptors: x\n\n", b"file\nnonsense\n\n", b"data: 7\n", b"a: b\n"]
)
def test_garbage_is_an_error(ends, data):
    one, other = ends
    one.send_all(data)
    other.receive()
    with pytest.raises(RemoteProtocolError):
        other.next()


def test_what_is_unknown_is_passed_over(ends):
    one, other = ends
    one.send_all(b"later\nthing: 1\n\n" + spelled("say", {"text": "a"}))
    other.receive()
    assert other.next().get("text") == "a"


def test_descriptors_that_nobody_takes_are_closed(tmp_path):
    one, other = map(Intercom, _socket.socketpair())
    reader, writer = os.pipe()
    one.send_all(spelled("file", {"path": "a"}, count=1)[:-1], [writer])
    os.close(writer)
    other.receive()
    assert other.next() is None
    other.close()
    assert os.read(reader, 1) == b""
    os.close(reader)
    one.close()


def test_the_end_is_noted(ends):
    one, other = ends
    one.send_all(b"say\ntext: cut off")
    one.shut()
    other.receive()
    assert other.next() is None
    assert not other.ended
    other.receive()
    assert other.next() is None
    assert other.ended


def test_a_nul_cannot_be_said():
    with pytest.raises(LocalProtocolError):
        spelled("say", {"text": "\0"})


def test_a_path_of_any_length_can_be_reached(tmp_path):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    path = str(deep / "s.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        reach(path, listener.bind)
        with pytest.raises(ConnectionRefusedError):
            connected(path)
        listener.listen()
        connected(path).close()
    with pytest.raises(FileNotFoundError):
        connected(str(deep / "none"))
