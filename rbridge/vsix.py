"""The VS Code extension as a package: ``python -m rbridge.vsix [FILE]`` makes the .vsix.

A .vsix is a zip archive (Open Packaging Conventions) with the extension's files below ``extension/``, a
manifest in XML that repeats what its ``package.json`` says, and the types of its files. VS Code, Cursor and
VSCodium read the same one; each has a program that installs it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from html import escape
from pathlib import Path

from rbridge.errors import CannotCreate, clean

ID = "rbridge.rbridge"  # publisher and name
PROGRAM_SECONDS = 120
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files make the same archive
TYPES = {".json": "application/json", ".js": "application/javascript", ".md": "text/markdown"}
OTHER_TYPE = "application/octet-stream"
# Where the program is when it is not on PATH: on macOS it is put there only when the user asks for it.
BUNDLES = {
    "code": "/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code",
    "cursor": "/Applications/Cursor.app/Contents/Resources/app/bin/cursor",
    "codium": "/Applications/VSCodium.app/Contents/Resources/app/bin/codium",
}


def program(name: str, environ: Mapping[str, str]) -> str | None:
    """The editor's own program, which installs extensions; None where there is none."""
    found = shutil.which(name, path=environ.get("PATH", os.defpath))
    return found or shutil.which(BUNDLES.get(name, "/"))


def package(files: Mapping[str, bytes]) -> bytes:
    """The archive with *files*, by their names in the extension; ``package.json`` is one of them."""
    about = json.loads(files["package.json"])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        whole = {
            "extension.vsixmanifest": _manifest(about).encode(),
            "[Content_Types].xml": _types(files).encode(),
            **{f"extension/{name}": data for name, data in sorted(files.items())},
        }
        for name, data in whole.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return made.getvalue()


def install(tool: str, files: Mapping[str, bytes], environ: Mapping[str, str]) -> None:
    """Have the editor's program *tool* install the extension. Raises CannotCreate with what it said."""
    with tempfile.TemporaryDirectory(prefix="rbridge-") as directory:
        archive = Path(directory) / "rbridge.vsix"
        archive.write_bytes(package(files))
        _run([tool, "--install-extension", str(archive), "--force"], environ)


def uninstall(tool: str, environ: Mapping[str, str]) -> None:
    """Have *tool* remove it again. Raises CannotCreate with what it said."""
    _run([tool, "--uninstall-extension", ID], environ)


def _run(words: list[str], environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            timeout=PROGRAM_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotCreate(clean(f"{' '.join(words[:2])}: {error}")) from None
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise CannotCreate(clean(f"{' '.join(words[:2])} failed: {lines[-1]}"))


def _manifest(about: Mapping[str, object]) -> str:
    def text(name: str) -> str:
        return escape(str(about[name]))

    named = {"Id": "name", "Version": "version", "Publisher": "publisher"}
    identity = " ".join(f'{key}="{text(name)}"' for key, name in named.items())
    engines, kinds, words = about["engines"], about["extensionKind"], about["keywords"]
    assert isinstance(engines, dict)
    assert isinstance(kinds, list)
    assert isinstance(words, list)
    details = "Microsoft.VisualStudio.Services.Content.Details"
    prefix = "Microsoft.VisualStudio.Code"
    properties = {
        f"{prefix}.Engine": engines["vscode"],
        f"{prefix}.ExtensionKind": ",".join(kinds),
        f"{prefix}.ExtensionDependencies": "",
        f"{prefix}.ExtensionPack": "",
    }
    lines = [f'<Property Id="{name}" Value="{escape(value)}" />' for name, value in properties.items()]
    return f"""<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" {identity} />
    <DisplayName>{text("displayName")}</DisplayName>
    <Description xml:space="preserve">{text("description")}</Description>
    <Tags>{escape(",".join(words))}</Tags>
    <Categories>Other</Categories>
    <Properties>{"".join(lines)}</Properties>
  </Metadata>
  <Installation><InstallationTarget Id="{prefix}" /></Installation>
  <Dependencies />
  <Assets>
    <Asset Type="{prefix}.Manifest" Path="extension/package.json" Addressable="true" />
    <Asset Type="{details}" Path="extension/README.md" Addressable="true" />
  </Assets>
</PackageManifest>
"""


def _types(files: Mapping[str, bytes]) -> str:
    suffixes = sorted({Path(name).suffix for name in files} | {".vsixmanifest"})
    lines = [
        f'<Default Extension="{suffix}" ContentType="{TYPES.get(suffix, OTHER_TYPE)}" />'
        for suffix in suffixes
        if suffix
    ]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f"{''.join(lines)}</Types>\n"
    )


def main(words: list[str]) -> None:
    """Write the package of the extension that travels with this rbridge, and print its name."""
    from rbridge import __version__, plugins

    target = Path(words[0] if words else f"rbridge-{__version__}.vsix")
    target.write_bytes(package(plugins.find("vscode").carried()))
    print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
