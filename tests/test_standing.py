"""What the laptop's commands make of the daemon's rows and of the spool."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from rbridge import standing
from rbridge.errors import NoInput, NotListening, TryAgain, UsageError
from rbridge.standing import Row, age, matching, table

TRAIN = Row("aaaaaaaa1111111111111111", "gpu1", "/home/u/work/train.py", "vim", "clean", True)
TEST = Row("aaaaaaaa2222222222222222", "gpu1", "/home/u/work/tests/test.py", "vim", "dirty", True)
OTHER = Row(
    "aaaaaaaa3333333333333333", "gpu2", "/home/u/work/train.py", "vim", "conflict", False, "changed there"
)
KEPT = Row("aaaaaaaa4444444444444444", "gpu3", "/data/a:b.py", "", "kept", False, "", 1.0)
ALL = [TRAIN, TEST, OTHER, KEPT]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("", ALL),
        (".", ALL),
        ("train.py", [TRAIN, OTHER]),
        ("gpu1:train.py", [TRAIN]),
        ("gpu1:/home/u/work/train.py", [TRAIN]),
        ("gpu1:", [TRAIN, TEST]),
        ("/home/u/work/train.py", [TRAIN, OTHER]),
        ("/home/u/work", [TRAIN, TEST, OTHER]),
        ("/home/u/work/", [TRAIN, TEST, OTHER]),
        ("work/tests", [TEST]),
        ("./work/tests/../tests", [TEST]),
        ("gpu1:/home/u", [TRAIN, TEST]),
        ("rain.py", []),
        ("home", [TRAIN, TEST, OTHER]),
        ("/work", []),
        ("gpu9:train.py", []),
        ("a:b.py", [KEPT]),
        ("gpu3:a:b.py", [KEPT]),
        ("33333333", [OTHER]),
        ("aaaaaaaa1", [TRAIN]),
        ("nothing", []),
    ],
)
def test_what_a_word_means(word: str, found: list[Row]) -> None:
    assert matching(ALL, word) == found


def test_that_nobody_is_connected_is_said_once() -> None:
    (line,) = table([replace(TRAIN, connected=False, message="not connected")])
    assert line.endswith("clean  not connected")
    assert line.count("not connected") == 1


def test_a_path_goes_before_an_id() -> None:
    file = replace(TEST, path="/home/u/33333333")
    assert matching([file, OTHER], "33333333") == [file]


@pytest.mark.parametrize(
    ("row", "safe"),
    [
        (TRAIN, True),
        (replace(TRAIN, connected=False), True),
        (replace(TRAIN, state="opening"), True),
        (replace(TRAIN, kept=1.0), False),
        (replace(TRAIN, state="saving"), False),
        (TEST, False),
        (OTHER, False),
        (KEPT, False),
    ],
)
def test_what_the_host_has_every_edit_of(row: Row, safe: bool) -> None:
    assert row.safe == safe


def test_rows_are_shown_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 301.0)
    assert table(ALL) == [
        "gpu1:/home/u/work/train.py       vim  clean",
        "gpu1:/home/u/work/tests/test.py  vim  dirty",
        "gpu2:/home/u/work/train.py       vim  conflict  not connected; changed there",
        "gpu3:/data/a:b.py                     kept      a text is kept here for 5 min: rbridge recover",
    ]
    assert table([]) == []


def test_only_kept_texts_need_no_column_for_an_editor() -> None:
    assert table([KEPT])[0].startswith("gpu3:/data/a:b.py  kept  ")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172800, "2 days"),
        (-5, "0 s"),
    ],
)
def test_age(monkeypatch: pytest.MonkeyPatch, seconds: int, said: str) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9 + seconds)
    assert age(1e9) == said


class Told:
    """The laptop's answers, and what the user was shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = list(ALL)
        self.serving = True
        self.asked: list[dict[str, object]] = []
        self.answer: dict[str, object] = {"ok": True}
        self.texts: list[int] = []
        self.said: list[str] = []
        self.remarked: list[str] = []
        self.hosts: list[dict[str, object]] = []
        monkeypatch.setattr(standing, "asked", lambda: {"hosts": self.hosts} if self.serving else {})
        monkeypatch.setattr(standing, "rows_of", lambda answer: self.rows)
        monkeypatch.setattr(standing, "kept", list)
        monkeypatch.setattr(standing.control, "ask", self._ask)
        monkeypatch.setattr(standing.control, "ask_for_texts", self._ask_for_texts)

    async def _ask(self, request: dict[str, object], patience: float = 0) -> dict[str, object]:
        self.asked.append(request)
        return self.answer

    async def _ask_for_texts(
        self, request: dict[str, object], patience: float
    ) -> tuple[dict[str, object], list[int]]:
        self.asked.append(request)
        return self.answer, list(self.texts)

    def status(self, word: str = "", quiet: bool = False) -> int:
        return standing.status(word, quiet, self.said.append, self.remarked.append)

    def close(self, word: str = "") -> int:
        return standing.close(word, self.remarked.append)

    def resolve(self, word: str, choose: str) -> int:
        return standing.resolve(word, choose, self.said.append, self.remarked.append)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def test_status(told: Told) -> None:
    assert told.status() == 0
    assert told.said == table(ALL)
    assert told.remarked == []


