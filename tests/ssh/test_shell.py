"""``rbridge ssh`` and ``connect`` on a real sshd, from an account where nothing was installed."""

from __future__ import annotations

import os
import signal

from rbridge.ssh import shell, sshconfig
from tests.harness.environment import Home, signalled
from tests.harness.sshd import Sshd, Via
from tests.harness.tmux import Tmux
from tests.harness.wait import until
from tests.ssh.trip import Trip


def test_the_first_time_it_works(trip: Trip) -> None:
    file = trip.host.file("train.py", "x = 1\n")
    ran = trip.there("open train.py").ok()
    assert "train.py: open in" in ran.out + ran.err
    opened = trip.editor.wait_open()
    assert opened.content == b"x = 1\n"
    opened.write(b"x = 2\n")
    until(lambda: file.read_bytes() == b"x = 2\n")
    opened.quit()


def test_the_host_is_known_by_its_name_here(trip: Trip) -> None:
    trip.host.file("train.py", "x = 1\n")
    trip.there("open train.py").ok()
    opened = trip.editor.wait_open()
    assert "gpu1:" in trip.here("status").ok().out
    opened.quit()


def test_exit_code_output_and_input_are_those_of_ssh(trip: Trip) -> None:
    ran = trip.run("ssh", "cat; echo said >&2; exit 7")
    assert (ran.code, ran.out) == (7, "")
    assert "said\n" in ran.err
    words = trip.words("ssh", "cat")
    assert trip.laptop.run(words, stdin=b"\0binary\xff\n").out_bytes == b"\0binary\xff\n"


def test_a_second_one_goes_over_the_same_connection(trip: Trip) -> None:
    trip.run("ssh", "true").ok()
    logins = trip.sshd.log().count("Accepted publickey")
    assert trip.run("ssh", "true").ok().err == ""
    assert trip.sshd.log().count("Accepted publickey") == logins == 1


def test_connect_returns_when_the_tunnel_is_up_and_it_stays(trip: Trip) -> None:
    ran = trip.run("connect").ok()
    assert "files of gpu1 open in" in ran.err
    assert trip.here("status").ok().out.startswith("gpu1: connected")
    (host_side,) = (trip.socket(),)
    assert host_side.is_socket()
    assert os.stat(host_side.parent).st_mode & 0o777 == 0o700


def test_disconnect(trip: Trip) -> None:
    trip.run("connect").ok()
    assert "gpu1: disconnected" in trip.here("disconnect", "gpu1").ok().err
    until(lambda: not trip.masters())
    assert "gpu1" not in trip.here("status").ok().out
    ran = trip.here("disconnect", "gpu1")
    assert (ran.code, "gpu1 is not connected" in ran.err) == (66, True)


def test_the_end_of_the_daemon_ends_the_tunnel(trip: Trip) -> None:
    trip.run("connect").ok()
    trip.here("serve", "--stop").ok()
    until(lambda: not trip.masters())
    assert list(trip.laptop.runtime.glob("*.sock")) == []
    assert not (trip.laptop.runtime / "hosts.json").exists()


def test_nothing_is_put_there_with_no_deploy(trip: Trip) -> None:
    trip.run("connect", "--no-deploy").ok()
    assert not trip.client.exists()


def test_what_is_deployed_is_said_once(trip: Trip) -> None:
    assert "rbridge" in trip.run("ssh", "true").ok().err
    trip.here("disconnect", "gpu1").ok()
    ran = trip.run("connect").ok()
    assert "put" not in ran.err


def test_through_a_jump_host(home: Home, via_jump: Via) -> None:
    trip = Trip(home, via_jump.target)
    try:
        trip.host.file("train.py", "x = 1\n")
        words = f"cd {trip.host.path} && {trip.client} open train.py"
        trip.run("ssh", words, alias=via_jump.alias).ok()
        opened = trip.editor.wait_open()
        assert f"{via_jump.alias}:" in trip.here("status").ok().out
        opened.quit()
    finally:
        trip.close()


def test_a_login_that_fails_has_ssh_s_words_and_code(trip: Trip) -> None:
    (trip.sshd.directory / "authorized_keys").write_text("")
    ran = trip.run("ssh", "true")
    assert ran.code == 255
    assert "Permission denied" in ran.err
    ran = trip.run("connect")
    assert ran.code == 77
    assert ran.err.count("\n") >= 1


def test_a_host_that_is_not_there(trip: Trip) -> None:
    trip.sshd.close()
    ran = trip.run("connect")
    assert ran.code == 69
    assert "gpu1" in ran.err


