"""The daemon: listeners, sessions and documents of one run of ``rbridge serve``.

Ended by cancellation or by ``serve --stop``, it takes the same way out: it stops listening, delivers or keeps
what was saved, tells every client, wipes FILES and removes its sockets. That takes bounded time and happens
behind a shield.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from rbridge import memory, paths, plugins, system
from rbridge.adapters import presets
from rbridge.adapters.absent import Absent
from rbridge.adapters.attached import Attached
from rbridge.adapters.base import Adapter
from rbridge.adapters.routed import Routed
from rbridge.adapters.starter import Starter
from rbridge.errors import CannotCreate, NotListening, RbridgeError, UsageError
from rbridge.server import addresses, adopted, control, endpoints, identity, listeners, ownership
from rbridge.server.addresses import Address, Tcp
from rbridge.server.config import DEFAULT_PORT, Config
from rbridge.server.connection import Connection
from rbridge.server.consent import Consent
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.files import Files
from rbridge.server.hosts import Hosts
from rbridge.server.instance import Instance
from rbridge.server.kept import Laptop
from rbridge.server.keys import Keys
from rbridge.server.languages import DocumentLanguages
from rbridge.server.listeners import Listener
from rbridge.server.log import logger
from rbridge.server.notify import Notifier
from rbridge.server.peer import Peer
from rbridge.server.service import Service, nonce
from rbridge.server.sessions import Sessions
from rbridge.server.spool import Spool
from rbridge.server.tools import Tools
from rbridge.ssh import hostkeys
from rbridge.ssh.logins import Logins

CONTROL = "control.sock"  # where the laptop's commands connect
EDITORS = "editor.sock"  # the plug-ins of editors
LANGUAGES = "lsp.sock"  # and language clients
FAREWELL = 2.0  # seconds for telling the clients that the daemon ends

Say = Callable[[str], None]
ServeOne = Callable[[trio.SocketStream], Awaitable[None]]


@dataclass
class Daemon:
    """The connections of one daemon, and what they share."""

    service: Service
    connections: set[Connection] = field(default_factory=set)

    async def serve(self, listener: Listener, stream: trio.SocketStream) -> None:
        """One connection, to its end."""
        async with stream:
            origin = _origin(listener, stream)
            uid = system.peer_uid(stream.socket) if listener.inode else None
            if uid is not None and uid != os.geteuid():
                logger.warning("%s: refused: it belongs to %s", origin, system.user_name(uid))
                return
            limits = self.service.config.limits
            if len(self.connections) >= limits.connections:
                logger.warning("%s: refused: %d connections are open", origin, len(self.connections))
                return
            ours = listener.inode is not None
            who = {"name": listener.name, "identity": listener.identity}
            peer = Peer(stream, origin, limits, ours=ours, also=listener.also, **who)
            connection = Connection(self.service, peer, "" if ours else nonce())
            self.connections.add(connection)
            try:
                await connection.run()
            except Exception:
                logger.exception("%s: an error in rbridge itself; the connection is closed", origin)
            finally:
                self.connections.discard(connection)

    async def end(self) -> None:
        """Let go of all documents and clients, in bounded time."""
        with trio.move_on_after(3 * self.service.config.limits.shutdown):
            await self.service.documents.stop()
        with trio.move_on_after(FAREWELL):
            async with trio.open_nursery() as nursery:
                for connection in list(self.connections):
                    nursery.start_soon(connection.bye)


async def serve(
    config: Config,
    adapter: Adapter | None = None,
    *,
    say: Say = logger.warning,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run a daemon until it is cancelled or told to stop through ``control.sock``.

    *adapter* is by default what ``config.editor`` names. ``task_status.started`` gets the addresses of the
    listeners, spelled as for ``--listen``. *say* gets the lines that the user should see at the start. Raises
    UsageError, NotListening, CannotCreate, Denied, and TryAgain when a daemon runs already, here or with the
    same state directory.
    """
    wanted = [addresses.parse(text) for text in config.listen]
    runtime = paths.runtime_dir()
    spool = Spool(os.path.join(paths.state_dir(), "spool"), config.limits.spool) if config.spool else None
    with Instance(runtime), ownership.of_state(say):
        adapter = adapter or choose(config)
        files = _files(say)
        tools = Tools(adapter, files, spool, Notifier.here(config.notify), config.limits)
        try:
            own = {CONTROL: control.path(runtime)}
            if isinstance(adapter, Routed):
                own[EDITORS] = os.path.join(runtime, EDITORS)
            if config.lsp:
                own[LANGUAGES] = os.path.join(runtime, LANGUAGES)
            async with _listening(list(own.values()), wanted, say) as (listening, bound):
                ours = dict(zip(own, listening, strict=True))
                spelled = [str(listener.address) for listener in bound]
                record = _record(runtime, spelled, say)
                logger.info("serving on %s with %s", ", ".join(spelled), adapter.name)
                say(f"files open in {adapter.describe()}; choose another with: rbridge serve --editor SPEC")
                # not before we know that we can serve: an end wipes what is ours
                going_on = adopted.take(files, adapter, spool, say)
                try:
                    ready = partial(task_status.started, spelled)
                    await _run(config, tools, runtime, bound, ours, going_on, ready, say)
                finally:
                    endpoints.remove(record)
        finally:
            files.close()
            logger.info("ended")


