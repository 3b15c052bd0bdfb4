"""Files that a language server has named, opened for the laptop."""

from __future__ import annotations

import os

import pytest

from rbridge.client.named import Named
from rbridge.wire import codec
from tests.client.folders import Open
from tests.client.test_openings import heard_open


@pytest.fixture
def proj(here):
    here.file("proj/train.py", "import numpy\n")
    here.file("proj/model.py", "y = 1\n")
    here.file("lib/numpy.py", "x = 1\n")
    return here.path / "proj"


@pytest.fixture
def opened(host, proj):
    """``train.py`` of the project, open at the laptop."""
    return lambda *words: Open(host, proj / "train.py", *words)


@pytest.fixture
def named(host, proj):
    """Have a server of the project name these files."""

    def add(*paths):
        session = host.resident.session
        session.named = session.named or Named()
        session.named.roots.add(os.path.realpath(str(proj)))
        for path in paths:
            session.named.add(str(path), str(proj))

    return add


def test_what_was_named_is_opened_outside_of_the_project_for_reading(host, here, opened, named):
    one = opened()
    named(here.path / "lib/numpy.py")
    said = heard_open(one, one.say("open", codec.quote(str(here.path / "lib/numpy.py")), selection="1:3"))
    assert said.body == b"x = 1\n"
    assert (said["real-path"], said["selection"]) == (str(here.path / "lib/numpy.py"), "1:3")
    assert said["read-only"] == "yes"
    assert said["folder"] == one.token
    host.until(lambda: not host.resident.documents[0].inquiries.asked)


def test_within_the_project_it_can_be_changed(host, opened, named, proj):
    one = opened()
    named(proj / "model.py")
    said = heard_open(one, one.say("open", str(proj / "model.py")))
    assert "read-only" not in said.headers
    host.main.save(said.token, 1, b"new", b"y = 1\n")
    host.heard("saved")
    assert (proj / "model.py").read_bytes() == b"new"


def test_a_link_out_of_the_project_is_for_reading(here, opened, named, proj):
    one = opened()
    (proj / "numpy.py").symlink_to(here.path / "lib/numpy.py")
    named(proj / "numpy.py")
    assert heard_open(one, one.say("open", str(proj / "numpy.py")))["read-only"] == "yes"


@pytest.mark.parametrize("path", ["/etc/passwd", "lib/numpy.py", "", "/"])
def test_what_nobody_named_is_refused(here, opened, named, path):
    one = opened()
    assert one.ask("open", codec.quote(path)).reason == "outside"
    named(here.path / "lib/numpy.py")
    said = one.ask("open", codec.quote(path))
    assert (said.reason, "no language server has named it" in said.message) == ("outside", True)


def test_what_cannot_be_opened_says_why(here, opened, named):
    os.mkfifo(str(here.path / "lib/pipe"))
    one = opened()
    for name, reason in (("none.py", "gone"), ("pipe", "failed"), ("", "failed")):
        path = str(here.path / "lib" / name).rstrip("/")
        named(path)
        said = one.ask("open", path)
        assert said.reason == reason, said.message
        assert said.message


def test_one_that_is_open_already_is_named(here, opened, named):
    one = opened()
    named(one.path, here.path / "lib/numpy.py")
    assert one.ask("open", str(one.path))["document"] == one.token
    said = heard_open(one, one.say("open", str(here.path / "lib/numpy.py")))
    assert one.ask("open", str(here.path / "lib/numpy.py"))["document"] == said.token


def test_nothing_else_can_be_asked_of_a_file(opened):
    one = opened()
    for do in ("list", "read", "stat", "remove", "write", "find", ""):
        said = one.ask(do, "a")
        assert (said.reason, "not known" in said.message) == ("failed", True)


def test_what_was_asked_for_is_not_opened_when_the_connection_is_lost(host, here, opened, named):
    one = opened()
    named(here.path / "lib/numpy.py")
    one.say("open", str(here.path / "lib/numpy.py"))
    host.until(lambda: one.asker.open[0].inquiries)
    host.laptop.hang_up()
    host.until(lambda: host.resident.session.main is None)
    assert one.asker.open[0].inquiries.asked == {}
