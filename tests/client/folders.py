"""A folder that is open at a laptop, and what is asked of it, for the tests."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from rbridge.wire import codec
from tests.client.laptop import Asker, Heard, Here


class Answered:
    """What a request came to: *said* are its answers, *body* that of the last one as it was meant."""

    def __init__(self, said: list[Heard]) -> None:
        self.said = said
        self.last = said[-1]
        self.reason = self.last.headers.get("reason", "")
        self.message = codec.unquote(self.last.headers.get("message", ""))
        self.body = body(self.last)

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.body)[name]

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def matches(self) -> list[dict[str, Any]]:
        """Those of a search, in all its answers."""
        return [match for said in self.said for match in json.loads(body(said))["matches"]]

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Those of a list, in all its answers."""
        return [entry for said in self.said for entry in json.loads(body(said))["entries"]]


def body(heard: Heard) -> bytes:
    if heard.headers.get("encoding") == "zlib":
        unpacked = zlib.decompress(heard.body)
        assert len(unpacked) == int(heard["size"])
        return unpacked
    return heard.body


class Open:
    """The folder or file *path*, open through *host*."""

    def __init__(self, host: Here, path: Path, *words: str) -> None:
        self.host = host
        self.path = path
        self.number = 0
        host.laptop.answers["folder"] = lambda line, heard: line.say(
            "opened", token=heard.token, editor="vim"
        )
        self.asker: Asker = host.begin(*words, str(path))
        host.until(lambda: self.asker.open, "it is open")
        self.token = self.asker.open[0].source.token

    def say(self, do: str, path: str = "", body: bytes | None = None, **headers: object) -> int:
        """Ask without waiting; the request's number."""
        self.number += 1
        if path:
            headers["path"] = path
        self.host.main.say("ask", body, token=self.token, request=self.number, do=do, **headers)
        return self.number

    def answers(self, number: int) -> list[Heard]:
        """Those so far."""
        return [one for one in self.host.main.all("answer") if one["request"] == str(number)]

    def wait(self, number: int) -> Answered:
        """Wait for the last answer to that request."""
        self.host.until(
            lambda: self.answers(number) and "more" not in self.answers(number)[-1].headers,
            f"answer {number}",
        )
        return Answered(self.answers(number))

    def ask(self, do: str, path: str = "", body: bytes | None = None, **headers: object) -> Answered:
        """Ask, and wait for the last answer."""
        return self.wait(self.say(do, path, body, **headers))

    def cancel(self, number: int) -> None:
        self.host.main.say("cancel", token=self.token, request=number)
