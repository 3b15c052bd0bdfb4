"""Documents that the laptop asked for in a folder."""

from __future__ import annotations

import os

import pytest

from rbridge.client import openings
from tests.client.folders import Open
from tests.client.laptop import sha


@pytest.fixture
def proj(here):
    place = here.path / "proj"
    (place / "sub").mkdir(parents=True)
    (place / "a.py").write_bytes(b"old")
    return place


@pytest.fixture
def opened(host, proj):
    return lambda *words: Open(host, proj, *words)


def heard_open(one: Open, number: int):
    """The ``open`` that answers that request."""
    host = one.host

    def said():
        return [heard for heard in host.main.all("open") if heard.headers.get("request") == str(number)][0]

    return host.until(said)


def test_one_is_opened_as_any_other_is(host, opened, proj):
    one = opened("-w")
    said = heard_open(one, one.say("open", "a.py", selection="3:7"))
    assert said.body == b"old"
    assert said["folder"] == one.token
    assert (said["real-path"], said["selection"], said["mode"]) == (str(proj / "a.py"), "3:7", "0644")
    assert "wait" not in said.headers
    host.until(lambda: not host.resident.documents[0].inquiries.asked)
    host.main.save(said.token, 1, b"new", b"old")
    assert host.heard("saved").token == said.token
    assert (proj / "a.py").read_bytes() == b"new"
    assert [path for path, *_ in host.resident.rows()] == [str(proj), str(proj / "a.py")]


def test_a_change_on_the_host_is_told_of_it(host, opened, proj):
    one = opened()
    said = heard_open(one, one.say("open", "a.py"))
    host.until(lambda: host.resident.session.news and len(host.resident.session.news.watch._rota))
    (proj / "a.py").write_bytes(b"changed on the host")

    def told():
        host.clock.skipped += 0.5
        return host.main.all("changed")

    host.until(told)
    assert host.main.all("changed")[0].token == said.token


def test_one_that_is_open_already_is_named(host, here, proj, opened):
    one = opened()
    said = heard_open(one, one.say("open", "a.py"))
    (proj / "link").symlink_to("a.py")
    assert one.ask("open", "a.py")["document"] == said.token
    assert one.ask("open", "link")["document"] == said.token


def test_it_stays_when_the_folder_is_closed(host, opened, proj):
    one = opened()
    said = heard_open(one, one.say("open", "a.py"))
    host.until(lambda: len(host.resident.documents) == 2 and host.resident.documents[1].state == "open")
    host.main.say("close", token=one.token)
    host.until(lambda: len(host.resident.documents) == 1)
    host.main.save(said.token, 1, b"new", b"old")
    host.heard("saved")


def test_a_new_file_is_opened_where_that_is_meant(host, opened, proj):
    one = opened()
    assert one.ask("open", "sub/new.py").reason == "gone"
    said = heard_open(one, one.say("open", "sub/new.py", create="yes"))
    assert (said["absent"], said.body) == ("yes", b"")
    host.main.save(said.token, 1, b"first")
    host.heard("saved")
    assert (proj / "sub" / "new.py").read_bytes() == b"first"
    assert one.ask("open", "none/new.py", create="yes").reason == "gone"


def test_what_is_no_file_is_not_opened(opened, proj):
    os.mkfifo(proj / "fifo")
    (proj / "out").symlink_to("/etc/passwd")
    one = opened()
    assert one.ask("open", "sub").reason == "failed"
    assert one.ask("open", "fifo").reason == "failed"
    assert one.ask("open", "out").reason == "outside"
    assert one.ask("open", "../x").reason == "outside"
    assert one.ask("open", "a.py", selection="x").reason == "failed"


def test_what_is_too_large_for_an_editor_is_not_opened(opened, proj, monkeypatch):
    monkeypatch.setattr(openings, "LARGE", 2)
    said = opened().ask("open", "a.py")
    assert (said.reason, "--large" in said.message) == ("too-large", True)


def test_a_file_that_may_not_be_written_is_opened_for_reading(opened, monkeypatch):
    monkeypatch.setattr(openings.source, "accessible", lambda path, mode: False)
    one = opened()
    assert heard_open(one, one.say("open", "a.py"))["read-only"] == "yes"
    assert one.ask("open", "new", create="yes").reason == "denied"


def test_of_a_folder_for_reading_all_is(opened):
    one = opened("--read-only")
    assert heard_open(one, one.say("open", "a.py"))["read-only"] == "yes"
    assert one.ask("open", "new", create="yes").reason == "denied"


def test_a_document_goes_along_when_it_is_moved(host, opened, proj):
    one = opened()
    said = heard_open(one, one.say("open", "a.py"))
    host.main.save(said.token, 1, b"second", b"old")
    host.heard("saved")
    assert one.ask("move", "a.py", to="sub/b.py")["documents"] == [said.token]
    assert one.ask("move", "sub", to="moved")["documents"] == [said.token]
    host.main.save(said.token, 2, b"third", b"second")
    host.heard("saved", 2)
    assert (proj / "moved" / "b.py").read_bytes() == b"third"
    assert os.listdir(proj) == ["moved"]
    assert host.resident.rows()[1][0] == str(proj / "moved" / "b.py")
    (proj / "moved" / "b.py").write_bytes(b"changed on the host")

    def told():
        host.clock.skipped += 0.5
        return host.main.all("changed")

    host.until(told)
    assert host.main.all("changed")[0]["sha256"] == sha(b"changed on the host")


def test_a_document_whose_file_is_removed_is_told_so(host, opened, proj):
    one = opened()
    said = heard_open(one, one.say("open", "a.py"))
    host.until(lambda: host.resident.session.news and len(host.resident.session.news.watch._rota))
    one.ask("remove", "a.py")

    def told():
        host.clock.skipped += 0.5
        return host.main.all("gone")

    host.until(told)
    assert (host.main.all("gone")[0].token, host.main.all("gone")[0]["reason"]) == (said.token, "gone")


def test_one_that_the_laptop_refuses_is_forgotten(host, opened):
    host.laptop.answers["open"] = lambda line, heard: line.say(
        "refused", token=heard.token, reason="failed", message="no"
    )
    one = opened()
    number = one.say("open", "a.py")
    heard_open(one, number)
    host.until(lambda: len(host.resident.documents) == 1)
    assert host.resident.documents[0].inquiries.asked == {}
    assert one.answers(number) == []


def test_one_that_was_not_answered_when_the_line_is_cut_is_closed(host, opened, laptop):
    host.laptop.answers["open"] = lambda line, heard: None
    one = opened()
    heard_open(one, one.say("open", "a.py"))
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.until(lambda: len(host.resident.documents) == 1)


def test_a_file_that_goes_while_it_is_sent_is_told(host, opened, proj, monkeypatch):
    real = openings.deliver

    def deliver(folder, asked, found):
        os.truncate(proj / "a.py", 0)
        os.close(found.fd)
        found.fd = os.open(proj / "sub", os.O_RDONLY)  # reading it fails
        real(folder, asked, found)

    monkeypatch.setattr(openings, "deliver", deliver)
    one = opened()
    said = one.ask("open", "a.py")
    assert said.reason == "failed"
    host.until(lambda: len(host.resident.documents) == 1)
