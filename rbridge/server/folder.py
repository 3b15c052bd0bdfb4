"""One folder of a host while an editor shows it: requests go out, answers come back.

:class:`Folder` is the :class:`~rbridge.adapters.folder.FolderDesk` of its adapter. Like a document it lives
in the daemon's nursery and outlives its connection; what was asked over a connection that is lost fails.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import trio

from rbridge.adapters.folder import (
    ABSENT,
    NOT_CONNECTED,
    FolderError,
    FolderPane,
    Found,
    Item,
    Match,
    Query,
    Root,
)
from rbridge.errors import RbridgeError, RemoteProtocolError, clean
from rbridge.server import answers, felled, names, texts
from rbridge.server.asking import FLAG, Asking
from rbridge.server.consent import Consent
from rbridge.server.log import logger
from rbridge.server.pages import Pages, Take
from rbridge.server.peer import Peer
from rbridge.server.tools import Change, Tools
from rbridge.wire import limits, values

if TYPE_CHECKING:
    from rbridge.server.session import Session

_T = TypeVar("_T")

AGAIN = 30.0  # seconds until what the host would not watch is tried again


class Folder(Asking):
    """The folder *root*, which the host of *session* calls *token*."""

    def __init__(self, tools: Tools, consent: Consent, session: Session, token: str, root: Root) -> None:
        super().__init__(tools, session, token, root)
        self.told_close = False
        """Whether the host knows that it is closed."""
        self._consent = consent
        self._scope = trio.CancelScope()
        self._pane: FolderPane | None = None
        self._watching: trio.CancelScope | None = None
        self._pages = Pages(self._list, self._start)

    @property
    def editor(self) -> str:
        """What users call the editor that shows it."""
        return getattr(self._pane, "editor", "") or self._tools.adapter.name

    def row(self) -> dict[str, object]:
        """The folder for ``rbridge status``; its texts have rows of their own once they are documents."""
        pending = self._pane is not None and self._pane.pending
        return {
            "id": self.root.id,
            "host": self.root.host,
            "path": self.root.path,
            "name": self.root.name,
            "state": "dirty" if pending else "clean",
            "connected": self.connected,
            "message": "a folder; what was written there is not on the host" if pending else "a folder",
            "editor": self.editor,
            "closed": False,
        }

    # What the daemon calls

    async def run(self) -> None:
        """Show it until editor, host or daemon close it; nothing of it is left in FILES then."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                refusal = await self._browse()
                self._give_up("failed", f"{self.name} was closed")
                if not self.told_close:
                    self._turns.add(partial(self._say_end, refusal))
                    await self._turns.idle()
                nursery.cancel_scope.cancel()
        finally:
            self._nursery = None
            self._tools.files.wipe(self.root.id)
            logger.info("%s: closed", self.name)

    def attached(self) -> None:
        """The host is back and has the folder still."""
        self._lost = False
        self._back.set()
        if self._pane is not None:
            self._turns.add(self._say_opened)
            self._start(partial(self._show, True))

    def activate(self) -> None:
        """The host's user has opened it again."""
        if self._pane is not None:
            self._pane.activate()

    def lost(self) -> None:
        """The connection ended."""
        self._turns.clear()
        self._lost, self._back = True, trio.Event()
        why = f"{self.name}: the connection to {self.session.label} is lost"
        self._pages.lost(FolderError(NOT_CONNECTED, why))
        self._give_up(NOT_CONNECTED, why)
        if self._pane is not None:
            self._start(partial(self._show, False))

    def host_closed(self) -> None:
        """The host said ``close``."""
        self.told_close = True
        self._scope.cancel()

    def stop(self) -> None:
        """The user closes it."""
        self._scope.cancel()

    def leave(self) -> None:
        """The daemon ends. An editor that keeps the folder has it from the next one, to which the host comes
        with it; for others it is closed.
        """
        if self._pane is not None and self._pane.leave():
            self.told_close = True  # nothing is closed, so there is nothing to say
        self._scope.cancel()

    def hang_up(self) -> None:
        """The daemon ends, and waits no longer for a host that takes nothing."""
        self._writing.shield = False
        self._turns.clear()

    # FolderDesk: what the adapter asks

    async def stat(self, path: str) -> Item:
        name = path.rpartition("/")[2]
        return await self._one("stat", path, lambda said: answers.item(said, name))

    async def listing(self, path: str, after: str = "", limit: int = 0) -> tuple[Sequence[Item], str]:
        return await self._pages.page(path, after, min(limit or limits.PAGE, limits.PAGE))

    async def _list(self, path: str, after: str, limit: int, take: Take) -> None:
        left = limit

        def hear(_said: Mapping[str, str], body: bytes) -> None:
            nonlocal left
            items, more = answers.listing(answers.parse(body), min(left, limits.PAGE))
            left -= len(items)
            take(items, more)

        more = {"limit": str(limit), **({"after": self._quoted(after)} if after else {})}
        await self._ask("list", path, hear, more)

    async def read(self, path: str, at: int = 0, length: int = 0) -> tuple[bytes, int]:
        length = min(length or limits.PIECE, limits.PIECE)
        pieces: list[tuple[bytes, int]] = []

        def take(said: Mapping[str, str], body: bytes) -> None:
            if len(body) > length:
                raise RemoteProtocolError("the host's answer makes no sense: more bytes than were asked for")
            pieces.append((body, values.size(said.get("total"), values.SERIAL)))

        await self._ask("read", path, take, {"at": str(at), "length": str(length)})
        return pieces[0]

    async def make(self, path: str, content: bytes | None) -> None:
        kind = {"kind": "directory" if content is None else "file"}
        await self._one("make", path, dict, kind, content)
        self._changed(path, Change.CREATED)

    async def write(self, path: str, content: bytes, base: str) -> str:
        if len(content) > limits.ASK:
            raise FolderError(
                "too-large", f"{clean(path)}: open a file of {len(content):,} bytes to write it"
            )
        digest = sha256(content).hexdigest()
        more = {"base": base, "sha256": digest, "size": str(len(content))}
        written = await self._one("write", path, answers.written, more, content)
        self._changed(path, Change.CREATED if base == ABSENT else Change.CHANGED)
        return written

    async def move(self, path: str, to: str, over: bool = False) -> None:
        more = {"to": self._quoted(to), **({"over": FLAG} if over else {})}
        root = self.root.path.rstrip("/")
        for token in await self._one("move", path, answers.moved, more):
            editing = self.session.documents.get(token)
            if editing is not None:
                editing.moved(f"{root}/{clean(path)}", f"{root}/{clean(to)}")
        self._changed(path, Change.DELETED)
        self._changed(to, Change.CHANGED if over else Change.CREATED)

    async def remove(self, path: str, recursive: bool = False) -> None:
        await self._one("remove", path, dict, {"recursive": FLAG} if recursive else {})
        self._changed(path, Change.DELETED)

    def _changed(self, path: str, change: Change) -> None:
        self._tools.changed(self.session, f"{self.root.path.rstrip('/')}/{path}", change)

    async def find(self, query: str, limit: int, found: Callable[[Sequence[str]], None]) -> Found:
        more = {"query": self._quoted(query)} if query else {}
        most = min(limit or limits.FOUND, limits.FOUND)

        def take(said: Mapping[str, object], left: int) -> int:
            found(answers.paths(said, limit=most))
            return 0

        return await self._stream("find", more, limit, take)

    async def search(self, query: Query, limit: int, found: Callable[[Sequence[Match]], None]) -> Found:
        more = {"query": self._quoted(query.query), "case": query.case}
        more.update({name: FLAG for name in ("regex", "word") if getattr(query, name)})
        for name in ("include", "exclude"):
            if globs := getattr(query, name):
                more[name] = self._quoted(globs)
        return await self._stream("search", more, limit, partial(_give, found, answers.matches))

    async def watch(self, paths: Sequence[str], changed: Callable[[Sequence[str]], None]) -> None:
        if self._watching is not None:
            self._watching.cancel()
        wanted = frozenset(paths)
        body = json.dumps({"paths": [self._quoted(one) for one in paths[: limits.SHOWN]]}).encode()

        def take(said: Mapping[str, str], data: bytes) -> None:
            named = answers.parse(data).get("changed", [])
            if not isinstance(named, list):
                raise RemoteProtocolError("the host's answer makes no sense: it says not what changed")
            # the root itself has no name
            found = [
                one for one in ("" if one == "" else answers.path(one) for one in named) if one in wanted
            ]
            if found:
                changed(found)

        with trio.CancelScope() as self._watching:
            while True:
                await self._back_again()
                try:
                    await self._ask("watch", "", take, body=body, endless=True)
                except FolderError as error:
                    logger.info("%s: watching: %s", self.name, error)
                    if error.reason != NOT_CONNECTED:
                        await trio.sleep(AGAIN)  # the user may look for himself meanwhile

    def record(self, laid: Mapping[str, str]) -> None:
        felled.write(self._tools.files.root, self.root, self.session.identity, laid)

    def keep(self, path: str, snapshot: Path, base: str) -> str:
        spool, root = self._tools.spool, self.root
        if spool is None:
            return ""
        name = path.rpartition("/")[2]
        identifier = root.id[:8] + secrets.token_hex(8)
        try:
            fd = texts.take(snapshot)
            try:
                entry = spool.keep(
                    identifier,
                    fd,
                    names.component(name),
                    host=root.host,
                    path=f"{root.path.rstrip('/')}/{clean(path)}",
                    shown=clean(name),
                    why="never delivered",
                    base=base,
                    identity=self.session.identity,
                )
            finally:
                os.close(fd)
        except (OSError, RbridgeError) as error:
            logger.warning("%s: %s cannot be kept: %s", self.name, clean(path), error)
            return ""
        return entry.about.id

    async def confirm(self, question: str) -> bool:
        asked = self._consent.question(question)
        if asked is None:
            return False
        self._tools.notifier.tell(f"{question} Run 'rbridge allow'")
        return await self._consent.wait(asked)

    def tell(self, message: str) -> None:
        self._tools.notifier.tell(clean(message))

    def started(self, value: FolderPane | None = None) -> None:
        """The adapter, of which this is the task_status, says that the editor shows the folder."""
        self._pane = cast(FolderPane, value)
        logger.info("%s: open in %s", self.name, self.editor)
        self._turns.add(self._say_opened)
        if not self.connected:
            self._start(partial(self._show, False))

    # The life of it

    async def _browse(self) -> str:
        """Run the adapter; why it could not show the folder, or nothing."""
        adapter = self._tools.adapter
        status = cast("trio.TaskStatus[FolderPane]", self)
        try:
            with self._scope:
                await adapter.browse(self.root, self, task_status=status)
        except RbridgeError as error:
            message = error.line()
        except Exception:
            logger.exception("%s: the adapter for %s failed", self.name, adapter.name)
            message = f"{adapter.name} failed, the log has more"
        else:
            return ""
        message = f"cannot show {self.name}: {message}"
        self._tools.notifier.tell(message)
        return message if self._pane is None else ""

    async def _say_end(self, refusal: str) -> None:
        async def say(peer: Peer) -> None:
            if refusal:
                await peer.refuse(self.token, "no-editor", refusal)
            else:
                await peer.close(self.token)

        self.told_close = await self._say(say)

    async def _say_opened(self) -> None:
        await self._say(lambda peer: peer.opened(self.token, self.editor))

    async def _show(self, connected: bool) -> None:
        if self._pane is not None:
            await self._pane.show(connected)


def _give(
    found: Callable[[Sequence[_T]], None],
    read: Callable[[Mapping[str, object], int], list[_T]],
    said: Mapping[str, object],
    left: int,
) -> int:
    items = read(said, left)
    if items:
        found(items)
    return len(items)
