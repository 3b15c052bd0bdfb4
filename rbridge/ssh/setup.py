"""``rbridge setup HOST``: a block in ~/.ssh/config.d/rbridge.conf, so that plain ``ssh HOST`` carries the
forward, and one Include line at the top of ~/.ssh/config that leads there.

Nothing is written before it was shown and agreed to; --remove undoes exactly it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from rbridge import completion as completions
from rbridge import paths, system
from rbridge.errors import Denied, NoInput, NotListening, UsageError
from rbridge.server import config, endpoints, identity
from rbridge.server.addresses import Tcp, Unix, parse
from rbridge.server.keys import Keys
from rbridge.ssh import changes, hostkeys, sshconfig, survey
from rbridge.ssh import config as sshwords
from rbridge.ssh import service as services
from rbridge.ssh.changes import Change, Confirm, Say
from rbridge.ssh.sshconfig import Fragment

NAME = os.path.join("config.d", "rbridge.conf")
UNPRIVILEGED = 1024
SOCKET_NAME = "daemon.sock"
KEPT = "your changes to {}'s lines in {} are kept"


@dataclass(frozen=True)
class Place:
    """*main* is the user's ssh_config, *fragment* our file beside it, *home* what ssh takes ``~`` for."""

    main: str
    fragment: str
    home: str

    @property
    def line(self) -> str:
        """The Include that leads from *main* to *fragment*."""
        beside = os.path.join(self.base, NAME) == self.fragment
        return f"Include {NAME}" if beside else f'Include "{self.fragment}"'

    @property
    def base(self) -> str:
        """Where relative patterns of an Include begin, whichever file holds it."""
        return os.path.join(self.home, ".ssh")


def place(file: str = "") -> Place:
    """Where to write: beside *file* (ssh's ``-F``), by default ~/.ssh/config. Raises UsageError.

    QUIRK: ssh takes ~ from the user database, whatever $HOME says.
    """
    home = system.home_of(os.geteuid()) or paths.home()
    main = os.path.abspath(file) if file else os.path.join(home, ".ssh", "config")
    fragment = sshconfig.check_path(os.path.join(os.path.dirname(main), NAME), "the file to write")
    return Place(main, fragment, home)


def setup(
    host: str,
    *,
    port: int = 0,
    force: bool = False,
    file: str = "",
    echo: Say,
    say: Say,
    confirm: Confirm,
) -> int:
    """Make plain ``ssh HOST`` carry the forward: of the daemon's socket, or of TCP *port* if it is not 0.

    Logs in on *host* once. *file* is another ssh_config than ~/.ssh/config, *force* overwrites what somebody
    changed in our block. *echo* shows what will be written, *confirm* asks for it. Returns 0, or 1 when the
    answer is no. Raises UsageError, Denied, NotListening, CannotCreate and TryAgain; nothing is changed on
    the laptop then.
    """
    sshconfig.check_host(host)
    if port and not UNPRIVILEGED <= port <= 65535:
        raise UsageError(
            f"{port} is no port to forward to", f"allowed: {UNPRIVILEGED} to 65535; rmate's is 52698"
        )
    where = place(file)
    options = [f"-F{file}"] if file else []
    fragment = _fragment(where)
    block = fragment.find(host)
    if block and block.edited and not force:
        raise Denied(KEPT.format(host, where.fragment), "--force overwrites them")
    runtime, listed = _daemon()
    socket = os.path.join(runtime, "control.sock") if port else _socket(listed)
    laptop = identity.load()
    # before we log in, and without the lines that an earlier setup has written
    destination = sshwords.ask_now(host, options, os.getcwd(), {**os.environ, sshconfig.OFF: "1"})
    with survey.Survey(host, options, laptop if port else "") as login:
        facts = login.facts
        if port:
            _check_port(host, port, facts, say)
            entry = sshconfig.port_entry(host, port, _tcp(listed), socket)
        else:
            entry = sshconfig.socket_entry(
                host, facts.directory, laptop, socket, where.fragment, destination.control_path
            )
        wanted = _added(where, fragment.put(entry))
        if not _differ(wanted):
            say(f"{where.fragment} is as it should be")
        elif not changes.agree(wanted, echo, confirm, f"Write this, for ssh {host}?"):
            return 1
        if port:
            keys = Keys(os.path.join(paths.state_dir(), "keys"))
            login.leave(keys.issue(destination.known_as, _machine(destination)).line)
    changes.carry_out(wanted)
    say(f"from now on ssh {host} leads rbridge open there to the daemon here, while it runs: rbridge serve")
    if port and port != config.DEFAULT_PORT:
        say(f"on {host} the client has to know the port: open --port {port}, or port: {port} in ~/.rmate.rc")
    return 0


def run(
    host: str,
    *,
    port: int = 0,
    file: str = "",
    service: bool = False,
    completion: str = "",
    only_print: bool = False,
    undo: bool = False,
    force: bool = False,
    echo: Say,
    say: Say,
    confirm: Confirm,
) -> int:
    """``rbridge setup`` with its options; the exit code. Raises UsageError where they exclude each other."""
    if (bool(host), service, bool(completion)).count(True) > 1:
        raise UsageError("one of HOST, --service and --completion at a time")
    if only_print and not completion:
        raise UsageError("--print goes with --completion")
    if service:
        do = services.remove if undo else services.setup
        return do(echo=echo, say=say, confirm=confirm)
    if only_print:
        echo(completions.script(completion))
        return 0
    if completion:
        act = completions.remove if undo else completions.install
        return act(completion, echo=echo, say=say, confirm=confirm)
    if undo:
        return remove(host, force=force, file=file, echo=echo, say=say, confirm=confirm)
    if not host:
        raise UsageError("set up which HOST?", "or give --service, or --completion SHELL")
    return setup(host, port=port, force=force, file=file, echo=echo, say=say, confirm=confirm)


