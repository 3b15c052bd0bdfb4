"""How a folder lives: closed by either side, lost with its connection and taken up again."""

from __future__ import annotations

import os
import shutil
import threading

import pytest

from rbridge.client import files, resident, undelivered
from tests.client.folders import Open


@pytest.fixture
def proj(here):
    place = here.path / "proj"
    place.mkdir()
    (place / "a.py").write_text("needle\n")
    return place


@pytest.fixture
def opened(host, proj):
    """``opened(*words)``: the folder, open at the laptop."""
    return lambda *words: Open(host, proj, *words)


def back(host, laptop):
    """The daemon is there again, as the one it was."""
    known, answers = host.laptop.known, host.laptop.answers
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached, "it is noticed")
    host.laptop = laptop()
    host.laptop.known = known
    host.laptop.answers["folder"] = answers["folder"]
    host.clock.skipped += 1.1
    host.until(lambda: host.resident.attached, "it is back")


def test_the_user_closes_it(host, opened):
    one = opened("-w")
    host.main.say("close", token=one.token)
    host.until(lambda: one.asker.codes == [0])
    assert host.resident.done()
    before = len(host.main.all("answer"))
    host.main.say("ask", token=one.token, request=1, do="stat")  # it crossed
    host.turns()
    assert len(host.main.all("answer")) == before


def test_it_is_closed_on_the_host_while_much_is_under_way(host, opened, gate, endless):
    one = opened()
    descriptors = len(os.listdir("/proc/self/fd"))
    numbers = [one.say(do, "a.py", query="x") for do in ("read", "find", "search")]
    one.say("watch", body=b'{"paths": [""]}')
    host.until(lambda: one.answers(numbers[1]) and one.answers(numbers[2]))
    (document,) = host.resident.under("")
    host.resident.close(document)
    assert host.heard("close").token == one.token
    gate.set()
    host.until(lambda: host.resident.done())
    host.until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    assert one.answers(numbers[0]) == []


def resumed(one, proj):
    """What is said of a folder that a command waits for: a daemon that was started anew learns all of it."""
    name = f"{os.uname().nodename}:{proj}"
    return {
        "token": one.token,
        "folder": "yes",
        "display-name": name,
        "real-path": str(proj),
        "wait": "yes",
    }


def test_it_is_resumed_and_what_was_asked_before_is_void(host, opened, laptop, gate, endless, proj):
    one = opened("-w")
    number = one.say("read", "a.py")
    host.until(lambda: number and host.resident.documents[0].inquiries)
    child = one.say("find", query="x")
    host.until(lambda: one.answers(child))
    back(host, laptop)
    assert host.heard("resume").headers == resumed(one, proj)
    gate.set()
    assert one.ask("stat").value["type"] == "directory"
    assert [said["request"] for said in host.main.all("answer")] == ["3"]


def test_one_that_the_daemon_does_not_know_is_shown_again(host, opened, laptop):
    opened()
    known = host.laptop.answers["folder"]
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.laptop = laptop()
    host.laptop.answers["folder"] = known
    host.laptop.answers["resume"] = lambda line, heard: line.say("close", token=heard.token, unknown="yes")
    host.clock.skipped += 1.1
    host.until(lambda: host.resident.attached)
    host.turns()
    assert host.resident.documents == []  # it was open: then the user has closed it


def test_the_same_folder_is_not_opened_twice(host, opened, proj):
    one = opened()
    again = host.open("-w", str(proj))
    assert host.heard("resume").headers == dict(resumed(one, proj), **{"re-activate": "yes"})
    host.until(lambda: again.open)
    assert len(host.resident.documents) == 1


def test_a_folder_without_a_laptop_is_given_up_at_last(host, opened):
    one = opened("-w")
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.skip(resident.PATIENT + 1)
    host.until(lambda: one.asker.codes)
    assert undelivered.remembered(str(host.states)) == []


def test_one_that_is_closed_without_a_laptop_owes_no_text(host, opened):
    one = opened("-w")
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.resident.close(host.resident.documents[0])
    host.until(lambda: one.asker.codes)
    assert undelivered.remembered(str(host.states)) == []


def test_a_signal_closes_it_at_the_laptop_too(host, opened):
    one = opened("-w")
    host.resident.signalled(15)
    assert host.heard("close").token == one.token
    host.until(host.resident.done)


def test_a_daemon_that_has_no_folders_is_waited_for_and_no_longer(host, proj):
    host.laptop.answers["folder"] = lambda line, heard: None
    asker = host.begin(str(proj))
    host.skip(10.5)
    host.until(lambda: asker.errors)
    assert "did not answer" in str(asker.errors[0])


def test_one_that_is_asked_for_what_is_in_it_is_waited_for(host, proj):
    said = []
    host.laptop.answers["folder"] = lambda line, heard: said.append(heard.token)
    asker = host.begin(str(proj))
    host.until(lambda: said)
    for number in (1, 2, 3):
        host.skip(8)
        host.main.say("ask", token=said[0], request=number, do="stat")
        host.until(lambda: len(host.main.all("answer")) == number)  # noqa: B023
    host.main.say("opened", token=said[0], editor="vim")
    host.until(lambda: asker.open)
    assert asker.errors == []


def test_a_refusal_is_told(host, proj):
    host.laptop.answers["folder"] = lambda line, heard: line.say(
        "refused", token=heard.token, reason="denied", message="no folders for you"
    )
    asker = host.begin(str(proj))
    host.until(lambda: asker.errors)
    assert "no folders for you" in str(asker.errors[0])


def test_a_root_that_is_renamed_is_served_and_one_that_is_removed_is_gone(opened, proj):
    one = opened()
    proj.rename(proj.parent / "renamed")
    assert one.ask("read", "a.py").body == b"needle\n"
    shutil.rmtree(proj.parent / "renamed")
    for do in ("stat", "list", "read"):
        assert one.ask(do).reason == "gone"
    for do in ("find", "search"):
        said = one.ask(do, query="x")
        assert said.value.get("paths", []) == said.value.get("matches", []) == []


def test_what_is_written_is_waited_for_at_the_end(host, opened, monkeypatch):
    began, made = threading.Event(), threading.Event()
    real = files.Files.make

    def make(self, said, text):
        began.set()
        assert made.wait(20)
        return real(self, said, text)

    monkeypatch.setattr(files.Files, "make", make)
    one = opened()
    one.say("make", "late", kind="file")
    host.until(began.is_set)
    host.main.say("close", token=one.token)
    host.until(lambda: not host.resident.documents)
    assert not host.resident.done()
    made.set()
    host.until(host.resident.done)


def test_status_knows_it(host, opened, proj):
    opened()
    assert host.resident.rows() == [(str(proj), "clean", True, "folder")]
