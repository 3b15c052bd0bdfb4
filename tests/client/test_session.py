"""A session with a daemon: what is heard, and what becomes of it when connections come and go.

Long, because each of its tests needs the same session, opened, lost and found again.
"""

from __future__ import annotations

import os
import threading

import pytest

from rbridge.client import incoming
from rbridge.client.session import FAREWELL
from tests.client.laptop import Heard, Here, Line, sha


@pytest.fixture
def slow(monkeypatch):
    """Saves that go on, in their thread, until the test says so."""
    gate = threading.Event()
    began = threading.Event()
    real = incoming.Incoming.finish

    def finish(self):
        began.set()
        assert gate.wait(20)
        return real(self)

    monkeypatch.setattr(incoming.Incoming, "finish", finish)
    gate.began = began  # type: ignore[attr-defined]
    yield gate
    gate.set()


@pytest.fixture
def opened(host: Here, here):
    """``opened(b"old", "-w")``: the caller of an open file called a; its token is in ``host``."""

    def start(text: bytes = b"old", *words: str):
        here.file("a", text)
        asker = host.begin(*words, "a")
        host.until(lambda: asker.open, "it is open")
        return asker

    return start


def token(host: Here) -> str:
    return host.resident.documents[0].source.token


def back(host: Here, laptop, name: str = "d.sock", **options):
    """The daemon is there again, as the one it was."""
    known = host.laptop.known
    host.laptop = laptop(name, **options)
    host.laptop.known = known
    host.clock.skipped += 1.1  # until the next look
    return host.laptop


def away(host: Here) -> None:
    """The tunnel is cut, and the host has noticed."""
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached, "it is noticed")


def test_a_save_is_acknowledged_in_few_bytes(host, here, opened):
    opened()
    host.main.save(token(host), 7, b"new", b"old")
    said = host.heard("saved")
    assert said.headers == {"token": token(host), "save": "7"}
    assert (here.path / "a").read_bytes() == b"new"


def test_a_refused_save_says_what_is_there_and_where_the_text_is_kept(host, here, opened):
    opened()
    (here.path / "a").write_bytes(b"theirs")
    host.main.save(token(host), 1, b"new", b"old")
    said = host.heard("refused")
    assert (said["reason"], said["size"], said["sha256"]) == ("conflict", "6", sha(b"theirs"))
    with open(said["kept"], "rb") as file:
        assert file.read() == b"new"


def test_a_save_to_what_is_gone_says_so(host, here, opened):
    opened()
    os.unlink(here.path / "a")
    host.main.save(token(host), 1, b"new", b"old")
    said = host.heard("refused")
    assert (said["reason"], said["absent"]) == ("gone", "yes")


def test_what_the_laptop_kept_may_come_before_the_answer_to_open_and_that_has_more_time_then(host, here):
    here.file("a", b"old")
    host.laptop.answers["open"] = lambda line, heard: None
    asker = host.begin("-w", "a")
    host.heard("open")
    host.skip(8)
    host.main.save(token(host), 1, b"new", b"old")
    host.heard("saved")
    assert (here.path / "a").read_bytes() == b"new"
    host.skip(8)
    assert not asker.errors
    host.main.say("opened", token=token(host), editor="vim")
    host.until(lambda: asker.open)


def test_beats_go_on_while_a_save_takes_long(host, opened, slow):
    opened()
    host.main.save(token(host), 1, b"new", b"old")
    host.until(slow.began.is_set)
    for count in (1, 2, 3):
        host.skip(5.1)
        host.heard("beat", count)
    assert not host.main.all("saved")
    slow.set()
    host.heard("saved")


def test_a_save_that_is_done_while_detached_is_settled_by_resume(host, here, opened, slow, laptop):
    opened()
    host.main.save(token(host), 3, b"new", b"old")
    host.until(slow.began.is_set)
    away(host)
    slow.set()
    host.until(lambda: host.resident.documents[0].serial == 3)
    back(host, laptop)
    said = host.heard("resume")
    assert (said["save"], said["sha256"], said["size"]) == ("3", sha(b"new"), "3")
    assert not host.main.all("saved")


