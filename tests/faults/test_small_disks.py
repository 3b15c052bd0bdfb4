"""Real disks that are full, have no inodes left or turn read-only: small ones in memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from rbridge.client.saver import REFUSED, SAVED
from tests.client import saving
from tests.client.saving import Place, disk, stamp_of

place = saving.place


def test_a_full_disk_leaves_the_old_file_and_keeps_the_text(place: Place) -> None:
    with disk(place.work, "size=64k"):
        path = place.file("train.py", b"old" * 1000)
        outcome = place.save(path, b"n" * 200_000)
        assert (outcome.kind, outcome.reason) == (REFUSED, "no-space")
        assert outcome.message.startswith(
            "cannot save train.py: the disk is full (the old file is intact; your text is kept at "
        )
        assert path.read_bytes() == b"old" * 1000
        assert Path(outcome.kept).read_bytes() == b"n" * 200_000
        assert place.litter() == []
        assert place.save(path, b"small").kind == SAVED


@pytest.mark.parametrize("longer", [0, 2 << 20])
def test_a_full_disk_in_place_leaves_the_old_file(place: Place, longer: int) -> None:
    with disk(place.work, "size=64k"):
        path = place.file("train.py", b"old" * 1000)
        os.link(path, place.work / "second")
        outcome = place.save(path, b"n" * (200_000 + longer))
        assert (outcome.kind, outcome.reason) == (REFUSED, "no-space")
        assert path.read_bytes() == b"old" * 1000
        assert Path(outcome.kept).stat().st_size == 200_000 + longer
        assert place.litter() == []


def test_a_disk_without_inodes_leaves_the_old_file(place: Place) -> None:
    with disk(place.work, "nr_inodes=3"):
        path = place.file("train.py")
        place.file("the-last")
        outcome = place.save(path)
        assert (outcome.kind, outcome.reason) == (REFUSED, "no-space")
        assert path.read_bytes() == b"old\n"
        assert place.kept() == [b"new\n"]


def test_a_disk_that_turned_read_only_is_named(place: Place) -> None:
    with disk(place.work, "size=1m"):
        path = place.file("train.py")
        base = stamp_of(path)
        subprocess.run(["mount", "-o", "remount,ro", str(place.work)], check=True)
        outcome = place.save(path, base=base)
        assert (outcome.kind, outcome.reason) == (REFUSED, "read-only")
        assert "the file system is read-only" in outcome.message
        assert path.read_bytes() == b"old\n"
        new = place.save(place.work / "new", b"x", None)
        assert new.reason == "read-only"


def test_when_the_text_cannot_be_kept_either_the_message_says_so(place: Place) -> None:
    with disk(place.root / "disk", "size=96k") as small:
        (small / "work").mkdir()
        place.work, place.state = small / "work", small / "state"
        path = place.file("train.py")
        outcome = place.save(path, b"n" * 200_000)
        assert outcome.reason == "no-space"
        assert outcome.kept == ""
        assert "the old file is intact; your text could not be kept on this host" in outcome.message
        assert path.read_bytes() == b"old\n"
        assert place.litter() == []


def test_no_room_for_the_backup_is_no_save_in_place(place: Place) -> None:
    path = place.file("train.py", b"o" * 90_000)
    os.link(path, place.work / "second")
    with disk(place.root / "disk", "size=128k") as small:
        place.state = small
        outcome = place.save(path, b"n" * 60_000)
        assert outcome.reason == "no-space"
        assert "can only be written in place" in outcome.message
        assert path.read_bytes() == b"o" * 90_000
        assert place.kept() == [b"n" * 60_000]
        assert place.litter() == []
