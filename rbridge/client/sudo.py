"""What holds for a process that sudo made root of somebody else, who is its caller.

It keeps to what it was called for: the files that were named, held by their directories
(:mod:`rbridge.client.pinned`). It hands over to no other process and takes nothing over, starts no language
server, answers no ``dial``, and leaves nothing where the caller could reach it. The caller's tunnel is ours.
"""

import os
import stat
import sys

from rbridge import paths, system
from rbridge.errors import Denied, RbridgeError, UsageError

MYPY = False
if MYPY:
    from typing import List, Optional

    from rbridge.client.main import Run
    from rbridge.client.options import Options
    from rbridge.client.source import Source

PLACES = (
    # fmt: off
    "HOME",
    "RBRIDGE_RUNTIME_DIR",
    "RBRIDGE_STATE_DIR",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    # fmt: on
)
"""Variables that say where to write, or what to run."""


def confined() -> bool:
    """Whether sudo made this process root for somebody else."""
    return len(system.us(os.environ)) > 1


def begin(command: "Run", options: "Options") -> "Optional[int]":
    """What comes before all else under sudo, or with ``--sudo``: the exit code of *command* if that was all.

    Raises RbridgeError.
    """
    if confined():
        keep_apart()
        if options.via:
            raise UsageError("--via goes by your own ssh, and this is root's process", "--sudo --via NODE")
    elif options.sudo and os.geteuid() != 0:
        from rbridge.client import asroot

        return asroot.become(command, options)
    return None


def keep_apart() -> None:
    """Forget where the caller wanted files to be (``sudo -E``, or an ``env_keep``), unless root alone can
    write there.
    """
    sys.dont_write_bytecode = True
    for name in PLACES:
        if os.environ.get(name) and not is_roots(os.environ[name]):
            del os.environ[name]


def is_roots(path: str) -> bool:
    """Whether *path*, and what there is of the way to it, is root's to write alone."""
    path = os.path.abspath(path)
    there = False  # the sticky bit of a directory as /tmp keeps what is there, not what is to come
    while True:
        try:
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode):
                if found.st_uid != 0 or not is_roots(os.path.realpath(path)):
                    return False
            elif found.st_uid != 0 or found.st_mode & 0o022 and not (there and found.st_mode & stat.S_ISVTX):
                return False
            there = True
        except FileNotFoundError:
            pass  # it would be made
        except OSError:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def pin(sources: "List[Source]") -> None:
    """Hold each file, and refuse what is none. Raises RbridgeError, and nothing is open then."""
    from rbridge.client import pinned

    try:
        for source in sources:
            if source.folder or source.port:
                what = "a port" if source.port else "a directory"
                raise Denied(
                    "cannot open {} under sudo: it is {}, and root shows single files only".format(
                        source.path, what
                    )
                )
            if not source.stdin:
                pinned.pin(source)
    except RbridgeError:
        for source in sources:
            source.close()
        raise


def homes() -> "List[str]":
    """Our home directory and, under sudo, the caller's."""
    return list(filter(None, [paths.home()] + [system.home_of(uid) for uid in system.us(os.environ)[1:]]))
