"""``rbridge open --sudo``: the same command as root, by sudo.

The user's own process looks for the laptop, since it has the user's environment, and tells root by an option
where that is: nothing depends on what sudo lets through.
"""

import os
import signal
import sys

from rbridge.client import process
from rbridge.client.options import SHORT, VALUES, full_name
from rbridge.errors import Denied, NotListening

MYPY = False
if MYPY:
    from typing import List, Tuple

    from rbridge.client.main import Run
    from rbridge.client.options import Options
    from rbridge.client.settings import Endpoint

FROM_PACKAGE = (
    "import sys; sys.path.append(sys.argv[1]); del sys.argv[:2];"
    " from rbridge.__main__ import main; sys.exit(main())"
)
"""Runs the package of a directory, called as the next word says."""

REPLACED = ("sudo", "socket", "unixsocket", "host", "port", "via")
"""Options that root needs no more where somebody listens."""

REFUSED = 1
"""What sudo ends with where it does not run the command; rbridge never does."""

OTHERWISE = "where sudoedit is allowed: SUDO_EDITOR='rbridge open -w' sudoedit FILE"


def become(command: "Run", options: "Options") -> int:
    """Have sudo run the same command as root, in this terminal; the exit code. Raises RbridgeError."""
    program = process.search("sudo", os.environb.get(b"PATH", os.fsencode(os.defpath)))
    if not program:
        raise Denied("nothing was opened: there is no sudo on this host's PATH", "log in as root, or su")
    where, edits_here = destination(command, options)
    words = ["sudo", "-u", "root", "--"] + ourselves(command)
    words += where + without(command.argv, ("sudo", "via", "else") if edits_here else REPLACED)
    code = run(program, words)
    if code == REFUSED and not edits_here:
        raise Denied("nothing was opened: sudo did not run rbridge", OTHERWISE)
    return code


def destination(command: "Run", options: "Options") -> "Tuple[List[str], bool]":
    """The options that lead root to the laptop; whether there is none, and root is to edit here instead.

    Raises RbridgeError when nobody listens: before anybody is asked for a password.
    """
    try:
        peer = command.locate(command.endpoints(options), options)
    except (NotListening, Denied):
        from rbridge.client import fallback

        words = fallback.command(options)
        if not words:
            raise
        import shlex

        return ["--else", " ".join(map(shlex.quote, words))], True
    peer.sock.close()
    return leading_to(peer.endpoint), False


def leading_to(endpoint: "Endpoint") -> "List[str]":
    """The options by which *endpoint* is asked, and nobody else."""
    if endpoint.kind == "unix":
        return ["--socket", endpoint.path]
    host = ["--host", endpoint.host] if endpoint.named else []
    return host + ["--port", str(endpoint.port)]


def ourselves(command: "Run") -> "List[str]":
    """The words that run this very rbridge by this very Python, whatever PATH and modules root has."""
    spec = sys.modules[__name__].__spec__
    archive = spec.loader if spec is not None else None
    if hasattr(archive, "entries"):
        words = [archive.path]  # type: ignore[union-attr]
    else:
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        called = os.path.basename(sys.argv[0]) if command.name == "rmate" else command.name
        words = ["-c", FROM_PACKAGE, package, called]
    return [sys.executable, "-I", "-S", "-B"] + words + command.called.split()[1:]


def without(argv: "List[str]", names: "Tuple[str, ...]") -> "List[str]":
    """*argv*, which makes sense, less the options of these *names* and their values."""
    left: "List[str]" = []
    words = iter(argv)
    for word in words:
        kept, value = [word], ""
        if word == "--":
            return left + [word] + list(words)
        if word.startswith("--"):
            name, given, _ = word[2:].partition("=")
            name = full_name(name, word)
            value = name if name in VALUES and not given else ""
            if name in names:
                kept = []
        elif word.startswith("-") and word != "-":
            for index, letter in enumerate(word[1:], 1):
                name = SHORT.get(letter, "")
                if name in VALUES:
                    value = name if not word[index + 1 :] else ""
                    if name in names:
                        kept = [word[:index]] if index > 1 else []
                    break
        following = [next(words)] if value else []
        left += kept + (following if value not in names else [])
    return left


def run(program: str, words: "List[str]") -> int:
    """Run *program* in this terminal, to its end; its exit code, as a shell has it.

    What is typed is the program's, Ctrl-C too. QUIRK: sudo cannot be signalled by who called it; if we are
    told to end, it stays.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if not pid:
        try:
            os.execv(program, words)
        finally:
            os._exit(126)
    before = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)]
    try:
        status = os.waitpid(pid, 0)[1]
    finally:
        for number, former in zip((signal.SIGINT, signal.SIGQUIT), before):
            signal.signal(number, former)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
