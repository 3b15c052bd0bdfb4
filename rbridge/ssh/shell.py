"""``rbridge ssh``, ``connect`` and ``disconnect``: the user's side of a tunnel.

A master that needs to be made is made here, in the user's own terminal, since it may ask for a password; then
the daemon takes it over. What follows is ssh itself: this process becomes it, so that exit code, signals and
terminal are ssh's own. On a tunnel that is up this costs one question to the daemon and one start of Python:
nothing is imported that a live tunnel does not need.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rbridge import paths
from rbridge.errors import CannotCreate, NoInput, NotListening, RbridgeError, TryAgain, UsageError, clean
from rbridge.ssh import config, starting, words
from rbridge.ssh.config import Destination
from rbridge.ssh.words import Words

UP = "up"
LOGIN = 150.0  # seconds that another command may take to log in: sshd gives it 120
LOOK = 0.2  # seconds between looks whether it has
SETTLED = 140.0  # seconds for the daemon's answer to `connect`

SSH_USAGE = """\
usage: rbridge ssh [ssh options] HOST [COMMAND...]

As ssh, over a connection that rbridge keeps: 'rbridge open FILE' in the shell that appears opens FILE in the
editor on this machine. The host gets one file, ~/.local/bin/rbridge, if it has none, and nothing else.
What ssh understands is understood: aliases, jump hosts, agents, certificates, and its options before
HOST.

  --node NODE   go to this one of the machines that HOST stands for; through HOST where it cannot be reached
  --no-deploy   put nothing on the host

exit codes: those of COMMAND, and 255 as ssh has it
"""
CONNECT_USAGE = """\
usage: rbridge connect [ssh options] HOST

Keep a connection to HOST, until 'rbridge disconnect HOST' or the end of the daemon ('rbridge serve --stop'):
what is opened there with 'rbridge open' opens here. It comes back by itself when the network does.

  --node NODE   go to this one of the machines that HOST stands for; through HOST where it cannot be reached
  --no-deploy   put nothing on the host

exit codes: 0 connected   64 wrong usage   69 no way to the host, or none back from it   75 try again
            77 the host does not let you in   255 ssh ended otherwise, or has said why in the terminal itself
"""
OURS = "RBRIDGE_SSH"
"""Tells what ``rbridge setup`` wrote into ssh's configuration that there is a tunnel (``sshconfig.OFF``)."""

FORWARDED = ("-A", "-X", "-Y")
"""What a session gets only over a master that was made with it."""

OWN = {"--no-deploy": False, "--help": False, "--node": True}


def _destination(said: Words) -> tuple[Destination, Words]:
    """Where *said* leads, and *said* with all options of ssh that this takes."""
    if "--node" in said.own:
        from rbridge.ssh import pinned

        return pinned.ask(said, config.here(), _environ())
    return config.ask_now(said.host, said.options, config.here(), _environ()), said


def _unsaid(state: object) -> str:
    """What a state without a reason means to who waits for a tunnel."""
    if state == "ended":
        return "was disconnected meanwhile"
    return "the way back is not made yet" if state == "connecting" else "there is no way back"


class NotIn(RbridgeError):
    """ssh did not get in, and has said why; *code* is its own."""

    def __init__(self, message: str, hint: str, exit_code: int, code: int) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code
        self.code = code


class NoTunnel(RbridgeError):
    """The login went well, over the master at *control*, and no tunnel could be made."""

    def __init__(self, answer: dict[str, Any], control: str) -> None:
        said, hint = (
            clean(str(answer.get("said") or answer.get("error") or _unsaid(answer.get("state")))),
            clean(str(answer.get("hint") or "")),
        )
        super().__init__(f"{clean(str(answer['name']))}: {said}" if answer.get("name") else said, hint)
        self.exit_code = int(answer.get("code") or TryAgain.exit_code)
        self.control = control


def run(arguments: Sequence[str]) -> int:
    """``rbridge ssh ARGUMENTS``; does not return where a shell or a command is run. Raises RbridgeError."""
    said = words.split(arguments, OWN)
    if "--help" in said.own:
        sys.stdout.write(SSH_USAGE)
        return 0
    words.check(said)
    destination, said = _destination(said)
    try:
        tunnel = reach(destination, said)
    except NotIn as error:
        _say(error.line())
        return error.code
    except NoTunnel as error:
        _say(error.line())  # the login went well, and a shell is what was asked for
        return become(said, error.control)
    except RbridgeError as error:
        _say(error.line())
        _say("nothing leads back from this shell: what is opened there does not open here")
        return _plain(said)
    late = [] if tunnel.get("deployed") is not None else [one for one in said.options if one in FORWARDED]
    if late and sys.stderr.isatty():
        _say(f"{late[0]} has effect from a login on: if there is none, rbridge disconnect {said.host} first")
    if tunnel.get("full"):
        _say(f"{said.host} permits one session for each login (MaxSessions): this is another login")
    if not said.command and sys.stderr.isatty():
        _say(opens(tunnel))
        _offer(tunnel, destination)
    return become(said, "none" if tunnel.get("full") else str(tunnel["control"]))


