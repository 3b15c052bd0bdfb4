"""Whose the other end of a TCP connection within this machine is, as Linux tells."""

import sys

MYPY = False
if MYPY:
    from typing import Any, Optional, Tuple


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
