"""What a process does not do that sudo made root for somebody. The real sudo is in tests/ssh/test_sudo.py."""

from __future__ import annotations

import os
import tempfile

import pytest

from rbridge import system
from rbridge.client import sockets, sudo, use
from rbridge.client.linkheaders import introduction
from rbridge.client.main import Run
from rbridge.client.options import Options, parse
from rbridge.client.port import Port
from rbridge.client.source import check
from rbridge.errors import Denied, UsageError

CALLER = 61001


@pytest.fixture
def as_root(monkeypatch):
    """We are root, as sudo has it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", str(CALLER))


@pytest.fixture
def caller(as_root, tmp_path, monkeypatch):
    """The caller's home, and ours."""
    home = tmp_path / "caller"
    home.mkdir()
    real = system.home_of
    monkeypatch.setattr(system, "home_of", lambda uid: str(home) if uid == CALLER else real(uid))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(tmp_path / "state"))
    return home


def test_only_root_that_somebody_else_called_is_confined(monkeypatch):
    for uid, said, confined in ((0, "1000", True), (0, "0", False), (0, "", False), (1000, "1001", False)):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        monkeypatch.setenv("SUDO_UID", said)
        assert sudo.confined() is confined


def test_there_is_no_other_process_to_hand_over_to_and_no_dial(as_root, monkeypatch):
    assert introduction("x")["dials"] == "no"
    assert sockets.place("unix:/x") == ""
    monkeypatch.setenv("SUDO_UID", "0")
    assert "dials" not in introduction("x")


def test_variables_that_lead_where_others_can_write_are_forgotten(as_root, tmp_path, monkeypatch):
    monkeypatch.setattr(
        os, "lstat", lambda path: os.stat_result((0, 0, 0, 0, 61001 if "caller" in path else 0) + (0,) * 5)
    )
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    for name in sudo.PLACES:
        monkeypatch.setenv(name, "/home/caller/" + name)
    monkeypatch.setenv("RBRIDGE_STATE_DIR", "/srv/state")
    assert sudo.begin(Run(["a"], "rbridge open"), Options()) is None
    assert [name for name in sudo.PLACES if name in os.environ] == ["RBRIDGE_STATE_DIR"]


def test_what_is_roots_is_so_all_the_way(tmp_path, monkeypatch):
    assert sudo.is_roots("/etc/x/y") is True
    assert sudo.is_roots("/tmp/x") is False  # anybody may make it first
    assert sudo.is_roots("/bin/x") is True  # a link of root's, as some systems have it
    (tmp_path / "file").write_text("")
    assert sudo.is_roots(str(tmp_path / "file" / "x")) is False  # no directory on the way
    if os.getuid() == 0:
        with tempfile.TemporaryDirectory(dir="/tmp") as made:
            assert sudo.is_roots(made) is True  # nobody else can put another one there
            os.chown(made, 12345, 12345)
            assert sudo.is_roots(made) is False
        monkeypatch.setattr(os.path, "realpath", lambda _: "/tmp")
        assert sudo.is_roots("/proc/self/x") is False  # a link of root's that leads to where others can write


def test_the_users_ssh_is_not_roots_way(as_root):
    with pytest.raises(UsageError, match="--via"):
        sudo.begin(Run(["a"], "rbridge open"), parse(["--via", "n1", "a"]))


def test_root_itself_needs_no_sudo(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_UID", raising=False)
    assert sudo.begin(Run(["a"], "rbridge open"), parse(["--sudo", "a"])) is None


def test_files_are_held_and_all_else_is_refused_with_what_was_open_closed(tmp_path):
    (tmp_path / "a").write_text("a")
    options = parse([str(tmp_path / "a"), str(tmp_path)])
    file, folder = (check(request, options) for request in options.requests)
    with pytest.raises(Denied, match="it is a directory"):
        sudo.pin([file, folder])
    assert (file.fd, folder.fd) == (-1, -1)
    port = Port(["80"], "rbridge port").find(parse(["80"]).requests[0], Options())
    with pytest.raises(Denied, match="it is a port"):
        sudo.pin([port])
    stdin = check(parse([str(tmp_path / "a")]).requests[0], options)
    stdin.stdin = True
    sudo.pin([stdin])
    assert stdin.resolved == ""
    stdin.close()


def test_the_laptop_that_the_caller_chose_is_meant_unless_root_chose_one(caller, tmp_path):
    assert sudo.homes()[1:] == [str(caller)]
    assert use.chosen() == ""
    place = caller / ".local/state/rbridge"
    place.mkdir(parents=True)
    (place / "laptop").write_text("hers\n")
    assert use.chosen() == "hers"
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "laptop").write_text("roots\n")
    assert use.chosen() == "roots"
