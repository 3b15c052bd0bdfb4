import os
from hashlib import sha256

import pytest

from rbridge.server import sending
from rbridge.server.ground import Ground


def sha(data):
    return sha256(data).hexdigest()


@pytest.fixture
def ground(tmp_path):
    (tmp_path / "ID").mkdir()
    return Ground(tmp_path / "ID")


def lay(ground, data, digest=None):
    path = ground.directory / "text"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return ground.lay(fd, sha(data) if digest is None else digest)
    finally:
        os.close(fd)


def known(ground):
    with ground.known() as base:
        if base is None or base.fd < 0:
            return base
        with sending.buffer(base.fd) as text:
            return base.digest, bytes(text)


def test_at_first_there_is_no_base(ground):
    assert (known(ground), ground.digest, ground.text_of("")) == (None, "", None)
    assert ground.small


def test_the_base_is_a_copy(ground):
    assert lay(ground, b"one") == sha(b"one")
    (ground.directory / "text").write_bytes(b"edited in place")
    assert known(ground) == (sha(b"one"), b"one")
    assert ground.text_of(sha(b"one")).read_bytes() == b"one"
    assert ground.text_of(sha(b"two")) is None
    assert ground.base.stat().st_mode & 0o777 == 0o600


def test_a_new_base_takes_the_place_of_the_old_one(ground):
    lay(ground, b"one")
    lay(ground, b"two")
    assert known(ground) == (sha(b"two"), b"two")
    assert sorted(path.name for path in ground.directory.iterdir()) == [".base", "text"]


def test_a_digest_that_is_not_known_is_made(ground):
    assert lay(ground, b"one", "") == sha(b"one") == ground.digest


def test_of_a_large_base_there_is_only_a_signature(ground, monkeypatch):
    lay(ground, b"one")
    monkeypatch.setattr(sending, "BASE", 10)
    lay(ground, b"line\n" * 100)
    base = known(ground)
    assert base.digest == ground.digest == sha(b"line\n" * 100)
    assert base.signature.size == 500
    assert ground.text_of(ground.digest) is None
    assert not ground.small
    assert not ground.base.exists()


def test_a_large_text_is_not_mapped_which_would_count_as_memory(ground, monkeypatch):
    monkeypatch.setattr(sending, "BASE", 100)
    monkeypatch.setattr(sending, "READ", 100)
    monkeypatch.setattr(sending.mmap, "mmap", None)
    path = ground.directory / "text"
    old = b"".join(b"line %d\n" % number for number in range(5000))
    for text in (old, old.replace(b"line 7\n", b"line seven\n")):
        path.write_bytes(text)
        with open(path, "rb") as file:
            if not ground.digest:
                ground.lay(file.fileno(), "")
                continue
            with ground.known() as base:
                body = sending.save(file.fileno(), "0" * 64, ground.digest, "", base, str(ground.directory))
    assert body.headers["encoding"] == "delta"
    assert body.size < 3000


def test_without_room_there_is_no_base(ground, monkeypatch):
    def fail(fd, data):
        raise OSError(28, "No space left on device")

    lay(ground, b"one")
    monkeypatch.setattr("rbridge.server.ground._copy", fail)
    assert lay(ground, b"two") == sha(b"two")
    assert (known(ground), ground.digest) == (None, "")


def test_the_base_of_a_dead_daemon_is_believed_if_it_is_what_it_should_be(ground):
    lay(ground, b"one")
    another = Ground(ground.directory)
    another.take_over(sha(b"one"))
    assert known(another) == (sha(b"one"), b"one")
    another = Ground(ground.directory)
    another.take_over(sha(b"two"))
    assert known(another) is None


def test_the_hosts_text_is_lent_under_a_name_of_its_own(ground):
    new = ground.directory / "new"
    new.write_bytes(b"theirs")
    ground.hold(new, sha(b"theirs"))
    lent = ground.lend(sha(b"theirs"))
    newer = ground.directory / "newer"
    newer.write_bytes(b"newer")
    ground.hold(newer, sha(b"newer"))
    assert lent.read_bytes() == b"theirs"
    assert ground.lend(sha(b"theirs")) is None
    assert ground.theirs.read_bytes() == b"newer"


def test_left_it_knows_nothing(ground):
    lay(ground, b"one")
    ground.leave()
    assert (known(ground), ground.digest, ground.held) == (None, "", "")


def test_a_base_that_somebody_took_away_is_none(ground):
    lay(ground, b"one")
    ground.base.unlink()
    assert known(ground) is None
    assert ground.small


def test_what_a_killed_daemon_was_in_the_middle_of_is_in_nobodys_way(ground: Ground) -> None:
    ground.base.write_bytes(b"one")
    for name in (".base-1", ".new-2", ".lent-3"):
        (ground.directory / name).write_bytes(b"half")
    (ground.directory / ".host-1").mkdir()
    ground.take_over(sha(b"one"))
    assert sorted(one.name for one in ground.directory.iterdir()) == [".base", ".host-1"]
