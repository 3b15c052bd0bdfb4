"""Where the command and the process in the background part: the parent becomes a caller of the child.

The child holds the connections and the files, nothing of the shell's; the parent talks to it over a pair of
sockets as it would over the private socket that the child listens on.
"""

import _socket
import os

from rbridge.client import background, pinned, sudo
from rbridge.client.intercom import Intercom
from rbridge.client.sending import send_all
from rbridge.client.waiting import Signals, relay
from rbridge.errors import RbridgeError, TryAgain
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    from typing import List, Optional

    from rbridge.client.background import Lines
    from rbridge.client.compiled import Keeping
    from rbridge.client.delivery import Delivery
    from rbridge.client.loop import Loop
    from rbridge.client.main import Run

LAST_LINES = 1.0
"""Seconds at the end for the log: its file server may hang."""

LAST_CODE = 10.0
"""Seconds at the end for compiling, and keeping, what was not compiled yet."""

RELATIVE = ("RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR")
"""Variables with a path that would mean another place in the child, whose directory is ``/``."""


def stay_behind(delivery: "Delivery", run: "Run") -> int:
    """Leave what *delivery* sent to a process of its own; the exit code of *run*, in the parent only.

    Raises TryAgain when there cannot be another process.
    """
    signals = Signals()
    for name in RELATIVE:
        if os.environ.get(name):
            os.environ[name] = os.path.abspath(os.environ[name])
    states = background.state_dir()
    here, there = _socket.socketpair()
    command = os.getpid()
    peers = {document.peer for document in delivery.documents}
    keep = [there.fileno()] + [peer.sock.fileno() for peer in peers]
    keep += [document.source.fd for document in delivery.documents if document.source.fd >= 0]
    keep += pinned.descriptors([document.source for document in delivery.documents])
    if delivery.main is not None:
        keep.append(delivery.main.sock.fileno())
    try:
        child = background.detach(keep)
    except OSError as error:
        if os.getpid() != command:
            os._exit(70)
        signals.close()
        for sock in (here, there):
            sock.close()
        raise TryAgain(
            "no process can stay in the background: {}".format((error.strerror or "").lower()),
            "the files are closed again, and unchanged",
        ) from None
    if child:
        live(delivery, there, states)
    there.close()
    for document in delivery.documents:
        document.source.close()
        document.peer.sock.close()
    if delivery.main is not None:
        delivery.main.sock.close()
    return relay(Intercom(here), signals, run, delivery.options.wait)


def take_back(delivery: "Delivery") -> None:
    """Close what *delivery* sent, as far as that can be said: the command was interrupted before the fork."""
    for document in delivery.documents:
        if document.peer.link:
            try:
                said = document.peer.wire.say(Record("close", {"token": document.source.token}))
                send_all(document.peer.sock, said, 1.0)
            except (OSError, RbridgeError):
                continue  # it was interrupted in the middle of a record, or nobody hears it


def live(delivery: "Delivery", sock: "_socket.socket", states: str) -> None:
    """The life of the process in the background; never returns to what the command was doing."""
    code = 70
    log = background.Log(states)
    try:
        import signal

        signal.set_wakeup_fd(-1)
        from rbridge.client import ahead, compiled
        from rbridge.client.loop import Loop
        from rbridge.client.reception import Reception
        from rbridge.client.resident import Resident

        loop = Loop()
        reception = Reception(loop, states)
        caller = reception.welcome(sock, delivery.options.wait, len(delivery.documents))
        # before the command can return: from then on this process is to be found
        shared = delivery.first.link and not sudo.confined()
        reception.listen(delivery.first.endpoint.label if shared else "")
        lines = background.Lines(loop, log)
        resident = Resident.from_delivery(loop, delivery, caller, lines.write, states)
        reception.resident = resident
        keeping = compiled.later(loop)
        ahead.load(loop)
        loop.listen_to_signals()
        loop.run(lambda: (resident.done() and reception.idle()) or resident.farewell.given_up)
        reception.close()
        resident.end()
        finish(loop, lines, None if resident.farewell.given_up else keeping)
        code = 0
    except BaseException as error:  # there is no terminal to show it on
        log.write("unexpected {}: {}".format(type(error).__name__, error))
    finally:
        os._exit(code)


def finish(loop: "Loop", lines: "Lines", keeping: "Optional[Keeping]") -> None:
    """Wait for what is still to be written to the state directory, but not for long."""
    from rbridge.client.worker import Worker

    kept = Worker(loop, lambda: None)
    if keeping is not None:
        kept.do(keeping.finish, lambda _result, _error: None)
    over: "List[bool]" = []
    loop.at(LAST_LINES if keeping is None else LAST_CODE, lambda: over.append(True))
    loop.run(lambda: bool(over) or (lines.written and not kept.busy))
