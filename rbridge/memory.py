"""The directory for open texts on the laptop: in memory, if the system has such a place."""

from __future__ import annotations

import os

from rbridge import mounts, paths
from rbridge.errors import CannotCreate, Denied
from rbridge.private import make_private

FILES_ROOM = 64 * 1024 * 1024
"""Free bytes a memory file system needs to be chosen for texts."""


def files_dir() -> tuple[str, bool]:
    """FILES, the directory for open texts, and whether it lies in memory. It is made when it is missing.

    ``/dev/shm/rbridge-UID/files`` where there is room, else another memory file system, else the runtime
    directory, which is on disk where there is no memory file system (macOS). With RBRIDGE_RUNTIME_DIR the
    texts are kept apart from those of other daemons.
    """
    named = os.environ.get("RBRIDGE_RUNTIME_DIR", "")
    leaf = "files"
    if named:
        runtime = paths.runtime_dir()
        if mounts.in_memory(runtime):
            return _made(os.path.join(runtime, leaf)), True
        import zlib

        leaf = f"files-{zlib.crc32(os.fsencode(os.path.realpath(runtime))):08x}"
    for place in mounts.memory_dirs():
        if place != "/dev/shm" and paths.owner(place) != os.geteuid():
            continue
        base = os.path.join(place, f"rbridge-{os.geteuid()}")
        if mounts.free_bytes(place) < FILES_ROOM:
            continue
        try:
            make_private(base)
            return _made(os.path.join(base, leaf)), True
        except (Denied, CannotCreate):
            continue
    runtime = paths.runtime_dir()
    return _made(os.path.join(runtime, "files")), mounts.in_memory(runtime)


def _made(path: str) -> str:
    make_private(path)
    return path
