"""What differs between systems: Linux with and without /proc, macOS.

Everything here asks the system one question and has an answer for the system that cannot tell: ``None``, an
empty string or an empty list. What is read from files below ``/proc`` takes the path as a parameter, so that
the tests can show it other systems than the one they run on.
"""

import os
import sys

MYPY = False
if MYPY:
    from typing import Any, List, Mapping, Optional, Tuple

LINUX = sys.platform.startswith("linux")
MACOS = sys.platform == "darwin"

SOL_SOCKET = 1  # the values of Linux; _socket has them too, but socket must not be imported for them
SO_PEERCRED = 17
SOL_LOCAL = 0  # macOS, sys/un.h
LOCAL_PEERCRED = 1

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


def peer_uid(sock: "Any", platform: str = sys.platform) -> "Optional[int]":
    """The uid of the process at the other end of the connected Unix socket *sock*, None if not to be had.

    SO_PEERCRED on Linux (struct ucred: pid, uid, gid), LOCAL_PEERCRED on macOS (struct xucred: version, uid,
    ...). For a listener that accepted us both name who called ``listen``.
    """
    try:
        if platform.startswith("linux"):
            return int.from_bytes(sock.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)[4:8], sys.byteorder)
        if platform == "darwin":
            data = sock.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, 76)
            if len(data) >= 8 and data[:4] == bytes(4):
                return int.from_bytes(data[4:8], sys.byteorder)
    except OSError:
        pass
    return None


def tcp_peer_uid(local: "Tuple[Any, ...]", peer: "Tuple[Any, ...]") -> "Optional[int]":
    """The uid that owns the other end of a TCP connection within this machine, None if not to be told.

    *local* and *peer* are what ``getsockname`` and ``getpeername`` gave. Ask only after the peer said
    something: a connection that nobody has accepted yet shows uid 0 and no inode, and is answered as None.
    """
    uid = diag_uid(local, peer)
    return table_uid(local, peer) if uid is None else uid


def diag_uid(local: "Tuple[Any, ...]", peer: "Tuple[Any, ...]") -> "Optional[int]":
    """The same by asking the kernel for that one socket (sock_diag(7)): 0.1 ms.

    None also where the kernel or a sandbox has no sock_diag; the tables then have the same facts, but the
    kernel takes 3 ms and more to write each of them.
    """
    import _socket

    here, there = _packed(_bare(local)), _packed(_bare(peer))
    family = getattr(_socket, "AF_NETLINK", None)
    if family is None or not here or len(here) != len(there):
        return None
    # struct nlmsghdr: length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence, port;
    # struct inet_diag_req_v2: family, protocol, extensions, states, then the socket as its owner sees it
    native = sys.byteorder
    request = (72).to_bytes(4, native) + (20).to_bytes(2, native) + (1).to_bytes(2, native) + bytes(8)
    request += bytes((2 if len(here) == 4 else 10, 6, 0, 0)) + b"\xff" * 4
    request += int(peer[1]).to_bytes(2, "big") + int(local[1]).to_bytes(2, "big")
    request += there.ljust(16, b"\0") + here.ljust(16, b"\0") + bytes(4) + b"\xff" * 8
    try:
        sock = _socket.socket(family, _socket.SOCK_RAW, 4)  # NETLINK_SOCK_DIAG
        try:
            sock.settimeout(0.1)
            sock.sendto(request, (0, 0))
            answer = sock.recv(4096)
        finally:
            sock.close()
    except OSError:
        return None
    # struct inet_diag_msg: state at 1, ports and addresses from 4, uid at 64, inode at 68
    found = answer[16:]
    if answer[4:6] != (20).to_bytes(2, native) or len(found) < 72:
        return None
    # where there is no such connection the kernel answers with a listener
    if found[1] != 1 or found[4:8] != request[24:28] or found[68:72] == bytes(4):
        return None
    return int.from_bytes(found[64:68], native)


