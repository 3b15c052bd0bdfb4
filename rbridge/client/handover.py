"""Giving a command's files to the client that is in the background already, the caller's side.

Two steps, lest a process that was stopped opens them later, when nobody waits any more: the files are
offered, the other one says that it is ready, and only the word ``go`` has them opened. A file goes over as a
descriptor.
Whatever is in the way, nothing has happened and the caller serves its files itself.
"""

import _socket
import os

from rbridge import __version__, system
from rbridge.client.intercom import BATCH, ENVIRONMENT, Intercom, connected, spelled
from rbridge.client.settings import shortened
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Dict, List, Optional, Tuple

    from rbridge.client.main import Run
    from rbridge.client.options import Options
    from rbridge.client.probe import Peer
    from rbridge.client.source import Source

ANSWER = 2.0
"""Seconds that the process in the background has for its first word; one that was stopped says none."""

FLAGS = ("wait", "new", "read_only", "force", "keep_focus", "large", "verbose")
"""Options that are handed over with the files."""

TEXTS = ("path", "real", "name", "type", "selection", "part", "diff", "port", "url")
NUMBERS = ("line", "column", "start", "size", "mode", "device")
MARKS = ("read_only", "unprotect", "stdin", "follow", "folder")
"""What is handed over of a source."""

NETWORK = "/proc/self/ns/net"
"""What a port is in, as a file is in a directory."""


class Declined(Exception):
    """The files were not taken; the words say why. *hung*: nobody there says anything."""

    def __init__(self, why: str, hung: bool = False) -> None:
        super().__init__(why)
        self.hung = hung


def served(
    path: str, sources: "List[Source]", options: "Options", run: "Run", peer: "Optional[Peer]" = None
) -> "Optional[int]":
    """Have the process that listens at *path* serve the files of *run*; the exit code.

    None when it does not, and then nothing has happened. With *peer* it has to be connected to that laptop,
    and this connection is closed when it is.
    """
    if path == run.hung:
        return None
    try:
        intercom, way = hand_over(path, sources, options, peer.said.identity if peer is not None else "")
    except Declined as error:
        if options.verbose:
            run.report("{}: passed over: {}".format(shortened(path), error))
        if error.hung:
            run.hung = path
        return None
    if peer is not None:
        peer.sock.close()
    if options.verbose:
        run.say("talking to " + way)
    from rbridge.client.waiting import Signals, relay

    return relay(intercom, Signals(), run, options.wait)


def hand_over(
    path: str, sources: "List[Source]", options: "Options", identity: str = ""
) -> "Tuple[Intercom, str]":
    """Have the process at *path* open *sources*, which are closed here; what talks to it, and who that is.

    With *identity* it has to be connected to the laptop of that identity. Raises Declined.
    """
    intercom = call(path)
    try:
        way = offer(intercom, sources, options, identity)
    except _socket.timeout:
        intercom.close()
        raise Declined("no answer within {:g} s".format(ANSWER), hung=True) from None
    except OSError as error:
        intercom.close()
        raise Declined((error.strerror or str(error)).lower()) from None
    except (Declined, RbridgeError) as error:
        intercom.close()
        raise Declined(str(error)) from None
    for source in sources:
        source.close()
    return intercom, way


def call(path: str) -> Intercom:
    """Connect to the process of ours that listens at *path*. Raises Declined. A dead one is removed."""
    found = None
    try:
        found = os.lstat(path)
        if found.st_uid != os.geteuid() or found.st_mode & 0o177077 != 0o140000:
            raise Declined("it is no socket that is ours alone")
        sock = connected(path)
    except ConnectionRefusedError:
        discard(path, found)
        raise Declined("nobody listens there any more") from None
    except BlockingIOError:
        raise Declined("more commands wait for it than it takes", hung=True) from None
    except OSError as error:
        raise Declined((error.strerror or str(error)).lower()) from None
    uid = system.peer_uid(sock)
    if uid != os.geteuid():
        sock.close()
        raise Declined("cannot tell whose it is" if uid is None else "it belongs to " + system.user_name(uid))
    sock.settimeout(ANSWER)
    return Intercom(sock)


def discard(path: str, found: "Optional[os.stat_result]") -> None:
    """Remove a socket that a process left behind, unless there is a new one by now."""
    try:
        now = os.lstat(path)
        # RACE: a new one may be bound between the two calls; its process then cannot be found by others
        if found is not None and (now.st_dev, now.st_ino) == (found.st_dev, found.st_ino):
            os.unlink(path)
    except OSError:
        return


def offer(intercom: Intercom, sources: "List[Source]", options: "Options", identity: str) -> str:
    """Say what is to be opened, and have it opened; the way that it goes, in words.

    Raises Declined, OSError and RbridgeError.
    """
    headers = {
        "version": __version__,
        "cwd": directory(),
        "files": str(len(sources)),
        "identity": identity,
        "patience": repr(options.patience),
    }
    for name in FLAGS:
        if getattr(options, name):
            headers[name.replace("_", "-")] = "yes"
    intercom.send_all(spelled("hand", headers, environment()))
    for first in range(0, len(sources), BATCH):
        batch = sources[first : first + BATCH]
        files = b"".join(spelled("file", described(source), count=int(source.fd >= 0)) for source in batch)
        intercom.send_all(files, [source.fd for source in batch if source.fd >= 0])
    message = intercom.next()
    while message is None:
        intercom.receive()
        message = intercom.next()
        if message is None and intercom.ended:
            raise Declined("it hung up")
    if message.command != "ready":
        raise Declined(message.get("message") or "it gave no reason")
    intercom.say("go")
    intercom.sock.settimeout(None)
    return "{} through the process in the background, pid {}".format(
        message.get("laptop"), message.get("pid")
    )


def described(source: "Source") -> "Dict[str, str]":
    """The headers for one file."""
    headers = {name: getattr(source, name) for name in TEXTS}
    for name in NUMBERS:
        headers[name] = str(getattr(source, name))
    for name in MARKS:
        if getattr(source, name):
            headers[name.replace("_", "-")] = "yes"
    if source.fd < 0:
        headers["directory"] = identified(NETWORK if source.port else os.path.dirname(source.real))
    return headers


def identified(path: str) -> str:
    """Device and inode of what *path* leads to. Raises OSError."""
    found = os.stat(path)
    return "{}:{}".format(found.st_dev, found.st_ino)


def directory() -> str:
    """The current directory, "" if it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def environment() -> bytes:
    """All variables, NUL behind each; those that no longer fit are left out."""
    found = []
    size = 0
    for name, value in os.environb.items():
        word = name + b"=" + value + b"\0"
        if size + len(word) <= ENVIRONMENT:
            size += len(word)
            found.append(word)
    return b"".join(found)
