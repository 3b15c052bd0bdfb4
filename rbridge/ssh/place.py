"""Where a transfer puts its files: below one directory, and nowhere else.

All is done relative to descriptors of directories, and no link is followed: neither one that was planted
there, nor one that somebody makes while we work. It runs on the laptop and on the host: the standard library
and Python 3.6 only.
"""

import errno
import fcntl
import hashlib
import os
import stat
from contextlib import suppress
from io import FileIO

from rbridge.ssh.fetching import part_name
from rbridge.ssh.outcomes import AGAIN, CANNOT_CREATE, DENIED, Refused, writing

MYPY = False
if MYPY:
    from typing import Any

PIECE = 256 * 1024

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PLAIN = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL)  # PyPy


class Place:
    """The directory *path*, which the user named: links in it are followed this once. Raises OSError.

    *sync* has files on the disk before they get their names. Close it at the end.
    """

    def __init__(self, path: bytes, sync: bool) -> None:
        self.sync = sync
        self.umask = os.umask(0o077)
        os.umask(self.umask)
        self._root = os.open(path, _DIRECTORY)
        self._at: tuple[bytes, ...] = ()
        self._fd = self._root

    def directory(self, parts: "tuple[bytes, ...]", mode: int = 0o755) -> int:
        """A descriptor of the directory *parts*, made as far as it is missing; good until the next call.

        Raises OSError, and Refused where something else has its name.
        """
        if parts == self._at:
            return self._fd
        if not parts:
            self._leave()
            return self._fd
        fd = os.dup(self._root)
        try:
            for part in parts:
                fd = self._step(fd, part, mode & 0o755 | 0o700)
        except BaseException:
            os.close(fd)
            raise
        self._leave()
        self._at, self._fd = parts, fd
        return fd

    def mode(self, offered: int) -> int:
        """The mode of a new file whose model has the mode *offered*: never more than its own, or 0755."""
        return (offered & 0o755 & ~self.umask) | 0o600

    def close(self) -> None:
        """Let go of the directories, what is in them on the disk first if that is asked for."""
        self._leave()
        os.close(self._root)

    def _leave(self) -> None:
        if self.sync:
            with suppress(OSError):  # the files themselves are safe; not every file system does this
                os.fsync(self._fd)
        if self._fd != self._root:
            os.close(self._fd)
        self._at, self._fd = (), self._root

    def _step(self, fd: int, part: bytes, mode: int) -> int:
        """From the directory *fd*, which is closed, to *part* in it."""
        try:
            try:
                inner = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            except FileNotFoundError:
                os.mkdir(part, mode, dir_fd=fd)
                inner = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise Refused(CANNOT_CREATE, "something that is no directory is in its way") from None
            raise
        os.close(fd)
        return inner