def test_what_setup_wrote_for_plain_ssh_is_left_out() -> None:
    assert shell.OURS == sshconfig.OFF


def test_mistakes(trip: Trip) -> None:
    assert trip.here("ssh").code == 64
    assert trip.here("connect", "gpu1", "true").code == 64
    assert trip.here("ssh", "-p").code == 64
    assert trip.here("ssh", "--help").ok().out.startswith("usage: rbridge ssh")


def test_a_shell_in_a_terminal(trip: Trip, home: Home) -> None:
    tmux = Tmux(home)
    try:
        trip.host.file("train.py", "x = 1\n")
        tmux.line(" ".join(trip.words("ssh")))
        tmux.wait_for("files of gpu1 open in", 60.0)
        tmux.wait_for("do not find rbridge. Add one line")
        tmux.line("n")
        tmux.wait_for("not added")
        tmux.line(f"cd {trip.host.path}; tty; {trip.client} open train.py")
        tmux.wait_for("/dev/pts/")
        opened = trip.editor.wait_open()
        tmux.wait_for("train.py: open in")
        opened.quit()
        tmux.line("exit 3")
        tmux.wait_for("closed.")  # what is typed before that is the host's
        tmux.line("echo code $?")
        tmux.wait_for("code 3")
    finally:
        tmux.close()


def test_the_line_for_the_path_is_added_where_the_user_says_yes(trip: Trip, home: Home) -> None:
    tmux = Tmux(home)
    try:
        tmux.line(" ".join(trip.words("ssh")))
        tmux.wait_for("Add one line", 60.0)
        tmux.keys("Enter")
        tmux.wait_for("added one line to")
        assert any("# rbridge" in file.read_text() for file in trip.host.path.glob(".*") if file.is_file())
    finally:
        tmux.close()


def test_where_forwarding_is_refused_and_no_client_is_put_there_is_a_shell(
    home: Home, other_home: Home
) -> None:
    sshd = Sshd(other_home, options=["DisableForwarding yes"])
    trip = Trip(home, sshd)
    try:
        ran = trip.run("ssh", "--no-deploy", "echo in the shell")
        assert (ran.code, ran.out) == (0, "in the shell\n")
        assert "does not allow ssh to forward a socket" in ran.err
        assert "rbridge deploy gpu1" in ran.err
        ran = trip.run("connect", "--no-deploy")
        assert ran.code == 69
        assert "does not allow ssh to forward a socket" in ran.err
        assert "needs you" in trip.here("status").ok().out
    finally:
        trip.close()
        sshd.close()


def test_where_no_daemon_can_run_there_is_plain_ssh(trip: Trip) -> None:
    (trip.laptop.config / "rbridge" / "config.toml").write_text("colour = 1\n")
    ran = trip.run("ssh", "echo in the shell; exit 5")
    assert (ran.code, ran.out) == (5, "in the shell\n")
    assert "unknown key colour" in ran.err
    assert "nothing leads back" in ran.err
    assert trip.run("connect").code == 69


def test_two_at_once_log_in_once(trip: Trip) -> None:
    both = [trip.laptop.start(trip.words("ssh", "echo", str(number))) for number in range(3)]
    assert [process.communicate(timeout=60)[0] for process in both] == [b"0\n", b"1\n", b"2\n"]
    assert [process.returncode for process in both] == [0, 0, 0]
    assert trip.sshd.log().count("Accepted publickey") == 1


def test_a_directory_that_is_gone_is_no_reason_not_to_come_back(trip: Trip) -> None:
    gone = trip.laptop.path / "gone"
    gone.mkdir()
    trip.laptop.run(trip.words("connect"), cwd=gone).ok()
    gone.rmdir()
    (before,) = trip.masters()
    signalled(before, signal.SIGKILL)
    until(lambda: trip.masters() not in ([], [before]), 30.0)
    trip.until_standing("gpu1 connected")


def test_disconnect_in_the_middle_of_a_connect_does_not_hurt_the_daemon(trip: Trip) -> None:
    trip.run("connect").ok()
    daemon = trip.daemon
    for _ in range(3):
        trip.here("disconnect", "gpu1")
        connecting = trip.laptop.start(trip.words("connect"))
        until(lambda: "gpu1" in trip.here("status").out)
        trip.here("disconnect", "gpu1")
        connecting.communicate(timeout=60)
    assert trip.daemon == daemon
    trip.run("connect").ok()
