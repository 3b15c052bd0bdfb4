"""Completions for shells: what words stand where, and the file by which bash, zsh or fish asks for them.

Each shell's script is click's own. It runs ``rbridge`` without words and with ``_RBRIDGE_COMPLETE`` set, and
that comes to click as every command of the laptop does.
"""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

from rbridge import paths, system
from rbridge.errors import NoInput, UsageError
from rbridge.ssh import changes, sshconfig
from rbridge.ssh.changes import Change, Confirm, Say

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

PROGRAM = "rbridge"
VARIABLE = "_RBRIDGE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
DEPTH = 16  # of Includes in Includes, as ssh has it
ZSH_LINE = 'fpath=("{}" $fpath); autoload -Uz compinit; compinit'


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own completion of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def hosts(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The aliases of ~/.ssh/config that begin as the word does."""
    from click.shell_completion import CompletionItem

    home = system.home_of(os.geteuid()) or paths.home()
    found = aliases(os.path.join(home, ".ssh", "config"), home)
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def aliases(file: str, home: str) -> list[str]:
    """The hosts that *file* has lines for, and those files that it includes; *home* is what ssh calls ~.

    What cannot be read has none: a completion is no place for complaints.
    """
    return list(dict.fromkeys(_aliases(file, home, DEPTH)))


def _aliases(file: str, home: str, depth: int) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            found, included = sshconfig.names(stream.read())
    except OSError:
        return []
    for pattern in included if depth else ():
        for path in sorted(glob.glob(sshconfig.absolute(pattern, os.path.join(home, ".ssh"), home))):
            found += _aliases(path, home, depth - 1)
    return found


def script(shell: str) -> str:
    """The completion script for *shell*; raises UsageError for one that is not known."""
    from click.shell_completion import get_completion_class

    from rbridge.cli import rbridge

    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise UsageError(f"no completion for {shell!r}", "known: " + ", ".join(SHELLS))
    # Not source(): for bash it first starts one to ask for its version.
    made = kind(rbridge, {}, PROGRAM, VARIABLE)
    return made.source_template % made.source_vars()


def path(shell: str) -> str:
    """Where *shell* looks for a user's completion by itself; zsh has to be told of the directory."""
    data = _base("XDG_DATA_HOME", ".local", "share")
    if shell == "bash":
        return os.path.join(data, "bash-completion", "completions", PROGRAM)
    if shell == "zsh":
        return os.path.join(data, "zsh", "site-functions", "_" + PROGRAM)
    if shell == "fish":
        return os.path.join(_base("XDG_CONFIG_HOME", ".config"), "fish", "completions", PROGRAM + ".fish")
    raise UsageError(f"no completion for {shell!r}", "known: " + ", ".join(SHELLS))


def install(shell: str, *, echo: Say, say: Say, confirm: Confirm) -> int:
    """Put the script where *shell* finds it. Returns 0, or 1 when the answer is no.

    Raises UsageError, and CannotCreate and TryAgain as :func:`rbridge.ssh.changes.carry_out` does.
    """
    where = path(shell)
    wanted = [Change(where, changes.read(where), script(shell), mode=0o644, directory=0o755)]
    if wanted[0].before == wanted[0].after:
        say(f"{where} is as it should be")
    elif not changes.agree(wanted, echo, confirm, "Write this?"):
        return 1
    changes.carry_out(wanted)
    if shell == "zsh":
        say(f"~/.zshrc needs this line, once: {ZSH_LINE.format(os.path.dirname(where))}")
    elif shell == "bash":
        say(
            "new shells have it, where the package bash-completion is installed; "
            f"without it ~/.bashrc needs this line: . '{where}'"
        )
    return 0


def remove(shell: str, *, echo: Say, say: Say, confirm: Confirm) -> int:
    """Remove what :func:`install` put there. Returns 0, or 1 when the answer is no; raises NoInput."""
    where = path(shell)
    wanted = [Change(where, changes.read(where), None)]
    if wanted[0].before is None:
        raise NoInput(f"there is no {where}")
    if not changes.agree(wanted, echo, confirm, "Remove this?"):
        return 1
    changes.carry_out(wanted)
    say(f"{where} is removed")
    return 0


def _base(variable: str, *below_home: str) -> str:
    said = os.environ.get(variable, "")
    return said if said.startswith("/") else os.path.join(paths.home(), *below_home)
