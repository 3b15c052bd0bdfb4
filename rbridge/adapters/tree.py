"""A folder of a host while it lies in memory and an editor works on it: what is written becomes documents.

A text that is written for the first time is opened as a document that stands on what was laid out, so that a
change on the host meanwhile is a conflict; from then on it is delivered like any other. New files are made on
the host, files that were moved are moved there; what is deleted is removed only after the user's word, given
where no host can answer.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256

import trio

from rbridge.adapters import sidefiles, snapshot
from rbridge.adapters.base import Desk, Pane, Text
from rbridge.adapters.folder import ABSENT, BUSY, FolderDesk, FolderError, FolderPane, Root
from rbridge.adapters.laying import Laid, put, whole
from rbridge.adapters.place import place_for
from rbridge.adapters.treechanges import TreeChanges, above
from rbridge.adapters.treecourier import TreeCourier, TreeText
from rbridge.adapters.treewatch import TreeWatch
from rbridge.adapters.watch import Watcher
from rbridge.errors import NotListening, RbridgeError
from rbridge.wire import limits

SETTLE = 0.5  # seconds that a new file has to stay: editors make some that are gone again
TRIES = 10  # times that a document is waited for that is being closed
RETURN = 1.0  # seconds that a vanished one has to come back: editors replace it in two steps
AGAIN = 20 << 20  # bytes above which a text is not read again when the host changes it

Task = Callable[[], Awaitable[None]]


class Tree(TreeChanges, FolderPane):
    """The texts *laid* out in *root*, in the editor called *name*; call :meth:`run` beside the editor and
    :meth:`finish` after it. *watch* is that of the folder, *watcher* is for single files.
    """

    def __init__(
        self,
        root: Root,
        desk: FolderDesk,
        laid: dict[str, Laid],
        watch: TreeWatch,
        name: str,
        watcher: Watcher,
    ) -> None:
        super().__init__(root, desk, laid, name)
        self.touched = False
        """Did the editor do anything to the folder?"""
        self._watcher = watcher
        self._due: dict[str, float] = {}
        self._refused: dict[str, str] = {}  # the digests of what the host did not take
        self._watch = watch
        self._nursery: trio.Nursery | None = None
        self._begun = trio.Event()
        self._finishing = self._closed = self._lost = False
        self._left_out: set[str] = set()
        self._held: set[str] = set()  # touched while something was done about them
        self._finding: set[str] = set()  # new ones of which it is not known yet what they were before
        self._idle = trio.Event()

    @property
    def editor(self) -> str:
        return self._name

    @property
    def pending(self) -> bool:
        return bool(self._waiting or self._unsaved)

    async def run(self) -> None:
        """Deliver what is written, for ever."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._begun.set()
            self._record()
            nursery.start_soon(self._keep_up)
            while True:
                with trio.CancelScope(deadline=min(self._due.values(), default=float("inf"))):
                    await self._watch.changed()
                self._look_at(self._watch.take())

    async def finish(self) -> None:
        """The editor is gone: deliver all that it left, and return when that is done."""
        await self._begun.wait()
        self._finishing = True
        self._watch.notice_all()
        self._look_at({*self._watch.take(), *self._texts, *self._directories, *self._due})
        while self._busy or self._held or self._watch.touched:
            await self._idle.wait()
        while self._couriers:
            for courier in self._couriers.values():
                courier.end()
            await self._ended.wait()

    def keep(self) -> None:
        """Put what was written and is not delivered where it is kept."""
        for path in self._written():
            file = self._file(path)
            laid = self._texts.get(path)
            try:
                digest = snapshot.digest_of(file)
            except OSError:
                continue  # it is gone, or no file any more: there is no text
            if digest in self._digests(path):
                continue
            name = self._desk.keep(path, file, laid.digest if laid is not None else ABSENT)
            kept = f"it is kept: rbridge recover show {name}" if name else "and could not be kept"
            self._tell(f"{path} was not delivered to {self.root.host}; {kept}")

    def end(self) -> None:
        """The folder is closed: its documents end, what they have is delivered or kept."""
        self._closed = True
        if not self._finishing:
            where = f"{self.root.name} on {self.root.host}"
            self._tell(f"{where} is closed: what {self._name} still saves of it is not sent any more")
        for courier in self._couriers.values():
            courier.end()

    async def show(self, connected: bool) -> None:
        if connected:
            self._told_waiting = False
            for path in self._waiting:
                self._watch.notice(path)
            self._waiting.clear()

    def activate(self) -> None:
        """The window is somebody else's."""

    # What happened

    def _look_at(self, touched: Iterable[str]) -> None:
        """See to what was *touched*, and to what was touched before and had to wait."""
        now = trio.current_time()
        for path in touched:
            if sidefiles.is_left_out(path):
                self._see_left_out(path)
            else:
                self.touched = True
                self._due[path] = now + (0 if self._finishing else self._patience(path))
        gone = []
        for path in sorted(one for one, due in self._due.items() if due <= now):
            del self._due[path]
            if path in self._busy or not self._moving.isdisjoint((path, *above(path))):
                self._held.add(path)
                continue
            what = snapshot.look(self._file(path))
            if what == "gone":
                gone.append(path)
            elif what == "":
                self._see_file(path)
            elif what == "a directory":
                self._see_directory(path)
            else:
                self._tell(f"{path} is {what} now: nothing was sent, the host's file is untouched")
        if self._finding:
            self._held.update(gone)  # they may have been moved, and not deleted
        else:
            self._see_gone(gone)
        self._rest()

    def _patience(self, path: str) -> float:
        if snapshot.look(self._file(path)) == "gone":
            return RETURN
        return 0 if path in self._texts else SETTLE

    def _see_file(self, path: str) -> None:
        if path in self._couriers:
            return  # which sees it by itself
        if path in self._texts:
            self._start(path, partial(self._changed, path))
        else:
            self._finding.add(path)
            self._start(path, partial(self._new, path))

    def _see_directory(self, path: str) -> None:
        if path not in self._directories:
            self._finding.add(path)
            self._moving.add(path)
            self._start(path, partial(self._new_directory, path))

    def _see_left_out(self, path: str) -> None:
        why = sidefiles.why_not(path)
        if why and path not in self._left_out and snapshot.look(self._file(path)) == "":
            self._left_out.add(path)
            self._tell(f"{path} is not sent to {self.root.host}: {why}; it is gone when the folder is closed")

    def _see_gone(self, paths: list[str]) -> None:
        """What is gone for good; of a directory with all that is in it, only the directory."""
        known = [one for one in paths if one in self._texts or one in self._directories]
        lost = [one for one in self._directories if self._gone(one)]
        tops = [one for one in known if not any(one.startswith(f"{up}/") for up in lost)]
        if tops and self.root.directory.is_dir():
            self._start(tops[0], partial(self._remove, tops), *tops[1:])
        elif tops and not self._lost:  # a user who logs out may have all that is in memory removed
            self._lost = True
            self._tell(f"{self.root.name} is gone here, as a whole: {self.root.host} has it as it was")

    # What is done about it

    async def _changed(self, path: str) -> None:
        laid = self._texts.get(path)
        digest = await self._digest(path)
        if laid is not None and digest and digest not in (laid.digest, self._refused.get(path)):
            await self._open(path, laid.digest)

    async def _new(self, path: str) -> None:
        try:
            before = await self._moved_from(path)
        finally:
            self._finding.discard(path)
        if self._gone(path):
            return  # it was only half of something
        if before is None:
            await self._open(path, ABSENT)
        elif await self._move(before, path):
            self._watch.notice(path)

    async def _new_directory(self, path: str) -> None:
        try:
            before = await self._directory_moved_from(path)
            self._finding.discard(path)
            if before is None:
                await self._make_directories(f"{path}/")
            else:
                await self._move(before, path)
        finally:
            self._finding.discard(path)
            self._moving.discard(path)

    async def _open(self, path: str, base: str) -> None:
        """Have *path*, which was written, opened as a document that stands on *base*."""
        wanted = TreeText(self.deliver, path, base)
        try:
            already = await self._opened(path, wanted, base)
        except FolderError as error:
            self._not_opened(path, error)
            return
        self._unsaved.discard(path)
        if already:
            self._unsaved.add(path)
            self._refused[path] = await self._digest(path)
            self._tell(f"{path} is open in another editor on this laptop: what was written here is not sent")
        else:
            await wanted.begun.wait()

    async def _opened(self, path: str, wanted: TreeText, base: str) -> str:
        """What the desk says to that; what is in the way, and goes away, is waited for."""
        tries, new = TRIES, base == ABSENT
        while True:
            try:
                return await self._desk.open(path, wanted, create=new, base=base)
            except FolderError as error:
                tries -= 1
                if error.reason == BUSY and tries > 0:  # the document that it was is being closed
                    await trio.sleep(SETTLE)
                elif error.reason == "gone" and new and "/" in path and tries > 0:
                    tries = 0
                    for one in above(path):  # they may be gone there since
                        self._directories.pop(one, None)
                    await self._make_directories(path)
                else:
                    raise

    async def deliver(
        self, path: str, base: str, text: Text, desk: Desk, task_status: trio.TaskStatus[Pane]
    ) -> None:
        """Deliver what is written to *path* as the document *text*, until the folder is closed."""
        if self._closed:
            raise NotListening(f"the folder with {path} was closed meanwhile")
        here = replace(text, file=self._file(path), read_only=self.root.read_only or text.read_only)
        known = "" if base == ABSENT else base
        with place_for(text) as place:
            async with self._watcher.watching(here.file) as watch:
                courier = TreeCourier(here, desk, watch, place.private, self._name, text.file)
                courier.go_on_from({"known": known})
                self._couriers[path] = courier
                self._texts.setdefault(path, Laid(base, self._inode(path)))
                try:
                    task_status.started(courier)
                    await courier.run()
                finally:
                    self._courier_over(courier)

    def _courier_over(self, courier: TreeCourier) -> None:
        for path in [one for one, known in self._couriers.items() if known is courier]:
            del self._couriers[path]
            if path in self._texts:
                # of one in conflict it is not known: then it stands on what it stood on before
                self._texts[path] = Laid(courier.known or self._texts[path].digest, self._inode(path))
            self._refused[path] = courier.offered
        if not self._finishing:
            self._record()
        self._ended.set()
        self._ended = trio.Event()

    # What changes on the host

    async def _keep_up(self) -> None:
        """Show what changes on the host, in texts that nobody has written to here, and that are not large."""
        shown = sorted(self._texts)[: limits.SHOWN]
        if shown:
            await self._desk.watch(shown, self._host_changed)

    def _host_changed(self, paths: Sequence[str]) -> None:
        for path in paths:
            if path in self._texts and path not in self._couriers and path not in self._busy:
                self._start(path, partial(self._refresh, path))

    async def _refresh(self, path: str) -> None:
        laid = self._texts.get(path)
        if laid is None:
            return
        try:
            if os.lstat(self._file(path)).st_size > AGAIN:
                return
            data = await whole(self._desk, path)
        except (FolderError, OSError):
            return  # a save will say what is there
        if sha256(data).hexdigest() == laid.digest or await self._digest(path) != laid.digest:
            return
        file = self._file(path)
        staged = file.with_name(f".#{file.name}")
        try:
            new = put(staged, data, self.root.read_only)
            if new is not None:
                # RACE: a write of the editor between the comparison and the rename is lost from this file;
                # the editor still shows it, and warns that the file changed under it when it is saved next.
                os.replace(staged, file)
                self._texts[path] = new
                self._record()
        except OSError as error:
            self._tell(f"cannot show the host's new text of {path} in {self._name}: {error.strerror}")

    # Small things

    def _start(self, path: str, task: Task, *more: str) -> None:
        paths = {path, *more}
        self._busy |= paths

        async def run() -> None:
            try:
                await task()
            except (RbridgeError, OSError) as error:
                self._tell(f"{path}: {error}")
            finally:
                self._busy -= paths
                held, self._held = self._held, set()
                for one in held:
                    self._watch.notice(one)
                self._rest()

        if self._nursery is not None:
            self._nursery.start_soon(run)

    def _rest(self) -> None:
        """Something is done, or was seen to need nothing."""
        self._idle.set()
        self._idle = trio.Event()
