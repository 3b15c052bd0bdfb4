"""Where things lie."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rbridge import paths, system
from rbridge.errors import CannotCreate, Denied

FOREIGN = 65534


@pytest.fixture
def place(home, monkeypatch) -> Path:
    """A home directory and no setting at all."""
    for name in ("RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home.path))
    return home.path


@pytest.fixture
def foreign(monkeypatch) -> None:
    """Everything that exists belongs to someone else: we are another user."""
    monkeypatch.setattr(os, "geteuid", lambda: FOREIGN)


def mode(path: os.PathLike[str] | str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_runtime_directory_that_is_named_is_the_only_candidate(place, monkeypatch):
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(place / "run"))
    assert paths.runtime_candidates() == [str(place / "run")]
    assert paths.runtime_dir() == str(place / "run")
    assert mode(place / "run") == 0o700


def test_candidates_in_order(place, monkeypatch):
    (place / "xdg").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "xdg"))
    monkeypatch.setenv("TMPDIR", str(place / "tmp"))
    own = f"rbridge-{os.geteuid()}"
    expected = [
        str(place / "xdg/rbridge"),
        str(place / "tmp" / own),
        f"{place}/.rbridge/{paths.node()}/run",
    ]
    assert [one for one in paths.runtime_candidates() if one.startswith(str(place))] == expected
    assert "/dev/shm/" + own in paths.runtime_candidates() or not os.path.isdir("/dev/shm")


def test_a_path_too_long_for_a_socket_is_no_candidate(place, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/" + "x" * 90)
    assert not any("xxx" in one for one in paths.runtime_candidates())


def test_someone_elses_runtime_directory_is_no_candidate(place, monkeypatch, foreign):
    (place / "xdg").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "xdg"))
    assert str(place / "xdg/rbridge") not in paths.runtime_candidates()


def test_an_unsafe_candidate_is_skipped(place, monkeypatch):
    for name in ("one", "two"):
        (place / name).mkdir(mode=0o700)
    (place / "one").chmod(0o777)
    monkeypatch.setattr(paths, "runtime_candidates", lambda: [str(place / "one"), str(place / "two")])
    assert paths.runtime_dir() == str(place / "two")


def test_when_none_is_safe_each_is_named(place, monkeypatch):
    (place / "one").mkdir()
    (place / "one").chmod(0o777)
    (place / "two").symlink_to("one")
    monkeypatch.setattr(paths, "runtime_candidates", lambda: [str(place / "one"), str(place / "two")])
    with pytest.raises(Denied, match="one can be reached by others .mode 0777.; .*two is a symbolic link"):
        paths.runtime_dir()


def test_without_creating_the_first_possible_place_is_told(place, monkeypatch):
    monkeypatch.setattr(paths, "runtime_candidates", lambda: [str(place / "one"), str(place / "two")])
    assert paths.runtime_dir(create=False) == str(place / "one")
    assert not (place / "one").exists()


def test_the_state_directory(place, monkeypatch):
    assert paths.state_dir() == str(place / ".local/state/rbridge")
    assert mode(place / ".local/state/rbridge") == 0o700
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "s"))
    assert paths.state_dir(create=False) == str(place / "s/rbridge")
    assert not (place / "s").exists()
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(place / "named"))
    assert paths.state_dir() == str(place / "named")


def test_a_state_directory_that_cannot_be_made_is_said(place, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(place / "file/state"))
    with pytest.raises(CannotCreate, match="cannot create .*file/state: Not a directory"):
        paths.state_dir()


def test_the_configuration(place, monkeypatch):
    assert paths.config_file() == str(place / ".config/rbridge/config.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    assert paths.config_file() == "/c/rbridge/config.toml"


def test_forwarded_sockets_lie_in_a_directory_per_machine(place):
    assert paths.host_socket_dir() == f"{place}/.rbridge/{os.uname().nodename}"


def test_root_does_not_write_into_a_users_home(place, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    owned = os.stat(place).st_uid
    monkeypatch.setattr(system, "home_of", lambda uid: "/root-home")
    expected = str(place) if owned == 0 else "/root-home"
    assert paths.home() == expected
    if owned == 0:
        os.chown(place, FOREIGN, FOREIGN)
        assert paths.home() == "/root-home"


def test_a_candidate_that_cannot_be_looked_at_is_skipped_like_an_unsafe_one(place, monkeypatch):
    (place / "file").write_text("")
    (place / "safe").mkdir(mode=0o700)
    candidates = [str(place / "file/x"), str(place / "safe")]
    monkeypatch.setattr(paths, "runtime_candidates", lambda: candidates)
    assert paths.runtime_dir(create=False) == str(place / "safe")
    candidates.pop()
    with pytest.raises(Denied, match="Not a directory: '.*file/x'"):
        paths.runtime_dir(create=False)
