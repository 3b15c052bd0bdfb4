"""What the user's ssh makes of a host: the answer of ``ssh -G``, in the words that rbridge needs.

The configuration is never read here: ssh does that, with its Include, Match, canonical names and tokens.
Measured with OpenSSH 9.2: of what it prints, ControlPath and UserKnownHostsFile are expanded (``~``, tokens,
``${VAR}``), GlobalKnownHostsFile is not, and of it ssh itself expands ``~`` only; the host name and
HostKeyAlias come in lower case; ProxyCommand keeps its tokens; what is ``none`` is mostly not printed; file
names with spaces lose their quotes.

The module imports nothing but the standard library when it is loaded: ``rbridge ssh`` waits for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from rbridge.errors import NoInput, NotListening, TryAgain, UsageError, clean
from rbridge.ssh import words

DEADLINE = 10.0  # seconds for ssh -G: Match exec runs commands, CanonicalizeHostname asks the DNS
NAME = 64  # characters of a host's name

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_NAME = _LETTERS | frozenset(".-")
_URI = "ssh://"
_NO = ("", "no", "false")
_CHATTER = ("Pseudo-terminal will not", "Warning: ", "debug")


class Destination(NamedTuple):
    """Where a host is, and how ssh gets there.

    *asked* is the HOST word as typed, *options* are ssh's options as typed, one word each, relative to *cwd*.
    *known_as* is the host's name for documents. *control_path* is "" where there is none; *control_master*
    says whether the configuration wants one there. *direct*: neither *jump* (ProxyJump) nor *proxy*
    (ProxyCommand, unexpanded), so that hostname:port can be tried. *host_key_names* is what known_hosts calls
    the host: the first one that is known there counts. *known_hosts* are the files, absolute.
    *known_hosts_command*: more keys come from a program. *host_keys_checked* is False where ssh lets any key
    pass (StrictHostKeyChecking no), so that known_hosts says nothing about the machine.
    """

    asked: str
    options: tuple[str, ...]
    known_as: str
    user: str
    hostname: str
    port: int
    control_path: str
    control_master: bool
    direct: bool
    jump: str
    proxy: str
    host_key_names: tuple[str, ...]
    known_hosts: tuple[str, ...]
    known_hosts_command: bool
    cwd: str
    host_keys_checked: bool = True

    @property
    def digest(self) -> str:
        """32 hex digits: the same for every spelling that leads to the same account in the same way."""
        from hashlib import sha256  # not needed on a tunnel that is up

        way = (self.user, self.hostname, str(self.port), self.jump, self.proxy, *self.host_key_names)
        return sha256("\0".join(way).encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """All fields as what JSON has: strings, numbers, truth values and lists of strings."""
        fields = self._asdict().items()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields}

    @classmethod
    def from_json(cls, said: object) -> Destination:
        """The destination that :meth:`to_json` was made of; raises ValueError for anything else."""
        if not isinstance(said, dict):
            raise ValueError("a destination is an object")
        values: dict[str, Any] = {}
        for name, kind in _KINDS.items():
            value = said.get(name, cls._field_defaults.get(name))  # one of another version may not have it
            if kind is tuple and type(value) is list and all(type(one) is str for one in value):
                values[name] = tuple(value)
            elif kind is not tuple and type(value) is kind:
                values[name] = value
            else:
                raise ValueError(f"a destination's {name} is a {kind.__name__}")
        if not _is_name(values["known_as"]) or not 0 < values["port"] < 65536:
            raise ValueError("a destination that ssh did not name")
        return cls(**values)


def here() -> str:
    """The working directory. Raises NoInput where it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise NoInput("the current directory is not there any more", "run it in another one") from None


