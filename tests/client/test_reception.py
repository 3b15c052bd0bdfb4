"""The door of the process in the background: who is let in, and that nobody can block it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import stat
import threading

import pytest

from rbridge.client import asking, caller, reception, sockets
from rbridge.client.intercom import Intercom, Message, connected, spelled
from rbridge.client.loop import Loop
from rbridge.client.reception import CALLERS, Reception
from tests.client.residents import Answering
from tests.harness.wait import until


@pytest.fixture
def visit(background):
    """``visit()`` connects to the process at the door; blocking, closed at the end."""
    made = []

    def connect(there) -> Intercom:
        sock = connected(there.path)
        sock.settimeout(20)
        made.append(Intercom(sock))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def heard(intercom: Intercom):
    """The next message, or None at the end."""
    message = intercom.next()
    while message is None and not intercom.ended:
        intercom.receive()
        message = intercom.next()
    return message


def rows(intercom: Intercom) -> list[tuple[str, str]]:
    intercom.say("status")
    found = []
    message = heard(intercom)
    while message.command == "row":
        found.append((message.get("path"), message.get("state")))
        message = heard(intercom)
    assert message.command == "done"
    intercom.close()
    return found


def test_the_socket_goes_with_its_process(here, background):
    there = background()
    path = there.path
    assert os.path.exists(path)
    there.close()
    assert not os.path.exists(path)
    assert os.listdir(here.runtime) == []


def test_a_second_one_gets_a_name_of_its_own_and_leaves_the_firsts_alone(here, background, visit):
    first = background()
    second = background()
    assert second.path == str(here.runtime / reception.further(sockets.name("tunnel")))
    assert sorted(asking.everywhere()) == sorted([first.path, second.path])
    second.close()
    assert sockets.place("tunnel") == first.path
    assert rows(visit(first)) == []


def test_a_dead_ones_name_is_taken_over(here, background, visit):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(here.runtime / sockets.name("tunnel")))
    there = background()
    assert os.path.basename(there.path) == sockets.name("tunnel")
    assert rows(visit(there)) == []


def test_of_two_that_start_together_one_has_the_name(here):
    """Whatever a dead one has left there."""
    for round_ in range(20):
        if round_ % 2:
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(here.runtime / sockets.name("race")))
        both = [Reception(Loop(), str(here.state)) for _ in range(2)]
        gate = threading.Barrier(2)

        def start(one: Reception, gate: threading.Barrier = gate) -> None:
            gate.wait()
            one.listen("race")

        threads = [threading.Thread(target=start, args=[one]) for one in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        named = [one for one in both if os.path.basename(one.path) == sockets.name("race")]
        assert len(named) == 1
        connected(named[0].path).close()
        for one in both:
            one.close()
            one.loop.close()
        assert os.listdir(here.runtime) == []


def test_another_one_that_enters_just_now_is_waited_for(here, background, monkeypatch):
    """Its command is over then, and the user may ask at once what is open."""
    os.makedirs(here.runtime, mode=0o700, exist_ok=True)
    directory = os.open(here.runtime, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            fcntl.flock(directory, fcntl.LOCK_UN)

    monkeypatch.setattr(reception, "sleep", sleep)
    assert os.path.exists(background().path)
    assert len(slept) == 3
    os.close(directory)


def test_at_a_socket_that_can_be_seen_somebody_listens(here, background, monkeypatch):
    """A command that is refused there would remove it, and its process could not be found."""
    real, seen = os.rename, []

    def rename(there, name):
        connected(there).close()
        assert stat.S_IMODE(os.lstat(there).st_mode) == 0o600
        seen.append(name)
        real(there, name)

    monkeypatch.setattr(os, "rename", rename)
    assert seen == [background().path]
    assert os.listdir(here.runtime) == [os.path.basename(seen[0])]


def test_a_socket_that_cannot_be_named_leaves_nothing(here, background, monkeypatch):
    def refuse(_there, _name):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "rename", refuse)
    assert background().path == ""
    assert os.listdir(here.runtime) == []


def test_without_a_safe_directory_there_is_no_socket_and_no_error(here):
    here.runtime.chmod(0o777)
    loop = Loop()
    one = Reception(loop, str(here.state))
    one.listen("tunnel")
    assert one.path == ""
    one.close()
    loop.close()


def test_a_socket_in_a_deep_directory(here, background, visit, monkeypatch):
    deep = here.runtime / ("d" * (86 - len(str(here.runtime))))
    deep.mkdir(0o700)
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(deep))
    there = background()
    assert len(there.path) > 107
    assert rows(visit(there)) == []


def test_another_user_is_shown_the_door(here, background, visit, monkeypatch):
    there = background()
    monkeypatch.setattr(reception.system, "peer_uid", lambda sock: os.geteuid() + 1)
    assert heard(visit(there)) is None
    assert there.reception.callers == []


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100_000, b"file\n\n", b"hand\nfiles: x\n\n", b"go\n\n"]
)
def test_garbage_harms_nobody(here, background, visit, data):
    there = background()
    there.resident.table["/a"] = ("clean", True, "")
    bad = visit(there)
    with contextlib.suppress(ConnectionError):  # it may have hung up already
        bad.send_all(data)
    assert rows(visit(there)) == [("/a", "clean")]
    bad.close()
    until(lambda: not there.reception.callers, what="all have gone")


def test_half_a_request_is_dropped_in_time(here, background, visit, monkeypatch):
    monkeypatch.setattr(caller, "PATIENCE", 0.1)
    there = background()
    half = visit(there)
    half.send_all(spelled("hand", {"files": "2", "version": "x"}, b"") + b"file\npath: a")
    assert rows(visit(there)) == []
    assert heard(half) is None
    until(lambda: not there.reception.callers, what="it was dropped")


def test_a_descriptor_of_a_request_that_is_dropped_is_closed(here, background, visit):
    there = background()
    before = len(os.listdir("/proc/self/fd"))
    half = visit(there)
    fd = os.open(here.file("a"), os.O_RDONLY)
    half.send_all(spelled("hand", {"files": "2"}, b""))
    half.send_all(spelled("file", {"path": "a", "real": str(here.path / "a")}, count=1), [fd])
    os.close(fd)
    until(lambda: there.reception.callers and there.reception.callers[0].offered, what="it has arrived")
    half.close()
    until(lambda: not there.reception.callers, what="it was dropped")
    assert len(os.listdir("/proc/self/fd")) == before


def test_more_commands_than_there_is_room_for(here, background, visit):
    there = background()
    for _ in range(CALLERS):
        visit(there)
    until(lambda: len(there.reception.callers) == CALLERS, what="all are there")
    message = heard(visit(there))
    assert message.command == "refused"
    assert message.get("message") == f"{CALLERS} commands are waiting for it already"


def test_one_that_does_not_read_is_dropped_and_the_others_go_on(here, background, visit):
    there = background()
    slow = visit(there)
    path = here.file("a.txt")
    hand = {"files": "1", "version": reception.__version__, "wait": "yes"}
    slow.send_all(spelled("hand", hand, b""))
    fd = os.open(path, os.O_RDONLY)
    slow.send_all(spelled("file", {"path": "a.txt", "real": str(path)}, count=1), [fd])
    os.close(fd)
    assert heard(slow).command == "ready"
    slow.say("go")
    until(lambda: there.resident.offered, what="it is open")
    ((got,), _, asker) = there.resident.offered[0]

    def talk() -> None:
        for _ in range(100):
            asker.say("x" * 10_000)

    there.do(talk)
    until(lambda: not there.reception.callers, what="it was dropped")
    assert rows(visit(there)) == []
    got.close()


def test_the_loser_of_a_race_for_descriptors_tries_again(here, background, visit, monkeypatch):
    """No descriptor was left when somebody connected: that one is taken a little later, not never."""
    there = background()
    real = there.reception._listener
    fails = [True]

    class Listener:
        def fileno(self) -> int:
            return real.fileno()

        def _accept(self):
            if fails and fails.pop():
                raise OSError(24, "Too many open files")
            return real._accept()

        def close(self) -> None:
            real.close()

    there.reception._listener = Listener()  # type: ignore[assignment]
    assert rows(visit(there)) == []


def test_rows_are_those_below_a_path_by_any_name(here, background, visit):
    there = background()
    here.file("work/a")
    (here.path / "link").symlink_to("work")
    there.resident.table[str(here.path / "work/a")] = ("clean", True, "")
    there.resident.table[str(here.path / "workshop")] = ("dirty", True, "")
    assert len(rows(visit(there))) == 2
    for path in (here.path / "work", here.path / "work/a", here.path / "link", here.path / "link/a"):
        asker = visit(there)
        asker.say("status", {"path": str(path), "real": os.path.realpath(path)})
        assert heard(asker).get("path") == str(here.path / "work/a")
        assert heard(asker).command == "done"


@pytest.mark.parametrize("whole", [False, True], ids=["socket", "directory"])
def test_it_is_found_again_after_its_socket_was_removed(here, background, visit, monkeypatch, whole):
    """systemd-logind does so at the last logout, and the process goes on."""
    monkeypatch.setattr(reception, "STAY", 0.02)
    there = background()
    there.resident.table["/a"] = ("dirty", True, "")
    if whole:
        shutil.rmtree(here.runtime)
    else:
        os.unlink(there.path)
    until(lambda: os.path.exists(there.path), what="it is there again")
    until(lambda: rows(visit(there)) == [("/a", "dirty")], what="it answers")
    assert stat.S_IMODE(os.lstat(there.path).st_mode) == 0o600


def test_where_it_cannot_be_found_yet_it_tries_again(here, background, monkeypatch):
    monkeypatch.setattr(reception, "STAY", 0.02)
    directory = os.open(here.runtime, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    there = background()
    assert there.path == ""
    os.close(directory)
    until(lambda: asking.everywhere(), what="it is found")


def test_where_one_directory_is_full_the_next_is_taken(here, monkeypatch):
    full, room = here.runtime / "full", here.runtime / "room"
    monkeypatch.setattr(reception.paths, "runtime_candidates", lambda: [str(full), str(room)])
    real = reception.reach

    def bind(path: str, do: object) -> None:
        if path.startswith(str(full)) and "bind" in str(do):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, do)

    monkeypatch.setattr(reception, "reach", bind)
    loop = Loop()
    one = Reception(loop, str(here.state))
    one.listen("tunnel")
    assert os.path.dirname(one.path) == str(room)
    one.close()
    loop.close()


def test_the_umask_of_the_process_is_left_alone(here, background, monkeypatch):
    """Threads make files meanwhile."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
    assert stat.S_IMODE(os.lstat(background().path).st_mode) == 0o600


def test_nobody_goes_on_looking_for_a_command_that_has_left(here):
    now = [0.0]
    loop = Loop(lambda: now[0])
    one = Reception(loop, str(here.state))
    one.resident = Answering()  # type: ignore[assignment]
    one.resident.table["/a"] = ("conflict", True, "")  # type: ignore[attr-defined]
    ours, theirs = socket.socketpair()
    connection = one.welcome(ours, False, 1)  # type: ignore[arg-type]
    one.resolve(connection, Message("resolve", {"path": "/a", "choose": "show"}))
    connection.gone()
    for _ in range(3):
        now[0] += 1.0
        loop.turn(0)
    assert [timer for _, _, timer in loop._timers if timer.callback is not None] == []
    theirs.close()
    one.close()
    loop.close()
