"""A small language server of our own, on pygls: what the bridge itself has to say about a document.

It tells of a save that was refused and of a file that was changed on the host, offers what can be done about
it, and knows a few commands. It runs under trio: pygls' own loop reads from a stream in memory, and what it
writes is put together again into messages. Only sync handlers, since pygls runs others under asyncio.

Imported when a language client comes, in a thread: pygls' types take half a second.
"""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import trio
from lsprotocol import types as lsp
from pygls.io_ import run_async
from pygls.lsp.server import LanguageServer

from rbridge import __version__
from rbridge.lsp.framing import Frames, framed

SOURCE = "rbridge"
LARGEST = 64 << 20

SAVE, CLOSE, LIST, RESTART = "rbridge.save", "rbridge.close", "rbridge.list", "rbridge.restartServer"
OVERWRITE, RELOAD, COMPARE = "rbridge.overwrite", "rbridge.reload", "rbridge.compare"
COMMANDS = (SAVE, CLOSE, LIST, RESTART, OVERWRITE, RELOAD, COMPARE)

ACTIONS = (
    (OVERWRITE, "Overwrite the host's file"),
    (RELOAD, "Take the host's text"),
    (COMPARE, "Compare with the host's text"),
)
FIRST_LINE = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a document: *conflict*, or else its last save was refused; *message* is a line."""

    message: str
    conflict: bool = False


class Desk(Protocol):
    """What the endpoint asks of the daemon; *uri* is the editor's."""

    def trouble(self, uri: str) -> Trouble | None: ...

    def do(self, command: str, uri: str) -> str:
        """Carry out one of COMMANDS; a line for the user, empty if there is nothing to say."""
        ...


class Endpoint(LanguageServer):
    """One, for one language client. *say* gets what it says, a message at a time; *news* is called when the
    editor has opened a document.
    """

    def __init__(self, desk: Desk, say: Callable[[bytes], None], news: Callable[[], None]) -> None:
        super().__init__("rbridge", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.None_)
        self._desk = desk
        self._open: dict[str, Trouble | None] = {}
        self._out = Frames(LARGEST)
        self._say = say
        self._news = news
        self._put, self._take = trio.open_memory_channel[bytes](float("inf"))
        self.protocol.set_writer(self)
        quick = lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
        self.feature(lsp.TEXT_DOCUMENT_DID_OPEN)(_opened)
        self.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)(_closed)
        self.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, quick)(_actions)
        for name in COMMANDS:
            self.command(name)(_command(name))

    def begin(self) -> dict[str, Any]:
        """Ask it for its capabilities, as an editor would. It takes some 15 ms; pygls wants that first."""
        said: list[bytes] = []
        say, self._say = self._say, said.append
        asked = {
            "jsonrpc": "2.0",
            "id": 0,
            "method": "initialize",
            "params": {"processId": None, "rootUri": None, "capabilities": {}},
        }
        try:
            message = json.loads(json.dumps(asked), object_hook=self.protocol.structure_message)
            self.protocol.handle_message(message)
        finally:
            self._say = say
        found: dict[str, Any] = json.loads(said[0])["result"]["capabilities"]
        return found

    async def run(self) -> None:
        """Serve until cancelled."""
        await run_async(threading.Event(), _Reader(self._take), self.protocol)

    def hear(self, body: bytes) -> None:
        """One message of the editor."""
        self._put.send_nowait(framed(body))

    def write(self, data: bytes) -> None:
        """What pygls writes: header and body, together or not."""
        self._out.feed(data)
        while (body := self._out.next()) is not None:
            self._say(body)

    def close(self) -> None:
        """Nothing more is written."""

    @property
    def uris(self) -> list[str]:
        """Those of the documents that the editor has opened."""
        return list(self._open)

    def look(self) -> None:
        """Documents may stand otherwise than before: publish what is new."""
        for uri, before in list(self._open.items()):
            trouble = self._desk.trouble(uri)
            if trouble != before:
                self._open[uri] = trouble
                self.text_document_publish_diagnostics(
                    lsp.PublishDiagnosticsParams(uri, _diagnostics(trouble))
                )

    def opened(self, uri: str) -> None:
        """The editor has opened a document."""
        self._open[uri] = None
        self.look()
        self._news()

    def closed(self, uri: str) -> None:
        self._open.pop(uri, None)

    def actions(self, uri: str) -> list[lsp.CodeAction]:
        """What can be done about a conflict."""
        trouble = self._desk.trouble(uri)
        if trouble is None or not trouble.conflict:
            return []
        return [
            lsp.CodeAction(
                title=title,
                kind=lsp.CodeActionKind.QuickFix,
                diagnostics=_diagnostics(trouble),
                command=lsp.Command(title=title, command=name, arguments=[uri]),
            )
            for name, title in ACTIONS
        ]

    def carry_out(self, name: str, uri: str) -> None:
        """A command of ours."""
        said = self._desk.do(name, uri)
        if said:
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Info, f"rbridge: {said}"))


# Handlers: pygls writes on the functions that it is given, which methods do not let it.


def _opened(ls: Endpoint, params: lsp.DidOpenTextDocumentParams) -> None:
    ls.opened(params.text_document.uri)


def _closed(ls: Endpoint, params: lsp.DidCloseTextDocumentParams) -> None:
    ls.closed(params.text_document.uri)


def _actions(ls: Endpoint, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    return ls.actions(params.text_document.uri)


def _command(name: str) -> Callable[..., None]:
    def run(ls: Endpoint, *arguments: Any) -> None:
        ls.carry_out(name, arguments[0] if arguments and isinstance(arguments[0], str) else "")

    return run


def _diagnostics(trouble: Trouble | None) -> Sequence[lsp.Diagnostic]:
    if trouble is None:
        return []
    severity = lsp.DiagnosticSeverity.Warning if trouble.conflict else lsp.DiagnosticSeverity.Error
    code = "conflict" if trouble.conflict else "refused"
    return [lsp.Diagnostic(FIRST_LINE, trouble.message, severity=severity, source=SOURCE, code=code)]


class _Reader:
    """Bytes of whole messages, as pygls reads them."""

    def __init__(self, take: trio.MemoryReceiveChannel[bytes]) -> None:
        self._take = take
        self._left = b""

    async def readline(self) -> bytes:
        while b"\n" not in self._left:
            try:
                self._left += await self._take.receive()
            except trio.EndOfChannel:
                return b""
        line, end, self._left = self._left.partition(b"\n")
        return line + end

    async def readexactly(self, n: int) -> bytes:
        """All of them are there already: messages come whole."""
        data, self._left = self._left[:n], self._left[n:]
        return data


class _Nobody:
    """A desk that is never asked."""

    def trouble(self, uri: str) -> Trouble | None:
        raise NotImplementedError(uri)

    def do(self, command: str, uri: str) -> str:
        raise NotImplementedError(command)


CAPABILITIES = Endpoint(_Nobody(), lambda _body: None, lambda: None).begin()
"""What each endpoint says that it can do. Nobody may change it."""

# There for good, with some 50,000 objects: the garbage collector need not look at them, 40 ms each time.
gc.freeze()