def test_resume_waits_for_a_save_that_is_being_written(host, here, opened, slow, laptop):
    opened()
    host.main.save(token(host), 3, b"new", b"old")
    host.until(slow.began.is_set)
    away(host)
    back(host, laptop)
    host.until(lambda: host.resident.attached)
    host.turns()
    assert not host.main.all("resume")
    slow.set()
    assert host.heard("resume")["save"] == "3"


def test_what_changed_on_the_host_meanwhile_is_said(host, here, opened, laptop):
    opened()
    away(host)
    (here.path / "a").write_bytes(b"another text")
    back(host, laptop)
    said = host.heard("resume")
    assert (said["sha256"], said["size"]) == (sha(b"another text"), "12")
    assert "save" not in said.headers


def test_a_file_that_is_gone_meanwhile_is_absent(host, here, opened, laptop):
    opened()
    away(host)
    os.unlink(here.path / "a")
    back(host, laptop)
    assert host.heard("resume").headers == {"token": token(host), "absent": "yes"}


def test_the_link_of_a_resumed_session_is_of_the_same_secret_and_waits(host, opened, laptop):
    opened()
    first = host.main.heard[0]
    away(host)
    back(host, laptop)
    host.laptop.answers["link"] = lambda line, heard: None
    host.until(lambda: host.laptop.lines and host.main.heard)
    link = host.main.heard[0]
    assert (link.command, link["resume"], link["session"]) == ("link", "yes", first["session"])
    assert "resume" not in first.headers
    host.turns()
    assert len(host.main.heard) == 1
    host.main.say("linked", standing="new")
    host.heard("resume")


def test_callers_that_wait_are_told_once_each_time(host, opened, laptop):
    asker = opened(b"old", "-w")
    assert asker.lines == ["a: open in vim on mylaptop"]
    away(host)
    host.skip(30)
    back(host, laptop)
    host.until(lambda: len(asker.lines) > 2)
    assert asker.lines[1:] == [
        "connection to mylaptop lost: waiting; what is saved there meanwhile is kept and sent",
        "connection to mylaptop is back",
    ]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"command": "close"}, 0),
        ({"command": "close", "unsaved": "yes"}, 74),
        ({"command": "refused", "reason": "failed", "message": "lost"}, 74),
    ],
)
def test_what_may_be_answered_to_resume(host, opened, laptop, answer, code):
    asker = opened(b"old", "-w")
    away(host)
    back(host, laptop)
    said = dict(answer)
    command = said.pop("command")
    host.laptop.answers["resume"] = lambda line, heard: line.say(command, token=heard.token, **said)
    host.until(lambda: asker.codes)
    assert asker.codes == [code]
    host.until(host.resident.done)


def test_saves_and_fetch_may_come_before_the_answer_to_resume(host, here, opened, laptop):
    asker = opened(b"old", "-w")
    away(host)
    back(host, laptop)

    def deliver(line: Line, heard: Heard) -> None:
        line.say("fetch", token=heard.token)
        line.save(heard.token, 1, b"new", b"old")
        line.say("close", token=heard.token)

    host.laptop.answers["resume"] = deliver
    host.until(lambda: asker.codes)
    assert asker.codes == [0]
    assert (here.path / "a").read_bytes() == b"new"
    host.until(lambda: [one.command for one in host.main.heard[-2:]] == ["changed", "saved"])


def test_a_daemon_that_never_had_the_text_gets_it_again(host, here, laptop):
    path = here.file("a", "old")
    host.laptop.answers["open"] = lambda line, heard: None
    asker = host.begin("a")
    away(host)
    path.write_bytes(b"newer")
    back(host, laptop)
    host.laptop.answers["resume"] = lambda line, heard: line.say("close", token=heard.token, unknown="yes")
    host.until(lambda: asker.open)
    assert host.heard("open").body == b"newer"
    host.main.save(token(host), 1, b"new", b"newer")
    host.heard("saved")


