"""Mounts whose server does not answer."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from rbridge.client import silent as module
from rbridge.client.silent import literal, silent
from tests.harness.hanging import FileServer


@pytest.fixture
def server(home):
    made = FileServer(home)
    yield made
    made.close()


@pytest.fixture
def root(home):
    fd = os.open(home.root, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_one_that_answers_is_not_named(root, server):
    server.file("a", b"a")
    assert silent(root) == []


def test_one_that_hangs_is_named_in_time_and_nobody_is_left_at_it_when_it_is_back(root, server, monkeypatch):
    real, forked = os.fork, []

    def fork():
        forked.append(real())
        return forked[-1]

    monkeypatch.setattr(os, "fork", fork)
    assert os.listdir(server.path) == []  # what is remembered of it does not count
    server.hang()
    begin = time.monotonic()
    assert silent(root) == ["nfs"]
    assert module.ANSWER <= time.monotonic() - begin < 10 * module.ANSWER
    server.answer()
    (asked,) = forked
    assert os.waitpid(asked, 0) == (asked, 0)


def test_without_mounts_there_is_no_process(root, monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("there is nothing to look at"))
    assert silent(root) == []


def test_what_cannot_be_looked_at_is_not_named(root, monkeypatch):
    monkeypatch.setattr(module, "mounted", lambda _fd: {"gone", "away"})
    assert silent(root) == []


def test_where_there_can_be_no_process_nothing_is_named(root, monkeypatch):
    def fork():
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(module, "mounted", lambda _fd: {"a"})
    monkeypatch.setattr(os, "fork", fork)
    assert silent(root) == []


@pytest.mark.parametrize("name", ["a*b", "[a]", "{a,b}", "a?", "!a", "back\\slash", "with space"])
def test_a_glob_for_a_path_fits_that_and_nothing_else(tmp_path, name):
    for directory in (name, "other", "axb", "a"):
        (tmp_path / directory).mkdir(exist_ok=True)
        (tmp_path / directory / "file").touch()
    words = ["rg", "--no-config", "--files", f"--glob=!{literal(name)}"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert sorted(said.splitlines()) == ["a/file", "axb/file", "other/file"]
