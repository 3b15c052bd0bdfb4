"""The command as a whole: order, messages, and what earlier crashes left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from rbridge.client import leftovers
from rbridge.client.main import Run
from rbridge.paths import encodable
from tests.client.editors import LINK, Talk
from tests.client.residents import Laptop
from tests.harness.wait import stays, until


def test_what_went_well_is_one_line_on_stderr_and_nothing_on_stdout(home, editor, rbridge_open):
    home.file("a")
    home.file("b")
    served = editor(lambda talk: talk.linked(2), home.root / "s", LINK)
    ran = rbridge_open(*served.where, "a", "b")
    assert ran.out == ""
    assert ran.err == "a: open in vim on mylaptop\nb: open in vim on mylaptop\n"


def test_nothing_is_looked_for_when_no_file_can_be_opened(home, editor, rbridge_open):
    served = editor(lambda talk: None, home.root / "s", LINK)
    ran = rbridge_open(*served.where, "none/a", "none/b")
    assert ran.code == 73
    assert served.connections == 0


def test_a_state_directory_that_cannot_be_made_does_not_stop_a_save(home, editor, rbridge_open):
    path = home.file("a", "old")
    home.env["RBRIDGE_STATE_DIR"] = "/proc/nowhere"

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.save(said.token, b"new", 1)
        assert talk.record().command == "saved"
        talk.close(said.token)

    served = editor(script, home.root / "s", LINK)
    assert rbridge_open("-w", *served.where, "a").code == 0
    served.result()
    assert path.read_bytes() == b"new"


def test_what_a_crash_left_is_cleared_up_before_a_file_is_read(home, rbridge_open):
    """A process that was killed while it staged a save: its temporary file is gone afterwards."""
    code = (
        "import os, sys; from rbridge.client.staging import Staging\n"
        "one = Staging('a', os.environ['RBRIDGE_STATE_DIR']); one.write(b'half'); os._exit(9)"
    )
    home.file("a", "old")
    subprocess.run([sys.executable, "-c", code], env=home.env, cwd=home.path, check=False)
    assert len(os.listdir(home.path)) == 2
    assert leftovers.pending(str(home.state))
    assert rbridge_open("-s", "/no/such/socket", "a").code == 69
    assert os.listdir(home.path) == ["a"]


def test_verbose_names_what_was_passed_over(home, editor, rbridge_open):
    home.file("a")
    served = editor(lambda talk: talk.opened(), home.root / "s")
    env = {"RBRIDGE_SOCKET": "/no/such/socket", "RMATE_UNIXSOCKET": str(served.path)}
    assert "/no/such/socket" not in rbridge_open("a", env=env).err
    assert "/no/such/socket: no such file or directory" in rbridge_open("-v", "a", env=env).err


def test_control_characters_in_names_do_not_reach_the_terminal(home, rbridge_open):
    ran = rbridge_open("none\x1b[31m/a")
    assert ran.code == 73
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("word", ["a", "ü", "caf\udce9", ""])
def test_words_that_os_takes_are_left_alone(word):
    assert encodable(word) == word


def test_the_first_failure_gives_the_code(capsys):
    run = Run([], "rbridge open")
    from rbridge.errors import Denied, NoInput

    run.failed(Denied("one"))
    run.failed(NoInput("two", "hint"))
    assert run.code == 77
    assert capsys.readouterr().err == "rbridge: one\nrbridge: two (hint)\n"


@pytest.fixture
def laptop(home, editor):
    """Our daemon on a socket that each command finds by itself; ``laptop.served`` counts its connections."""
    made = Laptop()
    made.served = editor(made, home.path / ".rbridge" / os.uname().nodename / "d.sock", LINK)
    return made


def test_a_second_command_hands_over_and_nothing_more_stays(home, laptop, rbridge_open):
    home.file("a")
    home.file("b")
    assert rbridge_open("a").ok().err == "a: open in vim on mylaptop\n"
    behind = home.processes()
    assert rbridge_open("b").ok().err == "b: open in vim on mylaptop\n"
    assert home.processes() == behind
    assert laptop.names == ["a", "b"]
    assert laptop.served.connections == 1


def test_with_w_it_waits_in_the_other_process_too(home, laptop, rbridge_open, client_command):
    home.file("a")
    path = home.file("b", "old")
    rbridge_open("a").ok()
    process = home.start([*client_command, "open", "-w", "b"])
    assert process.stderr is not None
    assert process.stderr.readline() == b"b: open in vim on mylaptop\n"
    talk, said = laptop.talks[0], laptop.opened[1]
    talk.save(said.token, b"new", 1)
    talk.close(said.token)
    assert process.wait(20) == 0
    process.communicate()
    assert path.read_bytes() == b"new"


def test_standard_input_goes_through_it_and_comes_back(home, laptop, client_command, rbridge_open):
    home.file("a")
    rbridge_open("a").ok()
    process = home.start([*client_command, "open", "-"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"text")
    process.stdin.close()
    process.stdin = None
    until(lambda: len(laptop.opened) == 2, what="it is open")
    talk, said = laptop.talks[0], laptop.opened[1]
    assert said.body == b"text"
    talk.save(said.token, b"edited", 1)
    talk.close(said.token)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"edited")


def test_two_first_commands_at_once_both_open_and_can_be_asked(home, laptop, client_command):
    home.file("a")
    home.file("b")
    started = [home.start([*client_command, "open", name]) for name in ("a", "b")]
    assert [process.wait(20) for process in started] == [0, 0]
    for process in started:
        process.communicate()
    assert sorted(laptop.names) == ["a", "b"]
    listed = home.run([*client_command, "status"]).ok().out
    assert sorted(os.path.basename(line.split()[0]) for line in listed.splitlines()) == ["a", "b"]
    home.run([*client_command, "close"]).ok()
    until(lambda: not home.processes(), what="all have ended")
    assert os.listdir(home.runtime) == []


def test_two_hundred_files_are_handed_over_at_once(home, laptop, rbridge_open):
    home.file("first")
    names = [home.file(f"{number:03}", str(number)).name for number in range(200)]
    rbridge_open("first").ok()
    ran = rbridge_open(*names).ok()
    assert len(ran.err.splitlines()) == 200
    assert laptop.names == ["first", *names]
    assert [said.body.decode() for said in laptop.opened[1:]] == [str(number) for number in range(200)]
    assert laptop.served.connections == 1


def test_from_another_directory_and_from_one_that_is_gone(home, laptop, rbridge_open, client_command):
    home.file("a")
    home.file("d/b", "in d")
    path = home.file("c", "absolute")
    rbridge_open("a").ok()
    rbridge_open("b", cwd=home.path / "d").ok()
    words = " ".join([*client_command, "open"])
    gone = home.run(["sh", "-c", f"mkdir gone; cd gone; rmdir ../gone; {words} {path}; {words} relative"])
    assert gone.code == 66
    assert "the current directory is gone" in gone.err
    assert [said.body for said in laptop.opened] == [b"", b"in d", b"absolute"]
    assert laptop.served.connections == 1


def test_a_file_that_is_another_to_the_other_process_is_served_by_the_command_itself(
    home, laptop, rbridge_open
):
    """Between its opening and the hand-over somebody has replaced it."""
    home.file("a")
    path = home.file("b", "old")
    rbridge_open("a").ok()
    program = (
        "import os, sys\n"
        "from rbridge.client import handover\n"
        "real = handover.offer\n"
        "def replaced(*rest):\n"
        "    open('new', 'w').close(); os.rename('new', 'b')\n"
        "    return real(*rest)\n"
        "handover.offer = replaced\n"
        "from rbridge.__main__ import main\n"
        "sys.exit(main(['rbridge', 'open', '-v', 'b']))\n"
    )
    ran = home.run([sys.executable, "-c", program]).ok()
    assert "b: it sees another file there" in ran.err
    assert "b: open in vim on mylaptop\n" in ran.err
    assert laptop.opened[1].body == b"old"
    assert laptop.served.connections == 2
    assert len(home.processes()) == 2
    assert path.read_bytes() == b""


def test_a_process_that_was_stopped_is_passed_over(home, laptop, rbridge_open):
    home.file("a")
    home.file("b")
    rbridge_open("a").ok()
    (behind,) = home.processes()
    os.kill(behind, signal.SIGSTOP)
    try:
        ran = rbridge_open("-v", "b").ok()
    finally:
        os.kill(behind, signal.SIGCONT)
    assert ran.err.count("passed over: no answer within 2 s") == 1
    assert "b: open in vim on mylaptop\n" in ran.err
    until(lambda: sorted(laptop.names) == ["a", "b"], what="it is open")
    assert laptop.served.connections == 2
    stays(lambda: sorted(laptop.names) == ["a", "b"], 0.3, "it is not opened again")


def test_one_that_is_killed_while_a_command_waits_is_named(home, laptop, rbridge_open, client_command):
    home.file("a")
    home.file("b")
    rbridge_open("a").ok()
    (behind,) = home.processes()
    process = home.start([*client_command, "open", "-w", "b"])
    assert process.stderr is not None
    process.stderr.readline()
    os.kill(behind, signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 74
    assert err == (
        b"rbridge: the process in the background has ended: whether the last save is on the disk is not known"
        b" (rbridge status tells what is open)\n"
    )
    assert rbridge_open("b").ok().err == "b: open in vim on mylaptop\n"
    assert laptop.served.connections == 2


def test_a_command_that_is_killed_leaves_its_files_open(home, laptop, rbridge_open, client_command):
    home.file("a")
    home.file("b")
    rbridge_open("a").ok()
    process = home.start([*client_command, "open", "-w", "b"])
    assert process.stderr is not None
    process.stderr.readline()
    process.kill()
    process.communicate()
    listed = home.run([*client_command, "status"]).ok().out
    assert [line.split()[0] for line in listed.splitlines()] == [str(home.path / name) for name in ("a", "b")]


def test_with_several_sockets_the_daemons_decide(home, laptop, editor, rbridge_open, rendezvous):
    home.file("a")
    home.file("b")
    rbridge_open("a").ok()
    other = Laptop()
    editor(other, rendezvous / "other.sock", LINK.replace(b"mylaptop", b"another"))
    assert rbridge_open("b").code == 75
    rbridge_open("--on", "another", "b").ok()
    assert (laptop.names, other.names) == (["a"], ["b"])
    rbridge_open("--on", "mylaptop", "b").ok()
    assert laptop.names == ["a", "b"]
    assert len(home.processes()) == 2


def test_a_plain_server_has_a_process_per_command(home, editor, rbridge_open, client_command):
    home.file("a")
    home.file("b")
    served = editor(lambda talk: talk.opened() and talk.file.read(), home.root / "p.sock")
    for name in ("a", "b"):
        assert rbridge_open(*served.where, name).ok().err == f"{name}: sent to TextPal at {served.path}\n"
    assert len(home.processes()) == 2
    assert len(home.run([*client_command, "status"]).ok().out.splitlines()) == 2


def test_another_users_process_is_not_asked(home, laptop, rbridge_open):
    """Under sudo the runtime directory is another one; where it is named, it is not ours."""
    home.file("a")
    home.file("b")
    rbridge_open("a").ok()
    if os.geteuid() == 0:
        os.chown(home.runtime, 12345, 12345)
        ran = rbridge_open("b", env={"SUDO_UID": "12345"})
        os.chown(home.runtime, 0, 0)
    else:
        home.runtime.chmod(0o755)
        ran = rbridge_open("b")
    assert ran.code == 0
    assert laptop.served.connections == 2
