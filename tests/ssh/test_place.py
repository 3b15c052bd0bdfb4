"""The directory that a transfer writes to, and its unfinished files, on a real file system."""

import errno
import os

import pytest

from rbridge.ssh.fetching import part_name
from rbridge.ssh.outcomes import Refused
from rbridge.ssh.place import Part, Place, digest_of, there

PART = part_name(b"a").decode()


@pytest.fixture
def place(tmp_path):
    (tmp_path / "dir").mkdir()
    made = Place(os.fsencode(tmp_path / "dir"), sync=True)
    yield made
    made.close()


@pytest.fixture
def root(place):
    return place.directory(())


def test_directories_are_made_below(place, tmp_path):
    place.directory((b"a", b"b"))
    place.directory((b"a",))
    assert (tmp_path / "dir/a/b").is_dir()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_directory_is_not_walked_through(place, tmp_path, kind):
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "dir/a").symlink_to(tmp_path / "elsewhere")
    else:
        (tmp_path / "dir/a").write_text("")
    with pytest.raises(Refused):
        place.directory((b"a", b"b"))
    assert not (tmp_path / "elsewhere/b").exists()


def test_descriptors_are_given_back(place):
    before = len(os.listdir("/proc/self/fd"))
    for n in range(20):
        place.directory((b"a", b"%d" % n))
    with pytest.raises(OSError, match="too long"):
        place.directory((b"a", b"x" * 300))
    place.directory(())
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_mode_is_wider_than_its_model_or_0755(place):
    assert place.umask == 0o022
    assert [oct(place.mode(mode)) for mode in (0o600, 0o777, 0o4755, 0o666, 0)] == [
        "0o600",
        "0o755",
        "0o755",
        "0o644",
        "0o600",
    ]


def test_a_part_lands_with_its_mode_and_time(place, root, tmp_path):
    part = Part(root, b"a", make=True)
    part.add(memoryview(b"text"))
    assert (tmp_path / "dir" / PART).stat().st_mode & 0o777 == 0o600
    part.land(root, place, 0o640, 1_500_000_000_123_456_789, force=False)
    part.close(root)
    found = (tmp_path / "dir/a").stat()
    assert (found.st_mode & 0o777, found.st_mtime_ns, found.st_nlink) == (0o640, 1_500_000_000_123_456_789, 1)
    assert os.listdir(tmp_path / "dir") == ["a"]


def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(place, root, tmp_path):
    part = Part(root, b"a", make=True)
    part.add(memoryview(b"new"))
    (tmp_path / "dir/a").write_text("other")
    with pytest.raises(Refused):
        part.land(root, place, 0o600, 0, force=False)
    part.close(root)
    assert (tmp_path / "dir/a").read_text() == "other"
    assert (tmp_path / "dir" / PART).read_text() == "new"


def test_where_files_cannot_be_linked_none_is_overwritten_either(place, root, tmp_path, monkeypatch):
    def no_links(*_args, **_options):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    for name in ("a", "b"):
        part = Part(root, name.encode(), make=True)
        part.add(memoryview(b"new"))
        if name == "a":
            part.land(root, place, 0o600, 0, force=False)
        else:
            (tmp_path / "dir/b").write_text("other")
            with pytest.raises(Refused):
                part.land(root, place, 0o600, 0, force=False)
        part.close(root)
    assert [(tmp_path / "dir" / name).read_text() for name in "ab"] == ["new", "other"]


def test_force_overwrites(place, root, tmp_path):
    (tmp_path / "dir/a").write_text("other")
    part = Part(root, b"a", make=True)
    part.add(memoryview(b"new"))
    part.land(root, place, 0o600, 0, force=True)
    part.close(root)
    assert (tmp_path / "dir/a").read_text() == "new"


def test_a_part_stays_for_the_next_try(root, tmp_path):
    part = Part(root, b"a", make=True)
    part.add(memoryview(b"half"))
    part.close(root)
    again = Part(root, b"a", make=False)
    again.read()
    again.add(memoryview(b" and half"))
    again.close(root)
    assert again.size == 13
    assert (tmp_path / "dir" / PART).read_text() == "half and half"


def test_an_empty_part_does_not_stay(root, tmp_path):
    Part(root, b"a", make=True).close(root)
    assert os.listdir(tmp_path / "dir") == []


def test_a_part_is_one_commands_only(root):
    part = Part(root, b"a", make=True)
    with pytest.raises(Refused) as refused:
        Part(root, b"a", make=True)
    assert refused.value.code == 75
    part.close(root)


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo"])
def test_a_planted_part_is_not_written_to(root, tmp_path, kind):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    planted = tmp_path / "dir" / PART
    if kind == "link":
        planted.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, planted)
    else:
        os.mkfifo(planted)
    with pytest.raises((OSError, Refused)):
        Part(root, b"a", make=True)
    assert victim.read_text() == "mine"


def test_what_is_there_is_looked_at_itself(root, tmp_path):
    assert there(root, b"a") is None
    (tmp_path / "dir/a").symlink_to("/etc/passwd")
    assert there(root, b"a").st_size == len("/etc/passwd")
    with pytest.raises(Refused):
        digest_of(root, b"a")