def test_what_the_user_closed_before_we_heard_that_it_was_open_is_not_opened_again(host, here, laptop):
    here.file("a", "old")
    host.laptop.answers["open"] = lambda line, heard: None
    asker = host.begin("-w", "a")
    away(host)
    back(host, laptop)
    host.laptop.answers["resume"] = lambda line, heard: line.say("close", token=heard.token)
    host.until(lambda: asker.codes)
    assert asker.codes == [0]
    assert not host.main.all("open")
    host.until(host.resident.done)


def test_a_daemon_that_has_the_text_after_all_goes_on(host, here, laptop):
    here.file("a", "old")
    host.laptop.answers["open"] = lambda line, heard: None
    asker = host.begin("a")
    away(host)
    back(host, laptop)
    host.until(lambda: asker.open)
    assert not host.main.all("open")


def test_what_is_opened_while_detached_is_said_when_the_daemon_is_back(host, here, opened, laptop):
    opened()
    away(host)
    here.file("b", "other")
    asker = host.open("b")
    back(host, laptop)
    host.until(lambda: asker.open)
    assert host.heard("open").body == b"other"


def test_what_is_opened_while_detached_is_given_up_after_the_time_for_it(host, here, opened):
    opened()
    away(host)
    here.file("b", "other")
    asker = host.open("b")
    host.skip(10.1)
    host.until(lambda: asker.errors)
    assert "not opened: mylaptop is not connected now" in str(asker.errors[0])
    assert len(host.resident.documents) == 1


def test_what_is_closed_while_detached_is_said_when_the_daemon_is_back(host, opened, laptop):
    opened()
    name = token(host)
    away(host)
    host.resident.close(host.resident.documents[0])
    assert not host.resident.done()
    back(host, laptop)
    assert host.heard("close").token == name
    host.until(host.resident.done)


def test_what_is_closed_while_detached_does_not_keep_the_process_for_long(host, opened):
    opened()
    away(host)
    host.resident.close(host.resident.documents[0])
    host.until(lambda: not host.resident.documents)
    assert not host.resident.done()
    host.skip(FAREWELL + 0.1)
    host.until(host.resident.done)


def test_as_long_as_another_document_is_open_the_daemon_is_told(host, here, opened, laptop):
    opened()
    name = token(host)
    here.file("b", b"old")
    asker = host.open("b")
    host.until(lambda: asker.open)
    away(host)
    host.resident.close(host.resident.documents[0])
    host.skip(FAREWELL + 0.1)
    back(host, laptop)
    assert host.heard("close").token == name
    assert host.heard("resume").token != name


def test_a_daemon_that_refuses_us_is_no_end(host, opened, laptop):
    opened()
    away(host)
    back(host, laptop)
    host.laptop.answers["link"] = lambda line, heard: line.say("linked", standing="refused", message="no")
    host.until(lambda: any("refuses this host: no" in line for line in host.log))
    host.turns(20)
    assert host.laptop.accepted == 1
    host.laptop.answers["link"] = host.laptop.linked
    host.skip(31)
    host.heard("resume")


def test_a_daemon_without_an_identity_cannot_be_found_again(here, laptop):
    host = Here(here.state, laptop(identity=""))
    here.file("a", "old")
    asker = host.begin("-w", "a")
    host.until(lambda: asker.open)
    host.laptop.hang_up()
    host.until(lambda: asker.codes)
    assert asker.codes == [74]
    assert "connection to mylaptop lost before it was closed" in asker.lines[-1]
    host.close()


def test_the_end_of_the_daemon_is_passed_on_and_waited_for(host, opened, laptop):
    asker = opened(b"old", "-w")
    host.main.say("bye", message="stopped")
    away(host)
    assert asker.lines[1] == "mylaptop ends: stopped"
    back(host, laptop)
    host.heard("resume")


