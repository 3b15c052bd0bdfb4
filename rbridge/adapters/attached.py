"""The adapter for editors whose plug-in is connected: remote texts as true buffers; see docs/attach.md."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from rbridge.adapters import viewer
from rbridge.adapters.base import Adapter, Desk, Pane, Text
from rbridge.adapters.browsing import ELSEWHERE, Browsing
from rbridge.adapters.buffer import KIND, Buffer
from rbridge.adapters.fetched import Fetched
from rbridge.adapters.folder import FolderDesk, FolderPane, Root
from rbridge.adapters.languages import Languages
from rbridge.adapters.place import place_again, place_for, private_of
from rbridge.adapters.tasks import beside
from rbridge.adapters.viewing import Viewing, name_of
from rbridge.adapters.window import Window, head
from rbridge.errors import CannotCreate, NotListening, RbridgeError, clean
from rbridge.jsonrpc import RpcError

RETURN = 60.0  # seconds that the plug-ins of a daemon that died have to come back to us
TAKE = 10.0  # seconds for a document of such a daemon to be here


class Attached(Adapter):
    """All windows whose plug-in is connected, and the documents in them. What is no text and cannot be seen
    in any of them is shown by *viewing*.
    """

    name = "an attached editor"

    def __init__(self, viewing: Viewing | None = None) -> None:
        self._viewing = viewing or Viewing()
        self._viewed: dict[str, tuple[Pane, dict[str, Any]]] = {}
        """The documents in viewers, each with what ``fs/open`` says of it."""
        self.windows: list[Window] = []
        """The one that was focused last comes first."""
        self._buffers: dict[str, Buffer] = {}
        self._folders: dict[str, Browsing] = {}
        self._expected: dict[str, trio.Event] = {}
        self._arrival = trio.Event()
        self.languages: Languages | None = None
        """Who knows of language servers; None where they are turned off."""

    def describe(self) -> str:
        return "the attached editor that was focused last"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One plug-in's connection, to its end."""
        window = Window(stream, self)
        try:
            await window.run()
        finally:
            if window in self.windows:
                self.windows.remove(window)
            for buffer in self._buffers.values():
                buffer.lost(window)
            for folder in self._folders.values():
                folder.lost(window)

    def for_text(self, text: Text) -> list[Window]:
        """The windows in which *text* may be opened, in order: first one that shows this very file, then one
        that shows a folder with it, the innermost first.
        """
        here = (text.host, text.path)
        showing = [
            one.window
            for one in self._buffers.values()
            if text.path and one.opened and (one.text.host, one.text.path) == here
        ]
        around = {one.window: len(one.root.path) for one in self._around(text)}
        other = getattr(text.half.other, "window", None) if text.half is not None else None
        order = {one: (one is not other, one not in showing, -around.get(one, 0)) for one in self.windows}
        return sorted(self.windows, key=order.__getitem__)

    def _around(self, text: Text) -> list[Browsing]:
        """The folders of its host that *text* lies in, the outermost first."""
        if not text.path or not text.verified:
            return []
        found = [
            one
            for one in self._folders.values()
            if one.root.host == text.host and text.path.startswith(one.root.path.rstrip("/") + "/")
        ]
        return sorted(found, key=lambda one: len(one.root.path))

    async def arrival(self) -> None:
        """Return when one more window is attached."""
        await self._arrival.wait()

    # The contract

    async def ask(self, message: str, answers: Sequence[str]) -> str | None:
        """In the window that was focused last, of those that can; the next one where that goes away."""
        asked: list[Window] = []
        while True:
            can = [one for one in self.windows if one.question and one not in asked]
            if not can:
                return None
            asked.append(can[0])
            try:
                return await can[0].ask(message, answers)
            except trio.BrokenResourceError:
                continue

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """As :meth:`Adapter.edit`; raises NotListening where no window could show *text*, and no viewer."""
        kind = await self._kind(text)
        shown_here = not (kind and self.windows) or any(window.views(text) for window in self.windows)
        words = [] if shown_here else self._viewing.words(text)
        if words:
            await self._view(kind, words, text, desk, task_status)
            return
        with place_for(text) as place:
            buffer = Buffer(text, desk, place)
            try:
                await buffer.begin()
            except OSError as error:
                raise CannotCreate(f"cannot make a copy of {text.name}: {error.strerror}") from error
            async with self._known(buffer):
                if text.half is None:
                    await self._open(buffer)
                else:
                    await text.half.opened(buffer, self._open)
                task_status.started(buffer)
                await buffer.over()

    def runs(self, text: Text, resume: Mapping[str, Any]) -> bool:
        """Nobody knows before the plug-in is back: :meth:`adopt` waits for it."""
        if resume.get("kind") != KIND or private_of(text, resume) is None or not os.path.isfile(text.file):
            return False
        self._expected.setdefault(text.id, trio.Event())
        return True

    async def adopt(
        self,
        text: Text,
        desk: Desk,
        resume: Mapping[str, Any],
        *,
        task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            with place_again(text, resume) as place:
                buffer = Buffer(text, desk, place, RETURN)
                await buffer.go_on_from(resume)
                async with self._known(buffer):
                    task_status.started(buffer)
                    await buffer.over()
        except (CannotCreate, OSError) as error:
            raise NotListening(clean(f"cannot go on with {text.name}: {error}")) from error
        finally:
            self._expected.pop(text.id, trio.Event()).set()

    @asynccontextmanager
    async def _known(self, buffer: Buffer) -> AsyncIterator[None]:
        """The plug-ins can speak of *buffer* as long as the block runs."""
        self._buffers[buffer.text.id] = buffer
        self._expected.pop(buffer.text.id, trio.Event()).set()
        try:
            async with beside(buffer.deliver):
                yield
        finally:
            del self._buffers[buffer.text.id]
            buffer.gone()

    async def _open(self, buffer: Buffer) -> None:
        text = buffer.text
        why = "no editor is attached"
        kind = await self._kind(text)
        for window in self.for_text(text):
            if kind and not window.views(text):
                why = f"{window.name} does not show {kind}"
                continue
            if not (buffer.shown.utf8 or window.base64):
                why = f"{window.name} cannot show bytes that are no UTF-8"
                continue
            try:
                await window.open(buffer)
            except (trio.TooSlowError, trio.BrokenResourceError):
                why = f"{window.name} does not answer"
                buffer.lost(window)
            except RpcError as error:
                raise RbridgeError(
                    clean(f"{window.name} cannot show {text.name}: {error.message}")
                ) from error
            else:
                buffer.opened = True
                return
        raise NotListening(clean(f"cannot open {text.name}: {why}"))

    # Viewers

    @staticmethod
    async def _kind(text: Text) -> str:
        return await trio.to_thread.run_sync(viewer.kind_of, text) if viewer.may_be(text) else ""

    async def _view(
        self,
        kind: str,
        words: Sequence[str],
        text: Text,
        desk: Desk,
        task_status: trio.TaskStatus[Pane],
        shown: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        """Have *words* show *text*, and tell *shown* of it."""

        def started(pane: Pane) -> None:
            told = {"viewer": name_of(words), "kind": kind, "name": text.name}
            self._viewed[text.id] = pane, told
            shown(told)
            task_status.started(pane)

        try:
            await self._viewing.show(text, desk, words, _Then(started))
        finally:
            self._viewed.pop(text.id, None)

    # Folders

    async def browse(
        self,
        root: Root,
        desk: FolderDesk,
        *,
        task_status: trio.TaskStatus[FolderPane] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """As :meth:`Adapter.browse`; raises NotListening where no window could show *root*."""
        folder = Browsing(root, desk, self)
        self._folders[root.id] = folder
        try:
            await self._show(folder)
            for other in list(self._folders.values()):
                same = (other.root.host, other.root.path) == (root.host, root.path)
                if other is not folder and same and not other.connected:
                    other.gone()  # its client was killed, and this is what the user has now
            task_status.started(folder)
            await folder.over()
        finally:
            del self._folders[root.id]
            folder.gone()

    async def _show(self, folder: Browsing) -> None:
        root, why = folder.root, "no editor is attached"
        if root.again:
            with trio.move_on_after(RETURN):
                while not self._claiming(root):
                    await self._arrival.wait()
        for window in self._claiming(root) if root.again else self._for_folder(root):
            if not window.folders:
                why = f"{window.name} does not show folders"
                continue
            try:
                await window.show(folder)
            except (trio.TooSlowError, trio.BrokenResourceError):
                why = f"{window.name} does not answer"
            except RpcError as error:
                raise RbridgeError(
                    clean(f"{window.name} cannot show {root.name}: {error.message}")
                ) from error
            else:
                window.claims.discard((root.host, root.path))
                return
        raise NotListening(clean(f"cannot show {root.name}: {why}"))

    def _claiming(self, root: Root) -> list[Window]:
        """The windows that showed *root* before this daemon was started."""
        return [one for one in self.windows if (root.host, root.path) in one.claims]

    def _for_folder(self, root: Root) -> list[Window]:
        """The windows in which *root* may be shown, in order: first one that shows it, or one around it."""
        around = {
            one.window
            for one in self._folders.values()
            if one.root.host == root.host and f"{root.path}/".startswith(one.root.path.rstrip("/") + "/")
        }
        claiming = self._claiming(root)
        return sorted(self.windows, key=lambda one: (one not in claiming, one not in around))

    def fetched(self, screen: Window) -> Fetched:
        return Fetched(partial(self._show_in, screen), self._close)

    async def _show_in(
        self,
        window: Window,
        text: Text,
        desk: Desk,
        task_status: trio.TaskStatus[Pane],
        shown: Callable[[dict[str, Any]], None],
    ) -> None:
        """Edit *text*, which *window* asked for; what it does not show goes to a viewer."""
        kind = await self._kind(text)
        if kind and not window.views(text):
            words = self._viewing.words(text)
            if not words:
                raise NotListening(
                    f"cannot show {text.name}: {window.name} does not show {kind}, and nothing on the laptop "
                    "was found that does"
                )
            await self._view(kind, words, text, desk, task_status, shown)
            return
        with place_for(text) as place:
            buffer = Buffer(text, desk, place)
            try:
                await buffer.begin()
            except OSError as error:
                raise CannotCreate(f"cannot make a copy of {text.name}: {error.strerror}") from error
            if not (buffer.shown.utf8 or window.base64):
                raise RbridgeError(f"{window.name} cannot show bytes that are no UTF-8")
            if window not in self.windows:
                raise NotListening("the window that asked for it is gone")
            async with self._known(buffer):
                buffer.goes_to(window)
                buffer.opened = True
                shown(head(buffer))
                task_status.started(buffer)
                await buffer.over()

    async def show_again(self, document: str, screen: Window, line: int, column: int) -> dict[str, Any]:
        if document in self._viewed:
            pane, told = self._viewed[document]
            await pane.reveal(line, column)
            return told
        buffer = self._buffers.get(document)
        if buffer is None or buffer.closing or not buffer.opened:
            raise RpcError(ELSEWHERE, "the file is open in another editor on this laptop: close it there")
        if buffer.window is None:
            buffer.goes_to(screen)
        if buffer.window is not screen:
            name = clean(buffer.window.name) if buffer.window is not None else ""
            raise RpcError(ELSEWHERE, f"{buffer.where} is open in another window, of {name}")
        return {**head(buffer), "line": line, "column": column}

    def moved(self, root: Root, path: str, to: str) -> None:
        top = root.path.rstrip("/")
        before, after = f"{top}/{clean(path)}", f"{top}/{clean(to)}"
        for buffer in self._buffers.values():
            here = buffer.text.path
            if buffer.text.host == root.host and (here == before or here.startswith(f"{before}/")):
                here = after + here[len(before) :]
                buffer.text = replace(buffer.text, path=here, name=here.rpartition("/")[2])

    def _close(self, document: str) -> None:
        """Close a buffer that no window heard of."""
        buffer = self._buffers.get(document)
        if buffer is not None:
            buffer.end()

    # What windows ask

    def buffer(self, document: str) -> Buffer | None:
        return self._buffers.get(document)

    def folder(self, folder: str) -> Browsing | None:
        return self._folders.get(folder)

    async def expected(self, document: str) -> None:
        coming = self._expected.get(document)
        if coming is not None:
            with trio.move_on_after(TAKE):
                await coming.wait()

    def enters(self, window: Window) -> None:
        self.windows.insert(0, window)
        self._arrival.set()
        self._arrival = trio.Event()

    def focused(self, window: Window) -> None:
        if window in self.windows:
            self.windows.remove(window)
            self.windows.insert(0, window)


class _Then(trio.TaskStatus[Pane]):
    """Does something with the pane of a document that is shown."""

    def __init__(self, then: Callable[[Pane], None]) -> None:
        self._then = then

    def started(self, value: Any = None) -> None:
        self._then(value)
