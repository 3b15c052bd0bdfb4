"""What hosts and users do wrong, against the real daemon and the real client.

Each time: one clear line for whoever has to know, the right exit code, and nothing lost.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.compat.editor import Editor
from tests.e2e.bad import OLD, client, one_line, texts, warnings
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge
from tests.harness.wait import DEADLINE, until

HURRY = "[limits]\nhandshake = 0.5\nstall = 0.5\n"


class Raw:
    """A peer that says what a test gives it; the greeting is read."""

    def __init__(self, daemon: Daemon, data: bytes) -> None:
        self.sock = socket.create_connection(("127.0.0.1", daemon.port), DEADLINE)
        self.file = self.sock.makefile("rb")
        assert self.file.readline().startswith(b"220 ")
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return  # closed before all was said, which is as good

    def closed(self) -> bool:
        """Wait until the daemon has closed the connection without another word."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.file.close()
        self.sock.close()


@pytest.fixture
def running(editor: Editor, daemon: Callable[..., Daemon]) -> Daemon:
    return daemon(editor=editor.spec, config=HURRY)


@pytest.fixture
def raw(running: Daemon) -> Iterator[Callable[[bytes], Raw]]:
    made: list[Raw] = []

    def connect(data: bytes) -> Raw:
        made.append(Raw(running, data))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def serves_on(home: Home, daemon: Daemon, editor: Editor) -> None:
    """Whatever happened, the next file opens, is saved and closed."""
    file = home.file("work/next.py", OLD)
    process = home.start(client(daemon, "-w", str(file)))
    opened = editor.wait_open()
    assert opened.content == OLD
    opened.write(b"new\n")
    opened.quit()
    assert process.communicate(timeout=DEADLINE)[1].count(b"\n") == 1
    assert process.returncode == 0
    assert file.read_bytes() == b"new\n"


OPEN = b"open\ndisplay-name: gpu1:a.py\nreal-path: /home/me/a.py\ntoken: t1\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"\x00\xff\x13\x37 garbage \x1b[31m\n", "no rmate client", id="garbage"),
        pytest.param(b"\x16\x03\x01\x02\x00" * 100, "no rmate client", id="tls"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: localhost:52698\r\n\r\n" + OPEN + b"data: 1\nx\n.\n",
            "an HTTP request",
            id="http",
        ),
        pytest.param(OPEN + b"x: " + b"y" * 1_000_000, "it does not keep to the protocol", id="endless-line"),
        pytest.param(OPEN + b"x: y\n" * 10_000, "it does not keep to the protocol", id="endless-headers"),
        pytest.param(OPEN + b"data: 1000000000000\n", "the peer announced more than is allowed", id="huge"),
        pytest.param(OPEN + b"data: " + b"9" * 5000 + b"\n", "the peer announced more than", id="digits"),
        *(
            pytest.param(
                OPEN + b"data: " + length + b"\nx\n", "does not keep to the protocol", id=f"{length!r}"
            )
            for length in (b"-1", b"ten", b"1e3", b"0x10", b"", b"1.5", "١".encode())
        ),
    ],
)
def test_nonsense_is_one_line_and_the_daemon_serves_on(
    home: Home, running: Daemon, editor: Editor, raw: Callable[[bytes], Raw], data: bytes, says: str
) -> None:
    assert raw(data).closed()
    (line,) = until(lambda: warnings(running))
    assert ": closed: " in line
    assert says in line
    assert line.isprintable()
    assert texts(home) == []
    assert editor.started() == 0
    serves_on(home, running, editor)


@pytest.mark.parametrize(
    "data", [b"ope", OPEN, OPEN + b"data: 1000\nonly this"], ids=["word", "header", "body"]
)
@pytest.mark.parametrize("goes", [False, True], ids=["falls-silent", "goes"])
def test_a_peer_that_stops_in_the_middle_leaves_nothing(
    home: Home, running: Daemon, editor: Editor, raw: Callable[[bytes], Raw], data: bytes, goes: bool
) -> None:
    peer = raw(data)
    if goes:
        peer.close()
    else:
        assert peer.closed()
    (line,) = until(lambda: warnings(running))
    assert "the connection ended inside open" in line if goes else "it stopped in the middle of " in line
    until(lambda: texts(home) == [])
    assert editor.started() == 0
    serves_on(home, running, editor)


def test_a_peer_that_goes_before_a_save_leaves_the_text_on_the_laptop(
    home: Home, running: Daemon, editor: Editor, raw: Callable[[bytes], Raw]
) -> None:
    peer = raw(OPEN + b"data: 3\nold\n.\n")
    opened = editor.wait_open()
    peer.close()
    opened.write(b"written for an hour\n")
    opened.quit()
    (line,) = until(lambda: [line for line in warnings(running) if "kept at" in line])
    assert Path(line.rpartition("kept at ")[2]).read_bytes() == b"written for an hour\n"
    assert line.startswith("rbridge: a.py on gpu1: ") or "a.py on gpu1" in line


