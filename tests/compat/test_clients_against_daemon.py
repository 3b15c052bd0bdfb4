"""The clients that people have, each byte as it sends it, against our daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.compat.clients import CLIENTS, File, PlainClient, Word
from tests.compat.editor import Editor
from tests.harness.daemon import Daemon
from tests.harness.environment import Home

TEXT = b"hello\nworld\n"
TEXTS = [
    b"",
    b"no newline at the end",
    b"\0\xff\r\n\x80",
    b".\n",
    b"open\ndata: 9\n\n.\n",
    b"x" * 200_000,
]
GREETING_LIMIT = 500

Connect = Callable[[str], PlainClient]
MANY = [name for name, model in CLIENTS.items() if model.many_files]


@pytest.fixture
def editor(home: Home) -> Editor:
    return Editor(home)


@pytest.fixture
def connect(editor: Editor, daemon: Callable[..., Daemon]) -> Iterator[Connect]:
    """A connection of one client to a daemon with the scripted editor."""
    port = daemon(editor=editor.spec).port
    clients: list[PlainClient] = []

    def start(name: str) -> PlainClient:
        sock = socket.create_connection(("127.0.0.1", port), 20)
        clients.append(CLIENTS[name](sock))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.mark.parametrize("name", CLIENTS)
def test_the_greeting_is_one_short_line_that_begins_with_220(name: str, connect: Connect) -> None:
    greeting = connect(name).open(File("/abs/f.txt", TEXT))
    assert greeting.startswith(b"220 ")
    assert b" RMATE rbridge/" in greeting
    assert greeting.endswith(b"\n")
    assert len(greeting) < GREETING_LIMIT


@pytest.mark.parametrize("name", CLIENTS)
def test_a_file_is_opened_saved_and_closed(name: str, connect: Connect, editor: Editor) -> None:
    client, file = connect(name), File("/abs/f.txt", TEXT)
    client.open(file)
    opened = editor.wait_open()
    assert opened.content == TEXT
    assert opened.file.name == "f.txt"
    opened.write(b"changed\n")
    assert client.next() == Word("save", client.token(file), b"changed\n")
    opened.quit()
    assert client.next() == Word("close", client.token(file))
    assert client.next() is None


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(
    "text",
    [b"", b"no newline at the end", b"\0\xff\r\n\x80", b".\n", b"open\ndata: 9\n\n.\n", b"x" * 200_000],
)
def test_every_text_arrives_and_goes_back_as_it_is(
    name: str, text: bytes, connect: Connect, editor: Editor
) -> None:
    client, file = connect(name), File("/abs/f.txt", text)
    client.open(file)
    opened = editor.wait_open()
    assert opened.content == text
    opened.write(b"saved: " + text)
    assert client.next() == Word("save", client.token(file), b"saved: " + text)
    opened.quit()
    assert client.next() == Word("close", client.token(file))


@pytest.mark.parametrize("name", CLIENTS)
def test_a_file_that_does_not_exist_yet_opens_empty(name: str, connect: Connect, editor: Editor) -> None:
    client, file = connect(name), File("/abs/new.txt", None)
    client.open(file)
    opened = editor.wait_open()
    assert opened.content == b""
    opened.write(b"first\n")
    assert client.next() == Word("save", client.token(file), b"first\n")
    opened.quit()
    assert client.next() == Word("close", client.token(file))


@pytest.mark.parametrize("name", CLIENTS)
def test_an_emptied_file_is_saved_empty(name: str, connect: Connect, editor: Editor) -> None:
    client, file = connect(name), File("/abs/f.txt", TEXT)
    client.open(file)
    opened = editor.wait_open()
    opened.write(b"")
    opened.quit()
    assert client.next() == Word("save", client.token(file), b"")
    assert client.next() == Word("close", client.token(file))


@pytest.mark.parametrize("name", CLIENTS)
def test_three_saves_arrive_in_order(name: str, connect: Connect, editor: Editor) -> None:
    client, file = connect(name), File("/abs/f.txt", TEXT)
    client.open(file)
    opened = editor.wait_open()
    for text in (b"one\n", b"two\n", b"three\n"):
        opened.rename(text)
        assert client.next() == Word("save", client.token(file), text)
    opened.quit()
    assert client.next() == Word("close", client.token(file))
    assert client.next() is None


@pytest.mark.parametrize("name", MANY)
def test_several_files_on_one_connection_all_open(name: str, connect: Connect, editor: Editor) -> None:
    client = connect(name)
    files = [File(f"/abs/{letter}.txt", letter.encode()) for letter in "abc"]
    client.open(*files)
    opened = {one.file.name: one for one in (editor.wait_open() for _ in files)}
    assert {one.name: one.content for one in files} == {key: one.content for key, one in opened.items()}
    for file in files:
        opened[file.name].write(file.name.encode())
        assert client.next() == Word("save", client.token(file), file.name.encode())
    for file in files:
        opened[file.name].quit()
        assert client.next() == Word("close", client.token(file))
    assert client.next() is None


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_that_goes_away_leaves_the_daemon_well(name: str, connect: Connect, editor: Editor) -> None:
    client = connect(name)
    client.open(File("/abs/f.txt", TEXT))
    editor.wait_open()
    client.close()
    again = connect(name)
    again.open(File("/abs/g.txt", b"again\n"))
    opened = editor.wait_open()
    assert opened.content == b"again\n"
    opened.give_up()
    assert again.next() == Word("close", again.token(File("/abs/g.txt", b"")))


@pytest.mark.parametrize("name", CLIENTS)
def test_one_byte_at_a_time_opens_the_same(name: str, connect: Connect, editor: Editor) -> None:
    client, file = connect(name), File("/abs/f.txt", TEXT)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in client.transcript(file):
        client.sock.sendall(bytes([byte]))
    opened = editor.wait_open()
    assert opened.content == TEXT
    opened.give_up()
