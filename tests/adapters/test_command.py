"""The command adapter: the conformance suite with each way of writing, and what only it has to do."""

from __future__ import annotations

import json
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from rbridge.adapters import courier
from rbridge.adapters.base import Text
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.watch import InotifyWatcher, PollingWatcher, PortableWatcher, Watcher
from rbridge.errors import NotListening
from tests.adapters.conformance import DEADLINE, Conformance, Rig, Shown, editing
from tests.adapters.desk import FakeDesk, make_text

CHILD = Path(__file__).with_name("child.py")


class ChildShown(Shown):
    """The scripted child, through its socket."""

    def __init__(self, stream: trio.SocketStream, said: dict[str, object], text: bytes) -> None:
        self._stream = stream
        self.said = said
        self.text = text
        position = said["position"]
        self.line = int(position[0]) if position else 0  # type: ignore[index]
        self.column = int(position[1]) if position else 0  # type: ignore[index]

    async def order(self, do: str, body: bytes = b"", **more: object) -> None:
        await self._stream.send_all(json.dumps({"do": do, **more}).encode() + b"\n" + body)
        done = b""
        with trio.fail_after(DEADLINE):
            while not done.endswith(b"done\n"):
                more_done = await self._stream.receive_some(100)
                assert more_done, f"the child died of {do}"
                done += more_done

    async def save(self, data: bytes) -> None:
        await self.order("save", data, size=len(data))

    async def close(self) -> None:
        await self.leave("exit", status=0)

    def forget(self) -> None:
        self._stream.socket.close()

    async def leave(self, do: str, **more: object) -> None:
        await self._stream.send_all(json.dumps({"do": do, **more}).encode() + b"\n")


class CommandRig(Rig):
    def __init__(self, directory: Path, pattern: str, watcher: Watcher) -> None:
        self.files = directory / "files"
        self.files.mkdir()
        self.socket = directory / "s"
        words = [
            sys.executable,
            "-I",
            "-S",
            str(CHILD),
            str(self.socket),
            pattern,
            "{file}",
            "{line}",
            "{column}",
        ]
        self.adapter = CommandAdapter(words, name="child", watcher=watcher)
        self.waiting: dict[str, ChildShown] = {}
        self._arrived = trio.Event()
        self.over = trio.Event()

    async def shown(self, text: Text) -> ChildShown:
        while str(text.file) not in self.waiting:
            await self._arrived.wait()
        return self.waiting.pop(str(text.file))

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.socket.socket(trio.socket.AF_UNIX) as sock:
            await sock.bind(str(self.socket))
            sock.listen()
            task_status.started()
            await trio.serve_listeners(self._greet, [trio.SocketListener(sock)])

    async def _greet(self, stream: trio.SocketStream) -> None:
        data = b""
        while b"\n" not in data:
            more = await stream.receive_some(65536)
            if not more:
                return
            data += more
        line, _, data = data.partition(b"\n")
        said = json.loads(line)
        pieces = [data]
        left = said["size"] - len(data)
        while left > 0:
            pieces.append(await stream.receive_some(65536))
            if not pieces[-1]:
                return
            left -= len(pieces[-1])
        self.waiting[said["file"]] = ChildShown(stream, said, b"".join(pieces))
        self._arrived.set()
        self._arrived = trio.Event()
        await self.over.wait()  # who returns has the stream closed


@asynccontextmanager
async def command_rig(directory: Path, pattern: str, watcher: Watcher) -> AsyncIterator[CommandRig]:
    made = CommandRig(directory, pattern, watcher)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.serve)
        yield made
        nursery.cancel_scope.cancel()


class TestInPlace(Conformance):
    pattern = "in_place"

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[CommandRig]:
        async with command_rig(tmp_path, self.pattern, InotifyWatcher()) as made:
            yield made


class TestRenameAway(TestInPlace):
    pattern = "rename_away"


class TestKeepBackup(TestInPlace):
    pattern = "keep_backup"


