"""A laptop in one process: all of the daemon but its sockets, with an editor that does what the test says."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest
import trio
import trio.testing

from rbridge.adapters.base import Adapter, Pane
from rbridge.errors import UsageError
from rbridge.server.config import Config, Limits
from rbridge.server.connection import Connection as Served
from rbridge.server.consent import Consent
from rbridge.server.documents import Documents
from rbridge.server.files import Files
from rbridge.server.notify import Notifier
from rbridge.server.peer import Peer
from rbridge.server.ports import Ports
from rbridge.server.service import Service
from rbridge.server.sessions import Sessions
from rbridge.server.spool import Spool
from rbridge.server.tools import Tools
from rbridge.wire.connection import HOST, Connection
from rbridge.wire.records import NEED_DATA, Body, Dot, End, Eof, Greeting, Record

PATIENCE = 3600  # the clock is often a mocked one; a run that hangs is ended by pytest-timeout
GREETING = "220 laptop RMATE rbridge/0 link/1"
IDENTITY = "0123456789abcdef"
SECRET = "00112233445566778899aabbccddeeff"


@dataclass
class Edit(Pane):
    """A text in the test's editor."""

    text: object
    desk: object
    directory: Path
    shown: list = field(default_factory=list)
    revealed: list = field(default_factory=list)
    stays: bool = False  # where the daemon ends
    remarks: list = field(default_factory=list)
    closed: trio.Event = field(default_factory=trio.Event)
    cancelled: bool = False
    takes: bool = False  # texts of the host
    error: BaseException | None = None

    def content(self):
        return self.text.file.read_bytes()

    async def save(self, data, digest=""):
        """Write *data* as editors do, hand it over and return the outcome."""
        self.text.file.write_bytes(data)
        snapshot = self.directory / f"snapshot-{os.urandom(4).hex()}"
        snapshot.write_bytes(data)
        try:
            return await self.desk.save(snapshot, digest)
        finally:
            snapshot.unlink()

    def close(self):
        self.closed.set()

    def fail(self, error):
        self.error = error
        self.closed.set()

    async def replace(self, snapshot):
        if self.takes:
            self.text.file.write_bytes(snapshot.read_bytes())
        return self.takes

    async def show(self, state, message=""):
        self.shown.append((state, message))

    def leave(self):
        return self.stays

    def remark(self, message, kind="warning"):
        self.remarks.append((kind, message))

    async def reveal(self, line=0, column=0):
        self.revealed.append((line, column))


class Editor(Adapter):
    """Opens every text at once and gives the test an :class:`Edit`; *missing*: cannot be started."""

    name = "ed"

    def __init__(self, directory):
        self.directory = directory
        self.missing = False
        self.slow = None  # an event to wait for before a text counts as open
        self._send, self._receive = trio.open_memory_channel(10_000)

    def describe(self):
        return "ed on paper"

    async def opened(self):
        """The next text that was opened."""
        with trio.fail_after(PATIENCE):
            return await self._receive.receive()

    def forget(self):
        """Pass over what was opened and not looked at."""
        while self._receive.statistics().current_buffer_used:
            self._receive.receive_nowait()

    async def edit(self, text, desk, *, task_status=trio.TASK_STATUS_IGNORED):
        if self.missing:
            raise UsageError("there is no ed", "install it")
        edit = Edit(text, desk, self.directory)
        if self.slow is not None:
            await self.slow.wait()
        task_status.started(edit)
        self._send.send_nowait(edit)
        try:
            await edit.closed.wait()
        except trio.Cancelled:
            edit.cancelled = True
            raise
        if edit.error is not None:
            raise edit.error


