"""Keys on the laptop: issued, renewed, confirmed by use, and refused where others could have put them."""

from __future__ import annotations

import json
import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from rbridge.client import key as client_key
from rbridge.errors import CannotCreate, Denied
from rbridge.server.keys import Keys

SSH_KEY = "SHA256:abc"
FOREIGN = 65534
FULL = OSError(28, "No space left on device")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "state" / "keys"


@pytest.fixture
def keys(root):
    return Keys(str(root))


def test_a_key_is_random_and_found_by_its_id(keys):
    one, two = keys.issue("gpu1", SSH_KEY), keys.issue("gpu2", SSH_KEY)
    assert len(one.secret) == len(two.secret) == 32
    assert one.secret != two.secret
    assert one.id != two.id
    assert keys.find(one.id) == one
    assert keys.find(two.id) == two
    assert keys.find("0" * 16) is None
    assert (one.name, one.identity) == ("gpu1", SSH_KEY)


def test_its_file_is_ours_alone(root, keys):
    keys.issue("gpu1", SSH_KEY)
    assert stat.S_IMODE(os.lstat(root).st_mode) == 0o700
    assert os.listdir(root) == ["gpu1.json"]
    assert stat.S_IMODE(os.lstat(root / "gpu1.json").st_mode) == 0o600
    said = json.loads((root / "gpu1.json").read_text())
    assert list(said) == ["name", "identity", "id", "key", "previous"]


def test_no_repr_shows_it(keys):
    made = keys.issue("gpu1", SSH_KEY)
    assert made.secret.hex() not in repr(made)
    assert repr(made.secret) not in repr(made)


def test_the_host_reads_its_line_as_the_same_key(keys):
    for name in ("gpu1", "ada@gpu1", "a b\tc"):
        made = keys.issue(name, SSH_KEY)
        read = client_key.parse(made.line)
        assert (read.id, read.secret) == (made.id, made.secret)


def test_another_daemon_finds_it(root, keys):
    made = keys.issue("gpu1", SSH_KEY)
    assert Keys(str(root)).find(made.id) == made


def test_the_old_key_counts_until_the_new_one_was_used(keys):
    old = keys.issue("gpu1", SSH_KEY)
    keys.confirm(old)
    new = keys.issue("gpu1", SSH_KEY)
    assert keys.find(old.id) == old
    keys.confirm(old)
    assert keys.find(new.id) == new
    keys.confirm(new)
    assert keys.find(old.id) is None
    assert keys.find(new.id) == new
    keys.confirm(new)
    assert keys.find(new.id) == new


def test_keys_that_got_lost_on_the_way_do_not_void_the_one_that_the_host_has(keys):
    had = keys.issue("gpu1", SSH_KEY)
    keys.confirm(had)
    later = [keys.issue("gpu1", SSH_KEY) for _ in range(4)]
    assert keys.find(had.id) == had
    keys.confirm(later[1])
    assert [keys.find(key.id) is not None for key in (had, *later)] == [False, False, True, True, True]


def test_there_is_an_end_to_old_keys(root, keys):
    first = keys.issue("gpu1", SSH_KEY)
    for _ in range(5):
        keys.issue("gpu1", SSH_KEY)
    assert keys.find(first.id) is None
    assert os.path.getsize(root / "gpu1.json") < 1000


def test_a_host_with_another_ssh_key_is_another_host(keys):
    old = keys.issue("gpu1", SSH_KEY)
    new = keys.issue("gpu1", "SHA256:other")
    assert keys.find(old.id) is None
    assert keys.find(new.id) == new


def test_a_dropped_key_is_void(root, keys):
    made = keys.issue("gpu1", SSH_KEY)
    keys.drop("gpu1")
    assert keys.find(made.id) is None
    assert os.listdir(root) == []
    keys.drop("gpu1")
    keys.confirm(made)
    assert keys.find(made.id) is None


NAMES = [
    "gpu1",
    "GPU1",
    "Gpu1",
    "ada@gpu1",
    "ada-gpu1",
    "../x",
    ".x",
    "..",
    "",
    "a/b",
    "a\nb",
    "x" * 300,
    "::1",
]


def test_no_name_leads_elsewhere_or_to_another_hosts_key(root, keys):
    made = [keys.issue(name, SSH_KEY) for name in NAMES]
    assert [keys.find(key.id) for key in made] == made
    entries = os.listdir(root)
    assert len({entry.lower() for entry in entries}) == len(entries) == len(NAMES)
    assert all(len(entry) < 100 and not entry.startswith(".") for entry in entries)
    assert os.listdir(root.parent) == ["keys"]
    assert all(len(key.name) <= 255 and (key.name.isprintable() or not key.name) for key in made)
    for name in NAMES:
        keys.drop(name)
    assert os.listdir(root) == []


