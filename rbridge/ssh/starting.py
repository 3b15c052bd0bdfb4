"""The daemon as commands that need one have it: asked at once, and started in the background if none runs.

The standard library only, and little of it: ``rbridge ssh`` waits for this at each call.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rbridge import paths, system
from rbridge.errors import Denied, NotListening, RbridgeError, clean

START = 30.0  # seconds until a daemon has to be ready
ANSWER = 10.0  # seconds for an answer that waits for nobody else
SLOW = 1.0  # seconds after which somebody who waits wants to know for what
LONGEST = 16 << 20  # bytes of an answer
LISTENING = "listening on "
ORPHAN = """\
import os, sys
if os.fork():
    os._exit(0)
os.execv(sys.executable, [sys.executable, "-m", "rbridge", "serve", "--detached"])
"""

CARRIED = (
    "PATH",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_SK_PROVIDER",
    "SSH_SK_HELPER",
    "KRB5CCNAME",
    "KRB5_CONFIG",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
)
"""Variables of a command's environment with which the daemon runs ssh later: where the user's agents are."""

Say = Callable[[str], None]


def ask(
    request: dict[str, Any], patience: float = ANSWER, meanwhile: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Say *request* to the running daemon (:mod:`rbridge.server.control`) and return its answer; *meanwhile*
    is called once if that takes longer than a second.

    Raises NotListening when none runs, Denied when the socket is somebody else's, and RbridgeError when it
    does not answer within *patience* seconds.
    """
    where = os.path.join(paths.runtime_dir(create=False), "control.sock")
    data = bytearray()
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(patience)
            sock.connect(where)
            if system.peer_uid(sock) not in (None, os.geteuid()):
                raise Denied(f"{where} is another user's", "remove it")
            sock.sendall(json.dumps(request).encode() + b"\n")
            if meanwhile is not None and not select.select([sock], [], [], SLOW)[0]:
                meanwhile()
            while not data.endswith(b"\n") and len(data) <= LONGEST:
                more = sock.recv(1 << 16)
                if not more:
                    break
                data += more
    except TimeoutError:
        raise RbridgeError("rbridge serve does not answer") from None
    except OSError:
        raise NotListening("rbridge is not serving here", "start it with: rbridge serve") from None
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RbridgeError("rbridge serve does not answer", "its log may say why")
    return answer


def asked(request: dict[str, Any], say: Say) -> dict[str, Any]:
    """The answer to *request*, of a daemon that is started, and outlives us, if none runs. *say* gets what it
    says then.

    Raises what it ended with, in its words: NotListening, or RbridgeError when it is not ready in time.
    """
    try:
        return ask(request)
    except NotListening:
        start(say)
    return ask(request)


def start(say: Say) -> None:
    """Start ``rbridge serve`` in a session of its own, nobody's child; returns when it listens, or runs
    already.
    """
    orphan = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        orphan.wait(START)
        printed = _printed(orphan)
    except BaseException:  # also Ctrl-C while we wait: nobody has asked for a daemon then
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(orphan.pid, signal.SIGTERM)
        raise
    lines = printed.decode("utf-8", "replace").splitlines()
    said = [clean(line.removeprefix("rbridge: ")) for line in lines if not line.startswith(LISTENING)]
    if len(said) < len(lines):
        for line in said:
            say(line)
        return
    try:
        ask({"do": "ping"})  # another command was first
    except RbridgeError:
        why = said[-1] if said else "it said nothing"
        raise NotListening(f"rbridge serve did not start: {why}", "run it to see: rbridge serve") from None


def _printed(process: subprocess.Popen[bytes]) -> bytes:
    """All that a daemon prints until it is ready, when it lets go of its output, or until it has ended."""
    assert process.stdout is not None
    end = time.monotonic() + START
    printed = bytearray()
    with process.stdout as pipe:
        while True:
            if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
                raise RbridgeError(f"rbridge serve was not ready within {START:g} s")
            data = os.read(pipe.fileno(), 65536)
            if not data:
                return bytes(printed)
            printed += data
