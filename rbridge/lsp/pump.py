"""``rbridge lsp``: what an editor starts as its language server. It carries bytes to the daemon and back.

The standard library only, and little of it: an editor waits for this to start.
"""

import _socket  # socket brings selectors and collections along: a third of the start
import os
import sys
from _thread import start_new_thread

from rbridge import paths
from rbridge.errors import Denied, NotListening, RbridgeError, UsageError
from rbridge.private import check_private

MYPY = False
if MYPY:
    import socket

PIECE = 256 * 1024
SOCKET = "lsp.sock"
EXIT = b'"exit"'
SHORT = 256  # bytes of the message that ends a session
FIRST = 10.0  # seconds until who has connected says something

USAGE = """usage: rbridge lsp [--uri URI] [--server NAME] [--language NAME] [--tcp [PORT]]

The language server of the host on which a document is edited, over stdin and stdout: what an editor starts as
its language server.

  --uri URI        of the document, or of a folder with it; else the editor's workspace and the working
                   directory tell, and where those do not, the first document that is opened
  --server NAME    the server of that name, where the host has several (basedpyright, ruff)
  --language NAME  that of the document, where its name does not tell
  --tcp [PORT]     for one editor that connects to this port of 127.0.0.1, by default to a free one, which is
                   printed

exit codes: 0 the editor is done   64 wrong usage   69 'rbridge serve' is not running, or has ended
            77 whoever connected is somebody else, or cannot be told
"""


def run(arguments: "list[str]") -> int:
    """The command; returns its exit code. Raises RbridgeError."""
    said: dict[str, str] = {"cwd": _cwd(), "document": os.environ.get("RBRIDGE_DOCUMENT", "")}
    port: int | None = None
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word in ("-h", "--help"):
            sys.stdout.write(USAGE)
            return 0
        if word == "--stdio":
            continue  # as editors say it to others
        if name == "--tcp":
            if not equals:
                value = rest.pop(0) if rest and rest[0].isdigit() else "0"
            port = _port(value)
            continue
        if name not in ("--uri", "--server", "--language", "--document"):
            raise UsageError("rbridge lsp: unknown option " + word, "--help lists them")
        if not equals:
            if not rest:
                raise UsageError(f"rbridge lsp: {name} wants a value")
            value = rest.pop(0)
        said[name[2:]] = value
    if port is None:
        said["editor"] = str(os.getppid())
        return carry(connected(), said, 0, 1)
    connected().close()  # who waits for an editor in vain should know at once
    with attached(port) as editor:
        return carry(connected(), said, editor.fileno(), editor.fileno())


def _port(text: str) -> int:
    if not (text.isdigit() and len(text) < 6 and int(text) < 65536):
        raise UsageError(f"rbridge lsp: --tcp takes a port, not '{text}'")
    return int(text)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def connected() -> _socket.socket:
    """A connection to the daemon. Raises NotListening."""
    tried = ""
    for directory in paths.runtime_candidates():
        path = os.path.join(directory, SOCKET)
        try:
            if os.lstat(path).st_uid != os.geteuid():
                continue
            check_private(directory)
            sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            try:
                sock.connect(path)
            except BaseException:
                sock.close()
                raise
            return sock
        except FileNotFoundError:
            continue
        except (OSError, RbridgeError) as error:
            tried = str(error)
    raise NotListening(
        "rbridge serve is not running" + (": " + tried if tried else ""), "start it: rbridge serve"
    )


def attached(port: int) -> "socket.socket":
    """The connection of an editor of ours to *port* of 127.0.0.1. Raises NotListening and Denied."""
    import socket

    from rbridge.tcpowner import tcp_peer_uid

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise NotListening(
                "rbridge lsp: cannot listen on port {}: {}".format(port, (error.strerror or "").lower())
            ) from error
        listener.listen(1)
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            editor, peer = listener.accept()
            try:
                editor.settimeout(FIRST)
                said = editor.recv(1, socket.MSG_PEEK)
                editor.settimeout(None)
            except OSError:
                said = b""
            uid = tcp_peer_uid(editor.getsockname(), peer) if said else None
            if said and uid == os.geteuid():
                editor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return editor
            editor.close()
            if said and uid is None:
                raise Denied(
                    "rbridge lsp: refused: it cannot be told here who connects over TCP",
                    "have the editor start rbridge lsp without --tcp",
                )
            if said:
                sys.stderr.write(f"rbridge lsp: refused a connection of uid {uid}\n")
                sys.stderr.flush()


class Editor:
    """What an editor says, read from *source* in a thread; *done*: it has said all, *last* being the end."""

    def __init__(self, source: int) -> None:
        self.done = False
        self.last = b""
        self._source = source

    @property
    def ended(self) -> bool:
        """Whether the end is its wish."""
        return self.done or EXIT in self.last

    def listen(self, sock: _socket.socket) -> None:
        """Carry it to *sock*."""
        while True:
            try:
                data = os.read(self._source, PIECE)
            except OSError:
                data = b""
            self.done = not data
            self.last = data[-SHORT:]
            try:
                if not data:
                    sock.shutdown(_socket.SHUT_WR)
                    return
                sock.sendall(data)
            except OSError:
                return  # the other direction notices


def carry(sock: _socket.socket, said: "dict[str, str]", source: int, sink: int) -> int:
    """Carry bytes between the daemon and the descriptors *source* and *sink* until either side ends.

    Raises NotListening where the daemon did, and the editor had not said that it is done.
    """
    import json

    hello = json.dumps({"jsonrpc": "2.0", "method": "rbridge/hello", "params": said}).encode("ascii")
    editor = Editor(source)
    try:
        sock.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(hello), hello))
        start_new_thread(editor.listen, (sock,))
        while True:
            data = sock.recv(PIECE)
            if not data:
                break
            if not _written(sink, data):
                return 0
    except ConnectionError:
        pass  # as at its end
    if editor.ended:
        return 0
    raise NotListening(ENDED, "start it again: rbridge serve")


ENDED = "the language server is gone: rbridge serve has ended, or closed the connection (its log says why)"


def _written(sink: int, data: bytes) -> bool:
    """Whether the editor takes *data*."""
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(sink, left) :]
    except ConnectionError:
        return False
    return True