class TestRenameOver(TestInPlace):
    pattern = "rename_over"


class TestGio(TestInPlace):
    pattern = "gio"


class TestInPieces(TestInPlace):
    pattern = "in_pieces"


class TestTooLargeToHash(TestInPlace):
    """A text of which no hash is taken before the editor starts."""

    least_steps = 2
    pattern = "rename_away"

    @pytest.fixture(autouse=True)
    def unhashed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(courier, "HASHED", -1)


class TestWithoutInotify(Conformance):
    """The same through watchfiles, as on macOS."""

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[CommandRig]:
        async with command_rig(tmp_path, "rename_away", PortableWatcher()) as made:
            yield made


class TestWithPolling(Conformance):
    """The same where even the system's own means are used up."""

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[CommandRig]:
        async with command_rig(tmp_path, "in_place", PollingWatcher()) as made:
            yield made


@pytest.fixture(params=["inotify", "watchfiles", "unhashed"])
async def rig(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CommandRig]:
    if request.param == "unhashed":
        monkeypatch.setattr(courier, "HASHED", -1)
    watcher = PortableWatcher() if request.param == "watchfiles" else InotifyWatcher()
    async with command_rig(tmp_path, "in_place", watcher) as made:
        yield made


async def test_the_column_is_passed_on_and_defaults_to_1(rig: CommandRig) -> None:
    async with editing(rig, make_text(rig.files, line=7, column=5), FakeDesk()) as edit:
        assert (edit.shown.line, edit.shown.column) == (7, 5)
    other = make_text(rig.files, id="0badcafe00000002", line=7)
    async with editing(rig, other, FakeDesk()) as edit:
        assert (edit.shown.line, edit.shown.column) == (7, 1)


async def test_the_editor_has_a_session_of_its_own_no_input_and_an_empty_private_directory(
    rig: CommandRig,
) -> None:
    text = make_text(rig.files)
    async with editing(rig, text, FakeDesk()) as edit:
        said = edit.shown.said
        cwd = Path(said["cwd"])
        assert said["session"] == said["pid"]
        assert said["stdin"] == "/dev/null"
        assert said["document"] == text.id
        assert _looks(cwd) == ([], 0o500)
        assert rig.files / text.id not in (cwd, *cwd.parents)
    assert _looks(cwd) is None


def _looks(directory: Path) -> tuple[list[Path], int] | None:
    if not directory.exists():
        return None
    return list(directory.iterdir()), stat.S_IMODE(directory.stat().st_mode)


