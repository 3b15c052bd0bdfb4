"""Messages between an editor and a language server of a host: which of them go on, and as what.

Bytes go in whole messages, and come out in ``to_editor``, ``to_server`` and ``to_endpoint``, in order. The
endpoint is a small server of our own (:mod:`rbridge.lsp.endpoint`) that speaks the same language; with no
server on the host it is the only one. Nothing here waits or asks anybody.
"""

from __future__ import annotations

import json
from typing import Any

from rbridge.errors import RemoteProtocolError
from rbridge.lsp import handshake, late, messages, shapes, watched
from rbridge.lsp.editorside import EditorSide
from rbridge.lsp.exchange import OURS, Parts
from rbridge.lsp.jsontext import Part
from rbridge.lsp.policy import Refused
from rbridge.lsp.serverside import ServerSide
from rbridge.lsp.uris import file_uri


class Bridge(EditorSide, ServerSide):
    """See :class:`rbridge.lsp.exchange.Exchange`."""

    def initialize(self, number: Any, params: Any) -> None:
        """The editor's ``initialize``, whose id is *number*, goes to the first server."""
        self.meet(number, params)
        self._begin()

    def meet(self, number: Any, params: Any) -> None:
        """The editor's ``initialize``, before there is a server."""
        self.replay.note("initialize", params)
        self._initializing = number

    def again(self) -> None:
        """A new server is there: it is told what the one before knew."""
        self._begin()

    def alone(self) -> None:
        """No server comes now. If one comes later, what it can do is registered with the editor then."""
        self.release()
        number, self._initializing = self._initializing, None
        if number is not None:
            self._late = True
            self.to_editor.append(messages.answer(number, {"capabilities": late.alone(self.own)}))

    def release(self) -> None:
        """What waits for a server waits in vain."""
        self.hold = False
        held, self._held = self._held, []
        for body in held:
            self.from_editor(body)

    def written(self, path: bytes, kind: int) -> None:
        """A file of the host was made, changed or deleted (FileChangeType): the server is told if it wants to
        be.
        """
        heard = self.alive and not self.ending and path.startswith(b"/")
        if heard and self.watched.wants(path, kind, self.root):
            changes = [{"uri": file_uri(path), "type": kind}]
            self.to_server.append(messages.notification(watched.METHOD, {"changes": changes}))

    def _begin(self) -> None:
        self._generation += 1
        self.watched.clear()
        self._starting = self._own_id()
        said = handshake.to_server(self.replay.initialize, self.root, self.policy.server)
        if self._late:
            late.before(said)
        self.to_server.append(messages.request(self._starting, "initialize", said))

    def _begun(self, text: str, parts: Parts) -> None:
        """The server's answer to ``initialize``."""
        self._starting = ""
        if "result" not in parts or self._initializing is None:
            self._begun_again(text, parts)
            return
        offered = self._offered(text, parts["result"])
        self._capabilities = dict(handshake.capabilities(offered))  # without ours
        found = handshake.merged(offered, self.own)
        number, self._initializing = self._initializing, None
        self.replay.answered(parts["result"].value)
        self.to_editor.append(messages.answer(number, found))
        self._lives()

    def _offered(self, text: str, result: Part) -> Any:
        """The *result* of ``initialize``, as the editor may have it. Raises RemoteProtocolError."""
        try:
            said, left = self.policy.to_editor(text, result, shapes.of_result("initialize"))
        except Refused as refused:
            raise RemoteProtocolError(f"capabilities that no editor gets: {refused.message}") from None
        self._note("initialize", left)
        return handshake.allowed(json.loads(said).get("result"))

    def _lives(self) -> None:
        """The server hears what it has missed, and what waited for it."""
        self.alive = True
        for method, params in self.replay.after():
            self.to_server.append(messages.notification(method, params))
        self.release()

    def _begun_again(self, text: str, parts: Parts) -> None:
        if "result" not in parts:
            number, self._initializing = self._initializing, None
            if number is not None:
                error = parts["error"].value if "error" in parts else None
                said = error if isinstance(error, dict) else {"code": messages.REQUEST_FAILED, "message": ""}
                self.to_editor.append(messages.encoded({"id": number, "error": said}))
            return
        self.replay.answered(parts["result"].value)
        editor = late.capabilities(self.replay.initialize)
        if self._registered:
            gone = [{"id": one, "method": method} for one, method in self._registered.items()]
            self._registered.clear()
            number = self._own_id()
            self.to_editor.append(
                messages.request(number, "client/unregisterCapability", {"unregisterations": gone})
            )
        for uri in [uri for uri, one in self._published.items() if one.get("diagnostics")]:
            del self._published[uri]  # the new server says what it finds, and may find nothing
            self._publish_all(uri)
        if self._late:
            self._register_late(text, parts, editor)
        self._lives()
        for method in late.refreshes(editor):
            self.to_editor.append(messages.encoded({"id": self._own_id(), "method": method}))

    def _register_late(self, text: str, parts: Parts, editor: Any) -> None:
        """The editor knew of no server when it was answered: it hears now what this one can do."""
        self._capabilities = handshake.capabilities(self._offered(text, parts["result"]))
        listed = late.registrations(self._capabilities, editor, OURS)
        if listed:
            self._registered.update((one["id"], one["method"]) for one in listed)
            params = {"registrations": listed}
            self.to_editor.append(messages.request(self._own_id(), "client/registerCapability", params))

    def lost(self) -> None:
        """The server is gone: what was asked of it is answered, in a way that editors show nobody."""
        self.alive = False
        self.to_server.clear()
        for number, asked in list(self._asked.items()):
            if asked.server and asked.method == "shutdown":
                self._answered(number, "server", messages.answer(number, None))
            elif asked.server:
                self._answered(number, "server", messages.failure(number, messages.CONTENT_MODIFIED, GONE))
        for one in [one for one, passed in self._passed.items() if passed.generation == self._generation]:
            self.to_editor.append(messages.notification("$/cancelRequest", {"id": one}))

    # The endpoint

    def from_endpoint(self, body: bytes) -> None:
        """One message of the endpoint, which is ours and needs no policy."""
        said = json.loads(body)
        number = said.get("id")
        if "method" not in said:
            if number in self._asked and self._asked[number].endpoint:
                self._answered(number, "endpoint", body)
        elif said.get("method") == "textDocument/publishDiagnostics":
            self._added[said["params"]["uri"]] = said["params"]["diagnostics"]
            self._publish_all(said["params"]["uri"])
        else:
            self.to_editor.append(body)


GONE = "the language server has ended, or is not connected"
