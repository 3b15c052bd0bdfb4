"""The adapter for an editor that speaks rmate itself: TextMate, Sublime with RemoteSubl, VS Code with an
rmate extension. The text is handed on, one connection each: several open only a connection's first file.

Such an editor keeps its own temporary copy on the disk (facts are in docs/security), and is never told what
became of a save. What failed is told through the desk.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import trio

from rbridge.adapters.base import Adapter, Desk, Pane, State, Text
from rbridge.adapters.place import place_for
from rbridge.adapters.tasks import beside
from rbridge.errors import NotListening, ProtocolError, clean
from rbridge.wire import codec
from rbridge.wire.connection import HOST, Connection
from rbridge.wire.records import Body, Dot, End, Eof, Greeting, NeedData, Record

CONNECT = 5.0  # seconds for the connection and the greeting: the editor is on this machine
STALL = 60.0  # seconds in which an editor must take something of the text
CHUNK = 64 * 1024

WITH_COLUMN = ("TextMate", "zed")
"""QUIRK: of the editors' greetings, those that take LINE:COLUMN; RemoteSubl opens another file for it."""


class RmateAdapter(Adapter):
    """Hands texts on to the editor that listens on *host*:*port*."""

    name = "the rmate editor"

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    @property
    def address(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    def describe(self) -> str:
        return f"the editor that speaks rmate on {self.address}"

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with place_for(text) as place:
            async with self._connected() as stream:
                talk = _Talk(stream, text, desk, place.private)
                try:
                    await self._open(talk)
                    async with beside(talk.deliver):
                        task_status.started(talk)
                        await self._listen(talk)
                        await talk.delivered()
                finally:
                    talk.close()

    async def _open(self, talk: _Talk) -> None:
        try:
            with trio.fail_after(CONNECT):
                await talk.greeting()
            await talk.open()
        except trio.TooSlowError:
            raise self._silent("it does not answer") from None
        except trio.BrokenResourceError:
            raise self._silent("it closed the connection") from None
        except ProtocolError as error:
            raise self._silent(f"it does not speak rmate: {error}") from error

    async def _listen(self, talk: _Talk) -> None:
        try:
            await talk.listen()
        except ProtocolError as error:
            await talk.delivered()
            talk.complain(f"what the editor on {self.address} says makes no sense ({error}): closed")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[trio.SocketStream]:
        try:
            with trio.fail_after(CONNECT):
                stream = await trio.open_tcp_stream(self._host, self._port)
        except (OSError, trio.TooSlowError) as error:
            raise self._silent("nothing listens there") from error
        try:
            yield stream
        finally:
            await trio.aclose_forcefully(stream)

    def _silent(self, reason: str) -> NotListening:
        return NotListening(
            clean(f"no rmate editor on {self.address}: {reason}"),
            "start the editor and its rmate server, or choose another: rbridge serve --editor SPEC",
        )


class _Talk(Pane):
    """One text's connection, and its Pane."""

    def __init__(self, stream: trio.SocketStream, text: Text, desk: Desk, private: Path) -> None:
        self._stream = stream
        self._text = text
        self._desk = desk
        self._private = private
        self._wire = Connection(HOST)
        self._token = secrets.token_hex(8)
        self._greeting = ""
        self._serial = itertools.count(1)
        self._receiving: _Incoming | None = None
        self._newest: Path | None = None  # a complete save that the desk has not got yet
        self._news = trio.Event()
        self._idle = trio.Event()
        self._idle.set()

    async def greeting(self) -> None:
        event = await self._next()
        if not isinstance(event, Greeting):
            raise trio.BrokenResourceError("it closed the connection")
        self._greeting = event.text

    async def open(self) -> None:
        """Send the text. TooSlowError when the editor does not take it."""
        async with await trio.open_file(self._text.file, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            await self._send(self._wire.send(Record("open", self._headers(), size)))
            left = size
            while left:
                chunk = await file.read(min(CHUNK, left))
                if not chunk:
                    raise trio.BrokenResourceError("the text got shorter while it was sent")
                left -= len(chunk)
                self._wire.body_sent(len(chunk))
                await self._send(chunk)
        await self._send(self._wire.send(End()) + self._wire.send(Dot()))

    async def listen(self) -> None:
        """Take in saves until the editor closes the text."""
        while True:
            event = await self._next()
            if isinstance(event, Record):
                if event.command == "close":
                    return
                self._begin(event)
            elif isinstance(event, Body) and self._receiving is not None:
                self._receiving.write(event.data)
            elif isinstance(event, End) and self._receiving is not None:
                self._complete(self._receiving)
                self._receiving = None
            elif isinstance(event, Eof):
                if event.truncated == "save":
                    self.complain("the editor went away in the middle of a save, which was not sent")
                return

    async def deliver(self) -> None:
        """Hand the newest save to the desk, one at a time."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            save, self._newest = self._newest, None
            if save is None:
                continue
            try:
                outcome = await self._desk.save(save)
            finally:
                save.unlink()
            if not outcome.delivered:
                self._desk.tell(
                    clean(outcome.message or f"{self._where} was not saved: {outcome.result.value}")
                )
            if self._newest is None:
                self._idle.set()

    async def delivered(self) -> None:
        """Return when every save has been answered."""
        await self._idle.wait()

    def close(self) -> None:
        """Give up what is arriving."""
        if self._receiving is not None:
            self._receiving.close()

    def complain(self, message: str) -> None:
        """Tell what is wrong with this text."""
        self._desk.tell(clean(f"{self._where}: {message}"))

    async def replace(self, new: Path) -> bool:
        """False: rmate has no way to give an editor a new text, and a second open would lose what is typed.

        The user is told; what is saved from the old text then meets the host's conflict check.
        """
        self.complain("it changed on the host, which this editor cannot show: close it and open it again")
        return False

    async def show(self, state: State, message: str = "") -> None:
        """rmate editors show no state; a conflict is told."""
        if state is State.CONFLICT and message:
            self._desk.tell(clean(message))

    @property
    def _where(self) -> str:
        return f"{self._text.name} on {self._text.host}"

    def _headers(self) -> dict[str, str]:
        text = self._text
        headers = {
            "display-name": codec.label(f"{text.host}:{text.name}"),
            "real-path": codec.label(text.path),
            "data-on-save": "yes",
            "re-activate": "no" if text.keep_focus else "yes",
            "token": self._token,
        }
        if text.line:
            exact = text.column and any(word in self._greeting for word in WITH_COLUMN)
            headers["selection"] = f"{text.line}:{text.column}" if exact else str(text.line)
        if text.file_type:
            headers["file-type"] = codec.label(text.file_type)
        if text.new_window:
            headers["new"] = "yes"
        return headers

    def _begin(self, record: Record) -> None:
        if record.command != "save":
            return
        if record.headers.get("token", "").strip() != self._token:
            self.complain("the editor saved something that was not opened there; it was not sent")
        elif self._text.read_only:
            self.complain("read-only: what the editor saved was not sent, the host's file is intact")
        else:
            self._receiving = _Incoming(self._private / f"save-{next(self._serial)}")

    def _complete(self, save: _Incoming) -> None:
        failure = save.finish()
        if failure:
            self.complain(f"cannot take in what the editor saved: {failure}; it was not sent")
            return
        if self._newest is not None:
            self._newest.unlink()
        self._newest = save.file
        self._idle = trio.Event() if self._idle.is_set() else self._idle
        self._news.set()

    async def _next(self) -> Greeting | Record | Body | End | Dot | Eof:
        while isinstance(event := self._wire.next_event(), NeedData):
            try:
                data = await self._stream.receive_some(CHUNK)
            except trio.BrokenResourceError:
                data = b""  # a reset is an end like any other
            self._wire.receive_data(data)
        return event

    async def _send(self, data: bytes) -> None:
        with trio.fail_after(STALL):
            await self._stream.send_all(data)


class _Incoming:
    """A save while it arrives. A failed write is remembered, and the rest swallowed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._failure = ""
        self._stream: BinaryIO | None = None
        try:
            self._stream = open(file, "xb")  # noqa: SIM115 - it lives as long as the save arrives
        except OSError as error:
            self._failure = error.strerror or str(error)

    def write(self, data: bytes) -> None:
        if self._failure or self._stream is None:
            return
        try:
            self._stream.write(data)
        except OSError as error:
            self._failure = error.strerror or str(error)

    def finish(self) -> str:
        """The reason for which it is not whole, or nothing."""
        self.close()
        if self._failure:
            self.file.unlink(missing_ok=True)
        return self._failure

    def close(self) -> None:
        if self._stream is None:
            return
        try:
            self._stream.close()
        except OSError as error:
            self._failure = self._failure or error.strerror or str(error)
        self._stream = None
