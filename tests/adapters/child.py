"""An editor for tests, run as a child process: does what it is told through a Unix socket.

    python child.py SOCKET PATTERN FILE [LINE COLUMN]

It says what it was started with and the text it read, then obeys: one JSON line each, for ``save``
followed by the bytes; each is answered when it is done. PATTERN is how it writes: the
patterns are those of real editors.
"""

import json
import os
import socket
import sys


def in_place(path, data):  # nano, micro, kakoune, joe
    with open(path, "wb") as file:
        file.write(data)


def rename_away(path, data):  # vim, nvim
    os.rename(path, path + "~")
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.unlink(path + "~")


def keep_backup(path, data):  # emacs
    os.rename(path, path + "~")
    with open(path, "xb") as file:
        file.write(data)


def rename_over(path, data):  # emacs with file-precious-flag
    new = os.path.join(os.path.dirname(path), "tmpAb3x")
    with open(new, "xb") as file:
        file.write(data)
    os.rename(new, path)


def gio(path, data):  # gedit and others of GLib
    new = os.path.join(os.path.dirname(path), ".goutputstream-X1Y2Z3")
    with open(new, "xb") as file:
        file.write(data)
        os.fsync(file.fileno())
    os.rename(new, path)


def in_pieces(path, data):  # a slow one
    with open(path, "wb", buffering=0) as file:
        for at in range(0, len(data), max(1, len(data) // 7)):
            file.write(data[at : at + max(1, len(data) // 7)])


PATTERNS = {f.__name__: f for f in (in_place, rename_away, keep_backup, rename_over, gio, in_pieces)}


def obey(order, stream, path, pattern):
    do = order["do"]
    if do == "save":
        data = stream.read(order["size"])
        PATTERNS[order.get("pattern", pattern)](path, data)
    elif do == "truncate":  # and stay in the middle of the save
        global half
        half = open(path, "wb")  # noqa: SIM115 - it stays open
        half.write(b"half")
        half.flush()
    elif do == "touch":  # micro closes a writable descriptor when it opens a file
        open(path, "ab").close()
    elif do == "delete":
        os.unlink(path)
    elif do == "mkdir":
        os.unlink(path)
        os.mkdir(path)
    elif do == "symlink":
        os.unlink(path)
        os.symlink(order["to"], path)
    elif do == "fifo":
        os.unlink(path)
        os.mkfifo(path)
    elif do == "errors":
        os.write(2, order["text"].encode())
    elif do == "exit":
        os._exit(order["status"])
    elif do == "signal":
        os.kill(os.getpid(), order["number"])


def main():
    address, pattern, path, *position = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(address)
        stream = sock.makefile("rwb")
        with open(path, "rb") as file:
            text = file.read()
        said = {"pid": os.getpid(), "file": path, "position": position, "cwd": os.getcwd(), "size": len(text)}
        said["stdin"] = os.readlink("/proc/self/fd/0")
        said["session"] = os.getsid(0)
        said["document"] = os.environ.get("RBRIDGE_DOCUMENT")
        stream.write(json.dumps(said).encode() + b"\n" + text)
        stream.flush()
        while line := stream.readline():
            obey(json.loads(line), stream, path, pattern)
            stream.write(b"done\n")
            stream.flush()


main()
