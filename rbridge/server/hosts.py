"""The hosts that this daemon keeps tunnels to: ``connect``, ``disconnect``, and how each of them stands.

What is kept is written down in ``RUNTIME/hosts.json``, so that the daemon after one that was killed takes
over the tunnels that live on. It holds no secret, and is removed when the daemon ends in good order.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import trio

from rbridge.errors import RbridgeError, clean
from rbridge.server import privatefiles
from rbridge.server.config import HostConfig
from rbridge.server.configured import Configured
from rbridge.server.documents import Documents
from rbridge.server.kept import Deployed, Kept, Laptop
from rbridge.server.log import logger
from rbridge.ssh import config, reasons, sleep, words
from rbridge.ssh.config import Destination
from rbridge.ssh.events import Carrier, State, Way
from rbridge.ssh.keeper import Keeper
from rbridge.ssh.reasons import Reason
from rbridge.ssh.singlefile import single_file
from rbridge.ssh.starting import CARRIED

RECORD = "hosts.json"
LONGEST = 1 << 20  # bytes of it that are read
MOST = 64  # hosts
SETTLE = 100.0  # seconds that `connect` waits for a tunnel: the control socket's own limit is above it
BACK = 3.0  # seconds that `rbridge ssh` waits for a tunnel that is on its way back by itself
LEAVE = 5.0  # seconds for giving tunnels back when the daemon ends

Answer = dict[str, Any]


@dataclass
class Tunnel:
    """A host, and who keeps the tunnel to it."""

    kept: Kept
    keeper: Keeper
    begun: bool = False
    gone: trio.Event = field(default_factory=trio.Event)


class Hosts:
    """All tunnels of one daemon, kept in *nursery*; *documents* are told when one needs its user."""

    def __init__(self, laptop: Laptop, documents: Documents, nursery: trio.Nursery) -> None:
        self._laptop = laptop
        self._documents = documents
        self._nursery = nursery
        self._tunnels: dict[str, Tunnel] = {}
        self._ports: dict[str, tuple[tuple[int, int], ...]] = {}  # by digests: those that are configured
        self._known = trio.Event()  # all of these
        documents.tools.silences.add(self.silent)
        laptop.ports.configured = self.configured

    # Requests; each answer has ``ok`` or ``error``

    async def standing(self, said: Any, name: str = "") -> Answer:
        """How the tunnel to this destination stands, or else the one called *name*; one that is coming back
        is waited for a little.
        """
        destination = _destination(said)
        called = (one for one in self._tunnels.values() if one.kept.name == name)
        tunnel = self._tunnels.get(destination.digest) or next(called, None)
        if tunnel is None:
            self._nursery.start_soon(_make_ready)  # while the user types his password
            return {"ok": True, "state": "none", "editor": self._editor}
        await tunnel.keeper.wait_for((State.UP, State.DOWN, State.NEEDS_YOU), BACK)
        return self._told(tunnel)

    async def connect(self, request: Mapping[str, Any]) -> Answer:
        """Take over the master that the user's command has made or found, and make the tunnel over it."""
        destination, carrier = _destination(request.get("destination")), _carrier(request)
        environ = {**os.environ, **_variables(request.get("environ"))}
        while (tunnel := self._tunnels.get(destination.digest)) and tunnel.keeper.state is State.ENDED:
            await tunnel.gone.wait()  # and look again: another `connect` may have waited as well
        if tunnel is None:
            if len(self._tunnels) >= MOST:
                return {"ok": False, "error": f"{MOST} hosts are connected", "code": 75}
            tunnel = self._new(destination, environ)
        tunnel.kept.environ = environ
        tunnel.kept.destination = destination
        tunnel.kept.deploys = request.get("deploy") is not False
        tunnel.kept.looks = request.get("look") is True
        tunnel.keeper.take(carrier)
        await self._begin(tunnel)
        await tunnel.keeper.wait_for((State.UP, State.DOWN, State.NEEDS_YOU), SETTLE)
        self._write()
        done, tunnel.kept.deployed = tunnel.kept.deployed, Deployed()
        return {**self._told(tunnel), "deployed": list(done.said), "rc": done.rc}

    async def disconnect(self, name: str) -> Answer:
        """Give the tunnel to *name* up."""
        found = [one for one in self._tunnels.values() if name in (one.kept.name, one.kept.destination.asked)]
        if not found:
            return {"ok": False, "error": f"{clean(name)} is not connected", "code": 66}
        for tunnel in found:
            identity = tunnel.kept.identity
            for port in list(self._documents.ports):
                if port.identity == identity:
                    port.stop()
            tunnel.keeper.disconnect()
            await tunnel.gone.wait()
            self._laptop.ports.forget(identity)
        return {"ok": True, "names": [one.kept.name for one in found]}

    def rows(self) -> list[Answer]:
        """One for each host, for ``rbridge status``."""
        return sorted((self._told(one) for one in self._tunnels.values()), key=lambda row: str(row["name"]))

    def _told(self, tunnel: Tunnel) -> Answer:
        kept, keeper = tunnel.kept, tunnel.keeper
        reason = keeper.reason
        carrier = keeper.carrier
        return {
            "ok": True,
            "name": kept.name,
            "asked": kept.destination.asked,
            "digest": kept.destination.digest,
            "state": keeper.state.value,
            "since": time.time() - (trio.current_time() - keeper.since),
            "code": reasons.error(reason, kept.name).exit_code if reason else 0,
            "reason": reason.name if reason else "",
            "said": reason.said if reason else "",
            "hint": reason.hint if reason else "",
            "control": carrier.control if carrier else "",
            "socket": kept.remote,
            "way": keeper.way.value,
            "full": kept.full and keeper.way is Way.STDIO,
            "editor": self._editor,
        }

    @property
    def _editor(self) -> str:
        return self._documents.tools.adapter.describe()

    # From outside

    async def run(self, configured: Sequence[HostConfig]) -> None:
        """Connect to the *configured* hosts, and tell all when the laptop wakes, or has another network,
        until cancelled.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleep.notice, self._woke)
            nursery.start_soon(sleep.network_changes, self._network)
            async with trio.open_nursery() as connecting:
                for one in configured:
                    connecting.start_soon(self._connect_at_start, one)
            self._known.set()

    async def take_over(self) -> None:
        """Go on with the tunnels of a daemon that was killed."""
        for entry in _read(self._record):
            try:
                destination, carrier = _destination(entry.get("destination")), _carrier(entry)
            except ValueError:
                continue
            if destination.digest in self._tunnels:  # a command was faster
                continue
            tunnel = self._new(destination, {**os.environ, **_variables(entry.get("environ"))})
            tunnel.keeper.take(carrier)
            await self._begin(tunnel)

    async def _connect_at_start(self, one: HostConfig) -> None:
        try:
            said = words.split([*one.options, one.host], {})
            words.check(said)
            destination = await config.ask(said.host, said.options, "/")
        except RbridgeError as error:
            self._laptop.tell(f"{one.host}: not connected: {error.line()}")
            return
        self._ports[destination.digest] = one.ports
        if destination.digest not in self._tunnels:
            tunnel = self._new(destination, os.environ)
            tunnel.keeper.want()
            await self._begin(tunnel)

    async def configured(self, identity: str, number: int) -> bool:
        """Whether the configuration names port *number* for the host of this *identity*."""
        await self._known.wait()
        mine = [one for one in self._tunnels.values() if one.kept.identity == identity]
        return any(number == port for one in mine for port, _ in self._configured(one))

    def _configured(self, tunnel: Tunnel) -> tuple[tuple[int, int], ...]:
        return self._ports.get(tunnel.kept.destination.digest, ())

    def _woke(self) -> None:
        """The laptop slept."""
        for tunnel in self._tunnels.values():
            tunnel.keeper.woke()

    def _network(self) -> None:
        """The laptop has another network."""
        for tunnel in self._tunnels.values():
            tunnel.keeper.network()

    def silent(self, identity: str) -> None:
        """A connection of the host of this *identity* has gone dead."""
        for tunnel in self._tunnels.values():
            if identity and tunnel.kept.identity == identity:
                tunnel.keeper.silent()

    async def end(self) -> None:
        """Give all tunnels back, in bounded time."""
        with trio.move_on_after(LEAVE):
            for tunnel in self._tunnels.values():
                tunnel.keeper.disconnect()
            for tunnel in list(self._tunnels.values()):
                await tunnel.gone.wait()
        with suppress(OSError):
            os.unlink(self._record)

    # Inside

    def _new(self, destination: Destination, environ: Mapping[str, str]) -> Tunnel:
        kept = Kept(self._laptop, self._name(destination), destination, environ)

        def tell(state: State, reason: Reason | None) -> None:
            self._changed(kept, state, reason)

        alone = self._laptop.logins.alone(destination.digest)
        tunnel = Tunnel(kept, Keeper(kept.name, kept, tell, cheap=destination.direct, alone=alone))
        self._tunnels[destination.digest] = tunnel
        return tunnel

    async def _begin(self, tunnel: Tunnel) -> None:
        """Keep it, if nobody does."""
        if not tunnel.begun:
            tunnel.begun = True
            await self._nursery.start(self._keep, tunnel)

    async def _keep(self, tunnel: Tunnel, task_status: trio.TaskStatus[None]) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._bring_ports, tunnel)
                await tunnel.keeper.run(task_status=task_status)
                nursery.cancel_scope.cancel()
        except Exception:
            logger.exception("%s: an error in rbridge itself; its tunnel is given up", tunnel.kept.name)
        finally:
            try:
                await tunnel.kept.close()
            except OSError as error:
                logger.warning("%s: %s", tunnel.kept.local, error.strerror)
            if self._tunnels.get(tunnel.kept.destination.digest) is tunnel:
                del self._tunnels[tunnel.kept.destination.digest]
            self._write()
            tunnel.gone.set()

    async def _bring_ports(self, tunnel: Tunnel) -> None:
        """Have the ports that are configured here, as long as the tunnel is kept."""
        await self._known.wait()
        wanted = self._configured(tunnel)
        if not wanted:
            return
        try:
            await Configured(tunnel.kept, tunnel.keeper, wanted, self._laptop.ports, self._laptop.tell).run()
        except Exception:
            logger.exception(
                "%s: an error in rbridge itself; its ports are not looked after", tunnel.kept.name
            )

    def _name(self, destination: Destination) -> str:
        """What the host is called here: as the user does, unless another one is called that."""
        taken = {one.kept.name for one in self._tunnels.values()}
        wanted = destination.known_as
        if wanted in taken:
            wanted = f"{destination.known_as}-{destination.user}"
        if wanted in taken:
            wanted = f"{destination.known_as}-{destination.digest[:8]}"
        return wanted

    def _changed(self, kept: Kept, state: State, reason: Reason | None) -> None:
        """The tunnel stands otherwise; where it needs its user, he hears of it, in his editors too."""
        if state is State.UP:
            self._write()  # over a new master, perhaps
        if state is State.NEEDS_YOU and reason is not None:
            message = f"{kept.name}: {reason.said}" + (f" ({reason.hint})" if reason.hint else "")
            self._laptop.tell(message)
            for editing in self._documents.all():
                if editing.session.identity and editing.session.identity == kept.identity:
                    editing.apart(message)

    @property
    def _record(self) -> str:
        return os.path.join(self._laptop.runtime, RECORD)

    def _write(self) -> None:
        """Write down which masters carry our tunnels; a full disk only means that nobody takes them over."""
        told = []
        for tunnel in self._tunnels.values():
            carrier = tunnel.keeper.carrier
            if carrier is not None:
                environ = tunnel.kept.environ
                told.append(
                    {
                        "destination": tunnel.kept.destination.to_json(),
                        "control": carrier.control,
                        "pid": carrier.pid,
                        "own": carrier.own,
                        "environ": {name: environ[name] for name in CARRIED if name in environ},
                    }
                )
        try:
            with privatefiles.locked(self._laptop.runtime) as directory:
                privatefiles.replace(self._record, json.dumps(told).encode(), directory)
        except (OSError, RbridgeError) as error:
            logger.warning("the tunnels are not written down: %s", error)


async def _make_ready() -> None:
    """Have the client that is put on hosts: the first time it takes a while to make."""
    try:
        await trio.to_thread.run_sync(single_file)
    except Exception:
        logger.exception("the client for hosts cannot be made")


def _read(path: str) -> list[Mapping[str, Any]]:
    """What a daemon that was killed has left at *path*."""
    try:
        found = json.loads(privatefiles.read(path, LONGEST))
    except (OSError, RbridgeError, ValueError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _destination(said: Any) -> Destination:
    """Raises ValueError."""
    if not isinstance(said, dict):
        raise ValueError("no destination")
    return Destination.from_json(said)


def _carrier(said: Mapping[str, Any]) -> Carrier:
    """Raises ValueError."""
    control, pid, own = said.get("control"), said.get("pid"), said.get("own")
    if not isinstance(control, str) or not isinstance(pid, int) or not isinstance(own, bool):
        raise ValueError("no master")
    return Carrier(control, pid, own)


def _variables(said: Any) -> dict[str, str]:
    if not isinstance(said, dict):
        return {}
    return {name: said[name] for name in CARRIED if isinstance(said.get(name), str)}
