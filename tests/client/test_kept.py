from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rbridge.client import kept
from tests.client import saving
from tests.client.saving import Place, disk

place = saving.place


def keep(place: Place, text: bytes, real: str = "/data/train.py", **options: str) -> Path:
    path = place.root / "text"
    path.write_bytes(text)
    fd = os.open(path, os.O_RDWR)
    try:
        return Path(kept.keep(str(place.state), real, fd, **options))
    finally:
        os.close(fd)


def test_a_kept_text_is_private_and_named_for_its_file(place: Place) -> None:
    path = keep(place, b"text")
    assert path.read_bytes() == b"text"
    assert path.name.endswith(".train.py")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert keep(place, b"other", label="theirs").name.endswith(".theirs.train.py")


def test_the_same_text_is_kept_once_for_each_file(place: Place) -> None:
    first = keep(place, b"text")
    assert keep(place, b"text") == first
    assert keep(place, b"text", "/elsewhere/train.py") != first
    assert keep(place, b"more") != first
    assert len(os.listdir(first.parent)) == 3


def test_a_name_of_any_length_and_bytes_is_kept(place: Place) -> None:
    for name in ("n" * 255, "ü" * 127, os.fsdecode(b"\xff" * 255), "a\nb"):
        assert keep(place, name.encode("utf-8", "surrogateescape"), "/data/" + name).exists()


def test_a_text_with_another_hash_is_not_kept_as_the_users(place: Place) -> None:
    with pytest.raises(OSError, match="cannot be read back"):
        keep(place, b"text", sha256="0" * 64)
    assert place.kept() == []


def test_a_full_disk_leaves_no_half_of_a_text(place: Place) -> None:
    with disk(place.root / "disk", "size=32k") as small:
        place.state = small
        with pytest.raises(OSError, match="No space"):
            keep(place, b"x" * 100_000)
        assert place.kept() == []


def old(name: str, days: float) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(time.time() - days * 24 * 3600)) + name


def test_only_what_is_older_than_thirty_days_is_dropped(place: Place) -> None:
    where = place.state / "kept"
    where.mkdir()
    names = [old(".aaaaaaaa.bbbbbbbb.a.py", 31), old(".aaaaaaaa.bbbbbbbb.a.py", 29), "a-file-of-the-users"]
    for name in [*names, "part." + names[0]]:
        (where / name).touch()
    keep(place, b"text")
    left = set(os.listdir(where))
    assert names[0] not in left
    assert "part." + names[0] not in left
    assert set(names[1:]) < left


def test_of_one_file_the_newest_twenty_stay(place: Place) -> None:
    where = place.state / "kept"
    where.mkdir()
    for i in range(30):
        (where / old(f".aaaaaaaa.{i:08}.a.py", i / 100 + 1)).touch()
        (where / old(f".{i:08}.bbbbbbbb.b.py", i / 100 + 1)).touch()
    kept.prune(str(where))
    left = sorted(os.listdir(where))
    assert sum(".aaaaaaaa." in name for name in left) == 20
    assert sum("bbbbbbbb.b.py" in name for name in left) == 30
    assert any(".00000000.a.py" in name for name in left)
