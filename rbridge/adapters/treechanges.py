"""What is done on the host when files of a tree in memory are moved, deleted or made."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import trio

from rbridge.adapters import sidefiles, snapshot
from rbridge.adapters.folder import NOT_CONNECTED, FolderDesk, FolderError, Root
from rbridge.adapters.laying import Laid, put, whole
from rbridge.adapters.treecourier import TreeCourier
from rbridge.errors import clean

NAMED = 3  # of several files in a question


class TreeChanges:
    """What :class:`~rbridge.adapters.tree.Tree` is made of: the texts *laid* out in *root*, in the editor
    called *name*.
    """

    def __init__(self, root: Root, desk: FolderDesk, laid: dict[str, Laid], name: str) -> None:
        self.root = root
        self._desk = desk
        self._name = name
        self._texts = dict(laid)
        self._directories = {one: self._inode(one) for path in laid for one in above(path)}
        self._couriers: dict[str, TreeCourier] = {}
        self._ended = trio.Event()  # a courier has
        self._busy: set[str] = set()
        self._moving: set[str] = set()  # of these, what is in them has to wait too
        self._waiting: set[str] = set()  # written while there was no connection
        self._unsaved: set[str] = set()  # written, and the host would not have it
        self._told_waiting = False
        # on a disk the number of a file that is deleted is soon that of another one
        self._numbered = root.in_memory

    async def _move(self, before: str, path: str) -> bool:
        """Move on the host what was moved here; whether that was done."""
        inside = [one for one in self._texts if one == before or one.startswith(f"{before}/")]
        self._busy.add(before)  # it is gone here, and not because it was deleted
        self._moving.add(before)
        try:
            for one in inside:
                await self._end_courier(one)
            await self._desk.move(before, path)
        except FolderError as error:
            self._not_opened(path, error)
            return False
        finally:
            self._busy.discard(before)
            self._moving.discard(before)
        for one in [one for one in self._texts if one == before or one.startswith(f"{before}/")]:
            self._texts[path + one[len(before) :]] = self._texts.pop(one)
        for one in [one for one in self._directories if one == before or one.startswith(f"{before}/")]:
            self._directories[path + one[len(before) :]] = self._directories.pop(one)
        self._record()
        return True

    async def _remove(self, tops: list[str]) -> None:
        named = ", ".join(tops[:NAMED]) + (f" and {len(tops) - NAMED} more" if len(tops) > NAMED else "")
        question = f"Remove {named} from {self.root.name} on {self.root.host}? {self._name} deleted it here."
        allowed = await self._desk.confirm(clean(question))
        for top in tops:
            if not self._gone(top):
                continue
            inside = [one for one in self._texts if one == top or one.startswith(f"{top}/")]
            if not allowed:
                for one in inside:
                    await self._put_back(one)
                continue
            try:
                await self._remove_all(top, inside)
            except FolderError as error:
                self._tell(f"{top} was not removed: {error}")

    async def _remove_all(self, top: str, inside: list[str]) -> None:
        """Remove what was laid out, and no more: what else is in a directory nobody saw here."""
        for one in inside:
            await self._end_courier(one)
            laid = self._texts.get(one)
            if laid is None:
                continue  # it was moved meanwhile
            try:
                if sha256(await whole(self._desk, one)).hexdigest() != laid.digest:
                    self._tell(f"{one} was changed on {self.root.host} meanwhile: it was not removed")
                    await self._put_back(one)
                    continue
                # RACE: what is written there between that look and this is removed
                await self._desk.remove(one)
            except FolderError as error:
                if error.reason != "gone":
                    raise
            self._texts.pop(one, None)
        below = [one for one in self._directories if one == top or one.startswith(f"{top}/")]
        for one in sorted(below, reverse=True):
            if not self._gone(one):
                continue  # something in it was put back
            del self._directories[one]
            try:
                await self._desk.remove(one)
            except FolderError as error:
                if error.reason == "exists":
                    self._tell(f"{one} stays on {self.root.host}: it has more in it than was laid out")
                elif error.reason != "gone":
                    raise

    async def _put_back(self, path: str) -> None:
        try:
            laid = put(self._file(path), await whole(self._desk, path), self.root.read_only)
        except (FolderError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self._tell(f"{path} could not be put back here: {why}; nothing was done on {self.root.host}")
            if isinstance(error, FolderError) and error.reason == "gone":
                self._texts.pop(path, None)
            return
        if laid is not None:
            self._texts[path] = laid
            self._directories.update({one: self._inode(one) for one in above(path)})
            self._record()

    async def _make_directories(self, path: str) -> None:
        """Make the directories above *path* on the host that are not there."""
        for one in above(path):
            if one not in self._directories:
                try:
                    await self._desk.make(one, None)
                except FolderError as error:
                    if error.reason != "exists":
                        self._not_opened(one, error)
                        return
                self._directories[one] = self._inode(one)

    async def _moved_from(self, path: str) -> str | None:
        """The text that *path* was before it was renamed."""
        inode, digest = self._inode(path), await self._digest(path)
        gone = [one for one in self._texts if self._gone(one) and one not in self._busy]
        same = [one for one in gone if inode and self._texts[one].inode == inode]
        alike = [one for one in gone if digest in self._digests(one)]
        sure = same if self._numbered else [one for one in same if one in alike]
        return next(iter(sure or alike), None)

    async def _directory_moved_from(self, path: str) -> str | None:
        """The directory that *path* was before it was renamed."""
        inode = self._inode(path)
        for before, known in self._directories.copy().items():
            if not inode or known != inode or not self._gone(before) or before in self._busy:
                continue
            if self._numbered:
                return before
            for one in [one for one in self._texts if one.startswith(f"{before}/")]:
                if await self._digest(path + one[len(before) :]) in self._digests(one):
                    return before
        return None

    def _digests(self, path: str) -> set[str]:
        """Those of what the host has, or the desk, as far as is known here."""
        laid, courier = self._texts.get(path), self._couriers.get(path)
        known = {laid.digest} if laid is not None else set()
        return (known | (courier.handled if courier is not None else set())) - {""}

    async def _end_courier(self, path: str) -> None:
        while path in self._couriers:
            self._couriers[path].end()
            await self._ended.wait()

    def _not_opened(self, path: str, error: FolderError) -> None:
        if error.reason == NOT_CONNECTED:
            self._waiting.add(path)
            if not self._told_waiting:
                self._told_waiting = True
                self._tell(f"{path}: {self.root.host} is not connected; it is sent when that is back")
            return
        self._unsaved.add(path)
        self._tell(f"{path} was not saved: {error}")

    def _record(self) -> None:
        self._desk.record({path: laid.digest for path, laid in self._texts.items()})

    def _written(self) -> list[str]:
        """All files that lie here now and are the project's; nothing else is ever opened."""
        found = []
        for directory, _, files in os.walk(self.root.directory):
            for name in files:
                path = os.path.relpath(os.path.join(directory, name), self.root.directory)
                if not sidefiles.is_left_out(path) and snapshot.look(self._file(path)) == "":
                    found.append(path)
        return found

    async def _digest(self, path: str) -> str:
        """The sha256 of what lies here, empty where nothing does."""
        try:
            return await trio.to_thread.run_sync(snapshot.digest_of, self._file(path))
        except OSError:
            return ""

    def _file(self, path: str) -> Path:
        return self.root.directory / path

    def _gone(self, path: str) -> bool:
        return snapshot.look(self._file(path)) == "gone"

    def _inode(self, path: str) -> int:
        try:
            return os.lstat(self._file(path)).st_ino
        except OSError:
            return 0

    def _tell(self, message: str) -> None:
        self._desk.tell(clean(message))


def above(path: str) -> list[str]:
    """The directories above *path*, the outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
