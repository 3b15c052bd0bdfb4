"""The spelling of lines: greeting, header block, values. Pure functions, both directions.

The grammar is rmate's (textmate/rmate; ``docs/protocol.md`` has it whole): a command line, ``name: value``
lines, ``data: N`` and N raw bytes, a blank line. A *plain* record is for a peer of the rmate family, of which
each has its own way of taking offence; a link record is for our own kind.
"""

from rbridge.errors import LocalProtocolError, RemoteProtocolError, clean
from rbridge.wire.limits import Limits
from rbridge.wire.records import Greeting, Record

LINK = "link/1"
"""The word in a greeting that offers our extension."""

SERVER, CLIENT, OURS = "server", "client", "ours"

GREETING_SENT = 499
"""QUIRK: rmate-rs asserts that a greeting is shorter than 512 bytes; silverzhao's C client dies at 4 KiB."""

_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_HEX = frozenset("0123456789abcdef")
_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")

# QUIRK: TextMate acts on these on the user's own Mac (`path` opens a local file): never said to a plain peer.
_TEXTMATE = frozenset(
    ("path", "uuid", "project-uuid", "add-to-recents", "authorization", "wait", "data-on-close")
)

_FOREIGN = (
    ("SSH-", "SSH"),
    ("HTTP/", "HTTP"),
    ("RFB ", "VNC"),
    ("* OK", "IMAP"),
    ("+OK", "POP3"),
)


class Announcement:
    """What a greeting says: *laptop*, *version* of rbridge, *editor* ("" if unknown); *link* if offered.

    *identity* (16 hex digits) names the daemon, the same after a restart; *nonce* (32), which only a TCP
    listener says, is what a proof of identity answers. Both are "" where they are absent or malformed.
    """

    __slots__ = ("editor", "identity", "laptop", "link", "nonce", "version")

    def __init__(
        self, laptop: str, version: str, editor: str, link: bool, identity: str = "", nonce: str = ""
    ) -> None:
        self.laptop = laptop
        self.version = version
        self.editor = editor
        self.link = link
        self.identity = identity
        self.nonce = nonce


def greeting(
    laptop: str, version: str, editor: str, link: bool = True, identity: str = "", nonce: str = ""
) -> str:
    """Our daemon's greeting, without line end, always shorter than 500 bytes.

    *identity* and *nonce* are as in :class:`Announcement`.
    QUIRK: rmate-nim insists on the prefix ``220 ``; every client takes the line as one, whatever follows.
    """
    words = ["220", word(laptop), "RMATE", "rbridge/" + word(version)]
    if link:
        words.append(LINK)
    for name, value in (("editor=", editor), ("id=", identity), ("nonce=", nonce)):
        if value:
            words.append(name + word(value))
    return " ".join(words)


def word(text: str) -> str:
    """*text* as one word of a greeting: at most 64 characters of ``[A-Za-z0-9._-]``, never empty."""
    return "".join(c if c in _WORD else "-" for c in text[:64]) or "-"


def parse_greeting(text: str) -> Announcement:
    """Take a greeting apart. Never fails: a peer that says less than ours simply leaves fields empty.

    Seen: ``220 HOST RMATE TextMate (Darwin X)``, ``Sublime Text 2 (rsub plugin)``, ``VSCode 1``,
    ``Atom 1.2``, ``zed-rmate-server 0``, ``rmate-server``; what such a line says of itself becomes *editor*.
    """
    words = text.split()
    if len(words) < 3 or words[0] != "220" or words[2] != "RMATE":
        return Announcement("", "", clean(text.strip()[:64]), LINK in words)
    version = editor = identity = nonce = ""
    for said in words[3:]:
        name, _, value = said.partition("=")
        if said.startswith("rbridge/"):
            version = clean(said[8:])
        elif name == "editor":
            editor = clean(value)
        elif name == "id":
            identity = value if is_hex(value, 16) else ""
        elif name == "nonce":
            nonce = value if is_hex(value, 32) else ""
    if not version and len(words) > 3:
        editor = editor or clean(words[3])
    return Announcement(clean(words[1]), version, editor, LINK in words, identity, nonce)