def connect(arguments: Sequence[str]) -> int:
    """``rbridge connect ARGUMENTS``. Raises RbridgeError."""
    said = words.split(arguments, OWN)
    if "--help" in said.own:
        sys.stdout.write(CONNECT_USAGE)
        return 0
    words.check(said)
    if said.command:
        raise UsageError(
            "rbridge connect takes no command", f"run: rbridge ssh {said.host} {said.command[0]}"
        )
    destination, said = _destination(said)
    tunnel = reach(destination, said)
    _say(opens(tunnel))
    _offer(tunnel, destination)
    return 0


def disconnect(host: str) -> int:
    """``rbridge disconnect HOST``. Raises RbridgeError."""
    answer = starting.ask({"do": "disconnect", "host": host}, patience=SETTLED)
    if not answer["ok"] and answer.get("code") != NoInput.exit_code:
        raise _not_understood(answer)
    if not answer["ok"]:
        raise NoInput(clean(str(answer["error"])), "rbridge status lists what is")
    for name in answer["names"]:
        _say(f"{clean(str(name))}: disconnected")
    return 0


def opens(tunnel: dict[str, Any]) -> str:
    """The line that says which editor opens the host's files, and how to change that."""
    editor = clean(str(tunnel["editor"]))
    over = " (over stdio: this host refuses forwarding)" if tunnel.get("way") == "stdio" else ""
    return (
        f"files of {clean(str(tunnel['name']))} open in {editor}{over}; "
        f'another one: editor = "..." in {paths.config_file()}'
    )


def reach(destination: Destination, said: Words, name: str = "") -> dict[str, Any]:
    """The tunnel to *destination*, or else the one that ``rbridge status`` calls *name*: it was made with
    options of ssh, or ``--node``. It is made if there is none. The daemon's answer.

    Raises NotIn, NoTunnel, and RbridgeError where there is no daemon to ask.
    """
    asked = {"do": "tunnel", "destination": destination.to_json(), "name": name}
    tunnel = starting.asked(asked, _say_but_editor)
    if not tunnel["ok"]:  # before the user types a password for nothing
        raise _not_understood(tunnel)
    if tunnel.get("digest", destination.digest) != destination.digest:
        return _as_it_was_made(tunnel, name)
    if tunnel["state"] == UP:
        return tunnel
    with _alone(destination) as waited:
        if waited:
            tunnel = starting.ask(asked)
            if tunnel["ok"] and tunnel["state"] == UP:
                return tunnel
        control, pid, own = _master(destination)
    return _make(destination, said, control, pid, own)


def _as_it_was_made(tunnel: dict[str, Any], name: str) -> dict[str, Any]:
    """A *tunnel* that is known by its *name* only: how to log in there is not. Raises NotIn."""
    if tunnel["state"] == UP and not tunnel.get("full"):
        return tunnel
    one = "permits one session for each login (MaxSessions)"
    why = one if tunnel["state"] == UP else clean(str(tunnel.get("said") or _unsaid(tunnel["state"])))
    hint = "rbridge connect, with the options that it was made with, makes it again"
    raise NotIn(f"{name}: {why}", hint, TryAgain.exit_code, TryAgain.exit_code)


def session(tunnel: dict[str, Any], said: Words) -> list[str]:
    """The command line of a session over *tunnel*, a command is to follow; a login where it has no room."""
    from rbridge.ssh import master

    if not tunnel.get("full"):
        return master.over(str(tunnel["control"]))
    never = ["-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none"]
    return ["ssh", "-T", "-S", "none", *never, *said.way, "--", said.host]


def _master(destination: Destination) -> tuple[str, int, bool]:
    """The control path and the pid of a master, and whether it is ours: a login is made where none lives."""
    from rbridge.ssh import login, master

    control, theirs = master.control_path(destination, paths.runtime_dir())
    pid, own = master.check_now(control), False
    if pid is None:
        made = login.in_terminal(destination, control, _environ())
        if made.pid is None:
            raise _not_in(destination, made.stderr, made.code)
        pid, own = made.pid, True
    return control, pid, own or not theirs


