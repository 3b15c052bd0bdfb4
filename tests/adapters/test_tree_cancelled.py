"""A tree whose folder is closed at any moment: what was written is on the host, or kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import trio

from rbridge.adapters import tree
from tests.adapters.conformance import _CancelAfter as CancelAfter
from tests.adapters.desk import DEADLINE
from tests.adapters.trees import Laid

WRITTEN = {
    "train.py": b"mine\n",
    "fresh.py": b"fresh\n",
    "lib/model.py": b"edited\n",
    "deep/er/new.py": b"n\n",
}
APART = 7  # steps from one cancellation to the next


async def work(laid: Laid) -> None:
    """An editor saves, makes, moves, and ends."""
    laid.write("train.py", WRITTEN["train.py"])
    laid.write("fresh.py", WRITTEN["fresh.py"])
    os.rename(laid.here / "src", laid.here / "lib")
    laid.write("lib/model.py", WRITTEN["lib/model.py"])
    (laid.here / "deep" / "er").mkdir(parents=True)
    (laid.here / "deep" / "er" / "new.py").write_bytes(WRITTEN["deep/er/new.py"])
    await laid.desk.until(lambda: all(laid.on_host(path) == data for path, data in WRITTEN.items()))
    await laid.tree.finish()


async def cancelled_after(steps: int, laid: Laid, memory: bool) -> bool:
    """Cancel it after so many steps of any task; whether it was, and was not over before."""
    with trio.CancelScope() as scope:
        watch = CancelAfter(steps, scope)
        async with laid.open(in_memory=memory):
            trio.lowlevel.add_instrument(watch)
            try:
                await work(laid)
            finally:
                trio.lowlevel.remove_instrument(watch)
                laid.tree.keep()
                laid.tree.end()
    return scope.cancelled_caught


@pytest.mark.parametrize("memory", [True, False])
async def test_nothing_is_lost_wherever_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: bool
) -> None:
    monkeypatch.setattr(tree, "SETTLE", 0.01)
    steps, cancelled = 0, True
    while cancelled:
        steps += APART
        directory = tmp_path / str(steps)
        directory.mkdir()
        async with trio.open_nursery() as nursery:
            laid = Laid(directory, nursery)
            cancelled = await cancelled_after(steps, laid, memory)
            with trio.fail_after(DEADLINE):
                for desk in laid.desk.desks.values():
                    await desk.closed.wait()
            for path, data in WRITTEN.items():
                places = (path, path.replace("lib/", "src/"))  # the host may not have moved it
                assert any(laid.on_host(one) == data for one in places) or laid.desk.kept[path] == data
            assert b"y\n" in (laid.on_host("src/io.py"), laid.on_host("lib/io.py"))
            assert laid.desk.questions == []
            nursery.cancel_scope.cancel()
        shutil.rmtree(directory)
    assert steps > 8 * APART
