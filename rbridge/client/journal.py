"""What a save in progress leaves in the state directory, so that a crash can be cleared up after.

``STATE/saves`` holds, for each save under way, entries named ``NODE-PID-RANDOM`` and

- ``.link``: a symbolic link to a staging file beside its target; ``.OLD.NEW.link`` from the moment in which
  they may have traded places: hashes of what is to be replaced and of the new text,
- ``.new``: the new text, where it could not be staged there or is written in place,
- ``.old``: the bytes of the file that is written in place,
- ``.json``: the journal of that writing; it exists exactly while the target may be torn.

NODE stands for host, boot and pid namespace, so an entry whose process is gone can be told.
"""

import os

from rbridge.client import leftovers

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional, Tuple

DAY = 24 * 3600.0
DIGITS = 32  # of a sha256 in a file's name


def make_directory(path: str) -> str:
    """*path*, made 0700 where it is missing."""
    for each in (os.path.dirname(path), path):
        os.makedirs(each, 0o700, exist_ok=True)
    return path


def node() -> str:
    """Eight hex digits for this host, boot and pid namespace: where a pid of ours means something."""
    import hashlib

    from rbridge import system

    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    text = "\0".join((os.uname().nodename, system.boot_id(), space))
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def new_id() -> str:
    return "{}-{}-{}".format(node(), os.getpid(), os.urandom(4).hex())


def swap_name(entry: str, old: str, new: str) -> str:
    """The name of *entry*'s link while texts of these sha256 trade places; *old* is "" if it is not known."""
    return "{}.{}.{}.link".format(entry.split(".", 1)[0], old[:DIGITS] or "unknown", new[:DIGITS])


def swapped(name: str) -> "Tuple[str, str]":
    """The beginnings of *old* and *new* in such a name, ("", "") where it says none."""
    parts = name.split(".")
    return (parts[1], parts[2]) if len(parts) == 4 else ("", "")


def is_dead(entry: str, age: float) -> bool:
    """Whether the process behind *entry* (a name in ``saves``) is gone; *age* in seconds.

    Of another node, boot or container nothing can be told: its entries are taken for dead after a day.
    """
    parts = entry.split(".", 1)[0].split("-")
    if len(parts) != 3 or not parts[1].isdigit() or parts[0] != node():
        return age > DAY
    try:
        os.kill(int(parts[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Journal:
    """The journal of one save in place: its record on disk, and the lock that shows we are alive."""

    def __init__(self, state_dir: str, entry: str, record: "Dict[str, Any]") -> None:
        """Write *record* durably. From here until :meth:`drop` the target may be torn. Raises OSError."""
        import json

        from rbridge.client import pieces

        self.place = os.path.join(leftovers.directory(state_dir), entry)
        part = self.place + ".part"
        self.fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            lock(self.fd)
            pieces.write(self.fd, json.dumps(record).encode("ascii"))
            os.fsync(self.fd)
            os.rename(part, self.place + ".json")
            pieces.sync_directory(leftovers.directory(state_dir))
            pieces.sync_directory(state_dir)
        except OSError:
            self.close()
            remove(part)
            remove(self.place + ".json")
            raise

    def drop(self) -> None:
        """The target is whole: forget the record and the backup; the new text is the staging's."""
        if remove(self.place + ".json"):
            remove(self.place + ".old")
        self.close()

    def close(self) -> None:
        """Leave the record where it is, for ``recover``."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def read_record(fd: int) -> "Optional[Dict[str, Any]]":
    """The record in *fd*, None if it makes no sense. Paths may hold surrogates, as os.fsdecode makes them."""
    import json

    from rbridge.client import pieces

    try:
        record = json.loads(b"".join(pieces.read(fd)).decode("ascii"))
        sizes = [record[which]["size"] for which in ("old", "new")]
        words = [record[which]["sha256"] for which in ("old", "new")]
        words += [record[name] for name in ("real", "host", "node", "boot")]
    except (ValueError, KeyError, TypeError):
        return None
    fine = all(isinstance(size, int) for size in sizes) and all(isinstance(word, str) for word in words)
    return dict(record) if fine else None


def lock(fd: int) -> "Optional[bool]":
    """Lock *fd* for as long as it is open: False if another process holds it, None if nothing can be told."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks on this file system
        return None
    return True


def forget(place: str) -> None:
    """Remove what the save at *place* left; the record goes first, for it vouches for the others."""
    if remove(place + ".json"):
        remove(place + ".old")
        remove(place + ".new")


def remove(path: str) -> bool:
    """Remove *path*; False if it is still there, as something for the next ``recover``."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
