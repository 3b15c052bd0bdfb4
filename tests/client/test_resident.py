"""The process in the background: what it does with its documents and callers, and when it ends.

Here in this process; behind whole commands it is in ``test_resident_commands.py``.
"""

from __future__ import annotations

import os
import signal
import threading

import pytest

from rbridge.client import incoming
from tests.client.laptop import IDENTITY, Asker, sha


@pytest.fixture
def opened(host, here):
    """``opened("a", "b")``: open files, for a caller that waits."""

    def start(*names: str) -> Asker:
        for name in names:
            here.file(name, "old")
        asker = host.begin("-w", *names)
        host.until(lambda: len(asker.open) == len(names))
        return asker

    return start


def document(host, index: int = 0):
    return host.resident.documents[index]


def test_it_ends_with_its_last_document(host, opened):
    asker = opened("a", "b")
    for _ in "ab":
        assert not host.resident.done()
        host.main.say("close", token=document(host).source.token)
        count = len(host.resident.documents)
        host.until(lambda count=count: len(host.resident.documents) < count)
    host.until(host.resident.done)
    assert asker.codes == [0, 0]


def test_a_document_that_the_host_closes_is_closed_at_the_laptop(host, opened):
    asker = opened("a")
    token = document(host).source.token
    host.resident.close(document(host))
    assert host.heard("close").token == token
    host.until(lambda: asker.codes)
    assert asker.codes == [0]
    host.until(host.resident.done)


def test_a_refused_text_that_the_user_gave_up_is_no_failure_any_more(host, here, opened):
    asker = opened("a")
    one = document(host)
    (here.path / "a").write_bytes(b"theirs")
    host.main.save(one.source.token, 1, b"mine", b"old")
    host.heard("refused")
    assert host.resident.rows()[0][1] == "unsaved"
    assert asker.lines[-1].endswith("; 'rbridge resolve a' settles it")
    host.main.say("state", token=one.source.token, state="clean")
    host.until(lambda: host.resident.rows()[0][1:] == ("clean", True, ""))
    host.main.say("close", token=one.source.token)
    host.until(lambda: asker.codes)
    assert asker.codes == [0]


def test_sigterm_leaves_everything_open_at_the_laptop(host, opened):
    """This host may be shutting down: what the user typed there and did not save must not end with us."""
    asker = opened("a", "b")
    host.resident.signalled(signal.SIGTERM)
    host.until(host.resident.done)
    main = host.main
    host.resident.end()
    host.until(lambda: main.ended)
    assert not main.all("close")
    assert asker.codes == [74, 74]
    assert "a: the client on this host was ended by signal 15; the file stays open" in asker.lines[2]
    assert "ended by signal 15" in host.log


def test_the_end_waits_for_a_save_that_is_being_written(host, here, opened, monkeypatch):
    asker = opened("a")
    gate = threading.Event()
    real = incoming.Incoming.finish
    monkeypatch.setattr(incoming.Incoming, "finish", lambda self: gate.wait(20) and real(self))
    host.main.save(document(host).source.token, 1, b"new", b"old")
    host.until(lambda: host.resident.savings and host.resident.session.main.arriving is None)
    host.resident.signalled(signal.SIGTERM)
    assert not host.resident.done()
    threading.Timer(0.1, gate.set).start()
    host.resident.end()
    assert (here.path / "a").read_bytes() == b"new"
    host.until(lambda: host.main.all("saved"))
    assert asker.codes == [74]
    assert os.listdir(here.path) == ["a"]


def test_a_file_is_saving_from_the_first_byte_that_comes_to_the_last_on_disk(host, here, opened, monkeypatch):
    opened("a")
    gate = threading.Event()
    real = incoming.Incoming.finish
    monkeypatch.setattr(incoming.Incoming, "finish", lambda self: gate.wait(20) and real(self))
    token = document(host).source.token
    said = host.main.spell("save", b"new", token=token, save=1, sha256=sha(b"new"), size=3, base=sha(b"old"))
    assert host.resident.rows()[0][1] == "clean"
    host.main.sock.sendall(said[:-2])
    host.until(lambda: host.resident.session.main.arriving)
    assert host.resident.rows()[0][1] == "saving"
    host.main.sock.sendall(said[-2:])
    host.until(lambda: host.resident.busy)
    assert host.resident.rows()[0][1] == "saving"
    gate.set()
    host.heard("saved")
    assert host.resident.rows()[0][1] == "clean"


