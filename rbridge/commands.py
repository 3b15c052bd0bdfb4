"""The laptop's commands that have to do with hosts; :mod:`rbridge.cli` has the others, and the group."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from rbridge.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

# What these take is ssh's, or has ssh's options in it.
_SSH = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def say(line: str) -> None:
    """Tell the user something that is not the answer."""
    click.echo(f"rbridge: {line}", err=True)


def confirm(sure: bool, question: str) -> bool:
    """Ask on the terminal; without one only --yes is a yes."""
    if sure:
        return True
    if not sys.stdin.isatty():
        raise UsageError(question, "say --yes: there is no terminal to ask on")
    return click.confirm(question, err=True)


def complete(what: str) -> Complete:
    """A completion of :mod:`rbridge.completion`: of files, or of hosts."""

    def ask(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from rbridge import completion

        found = completion.files if what == "files" else completion.hosts
        return found(context, parameter, incomplete)

    return ask


_words = click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=complete("hosts"))
_host = partial(click.argument, "host", shell_complete=complete("hosts"))


@click.command("ssh", add_help_option=False, context_settings=_SSH)
@_words
def ssh(arguments: tuple[str, ...]) -> int:
    """Log in to a host; what is opened there opens here (see rbridge ssh --help)."""
    from rbridge.ssh import shell

    return shell.run(arguments)


@click.command(add_help_option=False, context_settings=_SSH)
@_words
def connect(arguments: tuple[str, ...]) -> int:
    """Keep a connection to a host (see rbridge connect --help)."""
    from rbridge.ssh import shell

    return shell.connect(arguments)


@click.command()
@_host()
def disconnect(host: str) -> int:
    """Give up the connection to HOST; what is open stays open, and goes on when it is connected again."""
    from rbridge.ssh import shell

    return shell.disconnect(host)


@click.command(add_help_option=False, context_settings=_SSH)
@_words
def deploy(arguments: tuple[str, ...]) -> int:
    """Put the client on a host, or take it away (see rbridge deploy --help)."""
    from rbridge.ssh import deploying

    return deploying.run(arguments, say, partial(click.confirm, default=True, err=True))


@click.command(add_help_option=False, context_settings=_SSH)
@_words
def doctor(arguments: tuple[str, ...]) -> int:
    """Say what is wrong between here and HOST, and what mends it (see rbridge doctor --help)."""
    from rbridge import doctor as doctors

    return doctors.run(arguments, click.echo)


@click.command(add_help_option=False, context_settings=_SSH)
@_words
def get(arguments: tuple[str, ...]) -> int:
    """Fetch files from a host (see rbridge get --help)."""
    from rbridge.ssh import transfer

    return transfer.get(arguments, say)


@click.command(add_help_option=False, context_settings=_SSH)
@_words
def put(arguments: tuple[str, ...]) -> int:
    """Send files to a host (see rbridge put --help)."""
    from rbridge.ssh import transfer

    return transfer.put(arguments, say)


@click.command()
@_host(default="")
@click.option("--port", "-p", type=int, default=0, metavar="N", help="Forward a TCP port, not a socket.")
@click.option("--file", "-F", default="", help="Another ssh_config than ~/.ssh/config.")
@click.option("--service", is_flag=True, help="Run the daemon from login on: systemd or launchd.")
@click.option("--completion", default="", metavar="SHELL", help="Completions for bash, zsh or fish.")
@click.option("--print", "only_print", is_flag=True, help="Print the completions, write nothing.")
@click.option("--remove", "undo", is_flag=True, help="Undo it: for HOST, or for all.")
@click.option("--force", "-f", is_flag=True, help="Overwrite lines that were changed by hand.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
def setup(
    host: str,
    port: int,
    file: str,
    service: bool,
    completion: str,
    only_print: bool,
    undo: bool,
    force: bool,
    yes: bool,
) -> int:
    """Make plain `ssh HOST` lead to the daemon here. Shows what it writes, and asks."""
    from rbridge.ssh import setup as setups

    return setups.run(
        host,
        port=port,
        file=file,
        service=service,
        completion=completion,
        only_print=only_print,
        undo=undo,
        force=force,
        echo=click.echo,
        say=say,
        confirm=partial(confirm, yes),
    )


ALL = (ssh, connect, disconnect, doctor, get, put, deploy, setup)
"""In the order in which they are listed."""
