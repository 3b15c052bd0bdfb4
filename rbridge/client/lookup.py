"""The addresses of a host that was given by name."""

import _socket
import _thread
from time import monotonic

from rbridge.errors import NotListening

MYPY = False
if MYPY:
    from typing import Any, List, Tuple


def looked_up(host: str, port: int, end: float) -> "List[Tuple[int, Any]]":
    """Family and socket address of each; asked for in a thread of its own until *end* (monotonic).

    The resolver keeps no deadline. Raises NotListening.
    """
    done = _thread.allocate_lock()
    done.acquire()
    answer: "List[Any]" = []

    def resolve() -> None:
        try:
            answer.append(_socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(error)
        done.release()

    _thread.start_new_thread(resolve, ())
    if not done.acquire(True, max(0.001, end - monotonic())):
        raise NotListening("{}: no answer to who that is".format(host))
    if isinstance(answer[0], Exception):
        why = getattr(answer[0], "strerror", None) or answer[0]
        raise NotListening("{}: no such host ({})".format(host, why))
    return [(row[0], row[4]) for row in answer[0]]