def test_a_save_that_is_cut_off_is_not_saving_any_more(host, opened):
    opened("a")
    token = document(host).source.token
    said = host.main.spell("save", b"new", token=token, save=1, sha256=sha(b"new"), size=3, base=sha(b"old"))
    host.main.sock.sendall(said[:-2])
    host.until(lambda: host.resident.session.main.arriving)
    host.main.cut()
    host.until(lambda: not host.resident.attached)
    assert host.resident.rows()[0][1] == "unsaved"


def test_a_save_that_is_arriving_at_the_end_leaves_nothing(host, here, opened):
    opened("a")
    token = document(host).source.token
    said = host.main.spell("save", b"new", token=token, save=1, sha256=sha(b"new"), size=3, base=sha(b"old"))
    host.main.sock.sendall(said[:-2])
    host.until(lambda: host.resident.session.main.arriving)
    host.resident.end()
    assert os.listdir(here.path) == ["a"]
    assert (here.path / "a").read_bytes() == b"old"


def test_after_a_day_without_a_laptop_it_ends(host, opened):
    asker = opened("a")
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.skip(23 * 3600)
    assert not host.resident.done()
    host.skip(3601)
    host.until(host.resident.done)
    assert asker.codes == [74]
    assert any("was not there for 24 hours" in line for line in host.log)
    assert any("what was saved is on disk" in line for line in host.log)


def test_a_caller_that_is_told_to_end_takes_its_documents_along_but_not_those_of_others(host, opened):
    first = opened("a", "b")
    second = host.open("-w", "b")
    host.until(lambda: second.open)
    host.resident.drop(first)
    host.until(lambda: len(host.resident.documents) == 1)
    assert document(host).source.path == "b"
    assert (first.codes, second.codes) == ([0], [])


def test_standard_input_is_closed_with_its_caller_and_what_was_saved_is_kept(host, here, opened):
    asker = opened("a")
    one = document(host)
    one.source.stdin = True
    one.source.fd = os.open(here.path / "a", os.O_RDONLY)
    host.main.save(one.source.token, 1, b"typed", b"old")
    host.heard("saved")
    host.resident.left(asker)
    host.until(host.resident.done)
    assert asker.codes == []
    (line,) = [line for line in host.log if line.startswith("what was saved is in ")]
    with open(line.rpartition(" ")[2], "rb") as file:
        assert file.read() == b"typed"


def test_what_is_open_below_a_directory(host, here, opened):
    (here.path / "d").mkdir()
    (here.path / "dd").mkdir()
    opened("d/a", "dd/b")
    path = str(here.path / "d")
    assert [one.source.path for one in host.resident.under(path)] == ["d/a"]
    assert [one.source.path for one in host.resident.under(path + "/a")] == ["d/a"]
    assert len(host.resident.under("")) == 2
    assert host.resident.rows(path)[0][1:] == ("clean", True, "")


def test_what_it_is_called_and_where_it_is(host, opened):
    opened("a")
    assert (host.resident.label, host.resident.identity) == ("mylaptop", IDENTITY)
    assert host.resident.endpoint == str(host.laptop.path)


def test_a_hundred_more_files_take_little_memory_and_no_descriptor(host, here, opened):
    def resident_kib() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    opened("a")
    names = [f"file{number}" for number in range(200)]
    text = "".join(f"line {number}\n" for number in range(2000))
    for name in names:
        here.file(name, text + name)
    for name in names[:100]:
        host.open(name)
    host.until(
        lambda: all(one.target for one in host.resident.documents) and len(host.resident.documents) == 101
    )
    descriptors, memory = len(os.listdir("/proc/self/fd")), resident_kib()
    for line in host.laptop.lines:
        line.heard.clear()
    for name in names[100:]:
        host.open(name)
    host.until(
        lambda: all(one.target for one in host.resident.documents) and len(host.resident.documents) == 201
    )
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert resident_kib() - memory < 100 * 100


def test_who_waits_for_what_is_closed_here_while_nobody_is_connected_cannot_believe_it_saved(host, opened):
    asker = opened("a")
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.resident.close(document(host))
    host.until(lambda: asker.codes)
    assert asker.codes == [74]
    assert "a: closed here while not connected: what mylaptop has of it may not be" in asker.lines[-1]


@pytest.mark.parametrize(("shown", "code"), [("clean", 0), ("dirty", 0), ("saving", 74)])
def test_closing_here_what_is_on_its_way_is_no_success(host, opened, shown, code):
    asker = opened("a")
    host.main.say("state", token=document(host).source.token, state=shown)
    host.until(lambda: document(host).shown == shown)
    host.resident.close(document(host))
    host.until(lambda: asker.codes)
    assert asker.codes == [code]
