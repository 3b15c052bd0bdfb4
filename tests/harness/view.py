"""A view of the machine's files that only one program and its children have: a mount namespace of their own.

What is laid over a file, or hidden, is so for them alone, and gone when they end. It needs root; a machine
where a namespace cannot be made fails the test, in the words of unshare.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path


def view(*, files: dict[str, Path] | None = None, empty: Iterable[str] = ()) -> list[str]:
    """The words before a command line that give it such a view.

    *files*: what is seen at a path, as ``{"/etc/shadow": mine}``. *empty*: directories that are other, empty
    ones in memory, with the mode of /tmp.
    """
    lines = [
        f"mount --bind {shlex.quote(str(mine))} {shlex.quote(path)}" for path, mine in (files or {}).items()
    ]
    lines += [f"mount -t tmpfs -o mode=1777 view {shlex.quote(path)}" for path in empty]
    script = " && ".join([*lines, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "view"]


def without(pattern: str, place: Path) -> dict[str, Path]:
    """The *files* of a view in which /usr/bin has no program that matches; *place* is made for that."""
    programs, links = Path("/usr/bin"), place / "links"
    there = place / "programs"
    for directory in (links, there):
        directory.mkdir(parents=True)
    for path in programs.iterdir():
        if not path.match(pattern):
            target = (
                os.path.normpath(programs / os.readlink(path)) if path.is_symlink() else there / path.name
            )
            (links / path.name).symlink_to(target)
    return {str(there): programs, str(programs): links}
