"""What kind of file system holds a path, with other mounts shown as a file."""

from __future__ import annotations

import os

import pytest

from rbridge import mounts

MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / {root}/shm rw,nosuid - tmpfs tmpfs rw
24 22 0:6 / {root}/home rw - nfs4 server:/home rw
25 24 0:7 / {root}/home/my\040dir rw master:2 - fuse.sshfs x rw
26 22 0:8 / {root}/over rw - nfs4 server:/a rw
27 22 0:9 / {root}/over rw - tmpfs tmpfs rw
bad line
"""


@pytest.fixture
def pretended(tmp_path):
    """``pretended(path)`` gives a path below the pretended mounts, and their table."""
    root = tmp_path.resolve()
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.format(root=root))
    return lambda path: (f"{root}/{path}", str(table))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("shm/x", "tmpfs"),
        ("shm", "tmpfs"),
        ("shmoo", "ext4"),
        ("home/u/a.py", "nfs4"),
        ("home/my dir/a.py", "fuse.sshfs"),
        ("over/x", "tmpfs"),
    ],
)
def test_the_file_system_that_holds_a_path(pretended, path, kind):
    assert mounts.mount_type(*pretended(path)) == kind


def test_where_below_a_directory_others_files_are_mounted(pretended):
    assert mounts.below(*pretended("")) == {"home", "home/my dir"}
    assert mounts.below(*pretended("home")) == {"my dir"}
    assert mounts.below(*pretended("home/")) == {"my dir"}
    assert mounts.below(*pretended("home/my dir")) == frozenset()
    assert mounts.below(*pretended("over")) == frozenset()
    assert "proc" not in mounts.below("/")
    assert mounts.below("/", "/no/such/table") == frozenset()


def test_network_and_memory_file_systems(pretended):
    assert mounts.on_network(*pretended("home/u"))
    assert mounts.on_network(*pretended("home/my dir"))
    assert not mounts.on_network(*pretended("shm/x"))
    assert mounts.in_memory(*pretended("shm/x"))
    assert not mounts.in_memory(*pretended("home/u"))


def test_without_a_table_of_mounts_nothing_is_known(tmp_path):
    missing = str(tmp_path / "none")
    assert mounts.mount_type("/", missing) == ""
    assert not mounts.on_network("/", missing)
    assert mounts.memory_dirs({"XDG_RUNTIME_DIR": "/"}, missing) == []


def test_directories_in_memory_have_to_be_writable(pretended, tmp_path):
    place, table = pretended("shm")
    os.mkdir(place)
    assert place in mounts.memory_dirs({"XDG_RUNTIME_DIR": place}, table)
    assert mounts.memory_dirs({"XDG_RUNTIME_DIR": "relative"}, table) == mounts.memory_dirs({}, table)


def test_free_bytes(tmp_path):
    assert mounts.free_bytes(str(tmp_path)) > 0
    assert mounts.free_bytes(str(tmp_path / "none")) == 0


def test_what_nothing_can_make_hang_has_only_file_systems_of_this_machine_on_its_way(pretended, tmp_path):
    assert mounts.is_local(*pretended("shm/x"))
    assert mounts.is_local(*pretended("elsewhere"))
    assert not mounts.is_local(*pretended("home/u"))
    assert not mounts.is_local(*pretended("over/x"))  # what is hidden there is counted as well
    assert not mounts.is_local("/", str(tmp_path / "none"))
