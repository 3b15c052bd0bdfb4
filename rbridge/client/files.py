"""What is done to the files of a folder, each in a thread: looked at, listed, read, made, moved, removed.

Everything is relative to descriptors below the root's (:mod:`rbridge.client.root`). A text that is written
goes the way of every save (:mod:`rbridge.client.saver`), with its base compared.
"""

import errno
import os
import stat

from rbridge.client import removal
from rbridge.client.entries import Listing, entry, page
from rbridge.client.refused import Refused
from rbridge.client.root import DIRECTORY, is_directory
from rbridge.errors import RemoteProtocolError
from rbridge.paths import encodable
from rbridge.wire import codec, values
from rbridge.wire.limits import BODY, FOUND, PAGE, PIECE

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List, Tuple, Union

    from rbridge.client.plan import Base
    from rbridge.client.root import Place, Root

    Said = Dict[str, str]
    Answer = Tuple[Union[Dict[str, Any], bytes], Said]


def names(value: "Union[str, None]") -> "List[str]":
    """The names of a path from the wire, as os takes them. Raises Refused for what is no such path."""
    try:
        return [encodable(name) for name in values.inside(value)]
    except RemoteProtocolError as error:
        raise Refused("outside", str(error)) from None


def number(said: "Said", name: str, most: int, otherwise: int) -> int:
    """The number *name* of a request, at most *most*. Raises RemoteProtocolError."""
    if name not in said:
        return otherwise
    return min(values.size(said[name], values.SERIAL), most)


class Files:
    """Those below *root*. *states* is the state directory, for saves; *read_only*: nothing may be changed.

    Each method takes the headers of a request and its body, and returns what the answer says: an object or
    bytes, and further headers. They raise Refused, Outside, OSError and RbridgeError.
    """

    def __init__(self, root: "Root", states: str, read_only: bool) -> None:
        self.root = root
        self.states = states
        self.read_only = read_only
        self.listing = Listing()

    def stat(self, said: "Said", _body: bytes) -> "Answer":
        """What is there; of a link what it leads to."""
        place = self.root.place(names(said.get("path")), False)
        with place:
            return entry(self.root, place.fd, place.names[:-1], place.name), {}

    def pages(self, said: "Said") -> "Iterator[Tuple[Dict[str, Any], bool]]":
        """The pages of a directory, each with whether there is one more that is wanted; the names are those
        that there were at the first one.
        """
        after = codec.unquote(said.get("after", "")).encode("utf-8", "surrogateescape")
        left = max(1, number(said, "limit", FOUND, PAGE))
        there: "List[str]" = []
        more = True
        while more:
            with self.root.place(names(said.get("path"))) as place:
                fd = place.open(DIRECTORY)
                try:
                    there = there or self.listing.names(fd, after, left)
                    found, behind = page(self.root, fd, place.names, there, after, min(left, PAGE))
                finally:
                    os.close(fd)
            left -= PAGE
            more = behind is not None and left > 0
            yield {"entries": found, "next": behind}, more
            after = codec.unquote(behind or "").encode("utf-8", "surrogateescape")

    def read(self, said: "Said", _body: bytes) -> "Answer":
        """A piece of a file."""
        at = number(said, "at", values.SERIAL, 0)
        length = number(said, "length", PIECE, PIECE)
        with self.root.place(names(said.get("path"))) as place:
            fd, found = regular(place)
        try:
            data = b""
            while len(data) < length:
                piece = os.pread(fd, length - len(data), at + len(data))
                if not piece:
                    break
                data += piece
        finally:
            os.close(fd)
        return data, {"total": str(found.st_size), "mtime": str(found.st_mtime_ns)}

    def make(self, said: "Said", body: bytes) -> "Answer":
        """A new file, with its first content, or a new directory."""
        self._writable()
        kind = values.one_of(said.get("kind"), ("file", "directory"))
        place = self.root.place(names(said.get("path")), False)
        with place:
            if not place.name:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            if kind == "directory":
                os.mkdir(place.name, dir_fd=place.fd)
            else:
                _make_file(place, body)
            _settle(place.fd)
        return {}, {}

    def write(self, said: "Said", body: bytes) -> "Answer":
        """A text in place of a file that no document stands for."""
        self._writable()
        from rbridge.client import saver

        sha256 = values.digest(said.get("sha256"))
        size = values.size(said.get("size"), BODY)
        with self.root.place(names(said.get("path"))) as place:
            # RACE: the saver goes by the path: a directory swapped for a link from here on would be followed,
            # and what is there then overwritten if its content is the base
            real = os.path.join(self.root.path(), *place.names)
        base, over = _base(said, "base"), _base(said, "over")
        staging = saver.Staging(real, self.states, size)
        staging.write(body)
        staging.finish(sha256)
        target = saver.Target(real, base, False, False, over)
        outcome = saver.save(target, staging, said.get("over") == "any")
        if outcome.kind == saver.SAVED:
            return {"sha256": sha256, "size": size}, {}
        there: "Dict[str, Any]" = {}
        if outcome.stamp is not None:
            there = {"sha256": outcome.stamp.sha256, "size": outcome.stamp.size}
        elif outcome.reason in ("gone", "conflict"):
            there = {"absent": True}
        raise Refused(outcome.reason or "failed", outcome.message, there)

    def move(self, said: "Said", _body: bytes) -> "Answer":
        """Another name, or another place, for a file, a link or a directory; where from and to, inside."""
        self._writable()
        begin, end = names(said.get("path")), names(said.get("to"))
        with self.root.place(begin, False) as place, self.root.place(end, False) as to:
            if not place.name or not to.name:
                raise Refused("denied", "cannot move the folder itself, nor to its place")
            found = place.stat()
            if said.get("over") == "yes":
                self._over(place, found, to)
            else:
                _keep(place, found, to)
            for one in (place, to):
                _settle(one.fd)
            root = self.root.path()
            moved = {"from": os.path.join(root, *place.names), "to": os.path.join(root, *to.names)}
            return moved, {}

    def _over(self, place: "Place", found: os.stat_result, to: "Place") -> None:
        try:
            there = to.stat()
        except FileNotFoundError:
            _keep(place, found, to)
            return
        if is_directory(there) or is_directory(found):
            raise Refused("exists", "cannot move: a directory replaces nothing, and is not replaced")
        os.rename(place.name, to.name, src_dir_fd=place.fd, dst_dir_fd=to.fd)

    def remove(self, said: "Said", _body: bytes) -> "Answer":
        """No file, link or directory there any more."""
        self._writable()
        with self.root.place(names(said.get("path")), False) as place:
            removal.remove(place, "/".join(place.names) or self.root.real, said.get("recursive") == "yes")
            _settle(place.fd)
        return {}, {}

    def _writable(self) -> None:
        if self.read_only:
            raise Refused("read-only", "the folder was opened read-only")


