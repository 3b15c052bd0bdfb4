"""``sudo rbridge open`` and ``rbridge open --sudo``: real accounts, sshd, tunnel, daemon and sudo.

The user of the host is nobody special, her tunnel ends in her home, and the files are root's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import foreign
from tests.client.laptop import Laptop, Line
from tests.compat.editor import Opened
from tests.harness.environment import ROOT, Home, Ran, signalled, stop
from tests.harness.tmux import Tmux
from tests.harness.wait import until
from tests.ssh import sudoer
from tests.ssh.trip import Trip

KILL = 9
GROUP = 12
WAYS = ("sudo {rbridge} open", "{rbridge} open --sudo")
BIG = 3 << 20


class Desk:
    """A laptop and a host with a tunnel of :data:`sudoer.USER` between them; *etc* is root's."""

    def __init__(self) -> None:
        self.laptop, self.host = Home(), Home("remote")
        self.sshd = sudoer.host(self.host)
        self.trip = Trip(self.laptop, self.sshd)
        self.trip.run("connect").ok()
        self.editor = self.trip.editor
        self.etc = self.host.root / "etc"
        self.etc.mkdir()

    def close(self) -> None:
        self.trip.close()
        self.sshd.close()
        self.laptop.close()
        self.host.close()

    def may(self, rule: str) -> None:
        sudoer.allow(self.host, rule)

    def file(self, text: str = "port = 1\n", name: str = "app.conf") -> Path:
        """A file that root alone may read."""
        path = self.etc / name
        path.write_text(text)
        path.chmod(0o600)
        os.chown(path, 0, GROUP)
        return path

    def hers(self, name: str, content: str) -> Path:
        """A file, or a directory (""), of the user's."""
        path = self.host.path / name
        if content:
            path.write_text(content)
        else:
            path.mkdir()
        os.chown(path, sudoer.UID, sudoer.UID)
        return path

    def listening(self, name: str) -> Laptop:
        """A daemon of hers on the host itself, in a directory of that *name*."""
        place = self.hers(name, "")
        os.seteuid(sudoer.UID)
        try:
            return Laptop(place / "daemon.sock")
        finally:
            os.seteuid(0)

    def run(self, command: str) -> Ran:
        """What the user types on the host; ``{rbridge}`` is her client."""
        return self.sshd.run(command.format(rbridge=self.trip.client))

    def open(self, command: str) -> Opened:
        """The text that this shows on the laptop."""
        self.run(command).ok()
        return self.editor.wait_open()

    def there(self, uid: int = 0) -> list[int]:
        """The clients in the background on the host that run as *uid*."""
        return [pid for pid in self.host.processes() if _owner(pid) == uid and b"\0open\0" in _line(pid)]

    def until_over(self) -> None:
        until(lambda: not self.there() and not self.there(sudoer.UID), what="the clients end")

    def home(self) -> list[str]:
        """All there is in the user's home."""
        words = ["find", str(self.host.path), "-printf", "%p %U %G %m %s %T@\n"]
        return sorted(self.host.run(words).ok().out.splitlines())


def _owner(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return -1


def _line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def one_desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


@pytest.fixture
def desk(one_desk: Desk) -> Iterator[Desk]:
    """The same host for all tests, with nothing open at first and at last."""
    one_desk.may(sudoer.FREE)
    yield one_desk
    one_desk.may(sudoer.FREE)
    one_desk.run("sudo {rbridge} close; {rbridge} close")
    one_desk.until_over()


@pytest.mark.parametrize("way", WAYS)
def test_roots_file_stays_roots_and_nothing_is_left_in_the_users_home(desk: Desk, way: str) -> None:
    file = desk.file()
    os.setxattr(file, "user.note", b"mine")
    before = desk.home()
    opened = desk.open(f"{way} {file}")
    assert opened.content == b"port = 1\n"
    opened.write(b"port = 2\n")
    until(lambda: file.read_text() == "port = 2\n")
    found = file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, GROUP, 0o600)
    assert os.getxattr(file, "user.note") == b"mine"
    assert len(desk.there()) == 1
    opened.quit()
    desk.until_over()
    assert desk.home() == before