class Host:
    """The other end of a connection: says records, and hears what the daemon says."""

    def __init__(self, stream):
        self.stream = stream
        self.wire = Connection(HOST)
        self.states = []  # what it heard of how documents stand

    async def say(self, command, data=None, /, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.stream.send_all(
            self.wire.send(Record(command, headers, length=None if data is None else len(data)))
        )
        if data is not None:
            await self.stream.send_all(self.wire.send(Body(data)) if data else b"")
        await self.stream.send_all(self.wire.send(End()))

    async def open(self, data, token="t", name="gpu1:train.py", path="/home/u/train.py", **more):
        await self.say("open", data, token=token, display_name=name, real_path=path, **more)

    async def begin(self, length):
        """Announce *length* bytes and send none of them."""
        headers = {"display-name": "gpu1:train.py", "real-path": "/train.py", "token": "t"}
        await self.stream.send_all(self.wire.send(Record("open", headers, length=length)))

    async def link(self, host="gpu1", session="", standing="new", **more):
        """Say ``link`` and hear the answer, which is to be *standing*."""
        assert isinstance(await self.event(), Greeting)
        await self.introduce(host, session, **more)
        command, headers, _ = await self.hear()
        assert (command, headers["standing"]) == ("linked", standing)
        return headers

    async def introduce(self, host="gpu1", session="", **more):
        self.secret = session or os.urandom(16).hex()
        await self.say("link", host=host, version="0", user="u", session=self.secret, **more)

    async def dot(self):
        await self.stream.send_all(self.wire.send(Dot()))

    async def raw(self, data):
        await self.stream.send_all(data)

    async def event(self):
        with trio.fail_after(PATIENCE):
            while (event := self.wire.next_event()) is NEED_DATA:
                self.wire.receive_data(bytes(await self.stream.receive_some(65536)))
        return event

    async def hear(self, beats=False):
        """The next record that is no ``state``: command, headers and body; ("eof", {}, b"") at the end."""
        while (heard := await self.hear_all())[0] == "state" or (heard[0] == "beat" and not beats):
            if heard[0] == "state":
                self.states.append((heard[1]["state"], heard[1].get("message", "")))
        return heard

    async def hear_all(self):
        event = await self.event()
        while isinstance(event, Greeting):
            event = await self.event()
        if isinstance(event, Eof):
            return "eof", {}, b""
        body = b""
        while not isinstance(part := await self.event(), End):
            body += part.data
        return event.command, dict(event.headers), body

    async def closed(self):
        """Whether the next thing heard is the end of the connection."""
        return (await self.hear())[0] == "eof"

    async def hang_up(self):
        await self.stream.aclose()


async def opened(laptop, data=b"hello", **link):
    """A host with one document, t, open in the editor."""
    host = laptop.connect()
    await host.link(session=SECRET, **link)
    await host.open(data)
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    return host, edit


def digest(data):
    return sha256(data).hexdigest()


async def resume(host, data, token="t", **more):
    await host.say("resume", token=token, size=str(len(data)), sha256=digest(data), **more)


async def beating(host):
    while True:
        await trio.sleep(10)
        await host.say("beat")


class Said(Notifier):
    """Keeps what the user was told."""

    def __init__(self):
        super().__init__([])
        self.lines = []

    def tell(self, message):
        super().tell(message)
        self.lines.append(message)


class Laptop:
    """Everything that sessions share, in the test's own nursery and directory."""

    def __init__(self, directory, nursery):
        self.directory = directory
        self.nursery = nursery
        self.root = directory / "files"
        for name in ("files", "spool", "snapshots"):
            (directory / name).mkdir(mode=0o700)
        self.editor = Editor(directory / "snapshots")
        self.said = Said()
        self.config = Config()
        self.consent = Consent(300)
        self.files = Files(str(self.root), in_memory=True)
        self.spool = Spool(str(directory / "spool"), 1 << 20)
        tools = Tools(self.editor, self.files, self.spool, self.said, Limits())
        self.documents = Documents(tools, nursery)
        self.sessions = Sessions(self.documents, Limits().sessions)
        self.keys = None
        self.ports = Ports()

    def configure(self, spool=True, **changes):
        limits = {name: changes.pop(name) for name in list(changes) if hasattr(Limits(), name)}
        self.config = replace(self.config, limits=replace(self.config.limits, **limits), **changes)
        tools = self.documents.tools
        kept = tools.spool if spool else None
        self.documents.tools = replace(tools, limits=self.config.limits, spool=kept)

    @property
    def service(self):
        return Service(
            self.config,
            self.documents,
            self.sessions,
            self.consent,
            "laptop",
            IDENTITY,
            self.keys,
            self.ports,
        )

    def connect(self, *, ours=True, nonce="", nursery=None, **who):
        """A new connection, of *who*; returns the host's end of it."""
        there, here = trio.testing.memory_stream_pair()
        peer = Peer(here, "test", self.config.limits, ours=ours, **who)
        (nursery or self.nursery).start_soon(Served(self.service, peer, nonce).run)
        return Host(there)

    async def left_alone(self):
        """End what editors still have; nothing may be left in FILES then."""
        await self.quiet()
        for document in list(self.documents._open):
            document.stop()
        await self.until(lambda: not len(self.documents))
        self.editor.forget()
        assert self.texts() == []

    def texts(self):
        """What lies in FILES beside the lock."""
        return [path for path in self.root.iterdir() if not path.name.startswith(".")]

    def kept(self):
        """The texts in the spool."""
        return [entry.file.read_bytes() for entry in self.spool.entries()]

    async def until(self, condition):
        """Let the tasks run, threads included, until *condition* holds."""
        from tests.harness.wait import until_async

        return await until_async(condition)

    async def quiet(self):
        await trio.testing.wait_all_tasks_blocked()


@pytest.fixture
async def laptop(tmp_path, nursery):
    return Laptop(tmp_path, nursery)


@pytest.fixture
def clock(mock_clock):
    """A clock that runs and can be put forward: threads are at work, so it must not jump by itself."""
    mock_clock.rate = 1
    return mock_clock


@pytest.fixture
def directories(tmp_path, monkeypatch):
    """rbridge's own directories, private to the test; the path of a socket may have 100 bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="rb-", dir="/tmp") as root:
        for name, variable in (
            ("run", "RBRIDGE_RUNTIME_DIR"),
            ("state", "RBRIDGE_STATE_DIR"),
            ("config", "XDG_CONFIG_HOME"),
            ("home", "HOME"),
        ):
            os.mkdir(os.path.join(root, name), 0o700)
            monkeypatch.setenv(variable, os.path.join(root, name))
        yield Path(root)


@asynccontextmanager
async def connected(address):
    """A connection to a listener's *address* as `rbridge serve` prints it."""
    if address.startswith("unix:"):
        stream = await trio.open_unix_socket(address[5:])
    else:
        host, _, port = address.rpartition(":")
        stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        yield Host(stream)
