"""What setup asks a host in one login, whatever its shell prints and whichever that is."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from rbridge.client import key as keyfile
from rbridge.errors import CannotCreate, Denied, NotListening
from rbridge.ssh import survey
from rbridge.ssh.survey import Facts, Survey
from tests.harness.environment import Home
from tests.harness.sshd import Sshd

LAPTOP = "0123456789abcdef"
LINE = b"00112233445566ff " + b"ab" * 32 + b" gpu1\n"


def _options(sshd: Sshd) -> list[str]:
    return ["-F", str(sshd.config)]


def test_a_host_tells_where_our_sockets_belong(sshd: Sshd) -> None:
    with Survey("gpu1", _options(sshd)) as login:
        facts = login.facts
    assert (facts.home, facts.node, facts.uid) == (str(sshd.remote.path), os.uname().nodename, os.geteuid())
    assert os.stat(facts.directory).st_mode & 0o777 == 0o700
    assert os.stat(os.path.dirname(facts.directory)).st_mode & 0o777 == 0o700


def test_a_shell_that_prints_at_login_is_not_listened_to(sshd: Sshd) -> None:
    sshd.remote.file(".bashrc", "echo home /somewhere/else; printf 'no newline'\n")
    with Survey("gpu1", _options(sshd)) as login:
        assert login.facts.home == str(sshd.remote.path)


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish", "tcsh"])
def test_any_login_shell_runs_it(shell: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    _pretend(home, monkeypatch, f'for last; do :; done; exec {shell} -c "$last"')
    with Survey("gpu1", identity=LAPTOP) as login:
        assert login.facts.home == str(home.path)
        login.leave(LINE)
    assert list((home.path / ".rbridge" / "keys").iterdir()) == [
        home.path / ".rbridge" / "keys" / f"{LAPTOP}@{os.uname().nodename}"
    ]


def test_the_key_that_is_left_is_one_that_the_client_takes(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Survey("gpu1", _options(sshd), LAPTOP) as login:
        login.leave(LINE)
    monkeypatch.setenv("HOME", str(sshd.remote.path))
    key = keyfile.read(LAPTOP)
    assert key is not None
    assert (key.id, key.name) == ("00112233445566ff", "gpu1")


def test_no_key_is_left_when_none_is_given(sshd: Sshd) -> None:
    with Survey("gpu1", _options(sshd), LAPTOP):
        pass
    assert list((sshd.remote.path / ".rbridge" / "keys").iterdir()) == []


def test_a_key_that_cannot_be_written_is_an_error(sshd: Sshd) -> None:
    with Survey("gpu1", _options(sshd), LAPTOP) as login:
        shutil.rmtree(sshd.remote.path / ".rbridge" / "keys")
        with pytest.raises(CannotCreate, match="could not be written"):
            login.leave(LINE)


def test_a_connection_that_breaks_before_the_key_is_an_error(sshd: Sshd) -> None:
    with Survey("gpu1", _options(sshd), LAPTOP) as login:
        login._ssh.kill()
        login._ssh.wait()
        with pytest.raises(CannotCreate, match="could not be written"):
            login.leave(LINE)


def test_a_link_in_the_place_of_our_directory_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    (sshd.remote.path / ".rbridge").symlink_to(tmp_path)
    with pytest.raises(Denied, match="is a symbolic link"):
        Survey("gpu1", _options(sshd))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_our_directory_is_named(sshd: Sshd) -> None:
    sshd.remote.file(".rbridge")
    with pytest.raises(Denied, match=r"\.rbridge cannot be made"):
        Survey("gpu1", _options(sshd))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_a_directory_of_somebody_else_is_refused(sshd: Sshd) -> None:
    (sshd.remote.path / ".rbridge").mkdir()
    os.chown(sshd.remote.path / ".rbridge", 65534, 65534)
    with pytest.raises(Denied, match="belongs to somebody else"):
        Survey("gpu1", _options(sshd))


def test_a_login_that_fails_says_how_ssh_ended(sshd: Sshd) -> None:
    sshd.close()
    with pytest.raises(NotListening, match="ssh ended with 255"):
        Survey("gpu1", _options(sshd))


def test_a_connection_that_breaks_off_is_an_error(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(home, monkeypatch, 'for last; do :; done; sh -c "$last" | sed "/ end$/d"')
    with pytest.raises(NotListening, match="ended before all was asked"):
        Survey("gpu1")


def test_who_listens_is_seen(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with Survey("gpu1", _options(sshd)) as login:
            facts = login.facts
    assert facts.holder(port) == os.geteuid()
    assert facts.holder(facts.free(port)) is None


def test_of_two_families_the_one_that_somebody_else_holds_counts() -> None:
    facts = Facts("/home/ada", "gpu1", 1000, ((52698, 1000), (52698, 1001), (52699, 1001)))
    assert facts.holder(52698) == 1001
    assert facts.free(52698) == 52700
    assert Facts("/home/ada", "gpu1", 1000, None).holder(52698) is None


def _pretend(home: Home, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """An ssh whose host is this machine with another home: *line* runs its last argument."""
    script = home.script("bin/ssh", f"#!/bin/sh\n{line}\n")
    monkeypatch.setattr(survey, "SSH", str(script))
    monkeypatch.setenv("HOME", str(home.path))
