"""The way to the laptop's commands, from an installation that has them or one that does not."""

import sys

MYPY = False
if MYPY:
    from typing import List, Optional


LAPTOP_PYTHON = (3, 10)


ALONE = """\
usage: rbridge open [options] PATH...    open files in the editor on your laptop
       rbridge diff [options] A B        two files beside each other
       rbridge status [-q] [PATH]        what is open, saved or not
       rbridge close [PATH]...           close it
       rbridge resolve PATH [--show | --mine | --theirs]
       rbridge port N                    a port of this host on the laptop
       rbridge browse URL                the laptop's browser shows it
       rbridge use LAPTOP                which laptop, where several are connected
       rbridge doctor [--json]           what is wrong here, and what mends it
       rbridge --version

'rbridge open --help' tells more. This is the part of rbridge for a host: one
file, no installation. The laptop's commands come with: pip install rbridge
"""


def run(arguments: "List[str]") -> int:
    """Hand over to the laptop's commands, or say why that is not possible."""
    if arguments[:1] == ["doctor"] and examines(arguments[1:]):
        from rbridge.client import doctor

        return doctor.run(arguments[1:])
    asked = [word for word in arguments if not word.startswith("-")][:1]
    if sys.version_info < LAPTOP_PYTHON or not has_cli():
        if arguments in (["--version"], ["-V"]):
            from rbridge import __version__

            sys.stdout.write("rbridge {}\n".format(__version__))
            return 0
        if not asked:
            helped = bool(arguments)
            (sys.stdout if helped else sys.stderr).write(ALONE)
            return 0 if helped else 64
        if sys.version_info < LAPTOP_PYTHON:
            why = "needs Python 3.10 or newer, this is {}.{}; on a host only 'rbridge open' is needed".format(
                *sys.version_info[:2]
            )
        else:
            why = "is a command of the laptop, this is the single file for hosts; run: pip install rbridge"
        sys.stderr.write("rbridge: '{}' {}\n".format(asked[0], why))
        return 69
    if arguments[:1] == ["lsp"]:
        from rbridge.lsp import pump  # without cli and its libraries: an editor waits for it

        return pump.run(arguments[1:])
    if arguments[:1] == ["ssh"]:
        from rbridge.ssh import shell  # the same: it is to be as quick as ssh

        return shell.run(arguments[1:])
    try:
        from rbridge import cli
    except ImportError as error:
        if (error.name or "").startswith("rbridge"):
            raise
        sys.stderr.write(
            "rbridge: the laptop's commands need the Python package '{}'; run: pip install rbridge\n".format(
                error.name
            )
        )
        return 69
    return cli.run(arguments)


def examines(arguments: "List[str]") -> bool:
    """Whether ``rbridge doctor`` is about this host: the laptop's doctor is not here, or nothing serves."""
    if not installed():
        return True
    from rbridge.client import both, doctor

    return doctor.meant(arguments, both.serves())


def elsewhere(arguments: "List[str]") -> "Optional[int]":
    """Open HOST:PATH on its host; the exit code, or None where it is the client here that opens."""
    if not installed():
        return None
    from rbridge.ssh import opening

    return opening.run(arguments, say)


def say(line: str) -> None:
    """Tell the user something that is not the answer."""
    sys.stderr.write("rbridge: {}\n".format(line))


def installed() -> bool:
    """Whether the laptop's commands can be run here."""
    from importlib.util import find_spec

    return sys.version_info >= LAPTOP_PYTHON and has_cli() and find_spec("click") is not None


def has_cli() -> bool:
    """Whether the laptop's commands are here at all: the single file for hosts has none."""
    from importlib.util import find_spec

    return find_spec("rbridge.cli") is not None
