"""The single-file client that is put on hosts: the one that ``rbridge.build`` makes, and made once."""

import hashlib
import os
from pathlib import Path

import pytest

from rbridge import build
from rbridge.ssh.singlefile import DIRECTORY, MOST, single_file


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state" / DIRECTORY


@pytest.fixture(scope="module")
def content():
    return build.content()


@pytest.fixture
def making(monkeypatch, content):
    """Each time that one was made."""
    made = []
    monkeypatch.setattr(build, "content", lambda python: made.append(python) or content + python.encode())
    return made


def test_it_is_what_build_makes(state, content):
    found = single_file()
    assert found.content == content
    assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_it_is_made_once(state, making):
    assert single_file() == single_file()
    assert len(making) == 1


def test_it_is_kept_for_its_user_only(state, making):
    single_file()
    (kept,) = state.iterdir()
    assert (state.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o700, 0o600)


def test_other_sources_make_another_one(state, making, monkeypatch, tmp_path):
    single_file()
    monkeypatch.setattr("rbridge.ssh.singlefile.__version__", "0.0.0")
    single_file()
    assert len(making) == 2


def test_a_host_with_its_python_in_another_place_has_one_of_its_own(state, making):
    assert single_file("/opt/python").content != single_file().content
    assert making == ["/opt/python", ""]
    single_file("/opt/python")
    assert len(making) == 2


def test_not_all_of_them_are_kept(state, making):
    for number in range(MOST + 3):
        single_file(f"/opt/{number}")
    assert len(list(state.iterdir())) == MOST
    single_file(f"/opt/{MOST + 2}")
    assert len(making) == MOST + 3


def test_a_damaged_one_is_made_again(state, making):
    before = single_file()
    (kept,) = state.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert single_file() == before
    assert len(making) == 2


def test_without_a_state_directory_it_is_made_each_time(monkeypatch, making):
    monkeypatch.setenv("RBRIDGE_STATE_DIR", "/proc/none")
    assert single_file() == single_file()
    assert len(making) == 2


def test_a_full_disk_is_no_reason_not_to_have_it(state, making, monkeypatch, content):
    def full(*_args):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", full)
    assert single_file().content == content
    assert list(Path(state).iterdir()) == []