@pytest.mark.parametrize("way", WAYS)
def test_the_wait_ends_with_the_editor(desk: Desk, way: str) -> None:
    file = desk.file()
    words = way.format(rbridge=desk.trip.client)
    process = desk.host.start(desk.sshd.ssh("-tt", f"{words} -w {file}"))
    opened = desk.editor.wait_open()
    opened.rename(b"port = 2\n")
    opened.quit()
    assert process.wait(20) == 0
    stop(process)
    assert file.read_text() == "port = 2\n"


def test_the_same_as_rmate_and_a_new_file(desk: Desk) -> None:
    opened = desk.open(f"~/.local/bin/rmate --sudo -l 3 {desk.etc}/new.conf")
    assert opened.position == "3 1"
    opened.write(b"new\n")
    until(lambda: (desk.etc / "new.conf").read_text() == "new\n")
    assert (desk.etc / "new.conf").stat().st_uid == 0
    opened.quit()


def test_an_installed_package_becomes_root_as_well_and_leaves_no_bytecode_of_roots(desk: Desk) -> None:
    place = desk.host.path / "lib"
    shutil.copytree(ROOT / "rbridge", place / "rbridge", ignore=shutil.ignore_patterns("__pycache__"))
    for directory, _, names in os.walk(place):
        for name in ("", *names):
            os.chown(os.path.join(directory, name), sudoer.UID, sudoer.UID)
    opened = desk.open(f"PYTHONPATH={place} python3 -m rbridge open --sudo {desk.file()}")
    assert opened.content == b"port = 1\n"
    opened.give_up()
    desk.until_over()
    assert desk.run("find . -user root").ok().out == ""


def test_a_process_of_roots_shares_nothing_with_the_users_nor_with_another_of_roots(desk: Desk) -> None:
    file, hers = desk.file(), desk.hers("mine.txt", "mine\n")
    for command in (
        f"sudo {{rbridge}} open {file}",
        f"sudo {{rbridge}} open {file}",
        f"{{rbridge}} open {hers}",
    ):
        desk.open(command)
    assert (len(desk.there()), len(desk.there(sudoer.UID))) == (2, 1)
    assert desk.run("{rbridge} status").ok().out.splitlines() == [f"{hers}  clean  {os.uname().nodename}"]
    assert desk.run("sudo {rbridge} status").ok().out.count(str(file)) == 2
    desk.run(f"sudo {{rbridge}} close {file}").ok()
    until(lambda: not desk.there())
    assert len(desk.there(sudoer.UID)) == 1


def test_the_users_variables_lead_root_to_the_laptop(desk: Desk) -> None:
    """sudo lets none of them through."""
    laptop = desk.listening("forward")
    try:
        desk.run(f"RBRIDGE_SOCKET={laptop.path} {{rbridge}} open --sudo {desk.file()}").ok()
        (said,) = (one for line in laptop.lines for one in line.all("open"))
        assert said["display-name"].endswith("app.conf (root)")
        assert [one["user"] for one in laptop.lines[-1].all("link")] == ["root"]
    finally:
        laptop.close()
        shutil.rmtree(laptop.path.parent)
        for pid in desk.there():
            signalled(pid, 15)


@pytest.mark.parametrize("way", WAYS)
def test_by_tcp_it_is_asked_whose_the_forward_is(desk: Desk, way: str) -> None:
    (socket,) = desk.laptop.runtime.glob("host.*.sock")
    file = desk.file()
    with desk.sshd.forward(f"127.0.0.1:0:{socket}") as forward:
        opened = desk.open(f"{way} -p {forward.port} {file}")
        opened.write(b"port = 2\n")
        until(lambda: file.read_text() == "port = 2\n")
        opened.quit()
        desk.until_over()


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize("way", WAYS)
def test_a_third_user_who_took_the_place_is_refused(desk: Desk, way: str, kind: str) -> None:
    place = desk.host.root / f"squat-{os.urandom(3).hex()}.sock"
    address = str(place) if kind == "unix" else "127.0.0.1:0"
    squatter = desk.host.start(
        [sys.executable, foreign.__file__, kind, address], env={"PYTHONPATH": str(ROOT)}
    )
    assert squatter.stdout is not None
    port = int(squatter.stdout.readline())
    where = f"-s {place}" if kind == "unix" else f"-p {port}"
    ran = desk.run(f"{way} {where} {desk.file()}")
    assert (ran.code, "it belongs to nobody, not to you" in ran.err) == (77, True), ran
    squatter.kill()
    assert squatter.stdout.read() == b""
    stop(squatter)


