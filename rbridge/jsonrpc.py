"""JSON-RPC 2.0 over a stream, framed as in the Language Server Protocol; knows no editor.

Specification: jsonrpc.org/specification; the framing is the "Base Protocol" of the Language Server Protocol.
Batches are refused. Both ends send requests and notifications. A request is given up with the notification
``$/cancelRequest`` and its id, as there.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import trio

from rbridge.errors import RemoteProtocolError
from rbridge.lsp.framing import Frames, framed

logger = logging.getLogger("rbridge")

LIMIT = 16 << 20  # bytes of a message
PIECE = 256 << 10
STALL = 60.0  # seconds in which the other end must take a message
FLUSH = 1.0  # seconds for what is still to be said when the connection is ended here
AT_ONCE = 1000  # requests of the other end that are being answered

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
CANCELLED = -32800

CANCEL = "$/cancelRequest"

Handle = Callable[[str, Any], "Awaitable[Any] | None"]
"""Takes the method and the parameters of a request or a notification, in the order in which they came. What
takes time is left to the awaitable that it returns, which runs in a task of its own; its value, or None, is
the result. Raises RpcError.
"""


class RpcError(Exception):
    """An error as one end answers it: *message* is one line for a person."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def object(self) -> dict[str, Any]:
        """The error as it is sent."""
        said: dict[str, Any] = {"code": self.code, "message": self.message}
        return said if self.data is None else {**said, "data": self.data}


def frame(message: Any) -> bytes:
    """*message* with its header. Raises ValueError for what JSON or UTF-8 cannot say."""
    body = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return framed(body)


def parse(body: bytes) -> Any:
    """The message that *body* is, as JSON has it. Raises RemoteProtocolError."""
    try:
        message = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise RemoteProtocolError("a message is no JSON") from None
    if message is None:
        raise RemoteProtocolError("a message is no object")
    return message


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


