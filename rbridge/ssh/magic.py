"""``%rbridge`` in IPython and Jupyter on the host: opens a file, or the source of an object, from a cell.

``rbridge deploy --ipython`` puts the text of this module into IPython's profile (:mod:`rbridge.ssh.startup`).
It runs there alone, with the kernel's Python, 3.6 or later: the standard library only, and no import of ours.
"""

import os
import subprocess
import sys

MYPY = False
if MYPY:
    from typing import IO, Any, List, Optional

CLIENT = "~/.local/bin/rbridge"
USAGE = (
    "usage: %rbridge [-w] [options] FILE[:LINE]... or the name of a function, class or module"
    " (!rbridge open --help lists the options)"
)
FAREWELL = 10  # seconds that the client has for its last words after an interrupt


class Unclear(Exception):
    """Why nothing was opened, for the user."""


def register(shell: "Any") -> None:
    """Make ``%rbridge`` known to *shell*, an InteractiveShell."""

    def rbridge(line: str) -> None:
        try:
            _run(_words(line, shell))
        except Unclear as why:
            sys.stdout.flush()
            sys.stderr.write(f"{why}\n")

    rbridge.__doc__ = _words.__doc__
    shell.register_magic_function(rbridge, "line", "rbridge")


def _words(line: str, shell: "Any") -> "List[str]":
    """Open files in the editor on your laptop.

    %rbridge train.py:42          a file, at a line; several, too
    %rbridge model.forward        the source of what you have imported
    %rbridge -w notes.md          wait until it is closed there

    Options are those of `rbridge open`. After `%load_ext autoreload` and `%autoreload 2` the next cell runs
    what you saved.
    """
    import shlex
    import shutil

    try:
        given = shlex.split(line)
    except ValueError as error:
        raise Unclear(f"rbridge: {line}: {error}") from None
    if not given:
        raise Unclear(USAGE)
    words = [
        _source(word, shell) or (os.path.expanduser(word) if word[0:1] == "~" else word) for word in given
    ]
    path = os.path.expanduser(CLIENT)
    if os.access(path, os.X_OK):
        return [path, "open"] + words
    found = shutil.which("rbridge")
    if found:
        return [found, "open"] + words
    if os.path.isfile(path):
        return ["/bin/sh", path, "open"] + words  # where nothing may be executed
    raise Unclear(f"rbridge: {CLIENT} is not there; on the laptop: rbridge deploy HOST")


def _source(word: str, shell: "Any") -> str:
    """FILE:LINE of the object that *word* names, "" if it names none. Raises Unclear where it has no file."""
    import functools
    import inspect
    import linecache

    names = word.split(".")
    if os.path.lexists(os.path.expanduser(word)) or not all(name.isidentifier() for name in names):
        return ""
    if names[0] not in shell.user_ns:
        return ""
    found = shell.user_ns[names[0]]  # type: Any
    for name in names[1:]:
        try:
            found = getattr(found, name)
        except Exception:  # an attribute can be a program; then it is a file's name like train.py
            return ""
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, functools.partial):
        found = found.func
    try:
        found = inspect.unwrap(found)
    except ValueError:
        pass
    for one in (found, type(found)):
        try:
            file = inspect.getsourcefile(one)
            if file is None or not os.path.exists(file):
                continue
            linecache.checkcache(file)
            number = 1 if inspect.ismodule(one) else max(inspect.getsourcelines(one)[1], 1)
            return f"{os.path.abspath(file)}:{number}"
        except (TypeError, OSError):
            continue
    raise Unclear(
        f"rbridge: {word} has no source file: it was defined in a cell, or is not written in Python"
        f" (a file of that name: ./{word})"
    )


def _run(argv: "List[str]") -> None:
    """Run that, and show in the cell what it says; an interrupt ends the wait and leaves the file open."""
    import signal

    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    try:
        # a session of its own: it hears of an interrupt once, from us, and never from the terminal as well
        process = subprocess.Popen(
            argv, stdin=null, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        raise Unclear(f"rbridge: cannot run {argv[0]}: {error.strerror}") from None
    try:
        _show(process.stdout)
        process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _show(process.stdout)
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _show(stream: "Optional[IO[bytes]]") -> None:
    for line in iter(stream.readline, b"") if stream else ():
        sys.stdout.write(line.decode("utf-8", "replace"))
        sys.stdout.flush()
