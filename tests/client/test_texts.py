"""What the daemon is told of the files."""

from __future__ import annotations

import os
import zlib

import pytest

from tests.client.laptop import sha, unquoted


@pytest.fixture
def opened(host, here):
    def start(text: bytes = b"old", *words: str):
        here.file("a", text)
        asker = host.begin(*words, "a")
        host.until(lambda: asker.open)
        return asker

    return start


def token(host) -> str:
    return host.resident.documents[0].source.token


def fetched(host):
    before = len(host.main.all("changed"))
    host.main.say("fetch", token=token(host))
    return host.heard("changed", before + 1)


def test_fetch_is_answered_with_what_is_there_now(host, here, opened):
    opened()
    (here.path / "a").write_bytes(b"theirs")
    said = fetched(host)
    assert said.headers == {"token": token(host), "sha256": sha(b"theirs"), "size": "6", "fetched": "yes"}
    assert said.body == b"theirs"
    host.main.save(token(host), 1, b"mine", b"theirs")
    host.heard("saved")


def test_a_text_is_compressed_where_it_pays(host, here, opened):
    opened()
    (here.path / "a").write_bytes(b"line\n" * 1000)
    said = fetched(host)
    assert (said["encoding"], said["size"]) == ("zlib", "5000")
    assert zlib.decompress(said.body) == b"line\n" * 1000
    noise = os.urandom(5000)
    (here.path / "a").write_bytes(noise)
    said = fetched(host)
    assert "encoding" not in said.headers
    assert said.body == noise


def test_what_is_gone_is_said_to_be(host, here, opened):
    opened()
    os.unlink(here.path / "a")
    host.main.say("fetch", token=token(host))
    said = host.heard("gone")
    assert (said["reason"], unquoted(said, "message")) == ("gone", "a was deleted or renamed")


def test_a_directory_in_its_place_is_no_text(host, here, opened):
    opened()
    os.unlink(here.path / "a")
    (here.path / "a").mkdir()
    host.main.say("fetch", token=token(host))
    assert host.heard("gone")["reason"] == "failed"


def test_a_second_open_of_the_same_file_shows_it_at_the_new_line(host, here, opened):
    opened()
    (here.path / "b").symlink_to("a")
    asker = host.open("-w", "-l", "7", "b")
    host.until(lambda: asker.open)
    said = host.heard("resume")
    assert (said.token, said["selection"], said["re-activate"]) == (token(host), "7", "yes")
    assert len(host.resident.documents) == 1
    host.main.say("close", token=token(host))
    host.until(lambda: asker.codes)


def test_a_change_that_is_seen_then_is_still_one_for_the_watch(host, here, opened):
    opened()
    host.until(lambda: host.resident.session.news is not None)
    news: list[object] = []
    host.resident.session.news.found = lambda *words: news.append(words)
    (here.path / "a").write_bytes(b"theirs")
    asker = host.open("a")
    host.until(lambda: asker.open)
    assert host.heard("resume")["sha256"] == sha(b"theirs")
    assert news == []


def test_a_hard_link_is_the_same_file_and_a_part_is_not(host, here, opened):
    opened(b"1\n2\n3\n")
    os.link(here.path / "a", here.path / "b")
    asker = host.open("b")
    host.until(lambda: asker.open)
    assert len(host.resident.documents) == 1
    asker = host.open("--lines", "2:2", "a")
    host.until(lambda: asker.open)
    assert len(host.resident.documents) == 2


def test_a_part_stays_what_was_sent(host, here, laptop):
    here.file("a", "1\n2\n3\n")
    asker = host.begin("--lines", "2:2", "a")
    host.until(lambda: asker.open)
    (here.path / "a").write_bytes(b"other")
    known = host.laptop.known
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.laptop = laptop()
    host.laptop.known = known
    host.clock.skipped += 1.1
    said = host.heard("resume")
    assert (said["sha256"], said["size"]) == (sha(b"2\n"), "2")


def test_a_file_that_cannot_be_read_any_more_is_not_sent(host, here, opened):
    opened()
    asker = host.open("-r", "/proc/self/mem")
    host.until(lambda: asker.errors)
    assert "cannot read /proc/self/mem" in str(asker.errors[0])
    assert len(host.resident.documents) == 1
    assert host.resident.attached


def test_a_new_window_is_asked_for_once(host, here, opened):
    opened()
    for name in "bc":
        here.file(name, name)
    asker = host.open("-n", "b", "c")
    host.until(lambda: len(asker.open) == 2)
    assert ["new" in one.headers for one in host.main.all("open")] == [False, True, False]


def test_a_new_file_is_absent_until_it_is_saved(host, here):
    asker = host.begin("new")
    host.until(lambda: asker.open)
    assert host.main.all("open")[0]["absent"] == "yes"
    host.main.save(token(host), 1, b"made")
    host.heard("saved")
    assert (here.path / "new").read_bytes() == b"made"
