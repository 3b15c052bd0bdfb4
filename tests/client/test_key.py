"""The key file on the host: what is read, what is refused, and how one is put there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import rbridge
from rbridge.client import key
from rbridge.errors import CannotCreate, Denied, RemoteProtocolError

DAEMON = "0123456789abcdef"
FILE = key.file_name(DAEMON)
LINE = b"00000000000000aa " + b"5e" * 32 + b" gpu1\n"
FOREIGN = 65534


@pytest.fixture
def keys(home, monkeypatch) -> Path:
    """``~/.rbridge/keys``, as ``install`` makes it."""
    monkeypatch.setenv("HOME", str(home.path))
    key.install(DAEMON, LINE)
    return home.path / ".rbridge" / "keys"


def test_a_key_comes_back_as_it_was_installed(keys):
    found = key.read(DAEMON)
    assert (found.id, found.secret, found.name) == ("00000000000000aa", b"\x5e" * 32, "gpu1")
    assert "5e5e" not in repr(found)


def test_it_is_ours_alone(keys):
    assert stat.S_IMODE(os.lstat(keys / FILE).st_mode) == 0o600
    assert stat.S_IMODE(os.lstat(keys).st_mode) == stat.S_IMODE(os.lstat(keys.parent).st_mode) == 0o700
    assert os.listdir(keys) == [FILE]


def test_a_new_key_takes_the_place_of_the_old_one_with_an_open_umask_too(keys):
    before = os.umask(0)
    try:
        key.install(DAEMON, LINE.replace(b"aa", b"bb"))
    finally:
        os.umask(before)
    assert key.read(DAEMON).id == "00000000000000bb"
    assert os.listdir(keys) == [FILE]
    assert stat.S_IMODE(os.lstat(keys / FILE).st_mode) == 0o600


def test_where_there_is_none_there_is_none(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home.path))
    assert key.read(DAEMON) is None
    key.install(DAEMON, LINE)
    assert key.read("f" * 16) is None


@pytest.mark.parametrize("identity", ["", "../keys/x", "0123456789ABCDEF", "0" * 15, "0" * 17])
def test_an_identity_that_is_none_leads_to_no_file(keys, identity):
    assert key.read(identity) is None
    with pytest.raises(RemoteProtocolError, match="no daemon's identity"):
        key.install(identity, LINE)


@pytest.mark.parametrize("bits", [0o604, 0o640, 0o620, 0o601])
def test_a_file_that_others_can_reach_is_refused(keys, bits):
    (keys / FILE).chmod(bits)
    with pytest.raises(Denied, match=f"{FILE} can be reached by others .mode {bits:04o}"):
        key.read(DAEMON)


@pytest.mark.parametrize(("name", "bits"), [("", 0o750), ("", 0o701), ("..", 0o770), ("..", 0o707)])
def test_a_directory_that_others_can_change_is_refused(keys, name, bits):
    (keys / name).chmod(bits)
    for use in (lambda: key.read(DAEMON), lambda: key.install(DAEMON, LINE)):
        with pytest.raises(Denied, match=f"mode {bits:04o}"):
            use()


def test_others_may_look_at_the_directory_of_the_sockets(keys):
    keys.parent.chmod(0o755)
    assert key.read(DAEMON) is not None


@pytest.mark.parametrize("part", ["", "..", FILE])
def test_a_link_in_its_path_is_refused(keys, part):
    place = Path(os.path.normpath(keys / part))
    away = place.with_name("away")
    place.rename(away)
    place.symlink_to(away)
    with pytest.raises(Denied, match=f"{place} is a symbolic link"):
        key.read(DAEMON)
    if part != FILE:
        with pytest.raises(Denied, match=f"{place} is a symbolic link"):
            key.install(DAEMON, LINE)


def test_installing_replaces_a_link_and_does_not_follow_it(keys):
    (keys / "away").write_text("old")
    (keys / FILE).unlink()
    (keys / FILE).symlink_to("away")
    key.install(DAEMON, LINE)
    assert key.read(DAEMON) is not None
    assert (keys / "away").read_text() == "old"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_refused(keys, make):
    (keys / FILE).unlink()
    make(keys / FILE, 0o600)
    with pytest.raises(Denied, match="is not a regular file"):
        key.read(DAEMON)


@pytest.mark.parametrize("part", ["", "..", FILE])
def test_what_belongs_to_another_user_is_refused(keys, monkeypatch, part):
    if os.geteuid() == 0:
        os.chown(os.path.normpath(keys / part), FOREIGN, FOREIGN)
    else:  # who cannot give it away becomes another user, as far as rbridge can tell
        monkeypatch.setattr(os, "geteuid", lambda: FOREIGN)
    with pytest.raises(Denied, match="belongs to "):
        key.read(DAEMON)


def test_under_sudo_a_key_of_who_called_it_is_ours(keys, monkeypatch):
    caller = FOREIGN if os.getuid() == 0 else os.getuid()
    os.chown(keys / FILE, caller, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("rbridge.paths.home", lambda: str(keys.parents[1]))
    monkeypatch.setenv("SUDO_UID", str(caller))
    assert key.read(DAEMON) is not None
    monkeypatch.setenv("SUDO_UID", str(caller + 1))
    with pytest.raises(Denied, match="belongs to "):
        key.read(DAEMON)


def test_as_an_ordinary_user_it_is_ours_and_roots_is_not():
    """Root passes everywhere, so who reads here is somebody else, where the tests run as root."""
    code = """
