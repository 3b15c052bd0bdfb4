"""Starting a program, without what ``subprocess`` holds in memory for days."""

import errno
import fcntl
import os
import signal
import warnings

from rbridge import system

MYPY = False
if MYPY:
    from typing import Callable, List, Mapping, Optional, Sequence

NOT_STARTED = 127
MESSAGE = 4096
"""Bytes that a pipe takes at once, whatever the system."""

IGNORED = ("SIGPIPE", "SIGXFSZ", "SIGHUP", "SIGINT")
"""Signals that Python ignores, or the process in the background, and a shell's program does not."""


def started(
    path: str,
    words: "Sequence[bytes]",
    environ: "Mapping[bytes, bytes]",
    descriptors: "Sequence[int]",
    prepare: "Optional[Callable[[], None]]" = None,
) -> int:
    """Run the program at *path* as *words*; its process id.

    *descriptors* become its 0, 1 and 2; nothing else of ours is open in it. *prepare* is called there first.
    Raises OSError, also for what went wrong over there before the program began, with the name of what it
    went wrong with.
    """
    told, tell = os.pipe()
    try:
        with warnings.catch_warnings():
            # 3.12 warns where there are threads; the child takes no lock that one of them may hold
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            _become(path, words, environ, descriptors, prepare, tell)
        os.close(tell)
        tell = -1
        failure = os.read(told, MESSAGE)  # it ends when the program begins
        if failure:
            os.waitpid(pid, 0)
            number, _, name = failure.partition(b" ")
            raise OSError(int(number), os.strerror(int(number)), os.fsdecode(name) or None)
        return pid
    finally:
        os.close(told)
        if tell >= 0:
            os.close(tell)


def _become(
    path: str,
    words: "Sequence[bytes]",
    environ: "Mapping[bytes, bytes]",
    descriptors: "Sequence[int]",
    prepare: "Optional[Callable[[], None]]",
    tell: int,
) -> None:
    """In the new process: be the program, or tell why not; never returns."""
    what = ""
    try:
        tell = fcntl.fcntl(tell, fcntl.F_DUPFD, 3)  # none of them is where another one is to be
        os.set_inheritable(tell, False)
        high = [fcntl.fcntl(here, fcntl.F_DUPFD, 3) for here in descriptors]
        for there, here in enumerate(high):
            os.dup2(here, there)
        for number in system.open_descriptors():
            if number > 2 and number != tell:
                try:
                    os.close(number)
                except OSError:
                    continue  # the listing's own
        for ignored in IGNORED:
            signal.signal(getattr(signal, ignored), signal.SIG_DFL)
        if prepare is not None:
            prepare()
        what = path
        os.execve(path, list(words), dict(environ))
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or errno.EINVAL
        name = getattr(error, "filename", None)
        if not isinstance(name, (str, bytes)):
            name = what  # QUIRK: PyPy does not say what it was to run
        os.write(tell, (b"%d %s" % (number, os.fsencode(name)))[:MESSAGE])
    finally:
        os._exit(NOT_STARTED)


def search(name: str, path: bytes) -> str:
    """Where the program *name* is on *path*, the value of a PATH; "" if nowhere.

    A relative entry is passed over: what lies in the directory that we happen to stand in is not to be run.
    """
    for place in os.fsdecode(path).split(os.pathsep):
        found = os.path.join(place, name)
        if os.path.isabs(place) and os.access(found, os.X_OK) and not os.path.isdir(found):
            return found
    return ""


def variables(environment: bytes) -> "Mapping[bytes, bytes]":
    """The variables of an environment, ``NAME=VALUE`` and NUL each; what nothing can be started with is left
    out.
    """
    pairs: "List[List[bytes]]" = [one.split(b"=", 1) for one in environment.split(b"\0") if b"=" in one[1:]]
    return {name: value for name, value in pairs if name}
