"""What kind of file system a path lies on: another machine's, or memory.

Linux tells in ``/proc/self/mountinfo``; where there is none, nothing is known. The table is a parameter, so
that the tests can show other mounts than those of the machine they run on.
"""

import os

MYPY = False
if MYPY:
    from typing import Dict, FrozenSet, Iterator, List, Mapping, Optional, Tuple

NETWORK_TYPES = frozenset(
    # fmt: off
    (
        "nfs",
        "nfs3",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "lustre",
        "gpfs",
        "beegfs",
        "beegfs_nodev",
        "panfs",
        "orangefs",
        "pvfs2",
        "gfs2",
        "ocfs2",
        "9p",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.cephfs",
        "fuse.juicefs",
        "macfuse",
        "osxfuse",
    )
    # fmt: on
)
"""File systems whose attributes another machine can change behind the kernel's back."""


MEMORY_TYPES = frozenset(("tmpfs", "ramfs"))

LOCAL_TYPES = MEMORY_TYPES | frozenset(
    # fmt: off
    (
        "rootfs",
        "overlay",
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "zfs",
        "f2fs",
        "jfs",
        "reiserfs",
        "vfat",
        "exfat",
        "ntfs3",
    )
    # fmt: on
)
"""File systems of this machine's own: no call for one of their files waits for anybody else."""


def mount_type(path: str, table: str = "/proc/self/mountinfo") -> str:
    """The type of the file system that holds *path*, as mount(8) names it; "" where nothing tells."""
    best, found = -1, ""
    for point, kind in _on_the_way(path, table):
        if len(point) >= best:  # the later of two mounts on one point hides the earlier
            best, found = len(point), kind
    return found


def below(directory: str, table: str = "/proc/self/mountinfo") -> "FrozenSet[str]":
    """Where below *directory*, seen from there, something is mounted that may hang: a stat of it may never
    end.
    """
    where = os.fsencode(directory).rstrip(b"/") + b"/"
    found: "Dict[bytes, str]" = {}
    for point, kind in _mounted(table):
        if point.startswith(where) and point != where:
            found[point[len(where) :]] = kind  # the later of two mounts on one point hides the earlier
    return frozenset(
        os.fsdecode(path) for path, kind in found.items() if kind in NETWORK_TYPES or kind.startswith("fuse")
    )


def _on_the_way(path: str, table: str) -> "Iterator[Tuple[bytes, str]]":
    """The mount points that lead to *path*, with the types of what is mounted there."""
    where = os.fsencode(os.path.realpath(path))
    for point, kind in _mounted(table):
        if where == point or where.startswith(point.rstrip(b"/") + b"/"):
            yield point, kind


def _mounted(table: str) -> "Iterator[Tuple[bytes, str]]":
    """All mount points, with the types of what is mounted there, in the order in which that was done."""
    try:
        with open(table, "rb") as file:
            rows = file.read().splitlines()
    except OSError:
        return
    for row in rows:
        before, _, after = row.partition(b" - ")
        fields = before.split()
        if len(fields) >= 5 and after:
            yield _unescape(fields[4]), after.split()[0].decode("ascii", "replace")


def _unescape(field: bytes) -> bytes:
    """Undo the octal escapes of mountinfo: space, tab, newline and backslash."""
    if b"\\" not in field:
        return field
    for code, byte in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        field = field.replace(code, byte)
    return field


def on_network(path: str, table: str = "/proc/self/mountinfo") -> bool:
    """Whether *path* lies on a file system that other machines write to as well, such as NFS."""
    return mount_type(path, table) in NETWORK_TYPES


def is_local(path: str, table: str = "/proc/self/mountinfo") -> bool:
    """Whether all that leads to *path* is known to be this machine's own, so that nothing there can hang."""
    kinds = [kind for _, kind in _on_the_way(path, table)]
    return bool(kinds) and all(kind in LOCAL_TYPES for kind in kinds)


def in_memory(path: str, table: str = "/proc/self/mountinfo") -> bool:
    """Whether what is written to *path* stays in memory (swap aside)."""
    return mount_type(path, table) in MEMORY_TYPES


def memory_dirs(
    environ: "Optional[Mapping[str, str]]" = None, table: str = "/proc/self/mountinfo"
) -> "List[str]":
    """Directories in memory that we can write to, the roomiest kind first; empty on macOS."""
    variables = os.environ if environ is None else environ
    places = ["/dev/shm", variables.get("XDG_RUNTIME_DIR", "")]
    return [
        place
        for place in places
        if place.startswith("/") and in_memory(place, table) and os.access(place, os.W_OK | os.X_OK)
    ]


def free_bytes(path: str) -> int:
    """Bytes that can still be written below *path*, 0 if it cannot be told."""
    try:
        room = os.statvfs(path)
    except OSError:
        return 0
    return room.f_bavail * room.f_frsize
