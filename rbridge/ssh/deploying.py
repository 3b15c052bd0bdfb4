"""``rbridge deploy``: puts the client on a host, or takes it away again, whether a tunnel is kept or not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import trio

from rbridge import __version__, paths
from rbridge.errors import UsageError, clean
from rbridge.server import identity
from rbridge.ssh import config, deploy, master, startup, words
from rbridge.ssh.config import Destination
from rbridge.ssh.singlefile import single_file
from rbridge.ssh.visit import Visit, visit
from rbridge.ssh.words import Words

PATIENCE = 150.0  # seconds for all of it, with a password to be typed

Say = Callable[[str], None]

USAGE = """\
usage: rbridge deploy [ssh options] [--path | --no-path] [--ipython] [--remove] HOST

Put the host's part of rbridge, one file, at ~/.local/bin/rbridge on HOST, and 'rmate' beside it if there is
none.
'rbridge ssh' and 'rbridge connect' do so by themselves; this is for those who log in with plain ssh.

  --path      if new shells there do not find it, add the line that puts ~/.local/bin on PATH; ask nothing
  --no-path   do not ask
  --ipython   put the magic %rbridge into IPython's profile there: it opens a file from a cell
  --remove    take away what rbridge has put there; what you changed stays

exit codes: 0 it is there   64 wrong usage   69 no way to the host, or no Python 3.6 there
            73 it cannot be put there   77 the host does not let you in
"""
OWN = {"--path": False, "--no-path": False, "--ipython": False, "--remove": False, "--help": False}


def run(arguments: Sequence[str], say: Say, confirm: Callable[[str], bool]) -> int:
    """The command; *confirm* asks the user. Raises RbridgeError."""
    own = [word for word in arguments if word in OWN]  # wherever it stands: no command follows here
    said = words.split([*own, *(word for word in arguments if word not in OWN)], OWN)
    if "--help" in said.own:
        sys.stdout.write(USAGE)
        return 0
    words.check(said)
    if said.command:
        raise UsageError("rbridge deploy takes one HOST", "rbridge deploy --help shows how it is called")
    destination = config.ask_now(said.host, said.options, config.here())
    wanted: bool | None = True if "--path" in said.own else False if "--no-path" in said.own else None
    trio.run(_run, destination, said, wanted, say, confirm)
    return 0


def add_path(argv: Sequence[str], name: str, say: Say) -> None:
    """Add the line for the PATH on the host *name*, over the master that *argv* leads through."""
    trio.run(_add_path, argv, name, say)


def way(destination: Destination, said: Words) -> list[str]:
    """The words that lead to *destination*: over a master that lives, else by a login in this terminal."""
    control, _ = master.control_path(destination, paths.runtime_dir())
    if master.check_now(control) is not None:
        return master.over(control, destination.known_as)
    # -T: a RequestTTY of the configuration would change the bytes of what is sent
    never = ["-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none"]
    return ["ssh", "-T", *never, *said.way, "--", said.host]


async def _run(
    destination: Destination, said: Words, wanted: bool | None, say: Say, confirm: Callable[[str], bool]
) -> None:
    name = destination.known_as
    async with _visited(way(destination, said), name) as there:
        if "--remove" in said.own:
            for line in deploy.undone(name, await there.remove()):
                say(line)
        else:
            await _deploy(there, name, wanted, say, confirm)
            if "--ipython" in said.own:
                file = await trio.to_thread.run_sync(startup.content)
                say(deploy.magic(there.host, *await there.ipython(file)))


async def _deploy(
    there: Visit, name: str, wanted: bool | None, say: Say, confirm: Callable[[str], bool]
) -> None:
    host = await there.python()
    client = await trio.to_thread.run_sync(single_file, deploy.python(host))
    plan = deploy.decide(host, client.sha256, __version__, asked=True)
    put = await there.put(client.content) if plan.do is deploy.Do.PUT else None
    found = await there.paths()
    if plan.why:
        say(plan.why)
    for line in deploy.said(host, put, None if wanted else found, __version__):
        say(line)
    if found.on_path or wanted is False or (wanted is None and not found.heard):
        return
    file = clean(found.rc)
    if wanted is None and not (
        sys.stdin.isatty() and confirm(f"Add one line to {file} on {name}, so that new shells find it?")
    ):
        return
    await _add(there, found.rc, name, say)


async def _add_path(argv: Sequence[str], name: str, say: Say) -> None:
    async with _visited(argv, name) as there:
        found = await there.paths()
        if not found.on_path:
            await _add(there, found.rc, name, say)


async def _add(there: Visit, rc: str, name: str, say: Say) -> None:
    added = await there.add(rc)
    file = clean(rc)
    done = "added one line to" if added else "the line was already in"
    seen = (await there.paths()).on_path
    found = "new shells find rbridge" if seen else "a new shell does not find it yet"
    say(f"{done} {file} on {name}: {found}")


def _visited(argv: Sequence[str], name: str) -> AbstractAsyncContextManager[Visit]:
    """A visit that wants no socket there, with time for a password to be typed."""
    return visit(argv, identity.load(), f"{identity.load()}.sock", deadline=PATIENCE)