async def ask(
    asked: str,
    options: Sequence[str],
    cwd: str,
    environ: Mapping[str, str] | None = None,
    deadline: float = DEADLINE,
) -> Destination:
    """What ssh makes of the word *asked* with *options* (each one word) in *cwd* and *environ* (else ours).

    Raises UsageError with ssh's own words when it does not take them, or when *asked* cannot be the name of a
    document's host; NotListening when there is no ssh; NoInput when *cwd* is gone; TryAgain when the answer
    takes longer than *deadline* seconds.
    """
    import trio

    command = _command(asked, options)

    async def end(process: trio.Process) -> None:
        _kill(process.pid)

    try:
        with trio.fail_after(deadline):
            done = await trio.run_process(
                command,
                stdin=b"",
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                deliver_cancel=end,
                cwd=cwd,
                env=environ,
                start_new_session=True,
            )
    except OSError as error:
        raise _not_run(error, cwd) from None
    except trio.TooSlowError:
        raise _too_slow(asked, deadline) from None
    return _read(asked, options, cwd, done.returncode, done.stdout, done.stderr)


def ask_now(
    asked: str,
    options: Sequence[str],
    cwd: str,
    environ: Mapping[str, str] | None = None,
    deadline: float = DEADLINE,
) -> Destination:
    """The same for who has no trio; the same errors."""
    try:
        process = subprocess.Popen(
            _command(asked, options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environ,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_run(error, cwd) from None
    with process:
        try:
            out, err = process.communicate(timeout=deadline)
        except subprocess.TimeoutExpired:
            _kill(process.pid)
            raise _too_slow(asked, deadline) from None
        except BaseException:  # Ctrl-C does not reach it by itself: it has a session of its own
            _kill(process.pid)
            raise
    return _read(asked, options, cwd, process.returncode, out, err)


def known_as(asked: str) -> str:
    """The name for documents in the word *asked*: without ``ssh://``, user and port; raises UsageError.

    A document's host is a letter or digit, then letters, digits, ``.``, ``_`` and ``-``. The address
    ``fe80::1%eth0``, which is none, is called ``fe80--1seth0.ipv6``, much as Windows spells it.
    """
    uri = asked.startswith(_URI)
    name = asked[len(_URI) :].partition("/")[0] if uri else asked
    name = name.rpartition("@")[2]
    if uri and name.startswith("["):
        name = name[1:].partition("]")[0]
    elif uri:
        name = name.partition(":")[0]
    if name.count(":") > 1:
        name = name.replace(":", "-").replace("%", "s") + ".ipv6"
        name = "0" + name if name.startswith("-") else name
    if not _is_name(name):
        raise UsageError(
            f"{clean(asked) or 'an empty word'} cannot name a host of documents",
            f"give it a Host line in ~/.ssh/config: letters, digits, '.', '_', '-', at most {NAME}",
        )
    return name


def _is_name(name: str) -> bool:
    return 0 < len(name) <= NAME and name[0] in _LETTERS and _NAME.issuperset(name)


def _command(asked: str, options: Sequence[str]) -> list[str]:
    """The question; raises UsageError when *asked* cannot be a host's name, or *options* no words."""
    known_as(asked)
    if any("\0" in option or not option.startswith("-") or len(option) < 2 for option in options):
        raise UsageError(f"{clean(' '.join(options))}: these are no options of ssh")
    return ["ssh", *words.asking(options), "-G", "--", asked]


def _kill(pid: int) -> None:
    """End ssh and what a Match exec line has started, which would go on without it."""
    with suppress(ProcessLookupError, PermissionError):  # macOS has the second one for a group of zombies
        os.killpg(pid, signal.SIGKILL)


def _not_run(error: OSError, cwd: str) -> Exception:
    if not os.path.isdir(cwd):
        return NoInput(f"{clean(cwd)} is not there any more", "run it in another directory")
    if isinstance(error, FileNotFoundError):
        return NotListening("ssh is not installed", "install OpenSSH")
    return NotListening(f"cannot run ssh: {error.strerror}", "install OpenSSH")


def _too_slow(asked: str, deadline: float) -> Exception:
    message = f"ssh takes over {deadline:g} s to read its configuration for {clean(asked)}"
    return TryAgain(message, f"a 'Match exec' or the name server hangs: try ssh -G {clean(asked)}")


def _read(
    asked: str, options: Sequence[str], cwd: str, code: int, stdout: bytes, stderr: bytes
) -> Destination:
    """The destination in what ``ssh -G`` printed; raises UsageError with its complaint."""
    if code:
        raise UsageError(*_complaint(asked, os.fsdecode(stderr)))
    said: dict[str, str] = {}
    for line in os.fsdecode(stdout).split("\n"):
        key, _, value = line.partition(" ")
        said[key.lower()] = value
    jump, proxy, path, alias, command = (
        "" if said.get(key, "none") == "none" else said[key]
        for key in ("proxyjump", "proxycommand", "controlpath", "hostkeyalias", "knownhostscommand")
    )
    try:
        user, hostname, port = said["user"], said["hostname"], int(said["port"])
    except (KeyError, ValueError):
        raise UsageError(f"ssh -G {clean(asked)} does not print user, host name and port") from None
    own = _files(said.get("userknownhostsfile", ""), cwd)
    everyones = _files(said.get("globalknownhostsfile", ""), cwd, tilde=True)
    local = hostname == "localhost" or hostname.startswith("127.") or hostname == "::1"
    unchecked = local and not (alias or jump or proxy)
    return Destination(
        asked=asked,
        options=tuple(options),
        known_as=known_as(asked),
        user=user,
        hostname=hostname,
        port=port,
        control_path=os.path.join(cwd, path) if path else "",
        control_master=said.get("controlmaster", "") not in _NO,
        direct=not jump and not proxy,
        jump=jump,
        proxy=proxy,
        host_key_names=(alias,) if alias else _names(hostname, port),
        known_hosts=(*own, *everyones),
        known_hosts_command=bool(command),
        cwd=cwd,
        host_keys_checked=said.get("stricthostkeychecking", "ask") not in ("no", "false", "off")
        and not (unchecked and said.get("nohostauthenticationforlocalhost", "no") not in _NO),
    )


def _names(hostname: str, port: int) -> tuple[str, ...]:
    """What known_hosts calls a host without HostKeyAlias; ssh takes the second where the first is unknown."""
    return (hostname,) if port == 22 else (f"[{hostname}]:{port}", hostname)


def _files(said: str, cwd: str, tilde: bool = False) -> tuple[str, ...]:
    """The file names in *said*, absolute. Quotes are lost: of words in a row that name a file, it is one."""
    parts = said.split(" ")
    found: list[str] = []
    while parts and parts != [""]:
        if parts[0] == "none":
            del parts[0]
            continue
        each = [(os.path.join(cwd, _home(" ".join(parts[:n]), tilde)), n) for n in range(len(parts), 0, -1)]
        path, count = next((one for one in each if os.path.exists(one[0])), each[-1])
        found.append(path)
        del parts[:count]
    return tuple(found)


def _home(path: str, tilde: bool) -> str:
    """*path* with the home directory for its ``~``: ssh takes that of the user database, not $HOME."""
    if not tilde or not path.startswith("~"):
        return path
    import pwd

    name, slash, rest = path[1:].partition("/")
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.getuid())
    except KeyError:
        return path
    return entry.pw_dir + slash + rest


def _complaint(asked: str, stderr: str) -> tuple[str, str]:
    """What ssh said, as one line, and a hint."""
    lines = [line.strip() for line in stderr.partition("usage: ssh")[0].split("\n")]
    kept = [
        line for line in lines if line and not line.startswith(_CHATTER) and ": terminating, " not in line
    ]
    if kept:
        return clean("ssh: " + "; ".join(kept)), ""
    return f"ssh does not take {clean(asked)} for a host", "see: man ssh"


_KINDS: dict[str, type] = {
    # fmt: off
    "asked": str,
    "options": tuple,
    "known_as": str,
    "user": str,
    "hostname": str,
    "port": int,
    "control_path": str,
    "control_master": bool,
    "direct": bool,
    "jump": str,
    "proxy": str,
    "host_key_names": tuple,
    "known_hosts": tuple,
    "known_hosts_command": bool,
    "cwd": str,
    "host_keys_checked": bool,
    # fmt: on
}
