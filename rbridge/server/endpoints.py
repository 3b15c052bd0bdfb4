"""``endpoints.json`` in the state directory: where an editor without a shell's environment finds us."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress

from rbridge import __version__, paths
from rbridge.errors import CannotCreate

NAME = "endpoints.json"


def write(runtime: str, listeners: Sequence[str]) -> str:
    """Write the file, 0600, as a whole or not at all; returns its path. Raises CannotCreate."""
    path = os.path.join(paths.state_dir(), NAME)
    said = {"version": __version__, "pid": os.getpid(), "runtime": runtime, "listeners": list(listeners)}
    staged = f"{path}.{os.getpid()}"
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(said, file)
        os.replace(staged, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(staged)
        raise CannotCreate(f"cannot write {path}: {error.strerror}") from error
    return path


def remove(path: str) -> None:
    """Remove the file at *path* if it is still ours: another runtime directory's daemon may have written
    since.
    """
    try:
        with open(path, encoding="utf-8") as file:
            ours = json.load(file).get("pid") == os.getpid()
    except (OSError, ValueError, AttributeError):
        return
    if ours:
        os.unlink(path)
