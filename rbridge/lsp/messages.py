"""Messages of our own making, and parts of others put in place of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rbridge.lsp import jsontext
from rbridge.lsp.jsontext import Part

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
CONTENT_MODIFIED = -32801
REQUEST_FAILED = -32803


def encoded(message: dict[str, Any]) -> bytes:
    return jsontext.written({"jsonrpc": "2.0", **message}).encode()


def request(number: Any, method: str, params: Any) -> bytes:
    return encoded({"id": number, "method": method, "params": params})


def notification(method: str, params: Any) -> bytes:
    return encoded({"method": method, "params": params})


def answer(number: Any, result: Any) -> bytes:
    return encoded({"id": number, "result": result})


def failure(number: Any, code: int, message: str) -> bytes:
    return encoded({"id": number, "error": {"code": code, "message": message}})


def replaced(text: str, changes: Sequence[tuple[Part, Any]]) -> str:
    """*text* with other values in place of some of its parts."""
    pieces, last = [], 0
    for part, value in sorted(changes, key=lambda change: change[0].start):
        pieces += [text[last : part.start], jsontext.written(value)]
        last = part.end
    return "".join((*pieces, text[last:]))