def test_what_another_daemon_would_have_of_root_it_does_not_get(desk: Desk) -> None:
    """The user may run what she likes at her end of the tunnel."""
    file, big, other = desk.file(), desk.file("x" * BIG, "big"), desk.file("secret\n", "other")
    laptop = desk.listening("evil")
    del laptop.answers["open"]  # what a large text came over stays connected so long
    command = f"sudo {desk.trip.client} open -s {laptop.path} {file} {big}"
    process = desk.host.start(desk.sshd.ssh(command))
    try:
        until(lambda: sum(len(line.all("open")) for line in laptop.lines) == 2)
        main, further = (line for line in laptop.lines if line.all("link"))
        assert main.all("link")[0]["dials"] == "no"
        token, big_token = main.all("open")[0].token, further.all("open")[0].token
        main.say("opened", token=token, editor="vim")
        main.say("dial", dial=7)
        reasons = []
        for number, do in enumerate(("open", "list", "read", "write", "find"), 1):
            main.say("ask", b"", token=token, request=number, do=do, path=str(other))
            until(lambda number=number: _answer(main, number))  # type: ignore[misc]
            reasons.append(_answer(main, number))
        assert reasons == ["outside", *["failed"] * 4]
        for number, to in enumerate(("servers", "lsp", "port"), 1):
            further.say("stream", token=big_token, to=to)
            until(lambda number=number: len(further.all("ended")) == number)  # type: ignore[misc]
        assert [one["reason"] for one in further.all("ended")] == ["off"] * 3
        assert [one.headers.get("join") for line in laptop.lines for one in line.all("link")] == [None, "0"]
        main.save("00" * 12, 1, b"evil\n")
        until(lambda: not desk.there(), what="root has nothing more to do with it")
        assert (file.read_text(), other.read_text()) == ("port = 1\n", "secret\n")
    finally:
        stop(process)
        laptop.close()
        shutil.rmtree(laptop.path.parent)


def _answer(line: Line, request: int) -> str:
    """The reason in the answer to that request, "" as long as there is none."""
    answers = (one for one in line.all("answer") if one["request"] == str(request))
    return next((one["reason"] for one in answers), "")


def test_a_folder_and_a_port_are_refused(desk: Desk) -> None:
    for command in (f"open {desk.etc}", "port 22", "browse http://localhost:22/"):
        ran = desk.run(f"sudo {{rbridge}} {command}")
        assert (ran.code, "single files only" in ran.err) == (77, True), ran
    assert desk.there() == []


def test_a_link_in_the_files_place_is_not_followed_and_another_directory_in_its_place_is_not_written_to(
    desk: Desk,
) -> None:
    secret = desk.file("secret\n", "secret")
    work = desk.hers("work", "")
    mine = work / "app.conf"
    mine.write_text("port = 1\n")
    mine.chmod(0o600)
    opened = desk.open(f"sudo {{rbridge}} open {mine}")
    desk.run(f"cd work && mv app.conf kept && ln -s {secret} app.conf").ok()
    opened.write(b"port = 2\n")
    until(lambda: "a symbolic link took its place" in desk.run("sudo {rbridge} status").out)
    assert opened.content == b"port = 2\n"
    assert (secret.read_text(), (work / "kept").read_text()) == ("secret\n", "port = 1\n")
    desk.run(f"rm work/app.conf; mv work/kept work/app.conf; mv work away; ln -s {desk.etc} work").ok()
    opened.write(b"port = 3\n")
    there = desk.host.path / "away" / "app.conf"
    until(lambda: there.read_text() == "port = 3\n")
    assert (there.stat().st_uid, there.stat().st_mode & 0o777) == (0, 0o600)
    assert not [path for path in desk.etc.iterdir() if path.read_text() == "port = 3\n"]
    desk.run("sudo {rbridge} close").ok()
    desk.until_over()
    desk.run("rm -rf work away").ok()