@pytest.mark.parametrize("header", ["display-name", "real-path"])
@pytest.mark.parametrize(
    "name",
    [
        b"../../../../../../../../etc/evil",
        b"/../..//./../etc/evil",
        b"\x1b]0;evil\x07\x1b[31mred",
        b"..",
        b"caf\xe9 \xff\xfe",
        b"tab\tand\x7fdelete\rreturn",
        b"a\nb: c",
        b"x" * 5000,
    ],
)
def test_a_name_from_the_wire_stays_in_its_directory_and_off_the_screen(
    home: Home, running: Daemon, editor: Editor, raw: Callable[[bytes], Raw], header: str, name: bytes
) -> None:
    value = b"gpu1:" + name if header == "display-name" else b"/" + name
    peer = raw(b"open\n" + header.encode() + b": " + value + b"\ntoken: t/1\ndata: 3\nold\n.\n")
    opened = editor.wait_open()
    files = os.path.realpath(home.runtime / "files")
    inside = Path(os.path.realpath(opened.file)).relative_to(files)
    assert len(inside.parts) >= 3  # ID, host, path
    assert str(inside).isprintable()
    assert opened.content == b"old"
    opened.write(b"new")
    head = [peer.file.readline() for _ in range(3)]
    assert head == [b"save\n", b"token: t/1\n", b"data: 3\n"]
    assert peer.file.read(3) == b"new"
    opened.quit()
    assert all(line.isprintable() for line in running.err.splitlines())
    log = "".join(path.read_text() for path in home.state.rglob("*.log*"))
    assert log
    assert all(line.isprintable() for line in log.splitlines())


@pytest.mark.parametrize("name", [b"new\nline.py", b"\x1b[31mred.py", b"caf\xe9.py", b"..py", b"a\tb\rc\x7f"])
def test_a_file_of_any_name_goes_there_and_back(
    home: Home, running: Daemon, editor: Editor, name: bytes
) -> None:
    path = os.path.join(os.fsencode(home.path), name)
    with open(path, "wb") as file:
        file.write(OLD)
    process = home.start([*client(running, "-w"), os.fsdecode(path)])
    opened = editor.wait_open()
    opened.rename(b"new\n")
    opened.quit()
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert ": open in " in one_line(err.decode())
    with open(path, "rb") as file:
        assert file.read() == b"new\n"


# What users give


@pytest.fixture
def powerless() -> list[str]:
    """Put before a command so that permissions hold for root as well."""
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []


def test_what_cannot_be_opened_is_named_and_the_rest_opens(
    home: Home, running: Daemon, editor: Editor, powerless: list[str]
) -> None:
    os.mkfifo(home.path / "f")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(home.path / "s"))
    home.file("unreadable", OLD, 0o200)
    home.file("unwritable", OLD, 0o400)
    good = home.file("good", OLD)
    names = ["f", "s", "unreadable", "unwritable", "none/x", "good"]
    process = home.start([*powerless, *client(running, "-w", *names)])
    opened = editor.wait_open()
    opened.write(b"new\n")
    opened.quit()
    err = process.communicate(timeout=DEADLINE)[1].decode().splitlines()
    assert process.returncode == 66  # of the first that failed
    assert [line.split(" (")[0] for line in err[:5]] == [
        "rbridge: cannot open f: it is a pipe; read it with '-'",
        "rbridge: cannot open s: it is a socket, not a file",
        "rbridge: cannot read unreadable: permission denied",
        "rbridge: cannot open unwritable: no permission to write it",
        f"rbridge: cannot create none/x: there is no directory {home.path}/none",
    ]
    assert len(err) == 6
    assert good.read_bytes() == b"new\n"


@pytest.mark.parametrize(
    ("name", "code"), [("d", 77), ("f", 66), ("unreadable", 77), ("unwritable", 77), ("none/x", 73)]
)
def test_each_of_them_has_its_exit_code(home: Home, powerless: list[str], name: str, code: int) -> None:
    (home.path / "d").mkdir(0o300)
    os.mkfifo(home.path / "f")
    home.file("unreadable", OLD, 0o200)
    home.file("unwritable", OLD, 0o400)
    ran = home.run([*powerless, *rbridge("open", name)])
    assert ran.code == code
    one_line(ran.err)


def test_a_save_that_is_no_longer_permitted_is_kept(
    home: Home, running: Daemon, editor: Editor, powerless: list[str]
) -> None:
    file = home.file("work/train.py", OLD)
    process = home.start([*powerless, *client(running, "-w", str(file))])
    opened = editor.wait_open()
    file.chmod(0o400)
    opened.write(b"written for an hour\n")
    opened.quit()
    err = process.communicate(timeout=DEADLINE)[1].decode().splitlines()
    assert process.returncode == 74
    assert len(err) == 2
    assert "cannot save" in err[1]
    assert file.read_bytes() == OLD
    kept = [one for one in home.state.rglob("*") if one.is_file() and b"for an hour" in one.read_bytes()]
    assert any(str(one) in err[1] for one in kept)


def test_a_daemon_that_may_write_nowhere_says_so(home: Home, powerless: list[str]) -> None:
    home.runtime.chmod(0o500)
    ran = home.run([*powerless, *rbridge("serve", "--editor", "true")])
    home.runtime.chmod(0o700)
    assert ran.code in (73, 77)
    assert str(home.runtime) in one_line(ran.err)
    assert ran.out == ""