async def test_an_editor_that_only_closes_a_writable_descriptor_has_not_saved(rig: CommandRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.order("touch")
        await edit.shown.save(b"saved\n")
        await desk.until_saved(1)
    assert desk.saves == [b"saved\n"]


async def test_half_a_save_is_not_delivered_while_the_editor_writes(tmp_path: Path) -> None:
    async with command_rig(tmp_path, "in_place", InotifyWatcher()) as rig:
        desk = FakeDesk()
        async with editing(rig, make_text(rig.files), desk) as edit:
            await edit.shown.order("touch")  # a look at the file is due
            await edit.shown.order("truncate")
            await edit.shown.order("touch")  # and another, in the middle of the save
            await edit.shown.save(b"whole\n")
            await desk.until_last(b"whole\n")
        assert b"" not in desk.saves


async def test_a_deleted_file_is_told_once_and_is_no_save(rig: CommandRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.order("delete")
        await desk.until_told("deleted")
        await edit.shown.close()
        await edit.over()
    assert desk.saves == []
    assert desk.told == ["child deleted its copy of train.py on gpu1: the host's file is untouched"]


async def test_a_file_that_was_deleted_and_comes_back_is_delivered(rig: CommandRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.order("delete")
        await desk.until_told("deleted")
        await edit.shown.save(b"back\n")
        await desk.until_last(b"back\n")


@pytest.mark.parametrize(
    ("do", "kind"), [("mkdir", "a directory"), ("fifo", "a fifo"), ("symlink", "a symbolic link")]
)
async def test_something_else_in_the_place_of_the_file_is_told_and_not_followed(
    rig: CommandRig, tmp_path: Path, do: str, kind: str
) -> None:
    desk = FakeDesk()
    secret = tmp_path / "secret"
    secret.write_text("not the host's\n")
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.order(do, to=str(secret))
        assert kind in await desk.until_told("in place of")
        await edit.shown.close()
        await edit.over()
    assert desk.saves == []
    assert len(desk.told) == 1


async def test_a_crash_is_told_and_what_was_saved_is_delivered(rig: CommandRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.order("errors", text="warning: x\nSegmentation fault\n")
        await edit.shown.save(b"saved\n")
        await edit.shown.leave("signal", number=signal.SIGSEGV.value)
        await edit.over()
    assert desk.saves == [b"saved\n"]
    assert desk.told == ["train.py on gpu1: child was ended by signal 11: Segmentation fault"]


async def test_a_failing_editor_is_told(rig: CommandRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.leave("exit", status=3)
        await edit.over()
    assert desk.told == ["train.py on gpu1: child ended with status 3"]


async def test_an_editor_that_returns_at_once_leaves_the_text_open_and_watched(rig: CommandRig) -> None:
    desk = FakeDesk()
    text = make_text(rig.files)
    async with editing(rig, text, desk) as edit:
        await edit.shown.close()
        assert "returned at once" in await desk.until_told("train.py on gpu1")
        text.file.write_bytes(b"from the window\n")
        await desk.until_last(b"from the window\n")
        assert not edit.returned.is_set()


async def test_an_editor_that_saves_and_ends_at_once_is_done(rig: CommandRig) -> None:
    desk = FakeDesk()
    async with editing(rig, make_text(rig.files), desk) as edit:
        await edit.shown.save(b"quick\n")
        await edit.shown.close()
        await edit.over()
    assert desk.told == []


async def test_an_editor_that_is_not_there_is_named(tmp_path: Path) -> None:
    adapter = CommandAdapter(["no-such-editor"])
    with pytest.raises(NotListening, match="cannot start no-such-editor: there is no program") as caught:
        await adapter.edit(make_text(tmp_path / "files"), FakeDesk())
    assert "--editor" in caught.value.hint


async def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(NotListening, match="cannot start broken: No such file"):
        await CommandAdapter([str(broken)]).edit(make_text(tmp_path / "files"), FakeDesk())


async def test_a_new_text_from_the_host_is_put_in_place_and_not_sent_back(
    rig: CommandRig, tmp_path: Path
) -> None:
    desk = FakeDesk()
    text = make_text(rig.files)
    new = tmp_path / "new"
    new.write_bytes(b"from the host\n")
    async with editing(rig, text, desk) as edit:
        assert await edit.pane.replace(new)
        assert text.file.read_bytes() == b"from the host\n"
        assert stat.S_IMODE(text.file.stat().st_mode) == 0o600
        await edit.shown.save(b"mine\n")
        await desk.until_saved(1)
    assert desk.saves == [b"mine\n"]


async def test_a_new_text_does_not_replace_a_save_that_is_not_delivered_yet(
    rig: CommandRig, tmp_path: Path
) -> None:
    desk = FakeDesk()
    desk.gate = trio.Event()
    text = make_text(rig.files)
    new = tmp_path / "new"
    new.write_bytes(b"from the host\n")
    async with editing(rig, text, desk) as edit:
        await edit.shown.save(b"first\n")
        await desk.until_saved(1)
        await edit.shown.save(b"second\n")
        assert not await edit.pane.replace(new)
        assert text.file.read_bytes() == b"second\n"
        desk.gate.set()
        await desk.until_last(b"second\n")


async def test_a_read_only_text_has_mode_0400(rig: CommandRig) -> None:
    text = make_text(rig.files, read_only=True)
    async with editing(rig, text, FakeDesk()):
        assert stat.S_IMODE(text.file.stat().st_mode) == 0o400
