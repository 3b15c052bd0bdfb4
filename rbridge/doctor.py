"""``rbridge doctor [ssh options] [HOST] [--json]``: what is wrong on the way of a file, and what mends it.

The laptop's part is here: this program, the daemon, its sockets, the classic port, what is kept, the editor,
the plug-ins. The way to HOST is in :mod:`rbridge.ssh.examine`, its far end in :mod:`rbridge.ssh.hostside`.
Each check has a deadline, and none hides another.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from typing import Any

import trio

from rbridge import __version__, findings, paths, standing, surroundings, system, troubles
from rbridge.adapters import editors
from rbridge.adapters.pids import birth
from rbridge.errors import Denied, NotListening, RbridgeError, TryAgain, UsageError, clean
from rbridge.findings import Finding, failure, ok, unknown, warning
from rbridge.private import check_private
from rbridge.server import config, control, daemon, endpoints, identity, instance, listeners
from rbridge.server.addresses import Tcp
from rbridge.ssh import examine, words
from rbridge.ssh.examine import EACH, Way, checked
from rbridge.ssh.hostside import HostSide

LIBRARIES = ("click", "trio", "pygls", "watchfiles")
KNOCK = 1.0  # seconds for a socket to take a connection

USAGE = """\
usage: rbridge doctor [ssh options] [--json | --explain] [HOST]

Look at all that a file passes on its way between the editor here and HOST, and say what is wrong, and what
mends it. Without HOST: this machine, and the tunnels that are kept. It logs in to HOST once more, without a
question to anybody, and changes nothing, but that ~/.rbridge there, and rbridge's directories here, are made,
and closed to others, as for each connection.

  --json     the same for programs
  --explain  with what each warning and failure means

A line is ok, a warning, a failure, or unknown: it could not be found out.

exit codes: 0 nothing fails   64 wrong usage   69 something fails
"""
OWN = {"--json": False, "--explain": False, "--help": False}

Say = Callable[[str], None]


def run(arguments: Sequence[str], say: Say, port: int = config.DEFAULT_PORT) -> int:
    """The command; *say* gets its lines, *port* is rmate's own. Raises UsageError."""
    own = [word for word in arguments if word in OWN]  # wherever it stands: no command follows here
    rest = [word for word in arguments if word not in OWN]
    said = words.split([*own, *rest], OWN)
    if "--help" in said.own:
        sys.stdout.write(USAGE)
        return 0
    if rest:
        words.check(said)
    if said.command:
        raise UsageError("rbridge doctor takes one HOST", "rbridge doctor --help shows how it is called")
    begin = time.monotonic()
    found = trio.run(_unless_ended, said.host, said.options, port)
    seconds = time.monotonic() - begin
    if "--json" in said.own:
        say(findings.as_json(found, said.host, seconds))
    else:
        for line in findings.table(found, troubles.means() if "--explain" in said.own else None):
            say(line)
        say(findings.summary(found, seconds))
    return findings.exit_code(found)


