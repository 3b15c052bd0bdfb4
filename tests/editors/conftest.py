"""Real editors in a private tmux server, as the daemon would start them."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from rbridge.adapters.base import Adapter, Pane, Text
from rbridge.adapters.presets import choose
from tests.adapters.desk import FakeDesk
from tests.harness import code
from tests.harness.environment import Home
from tests.harness.tmux import Tmux
from tests.harness.wait import until_async

DEADLINE = 20.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives VS Code is run in one process, and skipped and listed where it cannot be had."""
    why = os.environ.get(code.MISSING)
    for item in items:
        path = item.nodeid.replace(os.sep, "/")
        drives = "/test_vscode" in path or ("[vscode" in path and "/test_editors_document" not in path)
        if path.startswith("tests/editors/") and drives:
            item.add_marker(pytest.mark.xdist_group("vscode"))
            if why:
                item.add_marker(pytest.mark.skip(reason=f"no VS Code here: {why}"))


@asynccontextmanager
async def edited(adapter: Adapter, text: Text, desk: FakeDesk) -> AsyncIterator[trio.Event]:
    """Run *adapter* on *text* until the block ends; begins when it is open. Gives the event of its end."""
    returned = trio.Event()
    async with trio.open_nursery() as nursery:

        async def edit(task_status: trio.TaskStatus[Pane]) -> None:
            await adapter.edit(text, desk, task_status=task_status)
            returned.set()

        with trio.fail_after(DEADLINE):
            desk.pane = await nursery.start(edit)
        yield returned
        nursery.cancel_scope.cancel()


class Bench:
    """One editor, chosen as ``rbridge serve --editor SPEC`` chooses it inside tmux."""

    def __init__(self, home: Home, tmux: Tmux) -> None:
        self.home = home
        self.tmux = tmux
        self.files = home.runtime / "files"
        self.files.mkdir()
        self.environ = {**home.env, "TMUX": tmux.variable}

    @asynccontextmanager
    async def editing(self, spec: str, text: Text, desk: FakeDesk, sees: str) -> AsyncIterator[trio.Event]:
        """Edit *text* until the block ends; begins when *sees* is shown. Gives the event of its end."""
        name = spec.split()[0]
        assert shutil.which(name), f"this test needs {name}: apt-get install {name}"
        adapter = choose(spec, self.environ)
        async with edited(adapter, text, desk) as returned:
            await until_async(lambda: sees in self.tmux.screen(), DEADLINE, f"{spec} shows {sees}:")
            yield returned

    async def over(self, returned: trio.Event, desk: FakeDesk) -> None:
        with trio.move_on_after(DEADLINE):
            await returned.wait()
        assert returned.is_set(), f"still open; told {desk.told}; screen:\n{self.tmux.screen()}"


@pytest.fixture
def tmux(home: Home) -> Iterator[Tmux]:
    """With the name of a user that exists: Emacs reads no settings of one that does not."""
    home.env["USER"] = home.env["LOGNAME"] = pwd.getpwuid(os.getuid()).pw_name
    server = Tmux(home)
    yield server
    server.close()


@pytest.fixture
def bench(home: Home, tmux: Tmux) -> Bench:
    return Bench(home, tmux)
