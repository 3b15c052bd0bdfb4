"""The package of the VS Code extension: what is in it, and what an editor's own program has to say."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rbridge import __version__, plugins, vsix
from rbridge.errors import CannotCreate

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = "{http://schemas.microsoft.com/developer/vsx-schema/2011}"


@pytest.fixture(scope="module")
def archive():
    return zipfile.ZipFile(io.BytesIO(vsix.package(plugins.find("vscode").carried())))


def test_it_holds_what_is_installed(archive):
    files = plugins.find("vscode").carried()
    assert {name for name in archive.namelist() if name.startswith("extension/")} == {
        f"extension/{name}" for name in files
    }
    assert archive.read("extension/package.json") == files["package.json"]
    assert archive.testzip() is None


def test_the_manifest_says_what_the_extension_says(archive):
    root = ElementTree.fromstring(archive.read("extension.vsixmanifest"))
    identity = root.find(f"{MANIFEST}Metadata/{MANIFEST}Identity")
    assert identity is not None
    assert f"{identity.get('Publisher')}.{identity.get('Id')}" == vsix.ID
    assert identity.get("Version") == __version__
    properties = {one.get("Id"): one.get("Value") for one in root.iter(f"{MANIFEST}Property")}
    assert properties["Microsoft.VisualStudio.Code.ExtensionKind"] == "ui,workspace"
    assert properties["Microsoft.VisualStudio.Code.Engine"].startswith("^1.")
    for asset in root.iter(f"{MANIFEST}Asset"):
        assert asset.get("Path") in archive.namelist()


def test_every_kind_of_file_has_a_type(archive):
    root = ElementTree.fromstring(archive.read("[Content_Types].xml"))
    known = {one.get("Extension") for one in root}
    names = set(archive.namelist()) - {"[Content_Types].xml"}
    assert {Path(name).suffix for name in names if Path(name).suffix} <= known


def test_the_same_files_make_the_same_package():
    files = plugins.find("vscode").carried()
    assert vsix.package(files) == vsix.package(dict(reversed(files.items())))


def test_one_command_makes_it(tmp_path):
    target = tmp_path / "made.vsix"
    ran = subprocess.run(
        [sys.executable, "-m", "rbridge.vsix", str(target)], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    assert ran.stdout.decode() == f"{target}\n"
    assert zipfile.is_zipfile(target)


def test_the_editors_program_is_looked_for_on_path(tmp_path):
    assert vsix.program("code", {"PATH": str(tmp_path)}) is None
    tool = tmp_path / "code"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert vsix.program("code", {"PATH": str(tmp_path)}) == str(tool)


@pytest.mark.parametrize("script", ["echo one; echo two >&2; exit 1", "exit 1"])
def test_a_program_that_fails_is_quoted(tmp_path, script):
    tool = tmp_path / "code"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    said = "two" if "two" in script else "it said nothing"
    with pytest.raises(CannotCreate, match=f"--uninstall-extension failed: {said}"):
        vsix.uninstall(str(tool), {})


def test_a_program_that_cannot_be_started(tmp_path):
    with pytest.raises(CannotCreate, match="--uninstall-extension"):
        vsix.uninstall(str(tmp_path / "gone"), {})
