"""A buffer as its window has it, for tests that stand in for the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from rbridge.adapters.base import Text
from rbridge.adapters.buffer import Buffer
from rbridge.jsonrpc import RpcError
from tests.adapters.desk import FakeDesk
from tests.adapters.plugin import digest, form

OLD = b"one\ntwo\nthree\n"
NEW = b"new\n"
THEIRS = b"theirs\n"


class Screen:
    """A window that remembers what it was told."""

    name = "Editor"
    base64 = True
    here = True

    def __init__(self) -> None:
        self.said: list[tuple[str, Mapping[str, Any]]] = []

    def say(self, method: str, params: Mapping[str, Any]) -> None:
        self.said.append((method, params))

    async def reveal(self, buffer: Buffer, line: int, column: int) -> None:
        self.said.append(("reveal", {"id": buffer.text.id, "line": line, "column": column}))

    def heard(self, method: str) -> list[Mapping[str, Any]]:
        return [params for name, params in self.said if name == method]


class Open:
    """A buffer that is shown in *screen*."""

    def __init__(self, text: Text, buffer: Buffer, desk: FakeDesk) -> None:
        self.text, self.buffer, self.desk = text, buffer, desk
        self.screen = Screen()
        buffer.goes_to(self.screen)

    async def read(self, **params: Any) -> Any:
        return await self.buffer.read(params)

    async def write(self, data: bytes, base: str | bytes = OLD, **more: Any) -> Any:
        known = base if isinstance(base, str) else digest(base)
        return await self.buffer.write({"base": known, **form(data), **more})

    async def refused(self, data: bytes, base: str | bytes = OLD, **more: Any) -> RpcError:
        with pytest.raises(RpcError) as caught:
            await self.write(data, base, **more)
        return caught.value

    def private(self) -> list[str]:
        return sorted(one.name.partition("-")[0] for one in self.buffer._place.private.iterdir())
