"""Language servers that misbehave, and what is lost in the middle: nothing of them is left."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

import pytest

from rbridge.client import lane, process
from tests.client.served import ECHO, SLEEP, dead, gone


def test_megabytes_of_complaints_are_not_kept(served):
    served.program("pylsp", "import os\nfor n in range(100): os.write(2, os.urandom(65536))\nos._exit(5)\n")
    served.stream()
    served.host.until(lambda: served.channel.stream is not None)
    stream = served.lane
    reason, message, status = served.ended()
    assert (reason, status) == ("exited", "5")
    assert message.isprintable()
    assert len(message) <= lane.SHOWN
    assert len(stream._last) <= lane.WORDS


def test_complaints_without_end_hold_nothing_up(served):
    served.run("import os\nif os.fork():\n while True: os.write(2, bytes(65536))\n" + ECHO)
    served.line.say("bytes", b"hello")
    served.host.until(lambda: served.said() == b"hello")


def test_one_that_closes_what_it_hears_and_stays_is_ended(served):
    pid = served.run("import os, time\nos.close(0)\nos.write(1, b'x')\ntime.sleep(1000)\n")
    served.host.until(served.said)
    served.line.say("bytes", b"x" * 10)
    served.host.until(lambda: served.lane._in < 0)
    assert not gone(pid)
    assert served.skip(lane.PATIENCE) == ("exited", "", "signal 15")


def test_one_that_ignores_its_end_is_killed_with_what_it_started(served):
    pid = served.run(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: os.write(1, b'%d\\n' % child)\n"
        "time.sleep(1000)\n"
    )
    served.host.until(lambda: served.said().endswith(b"\n"))
    child = int(served.said())
    served.line.say("ended", token=served.token)
    served.host.until(lambda: served.lane._in < 0)
    served.host.skip(lane.PATIENCE)
    assert not gone(pid)
    assert served.skip(lane.PATIENCE) == ("closed", "", "signal 9")
    assert gone(pid)
    served.host.until(lambda: dead(child))


def test_what_it_leaves_behind_does_not_hide_its_end(served, monkeypatch):
    monkeypatch.setattr(lane, "PATIENCE", 1000.0)
    served.run(
        "import os, time\n"
        "child = os.fork()\n"
        "if child:\n"
        "    os.write(1, b'%d\\n' % child)\n"
        "    os._exit(7)\n"
        "time.sleep(1000)\n"
    )
    served.host.until(lambda: served.said().endswith(b"\n"))
    child = int(served.said())
    assert not dead(child)
    assert served.skip(lane.LOOK) == ("exited", "", "7")
    served.host.until(lambda: dead(child))


def test_what_it_leaves_behind_in_silence_is_ended_too(served):
    served.run(
        "import os, time\n"
        "child = os.fork()\n"
        "if child:\n"
        "    os.write(1, b'%d\\n' % child)\n"
        "    os.read(0, 1)\n"
        "    os._exit(7)\n"
        "for number in (0, 1, 2): os.close(number)\n"
        "time.sleep(1000)\n"
    )
    served.host.until(lambda: served.said().endswith(b"\n"))
    child = int(served.said())
    assert not dead(child)
    served.line.say("bytes", b"x")
    assert served.ended() == ("exited", "", "7")
    served.host.until(lambda: dead(child))


@pytest.fixture
def daemon():
    """The id of a process that goes its own way, to be ended."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_one_that_goes_to_the_background_has_ended(served, daemon):
    served.run(
        "import os, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "os.write(1, b'%d\\n' % os.getpid())\n"
        "time.sleep(1000)\n"
    )
    served.host.until(lambda: served.said().endswith(b"\n"))
    daemon.append(int(served.said()))
    stream = served.lane
    assert served.skip(lane.PATIENCE) == ("exited", "", "0")
    assert (stream._in, stream._out, stream._err) == (-1, -1, -1)
    assert not dead(daemon[0])  # it left our group on purpose, and has nothing of ours any more


def test_the_end_of_one_whose_words_the_laptop_is_slow_to_take_waits_for_them(served, monkeypatch):
    from rbridge.client import streams

    for module in (streams, lane):
        monkeypatch.setattr(module, "FULL", 50_000)
    pid = served.run(
        "import os, time\n"
        "os.read(0, 1)\n"
        "if os.fork(): os._exit(0)\n"
        "os.setpgid(0, 0)\n"
        "for n in range(100): os.write(1, bytes([n]) * 100_000)\n"
    )
    served.line.deaf = True
    served.line.say("bytes", b"x")
    served.host.until(lambda: served.lane.waiting > 50_000)
    served.host.until(lambda: served.live(lane.LOOK) or gone(pid))
    for _ in range(5):
        served.live(lane.PATIENCE)
    served.line.deaf = False
    served.host.laptop.greet_held()
    assert served.ended()[0] == "exited"
    assert served.said() == b"".join(bytes([n]) * 100_000 for n in range(100))


