"""What a killed daemon left: it goes on, is kept, or is gone, and the user knows which."""

import json
import os
import stat
from hashlib import sha256

import pytest

from rbridge.adapters.base import Adapter
from rbridge.adapters.folder import Root
from rbridge.server import adopted, felled
from rbridge.server.files import Files
from rbridge.server.spool import Spool
from tests.server.test_files import dead

OLD = b"x"  # what the host has, as `dead` lays it out


def digest(data):
    return sha256(data).hexdigest()


class Running(Adapter):
    """Says of every text that its editor still runs, if its trace says so."""

    name = "ed"

    def describe(self):
        return "ed"

    async def edit(self, text, desk, *, task_status=None):
        raise NotImplementedError

    def runs(self, text, resume):
        self.asked = text, resume
        return resume.get("alive", False)


class Left:
    """A laptop on which a daemon was killed with one document open."""

    def __init__(self, directory):
        self.root = directory / "files"
        self.root.mkdir(mode=0o700)
        (self.id,) = dead(self.root, "train.py")
        self.file = self.root / self.id / "h" / "train.py"
        self.files = Files(str(self.root), in_memory=True)
        self.spool = Spool(str(directory / "spool"), 1000)
        self.adapter = Running()
        self.said = []
        self.about = {
            "session": "5" * 32,
            "token": "t1",
            "identity": "",
            "host": "gpu1",
            "path": "/home/u/train.py",
            "name": "train.py",
            "file": str(self.file),
            "base": digest(OLD),
            "handed": digest(OLD),
            "serial": 3,
            "read_only": False,
            "absent": False,
            "size": 1,
            "line": 0,
            "column": 0,
            "file_type": "",
            "resume": {},
        }

    def write(self, **more):
        self.about.update(more)
        adopted.write(str(self.root), self.id, self.about)

    def take(self, spool=True):
        return adopted.take(self.files, self.adapter, self.spool if spool else None, self.said.append)

    def texts(self):
        return [path.name for path in self.root.iterdir() if not path.name.startswith(".")]


@pytest.fixture
def left(tmp_path):
    made = Left(tmp_path)
    yield made
    made.files.close()


def test_what_is_written_down_is_for_us_alone_and_whole(left, monkeypatch):
    left.write()
    place = left.root / left.id / ".document.json"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert json.loads(place.read_text()) == {**left.about, "id": left.id}

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(adopted.os, "replace", fail)
    left.write(serial=4)
    monkeypatch.undo()
    assert json.loads(place.read_text())["serial"] == 3


def test_a_document_that_is_gone_is_not_written_down(left, caplog):
    adopted.write(str(left.root), "0" * 24, left.about)
    assert sorted(left.texts()) == sorted([left.id, f"{left.id}.cwd"])


def test_one_whose_editor_runs_goes_on(left):
    left.write(resume={"alive": True})
    (about,) = left.take()
    assert about == {**left.about, "id": left.id, "resume": {"alive": True, "known": digest(OLD)}}
    assert left.adapter.asked == (adopted.text_of(about), about["resume"])
    assert left.file.read_bytes() == OLD
    assert left.said == ["train.py on gpu1 is still open in its editor: it goes on"]
    assert left.spool.entries() == []


def test_the_text_is_what_its_editor_got(left):
    left.write(resume={"alive": True}, line=7, column=2, file_type="python", read_only=True)
    (about,) = left.take()
    text = adopted.text_of(about)
    assert (text.id, text.host, text.path, text.name) == (left.id, "gpu1", "/home/u/train.py", "train.py")
    assert (text.file, text.size, text.line, text.column) == (left.file, 1, 7, 2)
    assert (text.file_type, text.read_only) == ("python", True)


def test_what_the_editor_saved_last_is_kept_when_it_has_ended(left):
    left.write()
    left.file.write_bytes(b"saved, and nobody was there\n")
    assert left.take() == []
    (entry,) = left.spool.entries()
    assert entry.file.read_bytes() == b"saved, and nobody was there\n"
    about = entry.about
    assert (about.id, about.host, about.path, about.name) == (left.id, "gpu1", "/home/u/train.py", "train.py")
    assert (about.session, about.token, about.serial) == ("5" * 32, "t1", 4)
    assert (about.base, about.why) == (digest(OLD), "daemon died")
    assert left.texts() == []
    assert "rbridge recover" in left.said[0]


def test_a_save_that_was_handed_over_and_not_acknowledged_keeps_its_number(left):
    left.file.write_bytes(b"on its way\n")
    left.write(handed=digest(b"on its way\n"))
    left.take()
    assert left.spool.entries()[0].about.serial == 3


def test_a_text_that_the_host_has_is_wiped_and_nothing_is_kept(left):
    left.write()
    assert left.take() == []
    assert left.spool.entries() == []
    assert left.texts() == []
    assert left.said == [f"wiped 1 open texts that a killed daemon left in {left.root}"]