async def _run(
    config: Config,
    tools: Tools,
    runtime: str,
    bound: Sequence[Listener],
    ours: Mapping[str, Listener],
    going_on: Sequence[Mapping[str, Any]],
    ready: Callable[[], None],
    say: Say,
) -> None:
    """Serve until cancelled or told to stop, and take leave behind a shield."""
    stop = trio.Event()
    async with trio.open_nursery() as outside:
        outside.start_soon(_set_when_cancelled, stop)
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                service = _service(config, Documents(tools, nursery), say)
                _go_on(service, going_on)
                if config.lsp and isinstance(tools.adapter, Routed):
                    tools.adapter.speaks(DocumentLanguages(service.documents))
                daemon = Daemon(service)
                nursery.start_soon(tools.notifier.run)
                async with trio.open_nursery() as accepting:
                    hosts = _hosts(daemon, tools, runtime, accepting, nursery)
                    commanded = control.Control(service.consent, stop, service.documents, hosts)
                    takes: dict[str, ServeOne] = {
                        CONTROL: commanded.serve,
                        EDITORS: partial(_attach, tools.adapter),
                        LANGUAGES: partial(_lead, service.documents),
                    }
                    for name, listener in ours.items():
                        await _accept(takes[name], listener, accepting, nursery)
                    for listener in bound:
                        await _accept(partial(daemon.serve, listener), listener, accepting, nursery)
                    await hosts.take_over()
                    ready()
                    accepting.start_soon(hosts.run, config.hosts)
                    await stop.wait()
                    logger.info("ending: %d documents are open", len(service.documents))
                    accepting.cancel_scope.cancel()
                await daemon.end()
                await hosts.end()
                nursery.cancel_scope.cancel()
        outside.cancel_scope.cancel()


def _hosts(
    daemon: Daemon, tools: Tools, runtime: str, accepting: trio.Nursery, serving: trio.Nursery
) -> Hosts:
    """The tunnels that we keep; who comes through one is served like any other."""
    service = daemon.service

    async def accept(listener: Listener) -> trio.CancelScope:
        scope = trio.CancelScope()

        async def until_cancelled(task_status: trio.TaskStatus[list[trio.SocketListener]]) -> None:
            with scope:
                serve_one = partial(daemon.serve, listener)
                await trio.serve_listeners(
                    serve_one, [listener.socket], handler_nursery=serving, task_status=task_status
                )

        await accepting.start(until_cancelled)
        return scope

    machines = hostkeys.Hosts(os.path.join(paths.state_dir(create=False), "hosts"))
    logins = Logins(os.path.join(paths.state_dir(create=False), "logins"))
    tell, ports = tools.notifier.tell, service.ports
    laptop = Laptop(service.identity, runtime, service.keys, machines, logins, accept, tell, ports)
    return Hosts(laptop, service.documents, serving)


async def _accept(
    serve_one: ServeOne,
    listener: Listener,
    accepting: trio.Nursery,
    serving: trio.Nursery,
) -> None:
    """Accept connections of *listener* in one nursery and serve them in the other."""
    await accepting.start(
        partial(trio.serve_listeners, serve_one, [listener.socket], handler_nursery=serving)
    )


async def _attach(adapter: Adapter, stream: trio.SocketStream) -> None:
    """An editor's plug-in came."""
    async with stream:
        uid = system.peer_uid(stream.socket)
        if uid not in (None, os.geteuid()):
            logger.warning("%s: refused uid %s", EDITORS, uid)
        elif isinstance(adapter, Routed):
            try:
                await adapter.serve(stream)
            except Exception:
                logger.exception("%s: an error in rbridge itself; the plug-in is disconnected", EDITORS)


