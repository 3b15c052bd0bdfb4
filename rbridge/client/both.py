"""``status``, ``close`` and ``resolve``, which are commands of the host and of the laptop: who is asked.

The processes in the background, if there are any here, or what they left; the daemon, if one serves here, or
has left texts that were never delivered, and its commands are installed. Where both are, one machine is both:
``status`` tells of both, the others go to the one that knows PATH, the host's side first.
"""

import os

from rbridge import paths
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Callable, List, Optional

    Laptop = Callable[[List[str]], int]

HERE = ("status", "close", "resolve")


def run(word: str, arguments: "List[str]", laptop: "Optional[Laptop]") -> int:
    """The command *word* with *arguments*; the exit code. Raises UsageError.

    *laptop* runs a command of the laptop, None where these are not installed.
    """
    if laptop is None or not serves():
        return on_host(word, arguments)
    from rbridge.client.asking import NOTHING, everywhere, undelivered

    if not everywhere() and undelivered({}) == ([], ""):
        return laptop([word] + arguments)
    code = on_host(word, arguments, alone=False)
    if arguments[:1] in (["-h"], ["--help"]):
        return code
    all_of_them = word == "close" and not arguments
    if word == "status" or all_of_them:
        return laptop([word] + arguments) or code
    return laptop([word] + arguments) if code == NOTHING else code


def on_host(word: str, arguments: "List[str]", alone: bool = True) -> int:
    """Ask the processes in the background; unless *alone*, somebody else may know more."""
    if word == "status":
        from rbridge.client import status

        return status.run(arguments, alone)
    if word == "close":
        from rbridge.client import close

        return close.run(arguments, alone)
    from rbridge.client import resolve

    return resolve.run(arguments, alone)


def serves() -> bool:
    """Whether a daemon runs here, or has left its socket, or a text in its spool."""
    try:
        if os.path.exists(os.path.join(paths.runtime_dir(create=False), "control.sock")):
            return True
    except RbridgeError:
        pass  # there is no such directory
    try:
        return bool(os.listdir(os.path.join(paths.state_dir(create=False), "spool")))
    except (OSError, RbridgeError):
        return False
