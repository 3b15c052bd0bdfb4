"""``rbridge open HOST:PATH`` on the laptop: the host's own ``rbridge open``, run over the kept master.

What it prints and its exit code are shown as they are. A word is HOST:PATH when it has that form and no file
of that name is here; the host may not contain a '/', so that ``./a:b`` is always a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from rbridge.client import options as clientoptions
from rbridge.client import positions
from rbridge.errors import NotListening, UsageError, clean
from rbridge.ssh import fetching

Say = Callable[[str], None]

INTERRUPTED = 130
NOT_OURS = ("host", "port", "socket", "unixsocket", "on", "else")
"""Options of ``open`` that say which laptop, or what to do without one: here it is this one."""

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+:@,-")

# Every word comes as printf's %b has it, and a dot keeps the newlines at its end.
_RUN = (
    'n=$#; while [ $n -gt 0 ]; do a=$(printf "%b." "$1"); shift; set -- "$@" "${a%.}"; n=$((n-1)); done; '
    "host=$1; sock=$2; shift 2; cd; f=$HOME/.local/bin/rbridge; "
    '[ -z "$sock" ] || { RBRIDGE_SOCKET=$sock; export RBRIDGE_SOCKET; }; '
    'if [ -x "$f" ]; then exec "$f" "$@"; elif [ -f "$f" ]; then exec /bin/sh "$f" "$@"; fi; '
    'echo "rbridge: $host has no ~/.local/bin/rbridge; run: rbridge deploy $host" >&2; exit 69'
)


def split(arguments: Sequence[str]) -> tuple[str, list[str], list[str]] | None:
    """HOST, its paths, and the options among the *arguments* of ``open``; None if no word is HOST:PATH.

    Raises UsageError where files of this machine, or of several hosts, stand beside it.
    """
    found: list[tuple[str, str]] = []
    kept: list[str] = []
    local: list[str] = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            for rest in words:
                _sort(rest, found, local)
            break
        if word.startswith("-") and word != "-":
            kept.append(word)
            if _wants_value(word) and words:
                kept.append(words.pop(0))
        elif word[:1] == "+" and word[1:2].isdigit():
            kept.append(word)
        else:
            _sort(word, found, local)
    if not found:
        return None
    if local:
        raise UsageError(
            f"{clean(local[0])} is of this machine, and {clean(':'.join(found[0]))} is not",
            "open them with two commands",
        )
    if len({host for host, _ in found}) > 1:
        raise UsageError("these are files of several hosts", "open them with one command for each")
    return found[0][0], [path for _, path in found], kept


def run(arguments: Sequence[str], say: Say) -> int | None:
    """``rbridge open ARGUMENTS`` where a word is HOST:PATH: the exit code. None if that is not so."""
    asked = split(arguments)
    if asked is None:
        return None
    return open_there(*asked, say=say)


def open_there(host: str, paths: Sequence[str], options: Sequence[str], say: Say = print) -> int:
    """Open *paths* of *host* here, over the tunnel, which is made if there is none; the exit code.

    Raises RbridgeError where there is no way to the host.
    """
    from rbridge.ssh import config, shell
    from rbridge.ssh import words as sshwords

    for option in options:
        name = _long(option)
        if name in NOT_OURS:
            raise UsageError(f"--{name} makes no sense with HOST:PATH", "the file opens on this machine")
    said = sshwords.split([host], {})
    sshwords.check(said)
    destination = config.ask_now(said.host, said.options, config.here(), {**os.environ, shell.OURS: "1"})
    try:
        tunnel = shell.reach(destination, said, host)
    except shell.NotIn as error:
        say(error.line())
        return int(error.exit_code)
    line = command(host, str(tunnel.get("socket") or ""), paths, options)
    return over_master(shell.session(tunnel, said), line)


def over_master(over: Sequence[str], line: str) -> int:
    """Run *line* on the host, with our own stdin, stdout and stderr; its exit code.

    Ctrl-C gets through where there is a terminal: ssh is told to have one there as well.
    """
    argv = list(over)
    if sys.stdin.isatty() and "-T" in argv:
        argv[argv.index("-T")] = "-t"
    argv += [line]
    try:
        return subprocess.call(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        raise NotListening(f"cannot run ssh: {error.strerror}", "install OpenSSH") from None


def command(host: str, socket: str, paths: Sequence[str], options: Sequence[str]) -> str:
    """The line for the host's login shell, whichever that is: it opens *paths* through *socket*."""
    return client(host, socket, ["open", *options, "--", *(in_home(path) for path in paths)])


def client(host: str, socket: str, arguments: Sequence[str]) -> str:
    """The line for the host's login shell: ``rbridge ARGUMENTS`` there, for the laptop behind *socket*."""
    words = [host, socket, *arguments]
    return f"exec /bin/sh -c '{_RUN}' rbridge {' '.join(quoted(word) for word in words)}"


def in_home(path: str) -> str:
    """*path* of HOST:PATH as it is from the home directory there."""
    if path in ("", "~", "~/"):
        return "."
    path = path[2:].lstrip("/") or "." if path.startswith("~/") else path
    return f"./{path}" if path == "-" or (":" in path and path[0] not in "/~") else path


def quoted(word: str) -> str:
    """*word* for ``printf %b``, in quotes that mean the same to sh, bash, fish and tcsh: no shell sees
    anything in it that it could change. Raises UsageError for NUL.
    """
    data = os.fsencode(word)
    if b"\0" in data:
        raise UsageError("a word with a NUL in it")
    return "'" + "".join(chr(byte) if byte in _PLAIN else f"\\0{byte:03o}" for byte in data) + "'"


def _sort(word: str, found: list[tuple[str, str]], local: list[str]) -> None:
    placed = positions.split_position(word)  # so that new.py:12 is not taken for a host
    file = placed[0] if placed else word
    remote = fetching.remote(word)
    if remote is None or fetching.remote(file) is None or remote[1].startswith("//"):
        local.append(word)
        return
    if os.path.lexists(word) or os.path.lexists(file):  # a file of that name wins
        local.append(word)
    else:
        found.append(remote)


def _long(word: str) -> str:
    """The long name of the option *word*, abbreviations resolved, of joined letters the last one's."""
    if word.startswith("--"):
        name = word[2:].partition("=")[0]
        known = [one for one in (*clientoptions.FLAGS, *clientoptions.VALUES) if one.startswith(name)]
        return name if name in known or len(known) != 1 else known[0]
    for letter in word[1:]:
        name = clientoptions.SHORT.get(letter, "")
        if name in clientoptions.VALUES:
            return name
    return clientoptions.SHORT.get(word[-1], "")


def _wants_value(word: str) -> bool:
    """Whether the value of the option *word* is the next word."""
    name = _long(word)
    if name not in clientoptions.VALUES:
        return False
    if word.startswith("--"):
        return "=" not in word
    letters = [letter for letter in word[1:] if clientoptions.SHORT.get(letter) in clientoptions.VALUES]
    return word.index(letters[0], 1) == len(word) - 1
