"""``rbridge plugin``: puts the plug-ins that travel with this package where their editors look for them.

What is installed is a copy, with a file that says so: only what carries it is ever replaced or removed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rbridge import __version__, paths, vsix
from rbridge.errors import CannotCreate, Denied, NoInput, UsageError

MARK = ".rbridge-plugin"
"""The file that says a directory was installed by us; it holds the version and the digest of the files."""

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Plugin:
    """One editor's: *place* gives where it goes in an environment, *then* says how it takes effect;
    *programs* are what starts that editor, by default what it is called.
    """

    name: str
    editor: str
    place: Callable[[Mapping[str, str]], Path]
    then: str
    programs: tuple[str, ...] = ()
    folder: str = ""
    """Its directory in ``editors``, where that is not *name*."""
    parts: tuple[str, ...] = ("**/*",)
    """Which of the files there are installed."""
    installer: str = ""
    """The editor's own program, which installs it where there is one; see :mod:`rbridge.vsix`."""

    @property
    def source(self) -> Path:
        """In the package as it was installed, or in the source tree."""
        inside = PACKAGE / "editors" / (self.folder or self.name)
        return inside if inside.is_dir() else PACKAGE.parent / "editors" / inside.name

    def files(self) -> dict[str, bytes]:
        """What is installed, by names relative to :attr:`source`."""
        found = {path for part in self.parts for path in self.source.glob(part) if path.is_file()}
        return {path.relative_to(self.source).as_posix(): path.read_bytes() for path in sorted(found)}

    def carried(self) -> dict[str, bytes]:
        """The same with :data:`MARK`."""
        return {**self.files(), MARK: _mark(self).encode()}


def _nvim(environ: Mapping[str, str]) -> Path:
    """A package of Neovim's own kind (``:help packages``), below ``stdpath('data')``."""
    data = environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else Path(paths.home()) / ".local" / "share"
    name = environ.get("NVIM_APPNAME") or "nvim"
    return base / name / "site" / "pack" / "rbridge" / "start" / "rbridge"


def _vim(environ: Mapping[str, str]) -> Path:
    """A package of Vim's own kind (``:help packages``), where Vim looks whatever its settings are called."""
    return Path(paths.home()) / ".vim" / "pack" / "rbridge" / "start" / "rbridge"


def _emacs(environ: Mapping[str, str]) -> Path:
    """A package of Emacs' own kind, in the directory of settings that Emacs itself would take (its manual:
    Find Init). Without a version in its name, so that a newer one replaces it.
    """
    home = Path(paths.home())
    config = environ.get("XDG_CONFIG_HOME", "")
    other = (Path(config) if config.startswith("/") else home / ".config") / "emacs"
    own = home / ".emacs.d"
    base = other if other.exists() and not (own.exists() or (home / ".emacs").exists()) else own
    return base / "elpa" / "rbridge"


def _sublime(environ: Mapping[str, str]) -> Path:
    """``Packages`` of Sublime Text's data directory (its manual: Packages)."""
    if sys.platform == "darwin":
        base = Path(paths.home()) / "Library" / "Application Support" / "Sublime Text"
    else:
        config = environ.get("XDG_CONFIG_HOME", "")
        base = (Path(config) if config.startswith("/") else Path(paths.home()) / ".config") / "sublime-text"
    return base / "Packages" / "rbridge"


def _code(folder: str) -> Callable[[Mapping[str, str]], Path]:
    """Where VS Code and its kin look; VS Code's own variable counts for all of them."""

    def place(environ: Mapping[str, str]) -> Path:
        own = environ.get("VSCODE_EXTENSIONS", "")
        base = Path(own) if own.startswith("/") else Path(paths.home()) / folder / "extensions"
        return base / f"{vsix.ID}-{__version__}"

    return place


def _vscode(name: str, editor: str, program: str, folder: str) -> Plugin:
    then = "its windows connect by themselves once they are reloaded (Developer: Reload Window)"
    parts = ("package.json", "README.md", "out/**/*.js")
    return Plugin(name, editor, _code(folder), then, (program,), "vscode", parts, program)


