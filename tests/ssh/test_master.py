import os
import signal
import socket
import subprocess
from types import SimpleNamespace

import pytest
import trio

from rbridge.adapters import pids
from rbridge.errors import CannotCreate, Denied, NotListening, UsageError
from rbridge.ssh import master
from tests.harness.cancelling import at_every_step
from tests.harness.environment import signalled, stop
from tests.harness.wait import stays, until, until_async


@pytest.fixture
def start(home):
    """Start a process that is stopped at the end of the test."""
    started = []

    def begin(argv, **options):
        started.append(home.start(argv, **options))
        return started[-1]

    yield begin
    for process in started:
        stop(process, signal.SIGKILL)


@pytest.fixture
def other(start):
    """A process that lives on."""
    return start(["sleep", "100"])


class Made:
    """A master as a user may have one: *persist* is his ControlPersist."""

    def __init__(self, home, sshd, start, persist="no", background=True):
        self.start = start
        self.control = str(home.runtime / "cm.0123abcd")
        argv = ["ssh", "-F", sshd.config, "-oControlMaster=yes", f"-oControlPersist={persist}"]
        argv += ["-N", "-S", self.control, sshd.alias]
        if background:
            home.run([*argv, "-f"]).ok()
        else:
            start(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.pid = until(lambda: master.check_now(self.control))

    def shell(self, line):
        """A shell over it that runs *line*; what it prints is to be read."""
        return self.start([*master.over(self.control), line], stdin=subprocess.PIPE)

    def listens(self):
        return os.path.exists(self.control)

    def ended(self):
        return not pids.birth(self.pid)


@pytest.fixture
def made(home, sshd, start):
    return Made(home, sshd, start)


def destination(path="", wanted=False, digest="0123abcd" * 4):
    return SimpleNamespace(control_path=path, control_master=wanted, digest=digest)


@pytest.fixture
def dead(home):
    """The socket that a killed master leaves."""
    path = str(home.runtime / "cm.dead")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    return path


@pytest.fixture
def mute(home):
    """A socket at which somebody listens, and never says a word."""
    path = str(home.runtime / "cm.mute")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen(5)
        yield path


# Where it is


def test_a_master_is_made_in_our_own_directory_where_the_user_names_no_place():
    assert master.control_path(destination(), "/run/rb") == ("/run/rb/cm.0123abcd", False)


def test_a_place_where_the_user_wants_masters_is_theirs():
    assert master.control_path(destination("/home/u/cm", wanted=True), "/run/rb") == ("/home/u/cm", True)


def test_a_place_where_he_makes_them_by_hand_is_used_while_one_lives_there(mute, dead):
    assert master.control_path(destination(mute), "/run/rb") == (mute, True)
    assert master.control_path(destination(dead), "/run/rb")[1] is False


@pytest.mark.parametrize("theirs", [True, False])
def test_a_path_that_ssh_cannot_bind_is_refused_with_what_to_do(theirs):
    long = "/" + "x" * master.ROOM
    with pytest.raises(CannotCreate, match="too long") as caught:
        master.control_path(destination(long if theirs else "", wanted=theirs), long)
    assert ("ControlPath" in caught.value.hint) is theirs


def test_the_longest_path_that_is_taken_is_the_longest_that_ssh_binds(home, sshd):
    for length, code in ((master.ROOM, 0), (master.ROOM + 1, 255)):
        path = str(home.runtime / "x")
        path += "x" * (length - len(path))
        argv = ["ssh", "-F", sshd.config, "-oControlMaster=yes", "-f", "-N", "-S", path, sshd.alias]
        assert home.run(argv).code == code


def test_a_path_with_a_percent_sign_is_meant_as_it_is(home, sshd):
    path = str(home.runtime / "a%h")
    argv = [
        "ssh",
        "-F",
        sshd.config,
        "-oControlMaster=yes",
        "-f",
        "-N",
        "-S",
        master.literal(path),
        sshd.alias,
    ]
    home.run(argv).ok()
    assert os.path.exists(path)
    assert master.check_now(path)


@pytest.mark.parametrize("path", ["/tmp/${HOME}", "/tmp/a\0b"])
def test_a_path_that_ssh_would_change_is_refused(path):
    with pytest.raises(UsageError):
        master.literal(path)


# Whether it lives


async def test_a_master_that_lives_says_its_pid(made):
    assert await master.check(made.control) == made.pid == master.check_now(made.control)


@pytest.mark.parametrize("what", ["dead", "nothing"])
async def test_where_no_master_is_none_is_found(home, dead, what):
    path = dead if what == "dead" else str(home.runtime / "none")
    assert await master.check(path) is None
    assert master.check_now(path) is None


async def test_one_that_does_not_answer_is_none_when_the_time_is_up(mute):
    assert await master.check(mute, 0.2) is None
    assert master.check_now(mute, 0.2) is None


def test_what_a_dead_master_left_is_removed(dead):
    master.clear(dead)
    assert not os.path.exists(dead)
    master.clear(dead)


def test_what_is_alive_or_no_socket_is_not_removed(home, mute):
    with pytest.raises(NotListening, match="does not answer"):
        master.clear(mute)
    file = home.file("cm", "text")
    with pytest.raises(Denied, match="not a socket"):
        master.clear(str(file))
    assert os.path.exists(mute)
    assert file.read_text() == "text"


# Over it


async def test_a_command_runs_over_the_master(made):
    done = await master.run([*master.over(made.control), "echo out; echo err >&2; cat; exit 7"], b"data")
    assert (done.code, done.out, done.err) == (7, b"out\ndata", b"err\n")


@pytest.mark.parametrize("what", ["dead", "nothing"])
async def test_without_a_master_no_connection_is_opened(home, sshd, dead, what):
    before = sshd.log()
    path = dead if what == "dead" else str(home.runtime / "none")
    done = await master.run([*master.over(path, "127.0.0.1"), "true"])
    assert done.code == 255
    assert sshd.log() == before


@pytest.mark.parametrize(
    "name", ["plain", "with space", "c:d", "e[f]", "g%h", "i$j", "k\\l", 'm"n', "o'p", "é"]
)
async def test_a_forward_leads_from_any_name_there_to_any_name_here(home, made, name):
    remote, local = str(home.root / f"r{name}"), str(home.root / f"l{name}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(local)
        listener.listen()
        await master.forward(made.control, remote, local)
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(remote)
            there.sendall(b"hello")
            listener.settimeout(10)
            here, _ = listener.accept()
            with here:
                assert here.recv(5) == b"hello"
    await master.cancel(made.control, remote, local)
    await until_async(lambda: not master.answers(remote))  # it does not wait for the host


async def test_a_forward_that_the_host_refuses_says_so_in_the_words_of_ssh(home, made):
    with pytest.raises(master.Refused) as caught:
        await master.forward(made.control, "/nonexistent/x", str(home.root / "l"))
    assert "remote port forwarding failed for listen path /nonexistent/x" in caught.value.stderr


async def test_a_forward_without_a_master_is_refused(dead, home):
    for change in (master.forward, master.cancel):
        with pytest.raises(master.Refused) as caught:
            await change(dead, "/r", "/l")
        assert "Connection refused" in caught.value.stderr


async def test_a_master_that_does_not_answer_to_a_forward_is_left_when_the_time_is_up(mute):
    with pytest.raises(master.Refused, match="no answer"):
        await master.forward(mute, "/r", "/l", deadline=0.2)


async def test_to_cancel_what_is_not_forwarded_is_no_fault(home, made):
    await master.cancel(made.control, str(home.root / "r"), str(home.root / "l"))


@pytest.mark.parametrize("path", ["relative", "~/x", "/a/${HOME}"])
async def test_a_path_that_ssh_would_take_for_another_is_refused(mute, path):
    with pytest.raises(UsageError):
        await master.forward(mute, path, "/l")


# Its end


@pytest.mark.parametrize("persist", ["no", "yes", "60"])
@pytest.mark.parametrize("background", [True, False])
async def test_a_master_that_is_left_stays_for_its_shells(home, sshd, start, persist, background):
    made = Made(home, sshd, start, persist, background)
    await master.forward(made.control, str(home.root / "r"), str(home.root / "l"))
    shell = made.shell("echo ready; read line; echo $line")
    assert shell.stdout.readline() == b"ready\n"
    await master.leave(made.control)
    await until_async(lambda: not made.listens())
    assert (await master.run([*master.over(made.control), "true"])).code == 255
    assert not made.ended()
    out, _ = shell.communicate(b"still here\n", 10)
    assert (shell.returncode, out) == (0, b"still here\n")
    await until_async(made.ended)


async def test_a_master_that_is_left_goes_at_once_where_no_shell_runs(home, made):
    await master.forward(made.control, str(home.root / "r"), str(home.root / "l"))
    await master.leave(made.control)
    await until_async(made.ended)


async def test_to_leave_where_no_master_is_does_nothing(dead):
    await master.leave(dead)


async def test_a_master_that_is_ended_cuts_its_shells(made):
    shell = made.shell("echo ready; read line")
    shell.stdout.readline()
    await master.end(made.control, made.pid)
    assert made.ended()
    assert not made.listens()
    shell.communicate(None, 10)
    assert shell.returncode == 255


async def test_a_master_that_does_not_listen_is_killed(made, monkeypatch):
    monkeypatch.setattr(master, "GRACE", 0.1)
    os.kill(made.pid, signal.SIGSTOP)
    await master.end(made.control, made.pid)
    assert made.ended()
    assert not made.listens()


async def test_another_process_that_has_the_pid_now_is_not_killed(other, dead):
    await master.end(dead, other.pid, born="earlier")
    stays(lambda: other.poll() is None, 0.2)


# Watching it


@pytest.fixture(params=["pidfd", "looking"])
def way(request, monkeypatch):
    if request.param == "looking":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        monkeypatch.setattr(master, "LOOK", 0.01)


async def test_the_end_of_a_master_is_seen(made, way):
    born = pids.birth(made.pid)
    with trio.move_on_after(0.1) as scope:
        await master.watch(made.pid, born)
    assert scope.cancelled_caught
    os.kill(made.pid, signal.SIGKILL)
    with trio.fail_after(10):
        await master.watch(made.pid, born)


async def test_a_process_that_has_ended_is_not_watched(start, way):
    process = start(["true"])
    process.communicate()
    with trio.fail_after(10):
        await master.watch(process.pid)


async def test_another_process_with_the_pid_is_not_taken_for_the_one_that_had_it(other, way):
    with trio.fail_after(10):
        await master.watch(other.pid, born="earlier")


async def test_a_pid_that_changes_hands_while_it_is_looked_at_ends_the_watch(other, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    monkeypatch.setattr(master, "LOOK", 0.001)
    births = iter(["first", "first"])
    monkeypatch.setattr(pids, "birth", lambda pid: next(births, "second"))
    with trio.fail_after(10):
        await master.watch(other.pid)


async def test_a_cancelled_watch_leaves_no_descriptor(other):
    async def watch():
        with trio.move_on_after(0.02):
            await master.watch(other.pid)

    async def nothing_open():
        assert len(os.listdir("/proc/self/fd")) == before

    await watch()  # trio's threads have descriptors of their own
    before = len(os.listdir("/proc/self/fd"))
    await at_every_step(watch, nothing_open)


# Running a command


async def test_of_long_output_the_beginning_is_kept_and_all_is_read(home):
    done = await master.run(["sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 3"])
    assert (done.code, len(done.out), len(done.err)) == (3, master.KEPT, master.KEPT)


async def test_a_command_that_does_not_want_all_its_input_is_no_fault():
    done = await master.run(["sh", "-c", "exec <&-; echo done"], b"x" * 1_000_000)
    assert done.out == b"done\n"


async def test_a_command_that_takes_too_long_is_killed_with_what_it_started(home):
    done = await master.run(["sh", "-c", "sleep 100 & echo $!; wait"], deadline=0.3)
    assert (done.code, done.late) == (-signal.SIGKILL, True)
    child = int(done.out)
    await until_async(lambda: not pids.birth(child))


async def test_output_that_a_child_keeps_open_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(master, "LEFT", 0.1)
    done = await master.run(["sh", "-c", "sleep 100 & echo $!"], deadline=20)
    signalled(int(done.out), signal.SIGKILL)
    assert done.code == 0


async def test_a_cancelled_command_leaves_no_process_and_no_descriptor(home):
    async def scenario():
        await master.run(["sh", "-c", "sleep 0.02; echo done"], b"x", environ=home.env)

    await scenario()
    before = len(os.listdir("/proc/self/fd"))

    async def nothing_left():
        assert len(os.listdir("/proc/self/fd")) == before
        await until_async(lambda: not home.processes())

    await at_every_step(scenario, nothing_left)


async def test_without_ssh_the_error_says_so(home, monkeypatch):
    monkeypatch.setenv("PATH", str(home.path))
    with pytest.raises(NotListening, match="cannot run ssh"):
        await master.check("/x")
    with pytest.raises(NotListening, match="cannot run ssh"):
        master.check_now(str(home.path))