def _make(destination: Destination, said: Words, control: str, pid: int, own: bool) -> dict[str, Any]:
    """Have the daemon make the tunnel over that master."""
    request = {
        "do": "connect",
        "destination": destination.to_json(),
        "control": control,
        "pid": pid,
        "own": own,
        "environ": {name: os.environ[name] for name in starting.CARRIED if name in os.environ},
        "deploy": "--no-deploy" not in said.own,
        "look": not said.command and sys.stderr.isatty(),
    }

    def meanwhile() -> None:
        if sys.stderr.isatty():
            _say(f"{destination.known_as}: logged in; the way back is being made ...")

    try:
        tunnel = starting.ask(request, SETTLED, meanwhile)
    except RbridgeError as error:  # the login went well all the same
        tunnel = {"ok": False, "error": str(error), "hint": error.hint, "code": error.exit_code}
    if tunnel["ok"] and tunnel["state"] == UP:
        for line in tunnel["deployed"]:
            _say(clean(str(line)))
        return tunnel
    raise NoTunnel(tunnel, control)


def _not_in(destination: Destination, stderr: str, code: int) -> NotIn:
    """What a login that failed is to us; where ssh had the terminal, the user has read more than we know."""
    host = destination.known_as
    if not stderr:
        return NotIn(
            f"{host}: not connected: ssh ended with {code}", f"'ssh -v {host}' tells more", code, code
        )
    from rbridge.ssh import reasons

    error = reasons.error(reasons.read(stderr, host, destination.jump or destination.proxy), host)
    return NotIn(str(error), error.hint, error.exit_code, code)


@contextmanager
def _alone(destination: Destination) -> Iterator[bool]:
    """Alone in logging in to *destination*: two commands at once need one login between them. Yields whether
    another one was waited for.
    """
    runtime = paths.runtime_dir()
    path = os.path.join(runtime, f"login.{destination.digest[:8]}.lock")
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise CannotCreate(f"cannot create {path}: {error.strerror}") from error
    try:
        yield _locked(fd, destination.known_as)
    finally:
        os.close(fd)


def _locked(fd: int, name: str) -> bool:
    """Lock *fd*; whether somebody else had to be waited for. Raises TryAgain when he takes too long."""
    end = time.monotonic() + LOGIN
    waited = False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return waited
        except BlockingIOError:
            if not waited:
                _say(f"another command logs in to {name}: waiting for it")
            waited = True
        if time.monotonic() > end:
            raise TryAgain(f"another command still logs in to {name}", "is it suspended, at its question?")
        time.sleep(LOOK)


def _offer(tunnel: dict[str, Any], destination: Destination) -> None:
    """Offer the line that puts the client on PATH, where a new shell there would not find it."""
    if not tunnel.get("rc"):
        return
    name, file = clean(str(tunnel["name"])), clean(str(tunnel["rc"]))
    line = f"rbridge deploy --path {destination.asked}"
    if not sys.stdin.isatty() or tunnel.get("full"):
        _say(
            f"new shells on {name} do not find rbridge: run '{line}', or there ~/.local/bin/rbridge open FILE"
        )
        return
    sys.stderr.write(
        f"rbridge: new shells on {name} do not find rbridge. Add one line to {file} there? [Y/n] "
    )
    sys.stderr.flush()
    typed = os.read(0, 1024)  # one line, and nothing of what is typed ahead for the shell
    if typed.decode("utf-8", "replace").strip().lower() not in ("", "y", "yes"):
        _say(f"not added; '{line}' does it later, and until then there is ~/.local/bin/rbridge open FILE")
        return
    from rbridge.ssh import deploying, master

    deploying.add_path(master.over(str(tunnel["control"]), name), name, _say)


def become(said: Words, control: str) -> int:
    """Be ssh from here on, over the master at *control*. Raises NotListening where there is no ssh."""
    over = ["-o", "ControlMaster=no", *said.shell, "-S", control.replace("%", "%%")]
    return _become(["ssh", *over, *said.target], _environ())


def _plain(said: Words) -> int:
    """Be ssh as the user called it: where we cannot help, we are not in the way."""
    return _become(["ssh", *said.options, *said.target], dict(os.environ))


def _become(argv: list[str], environ: dict[str, str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe("ssh", argv, environ)
    except OSError as error:
        raise NotListening(f"cannot run ssh: {error.strerror}", "install OpenSSH") from None


def _not_understood(answer: dict[str, Any]) -> TryAgain:
    return TryAgain(
        f"rbridge serve: {clean(str(answer.get('error')))}",
        "another version of it may be running: rbridge serve --stop, then again",
    )


def _environ() -> dict[str, str]:
    """The environment of the ssh that we run."""
    return {**os.environ, OURS: "1"}


def _say_but_editor(line: str) -> None:
    """What a daemon says at its start, but for the editor: that is said with the host's name."""
    if not line.startswith("files open in"):
        _say(line)


def _say(line: str) -> None:
    sys.stderr.write(f"rbridge: {line}\n")
