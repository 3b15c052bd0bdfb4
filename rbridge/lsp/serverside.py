"""What a language server says, on its way to the editor."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rbridge.errors import RemoteProtocolError
from rbridge.lsp import handshake, jsontext, messages, shapes, snippets, watched
from rbridge.lsp.exchange import KNOWN, OURS, Exchange, Parts, Passed
from rbridge.lsp.jsontext import Part
from rbridge.lsp.policy import NO_SECTION, SECTIONS, WHOLE, Refused
from rbridge.lsp.shapes import Shape

NOT_PASSED = frozenset(
    (
        "workspace/didChangeWorkspaceFolders",
        "workspace/textDocumentContent",
    )
)
"""What is not registered with the editor: all its folders and schemes are not the server's."""


class ServerSide(Exchange):
    """Messages of the server."""

    def from_server(self, body: bytes) -> None:
        """One message. Raises RemoteProtocolError for what is none, and Absent where the editor needs a file
        first: then nothing was done, and it can be said again.
        """
        text, parts = jsontext.envelope(body, single=True)
        method = parts["method"].value if "method" in parts else None
        if method is None:
            self._answer_of_server(text, parts, body)
        elif not isinstance(method, str):
            raise RemoteProtocolError("a method that is no string")
        elif "id" in parts:
            self._request_of_server(method, text, parts, body)
        else:
            self.policy.places.lenient = True  # nobody waits for a file that is only mentioned
            try:
                self._notification_of_server(method, text, parts, body)
            finally:
                self.policy.places.lenient = False

    # Answers

    def _answer_of_server(self, text: str, parts: Parts, body: bytes) -> None:
        number = parts["id"].value if "id" in parts else None
        if self._starting and number == self._starting:
            self._begun(text, parts)
            return
        asked = self._asked.get(number) if isinstance(number, (int, str)) else None
        if asked is None or not asked.server:
            self._log("an answer to nothing that was asked")
            return
        result = parts.get("result")
        said, left = body, ""
        if result is not None:
            of = shapes.of_result(asked.method) if asked.method in KNOWN else shapes.ANSWER
            try:
                expanded, result = _without_snippets(asked.method, text, result)
                out, left = self.policy.to_editor(expanded, result, of)
                said = body if out is text else out.encode()
            except Refused as refused:
                left = refused.message
                said = _refusal(number, of, left)
        self._note(asked.method, left)
        self._answered(number, "server", said)

    # Requests

    def _request_of_server(self, method: str, text: str, parts: Parts, body: bytes) -> None:
        number = parts["id"].value
        if not isinstance(number, (int, str)):
            raise RemoteProtocolError("an id that is no number and no string")
        special = _SPECIAL.get(method)
        try:
            if not self.policy.may_ask(method):
                raise Refused(f"{method} may not be asked of this editor")
            said = special(self, text, parts) if special is not None else self._renamed(method, text, parts)
        except Refused as refused:
            self._note(method, refused.message)
            self.to_server.append(_declined(method, number, refused.message))
            return
        except _Done as done:
            self.to_server.append(messages.answer(number, done.result))
            return
        here = number
        if here in self._passed or (isinstance(here, str) and here.startswith(OURS)):
            here = self._own_id()
            _, again = jsontext.envelope(said.encode(), single=False)
            said = messages.replaced(said, [(again["id"], here)])
        self._passed[here] = Passed(method, number, self._generation)
        self.to_editor.append(body if said is text else said.encode())

    def _renamed(self, method: str, text: str, parts: Parts) -> str:
        """*text* with what its parameters name renamed."""
        if "params" not in parts:
            return text
        said, left = self.policy.to_editor(text, parts["params"], shapes.of_params(method))
        self._note(method, left)
        return said

    def _register(self, text: str, parts: Parts) -> str:
        """``client/registerCapability``: each with the options of its method."""
        params = _object(parts)
        listed = params.get("registrations")
        kept = []
        for one in listed if isinstance(listed, list) else []:
            if not isinstance(one, dict) or not isinstance(one.get("id"), str):
                continue
            method = one.get("method")
            if method == watched.METHOD:
                if not self.watched.add(one["id"], one.get("registerOptions")):
                    self._note(method, "so many files are not watched")
                continue
            if not isinstance(method, str) or method in NOT_PASSED or method not in KNOWN | PSEUDO:
                self._note("client/registerCapability", f"{method} is not registered with this editor")
                continue
            kept.append({**one, "registerOptions": self._options(method, one.get("registerOptions"))})
        if not kept:
            raise _Done(None)
        for one in kept:
            self._registered[one["id"]] = one["method"]
        return messages.replaced(text, [(parts["params"], {**params, "registrations": kept})])

    def _options(self, method: str, options: Any) -> Any:
        if options is None:
            return None
        if method == "workspace/didChangeConfiguration" and isinstance(options, dict):
            options = _of_settings(options)
        text = jsontext.written(options)
        part = jsontext.Part(0, len(text), options)
        return json.loads(self.policy.to_editor(text, part, shapes.of_options(method))[0])

    def _unregister(self, text: str, parts: Parts) -> str:
        params = _object(parts)
        listed = params.get("unregisterations")
        known = [
            one
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict)
            and isinstance(one.get("id"), str)
            and not (one.get("method") == watched.METHOD and self.watched.remove(one["id"]))
            and self._registered.pop(one["id"], "")
        ]
        if not known:
            raise _Done(None)
        return messages.replaced(text, [(parts["params"], {**params, "unregisterations": known})])

    def _configuration(self, text: str, parts: Parts) -> str:
        """Only the settings that are about languages."""
        params = _object(parts)
        items = params.get("items")
        if not isinstance(items, list):
            raise Refused("no items")
        wanted = [
            one if isinstance(one, dict) and _is_of_languages(one.get("section")) else {"section": NO_SECTION}
            for one in items
        ]
        if wanted != items:
            text = messages.replaced(text, [(parts["params"], {**params, "items": wanted})])
            _, parts = jsontext.envelope(text.encode(), single=False)
        return self._renamed("workspace/configuration", text, parts)

    def _folders(self, text: str, parts: Parts) -> str:
        raise _Done(handshake.folders(self.root))

    def _show(self, text: str, parts: Parts) -> str:
        if _object(parts).get("external"):
            raise Refused("only documents of the host are shown")
        return self._renamed("window/showDocument", text, parts)

    # Notifications

    def _notification_of_server(self, method: str, text: str, parts: Parts, body: bytes) -> None:
        params = parts.get("params")
        try:
            if method in KNOWN and not self.policy.may_ask(method):
                raise Refused(f"{method} is not for an editor")
            if method in KNOWN and method not in LISTS and params and isinstance(params.value, list):
                raise Refused("its parameters are a list")  # by their places, for some editors
        except Refused as refused:
            self._note(method, refused.message)
            return
        if method == "textDocument/publishDiagnostics":
            self._publish(text, parts, body)
        elif method == "$/cancelRequest":
            self._cancelled(params.value if params is not None else None)
        else:
            of = None
            if method == "$/progress" and params:
                of = self._of_progress(params.value)
                said, parts = self._part_without_snippets(params.value, text, parts)
                if said is not text:
                    text, body = said, said.encode()
            self._pass_on(method, text, parts, body, of)

    def _pass_on(self, method: str, text: str, parts: Parts, body: bytes, of: Shape | None) -> None:
        if of is None:
            of = shapes.of_params(method) if method in KNOWN else shapes.NOTE
        try:
            said, left = (
                (text, "") if "params" not in parts else self.policy.to_editor(text, parts["params"], of)
            )
        except Refused as refused:
            self._note(method, refused.message)
            return
        self._note(method, left)
        self.to_editor.append(body if said is text else said.encode())

    def _of_progress(self, params: Any) -> Shape | None:
        """What is in a partial result."""
        token = params.get("token") if isinstance(params, dict) else None
        method = self._partial.get(token) if isinstance(token, (int, str)) else None
        return shapes.within("value", shapes.of_partial(method)) if method is not None else None

    def _part_without_snippets(self, params: Any, text: str, parts: Parts) -> tuple[str, Parts]:
        """*text*, which may be a partial result, with no snippets that do more than stand in the document."""
        token = params.get("token") if isinstance(params, dict) else None
        method = self._partial.get(token, "") if isinstance(token, (int, str)) else ""
        value = params.get("value") if method in snippets.METHODS else None
        harmless = snippets.harmless(method, value)
        if harmless is value:
            return text, parts
        said = messages.replaced(text, [(parts["params"], {**params, "value": harmless})])
        return jsontext.envelope(said.encode(), single=False)

    def _cancelled(self, params: Any) -> None:
        """The server gives up what it asked of the editor."""
        number = params.get("id") if isinstance(params, dict) else None
        for here, passed in self._passed.items():
            if passed.number == number and passed.generation == self._generation:
                self.to_editor.append(messages.notification("$/cancelRequest", {"id": here}))
                return

    def _publish(self, text: str, parts: Parts, body: bytes) -> None:
        try:
            said = self._renamed("textDocument/publishDiagnostics", text, parts)
        except Refused as refused:
            self._note("textDocument/publishDiagnostics", refused.message)
            return
        params = parts["params"].value if said is text else json.loads(said)["params"]
        if isinstance(params, dict) and isinstance(params.get("uri"), str):
            self._published[params["uri"]] = params
            if self._added.get(params["uri"]):
                self._publish_all(params["uri"])
                return
        self.to_editor.append(body if said is text else said.encode())

    def _publish_all(self, uri: str) -> None:
        """The server's diagnostics of a document, and the endpoint's."""
        params = self._published.get(uri, {"uri": uri, "diagnostics": []})
        listed = params.get("diagnostics")
        both = [*(listed if isinstance(listed, list) else []), *self._added.get(uri, [])]
        said = messages.notification("textDocument/publishDiagnostics", {**params, "diagnostics": both})
        self.to_editor.append(said)

    # Helpers

    def _note(self, method: str, left: str) -> None:
        if left:
            self._log(f"{method}: left out: {left}")

    _starting = ""

    def _begun(self, text: str, parts: Parts) -> None:
        raise NotImplementedError


