"""``rbridge recover`` on a spool of the test's own."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from rbridge import recovery, standing
from rbridge.errors import CannotCreate, Denied, NoInput, RbridgeError, TryAgain, UsageError
from rbridge.server.spool import Spool
from tests.client.saving import disk

ONE = "aaaaaaaa1111111111111111"
TWO = "aaaaaaaa2222222222222222"


class Kept:
    """Texts in the spool of this user."""

    def __init__(self, root: Path) -> None:
        self.spool = Spool(str(root / "spool"), 1 << 20)
        self._root = root
        self.said: list[str] = []
        self.asked: list[str] = []
        self.yes = True

    def add(self, document: str, data: bytes, path: str = "/home/u/train.py", why: str = "kept") -> None:
        (self._root / "text").write_bytes(data)
        with open(self._root / "text", "rb") as file:
            name = os.path.basename(path)
            words = {"host": "gpu1", "path": path, "shown": name, "why": why, "base": ""}
            self.spool.keep(document, file.fileno(), name, **words)

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        return self.yes


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    for name in ("run", "state", "work"):
        (tmp_path / name).mkdir(mode=0o700)
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path / "work")
    return Kept(tmp_path / "state")


def listed(kept: Kept) -> list[str]:
    lines: list[str] = []
    assert recovery.list_(lines.append, kept.said.append) == 0
    return lines


def test_the_list(kept: Kept) -> None:
    kept.add(ONE, b"x" * 12345)
    kept.add(TWO, b"y", "/home/u/b.py", why="daemon died")
    first, second = listed(kept)
    assert " ".join(first.split()) == "111111 0 s 12,345 bytes gpu1:/home/u/train.py not delivered yet"
    assert " ".join(second.split()[:6]) == "222222 0 s 1 bytes gpu1:/home/u/b.py"
    assert "killed" in second
    assert first.index("gpu1") == second.index("gpu1")
    assert kept.said == []


def test_nothing_is_kept_and_nothing_is_made_for_looking(kept: Kept, tmp_path: Path) -> None:
    os.rmdir(kept.spool.root)
    assert listed(kept) == []
    assert kept.said == ["nothing is kept: every save was acknowledged"]
    assert os.listdir(tmp_path / "state") == []


def test_what_is_open_is_said(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(ONE, b"x")
    row = standing.Row(ONE, "gpu1", "/home/u/train.py", "vim", "saving", True)
    monkeypatch.setattr(recovery, "rows", lambda: ([row], True))
    assert listed(kept)[0].endswith("not delivered yet, open")


def test_a_text_is_shown_as_it_is(kept: Kept) -> None:
    data = os.urandom(3_000_000)
    spool = Spool(kept.spool.root, 1 << 30)
    kept.spool = spool
    kept.add(ONE, data)
    out = io.BytesIO()
    assert recovery.show("1111", out) == 0
    assert out.getvalue() == data


def test_on_a_terminal_a_text_gives_no_orders(kept: Kept) -> None:
    kept.add(ONE, "caf\N{LATIN SMALL LETTER E WITH ACUTE}\t\x1b[2J\r\nend".encode())
    out = io.BytesIO()
    screen = recovery.Screen(out)
    recovery.show("1111", screen)
    shown = out.getvalue().decode()
    assert shown == "caf\N{LATIN SMALL LETTER E WITH ACUTE}\t\ufffd[2J\ufffd\nend"


@pytest.mark.parametrize("word", ["nope", "2"])
def test_what_is_not_kept(kept: Kept, word: str) -> None:
    kept.add(ONE, b"x")
    with pytest.raises(NoInput):
        recovery.show(word, io.BytesIO())


def test_an_id_that_may_be_several(kept: Kept) -> None:
    kept.add(ONE, b"x")
    kept.add(ONE[:-1] + "2", b"y")
    with pytest.raises(UsageError, match="gpu1:/home/u/train.py"):
        recovery.find("1111")


def test_a_copy_has_the_hosts_name_and_is_ours_alone(kept: Kept) -> None:
    kept.add(ONE, b"kept\n")
    assert recovery.save([ONE], False, kept.said.append) == 0
    file = Path("train.py")
    assert file.read_bytes() == b"kept\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(kept.spool.entries()) == 1
    assert "still kept too" in kept.said[0]


def test_a_copy_in_a_directory(kept: Kept, tmp_path: Path) -> None:
    kept.add(ONE, b"kept\n")
    (tmp_path / "there").mkdir()
    recovery.save([ONE, str(tmp_path / "there")], False, kept.said.append)
    assert (tmp_path / "there" / "train.py").read_bytes() == b"kept\n"


def test_all_that_is_kept_goes_into_a_directory_under_names_of_their_own(kept: Kept) -> None:
    kept.add(ONE, b"one\n", "/a/train.py")
    kept.add(TWO, b"two\n", "/b/train.py")
    assert recovery.save(["rescued/"], False, kept.said.append) == 0
    assert stat.S_IMODE(os.stat("rescued").st_mode) == 0o700
    texts = {file.name: file.read_bytes() for file in Path("rescued").iterdir()}
    assert texts == {"train.py": b"two\n", "train-2.py": b"one\n"}  # the newest has the plain name
    assert "rescued/train-2.py: 4 bytes of gpu1:/a/train.py; the text is still kept too" in kept.said
    kept.said.clear()
    assert recovery.save(["rescued"], False, kept.said.append) == 0
    assert all("is there already, the same as is kept of gpu1:" in line for line in kept.said)
    assert {file.name: file.read_bytes() for file in Path("rescued").iterdir()} == texts


def test_some_of_what_is_kept_beside_files_of_the_same_name(kept: Kept) -> None:
    kept.add(ONE, b"one\n")
    kept.add(TWO, b"two\n", "/b/other")
    Path("rescued").mkdir()
    Path("rescued/train.py").write_bytes(b"own\n")
    recovery.save([ONE, "rescued"], False, kept.said.append)
    texts = {file.name: file.read_bytes() for file in Path("rescued").iterdir()}
    assert texts == {"train.py": b"own\n", "train-2.py": b"one\n"}
    recovery.save([ONE, "rescued"], True, kept.said.append)
    assert Path("rescued/train.py").read_bytes() == b"one\n"


def test_a_link_or_a_pipe_in_the_directory_is_neither_followed_nor_waited_for(kept: Kept) -> None:
    kept.add(ONE, b"one\n")
    Path("rescued").mkdir()
    os.mkfifo("rescued/train.py")
    Path("victim").write_bytes(b"one\n")
    Path("rescued/train-2.py").symlink_to("../victim")
    recovery.save(["rescued"], False, kept.said.append)
    assert Path("rescued/train-3.py").read_bytes() == b"one\n"


def test_of_several_one_that_was_delivered_meanwhile_does_not_hold_up_the_others(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(ONE, b"one\n", "/a/one")
    kept.add(TWO, b"two\n", "/b/two")
    entries = standing.kept()
    monkeypatch.setattr(recovery, "kept", lambda: entries)
    kept.spool.drop(TWO)
    assert recovery.save(["rescued/"], False, kept.said.append) == TryAgain.exit_code
    assert os.listdir("rescued") == ["one"]
    assert "gpu1:/b/two: the text was delivered just now (rbridge recover lists what is kept)" in kept.said


def test_where_it_may_be_a_directory_that_is_to_be_made_it_is_said_how(kept: Kept) -> None:
    kept.add(ONE, b"x")
    with pytest.raises(NoInput) as caught:
        recovery.save(["rescued"], False, kept.said.append)
    assert "rbridge recover save rescued/" in caught.value.hint
    with pytest.raises(NoInput, match="nothing is kept under 9f7db0") as caught:
        recovery.save(["9f7db0"], False, kept.said.append)
    assert caught.value.hint == "rbridge recover lists what is"
    with pytest.raises(CannotCreate, match="rescued is not a directory"):
        recovery.save([ONE, ONE, "rescued"], False, kept.said.append)
    assert recovery.save(["rescued/"], False, kept.said.append) == 0


def test_nothing_to_save(kept: Kept) -> None:
    assert recovery.save(["rescued/"], False, kept.said.append) == 0
    assert kept.said == ["nothing is kept: every save was acknowledged"]


def test_what_exists_is_overwritten_with_force_only(kept: Kept) -> None:
    kept.add(ONE, b"kept\n")
    Path("x.py").write_bytes(b"mine\n")
    with pytest.raises(CannotCreate, match="exists") as caught:
        recovery.save([ONE, "x.py"], False, kept.said.append)
    assert "--force" in caught.value.hint
    assert Path("x.py").read_bytes() == b"mine\n"
    recovery.save([ONE, "x.py"], True, kept.said.append)
    assert Path("x.py").read_bytes() == b"kept\n"
    assert os.listdir() == ["x.py"]


def test_a_link_is_not_followed(kept: Kept) -> None:
    kept.add(ONE, b"kept\n")
    Path("victim").write_bytes(b"mine\n")
    Path("x.py").symlink_to("victim")
    with pytest.raises(CannotCreate):
        recovery.save([ONE, "x.py"], False, kept.said.append)
    recovery.save([ONE, "x.py"], True, kept.said.append)
    assert Path("victim").read_bytes() == b"mine\n"
    assert not Path("x.py").is_symlink()


@pytest.mark.parametrize("force", [False, True])
def test_a_full_disk_leaves_nothing_half_done(kept: Kept, tmp_path: Path, force: bool) -> None:
    kept.add(ONE, b"x" * 500_000)
    with disk(tmp_path / "small", "size=100k,mode=700") as small:
        if force:
            (small / "x.py").write_bytes(b"mine\n")
        with pytest.raises(CannotCreate, match="No space left on device; the text is still kept"):
            recovery.save([ONE, str(small / "x.py")], force, kept.said.append)
        assert [path.read_bytes() for path in small.iterdir()] == ([b"mine\n"] if force else [])


def test_a_directory_that_is_not_there(kept: Kept) -> None:
    kept.add(ONE, b"x")
    with pytest.raises(CannotCreate, match="cannot write nowhere/x.py: No such file"):
        recovery.save([ONE, "nowhere/x.py"], False, kept.said.append)


def test_a_text_that_was_delivered_meanwhile(kept: Kept) -> None:
    kept.add(ONE, b"x")
    entry = recovery.find(ONE)
    entry.file.unlink()
    with pytest.raises(TryAgain, match="delivered just now"):
        recovery.show(ONE, io.BytesIO())
    assert not recovery_left()


def recovery_left() -> list[str]:
    return os.listdir()


def test_a_damaged_text_is_not_passed_off_as_the_one_that_was_kept(kept: Kept) -> None:
    kept.add(ONE, b"good")
    recovery.find(ONE).file.write_bytes(b"evil")
    with pytest.raises(TryAgain, match="not what was kept"):
        recovery.save([ONE, "x.py"], False, kept.said.append)
    assert os.listdir() == []


def test_dropped_after_asking(kept: Kept) -> None:
    kept.add(ONE, b"x")
    kept.add(TWO, b"y", "/home/u/b.py")
    assert recovery.drop(["1111", "2222"], kept.confirm, kept.said.append) == 0
    assert kept.asked[0].startswith("Erase the text of gpu1:/home/u/train.py, 1 bytes, kept for 0 s?")
    assert kept.spool.entries() == []
    assert os.listdir(kept.spool.root) == []


def test_a_daemon_that_runs_hears_of_it(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, object]] = []

    async def ask(request: dict[str, object]) -> dict[str, object]:
        said.append(request)
        return {"ok": True}

    monkeypatch.setattr(recovery.control, "ask", ask)
    kept.add(ONE, b"x")
    assert recovery.drop([ONE], kept.confirm, kept.said.append) == 0
    assert said[-1] == {"do": "recovered", "host": "gpu1", "path": "/home/u/train.py"}


def test_not_dropped_without_a_yes(kept: Kept) -> None:
    kept.add(ONE, b"x")
    kept.yes = False
    assert recovery.drop([ONE], kept.confirm, kept.said.append) == 75
    assert len(kept.spool.entries()) == 1


def test_a_newer_text_that_came_while_the_user_was_asked_is_not_dropped(kept: Kept) -> None:
    kept.add(ONE, b"older")

    def confirm(question: str) -> bool:
        kept.add(ONE, b"newer")
        return True

    assert recovery.drop([ONE], confirm, kept.said.append) == 75
    assert "a newer text has taken its place" in kept.said[-1]
    assert [entry.file.read_bytes() for entry in kept.spool.entries()] == [b"newer"]


def test_of_several_none_is_dropped_where_one_is_not_known(kept: Kept) -> None:
    kept.add(ONE, b"x")
    with pytest.raises(NoInput):
        recovery.drop([ONE, "nope"], kept.confirm, kept.said.append)
    assert len(kept.spool.entries()) == 1


class Daemon:
    def __init__(self, *answers: dict[str, object]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, object]] = []

    async def ask(self, request: dict[str, object], patience: float = 0) -> dict[str, object]:
        self.asked.append(request)
        return self.answers.pop(0)


def test_sent(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(ONE, b"x")
    daemon = Daemon({"ok": True, "said": "/home/u/train.py on gpu1: saved"})
    monkeypatch.setattr(recovery.control, "ask", daemon.ask)
    assert recovery.send("1111", kept.confirm, kept.said.append) == 0
    assert daemon.asked == [{"do": "recover-send", "id": ONE}]
    assert kept.said == ["/home/u/train.py on gpu1: saved"]


def test_sent_to_who_proved_nothing_only_after_asking(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(ONE, b"x")
    doubt = {"ok": False, "ask": "gpu1 has not proved it: send?"}
    daemon = Daemon(doubt, {"ok": True, "said": "saved"})
    monkeypatch.setattr(recovery.control, "ask", daemon.ask)
    recovery.send(ONE, kept.confirm, kept.said.append)
    assert kept.asked == ["gpu1 has not proved it: send?"]
    assert daemon.asked[1] == {"do": "recover-send", "id": ONE, "sure": True}
    kept.yes = False
    monkeypatch.setattr(recovery.control, "ask", Daemon(doubt).ask)
    with pytest.raises(Denied, match="was not sent"):
        recovery.send(ONE, kept.confirm, kept.said.append)


@pytest.mark.parametrize("code", [64, 66, 75])
def test_not_sent(kept: Kept, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    kept.add(ONE, b"x")
    answer = {"ok": False, "error": "it is not open", "hint": "open it there first", "code": code}
    monkeypatch.setattr(recovery.control, "ask", Daemon(answer).ask)
    with pytest.raises(RbridgeError, match="it is not open") as caught:
        recovery.send(ONE, kept.confirm, kept.said.append)
    assert (caught.value.exit_code, caught.value.hint) == (code, "open it there first")