def is_hex(value: str, digits: int) -> bool:
    """Whether *value* is that many lower-case hexadecimal digits."""
    return len(value) == digits and _HEX.issuperset(value)


def foreign(text: str) -> str:
    """The protocol that a first line belongs to when it is surely not rmate's, else ``""``.

    Servers that speak first at a port where an rmate server was expected must not be sent a file.
    """
    for prefix, name in _FOREIGN:
        if text.startswith(prefix):
            return name
    words = text.upper().split()
    if text.startswith("220") and "RMATE" not in words:
        for name in ("ESMTP", "SMTP", "FTP"):
            if name in words:
                return name
    return "something binary" if any(c < " " and c != "\t" for c in text) else ""


def read_greeting(line: bytes) -> Greeting:
    """The editor's first line, whatever it says, unless it is plainly another protocol's.

    Raises :class:`RemoteProtocolError` then, naming that protocol.
    """
    text = decode(line[:-1] if line.endswith(b"\r") else line)
    other = foreign(text)
    if other:
        raise RemoteProtocolError("no rmate server: it speaks {} ({})".format(other, shown(line)))
    return Greeting(text)


def label(text: str) -> str:
    """*text* made safe as a value for every plain peer; for showing only, since it may lose something.

    Control characters, line and paragraph separators, bidirectional overrides and undecodable bytes become
    U+FFFD. QUIRK: remote-vscode and rmate-server look for the first ``data: N`` anywhere in the bytes they
    got, so ``data:`` becomes ``data_``.
    """
    return "".join("\ufffd" if _unsafe(ord(c)) else c for c in text).replace("data:", "data_")


def _unsafe(code: int) -> bool:
    """Whether the character of this *code* may change how what surrounds it is read or shown."""
    if code < 0x2028:
        return code < 0x20 or 0x7F <= code < 0xA0
    return code <= 0x202E or 0x2066 <= code <= 0x2069 or 0xD800 <= code <= 0xDFFF


def quote(text: str) -> str:
    """*text* (a path, surrogateescape) as a link value.

    Bytes below 0x20, 0x7f, ``%`` and what is not UTF-8 become ``%XX``. Raises :class:`LocalProtocolError`
    for NUL, which no path has.
    """
    if "\0" in text:
        raise LocalProtocolError("a value with a NUL byte cannot be sent")
    return "".join(_quoted(c) if c < " " or c in "%\x7f" or "\ud800" <= c <= "\udfff" else c for c in text)


def _quoted(char: str) -> str:
    """One character that :func:`quote` does not let through."""
    try:
        raw = char.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise LocalProtocolError("a value with a lone surrogate cannot be sent") from None
    return "".join("%{:02X}".format(byte) for byte in raw)


def unquote(value: str) -> str:
    """What :func:`quote` was given. Raises :class:`RemoteProtocolError` for a malformed ``%`` or a NUL."""
    parts = value.encode("utf-8", "surrogateescape").split(b"%")
    raw = parts[0]
    if len(parts) > 1:
        raw += b"".join(_unquoted(part) for part in parts[1:])
    if b"\0" in raw:
        raise RemoteProtocolError("a path with a NUL byte")
    return raw.decode("utf-8", "surrogateescape")


def _unquoted(part: bytes) -> bytes:
    """The bytes for one stretch of text that follows a ``%``."""
    digits = part[:2]
    if len(digits) < 2 or digits.strip(b"0123456789abcdefABCDEF"):
        raise RemoteProtocolError("a value with a malformed percent sign")
    return bytes((int(digits, 16),)) + part[2:]


def shown(raw: bytes) -> str:
    """The begin of what a peer said, fit for an error message."""
    return clean(decode(raw[:40]).strip())


