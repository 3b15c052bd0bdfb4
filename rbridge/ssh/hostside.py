"""The host's end as ``rbridge doctor`` looks at it over a master: directory, client, sockets, key, speed.

Two looks: a visit (:mod:`rbridge.ssh.visit`), as each connection begins with, and :mod:`rbridge.ssh.glance`,
run by the Python there. Like each connection, the visit makes ``~/.rbridge`` if it is missing; nothing else
is changed. What the host says is shown, and never acted on.
"""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import trio

from rbridge import __version__
from rbridge.errors import RbridgeError, clean
from rbridge.findings import Finding, failure, ok, unknown, warning
from rbridge.server.config import DEFAULT_PORT
from rbridge.ssh import deploy, glance, master, reasons
from rbridge.ssh.deploy import Host
from rbridge.ssh.examine import EACH, Way, checked
from rbridge.ssh.singlefile import single_file
from rbridge.ssh.visit import SHELLS, Visit, visit
from rbridge.wire import codec

MAKE = 15.0  # seconds to make the client it is compared with, once for each version of rbridge
LOOK = glance.PATIENCE + glance.RUN + EACH  # seconds for what runs on the host
BULK = 2 << 20  # bytes that are fetched to see how fast it is
ROUNDS = 3
TRIES, PAUSE = 5, 0.2  # seconds
SLOW = 100_000  # bytes a second

Said = Mapping[str, Any]


