"""Another user of the host: run as a program, it gives up root for good, takes places, and tells what it got.

    python mallory.py UID squat DIRECTORY
    python mallory.py UID relay ADDRESS:PORT... TARGET

``squat`` listens on a Unix socket in DIRECTORY, under a name that a client would look at; the socket is open
to all. ``relay`` listens on TCP and passes everything between who comes and TARGET, the real tunnel: so it
greets as the daemon does. It prints ``ready``, and afterwards every byte that a client sent.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

GREETING = b"220 laptop RMATE evil\n"


def main() -> None:
    uid, what, *words = sys.argv[1:]
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    if what == "squat":
        listener = socket.socket(socket.AF_UNIX)
        path = os.path.join(words[0], "daemon.sock")
        listener.bind(path)
        os.chmod(path, 0o777)
        listeners, target = [listener], ""
    else:
        *places, target = words
        listeners = [_tcp(place) for place in places]
    for listener in listeners:
        listener.listen()
    print("ready", flush=True)
    for listener in listeners[1:]:
        threading.Thread(target=_serve, args=(listener, target), daemon=True).start()
    _serve(listeners[0], target)


def _tcp(place: str) -> socket.socket:
    host, _, port = place.rpartition(":")
    return socket.create_server((host, int(port)), family=_family(host))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _serve(listener: socket.socket, target: str) -> None:
    while True:
        sock = listener.accept()[0]
        threading.Thread(target=_treat, args=(sock, target), daemon=True).start()


def _treat(client: socket.socket, target: str) -> None:
    if not target:
        client.sendall(GREETING)
    else:
        host, _, port = target.rpartition(":")
        server = socket.socket(_family(host))  # create_connection would import what he cannot read
        server.connect((host, int(port)))
        threading.Thread(target=_pass_on, args=(server, client, False), daemon=True).start()
        _pass_on(client, server, True)
        return
    while data := client.recv(4096):
        print(data, flush=True)


def _pass_on(source: socket.socket, sink: socket.socket, told: bool) -> None:
    try:
        while data := source.recv(4096):
            if told:
                print(data, flush=True)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()


if __name__ == "__main__":
    main()
