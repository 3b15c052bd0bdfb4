"""What peers, servers, editors and users do wrong, against the real daemon and the real client.

Each time: one clear line for whoever has to know, the right exit code, and nothing lost.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.editors import LINK, Talk
from tests.client.editors import Editor as Server
from tests.compat.editor import Editor
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, rbridge
from tests.harness.wait import DEADLINE, free_port, until

HURRY = "[limits]\nhandshake = 0.5\nstall = 0.5\n"
OLD = b"the old text\n"


def client(daemon: Daemon, *words: str) -> list[str]:
    return rbridge("open", "--socket", str(daemon.socket), *words)


def texts(home: Home) -> list[Path]:
    """The remote texts that lie in FILES."""
    found = (home.runtime / "files").rglob("*")
    return [path for path in found if path.is_file() and not path.name.startswith(".")]


def warnings(daemon: Daemon) -> list[str]:
    """What the daemon told its user since it was ready."""
    return [line for line in daemon.err.splitlines() if "files open in" not in line]


def one_line(text: str) -> str:
    """Check that *text* is one line of printable characters."""
    assert text.endswith("\n"), text
    assert text[:-1].isprintable(), text
    return text[:-1]


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
def editor(home: Home) -> Editor:
    return Editor(home)


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


# Peers of the daemon


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


# Servers of the client


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
    assert "rbridge serve" in ran.err


def test_something_else_has_the_port_that_the_daemon_was_told(
    home: Home, daemon: Callable[..., Daemon]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = daemon(editor="true", listen=[f"127.0.0.1:{port}"], ready=False).wait()
    assert ran.code == 69
    assert f"127.0.0.1:{port}: another program listens there" in one_line(ran.err)


# Editors


def opened_with(home: Home, daemon: Daemon, *words: str) -> Ran:
    home.file("work/train.py", OLD)
    return home.run(client(daemon, "-w", *words, "train.py"), cwd=home.path / "work")


def test_an_editor_that_does_not_exist_is_said_at_the_start(
    home: Home, daemon: Callable[..., Daemon]
) -> None:
    ran = daemon(editor="no-such-editor --wait", ready=False).wait()
    assert ran.code == 64
    assert "no-such-editor" in one_line(ran.err)


def test_an_editor_that_is_gone_is_said_on_both_sides(home: Home, daemon: Callable[..., Daemon]) -> None:
    script = home.script("bin/an-editor", "#!/bin/sh\n")
    running = daemon(editor=str(script))
    script.unlink()
    ran = opened_with(home, running)
    assert ran.code == 69
    assert f"cannot start an-editor: there is no program '{script}'" in one_line(ran.err)
    (line,) = warnings(running)
    assert "cannot start an-editor" in line
    assert (home.path / "work/train.py").read_bytes() == OLD
    assert texts(home) == []


@pytest.mark.parametrize(
    ("script", "text", "says"),
    [
        ("kill -9 $$", OLD, "was ended by signal 9"),
        ("echo 'no display' >&2; exit 3", OLD, "ended with status 3: no display"),
        ('echo saved > "$1"; kill -9 $$', b"saved\n", "was ended by signal 9"),
        ('rm "$1"', OLD, "deleted"),
        ('rm "$1"; mkdir "$1"; touch "$1/x"', OLD, "a directory"),
        ('rm "$1"; mkfifo "$1"', OLD, "a fifo"),
        ('rm "$1"; ln -s /etc/hostname "$1"', OLD, "a symbolic link"),
    ],
)
def test_an_editor_that_fails_loses_nothing(
    home: Home, daemon: Callable[..., Daemon], script: str, text: bytes, says: str
) -> None:
    running = daemon(editor=str(home.script("bin/an-editor", f"#!/bin/sh\n{script}\n")))
    ran = opened_with(home, running)
    assert ran.code == 0, ran
    (line,) = until(lambda: warnings(running))
    assert says in line
    assert "train.py" in line
    assert (home.path / "work/train.py").read_bytes() == text
    assert texts(home) == []


# What users give


@pytest.fixture
def powerless() -> list[str]:
    """Put before a command so that permissions hold for root as well."""
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []


def test_what_cannot_be_opened_is_named_and_the_rest_opens(
    home: Home, running: Daemon, editor: Editor, powerless: list[str]
) -> None:
    (home.path / "d").mkdir()
    os.mkfifo(home.path / "f")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(home.path / "s"))
    home.file("unreadable", OLD, 0o200)
    home.file("unwritable", OLD, 0o400)
    good = home.file("good", OLD)
    names = ["d", "f", "s", "unreadable", "unwritable", "none/x", "good"]
    process = home.start([*powerless, *client(running, "-w", *names)])
    opened = editor.wait_open()
    opened.write(b"new\n")
    opened.quit()
    err = process.communicate(timeout=DEADLINE)[1].decode().splitlines()
    assert process.returncode == 66  # of the first that failed
    assert [line.split(" (")[0] for line in err[:6]] == [
        "rbridge: cannot open d: it is a directory; give the files in it",
        "rbridge: cannot open f: it is a pipe; read it with '-'",
        "rbridge: cannot open s: it is a socket, not a file",
        "rbridge: cannot read unreadable: permission denied",
        "rbridge: cannot open unwritable: no permission to write it",
        f"rbridge: cannot create none/x: there is no directory {home.path}/none",
    ]
    assert len(err) == 7
    assert good.read_bytes() == b"new\n"


@pytest.mark.parametrize(
    ("name", "code"), [("d", 66), ("f", 66), ("unreadable", 77), ("unwritable", 77), ("none/x", 73)]
)
def test_each_of_them_has_its_exit_code(home: Home, powerless: list[str], name: str, code: int) -> None:
    (home.path / "d").mkdir()
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
