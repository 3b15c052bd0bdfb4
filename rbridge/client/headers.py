"""What a plain rmate server is told of a file, and how names go out to anyone."""

import os

from rbridge.wire import codec

MYPY = False
if MYPY:
    from typing import Dict

    from rbridge.client.options import Options
    from rbridge.client.probe import Peer
    from rbridge.client.source import Source


def plain_headers(source: "Source", options: "Options", peer: "Peer") -> "Dict[str, str]":
    """The headers of ``open`` towards a server of the rmate family, which may take offence at any other."""
    textmate = peer.said.editor == "TextMate"
    name, real = codec.label(wire_text(display_name(source))), codec.label(wire_text(source.real))
    if textmate:  # QUIRK: TextMate alone undoes backslash escapes in values
        name, real = name.replace("\\", "\\\\"), real.replace("\\", "\\\\")
    headers = {
        "display-name": name,
        "real-path": real,
        "data-on-save": "yes",
        "re-activate": "no" if options.keep_focus else "yes",
        "token": source.token,
    }
    if source.line:
        # QUIRK: RemoteSubl takes LINE:COLUMN for a part of the path, the VS Code family for no number
        columns = textmate or peer.said.editor.startswith("zed-rmate-server")
        headers["selection"] = codec.label(source.selection) if columns else str(source.line)
    if source.type:
        headers["file-type"] = codec.label(source.type)
    return headers


def display_name(source: "Source") -> str:
    """What the editor shows: the name asked for, else ``host:path``, and the lines if it is a part."""
    name = source.name or "{}:{}".format(os.uname().nodename, source.path)
    return "{} ({})".format(name, source.part) if source.part else name


def wire_text(path: str) -> str:
    """*path* as UTF-8 with surrogateescape, whatever this process' locale makes of its bytes."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")
