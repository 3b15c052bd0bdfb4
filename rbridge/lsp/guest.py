"""An editor of files, known by its language client, that shows what is opened on a host."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from rbridge.adapters import pids
from rbridge.adapters.guests import Guest, Guests
from rbridge.lsp import late
from rbridge.lsp.uris import Foreign, file_uri, parse

PATIENCE = 5.0  # seconds that an editor may take to show a document

Answer = dict[str, Any]
Ask = Callable[[str, Any, Callable[[Answer], None]], None]


class Reception:
    """A language client's place among *guests*, until :meth:`leave`. *ask* asks the editor, see
    :meth:`rbridge.lsp.exchange.Exchange.ask`; *editor* is the pid of its process, as it said, empty if it did
    not.
    """

    def __init__(self, guests: Guests, name: str, editor: str, ask: Ask) -> None:
        self._ask = ask
        trace = pids.trace(int(editor)) if editor.isdigit() and len(editor) < 10 else {}
        self._guest: Guest = guests.join(name or "an editor", trace, self.show)

    async def show(self, file: Path, line: int, column: int, focus: bool) -> bool:
        """Have *file* shown; whether the editor says that it is."""
        params: dict[str, Any] = {"uri": file_uri(os.fsencode(file)), "takeFocus": focus}
        if line > 0:
            place = {"line": line - 1, "character": max(0, column - 1)}
            params["selection"] = {"start": place, "end": place}
        put, take = trio.open_memory_channel[Answer](1)
        self._ask("window/showDocument", params, put.send_nowait)
        with trio.move_on_after(PATIENCE):
            result = (await take.receive()).get("result")
            return isinstance(result, dict) and result.get("success") is True
        return False

    def hear(self, body: bytes) -> None:
        """The editor has opened or closed a document, or something else."""
        if b'"textDocument/did' not in body:
            return
        said = json.loads(body)
        params = said.get("params")
        document = params.get("textDocument") if isinstance(params, dict) else None
        try:
            uri = parse(str(document.get("uri")), trusted=True) if isinstance(document, dict) else None
        except Foreign:
            return
        if uri is None or uri.scheme != "file":
            return
        file = Path(os.fsdecode(uri.path))
        if said.get("method") == "textDocument/didOpen":
            self._guest.opened(file)
        elif said.get("method") == "textDocument/didClose":
            self._guest.closed(file)

    def leave(self) -> None:
        """The connection has ended."""
        self._guest.left(self.show)


def shows(initialize: Any) -> bool:
    """Whether an editor shows documents when asked to, as it said in the parameters of ``initialize``."""
    window = late.capabilities(initialize).get("window")
    said = window.get("showDocument") if isinstance(window, dict) else None
    return isinstance(said, dict) and said.get("support") is True
