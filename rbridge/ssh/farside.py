"""The host's end of ``rbridge get`` and ``rbridge put``: what is sent there and run, and the protocol.

The laptop runs one command on the host: a line of sh that finds a Python 3.6 and has it read LENGTH bytes
from its input, which are these modules as text, compressed. Then both ends speak in frames
(:mod:`rbridge.ssh.frames`); each line below is a record::

    host    NEWLINE MARK NEWLINE           random, in argv: all before it is what rc files print
            {"rbridge": 1}
    laptop  {"rbridge": 1, "do": "get", "recursive": BOOL}, {"path": PATH}..., {"go": true}
    or      {"rbridge": 1, "do": "put", "to": DIRECTORY, "force": BOOL}
    host    (put only) {"refused": WORDS, "code": N} and the end, or {"ready": true}

From here on the host gives and the laptop takes, or the other way round for put. A file has a number, which
counts from 0, directories included::

    giver   {"file": N, "argument": K, "parts": [NAME...], "size": S, "mtime": NS, "mode": M,
             "directory": BOOL}
            {"wrong": WORDS, "code": C, "argument": K, "name": "below/it"}   for what cannot be given
            {"listed": COUNT}
    taker   {"take": N, "from": F, "sha256": HEX}    what we have of it: F bytes with that hash
            {"take": N, ..., "compare": true, "whole": BOOL}    is all of it the same? if not, send it WHOLE
    giver   {"same": N} or {"other": N}              the answer to compare; other: and it was not to be sent
            {"sending": N, "size": S, "from": F}     F is 0 where the hash did not agree
              raw bytes, S - F of them
            {"sent": N, "sha256": HEX of all S bytes, "changed": BOOL}
            {"lost": N, "code": C, "said": WORDS}    instead, or in place of "sent": it cannot be read (on)
    taker   {"kept": N, "already": BOOL, "resumed": F}, or {"failed": N, "code": C, "said": WORDS}
            {"end": true}                            after the last one

The giver answers in the order of the requests, of which at most 128 are under way: so neither end needs to
read while it writes. A taker that cannot go on with a file says "failed" at once; the giver looks for that
between pieces and ends the file with "lost". Whatever is not listed here ends the transfer.

Paths are relative to the home directory, ``~`` and ``~user`` are understood, and wildcards (``**`` too) where
no file has that very name. No shell ever sees them.

The standard library and Python 3.6 only.
"""

import glob
import os
import signal
import sys

from rbridge.ssh.fetching import is_part
from rbridge.ssh.frames import Channel, Lost, Nonsense, text, to_bytes, to_text
from rbridge.ssh.giving import MOST, Giver, Told
from rbridge.ssh.outcomes import CANNOT_CREATE, NO_INPUT, Refused, reading
from rbridge.ssh.place import Place
from rbridge.ssh.taking import Offer, Taker

MYPY = False
if MYPY:
    from rbridge.ssh.frames import Record

VERSION = 1
MOST_PATHS = 10000


def main(mark: str, held: bytes = b"") -> int:
    """Serve the laptop on stdin and stdout; *held* was read from stdin already. The exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for number in (0, 1):
        os.set_blocking(number, True)
    channel = Channel(0, 1, held)
    try:
        try:
            os.chdir(os.path.expanduser("~"))
        except OSError:
            os.chdir("/")
        os.write(1, f"\n{mark}\n".encode("ascii"))
        channel.say({"rbridge": VERSION})
        serve(channel)
        channel.flush()
    except Lost:
        return 1  # nobody is there to be told
    except Nonsense as error:
        sys.stderr.write(f"rbridge: {error}\n")
        return 65
    return 0


def serve(channel: Channel) -> None:
    """One get or put. Raises Lost, Nonsense."""
    request = channel.record()
    if request.get("rbridge") != VERSION:
        raise Nonsense("a version that is not known here")
    if request.get("do") == "get":
        give(channel, request.get("recursive") is True)
    elif request.get("do") == "put":
        take(channel, request)
    else:
        raise Nonsense("a request that is not known here")


def give(channel: Channel, recursive: bool) -> None:
    """Offer and send what the paths name that follow."""
    paths: list[bytes] = []
    while True:
        record = channel.record()
        if "go" in record:
            break
        if len(paths) == MOST_PATHS:
            raise Nonsense("more paths than can be")
        paths.append(to_bytes(text(record, "path")))
    giver = Giver(channel, Told())
    offered: set[bytes] = set()
    for argument, path in enumerate(paths):
        try:
            found = expand(path)
        except Refused as refused:
            giver.wrong(argument, refused)
            continue
        for one in found:
            if os.path.normpath(one) in offered:
                continue  # it was named, and matches a wildcard besides
            offered.add(os.path.normpath(one))
            try:
                giver.offer(one, name_of(one), argument, recursive)
            except Refused as refused:
                giver.wrong(argument, refused, to_text(one) if one != path else "")
    giver.serve()


def take(channel: Channel, request: "Record") -> None:
    """Take what is offered into the directory of the *request*."""
    try:
        place = Place(in_home(to_bytes(text(request, "to"))), sync=True)
    except OSError as error:
        refused = reading(error)
        said = "no such directory" if refused.code == NO_INPUT else refused.said
        channel.say({"refused": said, "code": refused.code})
        return
    except ValueError:
        channel.say({"refused": "no such directory", "code": NO_INPUT})
        return
    channel.say({"ready": True})
    try:
        Taker(channel, place, Told(), _as_offered, request.get("force") is True).run()
    finally:
        place.close()


def in_home(path: bytes) -> bytes:
    """*path* with its ``~`` resolved; "" is the home directory."""
    return os.path.expanduser(path) if path.startswith(b"~") else path or b"."


def expand(path: bytes) -> "list[bytes]":
    """What *path* stands for: itself, or what its wildcards match. Raises Refused."""
    if b"\0" in path:
        raise Refused(NO_INPUT, "no such file")
    wanted = in_home(path)
    if os.path.lexists(wanted) or not glob.has_magic(wanted):
        return [wanted]
    if path.startswith(b"~"):
        first, slash, rest = path.partition(b"/")
        wanted = glob.escape(os.path.expanduser(first)) + slash + rest
    found: list[bytes] = []
    for match in glob.iglob(os.fsdecode(wanted), recursive=True):  # in characters, as the laptop checks them
        one = os.fsencode(match)
        if len(found) >= MOST:
            raise Refused(CANNOT_CREATE, f"these are more than {MOST} files: send an archive instead")
        if one and not is_part(os.path.basename(one)):
            found.append(one)
    if not found:
        raise Refused(NO_INPUT, "nothing matches")
    return sorted(found)


def name_of(path: bytes) -> str:
    """The name that what is at *path* has elsewhere."""
    name = os.path.basename(path.rstrip(b"/"))
    return to_text(name if name not in (b"", b".", b"..") else os.path.basename(os.path.realpath(path)))


def _as_offered(offer: Offer) -> "list[str]":
    """The laptop's user names the host's files."""
    return offer.parts
