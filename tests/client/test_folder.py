"""What the laptop asks of an open folder."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from rbridge.client import files, find, folder, grep, shown
from tests.client.folders import Answered, Open, body
from tests.client.laptop import sha


@pytest.fixture
def proj(here):
    place = here.path / "proj"
    (place / "sub").mkdir(parents=True)
    (place / "a.py").write_text("needle\n")
    (place / "sub" / "b.py").write_text("needle\n")
    return place


@pytest.fixture
def opened(host, proj):
    """``opened(*words)``: the folder, open at the laptop."""
    return lambda *words: Open(host, proj, *words)


def test_it_is_said_with_its_name_and_place(host, proj, opened):
    opened("-n", "--read-only")
    said = host.heard("folder")
    assert said["real-path"] == str(proj)
    assert said["display-name"] == f"{os.uname().nodename}:{proj}"
    assert (said["new"], said["read-only"], said["re-activate"]) == ("yes", "yes", "yes")
    assert "data-on-save" not in said.headers


def names(answered: Answered) -> list[list[str]]:
    """Those of each answer to a ``list``."""
    return [[entry["name"] for entry in json.loads(body(said))["entries"]] for said in answered.said]


def test_many_entries_come_in_pages_of_one_request(opened, proj, monkeypatch):
    monkeypatch.setattr(files, "PAGE", 2)
    for name in "bcd":
        (proj / name).touch()
    one = opened()
    said = one.ask("list", limit=4)
    assert names(said) == [["a.py", "b"], ["c", "d"]]
    assert ["more" in answer.headers for answer in said.said] == [True, False]
    assert said["next"] == "d"
    said = one.ask("list", limit=100, after="b")
    assert (names(said), said["next"]) == ([["c", "d"], ["sub"]], None)


def test_a_list_that_is_cancelled_ends_with_the_page_that_it_is_at(host, opened, proj, monkeypatch):
    monkeypatch.setattr(files, "PAGE", 1)
    pages, begun, go_on = files.Files.pages, threading.Event(), threading.Event()

    def slow(self, said):
        for number, page in enumerate(pages(self, said)):
            if number:
                begun.set()
                assert go_on.wait(20)
            yield page

    monkeypatch.setattr(files.Files, "pages", slow)
    for name in "bcd":
        (proj / name).touch()
    one = opened()
    number = one.say("list", limit=100)
    host.until(begun.is_set)
    (asked,) = one.asker.open[0].inquiries.asked.values()
    one.cancel(number)
    host.until(lambda: asked.enough)
    go_on.set()
    said = one.wait(number)
    assert (names(said), said["next"], said.reason) == ([["a.py"], ["b"]], "b", "")


def test_it_is_listed_read_and_changed(opened, proj):
    one = opened()
    assert [entry["name"] for entry in one.ask("list")["entries"]] == ["a.py", "sub"]
    assert one.ask("read", "a.py").body == b"needle\n"
    assert one.ask("make", "new.txt", b"first", kind="file").value == {}
    said = one.ask("write", "new.txt", b"second", base=sha(b"first"), sha256=sha(b"second"), size=6)
    assert said.value == {"sha256": sha(b"second"), "size": 6}
    said = one.ask("write", "new.txt", b"third", base=sha(b"first"), sha256=sha(b"third"), size=5)
    assert (said.reason, said["sha256"]) == ("conflict", sha(b"second"))
    assert one.ask("stat", "new.txt")["size"] == 6
    said = one.ask("remove", "sub")
    assert (said.reason, said["entries"]) == ("exists", 1)
    assert one.ask("remove", "sub", recursive="yes").value == {}
    assert sorted(os.listdir(proj)) == ["a.py", "new.txt"]


def test_a_long_page_is_packed(opened, proj):
    for number in range(200):
        (proj / f"name{number}").touch()
    said = opened().ask("list")
    assert said.last.headers["encoding"] == "zlib"
    assert len(said["entries"]) == 202


def test_what_cannot_be_read_says_why(opened):
    one = opened()
    for path, reason in (("none", "gone"), ("../x", "outside"), ("a.py/x", "gone"), ("sub", "failed")):
        said = one.ask("read", path)
        assert said.reason == reason
        assert said.message


def test_what_is_not_known_is_refused_and_the_connection_stays(opened):
    one = opened()
    for do in ("", "explode", "__init__", "root"):
        assert one.ask(do).reason == "failed"
    for wrong in ({"limit": "x"}, {"after": "%"}, {"limit": str(2**70)}):
        assert one.ask("list", **wrong).reason == "failed"
    assert one.ask("make", "x").reason == "failed"
    assert one.ask("search", query="%").reason == "failed"
    assert one.ask("stat").value["type"] == "directory"


def test_what_is_said_of_documents_is_not_said_of_a_folder(host, opened):
    one = opened("-w")
    host.main.say("fetch", token=one.token)
    host.until(lambda: one.asker.codes, "it is over")
    assert any("fetch is not said of" in line for line in one.asker.lines)


def test_files_are_found(opened):
    assert opened().ask("find", query="b py")["paths"] == ["sub/b.py"]


def test_text_is_searched(opened):
    matches = opened().ask("search", query="needle").matches
    assert sorted(one["path"] for one in matches) == ["a.py", "sub/b.py"]


def test_a_senseless_expression_is_refused(opened):
    said = opened().ask("search", query="(", regex="yes")
    assert (said.reason, "makes no sense" in said.message) == ("failed", True)


@pytest.mark.parametrize("do", ["find", "search"])
def test_one_that_is_cancelled_ends_at_once(host, opened, endless, do):
    one = opened()
    number = one.say(do, query="x")
    host.until(lambda: one.answers(number))
    child = host.resident.documents[0].inquiries.asked[str(number)].child.pid
    one.cancel(number)
    assert one.wait(number).reason == "cancelled"
    host.until(lambda: not os.path.exists(f"/proc/{child}"))


def test_a_newer_one_takes_the_place_of_an_older_one_of_its_kind(host, opened, endless):
    one = opened()
    first, other = one.say("find", query="x"), one.say("search", query="x")
    host.until(lambda: one.answers(first) and one.answers(other))
    second = one.say("find", query="y")
    assert one.wait(first).reason == "cancelled"
    host.until(lambda: one.answers(second))
    assert len(one.answers(other)) == 1


@pytest.mark.parametrize("do", ["find", "search"])
def test_one_that_takes_too_long_tells_what_was_found(host, opened, endless, monkeypatch, do):
    monkeypatch.setattr(find, "SECONDS", 0.5)
    monkeypatch.setattr(grep, "SECONDS", 0.5)
    said = opened().ask(do, query="x")
    assert said["truncated"] is True
    assert said.value.get("paths", ["so far"]) == ["so far"]


def test_what_is_shown_is_watched(host, opened, proj, monkeypatch):
    later = time.time_ns() + shown.RACY_NS  # what was made just now would be told of, to be on the safe side
    monkeypatch.setattr(shown, "now_ns", lambda: later)
    one = opened()
    number = one.say("watch", body=b'{"paths": ["", "sub", "a.py", "none"]}')
    host.until(lambda: one.answers(number))
    assert json.loads(body(one.answers(number)[0])) == {"changed": []}
    (proj / "sub" / "new").touch()

    def changed():
        host.clock.skipped += 0.5
        return [path for said in one.answers(number)[1:] for path in json.loads(body(said))["changed"]]

    host.until(lambda: "sub" in changed())
    assert "a.py" not in changed()
    assert "more" in one.answers(number)[-1].headers


@pytest.fixture
def later(monkeypatch):
    """What is changed now was changed long ago, by the clock that tells what may have changed unseen."""
    now = time.time_ns() + 2 * shown.RACY_NS
    monkeypatch.setattr(shown, "now_ns", lambda: now)


def told(host, one, number):
    """What the watch *number* has told, half a second later."""
    host.clock.skipped += 0.5
    return [path for said in one.answers(number)[1:] for path in json.loads(body(said))["changed"]]


def watched(host, one, *paths):
    """The number of a watch of *paths* that has begun."""
    number = one.say("watch", body=json.dumps({"paths": list(paths)}).encode())
    host.until(lambda: one.answers(number))
    return number


def test_what_changes_between_a_listing_and_the_watch_is_told(host, opened, proj, later):
    one = opened()
    one.ask("list", path="sub")
    (proj / "sub" / "new").touch()
    number = watched(host, one, "", "sub")
    host.until(lambda: told(host, one, number) == ["sub"])


def test_what_changed_since_the_last_look_of_one_watch_is_told_by_the_next(host, opened, proj, later):
    one = opened()
    watched(host, one, "sub")
    (proj / "sub" / "new").touch()
    number = watched(host, one, "", "sub")
    host.until(lambda: told(host, one, number) == ["sub"])


def test_what_was_told_while_the_next_watch_was_on_its_way_is_told_again(
    host, opened, proj, later, monkeypatch
):
    one = opened()
    first = watched(host, one, "sub")
    (proj / "sub" / "new").touch()
    host.until(lambda: told(host, one, first) == ["sub"])
    second = watched(host, one, "sub", "a.py")
    host.until(lambda: told(host, one, second) == ["sub"])
    monkeypatch.setattr(folder, "UNHEARD", 0.0)  # that was long ago
    third = watched(host, one, "sub", "")
    (proj / "newer").touch()
    host.until(lambda: told(host, one, third))
    assert told(host, one, third) == [""]


def test_of_what_was_listed_long_ago_nothing_is_known(host, opened, proj, later, monkeypatch):
    monkeypatch.setattr(folder, "SEEN", 1)
    one = opened()
    one.ask("list", path="sub")
    one.ask("list")
    (proj / "sub" / "new").touch()
    number = watched(host, one, "sub", "")
    (proj / "newer").touch()
    host.until(lambda: told(host, one, number))
    assert told(host, one, number) == [""]


def test_a_new_watch_takes_the_place_of_the_old_and_can_be_cancelled(host, opened, proj):
    one = opened()
    first = one.say("watch", body=b'{"paths": [""]}')
    host.until(lambda: one.answers(first))
    second = one.say("watch", body=b'{"paths": ["sub"]}')
    assert one.wait(first).reason == "cancelled"
    host.until(lambda: one.answers(second))
    watch = host.resident.session.news.watch
    assert len(watch._rota) == 1
    one.cancel(second)
    assert one.wait(second).reason == "cancelled"
    assert len(watch._rota) == 0


@pytest.mark.parametrize("text", [b"", b"[]", b'{"paths": ["../x"]}', b'{"paths": [7]}'])
def test_a_watch_that_makes_no_sense_is_refused(opened, text):
    assert opened().ask("watch", body=text).reason in ("failed", "outside")


def test_an_answer_is_packed_only_where_that_pays():
    headers: dict[str, str] = {}
    assert folder.pack({"a": 1}, headers) == b'{"a": 1}'
    assert folder.pack(None, headers) == b""
    assert headers == {}
    assert len(folder.pack({"a": "x" * 10000}, headers)) < 100
    assert headers["size"] == "10009"
