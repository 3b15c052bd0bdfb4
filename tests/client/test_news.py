"""What happens to open files on the host, as the laptop hears it."""

from __future__ import annotations

import os
import zlib

import pytest

from rbridge.client import watched
from rbridge.wire import delta
from tests.client.laptop import sha, unquoted


@pytest.fixture
def opened(host, here):
    """``opened(b"text", "-w", ...)``: an open file called a that is watched."""

    def start(text: bytes = b"old", *words: str):
        here.file("a", text)
        asker = host.begin(*words, "a")
        host.until(lambda: asker.open)
        host.until(lambda: host.resident.session.news)
        host.skip(2.1)
        return asker

    return start


def token(host) -> str:
    return host.resident.documents[0].source.token


def news(host, command: str, count: int = 1):
    """Wait for it, with the watch's time going on."""

    def there() -> bool:
        host.clock.skipped += 0.5
        host.main.say("beat")
        return len(host.main.all(command)) >= count

    host.until(there)
    return host.main.all(command)[count - 1]


def test_another_programs_change_is_told_as_a_delta(host, here, opened):
    lines = [b"line %d\n" % number for number in range(5000)]
    opened(b"".join(lines))
    host.skip(10)
    lines[3000] = b"another\n"
    text = b"".join(lines)
    (here.path / "a").write_bytes(text)
    said = news(host, "changed")
    assert (said["sha256"], said["size"]) == (sha(text), str(len(text)))
    assert "fetched" not in said.headers
    if said.headers.get("encoding") == "delta":
        lines[3000] = b"line 3000\n"
        before = b"".join(lines)
        assert said["base"] == sha(before)
        assert len(said.body) < 5000
        assert b"".join(delta.apply(lambda at, count: before[at : at + count], said.body, len(text))) == text
    else:
        assert zlib.decompress(said.body) == text


def test_a_save_that_comes_before_the_base_was_noted_does_not_end_the_watch(host, here, monkeypatch):
    monkeypatch.setattr("rbridge.client.register.BASE_AFTER", 0.5)
    here.file("a", b"old")
    asker = host.begin("a")
    host.until(lambda: asker.open)
    host.main.save(token(host), 1, b"mine", b"old")
    host.heard("saved")
    assert host.resident.session.news is None
    host.until(lambda: host.resident.session.news)
    host.skip(10)
    (here.path / "a").write_bytes(b"another")
    assert news(host, "changed")["sha256"] == sha(b"another")


def test_our_own_save_is_no_news(host, here, opened):
    opened()
    host.main.save(token(host), 1, b"new", b"old")
    host.heard("saved")
    for _ in range(20):
        host.skip(2.1)
        host.main.say("beat")
    assert not host.main.all("changed")


def test_a_large_file_is_read_at_most_once_a_minute_however_often_it_is_saved(
    host, here, opened, monkeypatch
):
    monkeypatch.setattr(watched, "READ", 10)
    read = []
    real = watched.Watched._read
    monkeypatch.setattr(
        watched.Watched, "_read", lambda self, *words: read.append(host.clock()) or real(self, *words)
    )
    base = b"a text that is larger than that"
    opened(base)
    for number in range(1, 31):
        text = base + b" %d" % number
        host.main.save(token(host), number, text, base)
        host.heard("saved", number)
        base = text
        for _ in range(3):
            host.skip(2.1)
            host.main.say("beat")
    assert 1 <= len(read) <= 4  # in a little more than three minutes
    assert all(after - before >= watched.RARELY for before, after in zip(read, read[1:], strict=False))
    assert not host.main.all("changed")


def test_nor_is_what_was_fetched_or_resumed(host, here, opened, laptop):
    opened()
    (here.path / "a").write_bytes(b"theirs")
    host.main.say("fetch", token=token(host))
    host.heard("changed")
    for _ in range(10):
        host.skip(2.1)
        host.main.say("beat")
    assert len(host.main.all("changed")) == 1


def test_a_deleted_file_is_gone(host, here, opened):
    opened()
    os.unlink(here.path / "a")
    said = news(host, "gone")
    assert (said.token, said["reason"]) == (token(host), "gone")
    assert "deleted" in unquoted(said, "message")


def test_a_replaced_file_is_told_apart(host, here, opened):
    opened()
    host.skip(10)
    here.file("b", "other")
    os.rename(here.path / "b", here.path / "a")
    said = news(host, "changed")
    assert said["replaced"] == "yes"


def test_a_change_too_large_for_the_main_connection_has_its_own(host, here, opened):
    opened()
    text = os.urandom(3 << 20)
    (here.path / "a").write_bytes(text)

    def others():
        host.clock.skipped += 0.5
        host.main.say("beat")
        return [one for line in host.laptop.lines for one in line.all("changed") if line is not host.main]

    host.until(others)
    (said,) = others()
    assert (said["sha256"], said.body) == (sha(text), text)


def test_nobody_looks_while_the_laptop_is_away(host, here, opened, laptop):
    opened()
    known = host.laptop.known
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    (here.path / "a").write_bytes(b"theirs")
    host.skip(60)
    host.laptop = laptop()
    host.laptop.known = known
    host.skip(1.1)
    assert host.heard("resume")["sha256"] == sha(b"theirs")
    for _ in range(10):
        host.skip(2.1)
        host.main.say("beat")
    assert not host.main.all("changed")


def test_a_growing_log_is_followed(host, here, opened):
    opened(b"one\n", "--follow")
    first = host.main.all("open")[0]
    assert (first["follow"], first["at"], first.body) == ("yes", "0", b"one\n")
    with open(here.path / "a", "ab") as file:
        file.write(b"two\n")
    said = news(host, "append")
    assert (said["at"], said.body) == ("4", b"two\n")
    assert "restart" not in said.headers
    (here.path / "a").write_bytes(b"new\n")
    said = news(host, "append", 2)
    assert (said["at"], said.body, said["restart"]) == ("0", b"new\n", "yes")


def test_a_followed_log_begins_anew_after_a_lost_connection(host, here, opened, laptop):
    opened(b"one\n", "--follow")
    known = host.laptop.known
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    with open(here.path / "a", "ab") as file:
        file.write(b"two\n" * 1000)
    host.laptop = laptop()
    host.laptop.known = known
    host.skip(1.1)
    host.heard("resume")
    said = news(host, "append")
    assert (said["at"], said["restart"], said["encoding"], said["size"]) == ("0", "yes", "zlib", "4004")
    assert zlib.decompress(said.body) == b"one\n" + b"two\n" * 1000
