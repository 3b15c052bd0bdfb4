"""Parameters of what a plug-in asks of a folder, read: each function raises RpcError for what makes no sense.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rbridge.adapters import spelling
from rbridge.adapters.passages import Malformed, bytes_of
from rbridge.adapters.spelling import NoPath
from rbridge.jsonrpc import INVALID_PARAMS, RpcError

WORDS = 4096  # characters of a query

Params = Mapping[str, Any]


def path(params: Params, name: str = "path", *, root: bool = False) -> str:
    """A path inside of the folder; *root*: or the folder itself."""
    try:
        return spelling.path_of(params, name, root=root)
    except NoPath as error:
        raise RpcError(INVALID_PARAMS, str(error)) from None


def plain(said: Any, params: Params, *, root: bool = False) -> str:
    """The path that *said* stands for, encoded if *params* say so."""
    try:
        return spelling.plain(said, params.get("encoded") is True, root=root)
    except NoPath as error:
        raise RpcError(INVALID_PARAMS, str(error)) from None


def paths(params: Params, most: int) -> list[str]:
    """At most so many paths: the folder itself or inside of it, in ``paths`` and, encoded, in ``encoded``."""
    said, coded = params.get("paths", []), params.get("encoded", [])
    if not isinstance(said, list) or not isinstance(coded, list):
        raise RpcError(INVALID_PARAMS, "paths is a list")
    if len(said) + len(coded) > most:
        raise RpcError(INVALID_PARAMS, f"at most {most} paths are watched")
    found = [plain(one, {}, root=True) for one in said]
    return found + [plain(one, {"encoded": True}) for one in coded]


def string(params: Params, name: str) -> str:
    """A string, empty if it is absent."""
    value = params.get(name, "")
    if not isinstance(value, str) or len(value) > WORDS or "\0" in value:
        raise RpcError(INVALID_PARAMS, f"{name} is a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RpcError(INVALID_PARAMS, f"{name} has half a surrogate pair") from None
    return value


def number(params: Params, name: str, most: int) -> int:
    """A number from 0 to *most*, 0 if it is absent."""
    value = params.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise RpcError(INVALID_PARAMS, f"{name} is a number up to {most}")
    return value


def content(params: Params) -> bytes:
    """The bytes of a text that is said whole."""
    try:
        return bytes_of(params)
    except Malformed as error:
        raise RpcError(INVALID_PARAMS, str(error)) from None
