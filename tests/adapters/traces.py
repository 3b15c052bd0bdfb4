"""What an edit must not leave: descriptors, child processes, files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.wait import until

DEADLINE = 5.0


def descriptors() -> dict[str, str]:
    """This process' open descriptors and what they are."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # the listing's own
    return found


def children() -> set[int]:
    """Pids of this process' children, zombies included."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                after_name = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(after_name[1]) == os.getpid():
                found.add(int(name))
    return found


def names(directory: Path) -> set[str]:
    """Everything below *directory*, but for the backups that editors leave beside a text."""
    return {
        os.path.join(at, name)
        for at, dirs, files in os.walk(directory)
        for name in (*dirs, *files)
        if name[-1] != "~"
    }


@contextmanager
def none_left(directory: Path) -> Iterator[None]:
    """Check that the block leaves nothing behind in this process and below *directory*."""
    before = descriptors(), children(), names(directory)
    yield
    # watchfiles closes its descriptors in a thread of its own, a moment later
    until(lambda: descriptors().keys() <= before[0].keys(), DEADLINE, "no descriptor is left")
    assert children() - before[1] == set()
    assert names(directory) - before[2] == set()
