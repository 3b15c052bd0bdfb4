"""Staying behind when the command returns, and the log of what happens then.

The child has its own session and no terminal, ignores hang-ups, stands in ``/`` and holds nothing of the
shell's: whoever reads the command's output sees its end when the command returns.
"""

import os
import sys
import time

from rbridge import paths, system
from rbridge.errors import RbridgeError, clean

MYPY = False
if MYPY:
    from typing import Iterable, Optional

    from rbridge.client.loop import Loop

LOG_NAME = "client.log"
LOG_SIZE = 256 * 1024
"""Bytes of the log; one older piece of the same size is kept."""

LINES = 1000
"""Lines that wait to be written."""


def detach(keep: "Iterable[int]") -> bool:
    """Fork. True in the child, which has let go of everything but the descriptors in *keep*."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                continue  # whoever reads it has gone; the child must not write it again
    if os.fork():
        return False
    import signal

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    wanted = {0, 1, 2, *keep}
    for number in system.open_descriptors():
        if number not in wanted:
            try:
                os.close(number)
            except OSError:
                continue  # the listing's own
    return True


class Log:
    """``client.log`` in the state directory, 0600: what a terminal would have been told. It holds no text."""

    def __init__(self, state_dir: str) -> None:
        self.path = os.path.join(state_dir, LOG_NAME)

    def write(self, line: str, when: "Optional[float]" = None) -> None:
        """Append *line* with the time *when* (now) and our pid. There is nobody to tell that this failed."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
        text = "{} [{}] {}\n".format(at, os.getpid(), clean(line))
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                if os.fstat(fd).st_size > LOG_SIZE:
                    os.rename(self.path, self.path + ".1")
                    os.close(fd)
                    fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                os.write(fd, text.encode("utf-8", "replace"))
            finally:
                os.close(fd)
        except OSError:
            return


class Lines:
    """What *log* is told beside *loop*: the home directory's file server may hang as any other."""

    def __init__(self, loop: "Loop", log: Log) -> None:
        from rbridge.client.worker import Worker

        self._log = log
        self._worker = Worker(loop, lambda: None)

    def write(self, line: str) -> None:
        """Have *line* written; while too many wait, it is dropped."""
        now = time.time()
        if len(self._worker) < LINES:
            self._worker.do(lambda: self._log.write(line, now), lambda _result, _error: None)

    @property
    def written(self) -> bool:
        """Whether all is."""
        return not self._worker.busy


def state_dir() -> str:
    """The state directory, or a place in the runtime directory where there is none to be had."""
    try:
        return paths.state_dir()
    except RbridgeError:
        from rbridge.private import make_private

        place = os.path.join(paths.runtime_dir(), "state")
        make_private(place)
        return place
