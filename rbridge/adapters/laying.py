"""Lays the texts of a host's folder out in memory, for an editor that knows files only.

All of them or nothing: what is too large is refused before the first text is read, and the error names the
folders in it that could be opened instead.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import trio

from rbridge.adapters import sidefiles
from rbridge.adapters.folder import FolderDesk, FolderError, Root
from rbridge.errors import RbridgeError, clean
from rbridge.wire import limits

FILES = 2000
BYTES = 50 << 20
AT_ONCE = 16  # requests under way: a host works on 4 at a time, the rest hides the way there
PEEKED = 64 << 10  # bytes from which on a file's beginning is read first: a large one is often no text
NAMED = 6  # subfolders that the error names
LOOK = 10_000  # files that are counted for it

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class TooMuch(RbridgeError):
    """The folder is more than is laid out."""


@dataclass(frozen=True)
class Laid:
    """One text that was laid out: the sha256 of it, and the inode that it lies in."""

    digest: str
    inode: int


async def lay(
    root: Root, desk: FolderDesk, progress: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Laid]:
    """Lay the texts of *root* into its directory. *progress* is told how many are there.

    Returns them by their paths. Raises TooMuch, with nothing laid out unless the host said less than it sent,
    FolderError and OSError.
    """
    paths = await _paths(root, desk)
    sizes = await _sizes(root, desk, paths)
    texts = await _texts(desk, sizes)
    if sum(sizes[path] for path in texts) > BYTES:
        raise _too_much(root, {path: sizes[path] for path in texts}, _megabytes)
    laid: dict[str, Laid] = {}
    left = BYTES  # whatever the host said before

    async def one(path: str) -> None:
        nonlocal left
        data = await whole(desk, path, max(2 * sizes[path], limits.PIECE))
        if sidefiles.is_text(data):
            left -= len(data)
            sizes[path] = len(data)
            if left < 0:
                raise _too_much(root, sizes, _megabytes, more=True)
            found = put(root.directory / path, data, root.read_only)
            if found is not None:
                laid[path] = found
        progress(len(laid), len(texts))

    await _each(one, texts)
    return laid


async def whole(desk: FolderDesk, path: str, most: int = BYTES) -> bytes:
    """All bytes of a file. Raises FolderError for one of more than *most*."""
    data, total = await desk.read(path)
    pieces, size = [data], len(data)
    while data and size < total and size <= most:
        data, total = await desk.read(path, size)
        pieces.append(data)
        size += len(data)
    if size > most:
        raise FolderError("too-large", f"{clean(path)} is too large to be laid out")
    return b"".join(pieces)


def put(file: Path, data: bytes, read_only: bool = False) -> Laid | None:
    """Make *file* with *data* in it, and the directories above it; None where something else has the name, as
    on a system that does not tell capitals apart, and where it is too long. Raises OSError.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(file, _NEW, 0o400 if read_only else 0o600)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise
    try:
        with open(fd, "wb") as stream:
            stream.write(data)
            stream.flush()
            return Laid(sha256(data).hexdigest(), os.fstat(fd).st_ino)
    except OSError:
        os.unlink(file)  # half of a text must not be taken for one that the editor wrote
        raise


async def _paths(root: Root, desk: FolderDesk) -> list[str]:
    """What may be a text, by its name."""
    found: list[str] = []

    def take(some: Sequence[str]) -> None:
        found[:] = some

    end = await desk.find("", LOOK, take)
    paths = [one for one in found if not sidefiles.is_left_out(one) and not sidefiles.is_binary_name(one)]
    if len(paths) > FILES or end.truncated:
        raise _too_much(root, dict.fromkeys(paths, 1), _files, more=end.truncated)
    return paths


async def _sizes(root: Root, desk: FolderDesk, paths: Iterable[str]) -> dict[str, int]:
    """The sizes of those that are regular files."""
    wanted: dict[str, set[str]] = {}
    for path in paths:
        directory, _, name = path.rpartition("/")
        wanted.setdefault(directory, set()).add(name)
    sizes: dict[str, int] = {}

    async def one(directory: str) -> None:
        after, names = "", wanted[directory]
        while names:
            items, after = await desk.listing(directory, after, limits.PAGE)
            for item in items:
                if item.name in names and item.kind == "file" and not item.outside:
                    sizes[f"{directory}/{item.name}" if directory else item.name] = item.size
            if not after:
                return

    await _each(one, wanted)
    return sizes


async def _texts(desk: FolderDesk, sizes: dict[str, int]) -> list[str]:
    """Those that are texts, as far as can be told from their beginnings."""
    no_texts: set[str] = set()

    async def one(path: str) -> None:
        head, _ = await desk.read(path, 0, sidefiles.SNIFFED)
        if not sidefiles.is_text(head):
            no_texts.add(path)

    await _each(one, [path for path, size in sizes.items() if size > PEEKED])
    return [path for path in sizes if path not in no_texts]


async def _each(do: Callable[[str], Awaitable[None]], paths: Iterable[str]) -> None:
    """Do it for all *paths*, some at a time. A file that is gone or unreadable is left out."""
    waiting = list(reversed(list(paths)))
    failures: list[Exception] = []

    async def work(scope: trio.CancelScope) -> None:
        while waiting and not failures:
            path = waiting.pop()
            try:
                await do(path)
            except FolderError as error:
                if error.reason not in ("gone", "denied", "outside", "failed", "too-large"):
                    failures.append(error)
                    scope.cancel()
            except (OSError, TooMuch) as error:
                failures.append(error)
                scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(min(AT_ONCE, len(waiting))):
            nursery.start_soon(partial(work, nursery.cancel_scope))
    if failures:
        raise failures[0]


def _too_much(
    root: Root, weights: dict[str, int], told: Callable[[int], str], *, more: bool = False
) -> TooMuch:
    below: Counter[str] = Counter()
    for path, weight in weights.items():
        top, slash, _ = path.partition("/")
        below[top if slash else ""] += weight
    folders = [(name, weight) for name, weight in below.most_common() if name][:NAMED]
    named = ", ".join(f"{clean(name)} ({told(weight)})" for name, weight in folders)
    all_of_it = f"{'more than ' if more else ''}{told(sum(weights.values()))}"
    return TooMuch(
        f"{root.name} has {all_of_it}, and at most {FILES:,} texts of {BYTES >> 20} MB together are laid "
        "out: nothing was",
        f"open a folder in it: {named}" if named else "open its files one by one",
    )


def _files(count: int) -> str:
    return f"{count:,} files"


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MB"
