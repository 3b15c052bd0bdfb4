"""What ``rbridge doctor`` sees around the daemon: editors, plug-ins, what is kept, language servers."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rbridge import __version__, paths, plugins
from rbridge.errors import RbridgeError
from rbridge.findings import Finding, ok, warning
from rbridge.server import config, control
from rbridge.ssh.examine import EACH

LARGEST = 32 << 20  # bytes of an editor's file that are searched
NAME = b"rbridge://"  # how our documents are called there
RAN = ("asked", "runs", "idle", "lost")  # and a server that went for one of these needs nobody
OFF = "off"


@dataclass(frozen=True)
class Keeper:
    """Files in which *editor* may keep names or texts of ours: *patterns* below the home directory.

    *any*: all that lies there is ours; else a file is ours that names our documents. *mend* is what is done
    about it.
    """

    editor: str
    patterns: tuple[str, ...]
    mend: str
    any: bool = False


def _backups(folder: str, macos: str) -> tuple[str, str]:
    return f".config/{folder}/Backups/*/rbridge/*", f"Library/Application Support/{macos}/Backups/*/rbridge/*"


CLOSED = "rm {}  # while the editor is closed"
KEEPERS = (
    Keeper("VS Code", _backups("Code", "Code"), "save or close them in VS Code", any=True),
    Keeper("Cursor", _backups("Cursor", "Cursor"), "save or close them in Cursor", any=True),
    Keeper("VSCodium", _backups("VSCodium", "VSCodium"), "save or close them in VSCodium", any=True),
    Keeper(
        "Sublime Text",
        (
            ".config/sublime-text/Local/*.sublime_session",
            "Library/Application Support/Sublime Text/Local/*.sublime_session",
        ),
        'close those tabs; "hot_exit": "disabled" in its settings keeps none',
    ),
    Keeper("Neovim", (".local/state/nvim/shada/*.shada",), CLOSED),
    Keeper("Vim", (".viminfo", ".vim/viminfo"), CLOSED),
    Keeper("Emacs", (".emacs.d/recentf", ".emacs.d/history", ".emacs.d/places", ".emacs.desktop"), CLOSED),
)


async def ask() -> tuple[list[Any], list[Any]]:
    """The attached windows and the language servers that the daemon tells of; none where it tells of none."""
    try:
        answer = await control.ask({"do": "surroundings"}, EACH)
    except RbridgeError:
        return [], []
    editors, servers = answer.get("editors"), answer.get("servers")
    return editors if isinstance(editors, list) else [], servers if isinstance(servers, list) else []


def attached(windows: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """The editors whose plug-in is connected now."""
    found = []
    for one in windows:
        name = f"{one['name']} {one['version']}".strip()
        said = f"{name} (pid {one['pid']}) is attached"
        if one["plugin"] in ("", __version__):
            found.append(ok("editor", "attached", said))
            continue
        said += f", and its plug-in is {one['plugin']}: this is rbridge {__version__}"
        plugin = next((each.name for each in plugins.PLUGINS if each.editor == one["name"]), "EDITOR")
        mend = f"rbridge plugin install {plugin}, then start it anew"
        found.append(warning("editor", "attached-old", said, mend))
    return found


def installed(environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """The plug-ins that are there, and those that might be."""
    found = []
    lacking = []
    for line in plugins.listing(environ):
        name, state = line[:8].strip(), line[9:29].strip()
        editor = plugins.find(name)
        if state == "installed":
            found.append(
                ok("editor", "plug-in", f"{editor.editor}: its plug-in is installed ({__version__})")
            )
        elif state == "another version":
            said = f"{editor.editor}: its plug-in is that of another version"
            found.append(warning("editor", "plug-in-old", said, f"rbridge plugin install {name}"))
        elif state == "not ours":
            said = f"{editor.editor}: {line[30:]} is there, and not from rbridge"
            found.append(warning("editor", "plug-in-foreign", said, "move it away"))
        elif _any_program(editor.programs or (editor.name,), environ):
            lacking.append(name)
    if lacking:
        said = f"there are plug-ins for {', '.join(lacking)}: rbridge plugin install NAME"
        found.append(ok("editor", "plug-in-offered", said))
    return found


def kept(home: str = "") -> list[Finding]:
    """What editors keep of hosts' documents on this disk now, as their files show."""
    found = []
    for keeper in KEEPERS:
        files = [
            str(path)
            for pattern in keeper.patterns
            for path in sorted(Path(home or paths.home()).glob(pattern))
            if path.is_file() and (keeper.any or _names_ours(path))
        ]
        if not files:
            continue
        where = files[0] if len(files) == 1 else f"{os.path.dirname(files[0])} ({len(files)} files)"
        what = "unsaved texts" if keeper.any else "names, and maybe texts,"
        said = f"{keeper.editor} keeps {what} of hosts' documents in {where}"
        mend = keeper.mend.format(" ".join(map(shlex.quote, files)))
        found.append(warning("editor", "kept-on-disk", said, mend))
    return found


def languages(servers: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The language servers on the hosts that editors want now, and whether they are turned off here."""
    try:
        wanted = config.load().lsp
    except RbridgeError:
        return []  # said already, of the editor
    if not wanted:
        said = f"language servers are turned off by lsp in {paths.config_file()}"
        return [ok("languages", "languages", said)]
    found = []
    for one in servers:
        name = f"{one['name'] or 'a language server'} on {one['host']}"
        state = str(one["state"])
        if state in RAN:
            found.append(ok("languages", "language-server", f"{name}: {state}"))
        elif state == OFF:
            found.append(ok("languages", "language-server", f"{name}: {one['said']}"))
        else:
            said = f"{name} does not run ({state}): {one['said'] or 'it said nothing'}"
            mend = f"install one that the shell there finds; rbridge doctor on {one['host']} lists them"
            if state != "none":
                mend = "start it there by hand to see why; then have the editor restart it"
            found.append(warning("languages", f"language-server-{_slug(state)}", said, mend))
    return found or [ok("languages", "languages", "no editor wants a language server now")]


def _slug(state: str) -> str:
    return "none" if state == "none" else "ended"


def _names_ours(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return NAME in file.read(LARGEST)
    except OSError:
        return False


def _any_program(programs: Iterable[str], environ: Mapping[str, str]) -> bool:
    return any(shutil.which(program, path=environ.get("PATH", os.defpath)) for program in programs)
