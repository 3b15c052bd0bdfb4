"""``rbridge serve``: the daemon as a process, from what it prints to its end by a signal or a command."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial

import click
import trio

from rbridge import paths
from rbridge.errors import RbridgeError, TryAgain
from rbridge.private import make_private
from rbridge.server import control, daemon, instance, log
from rbridge.server.config import Config

STOPPED = 60.0  # seconds that `serve --stop` waits for the end of the daemon
DESCRIPTORS = 65536


async def run(settings: Config, verbose: int, detached: bool, say: Callable[[str], None]) -> None:
    """Run a daemon until a signal ends it; print where it listens, and *say* all else.

    A *detached* one lets go of the terminal when it is ready. Raises RbridgeError.
    """
    logs = os.path.join(paths.state_dir(), "log")
    make_private(logs)
    file = os.path.join(logs, "daemon.log")
    log.begin(log.to_file(file, settings.limits.log), log.to_stderr(verbose))
    _raise_descriptors()
    failure: RbridgeError | None = None
    serving = trio.CancelScope()
    try:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_at, signals, serving)
                try:
                    with serving:
                        await daemon.serve(settings, say=say, task_status=_Ready(detached))
                except RbridgeError as error:
                    failure = error
                except Exception:
                    log.logger.exception("an error in rbridge itself")
                    failure = RbridgeError("an error in rbridge itself ended the daemon", f"{file} has more")
                nursery.cancel_scope.cancel()
    finally:
        log.end()
    if failure is not None:
        raise failure


async def _cancel_at(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


class _Ready:
    """Prints where the daemon listens, once it does; a *detached* one prints nothing from then on."""

    def __init__(self, detached: bool) -> None:
        self._detached = detached

    def started(self, value: list[str] | None = None) -> None:
        for address in value or ():
            click.echo(f"listening on {address}")
        sys.stdout.flush()
        if self._detached:
            _let_go()


def _let_go() -> None:
    """Leave the terminal, and whoever waits for what we print, alone; the log has all that is said."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def _raise_descriptors() -> None:
    """Allow as many open descriptors as the system lets us: one connection and more per open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:  # macOS has a lower bound of its own
            log.logger.debug("open descriptors stay limited to %d: %s", soft, error)


async def stop() -> None:
    """End the running daemon and wait until it is gone. Raises RbridgeError."""
    answer = await control.ask({"do": "stop"})
    gone = partial(instance.wait, paths.runtime_dir(create=False))
    with trio.move_on_after(STOPPED):
        await trio.to_thread.run_sync(gone, abandon_on_cancel=True)
        return
    raise TryAgain(f"rbridge (pid {answer.get('pid')}) is still ending")