def test_nothing_is_left_when_the_connection_is_lost(served):
    pid = served.run("import os, time\nos.fork()\nos.write(1, b'x')\ntime.sleep(1000)")
    served.host.until(lambda: len(served.said()) == 2)
    group = members(pid)
    assert len(group) == 2
    served.line.cut()
    served.host.until(lambda: gone(pid))
    served.host.until(lambda: all(dead(one) for one in group))
    assert served.host.resident.attached


def members(group: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == group:
                found.append(pid)
    return found


@pytest.fixture
def held(monkeypatch):
    """Servers are started when ``held.set()`` was called; ``held.waits`` is set by the first that waits."""
    made = threading.Event()
    made.waits = threading.Event()
    real = process.started

    def started(*args):
        made.waits.set()
        assert made.wait(20)
        return real(*args)

    monkeypatch.setattr(process, "started", started)
    yield made
    made.set()


def test_nothing_is_left_when_the_connection_is_lost_while_it_starts(served, held):
    served.program("pylsp", SLEEP)
    served.stream()
    served.host.until(held.waits.is_set)
    served.line.cut()
    served.host.until(lambda: not served.host.resident.session.joins.channels)
    held.set()
    served.host.until(lambda: served.pids and gone(served.pids[0]))


def test_one_that_the_laptop_gives_up_while_it_starts_is_ended(served, held):
    served.program("pylsp", ECHO)
    served.stream()
    served.host.until(held.waits.is_set)
    served.line.say("ended", token=served.token)
    served.host.until(lambda: served.lane._closing)
    held.set()
    assert served.ended() == ("closed", "", "0")


def test_bytes_before_there_is_a_server_are_not_kept(served, held):
    served.program("pylsp", ECHO)
    served.stream()
    served.host.until(held.waits.is_set)
    served.line.say("bytes", b"too early")
    served.host.turns()
    held.set()
    served.begun()
    served.line.say("bytes", b"in time")
    served.host.until(served.said)
    assert served.said() == b"in time"


@pytest.mark.parametrize("starting", [False, True])
def test_nothing_is_left_when_the_process_in_the_background_is_told_to_end(served, held, starting):
    served.program("pylsp", SLEEP)
    served.stream()
    served.host.until(held.waits.is_set)
    if not starting:
        held.set()
        served.begun()
    served.host.resident.signalled(signal.SIGTERM)
    served.host.until(lambda: not served.host.resident.documents)
    assert served.host.resident.done() is not starting  # else the loop would not be there to end it
    threading.Timer(0.2, held.set).start()
    served.host.loop.run(served.host.resident.done)
    served.host.resident.end()
    assert len(served.pids) == 1
    served.host.until(lambda: gone(served.pids[0]))


def test_nothing_is_left_when_the_last_document_is_closed(served):
    pid = served.run(SLEEP)
    served.host.resident.close(served.host.resident.documents[0])
    served.host.loop.run(served.host.resident.done)
    served.host.resident.end()
    served.host.until(lambda: gone(pid))


def test_a_stream_beside_another_ends_its_connection_and_its_server(served):
    pid = served.run(SLEEP)
    served.stream()
    served.host.until(lambda: gone(pid))
    served.host.until(lambda: served.line.ended)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"#!/no/such/interpreter\n", "the interpreter that it names is not there"),
        (b"\x7fELF of another machine", "exec format error"),
        (b"print('no first line')\n", "exec format error"),
    ],
)
def test_a_program_that_cannot_be_started_is_named(served, text, words):
    path = served.program("pylsp", "")
    path.write_bytes(text)
    before = os.listdir("/proc/self/fd")
    served.stream()
    reason, message, _ = served.ended()
    assert (reason, message) == ("failed", f"cannot start a language server: {path}: {words}")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_program_that_is_not_executable_is_none(served):
    served.program("pylsp", "").chmod(0o644)
    served.stream()
    assert served.ended()[0] == "none"


@pytest.mark.parametrize(
    ("root", "words"), [("gone", "no such file or directory"), ("train.py", "not a directory")]
)
def test_a_root_that_is_no_directory_is_named(served, root, words):
    served.program("pylsp", ECHO)
    place = str(served.project / root)
    served.stream(root=place)
    assert served.ended() == ("failed", f"cannot start a language server: {place}: {words}", "")


def test_without_descriptors_it_is_not_started_and_none_is_lost(served, monkeypatch):
    served.program("pylsp", ECHO)
    real, made = os.pipe, []

    def pipe():
        if len(made) == 2:
            raise OSError(24, "Too many open files")
        made.append(real())
        return made[-1]

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(lane.os, "pipe", pipe)
    served.stream()
    assert served.ended() == ("failed", "cannot start a language server: too many open files", "")
    monkeypatch.undo()
    assert len(os.listdir("/proc/self/fd")) == before
