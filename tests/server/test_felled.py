"""What is kept of a folder whose daemon was killed."""

from __future__ import annotations

import os

import pytest

from rbridge.adapters.folder import Root
from rbridge.server import felled
from rbridge.server.spool import Spool
from tests.server.conftest import digest

FOLDER = "f0badcafe0000001f0badcaf"


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "files" / FOLDER / "gpu1" / "home" / "project"
    (directory / "src").mkdir(parents=True)
    return Root(FOLDER, "gpu1", "/home/project", "project", directory)


@pytest.fixture
def spool(tmp_path):
    (tmp_path / "spool").mkdir(mode=0o700)
    return Spool(str(tmp_path / "spool"), 1 << 20)


@pytest.fixture
def files(tmp_path):
    return str(tmp_path / "files")


def lay(root, files, laid):
    for path, data in laid.items():
        (root.directory / path).write_bytes(data)
    felled.write(files, root, "id", {path: digest(data) for path, data in laid.items()})


def kept(spool):
    return {entry.about.path: (entry.file.read_bytes(), entry.about.base) for entry in spool.entries()}


def test_what_was_written_is_kept_and_nothing_else(root, files, spool):
    lay(root, files, {"a.py": b"a\n", "src/b.py": b"b\n"})
    (root.directory / "src" / "b.py").write_bytes(b"mine\n")
    (root.directory / "new.py").write_bytes(b"new\n")
    (root.directory / ".a.py.swp").write_bytes(b"side\n")
    (root.directory / "link.py").symlink_to("/etc/passwd")
    assert felled.rescue(files, FOLDER, [], spool) == (2, True)
    assert kept(spool) == {
        "/home/project/src/b.py": (b"mine\n", digest(b"b\n")),
        "/home/project/new.py": (b"new\n", "absent"),
    }
    assert {entry.about.identity for entry in spool.entries()} == {"id"}


def test_what_a_document_has_is_left_to_it(root, files, spool, tmp_path):
    lay(root, files, {"a.py": b"a\n", "src/b.py": b"b\n"})
    (root.directory / "a.py").write_bytes(b"delivered\n")
    (root.directory / "src" / "b.py").write_bytes(b"under way\n")
    own = tmp_path / "own"
    own.write_bytes(b"under way\n")
    had = [
        {"path": "/home/project/a.py", "base": digest(b"delivered\n"), "file": "/nowhere"},
        {"path": "/home/project/src/b.py", "base": "", "file": str(own)},
    ]
    documents = [{"host": "gpu1", "handed": "", **one} for one in had]
    assert felled.rescue(files, FOLDER, documents, spool) == (0, True)
    elsewhere = [{**one, "host": "gpu2"} for one in documents]
    assert felled.rescue(files, FOLDER, elsewhere, spool)[0] == 2


def test_without_a_spool_it_must_stay_where_it_is(root, files):
    lay(root, files, {"a.py": b"a\n"})
    assert felled.rescue(files, FOLDER, [], None) == (0, True)
    (root.directory / "a.py").write_bytes(b"mine\n")
    assert felled.rescue(files, FOLDER, [], None) == (1, False)


def test_one_that_was_shown_by_a_plug_in_was_not_laid_out(root, files, spool):
    (root.directory / "stray").write_bytes(b"x")
    assert felled.rescue(files, FOLDER, [], spool) == (0, True)


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b'{"host": 1}', b"\xff"])
def test_a_record_that_makes_no_sense_is_nothing(root, files, spool, said):
    lay(root, files, {"a.py": b"a\n"})
    (root.directory / "a.py").write_bytes(b"mine\n")
    with open(os.path.join(files, FOLDER, felled.NAME), "wb") as file:
        file.write(said)
    assert felled.rescue(files, FOLDER, [], spool) == (0, True)


def test_a_record_cannot_name_another_place(root, files, spool, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret\n")
    lay(root, files, {})
    for directory in (str(tmp_path), f"/x/{FOLDER}/../../.."):
        place = os.path.join(files, FOLDER, felled.NAME)
        with open(place) as file:
            said = file.read()
        with open(place, "w") as file:
            file.write(said.replace(str(root.directory), directory))
        felled.rescue(files, FOLDER, [], spool)
    assert "secret" not in str(kept(spool))