PLUGINS = (
    Plugin(
        "nvim", "Neovim", _nvim, "each Neovim (0.10 or later) that is started from now on connects by itself"
    ),
    Plugin("vim", "Vim", _vim, "each Vim (9.0 or later) that is started from now on connects by itself"),
    Plugin(
        "emacs", "Emacs", _emacs, "each Emacs (27 or later) that is started from now on connects by itself"
    ),
    Plugin(
        "sublime",
        "Sublime Text",
        _sublime,
        "each Sublime Text (4, build 4114 or later) that is started from now on connects by itself",
        ("subl",),
        parts=(".python-version", "*.py", "lib/*.py", "Default.sublime-*", "README.md"),
    ),
    _vscode("vscode", "VS Code", "code", ".vscode"),
    _vscode("cursor", "Cursor", "cursor", ".cursor"),
    _vscode("codium", "VSCodium", "codium", ".vscode-oss"),
)

ALSO = {"code": "vscode", "vscodium": "codium", "subl": "sublime"}


def find(name: str) -> Plugin:
    """The plug-in for the editor *name*. Raises UsageError."""
    for plugin in PLUGINS:
        if plugin.name == ALSO.get(name, name):
            return plugin
    raise UsageError(f"no plug-in for {name}", f"there are: {' '.join(one.name for one in PLUGINS)}")


def installed(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The programs of the editors that have their plug-in, in the order of preference."""
    return [
        program
        for plugin in PLUGINS
        if (plugin.place(environ) / MARK).is_file()
        for program in plugin.programs or (plugin.name,)
    ]


def install(name: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Install the plug-in for *name*, or bring it up to date; returns the lines to show."""
    plugin = find(name)
    if not plugin.source.is_dir():
        raise NoInput(
            f"the files of the plug-in for {plugin.editor} are missing: {plugin.source}", "reinstall rbridge"
        )
    target = plugin.place(environ)
    tool = vsix.program(plugin.installer, environ) if plugin.installer else None
    if tool:
        vsix.install(tool, plugin.carried(), environ)
        return [
            f"installed by {tool} --install-extension",
            f"{plugin.editor}: {plugin.then}",
            f"to undo it: rbridge plugin remove {name}",
        ]
    _check_ours(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".rbridge-", dir=target.parent))
        try:
            for file, data in plugin.carried().items():
                (fresh / "new" / file).parent.mkdir(parents=True, exist_ok=True)
                (fresh / "new" / file).write_bytes(data)
            if target.exists():
                target.rename(fresh / "old")
            (fresh / "new").rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise CannotCreate(
            f"cannot install the plug-in for {plugin.editor} in {target}: {error.strerror}"
        ) from None
    return [
        f"installed: {target}",
        f"{plugin.editor}: {plugin.then}",
        f"to undo it: rbridge plugin remove {name}",
        f"by hand, instead: copy {plugin.source} to a place where {plugin.editor} looks for plug-ins",
    ]


def remove(name: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Remove what :func:`install` made; returns the lines to show."""
    plugin = find(name)
    target = plugin.place(environ)
    if not os.path.lexists(target):
        return [f"not installed: {target}"]
    _check_ours(target)
    tool = vsix.program(plugin.installer, environ) if plugin.installer else None
    if tool:
        vsix.uninstall(tool, environ)
        return [f"removed by {tool} --uninstall-extension"]
    try:
        shutil.rmtree(target)
    except OSError as error:
        raise CannotCreate(f"cannot remove {target}: {error.strerror}") from None
    for directory in (target.parent, target.parent.parent):  # those that we made, while they are empty
        if directory.name in ("start", "rbridge", "elpa"):
            try:
                directory.rmdir()
            except OSError:
                break
    return [f"removed: {target}"]


def listing(environ: Mapping[str, str] = os.environ) -> list[str]:
    """One line for each editor there is a plug-in for: its name, its state, its place."""
    lines = []
    for plugin in PLUGINS:
        target = plugin.place(environ)
        lines.append(f"{plugin.name:<8} {_state(plugin, target):<20} {target}")
    return lines


def _state(plugin: Plugin, target: Path) -> str:
    if not os.path.lexists(target):
        return "not installed"
    try:
        found = (target / MARK).read_text()
    except OSError:
        return "not ours"
    return "installed" if found == _mark(plugin) else "another version"


def _check_ours(target: Path) -> None:
    """Raise Denied where something is that we did not install."""
    if os.path.lexists(target) and (target.is_symlink() or not (target / MARK).is_file()):
        raise Denied(f"{target} is there already, and not from rbridge", "move it away first")


def _mark(plugin: Plugin) -> str:
    """What :data:`MARK` holds for the files as they are in this package."""
    seen = hashlib.sha256()
    for name, data in plugin.files().items():
        seen.update(name.encode() + b"\0" + data + b"\0")
    return f"{__version__} {seen.hexdigest()}\n"
