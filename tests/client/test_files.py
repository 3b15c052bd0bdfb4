"""What is done to the files of a folder."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.client import exchange, files
from rbridge.client.files import Files
from rbridge.client.refused import Refused, refusal
from rbridge.client.root import Outside, Root
from rbridge.errors import RemoteProtocolError
from tests.client.saving import NOBODY, as_user, disk


@pytest.fixture
def proj(tmp_path: Path) -> Path:
    place = tmp_path / "proj"
    place.mkdir()
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "secret").write_bytes(b"secret")
    return place


@pytest.fixture
def folder(proj: Path) -> Iterator[Files]:
    root = Root(os.open(proj, os.O_RDONLY), str(proj))
    yield Files(root, str(proj.parent / "state"), False)
    root.close()


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def ask(folder: Files, do: str, said: dict[str, str], body: bytes = b"") -> object:
    """What a request comes to; of a ``list`` the first page."""
    return next(folder.pages(said)) if do == "list" else getattr(folder, do)(said, body)


def listed(folder: Files, **said: str) -> list[tuple[list[str], str | None, bool]]:
    """Each page: the names, where it goes on, and whether there is one more."""
    pages = folder.pages(said)
    return [([one["name"] for one in page["entries"]], page["next"], more) for page, more in pages]


def test_a_directory_is_listed_in_pages_up_to_what_is_wanted(folder, proj, monkeypatch):
    monkeypatch.setattr(files, "PAGE", 2)
    for name in "abcdefg":
        (proj / name).touch()
    assert listed(folder) == [(["a", "b"], "b", False)]
    assert listed(folder, after="b", limit="3") == [(["c", "d"], "d", True), (["e"], "e", False)]
    assert listed(folder, after="b", limit="100") == [
        (["c", "d"], "d", True),
        (["e", "f"], "f", True),
        (["g"], None, False),
    ]
    assert listed(folder, after="g") == [([], None, False)]


def test_the_pages_of_one_list_are_of_the_names_that_there_were(folder, proj, monkeypatch):
    """However often the directory changes meanwhile, it is not sorted again for each of them."""
    monkeypatch.setattr(files, "PAGE", 2)
    for name in "abcd":
        (proj / name).touch()
    pages = folder.pages({"limit": "100"})
    assert [one["name"] for one in next(pages)[0]["entries"]] == ["a", "b"]
    (proj / "c").unlink()
    (proj / "e").touch()
    assert [one["name"] for one in next(pages)[0]["entries"]] == ["d"]
    with pytest.raises(StopIteration):
        next(pages)


def test_a_directory_that_goes_while_it_is_listed_is_gone(folder, proj, monkeypatch):
    monkeypatch.setattr(files, "PAGE", 1)
    (proj / "d").mkdir()
    for name in "ab":
        (proj / "d" / name).touch()
    pages = folder.pages({"path": "d", "limit": "10"})
    next(pages)
    (proj / "d").rename(proj / "away")
    with pytest.raises(FileNotFoundError):
        next(pages)


def test_a_piece_of_a_file_is_read(folder, proj):
    (proj / "a").write_bytes(b"0123456789")
    said, headers = folder.read({"path": "a", "at": "2", "length": "3"}, b"")
    assert said == b"234"
    assert headers == {"total": "10", "mtime": str((proj / "a").stat().st_mtime_ns)}
    assert folder.read({"path": "a"}, b"")[0] == b"0123456789"
    assert folder.read({"path": "a", "at": "100"}, b"")[0] == b""


def test_no_more_than_a_piece_is_read_at_once(folder, proj, monkeypatch):
    monkeypatch.setattr(files, "PIECE", 4)
    (proj / "a").write_bytes(b"0123456789")
    assert folder.read({"path": "a", "length": "100"}, b"")[0] == b"0123"


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize("make", [os.mkfifo, make_socket, Path.mkdir], ids=["fifo", "socket", "directory"])
def test_what_is_no_file_is_not_read(folder, proj, make):
    make(proj / "x")
    with pytest.raises(Refused, match="x is "):
        folder.read({"path": "x"}, b"")


def test_a_device_is_not_opened(folder, proj):
    os.symlink("/dev/zero", proj / "zero")
    with pytest.raises(Outside):
        folder.read({"path": "zero"}, b"")


@pytest.mark.parametrize(
    "path", ["..", "../secret", "a%2F..%2F..%2Fsecret", "/etc/passwd", "a//b", "%00", "%zz"]
)
@pytest.mark.parametrize("do", ["stat", "list", "read", "make", "write", "move", "remove"])
def test_no_path_leads_out_of_it(folder, proj, do, path):
    (proj / "a").mkdir()
    digest = sha(b"")
    said = {"path": path, "kind": "file", "to": "b", "base": "absent", "sha256": digest, "size": "0"}
    with pytest.raises(Refused) as caught:
        ask(folder, do, said)
    assert caught.value.reason == "outside"
    assert (proj.parent / "secret").read_bytes() == b"secret"


@pytest.mark.parametrize("do", ["list", "read", "write"])
def test_a_link_that_leaves_it_is_followed_by_nothing(folder, proj, do):
    (proj / "out").symlink_to("../secret")
    said = {"path": "out", "base": sha(b"secret"), "sha256": sha(b"x"), "size": "1"}
    with pytest.raises(Outside):
        ask(folder, do, said, b"x")
    assert (proj.parent / "secret").read_bytes() == b"secret"
    assert folder.stat({"path": "out"}, b"")[0]["outside"]


def test_a_file_is_made_with_its_first_content_and_only_where_nothing_is(folder, proj):
    assert folder.make({"path": "a", "kind": "file"}, b"first") == ({}, {})
    assert (proj / "a").read_bytes() == b"first"
    with pytest.raises(FileExistsError):
        folder.make({"path": "a", "kind": "file"}, b"second")
    (proj / "dangling").symlink_to("../made-outside")
    with pytest.raises(FileExistsError):
        folder.make({"path": "dangling", "kind": "file"}, b"x")
    assert not (proj.parent / "made-outside").exists()


def test_a_directory_is_made(folder, proj):
    folder.make({"path": "d", "kind": "directory"}, b"")
    assert (proj / "d").is_dir()
    for path in ("d", ""):
        with pytest.raises(FileExistsError):
            folder.make({"path": path, "kind": "directory"}, b"")
    with pytest.raises(RemoteProtocolError):
        folder.make({"path": "e", "kind": "pipe"}, b"")


def test_nothing_is_left_of_a_file_for_which_the_disk_is_too_full(folder, proj, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="full"):
        folder.make({"path": "a", "kind": "file"}, b"first")
    assert os.listdir(proj) == []


def write(folder: Files, path: str, text: bytes, **more: str) -> object:
    said = {"path": path, "sha256": sha(text), "size": str(len(text)), **more}
    return folder.write(said, text)[0]


def test_a_text_takes_the_place_of_its_base(folder, proj):
    (proj / "a").write_bytes(b"old")
    assert write(folder, "a", b"new", base=sha(b"old")) == {"sha256": sha(b"new"), "size": 3}
    assert (proj / "a").read_bytes() == b"new"
    write(folder, "fresh", b"x", base="absent")
    assert (proj / "fresh").read_bytes() == b"x"


def test_a_text_of_another_base_is_refused_with_what_is_there(folder, proj):
    (proj / "a").write_bytes(b"theirs")
    for base in (sha(b"old"), "absent"):
        with pytest.raises(Refused) as caught:
            write(folder, "a", b"new", base=base)
        assert caught.value.reason == "conflict"
        assert caught.value.body == {"sha256": sha(b"theirs"), "size": 6}
    with pytest.raises(Refused) as caught:
        write(folder, "none", b"new", base=sha(b"old"))
    assert caught.value.body == {"absent": True}
    assert (proj / "a").read_bytes() == b"theirs"
    write(folder, "a", b"new", base=sha(b"old"), over=sha(b"theirs"))
    assert (proj / "a").read_bytes() == b"new"
    write(folder, "a", b"newer", base=sha(b"old"), over="any")
    assert (proj / "a").read_bytes() == b"newer"


def test_a_text_that_is_not_what_was_announced_is_refused(folder, proj):
    (proj / "a").write_bytes(b"old")
    with pytest.raises(Refused, match="whole"):
        folder.write({"path": "a", "base": sha(b"old"), "sha256": sha(b"new"), "size": "3"}, b"nex")
    with pytest.raises(RemoteProtocolError):
        folder.write({"path": "a", "base": sha(b"old"), "size": "3"}, b"new")
    assert (proj / "a").read_bytes() == b"old"


def test_a_file_is_moved_and_never_over_another_unless_that_is_meant(folder, proj):
    (proj / "a").write_bytes(b"a")
    (proj / "b").write_bytes(b"b")
    (proj / "d").mkdir()
    with pytest.raises(FileExistsError):
        folder.move({"path": "a", "to": "b"}, b"")
    assert folder.move({"path": "a", "to": "d/a"}, b"")[0] == {
        "from": str(proj / "a"),
        "to": str(proj / "d/a"),
    }
    folder.move({"path": "d/a", "to": "b", "over": "yes"}, b"")
    assert (proj / "b").read_bytes() == b"a"
    folder.move({"path": "b", "to": "c", "over": "yes"}, b"")
    assert (proj / "c").read_bytes() == b"a"


def test_a_directory_is_moved_and_replaces_nothing(folder, proj):
    (proj / "d").mkdir()
    (proj / "e").mkdir()
    (proj / "a").touch()
    for path, to in (("d", "e"), ("a", "e"), ("d", "a")):
        with pytest.raises(Refused) as caught:
            folder.move({"path": path, "to": to, "over": "yes"}, b"")
        assert caught.value.reason == "exists"
        with pytest.raises(FileExistsError):
            folder.move({"path": path, "to": to}, b"")
    folder.move({"path": "d", "to": "e/d"}, b"")
    assert (proj / "e" / "d").is_dir()
    with pytest.raises(OSError, match="Invalid"):
        folder.move({"path": "e", "to": "e/d/e"}, b"")


def test_the_folder_itself_is_not_moved(folder):
    for path, to in (("", "a"), ("a", "")):
        with pytest.raises(Refused, match="the folder itself"):
            folder.move({"path": path, "to": to}, b"")


def test_without_renameat2_nothing_is_replaced_either(folder, proj, monkeypatch):
    monkeypatch.setattr(exchange, "_call", [None])
    (proj / "a").write_bytes(b"a")
    (proj / "b").write_bytes(b"b")
    with pytest.raises(FileExistsError):
        folder.move({"path": "a", "to": "b"}, b"")
    folder.move({"path": "a", "to": "c"}, b"")
    assert (proj / "c").read_bytes() == b"a"


def test_of_a_link_only_itself_is_moved(folder, proj):
    (proj / "link").symlink_to("../secret")
    folder.move({"path": "link", "to": "moved"}, b"")
    assert os.readlink(proj / "moved") == "../secret"


def test_nothing_is_changed_in_a_folder_for_reading(proj):
    root = Root(os.open(proj, os.O_RDONLY), str(proj))
    reader = Files(root, str(proj.parent / "state"), True)
    (proj / "a").touch()
    for do in ("make", "write", "move", "remove"):
        with pytest.raises(Refused) as caught:
            getattr(reader, do)({"path": "a"}, b"")
        assert caught.value.reason == "read-only"
    assert reader.read({"path": "a"}, b"")[0] == b""
    root.close()


def test_a_page_is_listed_behind_a_name(folder, proj):
    for name in (b"a", b"b\xff", b"c"):
        (proj / os.fsdecode(name)).touch()
    said, _ = ask(folder, "list", {"path": "", "limit": "2"})
    assert ([one["name"] for one in said["entries"]], said["next"]) == (["a", "b%FF"], "b%FF")
    said, _ = ask(folder, "list", {"path": "", "after": "b%FF"})
    assert ([one["name"] for one in said["entries"]], said["next"]) == (["c"], None)
    with pytest.raises(RemoteProtocolError):
        ask(folder, "list", {"limit": "many"})


def test_what_is_no_directory_is_not_listed(folder, proj):
    (proj / "a").touch()
    with pytest.raises(NotADirectoryError):
        ask(folder, "list", {"path": "a"})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"paths": 1}', b'{"paths": [1]}', b"\xff", b"[" * 5000]
)
def test_paths_that_are_none_are_refused(body):
    with pytest.raises(Refused):
        files.paths(body, 10)


def test_too_many_paths_are_refused():
    assert files.paths(b'{"paths": ["a"]}', 1) == ["a"]
    with pytest.raises(Refused) as caught:
        files.paths(b'{"paths": ["a", "b"]}', 1)
    assert caught.value.reason == "too-large"


def test_a_disk_that_is_really_full_leaves_nothing_of_a_new_file(proj):
    with disk(proj / "small", "size=64k") as small:
        root = Root(os.open(small, os.O_RDONLY), str(small))
        on_disk = Files(root, str(proj.parent / "state"), False)
        with pytest.raises(OSError, match="No space") as caught:
            on_disk.make({"path": "a", "kind": "file"}, bytes(200_000))
        assert refusal("make a", caught.value).reason == "no-space"
        with pytest.raises(Refused) as refused:
            write(on_disk, "b", bytes(200_000), base="absent")
        assert refused.value.reason == "no-space"
        assert os.listdir(small) == []
        root.close()


def test_without_permission_it_says_so_and_nothing_happens(tmp_path):
    place = tmp_path / "proj"
    (place / "closed").mkdir(parents=True)
    (place / "closed" / "a").touch()
    (place / "closed").chmod(0o700)
    (place / "secret").write_text("secret")
    (place / "secret").chmod(0o600)
    fd = os.open(place, os.O_RDONLY)

    def attempts() -> list[str]:
        folder = Files(Root(os.dup(fd), str(place)), str(tmp_path), False)
        reasons = []
        for do, path in (
            ("list", "closed"),
            ("stat", "closed/a"),
            ("read", "secret"),
            ("make", "x"),
            ("remove", "secret"),
        ):
            try:
                ask(folder, do, {"path": path, "kind": "file"})
            except OSError as error:
                reasons.append(refusal(do, error).reason)
        return reasons

    assert as_user(NOBODY, attempts) == ["denied"] * 5
    os.close(fd)
    assert (place / "secret").exists()