class HostSide:
    """The host of *way*, over ``way.control``; *identity* is this laptop's, *port* rmate's own."""

    def __init__(self, way: Way, identity: str, port: int = DEFAULT_PORT) -> None:
        self._way = way
        self._name = way.name
        self._identity = identity
        self._port = port
        self._over = master.over(way.control, way.name)
        self._host: Host | None = None
        self._said: Said = {}
        self._single = False
        """One session at a time is all that the host permits."""

    @property
    def socket(self) -> str:
        """What the tunnel's socket is called there."""
        assert self._way.destination is not None
        return f"{self._identity}-{self._way.destination.digest[:8]}.sock"

    async def examine(self) -> list[Finding]:
        """All of it, in the order in which a file comes there."""
        found: list[Finding] = []
        try:
            # a name that nobody has: the visit removes the socket that it is given
            async with visit(
                self._over, self._identity, f"doctor.{secrets.token_hex(9)}.sock", deadline=EACH
            ) as there:
                found += await self._visited(there)
        except RbridgeError as error:
            found.append(failure("host", "visit", clean(str(error)), error.hint))
        if self._host is None:
            return found
        if self._host.directory:
            forward = partial(self._way.forward, self._host.directory)
            found += await checked("forward", "forward", forward, 2 * EACH + 1)
        if self._host.python:
            found += await checked("host", "glance", self._glance, LOOK)
        if not self._single:
            found += await checked("speed", "speed", self._speed, 2 * EACH)
        if self._way.up:
            found += await checked("end to end", "end-to-end", self._end_to_end)
        return found

    async def _visited(self, there: Visit) -> list[Finding]:
        self._host = there.host
        found = [self._directory(there)]
        found += await checked("host", "sessions", self._sessions_at_once)
        found += await checked("host", "python", partial(self._python, there))
        found += await checked("host", "client", self._client, MAKE)
        if self._host.client:
            found += await checked("host", "path", partial(self._paths, there), SHELLS + 1)
        return found

    def _directory(self, there: Visit) -> Finding:
        try:
            place = there.directory()
        except RbridgeError as error:
            return failure("host", "directory", clean(str(error)), error.hint)
        about = f"{there.host.system}, {there.host.shell}"
        return ok("host", "directory", f"sockets lie in {place}, which is yours alone ({about})")

    async def _sessions_at_once(self) -> list[Finding]:
        """Beside the visit's session there is another one; each shell and command is one."""
        done = await master.run([*self._over, "true"], deadline=EACH - 1)
        if done.code == 0 or reasons.forwarding(done.said, self._name).name != reasons.NO_SESSION:
            return []
        self._single = True
        said = f"{self._name} permits one session for each login (MaxSessions): a further shell logs in anew"
        return [warning("host", "one-session", said, "nothing has to be: rbridge ssh does so")]

    async def _python(self, there: Visit) -> list[Finding]:
        self._host = host = await there.python()
        if not host.python:
            said = f"no Python 3.6 or later was found on {self._name}: the client cannot run"
            return [
                failure("host", "python", said, "name one there in RBRIDGE_PYTHON, or: module load python")
            ]
        return [ok("host", "python", f"Python {host.python_version} at {host.python}")]

    async def _client(self) -> list[Finding]:
        host = self._there
        deploying = f"rbridge deploy {self._way.typed}"
        if not host.client:
            return [failure("host", "no-client", f"rbridge is not on {self._name}", deploying)]
        make = partial(single_file, deploy.python(host))
        wanted = await trio.to_thread.run_sync(make, abandon_on_cancel=True)
        path, version = host.client_path, host.client_version or "of no known version"
        if host.client == wanted.sha256:
            return [ok("host", "client", f"{path} is the client of rbridge {__version__}")]
        if host.client_by != "us":
            said = f"{path} was not put there by rbridge, or was changed since (it is {version})"
            return [warning("host", "client-changed", said, f"{deploying}  # replaces it, and keeps it")]
        said = f"{path} is another version ({version}) than this rbridge ({__version__})"
        if host.client_version == __version__:
            said = f"{path} is another build of {version} than the one that this rbridge has"
        return [warning("host", "client-old", said, deploying)]

    async def _paths(self, there: Visit) -> list[Finding]:
        paths = await there.paths()
        if paths.on_path:
            return [ok("host", "path", "new shells find the client as rbridge")]
        mend = f"rbridge deploy --path {self._way.typed}"
        if paths.found:
            return [warning("host", "path", f"new shells find another rbridge first: {paths.found}", mend)]
        return [warning("host", "path", "~/.local/bin is not on PATH in new shells", mend)]

    async def _glance(self) -> list[Finding]:
        host = self._there
        mark = secrets.token_hex(8)
        key = f"{host.home}/.rbridge/keys/{self._identity}@{host.node}"
        unusual = "" if host.python_usual else host.python
        client = host.client_path if host.client else ""
        arguments = (mark, host.directory, key, client, unusual, self._port)
        text = await trio.Path(glance.__file__).read_text(encoding="utf-8") + f"\nmain{arguments!a}\n"
        command = f"exec {shlex.quote(host.python)} -I -S -"
        tries = TRIES if self._single else 1  # the session before this one may just be ending
        while True:
            done = await master.run([*self._over, command], text.encode(), LOOK - 1)
            _, marked, rest = done.out.decode("utf-8", "replace").partition(f"\n{mark} ")
            tries -= 1
            if marked or not tries:
                break
            await trio.sleep(PAUSE)
        try:
            said = json.loads(rest.partition("\n")[0]) if marked else None
            self._said = said if isinstance(said, dict) else {}
            if self._said:
                return [*self._runs(), *self._key(key), *self._sockets(), *self._ports()]
        except (ValueError, KeyError, TypeError, AttributeError):
            return [unknown("host", "glance", f"{self._name} answered what makes no sense")]
        why = "it did not answer in time" if done.late else done.said or f"its Python ended with {done.code}"
        return [unknown("host", "glance", f"sockets and key on {self._name} are not known: {why}")]

    def _runs(self) -> list[Finding]:
        client = self._said["client"]
        if client is None:
            return []
        if client["code"] == 0:
            return [ok("host", "client-runs", f"it runs: {_word(client['said'])}")]
        said = f"{self._there.client_path} does not run: {_word(client['said']) or client['code']}"
        mend = f"rbridge deploy {self._way.typed}"
        if self._there.client_by != "us":
            mend = self._there_run(f"chmod 755 {shlex.quote(self._there.client_path)}")
        return [failure("host", "client-fails", said, mend)]

    def _key(self, path: str) -> list[Finding]:
        key, uid = self._said["key"], self._said["uid"]
        if key is None:
            if not self._way.up:
                return []
            said = "there is no key: plain 'ssh -R' over a port cannot be told from others"
            return [warning("host", "key", said, f"rbridge connect {self._way.typed}")]
        if key["kind"] != "file" or key["uid"] != uid:
            mend = self._there_run(f"rm -rf {shlex.quote(path)}")
            return [failure("host", "key", f"{path} is not a file of yours: it is not used", mend)]
        if key["mode"] & 0o077:
            mend = self._there_run(f"chmod 600 {shlex.quote(path)}")
            said = f"{path} can be reached by others (mode {key['mode']:04o}): it is not used"
            return [failure("host", "key", said, mend)]
        return [ok("host", "key", "the key of this laptop is there, and yours alone")]

    def _sockets(self) -> list[Finding]:
        found = []
        for one in self._said["sockets"]:
            name = clean(str(one["name"]))
            path = f"{self._there.directory}/{name}"
            # a name that cannot be shown as it is cannot be pasted as it is either
            remove = self._there_run(f"rm {shlex.quote(path)}") if name == one["name"] else ""
            if not one["socket"] or one["uid"] != self._said["uid"]:
                what = "no socket" if not one["socket"] else f"a socket of user {int(one['uid'])}"
                found.append(failure("host", "socket-foreign", f"{path} is {what}", remove))
            elif one["mode"] & 0o077:
                said = f"{path} can be reached by others (mode {one['mode']:04o})"
                found.append(
                    warning("host", "socket-open", said, "the host's StreamLocalBindMask decides it")
                )
            elif name != self.socket or not self._way.up:  # else it is told of at the end
                found.append(self._other(one, path, remove))
        return found

    def _other(self, one: Said, path: str, remove: str) -> Finding:
        """What is at a socket that is not the tunnel's, or while none is kept."""
        if one["state"] == "refused":
            if one["name"] == self.socket:
                said = f"{path}: nobody listens there: it is what the last connection left"
                return warning("host", "socket-stale", said, f"rbridge connect {self._way.typed}")
            return warning("host", "socket-stale", f"{path}: nobody listens there any more", remove)
        if one["state"] == "silent":
            said = f"{path}: half dead: it takes connections and says nothing; a lost login holds it"
            ours = str(one["name"]).startswith(self._identity)  # another laptop may only be asleep
            return warning("host", "socket-half-dead", said, remove if ours else "")
        if one["state"] != "greets":
            return warning("host", "socket-closed", f"{path}: it leads to no daemon", remove)
        greeting = codec.parse_greeting(one["greeting"])
        if greeting.identity == self._identity:
            return ok("host", "socket", f"{path} leads here")
        laptop = greeting.laptop or "another program"
        said = f"{path} leads to another laptop, {laptop} (rbridge {greeting.version or '?'})"
        return ok("host", "socket-other", f"{said}: 'rbridge use' there says which one opens files")

    def _ports(self) -> list[Finding]:
        """Rmate's own port, on both families of addresses."""
        held = [one for one in self._said["port"] if one["state"] not in ("refused", "fails")]
        found = []
        for one in held:
            at = f"port {self._port} on {_word(one['host'])}"
            greeting = codec.parse_greeting(one["greeting"])
            if one["uid"] not in (None, self._said["uid"]):
                said = f"{at} is held by user {int(one['uid'])}: rmate there would reach that one"
                found.append(failure("host", "port-squatted", said, self._setup))
            elif one["state"] == "silent":
                said = f"{at} is half dead: it takes connections and says nothing; a lost login holds it"
                found.append(warning("host", "port-half-dead", said, self._setup))
            elif greeting.identity == self._identity:
                found.append(ok("host", "port", f"{at} leads here"))
            else:
                said = f"{at} is held by another program{'' if one['uid'] is None else ' of yours'}"
                found.append(warning("host", "port-taken", said, self._setup))
        if len(held) == 1 and held[0]["uid"] is not None:
            other = next(one["host"] for one in self._said["port"] if one not in held)
            at = _word(held[0]["host"])
            said = f"port {self._port} is held on {at} only: 'ssh -R {self._port}' would succeed on"
            said += f" {_word(other)}, and say nothing"
            found.append(warning("host", "port-one-family", said, self._setup))
        return found or [ok("host", "port", f"port {self._port} is free")]

    @property
    def _setup(self) -> str:
        return f"forward a socket, not the port: rbridge connect {self._way.typed}"

    async def _speed(self) -> list[Finding]:
        trip = await self._round_trip()
        got, rate = await self._fetch()
        said = f"round trip {trip * 1000:.0f} ms, {rate / 1e6:.1f} MB/s from {self._name}"
        if got < BULK and rate < SLOW:
            return [warning("speed", "slow", said)]
        return [ok("speed", "speed", said)]

    async def _fetch(self) -> tuple[int, float]:
        """How many of BULK bytes come within the time, and how many a second once the first ones are here."""
        process = await self._start(f"head -c {BULK} /dev/urandom")
        got = first = 0
        begin = now = time.monotonic()
        try:
            assert process.stdout is not None
            with trio.move_on_after(EACH / 2):
                while data := await process.stdout.receive_some(1 << 15):
                    now = time.monotonic()
                    if not got:
                        begin, first = now, len(data)
                    got += len(data)
        finally:
            await _end(process)
        return got, (got - first) / max(now - begin, 1e-6)

    async def _round_trip(self) -> float:
        """Seconds for a byte there and back: the best of a few."""
        process = await self._start("exec cat")
        best = float("inf")
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            for _ in range(ROUNDS + 1):  # the first one waits for cat to start
                begin = time.monotonic()
                await process.stdin.send_all(b"x")
                if not await process.stdout.receive_some(1):
                    raise RbridgeError(f"no command runs on {self._name}")
                best = min(best, time.monotonic() - begin)
        finally:
            await _end(process)
        return best

    async def _start(self, command: str) -> trio.Process:
        pipe = subprocess.PIPE
        return await trio.lowlevel.open_process(
            [*self._over, command], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )

    async def _end_to_end(self) -> list[Finding]:
        """What came through the tunnel's own socket, from the host to the daemon here and back."""
        if not self._said:
            return [unknown("end to end", "end-to-end", f"not tried: nothing can be run on {self._name}")]
        name = shlex.quote(str(self._way.row.get("name")))
        again = f"rbridge disconnect {name}; rbridge connect {self._way.typed}"
        one = next((one for one in self._said["sockets"] if one["name"] == self.socket), None)
        if one is None:
            said = f"the tunnel's socket is not in {self._there.directory} any more"
            return [failure("end to end", "socket-gone", said, again)]
        if one["state"] != "greets":
            words = {"refused": "is stale: nobody listens", "silent": "takes connections and says nothing"}
            said = f"the tunnel's socket there {words.get(one['state'], 'leads to no daemon')}"
            return [failure("end to end", f"socket-{one['state']}", said, again)]
        greeting = codec.parse_greeting(one["greeting"])
        if greeting.identity != self._identity:
            said = f"somebody else answers at the tunnel's socket there: {greeting.laptop or 'no rbridge'}"
            return [failure("end to end", "other-daemon", said, again)]
        return [
            ok("end to end", "end-to-end", f"from {self._name} the daemon here answers as {greeting.laptop}")
        ]

    def _there_run(self, command: str) -> str:
        return f"ssh {self._way.typed} {shlex.quote(command)}"

    @property
    def _there(self) -> Host:
        assert self._host is not None
        return self._host


async def _end(process: trio.Process) -> None:
    with trio.CancelScope(shield=True):
        if process.poll() is None:
            process.kill()
        await process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                await stream.aclose()


def _word(said: object) -> str:
    return clean(str(said).strip())[:200]
