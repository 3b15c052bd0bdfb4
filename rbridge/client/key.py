"""The key by which this host proves to a daemon who it is: ``~/.rbridge/keys/IDENTITY@NODE``.

There is one for each daemon and, as a home may be shared by many machines, for each node.
The file has one line, ``ID HEXKEY NAME``: which key it is (16 hexadecimal digits), its 32 bytes, and how the
laptop calls this host. It is ours, 0600, in a 0700 directory, and no part of the way to it below the home
directory is a link: a file that is otherwise is refused, since somebody else may have put it there.
"""

import errno
import os
import stat

from rbridge import paths, system
from rbridge.errors import CannotCreate, Denied, RemoteProtocolError, clean
from rbridge.wire.codec import is_hex

MYPY = False
if MYPY:
    from typing import Optional, Tuple

DIRECTORIES = ((".rbridge", 0o022), ("keys", 0o077))
"""The way to the keys, each with the rights that nobody else may have in it."""

ID_DIGITS = 16
KEY_DIGITS = 64
LONGEST = 512
"""Bytes of a key's line."""

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | _FLAGS


class Key:
    """A key: *id* names it, *secret* is its 32 bytes, *name* what the laptop calls this host."""

    __slots__ = ("id", "name", "secret")

    def __init__(self, key_id: str, secret: bytes, name: str) -> None:
        self.id = key_id
        self.secret = secret
        self.name = name

    def __repr__(self) -> str:
        return "Key({} for {})".format(self.id, self.name)


def file_name(identity: str) -> str:
    """What this node's key for the daemon of that *identity* is called."""
    return "{}@{}".format(identity, paths.node())


def read(identity: str) -> "Optional[Key]":
    """Our key for the daemon of that *identity*, None where there is none.

    Raises Denied, naming the owner, the mode or the link, when it lies where somebody else could have put
    it, when it cannot be read, and when it is no key.
    """
    if not is_hex(identity, ID_DIGITS):
        return None
    try:
        directory, path = _ours()
        try:
            path = os.path.join(path, file_name(identity))
            fd = _open(path, directory, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
        finally:
            os.close(directory)
        try:
            line = os.read(fd, LONGEST + 1)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:  # a home on a file server that wants a ticket, or is away
        where = paths.home()
        raise Denied(
            "no key can be read below {}: {}".format(where, (error.strerror or "").lower())
        ) from None
    try:
        return parse(line)
    except RemoteProtocolError as error:
        raise Denied("{}: {}".format(path, error), "remove it") from None


def install(identity: str, line: bytes) -> Key:
    """Put the key that *line* holds in place of what there is for that daemon; it is on the disk then.

    Raises RemoteProtocolError when it holds none, Denied as :func:`read` does, and CannotCreate.
    """
    if not is_hex(identity, ID_DIGITS):
        raise RemoteProtocolError("{!r} is no daemon's identity".format(clean(identity[:64])))
    key = parse(line)
    directory, path = _directory(True)
    name = file_name(identity)
    try:
        _replace(directory, name, "{} {} {}\n".format(key.id, key.secret.hex(), key.name).encode())
    except OSError as error:
        raise CannotCreate("cannot write {}/{}: {}".format(path, name, error.strerror)) from None
    finally:
        os.close(directory)
    return key


def parse(line: bytes) -> Key:
    """The key that ``ID HEXKEY NAME`` stands for; raises RemoteProtocolError, which does not repeat it."""
    try:
        text = line.decode("ascii") if len(line) <= LONGEST else ""
    except UnicodeDecodeError:
        text = ""
    words = (text[:-1] if text.endswith("\n") else text).split(" ")
    if len(words) != 3 or not words[2] or not words[2].isprintable():
        raise RemoteProtocolError("this is no key of rbridge")
    if not is_hex(words[0], ID_DIGITS) or not is_hex(words[1], KEY_DIGITS):
        raise RemoteProtocolError("this is no key of rbridge")
    return Key(words[0], bytes.fromhex(words[1]), words[2])


def _ours() -> "Tuple[int, str]":
    """What :func:`_directory` gives of our home or, under sudo, else of the caller's."""
    places = [paths.home()]
    if system.us(os.environ)[1:]:
        from rbridge.client import sudo

        places = sudo.homes()
    for home in places[:-1]:
        try:
            return _directory(False, home)
        except FileNotFoundError:
            continue
    return _directory(False, places[-1])


def _directory(create: bool, home: str = "") -> "Tuple[int, str]":
    """A descriptor of ``~/.rbridge/keys``, and its path; with *create* it is made where it is missing.

    Raises FileNotFoundError, Denied and CannotCreate.
    """
    path = home or paths.home()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name, others in DIRECTORIES:
        path = os.path.join(path, name)
        above = fd
        try:
            if create:
                os.mkdir(name, 0o700, dir_fd=above)
        except FileExistsError:
            pass
        except OSError as error:
            os.close(above)
            raise CannotCreate("cannot create {}: {}".format(path, error.strerror)) from None
        try:
            fd = _open(path, above, _DIRECTORY, others)
        finally:
            os.close(above)
    return fd, path


def _open(path: str, above: int, flags: int, others: int = 0o077) -> int:
    """Open what is called *path* in the directory *above*: ours, no link, with no right of *others*.

    Raises FileNotFoundError, and Denied for anything else.
    """
    try:
        fd = os.open(os.path.basename(path), flags, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = "is a symbolic link" if os.path.islink(path) else "cannot be opened: {}".format(error.strerror)
        raise Denied("{} {}: a key there is not used".format(path, why), "remove it") from None
    found = os.fstat(fd)
    mode = stat.S_IMODE(found.st_mode)
    why = ""
    if not (stat.S_ISDIR if flags & os.O_DIRECTORY else stat.S_ISREG)(found.st_mode):
        why = "is not a regular file"
    elif found.st_uid not in system.us(os.environ):
        why = "belongs to " + system.user_name(found.st_uid)
    elif mode & others:
        why = "can be reached by others (mode {:04o})".format(mode)
    if why:
        os.close(fd)
        raise Denied("{} {}: a key there is not used".format(path, why), "chmod or remove it")
    return fd


def _replace(directory: int, name: str, data: bytes) -> None:
    """Make *data* the content of the file *name*, 0600, on the disk; after an OSError it is the old one."""
    staged = ".{}-{}".format(name, os.urandom(4).hex())
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=directory)
    try:
        if os.write(fd, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fchmod(fd, 0o600)
        os.fsync(fd)
        os.rename(staged, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        os.unlink(staged, dir_fd=directory)
        raise
    finally:
        os.close(fd)
    os.fsync(directory)