LISTS = frozenset(("telemetry/event",))
"""Notifications whose parameters may be a list."""

PSEUDO = frozenset(("textDocument/semanticTokens", "notebookDocument/sync"))
"""Methods that are registered, and never said."""


class _Done(Exception):
    """The server's request is answered here."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


_SPECIAL: dict[str, Callable[[ServerSide, str, Parts], str]] = {
    "client/registerCapability": ServerSide._register,
    "client/unregisterCapability": ServerSide._unregister,
    "workspace/configuration": ServerSide._configuration,
    "workspace/workspaceFolders": ServerSide._folders,
    "window/showDocument": ServerSide._show,
}


def _object(parts: Parts) -> dict[str, Any]:
    """The parameters, empty where they are no object."""
    params = parts["params"].value if "params" in parts else None
    return params if isinstance(params, dict) else {}


def _declined(method: str, number: Any, why: str) -> bytes:
    """How the server hears that the editor was not asked."""
    if method == "workspace/applyEdit":
        return messages.answer(number, {"applied": False, "failureReason": why})
    if method == "window/showDocument":
        return messages.answer(number, {"success": False})
    return messages.failure(number, messages.METHOD_NOT_FOUND, why)


def _refusal(number: Any, of: Shape, why: str) -> bytes:
    """How the editor hears that a result was not for it: there is none, or an edit that was refused."""
    if of.names & WHOLE or "edit" in of.keys:
        return messages.failure(number, messages.REQUEST_FAILED, f"refused: the language server: {why}")
    return messages.answer(number, None)


def _without_snippets(method: str, text: str, result: Part) -> tuple[str, Part]:
    """*text*, an answer with a *result*, with no snippets that do more than stand in the document."""
    if method not in snippets.METHODS or not ("`" in text or "$" in text or "\\u00" in text):
        return text, result
    value = snippets.harmless(method, result.value)
    if value is result.value:
        return text, result
    said = messages.replaced(text, [(result, value)])
    return said, jsontext.envelope(said.encode(), single=False)[1]["result"]


def _of_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The options of ``workspace/didChangeConfiguration``: editors say all of the sections in them."""
    if "section" not in options:
        return options
    said = options["section"]
    if not isinstance(said, list):
        return options if _is_of_languages(said) else {**options, "section": NO_SECTION}
    return {**options, "section": [one if _is_of_languages(one) else NO_SECTION for one in said]}


def _is_of_languages(section: Any) -> bool:
    return isinstance(section, str) and section.partition(".")[0] in SECTIONS