async def _unless_ended(host: str, options: Sequence[str], port: int) -> list[Finding]:
    """All of it; a signal to end is an end in good order, or doctor's login on the host would stay."""
    found: list[Finding] | None = None

    async def watch(scope: trio.CancelScope, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                scope.cancel()

    async with trio.open_nursery() as nursery:
        await nursery.start(watch, nursery.cancel_scope)
        found = await _all(host, options, port)
        nursery.cancel_scope.cancel()
    if found is None:
        raise TryAgain("ended by a signal before all was looked at")
    return found


async def _all(host: str, options: Sequence[str], port: int) -> list[Finding]:
    laptop = Laptop(port)
    found = await laptop.examine()
    if not host:
        return found + [examine.tunnel(row) for row in laptop.rows]
    try:
        runtime = paths.runtime_dir()
    except RbridgeError as error:
        return [*found, unknown("ssh", "ssh", f"not looked at: {clean(str(error))}", error.hint)]
    way = Way(host, options, os.getcwd(), runtime, laptop.rows, port)
    try:
        found += await way.examine()
        if way.control:
            found += await HostSide(way, identity.load(), port).examine()
        elif way.destination is not None:
            found.append(unknown("host", "host", f"{way.name} is not looked at: no login, and no connection"))
    except RbridgeError as error:
        found.append(failure("host", "host", clean(str(error)), error.hint))
    finally:
        await way.close()
    return found


@dataclass
class Laptop:
    """This machine; *rows* are the tunnels that its daemon tells of. *port* is rmate's own."""

    port: int
    rows: Sequence[Mapping[str, Any]] = ()
    runtime: str = ""
    pid: int = 0
    record: Mapping[str, Any] = field(default_factory=dict)
    _editor: str = ""

    async def examine(self) -> list[Finding]:
        """All of it. The daemon first, since others ask what it said."""
        found = await checked("rbridge", "rbridge", self._program)
        found += await checked("sockets", "runtime", self._runtime)
        found += await checked("daemon", "daemon", self._daemon, 2 * EACH)
        found += await checked("daemon", "another-daemon", self._other_daemon)
        found += await checked("sockets", "sockets", self._sockets)
        found += await checked("port", "port", self._port)
        found += await checked("state", "state", partial(_in_thread, _state))
        found += await checked("state", "spool", partial(_in_thread, _spool))
        found += await checked("editor", "editor", self._opens)
        windows, servers = await surroundings.ask() if self.pid else ([], [])
        about: dict[str, Callable[[], list[Finding]]] = {
            "attached": partial(surroundings.attached, windows),
            "plug-ins": surroundings.installed,
            "kept": surroundings.kept,
            "languages": partial(surroundings.languages, servers),
        }
        for name, check in about.items():
            hop = "languages" if name == "languages" else "editor"
            found += await checked(hop, name, partial(_in_thread, check))
        return found

    async def _program(self) -> list[Finding]:
        said = f"rbridge {__version__} with Python {platform.python_version()} at {sys.executable}"
        found = [ok("rbridge", "rbridge", said)]
        versions = []
        for name in LIBRARIES:
            try:
                versions.append(f"{name} {metadata.version(name)}")
            except metadata.PackageNotFoundError:
                lacks = f"the Python package '{name}' is missing"
                found.append(failure("rbridge", "library", lacks, "pip install --upgrade rbridge"))
        return [*found, ok("rbridge", "libraries", ", ".join(versions))]

    async def _runtime(self) -> list[Finding]:
        try:
            self.runtime = paths.runtime_dir(create=False)
        except Denied as error:
            return [failure("sockets", "runtime", clean(str(error)), _closing() or error.hint)]
        return [ok("sockets", "runtime", f"sockets lie in {self.runtime}")]

    async def _daemon(self) -> list[Finding]:
        self.record = await trio.to_thread.run_sync(_record, abandon_on_cancel=True)
        if not self.runtime:
            return [unknown("daemon", "daemon", "without a directory for sockets no daemon can be asked")]
        lock = os.path.join(self.runtime, instance.NAME)
        pid = instance.holder(lock)
        try:
            answer = await control.ask({"do": "status"}, EACH)
        except NotListening as error:
            mend = "rbridge serve  # rbridge ssh and connect start it by themselves"
            return [failure("daemon", "daemon-not-running", clean(str(error)), mend)]
        except RbridgeError as error:
            mend = f"kill {pid}; rbridge serve" if pid else "rbridge serve --stop; rbridge serve"
            return [failure("daemon", "daemon-silent", clean(str(error)), mend)]
        self.pid = pid or 0
        hosts = answer.get("hosts")
        self.rows = [row for row in hosts if isinstance(row, dict)] if isinstance(hosts, list) else []
        self._editor = next((str(row["editor"]) for row in self.rows if row.get("editor")), "")
        since = standing.age(os.stat(lock).st_mtime) if pid else "?"
        version = self.record.get("version") if self.record.get("pid") == pid else None
        said = f"rbridge serve runs for {since} (pid {pid})"
        if version is not None and version != __version__:
            said += f", and is version {version}: this command is {__version__}"
            return [warning("daemon", "daemon-version", said, "rbridge serve --stop; rbridge serve")]
        return [ok("daemon", "daemon", said + (f", version {version}" if version else ""))]

    async def _other_daemon(self) -> list[Finding]:
        pid, runtime = self.record.get("pid"), self.record.get("runtime")
        if not isinstance(pid, int) or not isinstance(runtime, str) or pid == self.pid:
            return []
        theirs = os.path.join(runtime, instance.NAME)
        alive = await trio.to_thread.run_sync(lambda: bool(birth(pid)) and instance.holder(theirs) == pid)
        if not alive or runtime == self.runtime:
            return []
        said = (
            f"another rbridge serve of yours (pid {pid}) has its sockets in {runtime}; editors connect to it"
        )
        mend = f"export RBRIDGE_RUNTIME_DIR={shlex.quote(runtime)}, or end it: kill {pid}"
        return [failure("daemon", "two-daemons", said, mend)]

    async def _sockets(self) -> list[Finding]:
        """What lies in the runtime directory, and who is behind it."""
        if not self.runtime or not await trio.Path(self.runtime).is_dir():
            return []
        check = partial(_in_directory, self.runtime)
        good, bad = await trio.to_thread.run_sync(check, abandon_on_cancel=True)
        said = f"{', '.join(good)}: yours, and somebody answers" if good else "no socket is there"
        return [*bad, ok("sockets", "sockets", said)]

    async def _port(self) -> list[Finding]:
        found = []
        listening = self.record.get("listeners") if self.pid else ()
        for host in ("127.0.0.1", "::1"):
            address = Tcp(host, self.port)
            if isinstance(listening, (list, tuple)) and str(address) in listening:
                found.append(ok("port", "port", f"the daemon listens on {address}, for rmate"))
                continue
            if not await trio.to_thread.run_sync(_knock, host, self.port, abandon_on_cancel=True):
                continue
            holder = await listeners.holder(address)
            line = listeners.taken_line(address, holder)
            name = "port-squatted" if holder.ours is False else "port-taken"
            found.append(warning("port", name, f"{address}: {line}", "rbridge connect HOST uses no port"))
        return found or [ok("port", "port", f"nobody holds port {self.port} here, which only rmate needs")]

    async def _opens(self) -> list[Finding]:
        try:
            settings = await trio.to_thread.run_sync(config.load, abandon_on_cancel=True)
        except UsageError as error:
            mend = error.hint or f"mend {paths.config_file()}"
            return [failure("editor", "settings", clean(str(error)), mend)]
        try:
            adapter = await trio.to_thread.run_sync(daemon.choose, settings, abandon_on_cancel=True)
        except UsageError as error:
            return [failure("editor", "no-editor", clean(str(error)), error.hint)]
        would = f"would open in {adapter.describe()}"
        found = [ok("editor", "editor", f"files {f'open in {self._editor}' if self._editor else would}")]
        preset = editors.preset_of(adapter.name, display=False)
        if preset is not None and preset.keeps:
            found.append(ok("editor", "keeps", f"{preset.name} keeps on this disk: {preset.keeps}"))
        return found


async def _in_thread(check: Callable[[], list[Finding]]) -> list[Finding]:
    return await trio.to_thread.run_sync(check, abandon_on_cancel=True)


def _closing() -> str:
    """What makes the first runtime directory that is there ours alone, "" if there is nothing to say."""
    for place in paths.runtime_candidates():
        try:
            check_private(place)
        except Denied as error:
            return error.hint
        except OSError:
            continue
    return ""


def _record() -> Mapping[str, Any]:
    """What a daemon has written down of itself."""
    try:
        with open(os.path.join(paths.state_dir(create=False), endpoints.NAME), encoding="utf-8") as file:
            said = json.load(file)
    except (OSError, ValueError, RbridgeError):
        return {}
    return said if isinstance(said, dict) else {}


def _in_directory(runtime: str) -> tuple[list[str], list[Finding]]:
    """The names of the sockets in *runtime* at which somebody answers, and what is wrong with others."""
    good, bad = [], []
    for name in sorted(os.listdir(runtime)):
        path = os.path.join(runtime, name)
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            continue
        if not stat.S_ISSOCK(found.st_mode):
            continue
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid != os.geteuid():
            said = f"{path} belongs to {system.user_name(found.st_uid)}"
            bad.append(failure("sockets", "socket-foreign", said, f"rm {shlex.quote(path)}"))
        elif mode & 0o077:
            said = f"{path} can be reached by others (mode {mode:04o})"
            bad.append(failure("sockets", "socket-open", said, f"chmod 600 {shlex.quote(path)}"))
        elif not _answers(path):
            bad.append(
                warning("sockets", "socket-stale", f"{path}: nobody listens there", f"rm {shlex.quote(path)}")
            )
        else:
            good.append(name)
    return good, bad


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(KNOCK)
        try:
            sock.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # its queue is full: alive, but busy
    return True


def _knock(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=KNOCK):
            return True
    except OSError:
        return False


def _state() -> list[Finding]:
    place = paths.state_dir(create=False)
    try:
        check_private(place)
    except FileNotFoundError:
        return [ok("state", "state", f"nothing is kept yet; it will be in {place}")]
    except Denied as error:
        return [failure("state", "state", clean(str(error)), error.hint)]
    if not os.access(place, os.W_OK):
        return [failure("state", "state", f"{place} cannot be written to", f"chmod u+w {shlex.quote(place)}")]
    return [ok("state", "state", f"what outlives the daemon is in {place}")]


def _spool() -> list[Finding]:
    waiting = [entry for entry in standing.kept() if not entry.about.replaced]
    if not waiting:
        return [ok("state", "spool", "no text waits for its host")]
    said = f"{len(waiting)} text(s) that their hosts did not get are kept here"
    return [warning("state", "texts-kept", said, "rbridge recover")]
