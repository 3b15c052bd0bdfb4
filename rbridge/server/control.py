"""``control.sock``: what the laptop's commands say to the daemon.

One JSON object a line each way. ``do`` is one of::

    ping                                    -> pid
    stop                                    end the daemon
    pending | answer ids allow              what waits for consent; no ids means all
    status                                  -> rows, hosts
    surroundings                            -> editors, servers: the attached windows, the language servers
    close ids                               -> closed, open
    resolve id choose: mine | theirs        -> row
    resolve id choose: show                 -> row, with the host's and the laptop's text as two descriptors
    recover-send id sure                    -> said, or ask
    recovered host path                     a kept text of this file was erased
    tunnel destination name                 -> state, and more: how the tunnel to that host stands, or else
                                            the one called name
    connect destination control pid own environ deploy
                                            -> the same, once the tunnel is up or has failed
    disconnect host                         -> names

The answer has ``ok`` and, where that is false, ``error``.
"""

from __future__ import annotations

import json
import os
import socket
from array import array
from typing import Any

import trio

from rbridge import paths, system
from rbridge.errors import NotListening, RbridgeError
from rbridge.server import older, recover
from rbridge.server.consent import Consent
from rbridge.server.documents import Documents
from rbridge.server.hosts import Hosts
from rbridge.server.log import logger
from rbridge.server.overview import Overview

LINE = 64 * 1024  # bytes of a request
ANSWER = 16 << 20  # bytes of an answer: a row of a thousand documents each takes a few hundred
PATIENCE = 10.0  # seconds for one request or answer
WORK = 150.0  # seconds for what a host, or an editor, has to do first: longer than a save may take
TEXTS = 2  # descriptors that may come with an answer


def path(runtime: str) -> str:
    return os.path.join(runtime, "control.sock")


class Control:
    """Answers on ``control.sock``; *stop* is set when the daemon is to end."""

    def __init__(self, consent: Consent, stop: trio.Event, documents: Documents, hosts: Hosts) -> None:
        self._consent = consent
        self._hosts = hosts
        self._stop = stop
        self._documents = documents
        self._overview = Overview(documents)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one connection, of which each line is a request."""
        async with stream:
            uid = system.peer_uid(stream.socket)
            if uid not in (None, os.geteuid()):
                logger.warning("control.sock: refused uid %s", uid)
                return
            fds: list[int] = []
            try:
                with trio.fail_after(PATIENCE):
                    request = json.loads(await _line(stream, LINE))
                with trio.fail_after(WORK):
                    answer, fds = await self._answer(request)
                with trio.fail_after(PATIENCE):
                    await _send(stream, json.dumps(answer).encode() + b"\n", fds)
            except (trio.BrokenResourceError, trio.TooSlowError, ValueError) as error:
                logger.info("control.sock: %s", type(error).__name__)
                return
            except Exception:
                logger.exception("control.sock: an error in rbridge itself; the connection is closed")
                return
            finally:
                for fd in fds:
                    os.close(fd)
            if answer.get("stopping"):
                self._stop.set()

    async def _answer(self, request: Any) -> tuple[dict[str, Any], list[int]]:
        do = request.get("do") if isinstance(request, dict) else None
        if do == "resolve" and request.get("choose") == "show":
            return await self._overview.show(str(request.get("id")))
        if do == "resolve" and request.get("choose") in ("mine", "theirs"):
            return await self._overview.settle(str(request.get("id")), request["choose"]), []
        if do == "recover-send":
            sure = request.get("sure") is True
            return await recover.send(self._documents, str(request.get("id")), sure), []
        if do == "recovered":
            await older.tell(self._documents, str(request.get("host")), str(request.get("path")))
            return {"ok": True}, []
        try:
            if do == "tunnel":
                name = str(request.get("name") or "")
                return await self._hosts.standing(request.get("destination"), name), []
            if do == "connect":
                return await self._hosts.connect(request), []
        except ValueError as error:
            return {"ok": False, "error": f"not understood: {error}", "code": 75}, []
        if do == "disconnect":
            return await self._hosts.disconnect(str(request.get("host"))), []
        if do == "close" and _strings(request.get("ids")):
            return await self._overview.close(request["ids"]), []
        return self._at_once(do, request), []

    def _at_once(self, do: Any, request: Any) -> dict[str, Any]:
        if do == "ping":
            return {"ok": True, "pid": os.getpid()}
        if do == "stop":
            return {"ok": True, "stopping": True, "pid": os.getpid()}
        if do == "pending":
            return {"ok": True, "pending": self._pending()}
        if do == "answer":
            return self._decide(request)
        if do == "status":
            return {**self._overview.rows(), "hosts": self._hosts.rows()}
        if do == "surroundings":
            return self._overview.surroundings()
        return {"ok": False, "error": "no such request"}

    def _pending(self) -> list[dict[str, Any]]:
        return [{"id": one.id, "text": one.text, "asked": one.asked} for one in self._consent.pending()]

    def _decide(self, request: dict[str, Any]) -> dict[str, Any]:
        ids = request.get("ids")
        if not _strings(ids):
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


async def ask(request: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
    """Say *request* to the running daemon and return its answer.

    Raises NotListening when none runs, and RbridgeError when it does not answer within *patience* seconds.
    """
    answer, fds = await ask_for_texts(request, patience)
    for fd in fds:
        os.close(fd)
    return answer


async def ask_for_texts(request: dict[str, Any], patience: float) -> tuple[dict[str, Any], list[int]]:
    """As :func:`ask`, with the descriptors that came along, for the caller to close."""
    where = path(paths.runtime_dir(create=False))
    fds: list[int] = []
    try:
        with trio.fail_after(patience):
            stream = await trio.open_unix_socket(where)
            async with stream:
                await stream.send_all(json.dumps(request).encode() + b"\n")
                answer = json.loads(await _line(stream, ANSWER, fds))
        if not isinstance(answer, dict):
            raise ValueError("no object")
    except (OSError, trio.BrokenResourceError):
        _close(fds)
        raise NotListening("rbridge is not serving here", "start it with: rbridge serve") from None
    except (trio.TooSlowError, ValueError):
        _close(fds)
        raise RbridgeError("rbridge serve does not answer") from None
    except BaseException:
        _close(fds)
        raise
    return answer, fds


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


async def _send(stream: trio.SocketStream, line: bytes, fds: list[int]) -> None:
    """Send *line*; the descriptors go with its first byte."""
    if fds:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))]
        try:
            await stream.socket.sendmsg([line[:1]], rights)
        except OSError as error:
            raise trio.BrokenResourceError from error
        line = line[1:]
    await stream.send_all(line)


async def _line(stream: trio.SocketStream, limit: int, fds: list[int] | None = None) -> bytes:
    """One line of at most *limit* bytes; descriptors that come with it are added to *fds*."""
    data = bytearray()
    room = 0 if fds is None else socket.CMSG_SPACE(TEXTS * array("i").itemsize)
    while not data.endswith(b"\n"):
        more, rights, _, _ = await stream.socket.recvmsg(65536, room)
        for level, kind, value in rights:
            if fds is not None and (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array("i")
                numbers.frombytes(value[: len(value) - len(value) % numbers.itemsize])
                fds.extend(numbers)
        data += more
        if not more or len(data) > limit:
            raise ValueError("no whole line")
    return bytes(data)
