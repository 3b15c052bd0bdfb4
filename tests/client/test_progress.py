"""What says that it gets on is heard in its own thread."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from rbridge.client import pieces, progress


def test_steps_are_those_of_the_thread_that_makes_them() -> None:
    heard: list[str] = []

    def work(name: str) -> None:
        progress.follow(lambda: heard.append(name))
        progress.step()
        progress.leave()
        progress.step()

    for name in ("one", "two"):
        thread = threading.Thread(target=work, args=(name,))
        thread.start()
        thread.join()
    progress.step()
    assert heard == ["one", "two"]


def test_each_piece_that_is_read_or_written_is_one(tmp_path: Path) -> None:
    steps: list[int] = []
    fd = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT)
    progress.follow(lambda: steps.append(1))
    try:
        pieces.write(fd, bytes(pieces.PIECE * 2))
        written = len(steps)
        assert written >= 1
        assert pieces.digest(fd)[0] == pieces.PIECE * 2
        assert len(steps) - written == 2
    finally:
        progress.leave()
        os.close(fd)
