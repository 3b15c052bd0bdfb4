import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from rbridge.errors import CannotCreate
from rbridge.server import identity
from rbridge.wire.codec import is_hex


@pytest.fixture
def path(directories):
    return directories / "state" / "identity"


def test_it_is_made_once_and_stays(path):
    first = identity.load()
    assert is_hex(first, 16)
    assert identity.load() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["identity"]


def test_several_daemons_at_once_get_the_same_one(path):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: identity.load(), range(64)))
    assert len(set(found)) == 1
    assert os.listdir(path.parent) == ["identity"]


@pytest.mark.parametrize("text", ["", "0123456789ABCDEF\n", "0123456789abcde\n", "x" * 1000])
def test_a_file_that_holds_none_is_replaced_and_said(path, text, caplog, monkeypatch):
    from rbridge.server.log import logger

    monkeypatch.setattr(logger, "propagate", True)
    path.write_text(text)
    made = identity.load()
    assert is_hex(made, 16)
    assert identity.load() == made
    assert "holds no identity" in caplog.text


def test_a_link_in_its_place_is_refused(path):
    path.symlink_to("/etc/hostname")
    with pytest.raises(CannotCreate, match="identity"):
        identity.load()


def test_a_directory_in_its_place_is_refused(path):
    path.mkdir()
    with pytest.raises(CannotCreate, match="identity"):
        identity.load()
