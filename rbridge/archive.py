"""Imports the package from the zip that the single-file client carries behind its shell lines.

Python's own zipimport compiles every module twice, once only to learn its file name, which costs 16 ms and
more before the first byte is sent. And it opens the file again for each module: a client that stays behind
for hours would fail, or worse, when the file is replaced meanwhile. Here the file is read once, at the start.
"""

import sys
import zlib

MYPY = False
if MYPY:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Dict, Optional, Tuple  # noqa: F401

# Zip's records as far as they are needed (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16): signatures, and the lengths of
# the parts that do not vary. No comments, no zip64, no encryption: build.py writes none.
END = b"PK\5\6"
ENTRY_LENGTH = 46
FILE_LENGTH = 30
STORED = 0


def number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


class Archive:
    """A finder and loader for the modules in *data*, the whole file; *path* is for names in tracebacks."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.entries = {}  # type: Dict[str, Tuple[int, int, int]]
        end = data.rindex(END)
        at = end - number(data, end + 12, 4)
        for _ in range(number(data, end + 10, 2)):
            name_length = number(data, at + 28, 2)
            name = data[at + ENTRY_LENGTH : at + ENTRY_LENGTH + name_length].decode("ascii")
            self.entries[name] = (
                number(data, at + 10, 2),
                number(data, at + 42, 4),
                number(data, at + 20, 4),
            )
            at += ENTRY_LENGTH + name_length + number(data, at + 30, 2) + number(data, at + 32, 2)

    def read(self, name: str) -> bytes:
        """The content of one file in the zip."""
        method, at, size = self.entries[name]
        at += FILE_LENGTH + number(self.data, at + 26, 2) + number(self.data, at + 28, 2)
        content = self.data[at : at + size]
        return content if method == STORED else zlib.decompress(content, -15)

    def file(self, name: str) -> "Tuple[str, bool]":
        """The file in the zip that holds module *name*, empty if none does, and whether it is a package."""
        base = name.replace(".", "/")
        if base + "/__init__.py" in self.entries:
            return base + "/__init__.py", True
        return (base + ".py" if base + ".py" in self.entries else ""), False

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
        code = compile(self.read(file), "{}/{}".format(self.path, file), "exec", dont_inherit=True)
        exec(code, module.__dict__)

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        return self.read(self.file(name)[0]).decode("utf-8")


def install(path: str, data: bytes) -> None:
    """From now on import ``rbridge`` and all below it from this file, before anything else is asked."""
    sys.meta_path.insert(0, Archive(path, data))