class Part:
    """The unfinished file that becomes *name* in the directory *parent*; 0600, ours, and locked by us.

    It is the one of an earlier try if there is one: *size* bytes with *digest*. Raises OSError, Refused.
    """

    def __init__(self, parent: int, name: bytes, make: bool) -> None:
        self.name = part_name(name)
        self.final = name
        self.size = 0
        self.digest: Any = hashlib.sha256()
        self.fd = -1
        self._made = False
        self._forget(parent)
        try:
            self.fd = os.open(self.name, os.O_RDWR | _PLAIN, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN
            self.fd = os.open(self.name, flags, 0o600, dir_fd=parent)
            self._made = True
        try:
            self._claim(parent)
        except BaseException:
            os.close(self.fd)
            raise

    def read(self) -> None:
        """Find out what it has."""
        self.size, self.digest = read_through(self.fd)

    def empty(self) -> None:
        """Start anew."""
        os.ftruncate(self.fd, 0)
        os.lseek(self.fd, 0, os.SEEK_SET)
        self.size, self.digest = 0, hashlib.sha256()

    def add(self, piece: memoryview) -> None:
        """Add *piece*. Raises OSError."""
        self.digest.update(piece)
        while piece:
            count = os.write(self.fd, piece)
            piece = piece[count:]
            self.size += count

    def land(self, parent: int, place: Place, mode: int, mtime: int, force: bool) -> None:
        """Give it its mode, time and final name. Raises OSError, Refused; it is still there then."""
        with suppress(PermissionError):  # FAT has neither; the file is 0600 then, or what its mount says
            os.fchmod(self.fd, mode)
        with suppress(PermissionError):
            os.utime(self.fd, ns=(mtime, mtime))
        if place.sync:
            os.fsync(self.fd)
        if force:
            os.rename(self.name, self.final, src_dir_fd=parent, dst_dir_fd=parent)
            return
        try:
            # unlike rename, link fails where there is a file by now
            os.link(self.name, self.final, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
        except FileExistsError:
            raise Refused(CANNOT_CREATE, "is here by now (--force overwrites it)") from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._land_without_links(parent)
            return
        with suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=parent)

    def remove(self, parent: int) -> None:
        """Remove it: what it has is of no use."""
        os.unlink(self.name, dir_fd=parent)

    def close(self, parent: int = -1) -> None:
        """Let go of it; it stays for the next try, unless it is empty. May be called twice."""
        if self.fd < 0:
            return
        if not self.size and parent >= 0:
            with suppress(OSError):
                os.unlink(self.name, dir_fd=parent)
        os.close(self.fd)
        self.fd = -1

    def _forget(self, parent: int) -> None:
        """Remove what an earlier try left that was ended between its link and its unlink."""
        part, final = there(parent, self.name), there(parent, self.final)
        if part and final and stat.S_ISREG(part.st_mode) and os.path.samestat(part, final):
            with suppress(FileNotFoundError):
                os.unlink(self.name, dir_fd=parent)

    def _claim(self, parent: int) -> None:
        found = os.fstat(self.fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            raise Refused(DENIED, f"its unfinished transfer {os.fsdecode(self.name)!r} is not ours")
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(AGAIN, "is being transferred by another command") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        # whoever had the lock before us may have given it its final name meanwhile
        there = os.stat(self.name, dir_fd=parent, follow_symlinks=False)
        if (there.st_dev, there.st_ino) != (found.st_dev, found.st_ino):
            raise Refused(AGAIN, "is being transferred by another command")
        if not self._made and stat.S_IMODE(found.st_mode) != 0o600:
            os.fchmod(self.fd, 0o600)

    def _land_without_links(self, parent: int) -> None:
        """Where files cannot be linked: reserve the name, then take it.

        RACE: a file that somebody puts at the name between the two is overwritten.
        """
        try:
            os.close(os.open(self.final, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, 0o600, dir_fd=parent))
        except FileExistsError:
            raise Refused(CANNOT_CREATE, "is here by now (--force overwrites it)") from None
        os.rename(self.name, self.final, src_dir_fd=parent, dst_dir_fd=parent)


def there(parent: int, name: bytes) -> "os.stat_result | None":
    """What is at *name*, itself and not what it points to; None for nothing. Raises OSError."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def digest_of(parent: int, name: bytes) -> "tuple[int, str]":
    """Size and sha256 of the plain file *name*. Raises Refused."""
    try:
        fd = os.open(name, os.O_RDONLY | _PLAIN, dir_fd=parent)
        try:
            size, digest = read_through(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise writing(error) from None
    return size, str(digest.hexdigest())


def read_through(fd: int) -> "tuple[int, Any]":
    """Size and hash of all that is in *fd*, which is at its end then."""
    digest, size = hashlib.sha256(), 0
    piece = memoryview(bytearray(PIECE))
    file = FileIO(fd, "r", closefd=False)
    file.seek(0)
    while True:
        count = file.readinto(piece)
        if not count:
            return size, digest
        digest.update(piece[:count])
        size += count
