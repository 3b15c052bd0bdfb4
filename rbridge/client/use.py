"""``rbridge use``: which laptop is meant on this host, where several are connected."""

import os
import sys

from rbridge import paths, system
from rbridge.errors import CannotCreate, UsageError, clean

MYPY = False
if MYPY:
    from typing import List

FORGET = "--forget"
USAGE = """\
usage: rbridge use [LAPTOP | {}]

Where several laptops are connected to this host, files open on LAPTOP, unless
--on or $RBRIDGE_SOCKET names another; else on the one whose ssh login the shell
runs in, where that can be told. Without LAPTOP: says which it is.
""".format(FORGET)
LONGEST = 255  # bytes: as a host's name


def place() -> str:
    """The file that holds the choice."""
    return os.path.join(paths.state_dir(create=False), "laptop")


def chosen() -> str:
    """The laptop that was chosen, under sudo by root or else by the caller; "" if none was."""
    places = [place()]
    if system.us(os.environ)[1:]:
        from rbridge.client import sudo

        places += [os.path.join(home, ".local", "state", "rbridge", "laptop") for home in sudo.homes()]
    for path in places:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            with open(fd, encoding="utf-8", errors="replace") as file:
                return file.read(LONGEST + 1).strip()
        except OSError:
            continue
    return ""


def choose(laptop: str) -> None:
    """Remember *laptop*; "" forgets. Raises CannotCreate."""
    try:
        if not laptop:
            if os.path.lexists(place()):
                os.unlink(place())
            return
        paths.state_dir()
        part = "{}.{}".format(place(), os.getpid())
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(laptop + "\n")
        os.rename(part, place())
    except OSError as error:
        raise CannotCreate("cannot remember the laptop: {}".format((error.strerror or "").lower())) from None


def run(arguments: "List[str]") -> int:
    """``rbridge use`` with *arguments*; the exit code. Raises UsageError and CannotCreate."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
    elif not arguments:
        sys.stdout.write((clean(chosen()) or "no laptop was chosen") + "\n")
    elif arguments == [FORGET]:
        choose("")
    elif len(arguments) > 1 or arguments[0].startswith("-") or not arguments[0].strip():
        raise UsageError("which laptop?", "rbridge use LAPTOP, or rbridge use " + FORGET)
    elif clean(arguments[0]) != arguments[0] or len(os.fsencode(arguments[0])) > LONGEST:
        raise UsageError("{} is no laptop's name".format(clean(arguments[0])[:LONGEST]))
    else:
        choose(arguments[0])
    return 0
