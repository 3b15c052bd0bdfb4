"""The entry of ``rbridge``, ``rmate`` and ``python -m rbridge``.

What the host uses goes straight to ``client`` and imports nothing else; all other commands are the laptop's
and go to ``cli``, which needs Python 3.10 and the libraries that are installed with rbridge.
"""

import os
import sys

MYPY = False
if MYPY:
    from typing import List, Optional

LAPTOP_PYTHON = (3, 10)
ALONE = """\
usage: rbridge open [options] PATH...    open files in the editor on your laptop
       rbridge --version

'rbridge open --help' tells more. This is the part of rbridge for a host: one
file, no installation. The laptop's commands come with: pip install rbridge
"""


def main(argv: "Optional[List[str]]" = None) -> int:
    """Run the command line *argv*, the program's name first; the exit code. Raises nothing."""
    words = sys.argv if argv is None else argv
    name = os.path.basename(words[0]) if words else "rbridge"
    arguments = list(words[1:])
    try:
        try:
            if name.startswith("rmate"):
                from rbridge.client.main import run

                return run(arguments, "rmate")
            if arguments[:1] == ["open"]:
                from rbridge.client.main import run

                return run(arguments[1:], "rbridge open")
            return laptop(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read our output has gone; nor may the interpreter complain when it flushes at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        return unexpected(error, arguments)


def laptop(arguments: "List[str]") -> int:
    """Hand over to the laptop's commands, or say why that is not possible."""
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


def has_cli() -> bool:
    """Whether the laptop's commands are here at all: the single file for hosts has none."""
    from importlib.util import find_spec

    return find_spec("rbridge.cli") is not None


def unexpected(error: Exception, arguments: "List[str]") -> int:
    """Say in one line that we made a mistake; with -v or RBRIDGE_DEBUG, where."""
    from rbridge.errors import RbridgeError, clean

    if isinstance(error, RbridgeError):
        sys.stderr.write("rbridge: {}\n".format(error.line()))
        return error.exit_code
    if os.environ.get("RBRIDGE_DEBUG") or "-v" in arguments or "--verbose" in arguments:
        import traceback

        traceback.print_exc()
    words = clean("{}: {}".format(type(error).__name__, error))
    sys.stderr.write(
        "rbridge: unexpected {}: a mistake in rbridge (RBRIDGE_DEBUG=1 shows where)\n".format(words)
    )
    return 70


if __name__ == "__main__":
    sys.exit(main())