async def _lead(documents: Documents, stream: trio.SocketStream) -> None:
    """A language client came."""
    async with stream:
        uid = system.peer_uid(stream.socket)
        if uid not in (None, os.geteuid()):
            logger.warning("%s: refused uid %s", LANGUAGES, uid)
            return
        try:
            from rbridge.lsp.proxy import Proxy  # nobody waits for it, or has it in memory, before one comes

            await Proxy(stream, documents).run()
        except Exception:
            logger.exception("%s: an error in rbridge itself; the language client is disconnected", LANGUAGES)


async def _set_when_cancelled(event: trio.Event) -> None:
    try:
        await trio.sleep_forever()
    finally:
        event.set()


def _service(config: Config, documents: Documents, say: Say) -> Service:
    """What connections share. A state directory that is full or not ours is no reason not to serve texts:
    hosts just cannot know us again, or prove who they are.
    """
    name, keys = secrets.token_hex(8), None
    try:
        name = identity.load()
        keys = Keys(os.path.join(paths.state_dir(), "keys"))
    except RbridgeError as error:
        say(f"{error.line()}: hosts may not find this daemon again after a restart, or prove who they are")
    laptop = socket.gethostname().partition(".")[0]
    sessions = Sessions(documents, config.limits.sessions)
    return Service(
        config,
        documents,
        sessions,
        Consent(config.limits.consent, documents.tools.adapter.ask),
        laptop,
        name,
        keys,
    )


def choose(config: Config) -> Adapter:
    """What is attached; else an editor whose plug-in is installed, to be started; else the adapter for what
    *config* says, or the first editor that is found.

    An editor that the user named is not passed over for one that merely has its plug-in. Raises UsageError.
    """
    wanted, with_plugin = config.editor, plugins.installed()
    if wanted is None:
        startable: Sequence[str] = with_plugin
    elif wanted != presets.ATTACHED and presets.program(wanted) in with_plugin:
        startable = [wanted]
    else:
        startable = ()
    found = presets.bare(startable, os.environ, shutil.which, terminal=config.terminal)
    try:
        other = presets.choose(wanted, os.environ, shutil.which, terminal=config.terminal, diff=config.diff)
    except UsageError:
        if wanted is not None or not with_plugin:
            raise
        other = Absent()
    return Routed(Attached(), other, Starter(found) if found else None)


def _files(say: Say) -> Files:
    """FILES, with what a killed daemon left there."""
    root, in_memory = memory.files_dir()
    if not in_memory:
        say(f"no memory file system with room here: until they are closed, texts lie on the disk in {root}")
    return Files(root, in_memory)


def _go_on(service: Service, going_on: Sequence[Mapping[str, Any]]) -> None:
    """The documents of a killed daemon whose editors still run are ours; their hosts come back to them."""
    for about in going_on:
        session = service.sessions.adopt(about["session"], about["host"], about["identity"])
        session.begin(about["token"], Editing.adopt(service.documents.tools, session, about))


def _record(runtime: str, spelled: Sequence[str], say: Say) -> str:
    """Write down where we listen; a full disk is no reason not to serve texts, which lie in memory."""
    try:
        return endpoints.write(runtime, spelled)
    except CannotCreate as error:
        say(f"{error}: an editor that is started from a menu will not find this daemon")
        return ""


def _origin(listener: Listener, stream: trio.SocketStream) -> str:
    """How the log names a connection."""
    if listener.inode is not None:
        return str(listener.address)
    try:
        name = stream.socket.getpeername()
    except OSError:  # gone already
        return str(listener.address)
    return str(Tcp(name[0], name[1]))


@asynccontextmanager
async def _listening(
    own: Sequence[str], wanted: Sequence[Address], say: Say
) -> AsyncIterator[tuple[list[Listener], list[Listener]]]:
    """Those at the paths *own*, and the *wanted* ones, by default both of ours; removed at the end."""
    bound: list[Listener] = []
    try:
        for path in own:
            bound.append(await listeners.listen(addresses.Unix(path)))
        for address in wanted:
            bound.append(await listeners.listen(address))
        if not wanted:
            bound += await _default_port(say)
            bound.append(await listeners.listen(listeners.default_socket()))
        yield bound[: len(own)], bound[len(own) :]
    finally:
        with trio.CancelScope(shield=True):
            await listeners.close(bound)


async def _default_port(say: Say) -> list[Listener]:
    """rmate's own port where it is free; where it is not, the user learns who has it."""
    address = Tcp("127.0.0.1", DEFAULT_PORT)
    try:
        return [await listeners.listen(address)]
    except NotListening:
        say(listeners.taken_line(address, await listeners.holder(address)))
        return []
