"""What our own daemon is told of the host and of each file."""

import os

from rbridge import __version__, system
from rbridge.client import pinned
from rbridge.client.headers import display_name, wire_text
from rbridge.wire import codec

MYPY = False
if MYPY:
    from typing import Dict

    from rbridge.client.options import Options
    from rbridge.client.source import Source


def introduction(secret: str) -> "Dict[str, str]":
    """The headers of ``link``: who is there, in the session *secret*.

    What it says of us is shown on the laptop as what it is, a claim.
    """
    try:
        cwd = os.getcwd()
    except OSError:
        cwd = ""
    headers = {
        "version": __version__,
        "user": codec.label(system.user_name(os.geteuid())),
        "host": codec.label(os.uname().nodename),
        "cwd": codec.quote(wire_text(cwd)),
        "pid": str(os.getpid()),
        "session": secret,
    }
    if system.us(os.environ)[1:]:
        headers["dials"] = "no"
    return headers


def link_headers(source: "Source", options: "Options") -> "Dict[str, str]":
    """The headers of ``open`` towards our daemon."""
    held = pinned.is_held(source.resolved)  # by root, for somebody else
    headers = {
        "token": source.token,
        "display-name": codec.quote(wire_text(display_name(source) + (" (root)" if held else ""))),
        "real-path": codec.quote(wire_text(source.real)),
        "data-on-save": "yes",
        "re-activate": "no" if options.keep_focus else "yes",
    }
    if source.line:
        headers["selection"] = (
            "{}:{}".format(source.line, source.column) if source.column else str(source.line)
        )
    if source.type:
        headers["file-type"] = codec.label(source.type)
    if options.keep_focus:
        headers["keep-focus"] = "yes"
    if source.read_only:
        headers["read-only"] = "yes"
    if source.follow:
        headers.update(follow="yes", at=str(source.start))
    if source.fd < 0 and not source.stdin:
        headers["absent"] = "yes"
    if options.wait:
        headers["wait"] = "yes"
    if source.diff:
        headers["diff"] = source.diff
    if source.mode >= 0:
        headers["mode"] = "{:04o}".format(source.mode)
    return headers
