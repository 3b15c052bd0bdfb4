"""What there is of rbridge on a host: its sockets and who answers at them, the classic port, the key, the
client.

``rbridge doctor`` sends the text of this module to the host and has the Python there run it: the standard
library and Python 3.6 only. Nothing is changed, and nobody is told anything: it listens to greetings.
"""

import errno
import json
import os
import select
import socket
import stat
import subprocess
import sys
from time import monotonic

MYPY = False
if MYPY:
    from typing import Any

PATIENCE = 2.0  # seconds for all greetings together
RUN = 4.0  # seconds for the client to say its version
GREETING = 499  # bytes of a greeting that count
MOST = 32  # sockets that are looked at
HERE = ("0" * 8, "0100007F", "7F000001", "0" * 32, "0" * 24 + "01000000", "0" * 31 + "1")
"""All addresses, and the loopback, as /proc/net has them, for either order of bytes."""
LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def main(mark: str, directory: str, key: str, client: str, python: str, port: int) -> None:
    """Print what is so behind *mark*, as one line of JSON."""
    found = look(directory, key, client, python, port)
    sys.stdout.write(f"\n{mark} {json.dumps(found)}\n")


def look(directory: str, key: str, client: str, python: str, port: int) -> "dict[str, Any]":
    """What is so. *client* is run by itself, or by *python* where that is not the usual one; "" for none."""
    sockets = in_directory(directory)
    ports: list[dict[str, Any]] = []
    targets: list[tuple[Any, Any, dict[str, Any]]] = []
    for one in sockets:
        if one["socket"]:
            targets.append((socket.AF_UNIX, os.path.join(directory, one["name"]), one))
    for family, host in LOOPBACK:
        uid = listener(family, port)
        if uid is None and family == socket.AF_INET:  # one listener may be there for both
            uid = listener(socket.AF_INET6, port)
        there = {"host": host, "uid": uid}
        ports.append(there)
        targets.append((family, (host, port), there))
    listen(targets)
    return {
        "uid": os.geteuid(),
        "sockets": sockets,
        "port": ports,
        "key": about(key),
        "client": version([python, client] if python else [client]) if client else None,
    }


def about(path: str) -> "dict[str, Any] | None":
    """Owner and mode of what is at *path*, None where nothing is."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    kind = "file" if stat.S_ISREG(found.st_mode) else "other"
    return {"uid": found.st_uid, "mode": stat.S_IMODE(found.st_mode), "kind": kind}


def in_directory(directory: str) -> "list[dict[str, Any]]":
    """What is called ``*.sock`` there."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".sock"))
    except OSError:
        return []
    sockets = []
    for name in names[:MOST]:
        try:
            found = os.lstat(os.path.join(directory, name))
        except OSError:
            continue  # it went away meanwhile
        is_socket = stat.S_ISSOCK(found.st_mode)
        sockets.append(
            {"name": name, "uid": found.st_uid, "mode": stat.S_IMODE(found.st_mode), "socket": is_socket}
        )
    return sockets


def listen(targets: "list[tuple[Any, Any, dict[str, Any]]]") -> None:
    """Connect to all of *targets*, each (family, address, where its answer goes), and hear their greetings.

    ``state`` becomes ``greets`` with ``greeting``, ``silent`` (it takes the connection and says nothing),
    ``closed``, ``refused`` (nobody listens), or ``fails``.
    """
    waiting = {}
    poll = select.poll()
    for family, address, one in targets:
        one["state"], one["greeting"] = "fails", ""
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code in (0, errno.EINPROGRESS, errno.EAGAIN):
            one["state"] = "silent"
            waiting[sock.fileno()] = (sock, one)
            if code != errno.EAGAIN:  # a Unix socket whose queue is full never becomes readable
                poll.register(sock.fileno(), select.POLLIN)
        else:
            one["state"] = "refused" if code == errno.ECONNREFUSED else "fails"
            sock.close()
    end = monotonic() + PATIENCE
    open_ = set(waiting)
    while open_ and monotonic() < end:
        for number, _ in poll.poll(max(0, int((end - monotonic()) * 1000))):
            sock, one = waiting[number]
            if not hear(sock, one):
                open_.discard(number)
                poll.unregister(number)
    for sock, _ in waiting.values():
        sock.close()


def hear(sock: "Any", one: "dict[str, Any]") -> bool:
    """Take in what *sock* has to say; whether more may come."""
    try:
        data = sock.recv(GREETING)
    except (BlockingIOError, InterruptedError):
        return True
    except ConnectionRefusedError:
        one["state"] = "refused"
        return False
    except OSError:
        data = b""
    if not data:
        one["state"] = one["state"] if one["greeting"] else "closed"
        return False
    one["greeting"] += data.decode("utf-8", "replace")
    one["state"] = "greets"
    return "\n" not in one["greeting"] and len(one["greeting"]) < GREETING


def listener(family: int, port: int) -> "int | None":
    """Whose the listener at *port* of the loopback, or of all addresses, is; None where that is not told."""
    try:
        with open("/proc/net/tcp" + ("6" if family == socket.AF_INET6 else "")) as table:
            rows = [line.split() for line in table]
    except OSError:
        return None
    for row in rows:
        address, _, number = row[1].partition(":") if len(row) > 7 else ("", "", "")
        if address in HERE and number == f"{port:04X}" and row[3] == "0A":
            return int(row[7])
    return None


def version(words: "list[str]") -> "dict[str, Any]":
    """What the client says its version is; ``code`` None where it cannot be run, and ``said`` why."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            words + ["--version"], stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return {"code": None, "said": error.strerror or str(error)}
    try:
        out, _ = process.communicate(timeout=RUN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"code": None, "said": f"it did not end within {RUN:g} s"}
    return {"code": process.returncode, "said": out.decode("utf-8", "replace").strip()[:GREETING]}
