"""The command line by which sudo runs us; with the real sudo: tests/ssh/test_sudo.py."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from rbridge import build
from rbridge.archive import Archive
from rbridge.client import asroot
from rbridge.client.main import Run
from rbridge.client.options import parse
from rbridge.client.settings import Endpoint
from rbridge.errors import Denied, NotListening

SUDO = """#!/bin/sh
printf '%s\\n' "$@" >"$SAID"
exit ${CODE:-0}
"""


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("--sudo a", "a"),
        ("--sud -w a", "-w a"),
        ("-s /x --sudo -wl5 a", "-wl5 a"),
        ("-s/x a", "a"),
        ("-ws /x a", "-w a"),
        ("-ws/x a", "-w a"),
        ("-wp 80 -H h a b", "-w a b"),
        ("--socket=/x --host h --port=1 a", "a"),
        ("--unixsocket /x --via n a", "a"),
        ("-m --sudo a", "-m --sudo a"),
        ("--line 3 --sudo a", "--line 3 a"),
        ("-l 3 +4 a - --on x", "-l 3 +4 a - --on x"),
        ("-w -- --sudo -s x", "-w -- --sudo -s x"),
    ],
)
def test_what_is_left_of_a_command_line(words, left):
    assert asroot.without(words.split(), asroot.REPLACED) == left.split()
    parse(left.split())


def test_the_options_that_lead_to_the_same_place():
    tcp = Endpoint("tcp", "x", host="localhost", port=52698)
    assert asroot.leading_to(tcp) == ["--port", "52698"]
    tcp.named = True
    assert asroot.leading_to(tcp) == ["--host", "localhost", "--port", "52698"]
    assert asroot.leading_to(Endpoint("unix", "x", path="/a b")) == ["--socket", "/a b"]


def test_the_package_runs_by_this_python_without_anybodys_modules(monkeypatch):
    words = asroot.ourselves(Run([], "rbridge open"))
    assert words[:5] == [sys.executable, "-I", "-S", "-B", "-c"]
    assert words[6:] == [str(build.PACKAGE.parent), "rbridge", "open"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/rmate-x"])
    assert asroot.ourselves(Run([], "rmate"))[-1] == "rmate-x"


def test_the_single_file_runs_by_its_whole_path(monkeypatch):
    archive = Archive("/home/a/.local/bin/rbridge", build.content())
    spec = type(sys.__spec__)("rbridge.client.asroot", archive)
    monkeypatch.setattr(asroot, "__spec__", spec)
    words = asroot.ourselves(Run([], "rbridge open"))
    assert words == [sys.executable, "-I", "-S", "-B", "/home/a/.local/bin/rbridge", "open"]


class Found(Run):
    """A command for which somebody listens, or nobody."""

    def __init__(self, *words, there=True):
        super().__init__(["--sudo", *words], "rbridge open")
        self.there = there
        self.closed = False

    def endpoints(self, options):
        return []

    def locate(self, endpoints, options) -> Any:
        if not self.there:
            raise NotListening("nothing was sent: nobody is listening")
        return SimpleNamespace(endpoint=Endpoint("unix", "x", path="/run/x.sock"), sock=self)

    def close(self):
        self.closed = True


@pytest.fixture
def sudo(home, monkeypatch):
    """``sudo(command)``: what it is called with, and the exit code."""
    home.script("bin/sudo", SUDO)
    said = home.path / "said"
    monkeypatch.setenv("PATH", f"{home.path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("SAID", str(said))

    def call(command, code=0):
        monkeypatch.setenv("CODE", str(code))
        ended = asroot.become(command, parse(command.argv))
        return said.read_text().splitlines(), ended

    return call


def test_root_is_told_where_the_laptop_is(sudo):
    command = Found("-w", "a b")
    words, code = sudo(command, 74)
    assert words[:3] == ["-u", "root", "--"]
    assert words[-5:] == ["open", "--socket", "/run/x.sock", "-w", "a b"]
    assert (code, command.closed) == (74, True)


def test_what_sudo_refuses_is_said_with_what_to_do(sudo):
    with pytest.raises(Denied, match="sudo did not run rbridge") as caught:
        sudo(Found("a"), 1)
    assert "sudoedit" in caught.value.line()


def test_nobody_is_asked_for_a_password_in_vain(sudo, home):
    with pytest.raises(NotListening):
        sudo(Found("a", there=False))
    assert not (home.path / "said").exists()


def test_where_nobody_listens_the_fallback_edits_as_root_and_its_code_is_the_answer(sudo):
    words, code = sudo(Found("--else", "vim -n", "-s", "/nowhere", "a", there=False), 1)
    assert words[-6:] == ["open", "--else", "vim -n", "-s", "/nowhere", "a"]
    assert code == 1


def test_without_sudo_it_says_so(home, monkeypatch):
    monkeypatch.setenv("PATH", str(home.path))
    command = Found("a")
    with pytest.raises(Denied, match="no sudo"):
        asroot.become(command, parse(command.argv))


def test_a_program_that_is_killed_or_cannot_be_run_has_a_shells_code(home):
    assert asroot.run(str(home.script("killed", "#!/bin/sh\nkill -9 $$\n")), ["x"]) == 137
    assert asroot.run("/nowhere", ["x"]) == 126