def test_a_token_that_was_never_issued_ends_it(host, here, opened):
    asker = opened(b"old", "-w")
    host.main.save("nobody", 1, b"evil")
    host.until(lambda: asker.codes)
    assert asker.codes == [65]
    assert "nothing was written" in asker.lines[-1]
    assert sorted(os.listdir(here.path)) == ["a"]


def test_a_record_about_a_document_that_is_closed_is_no_error(host, here, opened):
    here.file("b", "b")
    opened()
    host.open("b")
    host.until(lambda: len(host.main.all("open")) == 2)
    name = token(host)
    host.main.say("close", token=name)
    host.main.say("focus", token=name)
    host.main.save(name, 4, b"late", b"old")
    said = host.heard("refused")
    assert (said["save"], said["reason"]) == ("4", "gone")
    assert host.resident.attached


def test_what_makes_no_sense_ends_it(host, opened):
    asker = opened(b"old", "-w")
    host.main.sock.sendall(b"save\nno header\n")
    host.until(lambda: asker.codes)
    assert asker.codes == [65]
    assert "makes no sense" in asker.lines[-1]


def test_a_connection_cut_at_every_byte_of_a_save_leaves_the_old_or_the_new_text(host, here, opened, laptop):
    """And the next save, of a resumed session, lands."""
    path = here.path / "a"
    opened()
    before = b"old"
    name = token(host)
    whole = len(
        host.main.spell("save", b"text 000", token=name, save=1, sha256=sha(b""), size=8, base=sha(b""))
    )
    serial = 0
    for cut in range(whole + 1):
        serial += 1
        text = b"text %03d" % serial
        said = host.main.spell(
            "save", text, token=name, save=serial, sha256=sha(text), size=len(text), base=sha(before)
        )
        host.main.sock.sendall(said[:cut])
        host.turns(2)
        away(host)
        back(host, laptop)
        resumed = host.heard("resume")
        host.until(lambda: host.main.answered > 1)  # it says no more by itself, into the next save
        now = path.read_bytes()
        assert now in (before, text)
        assert resumed["sha256"] == sha(now)
        if now == text:
            assert resumed["save"] == str(serial)
        before = now
        assert os.listdir(here.path) == ["a"]
    host.main.save(name, serial + 1, b"the last", before)
    host.heard("saved")
    assert path.read_bytes() == b"the last"


def test_a_cut_off_save_that_is_sent_again_leaves_no_failure(host, here, opened, laptop):
    asker = opened(b"old", "-w")
    host.main.sock.sendall(
        host.main.spell(
            "save", b"new", token=token(host), save=1, sha256=sha(b"new"), size=3, base=sha(b"old")
        )[:-3]
    )
    host.turns()
    away(host)
    assert "the connection was lost in the middle" in asker.lines[1]
    back(host, laptop)

    def again(line: Line, heard: Heard) -> None:
        line.save(heard.token, 1, b"new", b"old")
        line.say("close", token=heard.token)

    host.laptop.answers["resume"] = again
    host.until(lambda: asker.codes)
    assert asker.codes == [0]


def test_a_save_that_makes_no_sense_ends_the_session_at_once(host, here, slow):
    """Also while the document's thread is busy."""
    here.file("a", b"x" * 3_000_000)
    gate, real = threading.Event(), incoming.take_base

    def take_base(document):
        gate.wait(20)
        real(document)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incoming, "take_base", take_base)
        asker = host.begin("-w", "a")
        host.until(lambda: asker.open)
        host.skip(1)
        host.until(lambda: host.resident.busy)
        host.main.say("save", b"new", token=token(host), save=1, size="lots")
        host.until(lambda: asker.lines and "makes no sense" in asker.lines[-1])
        gate.set()
        host.until(lambda: asker.codes)
    assert asker.codes == [65]
    assert "makes no sense: save: 'size' is no size" in asker.lines[-1]