def regular(place: "Place") -> "Tuple[int, os.stat_result]":
    """The file at *place*, open for reading, and what it is. Raises OSError and Refused."""
    found = place.stat()
    if stat.S_ISREG(found.st_mode):  # else opening it may have an effect
        fd = place.open(os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode):
            return fd, found
        os.close(fd)
    kind = "a directory" if is_directory(found) else "no regular file"
    raise Refused("failed", "{} is {}".format("/".join(place.names) or "the folder", kind))


def _make_file(place: "Place", body: bytes) -> None:
    fd = place.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NONBLOCK)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    except OSError:
        os.unlink(place.name, dir_fd=place.fd)
        raise
    finally:
        os.close(fd)


def _keep(place: "Place", found: os.stat_result, to: "Place") -> None:
    """Move what *found* tells of to where nothing is. Raises FileExistsError, and OSError."""
    from rbridge.client import exchange

    if exchange.keep(place.fd, place.name, to.fd, to.name):
        return
    try:
        to.stat()
    except FileNotFoundError:
        # RACE: what is made there from here on is replaced, if it is a file or an empty directory
        os.rename(place.name, to.name, src_dir_fd=place.fd, dst_dir_fd=to.fd)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _settle(fd: int) -> None:
    """Have the directory's new names on the disk, where that can be had."""
    try:
        opened = os.open(".", DIRECTORY, dir_fd=fd)
    except OSError:
        return  # it may be entered, and not read
    try:
        os.fsync(opened)
    except OSError:
        pass  # not every file system can
    finally:
        os.close(opened)


def _base(said: "Said", name: str) -> "Base":
    """What *name* says the file is: a stamp, None for none, UNKNOWN if it says nothing."""
    from rbridge.client import stamp
    from rbridge.client.plan import UNKNOWN

    value = said.get(name)
    if value == "absent":
        return None
    if name == "over" and value in (None, "any"):
        return UNKNOWN
    return stamp.of_content(values.digest(value))


def paths(body: bytes, most: int) -> "List[str]":
    """The ``paths`` of a ``watch``, as they were said. Raises Refused."""
    import json

    try:
        found = json.loads(body.decode("utf-8"))["paths"]
        if not all(isinstance(one, str) for one in found):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("failed", "the paths to be watched are not said as they should be") from None
    if len(found) > most:
        raise Refused("too-large", "more than {} paths are watched by no folder".format(most))
    return list(found)
