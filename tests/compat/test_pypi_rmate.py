"""PyPI's rmate 1.0.3 against our daemon, as someone who already has it would use it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.compat import pypi
from tests.compat.editor import Editor
from tests.compat.servers import SERVERS
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, stop
from tests.harness.wait import until

TEXT = "print('hello')\n"
Rmate = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="session")
def rmate_command() -> list[str]:
    return pypi.command()


@pytest.fixture
def editor(home: Home) -> Editor:
    return Editor(home)


@pytest.fixture
def rmate(
    home: Home, other_home: Home, editor: Editor, daemon: Callable[..., Daemon], rmate_command: Sequence[str]
) -> Iterator[Rmate]:
    """Starts rmate on the "host", told the port of a daemon that runs on the "laptop"."""
    port = daemon(editor=editor.spec).port

    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        env = {"RMATE_HOST": "127.0.0.1", "RMATE_PORT": str(port)}
        started.append(other_home.start([*rmate_command, *words], env=env, stdin=stdin))
        return started[-1]

    yield start
    for process in started:
        stop(process)


def ended(process: subprocess.Popen[bytes]) -> bytes:
    """What it printed, once it has ended with 0."""
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")
    return out


def test_wait_returns_when_the_editor_closed_what_it_saved(
    rmate: Rmate, other_home: Home, editor: Editor
) -> None:
    file = other_home.file("train.py", TEXT)
    process = rmate("-w", "train.py")
    opened = editor.wait_open()
    assert opened.content == TEXT.encode()
    opened.rename(b"print('changed')\n")
    opened.quit()
    ended(process)
    assert file.read_bytes() == b"print('changed')\n"


def test_without_wait_it_returns_at_once_and_saves_go_on(
    rmate: Rmate, other_home: Home, editor: Editor
) -> None:
    file = other_home.file("train.py", TEXT)
    # Its child in the background holds the pipes: wait for the process, not for their end.
    process = rmate("train.py")
    assert process.wait(20) == 0
    opened = editor.wait_open()
    opened.write(b"one\n")
    until(lambda: file.read_bytes() == b"one\n")
    opened.write(b"two\n")
    opened.quit()
    until(lambda: file.read_bytes() == b"two\n")
    ended(process)


def test_stdin_is_edited_and_printed(rmate: Rmate, editor: Editor) -> None:
    process = rmate("-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"draft\n")
    process.stdin.close()
    process.stdin = None
    opened = editor.wait_open()
    assert opened.content == b"draft\n"
    opened.write(b"final\n")
    opened.quit()
    # It prints the text as a line.
    assert ended(process) == b"final\n\n"


def test_several_files_open_and_save_on_their_own(rmate: Rmate, other_home: Home, editor: Editor) -> None:
    names = ["a.py", "b c.py", "d.txt"]
    files = [other_home.file(name, name) for name in names]
    process = rmate("-w", *names)
    for opened in [editor.wait_open() for _ in names]:
        opened.write(opened.content + b" edited")
        opened.quit()
    ended(process)
    assert [file.read_text() for file in files] == [f"{name} edited" for name in names]


def test_a_line_puts_the_caret(rmate: Rmate, other_home: Home, editor: Editor) -> None:
    other_home.file("train.py", "1\n2\n3\n4\n")
    process = rmate("-w", "-l", "3", "train.py")
    opened = editor.wait_open()
    assert opened.position == "3 1"
    opened.write(b"saved\n")
    opened.quit()
    ended(process)


def test_a_line_with_a_column_puts_the_caret(rmate: Rmate, other_home: Home, editor: Editor) -> None:
    other_home.file("train.py", "1\n2\n3 is here\n")
    process = rmate("-w", "-l", "3:5", "train.py")
    opened = editor.wait_open()
    assert opened.position == "3 5"
    opened.write(b"saved\n")
    opened.quit()
    ended(process)


def test_a_new_file_is_made_by_its_first_save(rmate: Rmate, other_home: Home, editor: Editor) -> None:
    process = rmate("-w", "new.py")
    opened = editor.wait_open()
    assert opened.content == b""
    opened.write(b"new\n")
    opened.quit()
    ended(process)
    assert (other_home.path / "new.py").read_bytes() == b"new\n"


def test_a_new_file_that_was_not_saved_is_not_made(rmate: Rmate, other_home: Home, editor: Editor) -> None:
    process = rmate("-w", "new.py")
    editor.wait_open().give_up()
    ended(process)
    assert not (other_home.path / "new.py").exists()


@pytest.mark.parametrize("text", [b"", b"no last newline", b"\0\xff\xfe\r\n", b"0123456789abcdef" * 131_072])
def test_every_text_comes_back_as_it_was_saved(
    text: bytes, rmate: Rmate, other_home: Home, editor: Editor
) -> None:
    file = other_home.file("data.bin", b"before" + text)
    process = rmate("-w", "data.bin")
    opened = editor.wait_open()
    assert opened.content == b"before" + text
    opened.write(text)
    opened.quit()
    ended(process)
    assert file.read_bytes() == text


def test_many_saves_in_a_row_end_with_the_last(rmate: Rmate, other_home: Home, editor: Editor) -> None:
    file = other_home.file("train.py", TEXT)
    process = rmate("-w", "train.py")
    opened = editor.wait_open()
    for number in range(30):
        opened.write(b"%d\n" % number)
    opened.quit()
    ended(process)
    assert file.read_bytes() == b"29\n"


def test_two_sessions_at_once_do_not_meet(rmate: Rmate, other_home: Home, editor: Editor) -> None:
    one, two = other_home.file("one/train.py", "one\n"), other_home.file("two/train.py", "two\n")
    processes = [rmate("-w", "one/train.py"), rmate("-w", "two/train.py")]
    for opened in [editor.wait_open(), editor.wait_open()]:
        opened.rename(opened.content * 2)
        opened.quit()
    for process in processes:
        ended(process)
    assert (one.read_text(), two.read_text()) == ("one\none\n", "two\ntwo\n")


@pytest.mark.parametrize("name", SERVERS)
def test_it_also_works_with_our_model_of_each_server(
    name: str, other_home: Home, rmate_command: Sequence[str]
) -> None:
    file = other_home.file("train.py", TEXT)
    with SERVERS[name]() as server:
        words = ["--host", "127.0.0.1", "--port", str(server.port), "-w", "train.py"]
        process = other_home.start([*rmate_command, *words])
        tab = server.wait_open()
        assert tab.content == TEXT.encode()
        tab.save(b"x" * 3000)
        until(lambda: file.read_bytes() == b"x" * 3000)
        tab.close()
        if server.closes:
            ended(process)
        else:
            stop(process)