class _Asked:
    """A request of ours that waits for its answer."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.result: Any = None
        self.error: RpcError | None = None
        self.gone = False


class Peer:
    """One end of a connection over *stream*, which the caller closes after :meth:`run` has returned.

    *handle* answers what the other end says, see :data:`Handle`.
    """

    def __init__(self, stream: trio.abc.Stream, handle: Handle, limit: int = LIMIT) -> None:
        self._stream = stream
        self._handle = handle
        self._frames = Frames(limit)
        self._ids = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._out: deque[bytes] = deque()
        self._news = trio.Event()
        self._writing = trio.CancelScope(shield=True)  # a message is never torn
        self._over = False
        self._nursery: trio.Nursery | None = None
        self._answering = 0
        self._given_up: dict[int | str | None, trio.CancelScope] = {}

    async def run(self) -> None:
        """Read until the other end closes the connection, breaks it, or says what is no JSON-RPC.

        What is still to be sent when this is cancelled is sent, if the other end takes it within FLUSH.
        """
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._write, nursery.cancel_scope)
                try:
                    await self._read()
                finally:
                    self._over = True
                    self._writing.deadline = trio.current_time() + FLUSH
                    self._news.set()
                    nursery.cancel_scope.cancel()
        finally:
            self._over, self._nursery = True, None
            for asked in self._asked.values():
                asked.gone = True
                asked.over.set()

    async def request(self, method: str, params: Any, timeout: float | None = None) -> Any:
        """Ask, and return the result.

        Raises RpcError as the other end answers it, BrokenResourceError when the connection is gone, and
        TooSlowError after *timeout* seconds.
        """
        number = next(self._ids)
        self._put({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        asked = self._asked[number] = _Asked()
        try:
            with trio.fail_after(float("inf") if timeout is None else timeout):
                await asked.over.wait()
        finally:
            del self._asked[number]
        if asked.gone:
            raise trio.BrokenResourceError("the connection is gone")
        if asked.error is not None:
            raise asked.error
        return asked.result

    def notify(self, method: str, params: Any) -> None:
        """Say something that is not answered; it is sent in the order of the calls.

        Raises BrokenResourceError when the connection is gone.
        """
        self._put({"jsonrpc": "2.0", "method": method, "params": params})

    def end(self) -> None:
        """Make :meth:`run` return."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    # Reading

    async def _read(self) -> None:
        try:
            while data := await self._stream.receive_some(PIECE):
                self._frames.feed(data)
                while (body := self._frames.next()) is not None:
                    self._take(parse(body))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        except RemoteProtocolError as error:
            logger.info("JSON-RPC: %s", error)
            self._say({"id": None, "error": RpcError(PARSE_ERROR, str(error)).object()})

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict):
            self._answer(None, RpcError(INVALID_REQUEST, "a message is one object"))
        elif "method" in message:
            self._asked_for(message)
        elif "id" in message and ("result" in message or "error" in message):
            self._answered(message)
        else:
            self._answer(None, RpcError(INVALID_REQUEST, "neither a request nor an answer"))

    def _answered(self, message: dict[str, Any]) -> None:
        number = message["id"]
        asked = self._asked.get(number) if isinstance(number, int) else None
        if asked is None:
            logger.debug("JSON-RPC: an answer to nothing that was asked")
            return
        error = message.get("error")
        if error is None:
            asked.result = message.get("result")
        else:
            said = error if isinstance(error, dict) else {}
            code = said.get("code")
            number = code if isinstance(code, int) else INTERNAL_ERROR
            asked.error = RpcError(number, str(said.get("message", "")), said.get("data"))
        asked.over.set()

    def _asked_for(self, message: dict[str, Any]) -> None:
        method, number = message["method"], message.get("id")
        is_request = "id" in message
        if not isinstance(method, str) or (is_request and not _is_id(number)):
            self._answer(None, RpcError(INVALID_REQUEST, "method or id make no sense"))
            return
        if method == CANCEL:
            self._cancel(message.get("params"))
            return
        try:
            if self._answering >= AT_ONCE:
                raise RpcError(INTERNAL_ERROR, "too many requests at once")
            awaitable = self._handle(method, message.get("params", {}))
        except Exception as error:  # the connection goes on
            self._failed(method, number, is_request, error)
            return
        if awaitable is None:
            if is_request:
                self._answer(number, None)
        elif self._nursery is not None:
            self._answering += 1
            scope = trio.CancelScope()
            if is_request:
                self._given_up[number] = scope
            self._nursery.start_soon(self._attend, method, number, is_request, awaitable, scope)

    async def _attend(
        self,
        method: str,
        number: int | str | None,
        is_request: bool,
        awaitable: Awaitable[Any],
        scope: trio.CancelScope,
    ) -> None:
        result = None
        try:
            with scope:
                result = await awaitable
            if scope.cancelled_caught:
                raise RpcError(CANCELLED, "cancelled")
        except Exception as error:  # the connection goes on
            self._failed(method, number, is_request, error)
        else:
            if is_request:
                self._answer(number, result)
        finally:
            self._answering -= 1
            if self._given_up.get(number) is scope:
                del self._given_up[number]

    def _cancel(self, params: Any) -> None:
        """The other end does not want an answer any more; one that is given already is no error."""
        number = params.get("id") if isinstance(params, dict) else None
        if _is_id(number) and number in self._given_up:
            self._given_up[number].cancel()

    def _failed(self, method: str, number: int | str | None, is_request: bool, error: Exception) -> None:
        if not isinstance(error, RpcError):
            logger.error("JSON-RPC: %s failed", method, exc_info=error)
            error = RpcError(INTERNAL_ERROR, "an error in rbridge itself, the log has more")
        if is_request:
            self._answer(number, error)
        else:
            logger.info("JSON-RPC: %s: %s", method, error)

    # Writing

    def _answer(self, number: int | str | None, said: Any) -> None:
        said = {"error": said.object()} if isinstance(said, RpcError) else {"result": said}
        self._say({"id": number, **said})

    def _say(self, message: dict[str, Any]) -> None:
        """:meth:`_put` for an answer: nobody hears it when the connection is gone."""
        if self._over:
            return
        try:
            self._put({"jsonrpc": "2.0", **message})
        except (ValueError, TypeError) as error:
            logger.error("JSON-RPC: an answer that cannot be said", exc_info=error)
            failure = RpcError(INTERNAL_ERROR, "an error in rbridge itself, the log has more")
            self._put({"jsonrpc": "2.0", "id": message["id"], "error": failure.object()})

    def _put(self, message: dict[str, Any]) -> None:
        if self._over:
            raise trio.BrokenResourceError("the connection is gone")
        self._out.append(frame(message))
        self._news.set()

    async def _write(self, scope: trio.CancelScope) -> None:
        try:
            with self._writing:
                await self._send_all()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            logger.debug("JSON-RPC: the connection broke")
        except trio.TooSlowError:
            logger.info("JSON-RPC: the other end takes nothing")
        scope.cancel()

    async def _send_all(self) -> None:
        while self._out or not self._over:
            if self._out:
                with trio.fail_after(STALL):
                    await self._stream.send_all(self._out.popleft())
            else:
                await self._news.wait()
                self._news = trio.Event()


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)
