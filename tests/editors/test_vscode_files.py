"""The files of the VS Code extension: its parts, what is compiled, and how it is installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from rbridge import __version__, plugins, vsix
from tests.editors.code_server import HERE
from tests.harness.code import code
from tests.harness.environment import ROOT, Home

SOURCE = ROOT / "editors" / "vscode"


def test_the_parts_that_need_no_window() -> None:
    tests = sorted(map(str, HERE.glob("*.test.js")))
    ran = subprocess.run(
        [code().node, "--test", *tests], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stdout[-6000:]
    assert "# fail 0" in ran.stdout or "fail 0" in ran.stdout


def test_what_is_compiled_is_what_the_sources_say(tmp_path: Path) -> None:
    """As ``npm run compile`` makes it; what is installed has no compiler."""
    found = code()
    modules = tmp_path / "node_modules"
    modules.symlink_to(found.modules)
    for name in ("src", "tsconfig.json"):
        (tmp_path / name).symlink_to(SOURCE / name)
    words = [found.node, "--preserve-symlinks", found.compiler, "-p", tmp_path, "--outDir", tmp_path / "out"]
    ran = subprocess.run([*words, "--preserveSymlinks"], capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout
    made = _texts(tmp_path / "out")
    assert made == _texts(SOURCE / "out"), "npm run compile"
    assert {name.removesuffix(".js") for name in made} == {
        name.removesuffix(".ts") for name in _texts(SOURCE / "src")
    }


def test_it_has_no_dependencies_and_asks_for_no_trust() -> None:
    about = json.loads((SOURCE / "package.json").read_text())
    assert about["version"] == __version__
    assert "dependencies" not in about
    assert about["extensionKind"][0] == "ui"
    assert about["capabilities"] == {"untrustedWorkspaces": {"supported": True}, "virtualWorkspaces": True}
    used = {word for text in _texts(SOURCE / "out").values() for word in _required(text)}
    assert used == {"buffer", "crypto", "fs", "net", "os", "path", "vscode"}


def _texts(directory: Path) -> dict[str, str]:
    """All files below *directory*, by their names relative to it."""
    found = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_text() for path in found}


def _required(script: str) -> set[str]:
    words = [part.split('"')[0] for part in script.split('require("')[1:]]
    return {word for word in words if not word.startswith(".")}


def test_the_editors_own_program_installs_and_removes_the_package(home: Home) -> None:
    """code-server stands for ``code``: it takes the same package with the same words."""
    found = code()
    extensions = home.path / ".vscode" / "extensions"
    words = (
        f'"{found.node}" "{found.server}" --user-data-dir "{home.path}/ud" --extensions-dir "{extensions}"'
    )
    home.script("bin/code", f'#!/bin/sh\nexec {words} "$@"\n')
    environ = {
        **home.env,
        "PATH": f"{home.path}/bin:{home.env['PATH']}",
        "VSCODE_EXTENSIONS": str(extensions),
    }
    target = extensions / f"{vsix.ID}-{__version__}"
    said = plugins.install("code", environ)
    assert said[0] == f"installed by {home.path}/bin/code --install-extension"
    assert _texts(target / "out") == _texts(SOURCE / "out")
    assert any(line.startswith("vscode ") and " installed " in line for line in plugins.listing(environ))
    assert plugins.remove("code", environ) == [f"removed by {home.path}/bin/code --uninstall-extension"]
    listed = json.loads((extensions / "extensions.json").read_text())
    assert [one["identifier"]["id"] for one in listed] == []
