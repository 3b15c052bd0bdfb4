"""Asking a file server from a command: in a thread, so that Ctrl-C ends the command though no answer comes.

A call that waits for a server cannot be interrupted, and a signal's handler runs in the main thread alone.
"""

from _thread import allocate_lock, start_new_thread

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Optional, Tuple


def ask(work: "Callable[[], Any]", seconds: float, silent: "Callable[[], None]") -> "Any":
    """What *work* returns, or raises. It is done in a thread, which is left behind when Ctrl-C ends this.

    *silent* is called once when *work* has taken *seconds*; what that raises ends the wait as well.
    """
    over = allocate_lock()
    over.acquire()
    came: "List[Tuple[Any, Optional[BaseException]]]" = []

    def run() -> None:
        try:
            came.append((work(), None))
        except BaseException as error:
            came.append((None, error))
        over.release()

    try:
        start_new_thread(run, ())
    except RuntimeError:  # this user may have no more of them
        run()
    if not over.acquire(True, seconds):
        silent()
        over.acquire()
    result, failure = came[0]
    if failure is not None:
        raise failure
    return result