import os, sys
from rbridge.client import key
from rbridge.errors import Denied
root = os.getuid() == 0
os.environ["HOME"] = sys.argv[1]
key.install("0" * 16, b"00000000000000aa " + b"5e" * 32 + b" gpu1")
os.environ["HOME"] = sys.argv[2]
if root:
    os.setuid(65534)
key.install("0" * 16, b"00000000000000bb " + b"5e" * 32 + b" gpu2")
print(key.read("0" * 16).name)
os.environ["HOME"] = sys.argv[1]
os.chmod(sys.argv[1] + "/.rbridge/keys", 0) if not root else None
try:
    key.read("0" * 16)
except Denied as error:
    print(error)
"""
    with tempfile.TemporaryDirectory(dir="/tmp") as one, tempfile.TemporaryDirectory(dir="/tmp") as two:
        for directory in (one, two):
            os.chmod(directory, 0o1777)
        run = subprocess.run(
            [sys.executable, "-c", code, one, two],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(rbridge.__path__[0]).parent,
        )
        name, refused = run.stdout.splitlines()
        assert name == "gpu2"
        assert refused.startswith(f"{one}/.rbridge")
        assert "cannot be opened: Permission denied" in refused or "belongs to root" in refused
        if os.getuid() != 0:
            os.chmod(one + "/.rbridge/keys", 0o700)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"00000000000000aa",
        LINE.replace(b" gpu1", b""),
        LINE.replace(b" gpu1", b" "),
        LINE.replace(b"gpu1", b"gpu1 more"),
        LINE.replace(b"gpu1", b"gp\x1bu1"),
        LINE.replace(b"gpu1", b"gp\xffu1"),
        LINE.replace(b"gpu1", b"x" * 600),
        LINE + LINE,
        LINE.replace(b"5e5e", b"5e", 1),
        LINE.replace(b"5e", b"5E"),
        LINE.replace(b"aa", b"a"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(keys, line):
    with pytest.raises(RemoteProtocolError, match="this is no key") as caught:
        key.install(DAEMON, line)
    assert "5e5e" not in str(caught.value)
    assert key.read(DAEMON).name == "gpu1"
    (keys / FILE).write_bytes(line)
    with pytest.raises(Denied, match="this is no key") as denied:
        key.read(DAEMON)
    assert "5e5e" not in str(denied.value)


def test_a_key_that_cannot_be_written_leaves_the_old_one(keys, monkeypatch):
    monkeypatch.setattr(os, "write", lambda fd, data: len(data) - 1)
    with pytest.raises(CannotCreate, match="No space left"):
        key.install(DAEMON, LINE.replace(b"aa", b"bb"))
    assert key.read(DAEMON).id == "00000000000000aa"
    assert os.listdir(keys) == [FILE]


def test_where_a_file_is_in_the_way_it_says_so(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home.path))
    (home.path / ".rbridge").write_text("")
    with pytest.raises(Denied, match=r"\.rbridge cannot be opened: Not a directory"):
        key.install(DAEMON, LINE)


def test_where_no_directory_can_be_made_it_says_so(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home.path))

    def full(name, mode, dir_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(CannotCreate, match=r"cannot create .*\.rbridge: No space left"):
        key.install(DAEMON, LINE)


def test_nodes_that_share_a_home_have_a_key_each(keys, monkeypatch):
    monkeypatch.setattr("rbridge.paths.node", lambda: "gpu2")
    assert key.read(DAEMON) is None
    key.install(DAEMON, LINE)
    assert len(os.listdir(keys)) == 2


def test_a_home_that_cannot_be_reached_is_said_and_ends_nothing(keys, monkeypatch):
    """As on a file server that wants a ticket: the process in the background must survive the night."""
    away = keys.parent.parent / "away"
    away.write_text("")
    monkeypatch.setenv("HOME", str(away))
    with pytest.raises(Denied, match=f"no key can be read below {away}: not a directory"):
        key.read(DAEMON)
