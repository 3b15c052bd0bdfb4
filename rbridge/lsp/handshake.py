"""``initialize``: what a server on the host is told of an editor on the laptop, and the editor of the server.

The server is told nothing of the laptop's processes and paths, and nothing of what the editor could do that
it may not be asked for. Whatever else is there, known or not, is passed on.
"""

from __future__ import annotations

import copy
from typing import Any

from rbridge.lsp import watched
from rbridge.lsp.target import OWN
from rbridge.lsp.uris import file_uri

WITHHELD = (
    ("workspace", "didChangeWatchedFiles"),
    ("workspace", "workspaceEdit", "resourceOperations"),
    ("workspace", "workspaceEdit", "failureHandling"),
    ("workspace", "textDocumentContent"),
)
"""Capabilities of the editor that are none of the server's."""


def to_server(params: Any, root: bytes, server: str) -> dict[str, Any]:
    """The parameters of ``initialize`` for the server of that name, whose project's root is *root*."""
    said: dict[str, Any] = copy.deepcopy(params) if isinstance(params, dict) else {}
    options = said.get("initializationOptions")
    if isinstance(options, dict) and OWN in options:
        del options[OWN]
        if not options:
            del said["initializationOptions"]
    said["processId"] = None  # it would wait for the end of a process of another machine
    said["rootUri"] = file_uri(root)
    if "rootPath" in said:
        said["rootPath"] = root.decode("utf-8", "surrogateescape")
    said["workspaceFolders"] = folders(root)  # some servers look at nothing else
    for *way, last in WITHHELD:
        inner: Any = said.get("capabilities")
        for step in way:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.pop(last, None)
    if server in watched.NEEDY:
        _watch(said)
    return said


def _watch(said: dict[str, Any]) -> None:
    """The editor does not see the host's files: what is told of them is told by the bridge."""
    capabilities = said.setdefault("capabilities", {})
    workspace = capabilities.setdefault("workspace", {}) if isinstance(capabilities, dict) else None
    if isinstance(workspace, dict):
        workspace["didChangeWatchedFiles"] = dict(watched.OFFERED)


def folders(root: bytes) -> list[dict[str, str]]:
    """The workspace, as the server sees it."""
    name = root.rsplit(b"/", 1)[-1].decode("utf-8", "replace")
    return [{"uri": file_uri(root), "name": name or "/"}]


def capabilities(result: Any) -> dict[str, Any]:
    """Those in the *result* of ``initialize``."""
    found = result.get("capabilities") if isinstance(result, dict) else None
    return found if isinstance(found, dict) else {}


def allowed(result: Any) -> Any:
    """The *result* of ``initialize`` without the offer to make texts for URIs of any scheme."""
    workspace = capabilities(result).get("workspace")
    if isinstance(workspace, dict):
        workspace.pop("textDocumentContent", None)
    return result


def merged(server: Any, own: dict[str, Any]) -> Any:
    """The result of ``initialize``: the *server*'s, with the capabilities that are our *own*."""
    if not isinstance(server, dict) or not isinstance(server.get("capabilities"), dict):
        return server
    said = server["capabilities"]
    if not said.get("codeActionProvider"):
        said["codeActionProvider"] = own.get("codeActionProvider", False)
    commands = said.get("executeCommandProvider")
    listed = commands.get("commands") if isinstance(commands, dict) else None
    ours = own.get("executeCommandProvider", {}).get("commands", [])
    if ours:
        commands = commands if isinstance(commands, dict) else {}
        said["executeCommandProvider"] = {
            **commands,
            "commands": [*(listed if isinstance(listed, list) else []), *ours],
        }
    sync = said.get("textDocumentSync")
    if sync is None:
        said["textDocumentSync"] = own.get("textDocumentSync")
    elif isinstance(sync, dict) and not sync.get("openClose"):
        sync["openClose"] = True
    elif isinstance(sync, int) and not sync:
        said["textDocumentSync"] = {"openClose": True, "change": 0}
    return server
