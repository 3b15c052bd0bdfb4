"""A folder's desk for tests: a directory of the test stands for the host's folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import trio

from rbridge.adapters.base import Text, Wanted
from rbridge.adapters.folder import NOT_CONNECTED, FolderError, Found, Item, Match, Query, Root
from tests.adapters.desk import DEADLINE, FakeDesk, make_text

ABSENT = "absent"


class FakeFolderDesk:
    """What an adapter may ask. Texts that are opened come to :attr:`opened`, with desks of their own.

    *gate* holds every answer back until it is set; *refusal* is raised in place of an answer.
    """

    def __init__(self, files: Path, host: Path, nursery: trio.Nursery, path: str = "/home/u/project") -> None:
        self.host = host
        self.path = path
        self.connected = True
        self.gate = trio.Event()
        self.gate.set()
        self.refusal: FolderError | None = None
        self.asked: list[tuple[object, ...]] = []
        self.cancelled = 0
        self.told: list[str] = []
        self.recorded: dict[str, str] = {}
        self.kept: dict[str, bytes] = {}
        self.questions: list[str] = []
        self.allows = True
        self.desks: dict[str, HostDesk] = {}
        self.already = ""  # the id of a document that is open
        self.watching: Callable[[Sequence[str]], None] | None = None
        self._files = files
        self._nursery = nursery
        self._count = 0
        self._news = trio.Event()

    async def _ask(self, *what: object) -> None:
        self.asked.append(what)
        self._wake()
        if not self.connected:
            raise FolderError(NOT_CONNECTED, "not connected to gpu1")
        try:
            await self.gate.wait()
        except trio.Cancelled:
            self.cancelled += 1
            raise
        if self.refusal is not None:
            raise self.refusal

    def file(self, path: str) -> Path:
        return self.host / path

    async def stat(self, path: str) -> Item:
        await self._ask("stat", path)
        return self._item(self.file(path))

    async def listing(self, path: str, after: str = "", limit: int = 0) -> tuple[Sequence[Item], str]:
        await self._ask("list", path, after, limit)
        names = sorted(one for one in self.file(path).iterdir() if one.name > after)
        shown = names[: limit or 2000]
        return [self._item(one) for one in shown], shown[-1].name if len(shown) < len(names) else ""

    async def read(self, path: str, at: int = 0, length: int = 0) -> tuple[bytes, int]:
        await self._ask("read", path, at, length)
        data = self._existing(path).read_bytes()
        return data[at : at + (length or 1 << 20)], len(data)

    async def make(self, path: str, content: bytes | None) -> None:
        await self._ask("make", path, content)
        if self.file(path).exists():
            raise FolderError("exists", f"{path} is there already")
        if content is None:
            self.file(path).mkdir()
        else:
            self.file(path).write_bytes(content)

    async def write(self, path: str, content: bytes, base: str) -> str:
        await self._ask("write", path, base)
        there = digest(self.file(path).read_bytes()) if self.file(path).exists() else ABSENT
        if there != base:
            raise FolderError("conflict", f"{path} was changed there", there)
        self.file(path).write_bytes(content)
        return digest(content)

    async def move(self, path: str, to: str, over: bool = False) -> None:
        await self._ask("move", path, to, over)
        if self.file(to).exists() and not over:
            raise FolderError("exists", f"{to} is there already")
        self._existing(path).rename(self.file(to))

    async def remove(self, path: str, recursive: bool = False) -> None:
        await self._ask("remove", path, recursive)
        file = self._existing(path)
        if not file.is_dir():
            file.unlink()
            return
        if any(file.iterdir()) and not recursive:
            raise FolderError("exists", f"{path} is not empty")
        for below in sorted(file.rglob("*"), reverse=True):
            below.rmdir() if below.is_dir() else below.unlink()
        file.rmdir()

    async def find(self, query: str, limit: int, found: Callable[[Sequence[str]], None]) -> Found:
        await self._ask("find", query, limit)
        every = sorted(
            str(one.relative_to(self.host))
            for one in self.host.rglob("*")
            if one.is_file() and query in one.name
        )
        for count in range(1, len(every[: limit or None]) + 1):
            found(every[:count])
        return Found(bool(limit) and len(every) > limit, "git")

    async def search(self, query: Query, limit: int, found: Callable[[Sequence[Match]], None]) -> Found:
        await self._ask("search", query, limit)
        for file in sorted(one for one in self.host.rglob("*") if one.is_file()):
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                if query.query in line:
                    column = line.index(query.query) + 1
                    path = str(file.relative_to(self.host))
                    found([Match(path, number, column, len(query.query), line)])
        return Found(False, "rg")

    async def watch(self, paths: Sequence[str], changed: Callable[[Sequence[str]], None]) -> None:
        self.asked.append(("watch", *paths))
        self.watching = changed
        self._wake()
        await trio.sleep_forever()

    async def open(
        self,
        path: str,
        wanted: Wanted,
        *,
        line: int = 0,
        column: int = 0,
        create: bool = False,
        base: str | None = None,
    ) -> str:
        await self._ask("open", path, create, base)
        if self.already:
            return self.already
        if not create:
            self._existing(path)
        data = self.file(path).read_bytes() if self.file(path).exists() else b""
        self._count += 1
        text = make_text(
            self._files,
            data,
            id=f"{self._count:024x}",
            path=f"{self.path}/{path}",
            line=line,
            column=column,
            wanted=wanted,
        )
        desk = self.desks[path] = HostDesk(self.file(path), base)
        self._nursery.start_soon(self._edit, wanted, text, desk)
        self._wake()
        return ""

    def record(self, laid: Mapping[str, str]) -> None:
        self.recorded = dict(laid)

    def keep(self, path: str, snapshot: Path, base: str) -> str:
        self.kept[path] = snapshot.read_bytes()
        return "kept"

    async def confirm(self, question: str) -> bool:
        self.questions.append(question)
        self._wake()
        await self.gate.wait()
        return self.allows

    def tell(self, message: str) -> None:
        assert message.isprintable(), message
        self.told.append(message)
        self._wake()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until *condition* holds; looked at whenever the adapter has asked or told something."""
        with trio.move_on_after(DEADLINE):
            while not condition():
                self._news = trio.Event()
                with trio.move_on_after(0.05):
                    await self._news.wait()
            return
        raise AssertionError(f"waited in vain: asked {self.asked}, told {self.told}")

    async def _edit(self, wanted: Wanted, text: Text, desk: HostDesk) -> None:
        try:
            await wanted.edit(text, desk)
        except Exception as error:
            self.told.append(f"failed: {error}")
        finally:
            desk.closed.set()
            self._wake()

    def _existing(self, path: str) -> Path:
        if not self.file(path).exists():
            raise FolderError("gone", f"{path} is not there")
        return self.file(path)

    def _item(self, file: Path) -> Item:
        if not file.exists():
            raise FolderError("gone", f"{file.name} is not there")
        found = file.stat()
        kind = "directory" if file.is_dir() else "file"
        return Item(file.name, kind, found.st_size, found.st_mtime_ns, found.st_mode & 0o7777)

    def _wake(self) -> None:
        self._news.set()


class HostDesk(FakeDesk):
    """A desk that writes what is saved to *file*, if that still is what *base* says."""

    def __init__(self, file: Path, base: str | None) -> None:
        super().__init__()
        self.file = file
        self.base = base
        self.closed = trio.Event()

    async def save(self, snapshot: Path, /, digest: str = ""):  # type: ignore[no-untyped-def]
        outcome = await super().save(snapshot, digest)
        if outcome.delivered:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(snapshot, self.file)
        return outcome


def make_root(files: Path, *, id: str = "f0badcafe0000001", **more: object) -> Root:  # noqa: A002
    """Lay a folder out below *files* as the daemon does."""
    path = str(more.pop("path", "/home/u/project"))
    directory = files / id / "gpu1" / path.lstrip("/")
    directory.mkdir(parents=True, mode=0o700)
    return Root(id, "gpu1", path, Path(path).name, directory, **more)  # type: ignore[arg-type]


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()
