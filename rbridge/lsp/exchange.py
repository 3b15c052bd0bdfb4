"""What a bridge between an editor and a language server knows, and both of its sides use."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rbridge.lsp import messages
from rbridge.lsp.jsontext import Part
from rbridge.lsp.model import TO_EDITOR, TO_SERVER
from rbridge.lsp.policy import Policy
from rbridge.lsp.replay import Replay
from rbridge.lsp.watched import Watched

OURS = "rbridge:"  # how the ids of our own requests begin
KNOWN = frozenset((*TO_EDITOR, *TO_SERVER))

Parts = dict[str, Part]
Log = Callable[[str], None]


@dataclass
class Asked:
    """A request of the editor that waits for its answer: from the *server*, from the *endpoint*, or from
    both; *first* is the first answer of two.
    """

    method: str
    server: bool = True
    endpoint: bool = False
    first: bytes | None = None
    partial: Any = None


@dataclass
class Passed:
    """A request of the server that the editor has: *number* is the server's id, of its *generation*."""

    method: str
    number: Any
    generation: int


class Exchange:
    """Between one editor and the servers that come one after the other; *root* is their project's.

    *alive*: there is a server that was told what it has to know. *log* takes a line about what was left out.
    """

    def __init__(self, policy: Policy, root: bytes, log: Log) -> None:
        self.policy = policy
        self.root = root
        self.replay = Replay()
        self.alive = False
        self.to_editor: deque[bytes] = deque()
        self.to_server: deque[bytes] = deque()
        self.to_endpoint: deque[bytes] = deque()
        self.own: dict[str, Any] = {}
        """The endpoint's capabilities."""
        self.hold = False
        """A server is about to come: what is asked meanwhile waits for it."""
        self.ending = self.exited = False
        """The editor said ``shutdown`` or ``exit``; it said ``exit``."""
        self._held: list[bytes] = []
        self._ours: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._late = False
        self._initializing: Any = None
        self._log = log
        self._asked: dict[Any, Asked] = {}
        self._passed: dict[Any, Passed] = {}
        self._partial: dict[Any, str] = {}
        self._registered: dict[str, str] = {}
        self.watched = Watched()
        self._foreign: set[str] = set()
        self._published: dict[str, Any] = {}
        self._added: dict[str, list[Any]] = {}
        self._generation = 0
        self._numbers = 0
        self._capabilities: dict[str, Any] = {}

    def _own_id(self) -> str:
        """The id of a request of ours."""
        self._numbers += 1
        return f"{OURS}{self._numbers}"

    def ask(self, method: str, params: Any, answered: Callable[[dict[str, Any]], None]) -> None:
        """Ask the editor for something ourselves; *answered* gets ``{"result": ...}``, nothing in it for an
        error.
        """
        number = self._own_id()
        self._ours[number] = answered
        self.to_editor.append(messages.request(number, method, params))

    @property
    def busy(self) -> bool:
        """Whether the server was asked for something that it has not answered."""
        return any(asked.server for asked in self._asked.values())

    @property
    def _server_acts(self) -> bool:
        """Whether the server has code actions."""
        static = bool(self._capabilities.get("codeActionProvider"))
        return self.alive and (static or "textDocument/codeAction" in self._registered.values())

    def _answered(self, number: Any, who: str, said: bytes) -> None:
        """Request *number* of the editor is answered by *who*, ``server`` or ``endpoint``, with *said*."""
        asked = self._asked[number]
        setattr(asked, who, False)
        if asked.server or asked.endpoint:
            asked.first = said  # the other answer is still to come
            return
        if asked.first is not None:
            said = _both(number, *((said, asked.first) if who == "server" else (asked.first, said)))
        del self._asked[number]
        if asked.partial is not None:
            self._partial.pop(asked.partial, None)
        self.to_editor.append(said)


def _both(number: Any, first: bytes, second: bytes) -> bytes:
    """One answer with what is in the lists of two."""
    results = [json.loads(one).get("result") for one in (first, second)]
    return messages.answer(number, [item for one in results if isinstance(one, list) for item in one])
