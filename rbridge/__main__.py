"""The entry of ``rbridge``, ``rmate`` and ``python -m rbridge``.

What the host uses goes straight to ``client`` and imports nothing else, by way of ``client.both`` where it is
a command of the laptop too. All others are the laptop's and go to ``cli``, which needs Python 3.10 and the
libraries that are installed with rbridge.
"""

import os
import sys

MYPY = False
if MYPY:
    from typing import List, Optional


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
                if ":" in "".join(arguments):
                    from rbridge import laptop

                    code = laptop.elsewhere(arguments[1:])
                    if code is not None:
                        return code
                from rbridge.client.main import run

                return run(arguments[1:], "rbridge open")
            if arguments[:1] in (["diff"], ["use"], ["port"], ["browse"], ["agent"]):
                from importlib import import_module

                return int(import_module("rbridge.client." + arguments[0]).run(arguments[1:]))
            if arguments[:1] in (["status"], ["close"], ["resolve"]):
                from rbridge import laptop
                from rbridge.client import both

                return both.run(arguments[0], arguments[1:], laptop.run if laptop.installed() else None)
            from rbridge import laptop

            return laptop.run(arguments)
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
