"""A listener of another user: run as a program, it gives up root, listens, and greets whoever comes.

``python foreign.py unix PATH | tcp HOST:PORT`` prints the port, or 0, when it is ready, and afterwards every
byte that anyone sent.
"""

from __future__ import annotations

import os
import socket
import sys

NOBODY = 65534


def main() -> None:
    kind, address = sys.argv[1:]
    if kind == "unix":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        os.chmod(address, 0o777)
    else:
        host, _, port = address.rpartition(":")
        listener = socket.create_server((host, int(port)))
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    listener.listen()
    print(listener.getsockname()[1] if kind == "tcp" else 0, flush=True)
    while True:
        with listener.accept()[0] as sock:
            sock.sendall(b"220 laptop RMATE evil\n")
            while data := sock.recv(4096):
                print(data, flush=True)


if __name__ == "__main__":
    main()
