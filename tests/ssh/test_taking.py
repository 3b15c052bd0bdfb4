"""The end that gets the files, towards an end that says what it likes: nothing else is ever written."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.ssh import taking
from rbridge.ssh.frames import Channel, Lost, Nonsense
from rbridge.ssh.giving import Told
from rbridge.ssh.place import Place
from rbridge.ssh.taking import Taker


class Noted(Told):
    """What became of the files."""

    def __init__(self):
        self.lines = []

    def wrong(self, argument, code, said, name):
        self.lines.append(("wrong", argument, code))

    def kept(self, which, already, resumed):
        self.lines.append(("kept", which, already, resumed))

    def failed(self, which, code, said):
        self.lines.append(("failed", which, code, said))


def take(directory, *script, force=False):
    """Have a Taker hear *script*, records and raw bytes; what became of the files, and what it said."""
    told = Noted()
    with tempfile.TemporaryFile() as heard, tempfile.TemporaryFile() as said:
        sender = Channel(said.fileno(), heard.fileno())
        for item in script:
            if isinstance(item, dict):
                sender.say(item)
            else:
                sender.send(memoryview(item))
        sender.flush()
        heard.seek(0)
        place = Place(os.fsencode(directory), sync=False)
        channel = Channel(heard.fileno(), said.fileno())
        try:
            Taker(channel, place, told, lambda offer: offer.parts, force).run()
        finally:
            place.close()
        said.seek(0)
        answers, records = Channel(said.fileno(), -1), []
        while records[-1:] != [{"end": True}]:
            records.append(answers.record())
    return told.lines, records


def offer(which, name, size, **more):
    parts = name if isinstance(name, list) else [name]
    return {"file": which, "argument": 0, "parts": parts, "size": size, "mtime": 1, "mode": 0o644, **more}


def sent(which, data):
    return {"sent": which, "sha256": hashlib.sha256(data).hexdigest(), "changed": False}


def sending(which, data, start=0):
    return [{"sending": which, "size": len(data), "from": start}, data[start:], sent(which, data)]


LISTED = {"listed": 1}


@pytest.fixture
def dir_(tmp_path):
    (tmp_path / "dir").mkdir()
    return tmp_path / "dir"


def test_a_file_is_taken(dir_):
    lines = take(dir_, offer(0, "a", 4), LISTED, *sending(0, b"text"))[0]
    assert lines == [("kept", 0, False, 0)]
    assert (dir_ / "a").read_bytes() == b"text"


def test_one_that_is_here_already_is_only_compared(dir_):
    (dir_ / "a").write_bytes(b"text")
    lines, said = take(dir_, offer(0, "a", 4), LISTED, {"same": 0})
    assert lines == [("kept", 0, True, 0)]
    assert said[0]["compare"] is True
    assert said[0]["sha256"] == sent(0, b"text")["sha256"]


@pytest.mark.parametrize(("size", "script"), [(4, [{"other": 0}]), (5, [])])
def test_one_that_differs_is_not_overwritten(dir_, size, script):
    (dir_ / "a").write_bytes(b"mine")
    lines = take(dir_, offer(0, "a", size), LISTED, *script)[0]
    assert lines[0][:3] == ("failed", 0, 73)
    assert (dir_ / "a").read_bytes() == b"mine"


def test_with_force_it_is_and_keeps_its_mode(dir_):
    (dir_ / "a").write_bytes(b"mine")
    (dir_ / "a").chmod(0o600)
    assert take(dir_, offer(0, "a", 4), LISTED, *sending(0, b"text"), force=True)[0] == [
        ("kept", 0, False, 0)
    ]
    assert (dir_ / "a").read_bytes() == b"text"
    assert (dir_ / "a").stat().st_mode & 0o777 == 0o600


def test_an_interrupted_one_goes_on(dir_):
    with pytest.raises(Lost):
        take(dir_, offer(0, "a", 8), LISTED, {"sending": 0, "size": 8, "from": 0}, b"half")
    assert os.listdir(dir_) == [".a.rbridge-part"]
    lines, said = take(dir_, offer(0, "a", 8), LISTED, *sending(0, b"halfhalf", 4))
    assert said[0] == {"take": 0, "from": 4, "sha256": sent(0, b"half")["sha256"]}
    assert lines == [("kept", 0, False, 4)]
    assert (dir_ / "a").read_bytes() == b"halfhalf"


def test_or_starts_anew_where_the_file_is_another_now(dir_):
    (dir_ / ".a.rbridge-part").write_bytes(b"a much longer one")
    assert take(dir_, offer(0, "a", 3), LISTED, *sending(0, b"new"))[0] == [("kept", 0, False, 0)]
    assert (dir_ / "a").read_bytes() == b"new"


def test_what_is_not_what_was_sent_is_thrown_away(dir_):
    script = [{"sending": 0, "size": 4, "from": 0}, b"text", sent(0, b"other")]
    assert take(dir_, offer(0, "a", 4), LISTED, *script)[0][0][:3] == ("failed", 0, 74)
    assert os.listdir(dir_) == []


def test_a_full_disk_is_said_at_once_and_the_next_file_is_taken(dir_, monkeypatch):
    add = taking.Part.add
    monkeypatch.setattr(
        taking.Part, "add", lambda part, piece: _full() if part.final == b"a" else add(part, piece)
    )
    script = [offer(0, "a", 4), offer(1, "b", 1), {"listed": 2}]
    lost = [{"sending": 0, "size": 4, "from": 0}, b"te", {"lost": 0, "code": 74, "said": "given up"}]
    lines, said = take(dir_, *script, *lost, *sending(1, b"b"))
    assert lines == [("failed", 0, 73, "disk full"), ("kept", 1, False, 0)]
    assert {"failed": 0, "code": 73, "said": "disk full"} in said
    assert os.listdir(dir_) == ["b"]


def _full():
    raise OSError(28, "x")


def test_a_tree_is_made(dir_):
    script = [offer(0, ["t"], 0, directory=True), offer(1, ["t", "u", "f"], 1), {"listed": 2}]
    take(dir_, *script, *sending(1, b"f"))
    assert (dir_ / "t/u/f").read_bytes() == b"f"


def test_no_link_is_followed(dir_, tmp_path):
    (tmp_path / "out").mkdir()
    (dir_ / "t").symlink_to(tmp_path / "out")
    (dir_ / "a").symlink_to(tmp_path / "out" / "a")
    lines = take(dir_, offer(0, ["t", "f"], 1), offer(1, "a", 1), {"listed": 2}, force=True)[0]
    assert [line[:3] for line in lines] == [("failed", 0, 73), ("failed", 1, 73)]
    assert os.listdir(tmp_path / "out") == []


def test_two_files_of_one_name_are_not_put_upon_each_other(dir_, monkeypatch):
    monkeypatch.setattr(taking, "FOLDS", True)  # as macOS does
    script = [offer(0, "a", 1), offer(1, "A", 1), {"listed": 2}, *sending(0, b"x")]
    assert take(dir_, *script, force=True)[0][0][:3] == ("failed", 1, 73)
    assert (dir_ / "a").read_bytes() == b"x"


def test_no_more_is_asked_for_than_the_pipes_hold(dir_, monkeypatch):
    monkeypatch.setattr(taking, "WINDOW", 2)
    offers = [offer(n, f"f{n}", 1) for n in range(4)]
    data = [item for n in range(4) for item in sending(n, b"x")]
    said = take(dir_, *offers, LISTED, *data)[1]
    assert [next(iter(record)) for record in said] == [
        *("take", "take", "kept", "take", "kept", "take", "kept", "kept", "end")
    ]


@pytest.mark.parametrize(
    "script",
    [
        [offer(0, "a", 1), offer(0, "b", 1)],
        [offer(0, "a", 4), LISTED, {"sending": 1, "size": 4, "from": 0}],
        [offer(0, "a", 4), LISTED, {"sending": 0, "size": 4, "from": 2}],
        [offer(0, "a", 4), LISTED, {"sending": 0, "size": 1, "from": 0}, b"text"],
        [offer(0, "a", 4), LISTED, {"same": 0}],
        [offer(0, "a", 4), LISTED, {"sending": 0, "size": 4, "from": 0}, b"text", sent(1, b"text")],
        [offer(0, "a", 4), LISTED, {"hello": 0}],
        [offer(0, [], 4)],
        [offer(0, ["a"] * 300, 4)],
        [offer(0, [1], 4)],
        [offer(0, "a", -1)],
        [{"wrong": "x" * 999, "code": "0", "argument": 0}],
    ],
)
def test_nonsense_ends_it(dir_, script):
    with pytest.raises(Nonsense):
        take(dir_, *script)


def test_offers_are_bounded_in_memory(dir_, monkeypatch):
    monkeypatch.setattr(taking, "PENDING", 1000)
    with pytest.raises(Nonsense):
        take(dir_, *(offer(n, f"f{n}", 1) for n in range(10)))


NAMES = st.sampled_from(
    [
        "a",
        "b",
        "mine",
        "..",
        ".",
        "",
        "/",
        "/etc/x",
        "a/b",
        "../victim",
        "a\0",
        ".mine.rbridge-part",
        "\udcff",
        "d",
    ]
)
RECORDS = st.one_of(
    st.builds(
        lambda which, parts, size, directory: offer(which, parts, size, directory=directory),
        st.integers(0, 3),
        st.lists(NAMES, min_size=1, max_size=3),
        st.integers(0, 8),
        st.booleans(),
    ),
    st.builds(
        lambda which, size, start: {"sending": which, "size": size, "from": start},
        st.integers(0, 3),
        st.integers(0, 8),
        st.sampled_from([0, 0, 0, 4]),
    ),
    st.builds(sent, st.integers(0, 3), st.sampled_from([b"", b"x", b"xx", b"halfx"])),
    st.builds(lambda which, kind: {kind: which}, st.integers(0, 3), st.sampled_from(["same", "other"])),
    st.just({"listed": 1}),
    st.sampled_from([b"", b"x", b"xx"]),
)
SCRIPTS = st.one_of(
    st.lists(RECORDS, max_size=12),
    st.builds(
        lambda name, data, rest: [offer(0, name, len(data)), LISTED, *sending(0, data), *rest],
        st.lists(NAMES, min_size=1, max_size=2),
        st.sampled_from([b"", b"x", b"xx"]),
        st.lists(RECORDS, max_size=4),
    ),
)


@given(SCRIPTS)
def test_whatever_a_host_says_nothing_else_is_written(script):
    """Beside and above the directory nothing changes, and in it no file that was there."""
    with tempfile.TemporaryDirectory() as top:
        directory = Path(top, "dir")
        directory.mkdir()
        Path(top, "victim").write_text("victim")
        (directory / "mine").write_text("my own")
        (directory / ".a.rbridge-part").write_text("half")
        (directory / "d").symlink_to(top)
        with suppress(Lost, Nonsense):
            take(directory, *script)
        assert sorted(os.listdir(top)) == ["dir", "victim"]
        assert Path(top, "victim").read_text() == "victim"
        assert (directory / "mine").read_text() == "my own"
        assert (directory / "d").is_symlink()
        announced = sum(
            item.get("size", 0) for item in script if isinstance(item, dict) and "sending" in item
        )
        found = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
        assert sum(path.stat().st_size for path in found) <= announced + len("my own") + len("half")