def test_status_begins_with_the_tunnels(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    told.hosts = [
        {"name": "gpu1", "state": "up", "since": 400.0, "said": "", "hint": ""},
        {
            "name": "gpu2",
            "state": "needs-you",
            "since": 990.0,
            "said": "it wants a password",
            "hint": "type it",
        },
    ]
    assert told.status() == 0
    assert told.said == [
        "gpu1: connected for 10 min",
        "gpu2: needs you for 10 s (it wants a password: type it)",
        *table(ALL),
    ]


def test_status_of_a_path_is_not_about_tunnels(told: Told) -> None:
    told.hosts = [{"name": "gpu1", "state": "up", "since": 0.0}]
    told.status("gpu1:train.py")
    assert not any("connected for" in line for line in told.said)


def test_status_of_nothing(told: Told) -> None:
    assert told.status("nowhere") == 0
    assert (told.said, told.remarked) == ([], ["nothing is open at nowhere"])


def test_status_without_a_daemon_shows_what_is_kept(told: Told) -> None:
    told.rows, told.serving = [KEPT], False
    assert told.status() == 0
    assert len(told.said) == 1
    assert "not serving" in told.remarked[0]


@pytest.mark.parametrize(
    ("word", "code"), [("", 75), ("gpu1:train.py", 0), ("work/tests", 75), ("gpu3:", 75), ("x", 0)]
)
def test_quiet_status_is_its_exit_code(told: Told, word: str, code: int) -> None:
    assert told.status(word, quiet=True) == code
    assert (told.said, told.remarked) == ([], [])


def test_close_one(told: Told) -> None:
    assert told.close("gpu1:train.py") == 0
    assert told.asked == [{"do": "close", "ids": [TRAIN.id]}]
    assert told.remarked == ["gpu1:/home/u/work/train.py: closed"]


@pytest.mark.parametrize(
    ("word", "rows"),
    [("", [TRAIN, TEST, OTHER]), ("gpu1:/home/u", [TRAIN, TEST]), ("/home/u/work/tests", [TEST])],
)
def test_close_all_or_a_directory(told: Told, word: str, rows: list[Row]) -> None:
    told.close(word)
    assert told.asked == [{"do": "close", "ids": [row.id for row in rows]}]


@pytest.mark.parametrize("word", ["train.py", "work", "/home/u/work/train.py", "/home/u/work"])
def test_close_does_not_guess(told: Told, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        told.close(word)
    assert "gpu1:/home/u/work/train.py" in str(caught.value)
    assert "gpu2:/home/u/work/train.py" in str(caught.value)
    assert told.asked == []


def test_close_nothing(told: Told) -> None:
    with pytest.raises(NoInput):
        told.close("gpu3:")
    told.rows = [KEPT]
    assert told.close() == 0
    told.serving = False
    with pytest.raises(NotListening):
        told.close()


def test_a_close_that_leaves_something_is_75(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.answer = {"ok": True, "open": [TEST.id]}
    assert told.close("work/tests") == 75
    assert "does not close" in told.remarked[0]

    class Entry:
        about = TEST

    told.answer = {"ok": True, "open": []}
    monkeypatch.setattr(standing, "kept", lambda: [Entry])
    assert told.close("work/tests") == 75
    assert "rbridge recover" in told.remarked[1]


def answer(row: Row) -> dict[str, object]:
    return {"ok": True, "row": {name: getattr(row, name) for name in row.__dataclass_fields__}}


@pytest.mark.parametrize("choose", ["mine", "theirs"])
def test_settled(told: Told, choose: str) -> None:
    told.answer = answer(replace(OTHER, state="clean"))
    assert told.resolve("gpu2:train.py", choose) == 0
    assert told.asked == [{"do": "resolve", "id": OTHER.id, "choose": choose}]
    assert told.remarked[0].startswith("gpu2:/home/u/work/train.py: ")


def test_not_settled(told: Told) -> None:
    told.answer = {"ok": False, "error": "train.py on gpu2: there is no conflict"}
    with pytest.raises(TryAgain, match="no conflict"):
        told.resolve("gpu2:train.py", "mine")
    told.answer = answer(replace(OTHER, state="saving"))
    with pytest.raises(TryAgain) as caught:
        told.resolve("gpu2:train.py", "mine")
    assert "is saving: changed there" in str(caught.value)
    assert caught.value.hint == "it goes on when the host is back"


def test_which_one(told: Told) -> None:
    with pytest.raises(UsageError, match="may be any of: 111111 gpu1"):
        told.resolve("train.py", "mine")
    with pytest.raises(NoInput, match="nope is not open"):
        told.resolve("nope", "mine")
    with pytest.raises(NoInput):
        told.resolve("gpu3:", "mine")


def test_of_one_file_the_document_whose_host_is_there(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    again = replace(OTHER, id="44444444" * 3, connected=True)
    monkeypatch.setattr(standing, "rows", lambda: ([OTHER, again], True))
    told.answer = answer(replace(again, state="clean"))
    assert told.resolve("gpu2:train.py", "mine") == 0
    assert told.asked == [{"do": "resolve", "id": again.id, "choose": "mine"}]


@pytest.fixture
def texts(told: Told, tmp_path):  # type: ignore[no-untyped-def]
    def make(theirs: bytes, mine: bytes) -> None:
        for name, data in (("theirs", theirs), ("mine", mine)):
            (tmp_path / name).write_bytes(data)
            told.texts.append(os.open(tmp_path / name, os.O_RDONLY))

    return make


def test_the_difference(told: Told, texts) -> None:  # type: ignore[no-untyped-def]
    texts(b"one\ntwo\nthree\n", b"one\n2\nthree\nfour")
    assert told.resolve("gpu2:train.py", "show") == 0
    assert told.said == [
        "--- theirs (gpu2:/home/u/work/train.py)",
        "+++ mine (on this laptop)",
        "@@ -1,3 +1,4 @@",
        " one",
        "-two",
        "+2",
        " three",
        "+four\n\\ no line end at the end",
    ]
    assert told.remarked == ["--mine puts this laptop's text on gpu2, --theirs keeps the text there"]
    for fd in told.texts:
        with pytest.raises(OSError):  # noqa: PT011 - it is closed
            os.fstat(fd)


@pytest.mark.parametrize(
    ("theirs", "mine", "said"),
    [
        (b"x", b"x", "both texts are the same"),
        (
            b"x\0",
            b"y",
            "binary: 2 bytes, theirs (gpu2:/home/u/work/train.py); 1 bytes, mine (on this laptop)",
        ),
        (b"x", b"y" * 11, "too large to be compared: 1 bytes, theirs"),
    ],
)
def test_no_difference_to_show(told: Told, texts, monkeypatch, theirs, mine, said) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(standing, "LARGEST", 10)
    texts(theirs, mine)
    told.resolve("gpu2:train.py", "show")
    assert told.said[0].startswith(said)


def test_a_difference_gives_no_orders_to_the_terminal(told: Told, texts) -> None:  # type: ignore[no-untyped-def]
    texts(b"\x1b[2J\n", b"a\tb\r\n")
    told.resolve("gpu2:train.py", "show")
    assert told.said[-2:] == ["-\N{REPLACEMENT CHARACTER}[2J", "+a\tb\N{REPLACEMENT CHARACTER}"]


def test_texts_that_did_not_come(told: Told) -> None:
    told.answer = {"ok": False, "error": "train.py on gpu2: there is no conflict"}
    with pytest.raises(TryAgain, match="no conflict"):
        told.resolve("gpu2:train.py", "show")
