import logging
import os
import stat

import pytest

from rbridge.errors import CannotCreate, UsageError
from rbridge.server import log
from tests.client.saving import disk


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "daemon.log"
    log.begin(log.to_file(str(path), 10_000))
    yield path
    log.end()


def test_one_line_of_printable_characters_per_message(file):
    log.logger.info("a %s b", "\n\x1b[2J\r")
    assert file.read_text().count("\n") == 1
    assert file.read_text().rstrip("\n").isprintable()


def test_only_we_can_read_it(file):
    log.logger.info("x")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_rotates_and_stays_bounded(file):
    for number in range(2000):
        log.logger.info("line %d of a log that is too long", number)
    files = sorted(os.listdir(file.parent))
    assert files == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    for name in files:
        assert stat.S_IMODE((file.parent / name).stat().st_mode) == 0o600
        assert (file.parent / name).stat().st_size <= 10_000


def test_an_exception_is_logged_without_its_message(file):
    try:
        try:
            raise ValueError("the secret text")
        except ValueError as error:
            raise KeyError("another secret") from error
    except KeyError:
        log.logger.exception("it broke")
    text = file.read_text()
    assert "it broke" in text
    assert "test_log.py" in text
    assert "ValueError" in text
    assert "KeyError" in text
    assert "secret" not in text


def test_our_own_errors_and_the_systems_keep_theirs(file):
    for error in (UsageError("no such editor"), FileNotFoundError(2, "No such file", "/secret")):
        try:
            raise error
        except Exception:
            log.logger.exception("it broke")
    text = file.read_text()
    assert "no such editor" in text
    assert "No such file" in text
    assert "/secret" not in text


def test_groups_are_taken_apart(file):
    class Group(Exception):
        exceptions = (ValueError("secret"), UsageError("plain"))

    try:
        raise Group
    except Group:
        log.logger.exception("it broke")
    assert "plain" in file.read_text()
    assert "secret" not in file.read_text()


@pytest.mark.parametrize(("verbose", "seen"), [(0, "w"), (1, "wi"), (2, "wid"), (5, "wid")])
def test_stderr_shows_more_when_asked(capsys, verbose, seen):
    log.begin(log.to_stderr(verbose))
    try:
        log.logger.warning("w")
        log.logger.info("i")
        log.logger.debug("d")
    finally:
        log.end()
    assert capsys.readouterr().err == "".join(f"rbridge: {letter}\n" for letter in seen)


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "daemon.log").symlink_to(tmp_path / "precious")
    with pytest.raises(CannotCreate, match=r"daemon\.log: .*symbolic"):
        log.to_file(str(tmp_path / "daemon.log"), 1000)


def test_begin_replaces_what_was_there(file):
    log.begin(logging.NullHandler())
    log.logger.info("later")
    assert file.read_text() == ""


def test_a_full_disk_is_said_once_and_the_log_goes_on_when_there_is_room(tmp_path, capsys):
    with disk(tmp_path / "small", "size=64k") as small:
        log.begin(log.to_file(str(small / "daemon.log"), 10_000))
        fill = small / "fill"
        fill.write_bytes(b"x" * 60_000)
        for number in range(200):
            log.logger.info("line %d", number)
        assert capsys.readouterr().err == "rbridge: the log cannot be written: No space left on device\n"
        fill.unlink()
        log.logger.info("room again")
        log.end()
        assert (small / "daemon.log").read_text().endswith(" INFO room again\n")
        assert capsys.readouterr().err == ""
