"""The two plug-ins for Sublime Text: rsub (henrikpersson/rsub) and RemoteSubl (randy3k/RemoteSubl)."""

from __future__ import annotations

import contextlib

from tests.compat.servers.base import Dropped, PlainServer, Tab, Wire, base_name


class Rsub(PlainServer):
    """Opens only the first file of a connection, when its ``.`` line comes; a header line without a colon, or
    one that is not UTF-8, ends the connection.

    It tests each line for ``open`` before anything else, so a file that has such a line is never complete.
    """

    greeting = b"Sublime Text 2 (rsub plugin)\n"
    many_files = False

    def serve(self, wire: Wire) -> None:
        headers: dict[str, str] = {}
        body = bytearray()
        size = 0
        in_file = done = False
        while line := wire.readline():
            if line.strip() == b"open" or done:
                continue
            if in_file or line == b".\n":
                if len(body) >= size and line == b".\n":
                    done = True
                    self._open_file(wire, headers, bytes(body[:size]))
                else:
                    body += line
                continue
            text = decode(line).strip()
            if not text:
                continue
            key, colon, value = text.partition(":")
            if not colon:
                raise Dropped(f"rsub: header without a colon: {text!r}")
            if key == "data":
                size = int(value)
                in_file = len(headers) > 1
            else:
                headers[key] = value.strip()
        wire.close()

    def _open_file(self, wire: Wire, headers: dict[str, str], body: bytes) -> None:
        try:
            name = base_name(headers["display-name"].split(":")[-1])
        except KeyError as error:
            raise Dropped(f"rsub: no {error}") from error
        if not name:
            raise Dropped("rsub: the temporary file has no name")
        self.show(Tab(self, wire, name, body, headers))

    def save(self, tab: Tab, data: bytes) -> None:
        token = token_line(tab.headers)
        tab.wire.send(b"save\n", token, b"data: %d\n" % len(data), data, b"\n")

    def close(self, tab: Tab) -> None:
        tab.wire.send(b"close\n", token_line(tab.headers), b"\n")
        tab.wire.close()


class RemoteSubl(PlainServer):
    """Opens each file as soon as its data is there, several per connection, and knows what is open.

    It reads data by line: the LF behind the data is needed. Looking for a tab of the same host and
    ``real-path``, it asks every open file for that header: one that came without makes all later ones fail.
    A ``selection`` with a column makes Sublime open another file.
    """

    greeting = b"Sublime Text 3 (remote_subl plugin)\n"

    def __init__(self) -> None:
        super().__init__()
        self._files: list[Tab] = []
        self._counts: dict[Wire, int] = {}

    def serve(self, wire: Wire) -> None:
        self._counts[wire] = 0
        self._read(wire)
        # An exception in reading skips this: the plug-in then keeps the file as if it were open.
        lost = [tab for tab in self._files if tab.wire is wire]
        self._files = [tab for tab in self._files if tab.wire is not wire]
        if lost:
            self.problems.put(f"remotesubl: connection lost with {lost[0].name} open")
        wire.close()

    def _read(self, wire: Wire) -> None:
        headers: dict[str, str] | None = None
        while line := wire.readline():
            if line.strip() == b"open":
                headers = {}
                self._counts[wire] += 1
                continue
            if headers is None:
                continue
            text = decode(line).strip()
            if ":" not in text:
                continue
            key, _, value = text.partition(":")
            headers[key.strip()] = value.strip()
            if key.strip() == "data":
                size = int(value)
                body = self._read_body(wire, size)
                self._open_file(wire, headers, body)
                headers = None

    def _read_body(self, wire: Wire, size: int) -> bytes:
        if size < 0:
            raise Dropped("remotesubl: negative size")
        body = bytearray()
        while True:
            line = wire.readline()
            if not line:
                raise Dropped("remotesubl: the data ended early")
            body += line[: size - len(body)]
            if len(body) == size:
                return bytes(body)

    def _open_file(self, wire: Wire, headers: dict[str, str], body: bytes) -> None:
        try:
            host, colon, name = headers["display-name"].partition(":")
            name = base_name(name if colon else host)
            if headers["token"] == "-":
                name = "untitled"
            same = [tab for tab in self._files if is_same(tab, headers, host if colon else "")]
        except KeyError as error:
            raise Dropped(f"remotesubl: no {error}") from error
        if not name:
            raise Dropped("remotesubl: the temporary file has no name")
        tab = Tab(self, wire, name, body, headers)
        selection = headers.get("selection", "0")
        if not selection.isdigit():
            # Sublime takes the last two numbers of PATH:SELECTION:0 as the position.
            tab.name, tab.content = f"{name}:{selection.partition(':')[0]}", b""
            self.problems.put(f"remotesubl: opened {tab.name}")
        else:
            tab.line = int(selection)
        for old in same:
            self._files.remove(old)
            with contextlib.suppress(OSError):
                self._say_close(old)
        self._files.append(tab)
        self.show(tab)

    def save(self, tab: Tab, data: bytes) -> None:
        token = token_line(tab.headers)
        tab.wire.send(b"save\n", token, b"data: %d\n" % len(data), data + b"\n")

    def close(self, tab: Tab) -> None:
        self._files.remove(tab)
        self._say_close(tab)

    def _say_close(self, tab: Tab) -> None:
        tab.wire.send(b"close\n", token_line(tab.headers), b"\n")
        self._counts[tab.wire] -= 1
        if not self._counts[tab.wire]:
            tab.wire.close()


def is_same(tab: Tab, headers: dict[str, str], host: str) -> bool:
    other = tab.headers["display-name"].partition(":")
    same_path = bool(tab.headers["real-path"]) and tab.headers["real-path"] == headers["real-path"]
    return same_path and bool(other[1]) and other[0] == host


def decode(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Dropped(f"header is not UTF-8: {line!r}") from error


def token_line(headers: dict[str, str]) -> bytes:
    return f"token: {headers['token']}\n".encode()
