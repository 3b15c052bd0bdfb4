"""The new text on its way in: a 0600 temporary file, beside its target where that can be.

Beside its target it can be renamed into place. Where the directory or the file does not allow that, or the
disk there fills up, it lies in the state directory (``journal``), whole and safe, until the saver has
decided.
"""

import errno
import hashlib
import os

from rbridge import mounts
from rbridge.client import journal, kept, leftovers, metadata, pieces, pinned

MYPY = False
if MYPY:
    from typing import Callable, Optional

NAME_MAX = 255
PREALLOCATE = 1 << 20  # from here on; below, it saves nothing
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Staging:
    """Receives one text. Nothing here raises for a failing disk: the saver reports it when the text is there.

    *path* is the file to be saved, *length* the size that was announced (None: not known). Afterwards *size*,
    *sha256* and *complete* say what came. *fd* is open for reading and writing, *file* its name, and *beside*
    whether that is in the target's own directory; *not_beside* is what forbade it. *failure* is set when the
    text could be stored nowhere. Whoever makes a Staging ends it with ``saver.save`` or ``abort``.
    """

    def __init__(self, path: str, state_dir: str, length: "Optional[int]" = None) -> None:
        self.state_dir = state_dir
        self.length = length
        self.real = pinned.resolved(path)
        self.size = 0
        self.sha256 = ""
        self.complete = False
        self.fd = -1
        self.file = ""
        self.beside = False
        self.not_beside: "Optional[OSError]" = None
        self.failure: "Optional[OSError]" = None
        self._hash = hashlib.sha256()
        self._link = ""
        self._probe = ""
        try:
            if _wants_in_place(self.real):
                self._open_state()
            else:
                self._open_beside()
                self._preallocate()
        except OSError as error:
            self._fall_back(error)

    def write(self, data: "bytes") -> None:
        """Take the next piece of the text. What fails is remembered, the rest is taken and dropped."""
        stored = self.size
        self._hash.update(data)
        self.size += len(data)
        if self.failure is not None:
            return
        try:
            pieces.write(self.fd, data)
        except OSError as error:
            self._fall_back(error, stored)
            if self.failure is None:
                try:
                    pieces.write(self.fd, data)
                except OSError as again:
                    self.failure = again

    def finish(self, sha256: str = "") -> None:
        """The text has come to its end; *sha256*, where the sender stated it, must be what came."""
        self.sha256 = self._hash.hexdigest()
        self.complete = self.length in (None, self.size) and sha256 in ("", self.sha256)
        if self.failure is None:
            try:
                os.ftruncate(self.fd, self.size)
            except OSError as error:
                self.failure = error

    def abort(self) -> None:
        """Remove what is there and close it; may be called at any time, more than once."""
        gone = [journal.remove(path) for path in (self.file, self._probe) if path]
        if not all(gone):
            self._link = ""  # it stays, so that the next recover finds them
        self._probe = ""
        self.landed()

    def landed(self) -> None:
        """The file went to its place under another name: close it, and forget the temporary one."""
        self.file = ""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self._link:
            journal.remove(self._link)
            self._link = ""

    def to_state(self) -> None:
        """Have the whole text in the state directory, synced, as a save in place needs it. Raises OSError."""
        if self.beside:
            self._move(self._open_state, self.size)
        os.fsync(self.fd)

    def to_side(self, real: str) -> None:
        """Have the whole text beside *real*, where it was not, or not there. Raises OSError."""
        if not self.beside or os.path.dirname(real) != os.path.dirname(self.real):
            self.real = real
            self._move(self._open_beside, self.size)

    def like_new(self) -> None:
        """Give the text, which lies beside its target, the metadata of any new file there. Raises OSError."""
        self._probe = self.file + "~"
        metadata.like_new(self._probe, self.fd)
        if journal.remove(self._probe):
            self._probe = ""

    def swapping(self, sha256: str) -> None:
        """From here on the text may trade places with its target, which has that *sha256* ("": not known).

        Should we be killed then, ``recover`` can tell the two from each other, and from what a third program
        put there in that instant.
        """
        if not self._link:
            return
        where, name = os.path.split(self._link)
        known = os.path.join(where, journal.swap_name(name, sha256, self.sha256))
        try:
            os.rename(self._link, known)
            self._link = known
        except OSError:  # then a crash may leave the file, but nobody removes it unseen
            if journal.remove(self._link):
                self._link = ""

    def state_place(self) -> str:
        """The path, less its ending, of this text's entries in the journal."""
        return os.path.splitext(self.file)[0]

    def _open_beside(self) -> None:
        directory, name = os.path.split(self.real)
        entry = journal.new_id()
        tail = ".rbridge-" + entry[-8:]
        name = "." + kept.clip(name, NAME_MAX - len(tail) - 2) + tail  # 1 to spare, for metadata's probe
        try:
            self._create_beside(os.path.join(directory, name), entry)
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EILSEQ):
                raise
            self._create_beside(os.path.join(directory, tail), entry)  # names are shorter here: eCryptfs

    def _create_beside(self, path: str, entry: str) -> None:
        link = os.path.join(leftovers.directory(self.state_dir), entry + ".link")
        try:  # first, so that no crash leaves a file that nobody knows of
            journal.make_directory(leftovers.directory(self.state_dir))
            os.symlink(pinned.named(path), link)
        except OSError:
            link = ""  # then a crash may leave the temporary file: no reason not to save
        try:
            self.fd = os.open(path, _FLAGS, 0o600)
        except OSError:
            if link:
                journal.remove(link)
            raise
        self.file, self._link, self.beside = path, link, True

    def _open_state(self) -> None:
        place = os.path.join(journal.make_directory(leftovers.directory(self.state_dir)), journal.new_id())
        self.fd = os.open(place + ".new", _FLAGS, 0o600)
        self.file, self._link, self.beside = place + ".new", "", False

    def _preallocate(self) -> None:
        """Best effort: an early "disk full". On NFS the C library would write every block twice."""
        if not self.length or self.length < PREALLOCATE or not hasattr(os, "posix_fallocate"):
            return
        if mounts.on_network(os.path.dirname(self.real)):
            return
        try:
            os.posix_fallocate(self.fd, 0, self.length)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise

    def _fall_back(self, error: OSError, stored: int = 0) -> None:
        """*error* stopped us: go on in the state directory, with the first *stored* bytes from here."""
        if self.fd >= 0 and not self.beside:
            self.failure = error
            return
        self.not_beside = error
        try:
            self._move(self._open_state, stored)
        except OSError:
            self.failure = error
            self.abort()

    def _move(self, opening: "Callable[[], None]", length: int) -> None:
        """Open another place and copy the first *length* bytes there; all stays as it was if that fails."""
        fd, file, link, beside = self.fd, self.file, self._link, self.beside
        opening()
        try:
            if fd >= 0:
                size, sha256 = pieces.copy(fd, self.fd, length)
                if size != length or self.sha256 not in ("", sha256):
                    raise OSError(errno.EIO, "the text cannot be read back")
        except OSError:
            self.abort()
            self.fd, self.file, self._link, self.beside = fd, file, link, beside
            raise
        if file and journal.remove(file) and link:
            journal.remove(link)
        if fd >= 0:
            os.close(fd)


def _wants_in_place(real: str) -> bool:
    """Whether *real* will be written in place by what can be seen before the text has come."""
    try:
        st = os.lstat(real)
    except OSError:
        return False
    return st.st_nlink > 1 or os.geteuid() not in (0, st.st_uid)
