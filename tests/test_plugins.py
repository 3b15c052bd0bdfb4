"""Plug-ins are copied to where their editors look for them, and taken away again; nothing else is touched."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rbridge import __version__, plugins
from rbridge.errors import CannotCreate, Denied, UsageError
from tests.harness.environment import rbridge

ROOT = Path(__file__).resolve().parents[1]
NAMES = [plugin.name for plugin in plugins.PLUGINS]


def files(directory):
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """Without any editor's own program, so that files are copied."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return {"PATH": str(tmp_path)}


@pytest.mark.parametrize("name", NAMES)
def test_install_list_remove(name, environ, tmp_path):
    plugin = plugins.find(name)
    target = plugin.place(environ)
    assert tmp_path in target.parents
    assert plugin.files()
    assert any(line.startswith(f"{name} ") and "not installed" in line for line in plugins.listing(environ))
    said = plugins.install(name, environ)
    assert str(target) in said[0]
    assert any(f"rbridge plugin remove {name}" in line for line in said)
    assert files(target) == set(plugin.files()) | {plugins.MARK}
    assert any(line.startswith(f"{name} ") and " installed " in line for line in plugins.listing(environ))
    plugins.remove(name, environ)
    assert not target.exists()
    assert plugins.remove(name, environ) == [f"not installed: {target}"]


def test_what_is_installed_is_known_by_its_programs(environ):
    assert plugins.installed(environ) == []
    plugins.install("nvim", environ)
    assert plugins.installed(environ) == ["nvim"]


def test_installing_again_replaces_all_of_an_older_one(environ):
    target = plugins.find("nvim").place(environ)
    plugins.install("nvim", environ)
    (target / "lua" / "rbridge" / "old.lua").write_text("return 1\n")
    (target / plugins.MARK).write_text("0.0.1 abc\n")
    assert any("another version" in line for line in plugins.listing(environ))
    plugins.install("nvim", environ)
    assert files(target) == files(plugins.find("nvim").source) | {plugins.MARK}
    assert [path.name for path in target.parent.iterdir()] == ["rbridge"]


@pytest.mark.parametrize("what", ["directory", "link", "file"])
def test_what_is_not_ours_is_left_alone(what, environ, tmp_path):
    target = plugins.find("nvim").place(environ)
    target.parent.mkdir(parents=True)
    own = tmp_path / "own"
    if what == "file":
        target.write_text("mine")
    else:
        (own if what == "link" else target).mkdir()
        if what == "link":
            target.symlink_to(own)
        (target / "mine.lua").write_text("mine")
    before = sorted(str(path) for path in target.parent.rglob("*"))
    for command in (plugins.install, plugins.remove):
        with pytest.raises(Denied, match="not from rbridge"):
            command("nvim", environ)
    assert sorted(str(path) for path in target.parent.rglob("*")) == before
    assert any("not ours" in line for line in plugins.listing(environ))


def test_other_packages_beside_it_stay(environ):
    target = plugins.find("nvim").place(environ)
    plugins.install("nvim", environ)
    other = target.parent / "other"
    other.mkdir()
    plugins.remove("nvim", environ)
    assert other.is_dir()


def test_another_name_for_the_same_editor():
    assert plugins.find("code") is plugins.find("vscode")
    assert plugins.find("vscodium") is plugins.find("codium")


def test_vs_codes_own_variable_says_where_extensions_are(tmp_path):
    found = plugins.find("vscode").place({"VSCODE_EXTENSIONS": str(tmp_path)})
    assert found == tmp_path / f"rbridge.rbridge-{__version__}"