def table_uid(
    local: "Tuple[Any, ...]",
    peer: "Tuple[Any, ...]",
    tables: "Tuple[str, str]" = ("/proc/net/tcp", "/proc/net/tcp6"),
) -> "Optional[int]":
    """The same from the kernel's tables: the row whose local address is *peer*."""
    for family, table in ((4, tables[0]), (6, tables[1])):
        here, there = _hex_address(local, family), _hex_address(peer, family)
        if not here or not there:
            continue
        try:
            with open(table, "rb") as file:
                data = file.read()
        except OSError:
            continue
        start = data.find(b": " + there + b" " + here + b" 01 ")
        if start >= 0:
            fields = data[start : data.find(b"\n", start)].split()
            # ": LOCAL REMOTE STATE TX:RX TR:WHEN RETRANSMITS UID TIMEOUT INODE"
            if len(fields) > 9 and fields[9] != b"0":
                return int(fields[7])
    return None


def _bare(address: "Tuple[Any, ...]") -> str:
    """The host of a socket address, without zone, IPv4 in its own notation."""
    host = str(address[0]).partition("%")[0]
    return host[7:] if host.lower().startswith("::ffff:") and "." in host else host


def _hex_address(address: "Tuple[Any, ...]", family: int) -> bytes:
    """*address* as /proc/net/tcp (4) or tcp6 (6) writes it, b"" where that table cannot hold it."""
    packed, port = _packed(_bare(address)), int(address[1])
    if len(packed) == 4 and family == 6:
        packed = bytes(10) + b"\xff\xff" + packed
    if len(packed) != (4 if family == 4 else 16):
        return b""
    words = [int.from_bytes(packed[i : i + 4], sys.byteorder) for i in range(0, len(packed), 4)]
    return ("".join("%08X" % word for word in words) + ":%04X" % port).encode()


def _packed(host: str) -> bytes:
    import _socket

    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            return bytes(_socket.inet_pton(family, host))
        except OSError:
            continue
    return b""


def us(environ: "Mapping[str, str]", euid: "Optional[int]" = None) -> "Tuple[int, ...]":
    """The uids that count as ourselves: the effective one and, under sudo, that of who called it.

    SUDO_UID is believed only from root, who needs nobody's leave: for anyone else it is just a variable.
    """
    own = os.geteuid() if euid is None else euid
    sudo = environ.get("SUDO_UID", "")
    if own == 0 and sudo.isdigit() and int(sudo) != 0:
        return (own, int(sudo))
    return (own,)


def user_name(uid: int) -> str:
    """The login name of *uid*, or ``uid N`` where it has none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return "uid {}".format(uid)


def home_of(uid: int) -> str:
    """The home directory of *uid* in the user database, "" where there is none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_dir
    except (ImportError, KeyError):
        return ""


def mount_type(path: str, table: str = "/proc/self/mountinfo") -> str:
    """The type of the file system that holds *path*, as mount(8) names it; "" where nothing tells."""
    try:
        with open(table, "rb") as file:
            rows = file.read().splitlines()
    except OSError:
        return ""
    where = os.fsencode(os.path.realpath(path))
    best, found = -1, b""
    for row in rows:
        before, _, after = row.partition(b" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = _unescape(fields[4])
        inside = where == point or where.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= best:  # the later of two mounts on one point hides the earlier
            best, found = len(point), after.split()[0]
    return found.decode("ascii", "replace")


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


def boot_id(path: str = "/proc/sys/kernel/random/boot_id") -> str:
    """A name for this boot of the machine, "" where the system has none."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def has_inotify(platform: str = sys.platform) -> bool:
    """Whether the kernel tells of changes in a directory by inotify."""
    return platform.startswith("linux")


def open_descriptors(table: str = "/proc/self/fd") -> "List[int]":
    """The numbers of this process's open descriptors; one may be the listing's own, closed by now."""
    for place in (table, "/dev/fd"):
        try:
            return sorted(int(name) for name in os.listdir(place) if name.isdigit())
        except OSError:
            continue
    return list(range(256))
