"""Which machine a host is, by the host keys that the user's known_hosts files have for it.

ssh has checked the machine's key against these files before rbridge asks, so what they say of the name is
said of the machine. Keys are named by their fingerprints, ``SHA256:...`` as ssh shows them; a certificate
authority counts as a key of its own, ``CA SHA256:...``; what is revoked in any of the files does not count.

Where ssh checks nothing (StrictHostKeyChecking no lets a changed key in), or trusts by other means than these
files (KnownHostsCommand, VerifyHostKeyDNS, /dev/null), no key is known: the machine is *unverified*, its id
is made of the name alone, and it is never the same as one that was verified.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import trio

from rbridge.errors import CannotCreate, Denied, NotListening, RbridgeError, TryAgain, clean
from rbridge.private import make_private
from rbridge.server import privatefiles
from rbridge.server.log import logger
from rbridge.ssh.config import Destination
from rbridge.wire.codec import is_hex

UNVERIFIED = "unverified-"
"""What the id of a machine begins with that could show no key."""

ID_SIZE = 8  # bytes of an id
DEADLINE = 10.0  # seconds for ssh-keygen and one file: it may lie on a file server that is away
KEYS = 500  # that are kept of a machine
PREVIOUS = 4  # machines that are kept beside the one that was last under a name
LONGEST = 1 << 20  # bytes of a file: more than KEYS x (1 + PREVIOUS) need

_FOUND = re.compile(r"# Host .* found: line [0-9]+ ?(|CA|REVOKED)")
_FINGERPRINT = re.compile(r" (SHA256:[A-Za-z0-9+/]{43})(?: |$)")
_KEY = re.compile(r"(?:CA )?SHA256:[A-Za-z0-9+/]{43}")
_DAMAGED = "is no record of a host of rbridge's"


@dataclass(frozen=True)
class Machine:
    """What is under a name now: *id* is the same as long as it shares a key with what it was.

    *other*: it is not the machine that was last under this name, or cannot show that it is. *also*: the ids
    that it has under other names; a certificate authority does not make two machines one.
    """

    id: str
    keys: frozenset[str]
    other: bool
    also: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def verified(self) -> bool:
        return bool(self.keys)


async def known(destination: Destination) -> frozenset[str]:
    """The keys that the known_hosts files have for *destination*, empty where they say nothing.

    Raises NotListening when there is no ssh-keygen, TryAgain when a file cannot be read in time.
    """
    if not destination.host_keys_checked:
        return frozenset()
    for name in destination.host_key_names:
        keys: set[str] = set()
        revoked: set[str] = set()
        for path in destination.known_hosts:
            if await trio.Path(path).is_file():
                for mark, key in _entries(await _keygen(name, path)):
                    (revoked if mark == "REVOKED" else keys).add(f"CA {key}" if mark == "CA" else key)
        keys -= revoked | {f"CA {key}" for key in revoked}
        if keys:
            return frozenset(keys)
    return frozenset()


class Hosts:
    """The machines that were under each name, below *root*, which is made when it is missing.

    Several processes may work on them at once. Raises Denied or CannotCreate when *root* is not ours alone.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        with suppress(
            RbridgeError
        ):  # said when a host is to be recognised: a daemon without hosts needs none
            make_private(root)

    def recognise(self, name: str, known: Iterable[str]) -> Machine:
        """Which machine shows itself with the keys *known* as the host *name*; it is kept as the last one.

        One that was under this name before another came has its old id back. An unverified one is not kept.
        Raises Denied when the file of that name cannot be trusted or is damaged, and CannotCreate when it
        cannot be written; what was kept is kept then.
        """
        keys = frozenset(sorted(known)[:KEYS])
        if not os.path.lexists(self.root):
            make_private(self.root)
        path = privatefiles.place(self.root, name)
        with privatefiles.locked(self.root) as directory:
            try:
                kept = _read(path, name)
            except FileNotFoundError:
                kept = []
            if not keys:
                return Machine(_unverified(name), keys, other=bool(kept))
            before = next((machine for machine in kept if machine.keys & keys), None)
            same = before is not None and before is kept[0]
            now = Machine(before.id if before else secrets.token_hex(ID_SIZE), keys, bool(kept) and not same)
            if not (same and kept[0].keys == keys):
                others = [machine for machine in kept if machine is not before]
                try:
                    _write(path, name, [now, *others[:PREVIOUS]], directory)
                except CannotCreate as error:
                    if not same:
                        raise
                    logger.warning(
                        "%s: what it showed is not kept: %s", name, error
                    )  # it is known all the same
            return replace(now, also=self._also(now))

    def _also(self, now: Machine) -> frozenset[str]:
        """The ids under other names of the machine that is here *now*."""
        keys = {key for key in now.keys if not key.startswith("CA ")}
        found: set[str] = set()
        for entry in os.scandir(self.root) if keys else ():
            with suppress(OSError, RbridgeError, ValueError, TypeError, KeyError, RecursionError):
                if entry.name.endswith(privatefiles.SUFFIX):
                    said = json.loads(privatefiles.read(entry.path, LONGEST))
                    found |= {one.id for one in map(_machine, said["machines"]) if one.keys & keys}
        return frozenset(found - {now.id})


