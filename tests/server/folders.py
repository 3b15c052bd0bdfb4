"""A folder of a scripted host in a laptop of one process: the adapter is the test itself."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from rbridge.adapters.base import Wanted
from tests.server.conftest import PATIENCE, SECRET, Edit, Editor

ROOT = "/home/u/project"


class Shown:
    """A folder in the test's editor: *desk* is what it may ask."""

    def __init__(self, root, desk):
        self.root = root
        self.desk = desk
        self.states = []
        self.closed = trio.Event()

    editor = ""
    pending = False
    keeps = False

    def leave(self):
        return self.keeps

    def activate(self):
        self.states.append("seen")

    async def show(self, connected):
        self.states.append(connected)

    def close(self):
        self.closed.set()


class Browser(Editor):
    """An editor that shows folders too."""

    def __init__(self, directory):
        super().__init__(directory)
        self.folders = []
        self.error = None

    async def browse(self, root, desk, *, task_status=trio.TASK_STATUS_IGNORED):
        if self.error is not None:
            raise self.error
        shown = Shown(root, desk)
        self.folders.append(shown)
        task_status.started(shown)
        await shown.closed.wait()


class Asks(Wanted):
    """Asks for a text, and edits it like any other."""

    def __init__(self, laptop):
        self.laptop = laptop

    async def edit(self, text, desk, *, task_status=trio.TASK_STATUS_IGNORED):
        await self.laptop.editor.edit(text, desk, task_status=task_status)


def browse(laptop):
    """Let the laptop's editor be one that shows folders."""
    laptop.editor = Browser(laptop.directory / "snapshots")
    laptop.documents.tools = replace(laptop.documents.tools, adapter=laptop.editor)
    return laptop.editor


async def announce(host, token="f", **more):
    await host.say("folder", token=token, display_name="gpu1:project", real_path=ROOT, **more)


async def shown(laptop, **link):
    """A host with one folder, f, shown in the editor."""
    editor = browse(laptop)
    host = laptop.connect()
    await host.link(session=SECRET, **link)
    await announce(host)
    command, headers, _ = await host.hear()
    assert (command, headers["token"], headers["editor"]) == ("opened", "f", "ed")
    return host, editor.folders[0]


async def asked(host):
    """The next request: its number, what it wants, and its body."""
    command, headers, body = await host.hear()
    assert (command, headers["token"]) == ("ask", "f")
    return headers["request"], headers, body


async def asked_for(host, *paths):
    """The numbers of requests for these paths, which may come in any order."""
    numbers = {}
    for _ in paths:
        number, headers, _ = await asked(host)
        numbers[headers.get("path", "")] = number
    return [numbers[path] for path in paths]


async def reply(host, request, said=None, *, token="f", **headers):
    """Answer a request with JSON, or with the bytes that are *said*."""
    body = said if isinstance(said, bytes) else json.dumps({} if said is None else said).encode()
    await host.say("answer", body, token=token, request=request, **headers)


class Asking:
    """A request of the adapter under way: what became of it."""

    def __init__(self):
        self.result = None
        self.error = None
        self.done = trio.Event()
        self.scope = trio.CancelScope()

    async def run(self, awaitable):
        with self.scope:
            try:
                self.result = await awaitable
            except Exception as error:
                self.error = error
        self.done.set()

    async def over(self):
        with trio.fail_after(PATIENCE):
            await self.done.wait()
        if self.error is not None:
            raise self.error
        return self.result


@asynccontextmanager
async def asking(awaitable):
    """Have the adapter ask, while the test plays the host."""
    one = Asking()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, awaitable)
        yield one
        nursery.cancel_scope.cancel()


__all__ = [
    "Asks",
    "Browser",
    "Edit",
    "Shown",
    "announce",
    "asked",
    "asked_for",
    "asking",
    "browse",
    "reply",
    "shown",
]
