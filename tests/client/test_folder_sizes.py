"""Folders that are large, hold what is no file, or are partly on a server that does not answer."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from rbridge.client import program
from tests.client.folders import Open
from tests.harness.hanging import FileServer

HUGE = 500 << 30


@pytest.fixture
def proj(here):
    place = here.path / "proj"
    (place / "sub").mkdir(parents=True)
    (place / "a.py").write_text("needle\n")
    return place


def children() -> set[str]:
    """The processes that this one has started."""
    return {
        pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    }


def test_one_that_nothing_is_asked_of_has_no_process_and_no_thread(host, proj):
    processes, threads = children(), threading.active_count()
    one = Open(host, proj)
    host.turns()
    assert (children(), threading.active_count()) == (processes, threads)
    assert one.ask("search", query="needle").matches
    assert one.ask("find", query="a").value["paths"] == ["a.py"]
    assert one.ask("list")["entries"]
    host.until(lambda: (children(), threading.active_count()) == (processes, threads))


@pytest.fixture(params=["rg", "git grep", "python"])
def by(request, monkeypatch):
    """Who can search: those before it are not there."""
    hidden = {"rg": (), "git grep": ("rg",), "python": ("rg", "git")}[request.param]
    real = program.found
    monkeypatch.setattr(program, "found", lambda name: "" if name in hidden else real(name))
    return request.param


def test_data_of_500_gigabytes_is_no_problem(host, proj, by):
    """Nobody reads it whole, nor has memory for it."""
    subprocess.run(["git", "init", "-q"], cwd=proj, check=True)
    (proj / "z.py").write_text("needle\n")
    with open(proj / "data.csv", "wb") as file:
        file.write(b"a;b;c\n" * 10_000)
        file.truncate(HUGE)
    one = Open(host, proj)
    sizes = {said["name"]: said["size"] for said in one.ask("list")["entries"]}
    assert sizes["data.csv"] == HUGE
    said = one.ask("read", "data.csv", at=HUGE - 3, length=100)
    assert (said.body, said.last["total"]) == (b"\0\0\0", str(HUGE))
    said = one.ask("search", query="needle")
    assert sorted(match["path"] for match in said.matches) == ["a.py", "z.py"]
    assert "data.csv" in one.ask("find", query="data").value["paths"]


def test_what_is_no_file_is_listed_and_neither_read_nor_searched(host, proj, by):
    os.mkfifo(proj / "fifo")
    one = Open(host, proj)
    kinds = {said["name"]: said["type"] for said in one.ask("list")["entries"]}
    assert kinds == {"a.py": "file", "fifo": "other", "sub": "directory"}
    assert one.ask("read", "fifo").reason == "failed"
    assert one.ask("open", "fifo").reason
    assert [match["path"] for match in one.ask("search", query="needle").matches] == ["a.py"]


@pytest.fixture
def server(here):
    made = FileServer(here)
    yield made
    made.close()


def test_a_server_that_does_not_answer_keeps_nothing_else_from_being_had(host, here, proj, server, by):
    """Its mount is in the folder: who lists that, or looks for something there, gets all of the rest."""
    server.file("far.py", b"needle\n")
    one = Open(host, here.root)
    assert one.ask("list", "nfs")["entries"][0]["name"] == "far.py"
    server.hang()
    kinds = {said["name"]: said["type"] for said in one.ask("list")["entries"]}
    assert kinds["nfs"] == kinds["home"] == "directory"
    stuck = [one.say("list", "nfs"), one.say("read", "nfs/far.py")]
    assert one.ask("read", "home/proj/a.py").body == b"needle\n"
    assert one.ask("make", "home/proj/new.py", kind="file").value == {}
    assert "home/proj/a.py" in one.ask("find", query="a.py")["paths"]
    found = one.ask("search", query="needle", exclude="nfs-there").matches
    assert [match["path"] for match in found] == ["home/proj/a.py"]
    assert not any(one.answers(number) for number in stuck)
    server.answer()
    assert one.wait(stuck[0])["entries"][0]["name"] == "far.py"
    assert one.wait(stuck[1]).body == b"needle\n"


def test_a_folder_on_a_server_that_goes_away_answers_when_it_is_back(host, server):
    server.file("far.py", b"needle\n")
    one = Open(host, server.path)
    server.hang()
    numbers = [one.say("list"), one.say("stat", "far.py")]
    host.turns()
    server.answer()
    assert [one.wait(number).reason for number in numbers] == ["", ""]
    server.hang()
    host.main.say("close", token=one.token)  # whoever is stuck holds up no end
    host.until(host.resident.done)
    server.answer()


def test_a_directory_of_many_names_is_listed_each_once(host, proj):
    names = [f"{number:05}" for number in range(12_000)]
    for name in names:
        (proj / "sub" / name).touch()
    one = Open(host, proj)
    said = one.ask("list", "sub", limit=10_000)
    rest = one.ask("list", "sub", limit=10_000, after=said["next"])
    assert (len(said.said), len(rest.said), rest["next"]) == (10, 2, None)
    assert [entry["name"] for entry in said.entries + rest.entries] == names
