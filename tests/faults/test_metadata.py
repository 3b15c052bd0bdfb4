"""What a file is beside its text survives a save that comes over a link, whole, packed or as a difference.

``tests/client/test_metadata.py`` has the same for the saver alone, and as other users.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rbridge.client.saver import REFUSED, SAVED
from tests.client import arriving
from tests.client.arriving import Saves, sha
from tests.client.saving import NOBODY, as_user
from tests.harness.environment import Home

document = arriving.document
Proof = Callable[[str], None]
LONG = "x" * 252 + ".py"
OLD = "".join(f"line {number}\n" for number in range(300)).encode()
NEW = OLD.replace(b"line 77\n", b"line seventy-seven\n")
HOW = pytest.mark.parametrize("how", ["whole", "packed", "delta"])


def save(document: Callable[..., object], home: Home, path: Path, how: str, old: bytes, new: bytes) -> object:
    """Bring *new* to *path*, which held *old*, as a link says it; the outcome."""
    return bring(Saves(document(os.fspath(path), sha256=sha(old)), home.state), how, old, new)  # type: ignore[arg-type]


def bring(saves: Saves, how: str, old: bytes, new: bytes) -> object:
    if how == "packed":
        return saves.packed(new, base=sha(old))
    return saves.change(old, new) if how == "delta" else saves.whole(new, base=sha(old))


def facts(path: Path) -> tuple[object, ...]:
    """All that has to stay; of a link, what it leads to as well."""
    st, link = path.stat(), path.lstat()
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    leads = os.readlink(path) if path.is_symlink() else ""
    return (st.st_mode, st.st_uid, st.st_gid, st.st_nlink, attributes, stat.S_IFMT(link.st_mode), leads)


def plain(path: Path) -> None:
    path.chmod(0o644)


def mode(bits: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(bits)


def owned(path: Path) -> None:
    os.chown(path, 1234, 2345)
    path.chmod(0o640)


def acl(path: Path) -> None:
    subprocess.run(["setfacl", "-m", "u:1234:rw,g:2345:r", str(path)], check=True)


def attributes(path: Path) -> None:
    for name in ("user.note", "trusted.note", "security.note"):
        os.setxattr(path, name, b"a\0b")


def link(path: Path) -> None:
    target = path.parent / "real" / "target.py"
    target.parent.mkdir()
    path.rename(target)
    target.chmod(0o751)
    path.symlink_to("real/target.py")


def chain(path: Path) -> None:
    link(path)
    path.rename(path.with_name("second"))
    path.symlink_to("second")


def second_name(path: Path) -> None:
    os.link(path, path.parent / "second")


def sticky(path: Path) -> None:
    path.parent.chmod(0o1777)
    os.chown(path, 1234, 2345)


def group_of_directory(path: Path) -> None:
    os.chown(path.parent, 0, 2345)
    path.parent.chmod(0o2775)


def sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 22)


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "plain": plain,
    **{f"mode {bits:o}": mode(bits) for bits in (0o400, 0o600, 0o664, 0o755, 0o777, 0)},
    **{f"set-id and sticky {bits:o}": mode(bits) for bits in (0o4755, 0o2755, 0o6711, 0o1644)},
    "owner and group": owned,
    "ACL": acl,
    "extended attributes": attributes,
    "symlink": link,
    "symlink to a symlink": chain,
    "hard link": second_name,
    "sticky directory": sticky,
    "directory with set-group-id": group_of_directory,
}


@HOW
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_it_is_beside_its_text_stays(
    home: Home, document: Callable[..., object], how: str, layout: str
) -> None:
    work = home.path / "work"
    work.mkdir(mode=0o755)
    path = work / "train.py"
    path.write_bytes(OLD)
    LAYOUTS[layout](path)
    before, names = facts(path), sorted(work.rglob("*"))
    outcome = save(document, home, path, how, OLD, NEW)
    assert outcome.kind == SAVED, outcome  # type: ignore[attr-defined]
    assert path.read_bytes() == NEW
    assert facts(path) == before
    assert sorted(work.rglob("*")) == names
    for name in names:
        assert name.is_dir() or name.read_bytes() == NEW


TEXTS = {
    "CRLF": (b"one\r\ntwo\r\n" * 50, b"one\r\ntwo\r\n" * 49 + b"one\r\n2\r\n"),
    "CR alone, and mixed": (b"a\rb\nc\r\n" * 50, b"a\rb\nc\r\n" * 50 + b"\r"),
    "no final newline": (OLD + b"end", NEW + b"the end"),
    "loses its final newline": (OLD, OLD[:-1]),
    "NUL": (b"a\0b\n" * 80, b"a\0b\n" * 40 + b"\0\0\n" + b"a\0b\n" * 40),
    "no UTF-8": (bytes(range(256)) * 4, bytes(range(256)) * 4 + b"\xff\xfe\n"),
    "byte order mark": (b"\xef\xbb\xbf" + OLD, b"\xef\xbb\xbf" + NEW),
    "one long line": (b"x" * 100_000, b"x" * 50_000 + b"y" + b"x" * 50_000),
    "becomes empty": (OLD, b""),
    "was empty": (b"", NEW),
}


@HOW
@pytest.mark.parametrize("text", TEXTS)
def test_every_byte_of_the_text_arrives(
    home: Home, document: Callable[..., object], how: str, text: str
) -> None:
    old, new = TEXTS[text]
    path = home.file("train.py", old)
    if how == "delta" and not old or not new and how == "delta":
        how = "whole"  # there is no difference to take
    try:
        outcome = save(document, home, path, how, old, new)
    except AssertionError:
        assert how == "delta"  # it does not pay, so the whole text goes
        outcome = save(document, home, path, "whole", old, new)
    assert outcome.kind == SAVED, outcome  # type: ignore[attr-defined]
    assert path.read_bytes() == new


NAMES = {
    "invalid UTF-8": b"tr\xffain\xc3.py",
    "255 bytes": LONG.encode(),
    "255 bytes, many of one letter": ("ä" * 126 + ".py").encode(),
    "newline and quote": b"a\n'\"b.py",
    "leading dash": b"-rf",
    "spaces": b" a b ",
    "percent": b"%41%00.py",
    "backslash": b"a\\b.py",
    "escape": b"\x1b[31m.py",
}


@HOW
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("links", [1, 2], ids=["replaced", "in place"])
def test_a_name_is_bytes(
    home: Home, document: Callable[..., object], how: str, name: str, links: int
) -> None:
    work = home.path / "work"
    work.mkdir()
    path = work / os.fsdecode(NAMES[name])
    path.write_bytes(OLD)
    if links > 1:
        os.link(path, home.path / "second")
    outcome = save(document, home, path, how, OLD, NEW)
    assert outcome.kind == SAVED, outcome  # type: ignore[attr-defined]
    assert path.read_bytes() == NEW
    assert os.listdir(os.fsencode(work)) == [NAMES[name]]
    assert "\n" not in outcome.message  # type: ignore[attr-defined]


@HOW
def test_a_sparse_file_is_saved_as_what_it_reads_as(
    home: Home, document: Callable[..., object], how: str
) -> None:
    path = home.file("train.py", OLD)
    sparse(path)
    old = path.read_bytes()
    new = old[: len(NEW)].replace(OLD[:700], NEW[:700]) + old[len(NEW) :] + b"end\n"
    outcome = save(document, home, path, how, old, new)
    assert outcome.kind == SAVED, outcome  # type: ignore[attr-defined]
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(new).digest()


def test_a_dangling_link_gets_its_file(home: Home, document: Callable[..., object]) -> None:
    (home.path / "real").mkdir()
    path = home.path / "train.py"
    path.symlink_to("real/new.py")
    saves = Saves(document("train.py"), home.state)  # type: ignore[arg-type]
    outcome = saves.whole(NEW, base="absent")
    assert outcome.kind == SAVED, outcome
    assert os.readlink(path) == "real/new.py"
    assert (home.path / "real" / "new.py").read_bytes() == NEW


@HOW
def test_a_directory_that_cannot_be_written_in_means_in_place(
    home: Home, document: Callable[..., object], how: str
) -> None:
    work = home.path / "work"
    work.mkdir()
    path = work / "train.py"
    path.write_bytes(OLD)
    for place in (home.root, home.path, work):
        place.chmod(0o755)
    os.chown(path, NOBODY, NOBODY)
    for place in (home.state, home.runtime):
        os.chown(place, NOBODY, NOBODY)
    before, inode = facts(path), path.stat().st_ino
    saves = Saves(document(os.fspath(path), sha256=sha(OLD)), home.state)  # type: ignore[arg-type]
    kind = as_user(NOBODY, lambda: bring(saves, how, OLD, NEW).kind)  # type: ignore[attr-defined]
    assert kind == SAVED
    assert path.read_bytes() == NEW
    assert (facts(path), path.stat().st_ino) == (before, inode)
    assert os.listdir(work) == ["train.py"]


@pytest.fixture
def immutable() -> Iterator[Callable[[Path], bool]]:
    """Make a file immutable; whether the file system can."""
    done: list[Path] = []

    def make(path: Path) -> bool:
        fine = subprocess.run(["chattr", "+i", str(path)], check=False, capture_output=True).returncode == 0
        done.extend([path] * fine)
        return fine

    yield make
    for path in done:
        subprocess.run(["chattr", "-i", str(path)], check=True)


@HOW
def test_an_immutable_file_is_refused_and_its_text_kept(
    home: Home, document: Callable[..., object], immutable: Callable[[Path], bool], how: str, proof: Proof
) -> None:
    path = home.file("train.py", OLD)
    saves = Saves(document(os.fspath(path), sha256=sha(OLD)), home.state)  # type: ignore[arg-type]
    if not immutable(path):
        proof("an immutable file could not be made here: the file system has no such attribute")
        return
    outcome = bring(saves, how, OLD, NEW)
    assert outcome.kind == REFUSED  # type: ignore[attr-defined]
    assert outcome.reason in ("denied", "read-only"), outcome  # type: ignore[attr-defined]
    assert path.read_bytes() == OLD
    message = outcome.message  # type: ignore[attr-defined]
    kept = [one.read_bytes() for one in home.state.glob("kept/*")]
    assert kept == [NEW] or "the laptop keeps your text" in message, message
    proof(f"an immutable file, saved {how}: refused, the text kept")
