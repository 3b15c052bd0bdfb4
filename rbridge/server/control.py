"""``control.sock``: what ``rbridge serve --stop`` and ``rbridge allow`` say to the daemon.

One JSON object a line each way: ``{"do": "stop"}``, ``{"do": "pending"}``, ``{"do": "answer", "ids": [ID...],
"allow": true}``. No ids means all. The answer has ``"ok"`` and, where that is false, ``"error"``.
"""

from __future__ import annotations

import json
import os
from typing import Any

import trio

from rbridge import paths, system
from rbridge.errors import NotListening, RbridgeError
from rbridge.server.consent import Consent
from rbridge.server.log import logger

LINE = 64 * 1024
PATIENCE = 10.0  # seconds for one request or answer


def path(runtime: str) -> str:
    return os.path.join(runtime, "control.sock")


class Control:
    """Answers on ``control.sock``; *stop* is set when the daemon is to end."""

    def __init__(self, consent: Consent, stop: trio.Event) -> None:
        self._consent = consent
        self._stop = stop

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one connection, of which each line is a request."""
        async with stream:
            uid = system.peer_uid(stream.socket)
            if uid not in (None, os.geteuid()):
                logger.warning("control.sock: refused uid %s", uid)
                return
            try:
                with trio.fail_after(PATIENCE):
                    request = json.loads(await _line(stream))
                    answer = self._answer(request)
                    await stream.send_all(json.dumps(answer).encode() + b"\n")
            except (trio.BrokenResourceError, trio.TooSlowError, ValueError) as error:
                logger.info("control.sock: %s", type(error).__name__)
                return
            if answer.get("stopping"):
                self._stop.set()

    def _answer(self, request: Any) -> dict[str, Any]:
        do = request.get("do") if isinstance(request, dict) else None
        if do == "stop":
            return {"ok": True, "stopping": True, "pid": os.getpid()}
        if do == "pending":
            return {"ok": True, "pending": self._pending()}
        if do == "answer":
            return self._decide(request)
        return {"ok": False, "error": "no such request"}

    def _pending(self) -> list[dict[str, Any]]:
        return [{"id": one.id, "text": one.text, "asked": one.asked} for one in self._consent.pending()]

    def _decide(self, request: dict[str, Any]) -> dict[str, Any]:
        ids = request.get("ids")
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            return {"ok": False, "error": "ids is a list of strings"}
        wanted = ids or [one.id for one in self._consent.pending()]
        answered, unknown = [], []
        for one in wanted:
            question = self._consent.answer(one, request.get("allow") is True)
            if question is None:
                unknown.append(one)
            else:
                answered.append(question.text)
        return {"ok": not unknown, "answered": answered, "error": "nothing waits under " + ", ".join(unknown)}


async def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Say *request* to the running daemon and return its answer.

    Raises NotListening when none runs, and RbridgeError when it does not answer.
    """
    where = path(paths.runtime_dir(create=False))
    try:
        with trio.fail_after(PATIENCE):
            stream = await trio.open_unix_socket(where)
            async with stream:
                await stream.send_all(json.dumps(request).encode() + b"\n")
                answer = json.loads(await _line(stream))
    except (OSError, trio.BrokenResourceError):
        raise NotListening("rbridge is not serving here", "start it with: rbridge serve") from None
    except (trio.TooSlowError, ValueError):
        raise RbridgeError("rbridge serve does not answer") from None
    if not isinstance(answer, dict):
        raise RbridgeError("rbridge serve does not answer")
    return answer


async def _line(stream: trio.SocketStream) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        more = await stream.receive_some(4096)
        data += more
        if not more or len(data) > LINE:
            raise ValueError("no whole line")
    return data
