"""An editor without a screen, for ``rbridge demo``: makes its changes and saves the way Vim does.

    python -m rbridge.adapters.scripted [--replace OLD NEW]... [--append TEXT]... FILE

Each change is saved on its own. Standard library only, and nothing else of rbridge: it stands for an editor.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence


def save(path: str, data: bytes) -> None:
    """Write *data* to *path* as Vim does: rename the old file, write a new one, remove the old."""
    mode = os.stat(path).st_mode & 0o7777
    aside = path + "~"
    os.rename(path, aside)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.unlink(aside)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripted", description="edit FILE without a screen")
    parser.add_argument("--replace", nargs=2, action="append", default=[], metavar=("OLD", "NEW"))
    parser.add_argument("--append", action="append", default=[], metavar="TEXT")
    parser.add_argument("file", metavar="FILE")
    wanted = parser.parse_args(arguments)
    with open(wanted.file, "rb") as file:
        data = file.read()
    for old, new in wanted.replace:
        if os.fsencode(old) not in data:
            parser.exit(1, f"scripted: {old!r} is not in the text\n")
        data = data.replace(os.fsencode(old), os.fsencode(new))
        save(wanted.file, data)
    for more in wanted.append:
        data += os.fsencode(more)
        save(wanted.file, data)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