async def _keygen(name: str, path: str) -> str:
    """What ssh-keygen finds for *name* in the file at *path*: "" as well where it cannot read it."""
    command = ["ssh-keygen", "-l", "-E", "sha256", "-F", name, "-f", path]
    try:
        with trio.fail_after(DEADLINE):
            done = await trio.run_process(
                command, stdin=b"", capture_stdout=True, capture_stderr=True, check=False, deliver_cancel=_end
            )
    except OSError as error:
        raise NotListening(f"cannot run ssh-keygen: {error.strerror}", "install OpenSSH") from None
    except trio.TooSlowError:
        message = f"cannot read {clean(path)} within {DEADLINE:g} s"
        raise TryAgain(message, "is it on a file server that is away?") from None
    return done.stdout.decode("utf-8", "replace")


async def _end(process: trio.Process) -> None:
    process.send_signal(signal.SIGKILL)


def _entries(said: str) -> Iterator[tuple[str, str]]:
    """The mark ("", "CA" or "REVOKED") and the fingerprint of each entry that ssh-keygen shows."""
    mark: str | None = None
    for line in said.split("\n"):
        found = _FOUND.fullmatch(line)
        fingerprint = _FINGERPRINT.search(line)
        if found:
            mark = found.group(1)
        elif mark is not None and fingerprint:
            yield mark, fingerprint.group(1)
            mark = None


def _unverified(name: str) -> str:
    return UNVERIFIED + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[: 2 * ID_SIZE]


def _read(path: str, name: str) -> list[Machine]:
    """The machines that were under *name*, the last one first; raises FileNotFoundError and Denied."""
    data = privatefiles.read(path, LONGEST)
    try:
        said = json.loads(data)
        machines = [_machine(one) for one in said["machines"]] if said["name"] == name else []
    except (ValueError, TypeError, KeyError, RecursionError):
        machines = []
    if not machines:
        raise Denied(f"{path} {_DAMAGED}", "remove it, if you still trust the host")
    return machines


def _machine(said: Any) -> Machine:
    """Raises ValueError, TypeError or KeyError."""
    machine_id, keys = str(said["id"]), frozenset(said["keys"])
    if not keys or not is_hex(machine_id, 2 * ID_SIZE) or not all(_KEY.fullmatch(key) for key in keys):
        raise ValueError("no machine")
    return Machine(machine_id, keys, other=False)


def _write(path: str, name: str, machines: list[Machine], directory: int) -> None:
    each = [{"id": machine.id, "keys": sorted(machine.keys)} for machine in machines]
    text = json.dumps({"name": name, "machines": each}, indent=1)
    privatefiles.replace(path, text.encode(), directory)