def remove(
    host: str = "", *, force: bool = False, file: str = "", echo: Say, say: Say, confirm: Confirm
) -> int:
    """Undo it for *host*, or for all when that is "". Returns 0, or 1 when the answer is no.

    Raises NoInput when there is nothing of it, Denied when a block was changed by hand and not *force*.
    """
    where = place(file)
    fragment = _fragment(where)
    hosts = [host] if host else list(fragment.hosts)
    for each in hosts:
        block = fragment.find(each)
        if block is None:
            there = ", ".join(fragment.hosts)
            raise NoInput(f"{each} has no lines in {where.fragment}", f"there: {there}" if there else "")
        if block.edited and not force:
            raise Denied(KEPT.format(each, where.fragment), "--force removes them")
    after = fragment
    for each in hosts:
        after = after.drop(each)
    wanted = _removed(where, fragment, after)
    if not _differ(wanted):
        say("there is nothing to remove")
        return 0
    if not changes.agree(wanted, echo, confirm, "Write this?"):
        return 1
    changes.carry_out(wanted)
    for each in hosts:
        block = fragment.find(each)
        if block and sshconfig.PORT in block.text:
            Keys(os.path.join(paths.state_dir(), "keys")).drop(each)
    if after.is_empty():
        changes.clear([path for path in fragment.made if path != where.main])
    return 0


def _fragment(where: Place) -> Fragment:
    """Our file as it is; what a new one has at its head where there is none."""
    text = changes.read(where.fragment)
    if text is not None:
        return sshconfig.parse(text)
    made = dict.fromkeys([*changes.missing(where.main), *changes.missing(where.fragment)])
    also = [] if os.path.lexists(where.main) else [where.main]
    return sshconfig.head((*made, *also))


def _added(where: Place, fragment: Fragment) -> list[Change]:
    """What has to be written: first our file, then the line that leads to it."""
    main = changes.read(where.main)
    included = sshconfig.is_included(main or "", where.fragment, where.base, where.home)
    after = main if included else sshconfig.include(main or "", where.line)
    return [
        Change(where.fragment, changes.read(where.fragment), fragment.text),
        Change(where.main, main, after),
    ]


def _removed(where: Place, before: Fragment, after: Fragment) -> list[Change]:
    """What has to be written so that only *after* is left: the Include goes first, if it is not needed."""
    ours = changes.read(where.fragment)
    if not after.is_empty():
        return [Change(where.fragment, ours, after.text)]
    main = changes.read(where.main)
    left = None if main is None else sshconfig.exclude(main, where.line)
    if left == "" and where.main in before.made:
        left = None
    return [Change(where.main, main, left), Change(where.fragment, ours, None)]


def _differ(wanted: Sequence[Change]) -> bool:
    return any(change.before != change.after for change in wanted)


def _check_port(host: str, port: int, facts: survey.Facts, say: Say) -> None:
    """Raise NotListening if somebody else holds *port* on *host*; say so if we do or nobody can tell."""
    holder = facts.holder(port)
    if holder is None:
        if facts.listening is None:
            say(f"{host} does not tell who listens there: look that nobody else has port {port}")
    elif holder == facts.uid:
        say(f"port {port} on {host} is held by you: while it is, a further ssh {host} says it cannot forward")
    else:
        raise NotListening(
            f"port {port} on {host} is held by another user (uid {holder}), who would receive your files",
            f"port {facts.free(port)} is free; without --port a socket is used, which nobody else can take",
        )


def _machine(destination: sshwords.Destination) -> str:
    """The id of the machine that we are logged in on: its host key is in known_hosts by now."""
    hosts = hostkeys.Hosts(os.path.join(paths.state_dir(), "hosts"))
    return hosts.recognise(destination.known_as, trio.run(hostkeys.known, destination)).id


def _daemon() -> tuple[str, list[str]]:
    """The runtime directory of the daemon that runs, or would, and the addresses that it listens on."""
    try:
        with open(os.path.join(paths.state_dir(), endpoints.NAME), encoding="utf-8") as file:
            said = json.load(file)
        return str(said["runtime"]), [str(one) for one in said["listeners"]]
    except (OSError, ValueError, LookupError, TypeError):
        runtime = paths.runtime_dir(create=False)
        default = [f"127.0.0.1:{config.DEFAULT_PORT}", f"unix:{os.path.join(runtime, SOCKET_NAME)}"]
        return runtime, list(config.load().listen) or default


def _socket(listed: Sequence[str]) -> str:
    """The daemon's Unix socket; raises UsageError where it listens on none."""
    found = [one.path for one in map(parse, listed) if isinstance(one, Unix)]
    if not found:
        raise UsageError(
            "the daemon listens on no Unix socket", "add one to listen in config.toml, or give --port"
        )
    return found[0]


def _tcp(listed: Sequence[str]) -> str:
    """The one of the addresses that is TCP; raises UsageError when there is none with a port of its own."""
    found = [str(one) for one in map(parse, listed) if isinstance(one, Tcp) and one.port]
    if not found:
        raise UsageError("the daemon listens on no fixed TCP port", "leave --port away")
    return found[0]
