"""Pages of a directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.client import entries
from rbridge.client.entries import Listing, entry, in_order, spelled
from rbridge.client.root import Root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    made = Root(os.open(tmp_path, os.O_RDONLY), str(tmp_path))
    yield made
    made.close()


def old(path: Path) -> None:
    """Nobody changed it lately."""
    os.utime(path, (1, 1))


def page(root: Root, listing: Listing, after: bytes = b"", limit: int = 10):
    """A page of a request of its own."""
    return entries.page(root, root.fd, [], listing.names(root.fd, after, limit), after, limit)


def pages(root: Root, listing: Listing, limit: int) -> list[str]:
    found: list[str] = []
    after = b""
    while True:
        some, behind = page(root, listing, after, limit)
        assert len(some) <= limit
        found += [one["name"] for one in some]
        if behind is None:
            return found
        after = behind.encode()


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_give_every_name_once_sorted_by_bytes(root, tmp_path, limit):
    names = ["b", "a", "Z", "ä", "a.b", "a-b", "_"]
    for name in names:
        (tmp_path / name).touch()
    assert pages(root, Listing(), limit) == sorted(names, key=os.fsencode)


@pytest.mark.parametrize(
    "names",
    [["b", "a", "B", "a.b", "a-b", "a b", "a", ""], ["\U0001f600", "\uff5e", "\udcff", "\udc80", "z", "ä"]],
    ids=["ascii", "bytes"],
)
def test_names_are_in_the_order_of_their_bytes(names):
    assert in_order(list(names)) == sorted(names, key=os.fsencode)


def test_of_a_file_it_says_what_it_is(root, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    path.chmod(0o640)
    os.utime(path, ns=(5, 1_700_000_000_123_456_789))
    said = entry(root, root.fd, [], "a")
    assert said == {"type": "file", "size": 5, "mtime": 1_700_000_000_123_456_789, "mode": "0640"}


def test_of_links_it_says_where_they_lead(root, tmp_path):
    (tmp_path / "d").mkdir()
    for name, target in {"in": "d", "out": "/etc", "dangling": "none", "loop": "loop"}.items():
        (tmp_path / name).symlink_to(target)
    some, _ = page(root, Listing())
    said = {one["name"]: one for one in some}
    assert (said["in"]["type"], said["in"]["link"]) == ("directory", "d")
    assert said["out"] == {"name": "out", "type": "link", "link": "/etc", "outside": True}
    assert said["dangling"] == {"name": "dangling", "type": "link", "link": "none", "dangling": True}
    assert said["loop"]["dangling"]


def test_of_many_links_only_the_first_are_followed(root, tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "RESOLVED", 2)
    (tmp_path / "x").touch()
    for name in "abcd":
        (tmp_path / name).symlink_to("x")
    some, _ = page(root, Listing())
    assert [one["type"] for one in some] == ["file", "file", "link", "link", "file"]


def test_what_is_neither_file_nor_directory_is_other(root, tmp_path):
    os.mkfifo(tmp_path / "f")
    assert entry(root, root.fd, [], "f")["type"] == "other"


def test_where_another_machines_files_are_mounted_nothing_is_asked_of_that(root, tmp_path, monkeypatch):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    real = os.stat

    def stat(path, **options):
        assert path != "there", "it may never answer"
        return real(path, **options)

    monkeypatch.setattr(entries.mounts, "below", lambda path: {"there"} if path == str(tmp_path) else set())
    monkeypatch.setattr(os, "stat", stat)
    some, _ = page(root, Listing())
    assert some[1] == {"name": "there", "type": "directory"}
    assert some[0]["mode"] == "0755"


def test_any_name_can_be_said(root, tmp_path):
    names = [b"line\nend", b"\xff\xfe", b"100%", "ü".encode(), b"n" * 255, b"\x1b[2J"]
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()
    some, _ = page(root, Listing())
    said = [one["name"] for one in some]
    assert sorted(said) == sorted(["line%0Aend", "%FF%FE", "100%25", "ü", "n" * 255, "%1B[2J"])
    assert all(one.encode() for one in said)


def test_names_come_as_link_values(root):
    assert spelled(os.fsdecode(b"a\xff%")) == "a%FF%25"


def test_the_names_of_a_directory_at_rest_are_read_once(root, tmp_path, monkeypatch):
    for number in range(10):
        (tmp_path / str(number)).touch()
    old(tmp_path)
    listing, listed = Listing(), []
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda *args: listed.append(args) or real(*args))
    assert len(pages(root, listing, 3)) == 10
    assert len(listed) == 1


def test_what_is_made_and_removed_between_pages_harms_nothing(root, tmp_path):
    for name in "bdfh":
        (tmp_path / name).touch()
    listing = Listing()
    some, behind = page(root, listing, b"", 2)
    assert [one["name"] for one in some] == ["b", "d"]
    (tmp_path / "a").touch()
    (tmp_path / "e").touch()
    (tmp_path / "d").unlink()
    (tmp_path / "h").unlink()
    assert behind is not None
    some, behind = page(root, listing, behind.encode())
    assert [one["name"] for one in some] == ["e", "f"]
    assert behind is None


def test_a_change_right_after_the_first_page_is_seen(root, tmp_path):
    """Within a tick of the file system's clock the directory looks the same."""
    for name in "bc":
        (tmp_path / name).touch()
    listing = Listing()
    page(root, listing, b"", 1)
    times = os.stat(tmp_path)
    (tmp_path / "d").touch()
    os.utime(tmp_path, ns=(times.st_atime_ns, times.st_mtime_ns))
    some, _ = page(root, listing, b"b")
    assert [one["name"] for one in some] == ["c", "d"]


def test_names_are_let_go_after_a_while(root, tmp_path, monkeypatch):
    for name in "bc":
        (tmp_path / name).touch()
    old(tmp_path)
    listing = Listing()
    page(root, listing, b"", 1)
    listing.forget()
    assert listing._kept is not None
    monkeypatch.setattr(entries, "monotonic", lambda: 1e12)
    listing.forget()
    assert listing._kept is None


def test_an_entry_that_goes_while_it_is_listed_is_left_out(root, tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda *args: [*real(*args), "gone"])
    some, _ = page(root, Listing())
    assert [one["name"] for one in some] == ["a"]


def test_a_hundred_thousand_entries_are_paged_each_once(root, tmp_path, monkeypatch):
    names = [f"{number:06}" for number in range(100_000)]
    monkeypatch.setattr(os, "listdir", lambda *_args: list(reversed(names)))
    monkeypatch.setattr(entries, "entry", lambda *_args: {"type": "file"})
    old(tmp_path)
    assert pages(root, Listing(), 1000) == names