@pytest.mark.parametrize(("text", "kept"), [(b"", 0), (b"written\n", 1)])
def test_of_a_file_that_does_not_exist_yet_only_what_was_written_is_kept(left, text, kept):
    left.file.write_bytes(text)
    left.write(base="absent", handed=digest(b""))
    left.take()
    assert len(left.spool.entries()) == kept


def test_an_editor_with_a_file_that_does_not_exist_yet_has_nothing_to_deliver(left):
    left.write(base="absent", resume={"alive": True})
    (about,) = left.take()
    assert about["resume"]["known"] == digest(b"")


def test_a_read_only_text_is_never_kept(left):
    left.write(read_only=True)
    left.file.write_bytes(b"forced\n")
    left.take()
    assert left.spool.entries() == []


def test_what_is_in_the_spool_already_is_left_as_it_is(left):
    left.write()
    left.file.write_bytes(b"kept\n")
    with open(left.file, "rb") as file:
        words = {"host": "gpu1", "path": "/home/u/train.py", "shown": "train.py", "why": "kept", "base": ""}
        before = left.spool.keep(left.id, file.fileno(), "train.py", **words)
    left.take()
    assert left.spool.entries() == [before]


def test_a_text_that_cannot_be_kept_stays_where_it_is_until_it_can(left):
    left.write()
    left.file.write_bytes(b"x" * 2000)
    left.take()
    assert f"it stays in {left.file}" in left.said[0]
    assert "spool is full" in left.said[0]
    left.files.close()
    assert left.file.read_bytes() == b"x" * 2000
    left.files = Files(str(left.root), in_memory=True)
    left.spool = Spool(left.spool.root, 3000)
    left.take()
    assert len(left.spool.entries()) == 1
    assert left.texts() == []


def test_without_a_spool_the_text_stays_and_the_user_knows_where(left):
    left.write()
    left.file.write_bytes(b"mine\n")
    left.take(spool=False)
    assert str(left.file) in left.said[0]
    left.files.close()
    assert left.file.exists()
    left.files = Files(str(left.root), in_memory=True)


@pytest.mark.parametrize("do", ["unlink", "link", "directory"])
def test_what_is_no_text_any_more_is_nothing_to_keep(left, tmp_path, do):
    left.write()
    left.file.unlink()
    if do == "link":
        (tmp_path / "secret").write_text("not the host's")
        left.file.symlink_to(tmp_path / "secret")
    elif do == "directory":
        left.file.mkdir()
    left.take()
    assert left.spool.entries() == []
    assert left.texts() == []


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b"\xff",
        {"serial": "3"},
        {"resume": None},
        {"file": "/etc/passwd"},
        {"file": "{id}/../../../etc/passwd"},
        {"base": None},
    ],
)
def test_what_makes_no_sense_is_wiped_and_harms_nothing(left, wrong):
    if isinstance(wrong, bytes):
        (left.root / left.id / ".document.json").write_bytes(wrong)
    else:
        wrong = {k: v.format(id=left.root / left.id) if isinstance(v, str) else v for k, v in wrong.items()}
        left.write(**wrong)
    left.file.write_bytes(b"changed\n")
    assert left.take() == []
    assert left.spool.entries() == []
    assert left.texts() == []


def test_files_may_be_spelled_in_another_way_than_before(left, tmp_path):
    os.symlink(left.root, tmp_path / "other")
    left.write(file=str(tmp_path / "other" / left.id / "h" / "train.py"))
    left.file.write_bytes(b"changed\n")
    left.take()
    assert len(left.spool.entries()) == 1


def test_what_a_crash_left_in_the_spool_is_put_in_order(left, monkeypatch):
    tidied = []
    monkeypatch.setattr(left.spool, "tidy", lambda: tidied.append(True))
    left.take()
    assert tidied == [True]


def test_what_the_host_acknowledged_just_before_the_end_waits_no_longer(left):
    left.write(resume={"alive": True})
    with open(left.file, "rb") as file:
        words = {"host": "gpu1", "path": "/home/u/train.py", "shown": "train.py", "why": "kept", "base": ""}
        left.spool.keep(left.id, file.fileno(), "train.py", **words)
    assert len(left.take()) == 1
    assert left.spool.entries() == []


def test_a_folder_that_was_laid_out_is_named_and_what_was_written_kept(left):
    root = Root(left.id, "gpu1", "/home/u/project", "project", left.file.parent)
    felled.write(str(left.root), root, "", {"train.py": digest(OLD)})
    left.file.write_bytes(b"mine")
    assert left.take() == []
    assert left.said[0].startswith("project on gpu1 was open in an editor of files: what that still saves is")
    assert "1 texts of a folder" in left.said[1]
    assert [entry.file.read_bytes() for entry in left.spool.entries()] == [b"mine"]
