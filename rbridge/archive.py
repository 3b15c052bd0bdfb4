"""Imports the package from the zip that the single-file client carries behind its shell lines.

Python's own zipimport compiles every module twice, once only to learn its file name, which costs 16 ms and
more before the first byte is sent. And it opens the file again for each module: a client that stays behind
for hours would fail, or worse, when the file is replaced meanwhile. Here the file is read once, at the start.

What an earlier start compiled lies in the state directory (:mod:`rbridge.client.compiled` writes it), for
compiling takes longer than all else before the first byte. It runs as the user, so it is taken only where
nobody but the user can have written it: a file of mode 0600 in a directory of mode 0700, both ours, neither
behind a link, and both checked when open, so that nothing can be exchanged between check and use. That is no
less than guards the single file itself. Its head names these very bytes and this Python's kind of bytecode.

All but this module lies in two bundles, one for what is needed before the first byte and one for the rest:
many small texts that are compressed as one are a fifth smaller, and a zip says each name and size twice. A
bundle is one line for each file, ``NAME SIZE``, an empty line, and the files' contents one after the other.
"""

import marshal
import os
import stat
import sys
import zlib

MYPY = False
if MYPY:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Dict, List, Optional, Tuple  # noqa: F401

# Zip's records as far as they are needed (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16): signatures, and the lengths of
# the parts that do not vary. No comments, no zip64, no encryption: build.py writes none.
END = b"PK\5\6"
ENTRY_LENGTH = 46
FILE_LENGTH = 30
STORED = 0
BUNDLES = ("early.txt", "rest.txt")
"""The files in the zip that hold others, in the order in which they are looked into."""


def number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


def content(data: bytes, method: int, at: int, size: int) -> bytes:
    """What lies *at* there in *data*, in *size* bytes."""
    found = data[at : at + size]
    return found if method == STORED else zlib.decompress(found, -15)


class Archive:
    """A finder and loader for the modules in *data*, the whole file; *path* is for names in tracebacks."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.entries = {}  # type: Dict[str, Tuple[bytes, int, int, int]]
        self.kept = ""  # where the code is kept, if there is a place for it
        self.code = {}  # type: Dict[str, bytes]
        self.index(data)

    def index(self, data: bytes) -> None:
        """Know what lies in the zip *data*."""
        end = data.rindex(END)
        at = end - number(data, end + 12, 4)
        for _ in range(number(data, end + 10, 2)):
            name_length = number(data, at + 28, 2)
            name = data[at + ENTRY_LENGTH : at + ENTRY_LENGTH + name_length].decode("ascii")
            begin = number(data, at + 42, 4)
            begin += FILE_LENGTH + number(data, begin + 26, 2) + number(data, begin + 28, 2)
            self.entries[name] = data, number(data, at + 10, 2), begin, number(data, at + 20, 4)
            at += ENTRY_LENGTH + name_length + number(data, at + 30, 2) + number(data, at + 32, 2)

    def read(self, name: str) -> bytes:
        """The content of one file in the zip."""
        while name not in self.entries and self.unpack():
            pass
        return content(*self.entries[name])

    def unpack(self) -> bool:
        """Know what lies in the next bundle, False if there is none. Several threads may ask at a time."""
        for bundle in BUNDLES:
            found = self.entries.get(bundle)
            if found is not None:
                text = content(*found)
                at = text.index(b"\n\n") + 2
                for line in text[: at - 2].decode("ascii").split("\n"):
                    name, _, size = line.partition(" ")
                    self.entries[name] = text, STORED, at, int(size)
                    at += int(size)
                self.entries.pop(bundle, None)
                return True
        return False

    def names(self) -> "List[str]":
        """All files, sorted."""
        while self.unpack():
            pass
        return sorted(self.entries)

    def file(self, name: str) -> "Tuple[str, bool]":
        """The file in the zip that holds module *name*, empty if none does, and whether it is a package."""
        base = name.replace(".", "/")
        while True:
            packed = any(bundle in self.entries for bundle in BUNDLES)  # first: another thread may unpack it
            for end, is_package in ("/__init__.py", True), (".py", False):
                if base + end in self.entries or base + end in self.code:
                    return base + end, is_package
            if not packed or base.partition("/")[0] + "/__init__.py" not in self.entries:
                return "", False
            self.unpack()

    def find_spec(self, name: str, path: object = None, target: object = None) -> "Optional[ModuleSpec]":
        """What the import system asks of a finder."""
        file, is_package = self.file(name)
        if not file:
            return None
        # the class without importing importlib.machinery
        make = type(sys.__spec__)  # type: type[ModuleSpec]
        spec = make(name, self, origin="{}/{}".format(self.path, file), is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """None: the import system makes the module."""

    def exec_module(self, module: "ModuleType") -> None:
        file, _ = self.file(module.__name__)
        code = marshal.loads(self.code[file]) if file in self.code else self.compile(file)
        exec(code, module.__dict__)

    def compile(self, file: str) -> "CodeType":
        """The code of one file in the zip."""
        path = "{}/{}".format(self.path, file)
        return compile(self.read(file), path, "exec", dont_inherit=True)

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        return self.read(self.file(name)[0]).decode("utf-8")

    def head(self, body: bytes) -> bytes:
        """The first line before code that is kept: the bytes of this file, the interpreter, a checksum."""
        from _frozen_importlib_external import MAGIC_NUMBER

        words = (
            MAGIC_NUMBER.hex(),
            sys.flags.optimize,
            len(self.data),
            zlib.crc32(self.data),
            zlib.crc32(body),
        )
        return "rbridge {} {} {} {} {}".format(*words).encode("ascii")

    def load(self) -> None:
        """Take the code that an earlier start kept, if it is ours, of this file, and whole."""
        place, tag = state_place(), sys.implementation.cache_tag
        if not place or not tag:
            return
        self.kept = os.path.join(place, "code." + tag)
        try:
            kept = read_private(self.kept)
        except OSError:
            return
        head, _, body = kept.partition(b"\n")
        if head == self.head(body):
            self.code = marshal.loads(body)


def state_place() -> str:
    """The state directory, as in :mod:`rbridge.paths`, which is not compiled yet; "" if that takes longer."""
    named = os.environ.get("RBRIDGE_STATE_DIR", "")
    if named:
        return os.path.abspath(named)
    for variable, below in ("XDG_STATE_HOME", "rbridge"), ("HOME", ".local/state/rbridge"):
        base = os.environ.get(variable, "")
        if base.startswith("/"):
            # root does not follow a user's environment (sudo)
            return os.path.join(base, below) if os.geteuid() != 0 or owned_by_root(base) else ""
    return ""


def owned_by_root(path: str) -> bool:
    try:
        return os.stat(path).st_uid == 0
    except OSError:
        return False


def read_private(path: str) -> bytes:
    """The content of a file that only we can have written, else b"". Raises OSError."""
    place, name = os.path.split(path)
    above = os.stat(os.path.dirname(place)).st_mode
    if above & stat.S_IWOTH and not above & stat.S_ISVTX:
        return b""
    directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if not ours_alone(os.fstat(directory)):
            return b""
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        try:
            found = os.fstat(fd)
            return os.read(fd, found.st_size) if stat.S_ISREG(found.st_mode) and ours_alone(found) else b""
        finally:
            os.close(fd)
    finally:
        os.close(directory)


def ours_alone(found: "os.stat_result") -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def install(path: str, data: bytes) -> None:
    """From now on import ``rbridge`` and all below it from this file, before anything else is asked."""
    archive = Archive(path, data)
    archive.load()
    sys.meta_path.insert(0, archive)