def decode(raw: bytes) -> str:
    """Bytes of a line as text; what is not UTF-8 comes back unchanged through :func:`encode`."""
    return raw.decode("utf-8", "surrogateescape")


def header(line: bytes) -> "tuple[str, bytes]":
    """A header line's name in lower case and its value's bytes.

    One space after the colon belongs to the line, more belong to the value. A value may be empty
    (QUIRK: rmate-rs' ``selection: ``, the bash client's ``real-path: `` for stdin).
    """
    name, _, value = line.partition(b":")
    return decode(name).strip().lower(), value[1:] if value.startswith(b" ") else value


def block_length(value: bytes, limit: int) -> int:
    """The N of ``data: N``; raises :class:`RemoteProtocolError` unless it is decimal and at most *limit*.

    QUIRK: plain servers take a negative N as 1, or fall over it; nobody sends one.
    """
    digits = value.strip(b" \t")
    if not digits or digits.strip(b"0123456789"):
        raise RemoteProtocolError("'data: {}' is no length".format(shown(value)))
    # 20 digits are beyond any limit, and int() of a long string is slow
    if len(digits.lstrip(b"0")) > 20 or int(digits) > limit:
        raise RemoteProtocolError("the peer announced more than {} bytes".format(limit))
    return int(digits)


def head(record: Record, peer: str, limits: Limits) -> bytes:
    """The head of *record* up to and with ``data: N``, as one object to be written at once.

    *peer* is who will read it: SERVER, any rmate editor; CLIENT, any rmate client, which gets its own token
    back byte for byte; OURS, one of us, by way of link. Raises :class:`LocalProtocolError` for whatever that
    kind of peer would misread.
    QUIRK: remote-vscode, dersimn and duncannah fail when a header line is split over two reads, both C
    clients lose the save; remote-vscode never opens after CRLF, perl never saves: one write, LF only.
    """
    lines = [record.command]
    if len(record.headers) >= limits.headers:
        raise LocalProtocolError("{}: more than {} headers".format(record.command, limits.headers - 1))
    for name, value in record.headers.items():
        if peer != CLIENT:
            _check(name, value, peer == SERVER)
        elif "\n" in value:
            raise LocalProtocolError("{}: a line end cannot be sent".format(name))
        # with the space: QUIRK: zed drops the connection at "name:value"
        lines.append("{}: {}".format(name, value))
    if record.length is not None:
        if not 0 <= record.length <= limits.body:
            raise LocalProtocolError("{}: cannot send {} bytes".format(record.command, record.length))
        lines.append("data: {}".format(record.length))
    try:
        # QUIRK: rsub and RemoteSubl drop the connection at a byte that is not UTF-8
        raw = [line.encode("utf-8", "strict" if peer == SERVER else "surrogateescape") for line in lines]
    except UnicodeEncodeError:
        raise LocalProtocolError("{}: text that is not UTF-8 cannot be sent".format(lines[0])) from None
    if peer != CLIENT and any(len(line) > limits.line for line in raw):
        raise LocalProtocolError("{}: a line is longer than {} bytes".format(lines[0], limits.line))
    return b"\n".join(raw) + b"\n"


def _check(name: str, value: str, plain: bool) -> None:
    """Raise :class:`LocalProtocolError` for a header that must not be sent.

    QUIRK: remote-vscode and rmate-server find the body by searching for ``data: ``, wherever it stands.
    """
    if not name or not _NAME.issuperset(name) or name.endswith("data") or (plain and name in _TEXTMATE):
        raise LocalProtocolError("a header must not be called {!r}".format(name))
    if "\n" in value or "\r" in value or "\0" in value:
        raise LocalProtocolError("{}: a line end or NUL cannot be sent".format(name))
    if plain and "data:" in value:
        raise LocalProtocolError("{}: 'data:' in a value cannot be sent".format(name))
