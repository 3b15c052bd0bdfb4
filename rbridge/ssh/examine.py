"""The way to a host as ``rbridge doctor`` looks at it: ssh, network, login, host key, tunnel, forward.

The host is looked at over a login of doctor's own, which asks nobody and ends with it. So a tunnel that is
half dead is seen from the host's side too, and it is known whether an unattended login works. Only where that
login fails, the connection that there is already carries the looks. What is at the other end is in
:mod:`rbridge.ssh.hostside`.

Words for what ssh says are those of :mod:`rbridge.ssh.reasons`.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from rbridge.errors import RbridgeError, clean
from rbridge.findings import Finding, failure, ok, unknown, warning
from rbridge.server.config import DEFAULT_PORT
from rbridge.ssh import config, events, forwards, hostkeys, login, master, reasons
from rbridge.ssh.config import Destination
from rbridge.ssh.reasons import Reason
from rbridge.standing import age

EACH = 5.0  # seconds for one check
LOGIN = 15.0  # seconds for a login: name servers and jump hosts take their time
STDIO = events.Way.STDIO.value
NOTHING = "nothing has to be; who runs it may allow it: AllowStreamLocalForwarding and AllowTcpForwarding"
OLDEST = (6, 7)  # the first OpenSSH that forwards Unix sockets

_VERSION = re.compile(r"OpenSSH\w*_(\d+)\.(\d+)")
_HOST_KEY = frozenset(
    (
        "host-key-changed",
        "host-key-revoked",
        "host-certificate-invalid",
        "unknown-host-key",
        "host-key-too-weak",
    )
)

Check = Callable[[], Awaitable[Sequence[Finding]]]


async def checked(hop: str, name: str, check: Check, seconds: float = EACH) -> list[Finding]:
    """What *check* finds; one that takes over *seconds*, or breaks, is a finding too, and hides no other."""
    try:
        with trio.fail_after(seconds):
            return list(await check())
    except trio.TooSlowError:
        return [unknown(hop, name, f"{name}: not known within {seconds:g} s")]
    except RbridgeError as error:
        return [failure(hop, name, clean(str(error)), error.hint)]
    except Exception as error:  # a mistake of ours in one check
        return [unknown(hop, name, f"{name}: the check itself failed: {type(error).__name__}: {error}")]


@dataclass
class Way:
    """The way to the host *asked* with ssh's *options*; *rows* are the tunnels that the daemon tells of.

    *port* is rmate's own. *control* is the master over which the host can be looked at, "" if there is none.
    *runtime* is where doctor's own master has its socket.
    """

    asked: str
    options: Sequence[str]
    cwd: str
    runtime: str
    rows: Sequence[Mapping[str, Any]]
    port: int = DEFAULT_PORT
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    destination: Destination | None = None
    control: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    dead: bool = False  # the tunnel's ssh hears nothing from the host
    _own: int = 0
    _reached: bool = True
    _reason: Reason | None = None

    @property
    def name(self) -> str:
        return self.destination.known_as if self.destination else clean(self.asked)

    @property
    def typed(self) -> str:
        """Options and host as they were typed, for a shell."""
        return " ".join(_quoted(word) for word in (*self.options, self.asked))

    @property
    def up(self) -> bool:
        """Whether the daemon has a tunnel that stands."""
        return self.row.get("state") == "up" and not self.dead

    async def examine(self) -> list[Finding]:
        """All of the way, hop by hop. :meth:`close` afterwards."""
        found = await checked("ssh", "ssh", self._ssh)
        found += await checked("ssh", "configuration", self._configuration, 2 * EACH)
        if self.destination is None:
            return found
        found += await checked("ssh", "forwards", self._forwards)
        found += await checked("network", "network", self._network)
        entered = await checked("login", "login", self._login, LOGIN + EACH)
        found += await checked("host key", "host-key", self._host_key)
        found += entered
        found += await checked("tunnel", "tunnel", self._tunnel, EACH + 1)
        return found

    async def close(self) -> None:
        """End doctor's own login."""
        if self._own:
            pid, self._own = self._own, 0
            with trio.CancelScope(shield=True):
                await master.end(self._path, pid)

    @property
    def _path(self) -> str:
        """Where doctor's own master has its socket; other doctors have theirs."""
        return os.path.join(self.runtime, f"cm.d{os.getpid():07x}")  # as long as the daemon's

    async def _ssh(self) -> list[Finding]:
        done = await master.run(["ssh", "-V"], environ=self.environ)
        said = clean(done.said or done.out.decode("utf-8", "replace").strip())
        found = _VERSION.search(said)
        if found is None:
            return [unknown("ssh", "ssh", f"ssh -V says {said or 'nothing'}: no OpenSSH that is known here")]
        if (int(found[1]), int(found[2])) < OLDEST:
            return [failure("ssh", "ssh", f"{said} cannot forward sockets", "update OpenSSH to 6.7 or later")]
        return [ok("ssh", "ssh", said)]

    async def _configuration(self) -> list[Finding]:
        asked = clean(self.asked)
        try:
            to = await config.ask(self.asked, self.options, self.cwd, self.environ, deadline=EACH)
        except RbridgeError as error:
            mend = error.hint or f"look at: ssh -G {shlex.quote(asked)}"
            return [failure("ssh", "configuration", clean(str(error)), mend)]
        self.destination = to
        self.row = next((row for row in self.rows if row.get("digest") == to.digest), {})
        way = f"over {to.jump}" if to.jump else "through a ProxyCommand" if to.proxy else "directly"
        said = f"{asked} is {to.user}@{to.hostname} port {to.port}, {way}"
        if to.control_path:
            said += f", ControlPath {to.control_path}" + ("" if to.control_master else " (no ControlMaster)")
        return [ok("ssh", "configuration", said)]

    async def _forwards(self) -> list[Finding]:
        done = await master.run(["ssh", "-G", *self.options, self.asked], environ=self.environ)
        found = forwards.faults(done.out.decode("utf-8", "replace"), self.typed, self.port)
        look = partial(forwards.included, self.options, self.asked)
        return found + await trio.to_thread.run_sync(look, abandon_on_cancel=True)

    async def _network(self) -> list[Finding]:
        to = self._to
        if not to.direct:
            return [unknown("network", "network", f"{to.hostname} is behind {to.jump or 'a proxy command'}")]
        begin = time.monotonic()
        problem = await _connects(to.hostname, to.port)
        took = (time.monotonic() - begin) * 1000
        if problem:
            self._reached = False
            reason = reasons.read(problem, self.name)
            return [failure("network", reason.name, f"{self.name}: {reason.said}", reason.hint)]
        return [ok("network", "network", f"{to.hostname} port {to.port} answers after {took:.0f} ms")]

    async def _login(self) -> list[Finding]:
        to = self._to
        self.control = living = await self._living()
        if not self._reached:
            return [unknown("login", "login", "not tried: there is no way to the host")]
        begin = time.monotonic()
        try:
            self._own = await login.unattended(to, self._path, self.environ, to.cwd, deadline=LOGIN)
        except login.LoginFailed as failed:
            return [self._not_in(reasons.read(failed.stderr, self.name, to.jump or to.proxy), living)]
        self.control = self._path
        took = time.monotonic() - begin
        return [ok("login", "login", f"{self.name} lets you in without a question, in {took:.1f} s")]

    def _not_in(self, reason: Reason, living: str) -> Finding:
        self._reason = reason
        if living and reason.remedy is reasons.Remedy.PERSON and reason.name not in _HOST_KEY:
            said = (
                f"{self.name}: {reason.said}, at each login: a lost connection does not come back by itself"
            )
            return warning("login", reason.name, said, reason.hint)
        return failure("login", reason.name, f"{self.name}: {reason.said}", reason.hint)

    async def _living(self) -> str:
        """The control path of a master that carries the tunnel, or of one of the user's; "" without."""
        for path in (str(self.row.get("control") or ""), self._to.control_path):
            if path and await master.check(path, deadline=1.0) is not None:
                return path
        return ""

    async def _host_key(self) -> list[Finding]:
        reason = self._reason
        if reason is not None and reason.name in _HOST_KEY:
            return [failure("host key", reason.name, f"{self.name}: {reason.said}", reason.hint)]
        to = self._to
        if not to.host_keys_checked:
            said = f"ssh checks no host key of {self.name}: another machine could take its place unseen"
            return [
                warning("host key", "unchecked", said, "take StrictHostKeyChecking no out of ~/.ssh/config")
            ]
        keys = await hostkeys.known(to)
        if keys:
            return [ok("host key", "host-key", f"{self.name} is known by {len(keys)} host key(s)")]
        if to.known_hosts_command:
            return [ok("host key", "host-key", "keys come from the KnownHostsCommand")]
        said = f"no host key of {self.name} is known here: the first login asks"
        return [warning("host key", "not-known", said, f"rbridge connect {self.typed}")]

    async def _tunnel(self) -> list[Finding]:
        found = tunnel(self.row, self.asked) if self.row else None
        if found is None:
            connect = f"rbridge connect {self.typed}"
            return [warning("tunnel", "no-tunnel", f"no tunnel to {self.name} is kept", connect)]
        control = str(self.row.get("control") or "")
        if self.row.get("state") == "up" and control:
            answered = False
            with trio.move_on_after(EACH - 1):
                answered = await master.probe(control)
            if not answered:
                self.dead = True
                name = _quoted(str(self.row.get("name")))
                again = f"rbridge disconnect {name}; rbridge connect {self.typed}"
                said = f"{name}: the connection is half dead: ssh holds it, and nothing comes back"
                return [failure("tunnel", "half-dead", said, f"it is made anew within 45 s; now: {again}")]
        return [found]

    async def forward(self, directory: str) -> list[Finding]:
        """Whether the host allows a socket in *directory* to be forwarded."""
        if self.up and self.row.get("way") == STDIO:
            said = f"{self.name} refuses to forward a socket: files go over ssh's stdin and stdout instead"
            return [warning("forward", reasons.REFUSED, said, NOTHING)]
        if self.up:
            return [ok("forward", "forward", f"{self.name} forwards sockets: the tunnel does so")]
        remote = f"{directory}/doctor.{secrets.token_hex(9)}.sock"
        local = os.path.join(self.runtime, "daemon.sock")
        try:
            await master.forward(self.control, remote, local, deadline=EACH - 1)
        except master.Refused as refused:
            reason = reasons.forwarding(refused.stderr, self.name, free=True)
            if reason.name == reasons.REFUSED:
                said = f"{self.name} refuses to forward a socket: files will go over ssh's stdin and stdout"
                return [warning("forward", reason.name, said, NOTHING)]
            return [failure("forward", reason.name, f"{self.name}: {reason.said}", reason.hint)]
        finally:  # sshd never removes it, and it may be made although we were told otherwise
            with (
                trio.CancelScope(shield=True, deadline=trio.current_time() + EACH),
                suppress(RbridgeError),
            ):
                await master.cancel(self.control, remote, local, deadline=EACH / 2)
                await master.run([*master.over(self.control), f"rm -f {shlex.quote(remote)}"])
        return [ok("forward", "forward", f"{self.name} forwards sockets")]

    @property
    def _to(self) -> Destination:
        assert self.destination is not None
        return self.destination


