"""The daemon: listeners, sessions and documents of one run of ``rbridge serve``.

Ended by cancellation or by ``serve --stop``, it takes the same way out: it stops listening, delivers or keeps
what was saved, tells every client, wipes FILES and removes its sockets. That takes bounded time and happens
behind a shield.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import trio

from rbridge import __version__, memory, paths, system
from rbridge.adapters import presets
from rbridge.adapters.base import Adapter
from rbridge.errors import CannotCreate, NotListening
from rbridge.server import addresses, control, endpoints, listeners
from rbridge.server.addresses import Address, Tcp
from rbridge.server.config import DEFAULT_PORT, Config
from rbridge.server.consent import Consent
from rbridge.server.documents import Documents
from rbridge.server.editing import Tools
from rbridge.server.files import Files
from rbridge.server.instance import Instance
from rbridge.server.listeners import Listener
from rbridge.server.log import logger
from rbridge.server.notify import Notifier
from rbridge.server.peer import Peer
from rbridge.server.session import Session
from rbridge.server.spool import Spool
from rbridge.wire import codec

FAREWELL = 2.0  # seconds for telling the clients that the daemon ends

Say = Callable[[str], None]


@dataclass
class Daemon:
    """What one daemon shares between its tasks; *greeting* is what every client hears first."""

    config: Config
    documents: Documents
    consent: Consent
    greeting: str
    sessions: set[Session]

    async def serve(self, listener: Listener, stream: trio.SocketStream) -> None:
        """One connection, to its end."""
        async with stream:
            origin = _origin(listener, stream)
            uid = system.peer_uid(stream.socket) if listener.inode else None
            if uid is not None and uid != os.geteuid():
                logger.warning("%s: refused: it belongs to %s", origin, system.user_name(uid))
                return
            if len(self.sessions) >= self.config.limits.connections:
                logger.warning("%s: refused: %d connections are open", origin, len(self.sessions))
                return
            peer = Peer(stream, origin, self.config.limits, ours=listener.inode is not None)
            session = Session(peer, self.config, self.documents, self.consent)
            self.sessions.add(session)
            try:
                await session.run(self.greeting)
            finally:
                self.sessions.discard(session)

    async def end(self) -> None:
        """Let go of all documents and clients, in bounded time."""
        with trio.move_on_after(3 * self.config.limits.shutdown):
            await self.documents.stop()
        with trio.move_on_after(FAREWELL):
            async with trio.open_nursery() as nursery:
                for session in list(self.sessions):
                    nursery.start_soon(session.bye)


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
    UsageError, NotListening, CannotCreate, Denied, and TryAgain when a daemon runs already.
    """
    wanted = [addresses.parse(text) for text in config.listen]
    runtime = paths.runtime_dir()
    spool = Spool(os.path.join(paths.state_dir(), "spool"), config.limits.spool) if config.spool else None
    with Instance(runtime):
        adapter = adapter or choose(config)
        files = _files(say)
        tools = Tools(adapter, files, spool, Notifier.here(config.notify), config.limits)
        try:
            async with _listening(wanted, runtime, say) as (bound, commands):
                spelled = [str(listener.address) for listener in bound]
                record = _record(runtime, spelled, say)
                logger.info("serving on %s with %s", ", ".join(spelled), adapter.name)
                say(f"files open in {adapter.describe()}; choose another with --editor")
                try:
                    await _run(config, tools, bound, commands, partial(task_status.started, spelled))
                finally:
                    endpoints.remove(record)
        finally:
            files.close()
            logger.info("ended")


async def _run(
    config: Config, tools: Tools, bound: Sequence[Listener], commands: Listener, ready: Callable[[], None]
) -> None:
    """Serve until cancelled or told to stop, and take leave behind a shield."""
    stop = trio.Event()
    consent = Consent(config.limits.consent)
    laptop = socket.gethostname().partition(".")[0]
    greeting = codec.greeting(laptop, __version__, tools.adapter.name)
    async with trio.open_nursery() as outside:
        outside.start_soon(_set_when_cancelled, stop)
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                daemon = Daemon(config, Documents(tools, nursery), consent, greeting, set())
                nursery.start_soon(tools.notifier.run)
                async with trio.open_nursery() as accepting:
                    await _accept(control.Control(consent, stop).serve, commands, accepting, nursery)
                    for listener in bound:
                        await _accept(partial(daemon.serve, listener), listener, accepting, nursery)
                    ready()
                    await stop.wait()
                    logger.info("ending: %d documents are open", len(daemon.documents))
                    accepting.cancel_scope.cancel()
                await daemon.end()
                nursery.cancel_scope.cancel()
        outside.cancel_scope.cancel()


async def _accept(
    serve_one: Callable[[trio.SocketStream], Awaitable[None]],
    listener: Listener,
    accepting: trio.Nursery,
    serving: trio.Nursery,
) -> None:
    """Accept connections of *listener* in one nursery and serve them in the other."""
    await accepting.start(
        partial(trio.serve_listeners, serve_one, [listener.socket], handler_nursery=serving)
    )


async def _set_when_cancelled(event: trio.Event) -> None:
    try:
        await trio.sleep_forever()
    finally:
        event.set()


def choose(config: Config) -> Adapter:
    """The adapter for what *config* says, or the first editor that is found. Raises UsageError."""
    return presets.choose(config.editor, os.environ, shutil.which, terminal=config.terminal)


def _files(say: Say) -> Files:
    """FILES, without what a killed daemon left there."""
    root, in_memory = memory.files_dir()
    if not in_memory:
        say(f"no memory file system with room here: until they are closed, texts lie on the disk in {root}")
    files = Files(root, in_memory)
    left = files.sweep()
    if left:
        say(f"wiped {left} open texts that a killed daemon left in {root}")
    return files


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
    wanted: Sequence[Address], runtime: str, say: Say
) -> AsyncIterator[tuple[list[Listener], Listener]]:
    """The *wanted* listeners, by default both of ours, and that of ``control.sock``; removed at the end."""
    bound: list[Listener] = []
    try:
        bound.append(await listeners.listen(addresses.Unix(control.path(runtime))))
        for address in wanted:
            bound.append(await listeners.listen(address))
        if not wanted:
            bound += await _default_port(say)
            bound.append(await listeners.listen(listeners.default_socket()))
        yield bound[1:], bound[0]
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
