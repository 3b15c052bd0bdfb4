"""The process in the background behind whole commands: what becomes of opens, saves and lost connections, and
what the command says of it.
"""

from __future__ import annotations

import os

import pytest

from tests.client.editors import LINK, Talk


def test_a_save_lands_and_close_ends_it_with_0(home, editor, rbridge_open):
    path = home.file("train.py", "old\n", 0o640)

    def script(talk: Talk) -> None:
        said = talk.opened()
        assert said.body == b"old\n"
        talk.save(said.token, b"new\n")
        talk.close(said.token)
        assert talk.gone()

    served = editor(script)
    ran = rbridge_open("-w", *served.where, "train.py")
    served.result()
    assert ran.code == 0, ran
    assert ran.err == f"train.py: sent to TextPal at 127.0.0.1:{served.port}\n"
    assert ran.out == ""
    assert path.read_bytes() == b"new\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_towards_our_daemon_a_save_is_acknowledged(home, editor, rbridge_open):
    path = home.file("train.py", "old\n")
    answers = []

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        for serial, text in enumerate((b"one\n", b"", b"three" * 100000), 1):
            talk.save(said.token, text, serial)
            answers.append((text, talk.record()))
        talk.close(said.token)
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", *served.where, "train.py")
    served.result()
    assert (ran.code, ran.err) == (0, "train.py: open in vim on mylaptop\n")
    for serial, (_, said) in enumerate(answers, 1):
        assert said.command == "saved"
        assert said.headers["save"] == str(serial)
        assert set(said.headers) == {"token", "save"}
    assert path.read_bytes() == b"three" * 100000


def test_a_new_file_is_created_by_its_first_save(home, editor, rbridge_open):
    def script(talk: Talk) -> None:
        said = talk.opened()
        assert said.body == b""
        talk.save(said.token, b"made\n")
        talk.close(said.token)

    served = editor(script)
    assert rbridge_open("-w", *served.where, "new.txt").code == 0
    served.result()
    assert (home.path / "new.txt").read_bytes() == b"made\n"


def test_a_new_file_that_is_never_saved_is_not_created(home, editor, rbridge_open):
    served = editor(lambda talk: talk.close(talk.opened().token))
    assert rbridge_open("-w", *served.where, "new.txt").code == 0
    assert not (home.path / "new.txt").exists()


def test_textmate_lines_and_blocks_are_understood(home, editor, rbridge_open):
    path = home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        token = talk.opened().token.encode()
        blocks = b"".join(b"data: 1024\r\n" + bytes([65 + n]) * 1024 for n in range(3))
        talk.send(b"save\r\ntoken: " + token + b"\r\n" + blocks + b"\r\n")
        talk.send(b"close\r\ntoken: " + token + b"\r\n\r\n")

    served = editor(script)
    assert rbridge_open("-w", *served.where, "a.txt").code == 0
    served.result()
    assert path.read_bytes() == b"A" * 1024 + b"B" * 1024 + b"C" * 1024


def test_a_plain_server_that_hangs_up_has_closed(home, editor, rbridge_open):
    home.file("a.txt", "old")
    served = editor(lambda talk: talk.opened() and talk.hang_up())
    assert rbridge_open("-w", *served.where, "a.txt").code == 0


def test_our_daemon_hanging_up_without_close_is_a_lost_connection(home, editor, rbridge_open):
    home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        talk.linked()
        talk.hang_up()

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", *served.where, "a.txt")
    assert ran.code == 74
    assert "a.txt: connection to mylaptop lost before it was closed" in ran.err


def test_a_save_cut_off_in_the_middle_leaves_the_file_and_nothing_else(home, editor, rbridge_open):
    path = home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        token = talk.opened().token
        talk.send(f"save\ntoken: {token}\ndata: 100\n0123456789".encode())
        talk.hang_up()

    served = editor(script)
    ran = rbridge_open("-w", *served.where, "a.txt")
    assert ran.code == 74
    assert "cannot save a.txt" in ran.err
    assert path.read_bytes() == b"old"
    assert os.listdir(home.path) == ["a.txt"]


@pytest.mark.parametrize("token", ["/etc/passwd", "../a.txt", "a.txt", "0" * 24, "-"])
def test_a_token_that_was_never_issued_writes_nothing_and_ends_it(home, editor, rbridge_open, token):
    home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        talk.opened()
        talk.save(token, b"evil")
        assert talk.gone()

    served = editor(script)
    ran = rbridge_open("-w", *served.where, "a.txt")
    served.result()
    assert ran.code == 65
    assert "never opened" in ran.err
    assert os.listdir(home.path) == ["a.txt"]
    assert (home.path / "a.txt").read_bytes() == b"old"


def test_a_refused_save_is_74_and_says_why_until_a_later_one_succeeds(home, editor, rbridge_open):
    path = home.file("a.txt", "old")
    answers = []

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        path.write_bytes(b"changed on the host")
        talk.save(said.token, b"mine", 1)
        answers.append(talk.record())
        talk.close(said.token)

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", *served.where, "a.txt")
    served.result()
    assert ran.code == 74
    assert "a.txt" in ran.err
    assert (answers[0].command, answers[0].headers["reason"]) == ("refused", "conflict")
    assert path.read_bytes() == b"changed on the host"
    kept = [one for one in home.state.rglob("*") if one.is_file() and one.read_bytes() == b"mine"]
    assert len(kept) == 1
    assert str(kept[0]) in ran.err