def test_an_editors_own_program_is_what_installs_and_removes(environ, tmp_path):
    """A stand-in for ``code``: it notes its words, and puts the package where VS Code puts it."""
    target = plugins.find("vscode").place(environ)
    words = tmp_path / "words"
    tool = tmp_path / "code"
    script = f"""#!{sys.executable}
import pathlib, shutil, sys, zipfile
open({str(words)!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
target = pathlib.Path({str(target)!r})
if sys.argv[1] == "--install-extension":
    target.mkdir(parents=True)
    with zipfile.ZipFile(sys.argv[2]) as held:
        for name in held.namelist():
            if name.startswith("extension/"):
                (target / name[10:]).parent.mkdir(exist_ok=True)
                (target / name[10:]).write_bytes(held.read(name))
else:
    shutil.rmtree(target)
"""
    tool.write_text(script)
    tool.chmod(0o755)
    assert plugins.install("vscode", environ)[0] == f"installed by {tool} --install-extension"
    assert files(target) == set(plugins.find("vscode").files()) | {plugins.MARK}
    assert any(line.startswith("vscode ") and " installed " in line for line in plugins.listing(environ))
    assert plugins.remove("vscode", environ) == [f"removed by {tool} --uninstall-extension"]
    assert words.read_text().splitlines()[1] == "--uninstall-extension rbridge.rbridge"
    tool.write_text("#!/bin/sh\necho no room left >&2; exit 3\n")
    with pytest.raises(CannotCreate, match="--install-extension failed: no room left"):
        plugins.install("vscode", environ)


def test_the_place_follows_the_editors_own_variables(tmp_path):
    found = plugins.find("nvim").place({"XDG_DATA_HOME": str(tmp_path), "NVIM_APPNAME": "other"})
    assert found == tmp_path / "other" / "site" / "pack" / "rbridge" / "start" / "rbridge"


@pytest.mark.parametrize(
    ("there", "place"),
    [
        ((), ".emacs.d"),
        ((".config/emacs/",), ".config/emacs"),
        ((".config/emacs/", ".emacs.d/"), ".emacs.d"),
        ((".config/emacs/", ".emacs"), ".emacs.d"),
    ],
)
def test_the_place_of_emacs_is_where_its_settings_are(there, place, environ, tmp_path):
    for name in there:
        path = tmp_path / name
        path.mkdir(parents=True) if name.endswith("/") else path.touch()
    assert plugins.find("emacs").place(environ) == tmp_path / place / "elpa" / "rbridge"
    other = tmp_path / "other"
    (other / "emacs").mkdir(parents=True)
    found = plugins.find("emacs").place({**environ, "XDG_CONFIG_HOME": str(other)})
    own = any((tmp_path / name).exists() for name in (".emacs", ".emacs.d"))
    assert found == (tmp_path / ".emacs.d" if own else other / "emacs") / "elpa" / "rbridge"


def test_the_place_of_sublime_text_is_its_data_directory(environ, tmp_path, monkeypatch):
    plugin = plugins.find("subl")
    monkeypatch.setattr(sys, "platform", "linux")
    assert plugin.place(environ) == tmp_path / ".config" / "sublime-text" / "Packages" / "rbridge"
    other = {**environ, "XDG_CONFIG_HOME": str(tmp_path / "other")}
    assert plugin.place(other) == tmp_path / "other" / "sublime-text" / "Packages" / "rbridge"
    monkeypatch.setattr(sys, "platform", "darwin")
    support = tmp_path / "Library" / "Application Support"
    assert plugin.place(other) == support / "Sublime Text" / "Packages" / "rbridge"


def test_sublime_text_gets_the_file_that_says_which_python_it_is_for(environ):
    plugins.install("sublime", environ)
    assert (plugins.find("sublime").place(environ) / ".python-version").read_text() == "3.8\n"
    assert plugins.installed(environ) == ["subl"]


def test_a_place_that_cannot_be_made(environ, tmp_path):
    (tmp_path / ".local").write_text("a file")
    with pytest.raises(CannotCreate, match="cannot install the plug-in for Neovim"):
        plugins.install("nvim", environ)


def test_an_editor_without_a_plugin():
    with pytest.raises(UsageError) as caught:
        plugins.find("ed")
    assert "there are: nvim" in caught.value.hint


def test_the_commands(home):
    listed = home.run(rbridge("plugin", "list")).ok().out
    assert [line.split()[0] for line in listed.splitlines()] == NAMES
    assert "installed: " in home.run(rbridge("plugin", "install", "nvim")).ok().out
    assert "removed: " in home.run(rbridge("plugin", "remove", "nvim")).ok().out
    ran = home.run(rbridge("plugin", "install", "ed"))
    assert ran.code == 64
    assert ran.err.startswith("rbridge: no plug-in for ed (there are: ")


def test_the_wheel_carries_the_plugins(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as held:
        names = set(held.namelist())
    for plugin in plugins.PLUGINS:
        assert {f"rbridge/editors/{plugin.source.name}/{name}" for name in plugin.files()} <= names
