"""Commands of the laptop: parse, call, print, exit code. Imports stand inside the commands: starting is to be
quick, and most of what a command needs only it needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import click

from rbridge import __version__, commands
from rbridge.errors import RbridgeError, UsageError, clean


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="rbridge %(version)s")
@click.pass_context
def rbridge(context: click.Context) -> None:
    """Edit files of a remote host in the editor on this machine.

    On the laptop: rbridge ssh HOST. There: rbridge open FILE.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(UsageError.exit_code)


@rbridge.command("open", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=commands.complete("files"))
def open_(arguments: tuple[str, ...]) -> int:
    """Open files in the laptop's editor (on the host; see rbridge open --help)."""
    from rbridge.__main__ import main as dispatch

    return dispatch(["rbridge", "open", *arguments])


@rbridge.command("diff", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=commands.complete("files"))
def diff(arguments: tuple[str, ...]) -> int:
    """Compare two files in the laptop's editor (on the host; see rbridge diff --help)."""
    from rbridge.client.diff import run as compare

    return compare(list(arguments))


@rbridge.command("port", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def port(arguments: tuple[str, ...]) -> int:
    """Have a port of the host on the laptop (on the host; see rbridge port --help)."""
    from rbridge.client.port import run as lead

    return lead(list(arguments))


@rbridge.command("browse", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def browse(arguments: tuple[str, ...]) -> int:
    """Show a URL in the laptop's browser (on the host; see rbridge browse --help)."""
    from rbridge.client.browse import run as show

    return show(list(arguments))


@rbridge.command("use", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def use(arguments: tuple[str, ...]) -> int:
    """Say which laptop opens files, where several are connected (on the host)."""
    from rbridge.client.use import run as choose

    return choose(list(arguments))


@rbridge.command()
@click.option(
    "--listen",
    "-l",
    multiple=True,
    metavar="ADDR",
    help="127.0.0.1:PORT or unix:PATH, in place of both default listeners; may be repeated.",
)
@click.option(
    "--editor", "-e", metavar="SPEC", help="A preset such as vim or code, rmate:PORT, or a command."
)
@click.option("--stop", is_flag=True, help="End the daemon that runs.")
@click.option("--verbose", "-v", count=True, help="Show what happens; twice: details.")
@click.option("--detached", is_flag=True, hidden=True, help="Let go of the terminal when ready.")
def serve(listen: tuple[str, ...], editor: str | None, stop: bool, verbose: int, detached: bool) -> None:
    """Run the daemon that files are opened through, until Ctrl-C."""
    import trio

    from rbridge import serving
    from rbridge.server import config

    if stop:
        if listen or editor is not None:
            raise UsageError("--stop goes with no other option")
        trio.run(serving.stop)
        return
    settings = config.override(config.load(), listen=listen, editor=editor)
    trio.run(serving.run, settings, verbose, detached, commands.say)


@rbridge.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Answer all that waits.")
@click.option("--deny", is_flag=True, help="Answer with no.")
def allow(ids: tuple[str, ...], everything: bool, deny: bool) -> None:
    """List what waits for your consent, or answer it.

    Without ID, and without --all, it lists.
    """
    import trio

    if ids and everything:
        raise UsageError("give either IDs or --all")
    if not ids and not everything:
        if deny:
            raise UsageError("--deny what?", "give an ID or --all")
        trio.run(_list_pending)
    else:
        trio.run(_answer, list(ids), not deny)


@rbridge.command()
@click.option(
    "--auto", is_flag=True, help="Let a scripted editor make the change (without a terminal: always)."
)
@click.option("--ssh", is_flag=True, help="Go through a private sshd on this machine.")
def demo(auto: bool, ssh: bool) -> None:
    """Show the whole round trip on this machine, without any set-up."""
    import trio

    from rbridge.demo import demo as play

    trio.run(partial(play, click.echo, scripted=auto or not sys.stdin.isatty(), ssh=ssh))


@rbridge.command()
@click.option("--quiet", "-q", is_flag=True, help="Say nothing; 0 only if the host has every edit, else 75.")
@click.argument("path", default="")
def status(path: str, quiet: bool) -> int:
    """List what is open, and what is kept here because its host did not get it.

    PATH is HOST:PATH, the end of a path, a directory, or an id.
    """
    from rbridge import standing

    return standing.status(path, quiet, click.echo, commands.say)


@rbridge.command()
@click.argument("path", default="")
def close(path: str) -> int:
    """Close PATH, all below it, or all that is open.

    Ends with 75 if a text of it stays here: rbridge recover.
    """
    from rbridge import standing

    return standing.close(path, commands.say)


@rbridge.command()
@click.argument("path")
@click.option("--show", "choose", flag_value="show", default=True, help="The difference (default).")
@click.option("--mine", "choose", flag_value="mine", help="This laptop's text goes to the host.")
@click.option("--theirs", "choose", flag_value="theirs", help="The host's text stays.")
def resolve(path: str, choose: str) -> int:
    """Show or settle a conflict: PATH was changed on the host while it was edited here."""
    from rbridge import standing

    return standing.resolve(path, choose, click.echo, commands.say)


@rbridge.group(invoke_without_command=True)
@click.pass_context
def recover(context: click.Context) -> int:
    """Texts that are kept here because their host did not acknowledge them."""
    from rbridge import recovery

    return 0 if context.invoked_subcommand else recovery.list_(click.echo, commands.say)


@recover.command("list")
def recover_list() -> int:
    """List them: id, age, size, file, and why."""
    from rbridge import recovery

    return recovery.list_(click.echo, commands.say)


@recover.command("show")
@click.argument("id_", metavar="ID")
def recover_show(id_: str) -> int:
    """Print a text."""
    from rbridge import recovery

    out = sys.stdout.buffer
    return recovery.show(id_, recovery.Screen(out) if out.isatty() else out)


@recover.command("send")
@click.argument("id_", metavar="ID")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
def recover_send(id_: str, yes: bool) -> int:
    """Send a text to its host after all; the file must be open there."""
    from rbridge import recovery

    return recovery.send(id_, partial(commands.confirm, yes), commands.say)


@recover.command("save")
@click.argument("words", nargs=-1, required=True, metavar="ID [FILE] | [ID...] DIR/")
@click.option("--force", "-f", is_flag=True, help="Overwrite what exists.")
def recover_save(words: tuple[str, ...], force: bool) -> int:
    """Write a copy of a text to FILE, or of several texts, by default all, into DIR."""
    from rbridge import recovery

    return recovery.save(words, force, commands.say)


@recover.command("drop")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
def recover_drop(ids: tuple[str, ...], yes: bool) -> int:
    """Erase texts that are not needed any more."""
    from rbridge import recovery

    return recovery.drop(ids, partial(commands.confirm, yes), commands.say)


@rbridge.group()
def plugin() -> None:
    """Plug-ins for editors: with one, remote files are buffers of an editor that runs already."""


@plugin.command("install")
@click.argument("editor")
def plugin_install(editor: str) -> None:
    """Install the plug-in for EDITOR, or bring it up to date."""
    from rbridge import plugins

    for line in plugins.install(editor):
        click.echo(line)


@plugin.command("remove")
@click.argument("editor")
def plugin_remove(editor: str) -> None:
    """Remove the plug-in for EDITOR again."""
    from rbridge import plugins

    for line in plugins.remove(editor):
        click.echo(line)


@plugin.command("list")
def plugin_list() -> None:
    """List the editors there is a plug-in for, and where it is installed."""
    from rbridge import plugins

    for line in plugins.listing():
        click.echo(line)


for command in commands.ALL:
    rbridge.add_command(command)


async def _list_pending() -> None:
    import time

    from rbridge.server import control

    answer = await control.ask({"do": "pending"})
    for question in answer["pending"]:
        age = max(0, int(time.time() - question["asked"]))
        click.echo(f"{question['id']}  {question['text']}  ({age} s ago)")
    if not answer["pending"]:
        click.echo("nothing waits for an answer", err=True)


async def _answer(ids: list[str], allowed: bool) -> None:
    from rbridge.errors import NoInput
    from rbridge.server import control

    answer = await control.ask({"do": "answer", "ids": ids, "allow": allowed})
    for text in answer["answered"]:
        click.echo(f"{'allowed' if allowed else 'denied'}: {text}")
    if not answer["ok"]:
        raise NoInput(str(answer["error"]), "rbridge allow lists what waits")
    if not answer["answered"]:
        click.echo("nothing waits for an answer", err=True)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments* and return the exit code; errors become one line on stderr."""
    try:
        words = list(arguments) if arguments is not None else None
        result = rbridge.main(args=words, prog_name="rbridge", standalone_mode=False)
    except RbridgeError as error:
        click.echo(f"rbridge: {error.line()}", err=True)
        return error.exit_code
    except click.ClickException as error:
        said = " ".join(error.format_message().split())
        click.echo(f"rbridge: {clean(said)}", err=True)
        return UsageError.exit_code if isinstance(error, click.UsageError) else error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(run())