def test_a_write_protected_file_opened_by_force_is_saved(home, editor, rbridge_open, powerless):
    path = home.file("a.txt", "old", 0o444)

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.save(said.token, b"new", 1)
        assert talk.record().command == "saved"
        talk.close(said.token)

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", "--force", *served.where, "a.txt", before=powerless)
    served.result()
    assert ran.code == 0, ran
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o444


def test_a_text_that_stays_on_the_laptop_is_74(home, editor, rbridge_open):
    home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.send(f"close\ntoken: {said.token}\nunsaved: yes\n\n".encode())

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", *served.where, "a.txt")
    served.result()
    assert ran.code == 74
    assert "a.txt: closed with a text that did not get here: mylaptop keeps it" in ran.err


def test_only_the_last_save_counts(home, editor, rbridge_open):
    path = home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        path.write_bytes(b"changed")
        talk.save(said.token, b"mine", 1)
        assert talk.record().command == "refused"
        path.write_bytes(b"old")
        talk.save(said.token, b"mine", 2)
        assert talk.record().command == "saved"
        talk.close(said.token)

    served = editor(script, home.root / "d.sock", LINK)
    assert rbridge_open("-w", *served.where, "a.txt").code == 0
    served.result()
    assert path.read_bytes() == b"mine"


def test_an_open_that_is_refused_says_what_the_other_side_says(home, editor, rbridge_open):
    home.file("a.txt")

    def script(talk: Talk) -> None:
        assert talk.record().command == "link"
        token = talk.record().token
        talk.send(f"refused\ntoken: {token}\nreason: no-editor\nmessage: no editor%0Afound\n\n".encode())
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open(*served.where, "a.txt")
    served.result()
    assert ran.code == 69
    assert ran.err == "rbridge: a.txt: not opened on mylaptop: no editor\ufffdfound\n"


def test_a_daemon_that_greets_and_falls_silent_is_given_up(home, editor, rbridge_open):
    home.file("a.txt")
    served = editor(lambda talk: talk.file.read(), home.root / "d.sock", LINK)
    ran = rbridge_open("--timeout", "0.5", *served.where, "a.txt")
    assert ran.code == 69
    assert "did not answer within 0.5 s" in ran.err


def test_a_plain_server_that_greets_and_falls_silent_has_the_file(home, editor, rbridge_open):
    home.file("a.txt")
    served = editor(lambda talk: talk.opened() and talk.file.read())
    assert rbridge_open(*served.where, "a.txt").code == 0


def test_what_makes_no_sense_is_a_protocol_error(home, editor, rbridge_open):
    path = home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        token = talk.opened().token
        talk.send(f"save\ntoken: {token}\ndata: -5\n".encode())
        assert talk.gone()

    served = editor(script)
    ran = rbridge_open("-w", *served.where, "a.txt")
    assert ran.code in (65, 74)
    assert "makes no sense" in ran.err
    assert path.read_bytes() == b"old"
    assert os.listdir(home.path) == ["a.txt"]


def test_several_files_share_a_connection_to_our_daemon(home, editor, rbridge_open):
    for name in "abc":
        home.file(name, name)

    def script(talk: Talk) -> None:
        said = talk.linked(3)
        for one in said:
            talk.save(one.token, one.body + b"!", 1)
            assert talk.record().command == "saved"
        for one in reversed(said):
            talk.close(one.token)
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    assert rbridge_open("-w", *served.where, "a", "b", "c").code == 0
    served.result()
    assert served.connections == 1
    assert [(home.path / name).read_text() for name in "abc"] == ["a!", "b!", "c!"]


def test_saves_through_a_symbolic_link_reach_the_file(home, editor, rbridge_open):
    path = home.file("real/a.txt", "old")
    (home.path / "link.txt").symlink_to("real/a.txt")

    def script(talk: Talk) -> None:
        said = talk.opened()
        talk.save(said.token, b"new")
        talk.close(said.token)

    served = editor(script)
    assert rbridge_open("-w", *served.where, "link.txt").code == 0
    assert path.read_bytes() == b"new"
    assert (home.path / "link.txt").is_symlink()


def test_read_only_refuses_saves(home, editor, rbridge_open):
    path = home.file("a.txt", "old")

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        assert said.headers["read-only"] == "yes"
        talk.save(said.token, b"new", 1)
        assert talk.record().headers["reason"] == "read-only"
        talk.close(said.token)

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", "-r", *served.where, "a.txt")
    served.result()
    assert ran.code == 74
    assert path.read_bytes() == b"old"


def test_bye_is_passed_on(home, editor, rbridge_open):
    home.file("a.txt")

    def script(talk: Talk) -> None:
        talk.linked()
        talk.send(b"bye\nmessage: the daemon was stopped\n\n")

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", *served.where, "a.txt")
    assert ran.code == 74
    assert "mylaptop ends: the daemon was stopped" in ran.err


def test_other_files_of_the_command_go_on_when_one_is_closed(home, editor, rbridge_open):
    home.file("a", "a")
    home.file("b", "b")
    answers = []

    def script(talk: Talk) -> None:
        one, two = talk.linked(2)
        talk.close(one.token)
        talk.save(one.token, b"after its close", 1)
        answers.append(talk.record())
        talk.save(two.token, b"two", 1)
        answers.append(talk.record())
        talk.close(two.token)
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    ran = rbridge_open("-w", *served.where, "a", "b")
    served.result()
    assert ran.code == 0, ran
    assert [one.command for one in answers] == ["refused", "saved"]
    assert answers[0].headers["reason"] == "gone"
    assert (home.path / "a").read_text() == "a"
    assert (home.path / "b").read_text() == "two"
