"""TextMate 2: the program that rmate was written for (textmate/textmate, RMateServer.mm)."""

from __future__ import annotations

from tests.compat.servers.base import PlainServer, Tab, Wire

BLOCK = 1024


class TextMate(PlainServer):
    """Speaks CRLF, and sends a save in data blocks of at most 1 KiB, or none at all for an emptied file.

    It reads up to the ``.`` line, only then opens all files at once, and never reads again. Values are
    unescaped: a backslash takes the next character as it is, and ``\\n`` is a newline. The connection ends
    when the last of its documents is closed.
    """

    greeting = b"220 laptop.local RMATE TextMate (Darwin 23.1.0)\n"
    chunk_size = 1024

    def __init__(self) -> None:
        super().__init__()
        self._documents: dict[Wire, list[Tab]] = {}

    def serve(self, wire: Wire) -> None:
        records = read_records(wire)
        if records is None:
            wire.close()
            return
        if records and records[0][0] != "open":
            return
        tabs = []
        for _, headers, body in records:
            if body is None:
                # A document without data: an untitled one, whose saves stay on the Mac.
                continue
            tab = Tab(self, wire, headers.get("display-name", ""), body, headers)
            selection = headers.get("selection", "").partition(":")[0].partition("-")[0]
            tab.line = int(selection) if selection.isdigit() else 0
            tabs.append(tab)
        self._documents[wire] = list(tabs)
        for tab in tabs:
            self.show(tab)

    def save(self, tab: Tab, data: bytes) -> None:
        tab.wire.send(b"save\r\n", token_line(tab))
        if tab.headers.get("data-on-save") == "yes":
            for start in range(0, len(data), BLOCK):
                block = data[start : start + BLOCK]
                tab.wire.send(b"data: %d\r\n" % len(block), block)
        tab.wire.send(b"\r\n")

    def close(self, tab: Tab) -> None:
        tab.wire.send(b"close\r\n", token_line(tab), b"\r\n")
        documents = self._documents[tab.wire]
        documents.remove(tab)
        if not documents:
            tab.wire.close()


def token_line(tab: Tab) -> bytes:
    token = tab.headers.get("token")
    return b"" if token is None else b"token: %s\r\n" % token.encode("utf-8", "surrogateescape")


def read_records(wire: Wire) -> list[tuple[str, dict[str, str], bytes | None]] | None:
    """Command, headers and body of each record before the ``.``; None when the client went before it."""
    records: list[tuple[str, dict[str, str], bytes | None]] = []
    in_record = False
    while line := wire.readline():
        text = line.rstrip(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
        if not text:
            in_record = False
        elif not in_record:
            if text == "." or text.lower() == "quit":
                return records
            records.append((text, {}, None))
            in_record = True
        elif ":" in text:
            key, _, value = text.partition(":")
            value = value[1:]
            command, headers, body = records[-1]
            if key == "data":
                records[-1] = (command, headers, (body or b"") + wire.read(int(value)))
            elif value:
                headers.setdefault(key, unescape(value))
    return None


def unescape(value: str) -> str:
    plain, characters = [], iter(value)
    for character in characters:
        if character == "\\":
            character = next(characters, "")
            character = "\n" if character == "n" else character
        plain.append(character)
    return "".join(plain)