def tunnel(row: Mapping[str, Any], asked: str = "") -> Finding:
    """How the tunnel of that *row* stands, as the daemon tells it."""
    name, state = clean(str(row.get("name"))), str(row.get("state"))
    since = row.get("since")
    for_ = f" for {age(since)}" if isinstance(since, (int, float)) else ""
    if state == "up":
        way = ", over stdio" if row.get("way") == STDIO else ""
        return ok("tunnel", "tunnel", f"{name}: connected{for_}{way}")
    why = clean(str(row.get("said") or "no reason is told"))
    mend = clean(str(row.get("hint") or "")) or f"rbridge connect {_quoted(asked or str(row.get('asked')))}"
    said = f"{name}: {clean(state).replace('-', ' ')}{for_}: {why}"
    if state == "connecting":
        return warning("tunnel", "connecting", said)
    return failure("tunnel", str(row.get("reason") or state), said, mend)


async def _connects(host: str, port: int) -> str:
    """Try a connection; "" if it comes about, else what ssh would say."""
    said = ""
    try:
        addresses = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    except OSError as error:
        return f"ssh: Could not resolve hostname {host}: {error.strerror}\n"
    for family, kind, _, _, address in addresses[:4]:
        try:
            with (
                trio.socket.socket(family, kind) as sock,
                trio.fail_after(EACH * 0.8 / len(addresses[:4])),
            ):
                await sock.connect(address)
                return ""
        except trio.TooSlowError:
            said += f"ssh: connect to host {host} port {port}: Connection timed out\n"
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            said += f"ssh: connect to host {host} port {port}: {why}\n"
    return said


def _quoted(word: str) -> str:
    return shlex.quote(clean(word))
