"""Servers that start an editor as a process: zed-rmate-server (zuckschwerdt), rmate-server (xiaozhuai and
shunf4), and the bash one (pricci1/rmate-server).
"""

from __future__ import annotations

from tests.compat.servers.base import Dropped, PlainServer, Stuck, Tab, Wire, base_name, host_and_name

YES_OR_NO = {"true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"}


class ZedRmateServer(PlainServer):
    """Only ``open`` and ``.`` may come, and every header must read ``key: value`` in UTF-8; else the
    connection ends. The files open together at the ``.``, after which it never reads. When the editor has
    closed all of them it says ``close`` without a token or a blank line, and drops the connection.
    """

    greeting = b"zed-rmate-server 0\n"

    def __init__(self) -> None:
        super().__init__()
        self._open_tabs: dict[Wire, list[Tab]] = {}

    def serve(self, wire: Wire) -> None:
        tabs = []
        while True:
            line = wire.readline()
            if not line:
                raise Dropped("zed: the client went before its dot; the server loops")
            command = utf8(line).rstrip()
            if command == ".":
                break
            if command == "open":
                tabs.append(self._file(wire))
            elif command:
                raise Dropped(f"zed: protocol error at {command!r}")
        self._open_tabs[wire] = list(tabs)
        for tab in tabs:
            self.show(tab)

    def _file(self, wire: Wire) -> Tab:
        headers: dict[str, str] = {}
        while True:
            line = utf8(wire.readline())
            key, separator, value = line.partition(": ")
            value = value.rstrip()
            if not separator:
                raise Dropped(f"zed: protocol header error at {line!r}")
            if key in ("data-on-save", "re-activate", "new") and value.lower() not in YES_OR_NO:
                raise Dropped(f"zed: protocol value error at {line!r}")
            headers[key] = value
            if key == "data":
                break
        if not headers["data"].isdigit():
            raise Dropped("zed: protocol value error in data")
        body = wire.read(int(headers["data"]))
        shown = headers.get("display-name") or headers.get("real-path") or "rmate-file.txt"
        tab = Tab(self, wire, base_name(shown.replace(":", "~")), body, headers)
        line_number = headers.get("selection", "").partition(":")[0]
        tab.line = int(line_number) if line_number.isdigit() else 0
        return tab

    def save(self, tab: Tab, data: bytes) -> None:
        token = tab.headers.get("token", "").encode()
        tab.wire.send(b"save\ntoken: %s\ndata: %d\n" % (token, len(data)), data, b"\n")

    def close(self, tab: Tab) -> None:
        self._open_tabs[tab.wire].remove(tab)
        if not self._open_tabs[tab.wire]:
            tab.wire.send(b"close\n")
            tab.wire.sock.close()


class RmateServer(PlainServer):
    """Collects input until it has ``data: ``, wherever that stands, and its line's end; the data must be
    followed by three bytes, LF dot LF. Only the first file of a connection opens. A value stops at a second
    ``: ``. On close only a FIN comes.

    It names its temporary file after what follows the last dot of ``real-path``: for a file without a suffix
    below a directory with a dot in its name it fails, and so does the real one.
    """

    greeting = b"rmate-server\n"
    many_files = False

    def serve(self, wire: Wire) -> None:
        buffer = bytearray()
        while (start := body_start(buffer)) < 0:
            chunk = wire.chunk()
            if not chunk:
                wire.close()
                return
            buffer += chunk
        lines = bytes(buffer[: start - 1]).decode("utf-8", "replace").split("\n")
        headers = {}
        for line in lines[1:]:
            parts = line.split(": ")
            headers[parts[0]] = parts[1] if len(parts) > 1 else "undefined"
        size = int(headers["data"]) if headers.get("data", "").isdigit() else None
        del buffer[:start]
        # Without a number it compares with NaN, and takes the data to be there already: nothing.
        while size is not None and len(buffer) < size + 3:
            chunk = wire.chunk()
            if not chunk:
                wire.close()
                return
            buffer += chunk
        if lines[0] == "open":
            self._open_file(wire, headers, bytes(buffer[: size or 0]))
        while wire.chunk():
            pass
        wire.close()

    def _open_file(self, wire: Wire, headers: dict[str, str], body: bytes) -> None:
        shown = headers.get("display-name")
        path = headers.get("real-path", shown)
        if shown is None or path is None:
            raise Stuck("rmate-server: TypeError: no name")
        if "/" in (path.rpartition(".")[2] if "." in path else ""):
            raise Stuck(f"rmate-server: ENOENT for the suffix of {path}")
        self.show(Tab(self, wire, base_name(host_and_name(shown)[1]), body, headers))

    def save(self, tab: Tab, data: bytes) -> None:
        token = tab.headers.get("token", "null").encode()
        tab.wire.send(b"save\n", b"token: %s\n" % token, b"data: %d\n" % len(data), data, b"\n")

    def close(self, tab: Tab) -> None:
        tab.wire.finish()


class Pricci1(PlainServer):
    """Opens a file at the blank line behind its data. Closing the editor is not noticed: the connection lasts
    until the client ends it. What follows ``.`` is swallowed up to a blank line.
    """

    greeting = b"Zed (rmate-server)\n"
    closes = False

    def serve(self, wire: Wire) -> None:
        tokens = []
        while line := wire.readline():
            command = header(line)
            if not command:
                continue
            if command != "open":
                while header(wire.readline()):
                    pass
                continue
            headers, body = self._file(wire)
            token = headers.get("token", "")
            shown = headers.get("display-name", "")
            name = base_name(shown.rpartition(":")[2] if ":" in shown else token)
            tab = Tab(self, wire, "untitled" if name in ("", "-") else name, body, headers)
            selection = headers.get("selection", "").partition(":")[0]
            tab.line = int(selection) if selection.isdigit() else 0
            tokens.append(token)
            self.show(tab)
        for token in tokens:
            wire.send(f"close\ntoken: {token}\n\n".encode())
        wire.close()

    def _file(self, wire: Wire) -> tuple[dict[str, str], bytes]:
        headers: dict[str, str] = {}
        body = b""
        while text := header(wire.readline()):
            key, _, value = text.partition(":")
            value = value.removeprefix(" ")
            headers[key] = value
            if key == "data":
                body = wire.read(int(value))
        return headers, body

    def save(self, tab: Tab, data: bytes) -> None:
        token = tab.headers.get("token", "").encode("utf-8", "surrogateescape")
        tab.wire.send(b"save\ntoken: %s\ndata: %d\n" % (token, len(data)), data, b"\n")

    def close(self, tab: Tab) -> None:
        self.problems.put(f"pricci1: {tab.name} was closed, and nobody is told")


def body_start(buffer: bytearray) -> int:
    """Where the body begins as rmate-server finds it, -1 when not yet known."""
    start = buffer.find(b"data: ")
    end = buffer.find(b"\n", start) if start >= 0 else -1
    return end + 1 if end >= 0 else -1


def header(line: bytes) -> str:
    """A line as bash reads it: without its end, its CR and its NULs."""
    text = line.removesuffix(b"\n").removesuffix(b"\r").replace(b"\0", b"")
    return text.decode("utf-8", "surrogateescape")


def utf8(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Dropped(f"zed: not UTF-8: {line!r}") from error
