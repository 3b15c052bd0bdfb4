"""The extensions for VS Code: Remote VSCode 1.2 (rafaelmaiolla/remote-vscode), and the two forks of it that
were written anew (dersimn/rmate-vscode and duncannah/rmate-vscode, which read alike).

Both parse each read on its own: what a header block needs is that it arrives in one piece.
"""

from __future__ import annotations

import re

from tests.compat.servers.base import PlainServer, Stuck, Tab, Wire, base_name, host_and_name

GREETING = b"VSCode 1\n"


class RemoteVSCode(PlainServer):
    """Opens the first file only. A header line that is split between two reads becomes two wrong headers; the
    data is looked for behind the first place where the text of the ``data:`` line stands. On close nothing is
    said: only a FIN comes. ``selection`` counts from 0 there.
    """

    greeting = GREETING
    many_files = False

    def serve(self, wire: Wire) -> None:
        command: str | None = None
        headers: dict[str, str] = {}
        size: int | None = None
        body = bytearray()
        opened = False
        while chunk := wire.chunk():
            if opened:
                continue
            lines = chunk.decode("utf-8", "replace").split("\n")
            if command is None:
                command = lines.pop(0)
            if size is not None:
                body += chunk[: size - len(body)]
            else:
                line = self._headers(lines, headers)
                if line is not None:
                    size = js_int(line.partition(":")[2])
                    start = chunk.find(line.encode()) + len(line.encode()) + 1
                    body += chunk[start:][:size]
            if size is not None and len(body) == size:
                opened = True
                if command == "open":
                    self._open_file(wire, headers, bytes(body))
        wire.close()

    def _headers(self, lines: list[str], headers: dict[str, str]) -> str | None:
        """Take the headers of one read; return its ``data:`` line, if it has one."""
        for raw in lines:
            line = raw.strip()
            if not line:
                break
            key, _, value = line.partition(":")
            if key.strip() != "data":
                headers[key.strip()] = value.strip()
                continue
            if "display-name" not in headers:
                raise Stuck("remote-vscode: TypeError: no display-name")
            return line
        return None

    def _open_file(self, wire: Wire, headers: dict[str, str], body: bytes) -> None:
        tab = Tab(self, wire, base_name(host_and_name(headers["display-name"])[1]), body, headers)
        selection = headers.get("selection", "")
        tab.line = int(selection) + 1 if selection.isdigit() else 0
        self.show(tab)

    def save(self, tab: Tab, data: bytes) -> None:
        token = tab.headers.get("token", "undefined").encode()
        tab.wire.send(b"save\n", b"token: %s\n" % token, b"data: %d\n" % len(data), data, b"\n")

    def close(self, tab: Tab) -> None:
        tab.wire.finish()


class RmateVSCode(PlainServer):
    """Opens every file. A line that is split between two reads makes the extension loop for ever. Any record
    that it does not know, a header behind the data, or a word behind ``.`` counts as one more file: the
    connection then never ends. A token or name stops at a second ``: ``.
    """

    greeting = GREETING

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[Wire, int] = {}

    def serve(self, wire: Wire) -> None:
        self._counts[wire] = 0
        reader = _Reader(self, wire)
        while chunk := wire.chunk():
            while chunk:
                chunk = reader.feed(chunk)
        wire.close()

    def count(self, wire: Wire, by: int) -> int:
        self._counts[wire] += by
        return self._counts[wire]

    def save(self, tab: Tab, data: bytes) -> None:
        token = tab.headers.get("token", "null").encode()
        tab.wire.send(b"save\n", b"token: %s\n" % token, b"data: %d\n" % len(data), data, b"\n")

    def close(self, tab: Tab) -> None:
        token = tab.headers.get("token", "null").encode()
        tab.wire.send(b"close\n", b"token: %s\n\n" % token)
        if not self.count(tab.wire, -1):
            tab.wire.finish()


class _Reader:
    """What one session of :class:`RmateVSCode` knows between two reads."""

    def __init__(self, server: RmateVSCode, wire: Wire) -> None:
        self.server = server
        self.wire = wire
        self.headers: dict[str, str] | None = None
        self.size: int | None = None
        self.body = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Read on, and return what the program looks at next."""
        if self.size is None:
            chunk = self._lines(chunk)
        if self.size is None or self.headers is None:
            return b""
        piece = chunk[: self.size - len(self.body)]
        self.body += piece
        if len(self.body) < self.size:
            return b""
        headers, body = self.headers, bytes(self.body)
        self.headers, self.size, self.body = None, None, bytearray()
        name = base_name(host_and_name(headers.get("display-name", ""))[1]) or "random"
        tab = Tab(self.server, self.wire, name, body, headers)
        selection = headers.get("selection", "")
        tab.line = int(selection) if selection.isdigit() else 0
        self.server.show(tab)
        return chunk[len(piece) + 1 :]

    def _lines(self, chunk: bytes) -> bytes:
        while chunk:
            if b"\n" not in chunk:
                raise Stuck(f"rmate-vscode: loops for ever at {chunk[:40]!r}")
            raw, _, chunk = chunk.partition(b"\n")
            line = raw.decode("utf-8", "replace")
            if not line:
                continue
            if line == ".":
                return b""
            if self.headers is None:
                self.headers = {}
                self.server.count(self.wire, 1)
                continue
            parts = line.split(": ")
            if parts[0] == "data":
                self.size = js_int(parts[1])
                return chunk
            self.headers.setdefault(parts[0], parts[1] if len(parts) > 1 else "undefined")
        return b""


def js_int(text: str) -> int:
    digits = re.match(r"\s*(-?\d+)", text)
    if digits is None or int(digits[1]) < 0:
        raise Stuck(f"VS Code: cannot take {text!r} as a size")
    return int(digits[1])