def test_variables_that_sudo_lets_through_do_not_lead_root_into_the_users_home(desk: Desk) -> None:
    desk.may(f"{sudoer.USER} ALL=(root) NOPASSWD:SETENV: ALL\n")
    before = desk.home()
    names = ("RBRIDGE_STATE_DIR", "RBRIDGE_RUNTIME_DIR", "TMPDIR", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
    variables = " ".join(f"{name}=$HOME/{name.lower()}" for name in names)
    opened = desk.open(f"{variables} sudo -E {{rbridge}} open {desk.file()}")
    opened.write(b"port = 2\n")
    opened.quit()
    desk.until_over()
    assert (desk.etc / "app.conf").read_text() == "port = 2\n"
    assert desk.home() == before


def test_a_tunnel_that_was_cut_is_found_again_by_root(desk: Desk) -> None:
    file = desk.file()
    opened = desk.open(f"{{rbridge}} open --sudo {file}")
    for pid in desk.trip.masters():
        signalled(pid, KILL)
    opened.write(b"port = 2\n")
    until(lambda: file.read_text() == "port = 2\n", 60.0)
    opened.quit()


def test_sudo_asks_for_the_password_in_the_terminal(desk: Desk) -> None:
    desk.may(sudoer.WITH_PASSWORD)
    file, started = desk.file(), desk.editor.started()
    tmux = Tmux(desk.laptop)
    try:
        tmux.line(" ".join(desk.sshd.ssh("-t")))
        tmux.wait_for("$")
        tmux.line(f"clear; {desk.trip.client} open --sudo -w {file}; echo code $?")
        tmux.wait_for("password for alice")
        assert desk.editor.started() == started
        tmux.line(sudoer.PASSWORD)
        opened = desk.editor.wait_open()
        opened.write(b"port = 2\n")
        until(lambda: file.read_text() == "port = 2\n")
        until(lambda: f"{file}  an-editor  clean" in desk.trip.here("status").ok().out)
        tmux.keys("C-c")
        tmux.wait_for("code 130")
        opened.quit()
        tmux.line("sudo -K; exit")
    finally:
        signalled(tmux.pid, 15)


@pytest.mark.parametrize("rule", ["", sudoer.WITH_PASSWORD], ids=["not-allowed", "no-terminal"])
def test_where_sudo_refuses_its_words_stand_and_what_to_do(desk: Desk, rule: str) -> None:
    desk.may(rule)
    ran = desk.run(f"{{rbridge}} open --sudo {desk.file()}")
    said = ran.err.splitlines()
    assert ran.code == 77, ran
    assert said[0].startswith("sudo: ")
    assert said[-1].startswith("rbridge: nothing was opened: sudo did not run rbridge (")
    assert "sudoedit" in said[-1]


def test_where_nobody_listens_no_password_is_asked_for(desk: Desk) -> None:
    desk.may("")
    ran = desk.run(f"{{rbridge}} open --sudo -s /nowhere {desk.file()}")
    assert (ran.code, "sudo:" in ran.err, "nobody is listening" in ran.err) == (69, False, True), ran


def test_without_sudo_one_line_says_so(desk: Desk) -> None:
    ran = desk.run(f"PATH=/nowhere {{rbridge}} open --sudo {desk.file()}")
    assert (ran.code, ran.err.count("\n"), "there is no sudo" in ran.err) == (77, 1, True), ran


def test_sudo_uid_by_hand_opens_nothing_for_who_is_not_root(desk: Desk) -> None:
    ran = desk.run(f"SUDO_UID={sudoer.OTHER_UID} {{rbridge}} open {desk.file()}")
    assert (ran.code, desk.there()) == (77, []), ran
    assert subprocess.run(["id", "-u", sudoer.USER], capture_output=True, check=False).returncode == 1
