"""What an editor says, on its way to a language server or to our own endpoint."""

from __future__ import annotations

import json

from rbridge.errors import RemoteProtocolError
from rbridge.lsp import jsontext, messages, shapes
from rbridge.lsp.exchange import KNOWN, OURS, Asked, Exchange, Parts
from rbridge.lsp.jsontext import Part
from rbridge.lsp.policy import Refused
from rbridge.lsp.uris import Foreign

COMMANDS = "rbridge."  # how the endpoint's commands begin
REPLAYED = frozenset(
    ("initialized", "textDocument/didOpen", "textDocument/didChange", "textDocument/didClose",
     "workspace/didChangeConfiguration")
)  # fmt: skip
TO_ENDPOINT = frozenset(("initialized", "textDocument/didOpen", "textDocument/didClose"))
AWAY = "the language server is being started"
HELD = 200  # requests that wait for a server


class EditorSide(Exchange):
    """Messages of the editor."""

    def from_editor(self, body: bytes) -> None:
        """One message. What is none is answered, and passed over."""
        try:
            text, parts = jsontext.envelope(body, single=False)
        except RemoteProtocolError as error:
            self.to_editor.append(messages.failure(None, messages.PARSE_ERROR, str(error)))
            return
        method = parts["method"].value if "method" in parts else None
        if method is None:
            self._answer_of_editor(text, parts)
        elif not isinstance(method, str):
            self._refuse(parts, messages.INVALID_REQUEST, "a method is a string")
        elif method == "$/cancelRequest":
            self._cancel(body, parts)
        else:
            try:
                self._from_editor(method, text, parts, body)
            except Refused as refused:
                self._refuse(parts, messages.INVALID_PARAMS, refused.message)

    def _from_editor(self, method: str, text: str, parts: Parts, body: bytes) -> None:
        params = parts.get("params")
        if method in TO_ENDPOINT:
            self.to_endpoint.append(_short(method, body, params))
        if self._is_foreign(method, params):
            if method == "textDocument/codeAction" and self.own:
                self._ask(parts, Asked(method, server=False, endpoint=True), body, b"")
            elif "id" in parts:
                self.to_editor.append(messages.answer(parts["id"].value, None))
            return
        if method == "workspace/executeCommand" and _command(params).startswith(COMMANDS):
            self._ask(parts, Asked(method, server=False, endpoint=True), body, b"")
            return
        self.ending = self.ending or method in ("shutdown", "exit")
        self.exited = self.exited or method == "exit"
        if method == "shutdown" and "id" in parts and not self.alive:
            self.to_editor.append(messages.answer(parts["id"].value, None))
            return
        if method == "workspace/didChangeWorkspaceFolders":
            return  # the server has one folder, its root
        said = text
        if params is not None:
            said = self.policy.to_server(
                text, params, shapes.of_params(method) if method in KNOWN else shapes.UNKNOWN
            )
        out = body if said is text else said.encode()
        if method in REPLAYED:
            self.replay.note(method, json.loads(said).get("params"))
        if "id" not in parts:
            if self.alive:
                self.to_server.append(out)
            return
        asked = Asked(method, server=self.alive)
        if method == "textDocument/codeAction":
            asked.endpoint = bool(self.own)
            asked.server = self._server_acts
        if not asked.server and not asked.endpoint:
            if self.hold and len(self._held) < HELD:
                self._held.append(body)
            else:
                self._refuse(parts, messages.CONTENT_MODIFIED, AWAY)
            return
        self._ask(parts, asked, body, out)

    def _ask(self, parts: Parts, asked: Asked, body: bytes, out: bytes) -> None:
        number = parts["id"].value
        if not isinstance(number, (int, str)) or number in self._asked:
            self._refuse(parts, messages.INVALID_REQUEST, "an id that is in use, or no id")
            return
        self._asked[number] = asked
        params = parts["params"].value if "params" in parts else None
        if isinstance(params, dict) and isinstance(params.get("partialResultToken"), (int, str)):
            asked.partial = params["partialResultToken"]
            self._partial[asked.partial] = asked.method
        if asked.endpoint:
            self.to_endpoint.append(body)
        if asked.server:
            self.to_server.append(out)

    def _cancel(self, body: bytes, parts: Parts) -> None:
        params = parts["params"].value if "params" in parts else None
        number = params.get("id") if isinstance(params, dict) else None
        asked = self._asked.get(number) if isinstance(number, (int, str)) else None
        for held in [one for one in self._held if asked is None and json.loads(one).get("id") == number]:
            self._held.remove(held)
            self.to_editor.append(messages.failure(number, messages.REQUEST_CANCELLED, "cancelled"))
        if asked is not None and asked.server and self.alive:
            self.to_server.append(body)
        if asked is not None and asked.endpoint:
            self.to_endpoint.append(body)

    def _is_foreign(self, method: str, params: Part | None) -> bool:
        """Whether this is about a document that the editor has opened, and that is not of the host."""
        said = (
            params.value.get("textDocument")
            if params is not None and isinstance(params.value, dict)
            else None
        )
        uri = said.get("uri") if isinstance(said, dict) else None
        if not isinstance(uri, str):
            return False
        if method == "textDocument/didOpen":
            try:
                self.policy.places.opened(uri)
            except Foreign as error:
                self._foreign.add(uri)
                self._log(f"a document that is not for the language server: {error}")
        foreign = uri in self._foreign
        if method == "textDocument/didClose":
            self._foreign.discard(uri)
        return foreign

    def _answer_of_editor(self, text: str, parts: Parts) -> None:
        """The editor answers a request."""
        number = parts["id"].value if "id" in parts else None
        passed = self._passed.pop(number, None) if isinstance(number, (int, str)) else None
        if passed is None:
            answered = self._ours.pop(number, None) if isinstance(number, str) else None
            if answered is not None:
                answered({"result": parts["result"].value} if "result" in parts else {})
            elif isinstance(number, str) and not number.startswith(OURS):
                self.to_endpoint.append(text.encode())
            return
        if passed.generation != self._generation or not self.alive:
            return
        try:
            said = text
            if "result" in parts:
                said = self.policy.to_server(text, parts["result"], shapes.of_result(passed.method))
        except Refused as refused:
            self.to_server.append(messages.failure(passed.number, messages.REQUEST_FAILED, refused.message))
            return
        if passed.number != number:
            _, again = jsontext.envelope(said.encode(), single=False)
            said = messages.replaced(said, [(again["id"], passed.number)])
        self.to_server.append(said.encode())

    def _refuse(self, parts: Parts, code: int, message: str) -> None:
        """Answer a request of the editor with an error; what is none is only logged."""
        if "id" in parts:
            self.to_editor.append(messages.failure(parts["id"].value, code, message))
        else:
            self._log(message)


def _command(params: Part | None) -> str:
    """The command that is to be executed."""
    said = params.value.get("command") if params is not None and isinstance(params.value, dict) else None
    return said if isinstance(said, str) else ""


def _short(method: str, body: bytes, params: Part | None) -> bytes:
    """A message without the text of a document, which the endpoint has no use for."""
    if method != "textDocument/didOpen" or params is None or not isinstance(params.value, dict):
        return body
    item = params.value.get("textDocument")
    if not isinstance(item, dict):
        return body
    return messages.notification(method, {"textDocument": {**item, "text": ""}})
