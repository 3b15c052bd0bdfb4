"""The rmate adapter against a small model of an editor that speaks rmate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from rbridge.adapters import rmate
from rbridge.adapters.base import Text
from rbridge.adapters.rmate import RmateAdapter
from rbridge.errors import NotListening
from tests.adapters.conformance import DEADLINE, Conformance, Rig, Shown, editing
from tests.adapters.desk import FakeDesk, make_text


class RmateShown(Shown):
    def __init__(self, stream: trio.SocketStream, headers: dict[str, str], text: bytes) -> None:
        self.stream = stream
        self.headers = headers
        self.text = text
        self.line = int(headers.get("selection", "0").partition(":")[0])

    async def save(self, data: bytes) -> None:
        await self.send(
            b"save\ntoken: %s\ndata: %d\n" % (self.headers["token"].encode(), len(data)) + data + b"\n"
        )

    async def close(self) -> None:
        await self.send(b"close\ntoken: %s\n\n" % self.headers["token"].encode())

    async def send(self, data: bytes) -> None:
        with trio.fail_after(DEADLINE):
            await self.stream.send_all(data)

    def forget(self) -> None:
        self.stream.socket.close()


class RmateRig(Rig):
    """An editor: says *greeting*, reads one open, keeps what it got."""

    greeting = b"Sublime Text 3 (remote_subl plugin)\n"

    def __init__(self, directory: Path) -> None:
        self.files = directory / "files"
        self.files.mkdir()
        self.over = trio.Event()
        self.waiting: dict[str, RmateShown] = {}
        self._arrived = trio.Event()

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        self.adapter = RmateAdapter("127.0.0.1", self.port)
        task_status.started()
        await trio.serve_listeners(self._serve_one, [listener])

    async def shown(self, text: Text) -> RmateShown:
        name = f"{text.host}:{text.name}"
        while name not in self.waiting:
            await self._arrived.wait()
        return self.waiting.pop(name)

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        try:
            await stream.send_all(self.greeting)
            data = await self._until(stream, b"", b"data: ")
            data = await self._until(stream, data, b"\n", data.index(b"data: "))
            head, _, rest = data.partition(b"data: ")
            size, _, text = rest.partition(b"\n")
            lines = head.decode().splitlines()
            assert lines[0] == "open"
            headers = dict(line.split(": ", 1) for line in lines[1:])
            pieces, have = [text], len(text)
            wanted = int(size) + len(b"\n.\n")
            while have < wanted:
                pieces.append(await stream.receive_some(1 << 16))
                if not pieces[-1]:
                    return
                have += len(pieces[-1])
        except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError):
            return
        body = b"".join(pieces)
        assert body[int(size) :] == b"\n.\n", body[int(size) :]
        self.waiting[headers["display-name"]] = RmateShown(stream, headers, body[: int(size)])
        self._arrived.set()
        self._arrived = trio.Event()
        await self.over.wait()

    async def _until(self, stream: trio.SocketStream, data: bytes, end: bytes, start: int = 0) -> bytes:
        while end not in data[start:]:
            more = await stream.receive_some(1 << 16)
            if not more:
                raise EOFError
            data += more
        return data


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[RmateRig]:
    made = RmateRig(tmp_path)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.serve)
        yield made
        nursery.cancel_scope.cancel()


class TestRmate(Conformance):
    pass


async def test_the_editor_gets_what_every_rmate_server_needs(rig: RmateRig) -> None:
    text = make_text(rig.files, line=7, column=3, file_type="python", new_window=True)
    async with editing(rig, text, FakeDesk()) as edit:
        headers = dict(edit.shown.headers)
        token = headers.pop("token")
    assert token.isalnum()
    assert text.id not in token
    assert headers == {
        "display-name": "gpu1:train.py",
        "real-path": "/home/u/train.py",
        "data-on-save": "yes",
        "re-activate": "yes",
        "selection": "7",
        "file-type": "python",
        "new": "yes",
    }


async def test_the_column_goes_to_an_editor_that_understands_it(rig: RmateRig) -> None:
    rig.greeting = b"220 mac RMATE TextMate (Darwin 19)\n"
    async with editing(rig, make_text(rig.files, line=7, column=3), FakeDesk()) as edit:
        assert edit.shown.headers["selection"] == "7:3"


async def test_textmate_saves_in_blocks_with_crlf(rig: RmateRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        token = edit.shown.headers["token"].encode()
        await edit.shown.send(b"save\r\ntoken: %s\r\ndata: 3\r\nabcdata: 2\r\nde\r\n" % token)
        await edit.shown.send(b"close\r\n\r\n")
        await edit.over()
    assert desk.saves == [b"abcde"]


async def test_the_end_of_the_connection_is_a_close(rig: RmateRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.save(b"saved\n")
        await edit.shown.stream.aclose()
        await edit.over()
    assert (desk.saves, desk.told) == ([b"saved\n"], [])


async def test_half_a_save_is_not_delivered(rig: RmateRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.send(b"save\ntoken: %s\ndata: 100\nhalf" % edit.shown.headers["token"].encode())
        await edit.shown.stream.aclose()
        await edit.over()
    assert desk.saves == []
    assert "in the middle of a save" in desk.told[0]


async def test_a_save_for_another_token_is_not_delivered(rig: RmateRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.send(b"save\ntoken: /etc/passwd\ndata: 1\nx\n")
        await desk.until_told("was not opened there")
        await edit.shown.close()
        await edit.over()
    assert desk.saves == []


async def test_nonsense_is_told_and_ends_it(rig: RmateRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.send(b"save\ntoken: x\ndata: -5\n")
        await edit.over()
    assert "makes no sense" in desk.told[0]


async def test_a_change_on_the_host_is_told_since_it_cannot_be_shown(rig: RmateRig, tmp_path: Path) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        assert not await edit.pane.replace(tmp_path / "new")
    assert "changed on the host" in desk.told[0]


async def test_an_editor_that_does_not_listen_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotListening, match=r"no rmate editor on 127\.0\.0\.1:1: nothing listens there"):
        await RmateAdapter("127.0.0.1", 1).edit(make_text(tmp_path / "files"), FakeDesk())


async def test_a_silent_listener_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rmate, "CONNECT", 0.2)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        adapter = RmateAdapter("127.0.0.1", listener.socket.getsockname()[1])
        with pytest.raises(NotListening, match="it does not answer"):
            await adapter.edit(make_text(tmp_path / "files"), FakeDesk())


async def test_a_listener_that_hangs_up_is_named(rig: RmateRig) -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.aclose()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, hang_up, [listener])
        with pytest.raises(NotListening, match="it closed the connection"):
            await RmateAdapter("127.0.0.1", listener.socket.getsockname()[1]).edit(
                make_text(rig.files), FakeDesk()
            )
        nursery.cancel_scope.cancel()