def test_the_newest_of_each_host_is_listed(keys):
    keys.issue("gpu2", SSH_KEY)
    two, one = keys.issue("gpu2", SSH_KEY), keys.issue("gpu1", SSH_KEY)
    assert keys.newest() == [one, two]


@pytest.mark.parametrize("bits", [0o604, 0o640, 0o622])
def test_a_file_that_others_can_reach_is_passed_over_and_not_renewed(root, keys, caplog, bits):
    made, other = keys.issue("gpu1", SSH_KEY), keys.issue("gpu2", SSH_KEY)
    (root / "gpu1.json").chmod(bits)
    with caplog.at_level(logging.WARNING, "rbridge"):
        assert keys.find(made.id) is None
    assert f"gpu1.json can be reached by others (mode {bits:04o})" in caplog.text
    assert keys.find(other.id) == other
    with pytest.raises(Denied, match=r"gpu1\.json can be reached"):
        keys.issue("gpu1", SSH_KEY)


def test_a_link_is_not_followed(root, keys, tmp_path):
    made = keys.issue("gpu1", SSH_KEY)
    (root / "gpu1.json").rename(tmp_path / "away")
    (root / "gpu1.json").symlink_to(tmp_path / "away")
    assert keys.find(made.id) is None
    with pytest.raises(Denied, match="is a symbolic link"):
        keys.issue("gpu1", SSH_KEY)


def test_a_file_of_another_user_is_passed_over(root, keys, monkeypatch):
    made = keys.issue("gpu1", SSH_KEY)
    if os.geteuid() == 0:
        os.chown(root / "gpu1.json", FOREIGN, FOREIGN)
        assert keys.find(made.id) is None
    else:  # who cannot give it away becomes another user, as far as rbridge can tell
        monkeypatch.setattr(os, "geteuid", lambda: FOREIGN)
    with pytest.raises(Denied, match="belongs to "):
        keys.issue("gpu1", SSH_KEY)


def test_a_directory_that_is_not_ours_alone_is_refused(root, keys):
    made = keys.issue("gpu1", SSH_KEY)
    root.chmod(0o750)
    for use in (lambda: keys.find(made.id), lambda: keys.issue("gpu1", SSH_KEY), lambda: keys.confirm(made)):
        with pytest.raises(Denied, match="mode 0750"):
            use()


BEGIN = '{"name": "gpu1", "identity": "", "id": '


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"name": "gpu1"}',
        BEGIN + '"00000000000000aa", "key": "zz", "previous": []}',
        BEGIN + '"00000000000000aa", "key": "00", "previous": []}',
        BEGIN + '"00000000000000aa", "key": 5, "previous": []}',
        BEGIN + '"00000000000000aa", "key": "' + "00" * 32 + '", "previous": 1}',
        BEGIN + '"", "key": "' + "00" * 32 + '", "previous": []}',
    ],
)
def test_what_is_no_key_is_passed_over_and_not_renewed(root, keys, text):
    made = keys.issue("gpu1", SSH_KEY)
    (root / "gpu1.json").write_text(text)
    assert keys.find(made.id) is None
    assert keys.find("") is None
    with pytest.raises(Denied, match="is no key of rbridge"):
        keys.issue("gpu1", SSH_KEY)


def test_a_file_under_another_hosts_name_does_not_count(root, keys):
    made = keys.issue("gpu1", SSH_KEY)
    (root / "gpu1.json").rename(root / "gpu2.json")
    assert keys.find(made.id) is None


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_passed_over(root, keys, make):
    make(root / "gpu1.json", 0o600)
    assert keys.newest() == []
    with pytest.raises(Denied, match="is not a regular file"):
        keys.issue("gpu1", SSH_KEY)


def test_a_key_that_cannot_be_written_leaves_the_old_one(root, keys, monkeypatch):
    old = keys.issue("gpu1", SSH_KEY)

    def full(*_):
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotCreate, match="No space left"):
        keys.issue("gpu1", SSH_KEY)
    monkeypatch.undo()
    assert keys.find(old.id) == old
    assert os.listdir(root) == ["gpu1.json"]


def test_several_issue_at_once_and_none_is_lost(root, keys):
    with ThreadPoolExecutor(5) as pool:
        made = list(pool.map(lambda _: Keys(str(root)).issue("gpu1", SSH_KEY), range(5)))
    assert [keys.find(key.id) for key in made] == made
