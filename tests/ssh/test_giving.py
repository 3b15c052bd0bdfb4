"""The end that has the files, towards an end that asks as it likes."""

import hashlib
import os

import pytest

from rbridge.ssh import giving
from rbridge.ssh.frames import Channel, Nonsense
from rbridge.ssh.giving import Giver, Told
from rbridge.ssh.outcomes import Refused


class Talk:
    """A giver's channel: what it hears is written beforehand, what it says is read afterwards."""

    def __init__(self):
        self._hears, self._said = os.pipe(), os.pipe()
        self.channel = Channel(self._hears[0], self._said[1])
        self.giver = Giver(self.channel, Told())

    def serve(self, *requests):
        other = Channel(self._said[0], self._hears[1])
        for request in (*requests, {"end": True}):
            other.say(request)
        other.flush()
        self.giver.serve()
        self.channel.say({"over": True})
        self.channel.flush()
        heard = []
        while heard[-1:] != [{"over": True}]:
            item = other.next()
            heard.append(item if isinstance(item, dict) else bytes(item))
        return heard[:-1]

    def close(self):
        for fd in (*self._hears, *self._said):
            os.close(fd)


@pytest.fixture
def talk():
    made = Talk()
    yield made
    made.close()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def offer(talk, path, recursive=False):
    talk.giver.offer(os.fsencode(path), path.name, 0, recursive)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    return path


def test_a_file_is_offered_and_sent(talk, file):
    offer(talk, file)
    offered, listed, sending, data, sent = talk.serve({"take": 0, "from": 0})
    assert (offered["parts"], offered["size"], offered["mtime"]) == (["a"], 10, file.stat().st_mtime_ns)
    assert listed == {"listed": 1}
    assert sending == {"sending": 0, "size": 10, "from": 0}
    assert data == b"0123456789"
    assert sent == {"sent": 0, "sha256": sha256(data), "changed": False}


def test_it_goes_on_where_the_other_end_stopped(talk, file):
    offer(talk, file)
    said = talk.serve({"take": 0, "from": 4, "sha256": sha256(b"0123")})
    assert said[2:4] == [{"sending": 0, "size": 10, "from": 4}, b"456789"]
    assert said[4]["sha256"] == sha256(b"0123456789")


@pytest.mark.parametrize(("known", "digest"), [(4, sha256(b"abcd")), (4, None), (11, sha256(b"0123456789x"))])
def test_it_starts_anew_where_the_other_end_has_something_else(talk, file, known, digest):
    offer(talk, file)
    said = talk.serve({"take": 0, "from": known, "sha256": digest})
    assert said[2:4] == [{"sending": 0, "size": 10, "from": 0}, b"0123456789"]
    assert said[4]["sha256"] == sha256(b"0123456789")


def test_it_is_compared(talk, file):
    offer(talk, file)
    same = {"take": 0, "from": 10, "sha256": sha256(b"0123456789"), "compare": True}
    other = {**same, "sha256": sha256(b"x")}
    said = talk.serve(same, other, {**other, "whole": True})
    assert said[2:4] == [{"same": 0}, {"other": 0}]
    assert said[4] == {"sending": 0, "size": 10, "from": 0}


def test_a_log_that_has_grown_is_sent_as_it_is_when_it_is_opened(talk, file):
    offer(talk, file)
    with open(file, "ab") as more:
        more.write(b"more")
    assert talk.serve({"take": 0, "from": 0})[3] == b"0123456789more"


def test_a_file_that_becomes_shorter_while_it_is_read_is_lost(talk, tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"x" * 20)
    monkeypatch.setattr(giving, "PIECE", 10)
    offer(talk, file)
    monkeypatch.setattr(talk.giver._told, "moved", lambda *_: os.truncate(file, 10))
    said = talk.serve({"take": 0, "from": 0})
    assert said[-1] == {"lost": 0, "code": 74, "said": "became shorter while it was read"}


def test_a_file_that_has_gone_is_lost_and_the_next_is_sent(talk, file, tmp_path):
    (tmp_path / "b").write_bytes(b"b")
    offer(talk, file)
    offer(talk, tmp_path / "b")
    file.unlink()
    said = talk.serve({"take": 0, "from": 0}, {"take": 1, "from": 0})
    assert said[3] == {"lost": 0, "code": 66, "said": "no such file"}
    assert said[5] == b"b"


def test_it_stops_sending_what_the_other_end_cannot_take(talk, tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"x" * 1000)
    monkeypatch.setattr(giving, "PIECE", 10)
    offer(talk, file)
    said = talk.serve({"take": 0, "from": 0}, {"failed": 0, "code": 73, "said": "disk full"})
    assert said[3:] == [b"x" * 10, {"lost": 0, "code": 74, "said": "given up"}]


def test_a_fifo_and_a_directory_are_not_offered(talk, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", ".", "nothing"):
        with pytest.raises(Refused) as refused:
            offer(talk, tmp_path / name)
        assert refused.value.code == 66


def test_a_tree_is_offered_with_what_is_wrong_in_it(talk, tmp_path):
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub/f").write_text("f")
    (top / ".x.rbridge-part").write_text("unfinished")
    (top / "link").symlink_to("sub/f")
    (top / "loop").symlink_to("..")
    os.mkfifo(top / "pipe")
    offer(talk, top, recursive=True)
    said = talk.serve()
    assert [record["parts"] for record in said if "file" in record] == [
        ["top"],
        ["top", "link"],
        ["top", "sub"],
        ["top", "sub", "f"],
    ]
    assert [record["name"] for record in said if "wrong" in record] == ["top/loop", "top/pipe"]


def test_there_is_a_most_of_files(talk, file, monkeypatch):
    monkeypatch.setattr(giving, "MOST", 1)
    offer(talk, file)
    with pytest.raises(Refused, match="archive"):
        offer(talk, file)


@pytest.mark.parametrize("request_", [{"take": 1, "from": 0}, {"take": 0}, {"take": 0, "from": -1}, {"x": 1}])
def test_nonsense_ends_it(talk, file, request_):
    offer(talk, file)
    with pytest.raises(Nonsense):
        talk.serve(request_)
