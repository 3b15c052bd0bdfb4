"""The keys by which hosts prove who they are: one per host, 32 random bytes, ``STATE/keys/NAME.json``.

A key reaches its host over ssh and only ever opens TCP. It is renewed at each connect. Until the host has
used the new one, those before it go on counting, because the new one may have got lost on the way; then they
are void. A host whose *identity* (its ssh key) has changed has no key any more: it is another machine.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from rbridge.errors import CannotCreate, Denied, clean
from rbridge.private import check_private, make_private
from rbridge.server import privatefiles
from rbridge.server.log import logger
from rbridge.wire.auth import KEY_SIZE
from rbridge.wire.codec import is_hex, word

ID_SIZE = 8
PREVIOUS = 4  # keys that still count beside the newest: as many connects in a row may have gone wrong
LONGEST = 16384  # bytes of a file
NAME = 255  # characters of a host's name


@dataclass(frozen=True)
class Key:
    """A key of the host that is called *name* on this laptop; *identity* is what its ssh key showed."""

    name: str
    identity: str
    id: str
    secret: bytes = field(repr=False)

    @property
    def line(self) -> bytes:
        """What the host's key file holds; see :mod:`rbridge.client.key`."""
        return f"{self.id} {self.secret.hex()} {word(self.name)}\n".encode()


class Keys:
    """The keys below *root*, which is made when it is missing; raises Denied or CannotCreate then.

    Several processes may work on them at once. Errors name the file and never hold a key.
    """

    def __init__(self, root: str) -> None:
        make_private(root)
        self.root = root

    def issue(self, name: str, identity: str) -> Key:
        """A new key for the host *name*, on the disk; what it had counts until :meth:`confirm`.

        Raises Denied when the file of that name cannot be trusted, and CannotCreate.
        """
        key = Key(clean(name[:NAME]), identity, secrets.token_hex(ID_SIZE), secrets.token_bytes(KEY_SIZE))
        path = self._path(key.name)
        with privatefiles.locked(self.root) as directory:
            try:
                before = [old for old in _read(path) if old.identity == identity]
            except FileNotFoundError:
                before = []
            _replace(path, [key, *before[:PREVIOUS]], directory)
        return key

    def find(self, key_id: str) -> Key | None:
        """The key of that id, if it counts. Files that cannot be trusted are passed over, and logged.

        Raises Denied when *root* is not ours alone any more.
        """
        for keys in self._all():
            for key in keys:
                if key.id == key_id:
                    return key
        return None

    def confirm(self, key: Key) -> None:
        """The host has used *key*: those issued before it are void. Raises Denied and CannotCreate."""
        path = self._path(key.name)
        with privatefiles.locked(self.root) as directory:
            try:
                keys = _read(path)
            except FileNotFoundError:  # dropped meanwhile
                return
            ids = [one.id for one in keys]
            if key.id in ids[:-1]:
                _replace(path, keys[: ids.index(key.id) + 1], directory)

    def drop(self, name: str) -> None:
        """The host *name* has no key any more; raises CannotCreate when it cannot be removed."""
        path = self._path(clean(name[:NAME]))
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise CannotCreate(f"cannot remove {path}: {error.strerror}") from error

    def newest(self) -> list[Key]:
        """The newest key of each host, by name."""
        return sorted((keys[0] for keys in self._all()), key=lambda key: key.name)

    def _all(self) -> Iterator[list[Key]]:
        """Each host's keys, newest first."""
        check_private(self.root)
        for entry in os.listdir(self.root):
            if entry.endswith(privatefiles.SUFFIX):
                path = os.path.join(self.root, entry)
                try:
                    keys = _read(path)
                except FileNotFoundError:  # dropped meanwhile
                    continue
                except Denied as error:
                    logger.warning("%s", error)
                    continue
                if self._path(keys[0].name) == path:
                    yield keys
                else:
                    logger.warning("%s is not the key of %s", path, keys[0].name)

    def _path(self, name: str) -> str:
        return privatefiles.place(self.root, name)


def _read(path: str) -> list[Key]:
    """The keys in the file at *path*, newest first; raises FileNotFoundError and Denied."""
    data = privatefiles.read(path, LONGEST)
    try:
        said = json.loads(data)
        each = [said, *said["previous"]]
        name, identity = str(said["name"]), str(said["identity"])
        keys = [Key(name, identity, str(one["id"]), bytes.fromhex(one["key"])) for one in each]
    except (ValueError, TypeError, KeyError):
        raise Denied(f"{path} is no key of rbridge", "remove it") from None
    if any(len(key.secret) != KEY_SIZE or not is_hex(key.id, 2 * ID_SIZE) for key in keys):
        raise Denied(f"{path} is no key of rbridge", "remove it")
    return keys


def _replace(path: str, keys: list[Key], directory: int) -> None:
    """Make *keys*, newest first, the content of *path* in *directory*, on the disk; raises CannotCreate."""
    each = [{"id": key.id, "key": key.secret.hex()} for key in keys]
    about = {"name": keys[0].name, "identity": keys[0].identity, **each[0], "previous": each[1:]}
    privatefiles.replace(path, json.dumps(about).encode(), directory)
