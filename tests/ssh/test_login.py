"""Long, because both ways to log in share what stands around them: hosts, keys, a jump, and what is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio

from rbridge.errors import NoInput, NotListening
from rbridge.ssh import config, login, master
from tests.harness.cancelling import at_every_step
from tests.harness.environment import signalled, stop
from tests.harness.sshd import JUMP_ALIAS
from tests.harness.wait import until, until_async

PASSPHRASE = "correct horse"

# What rbridge's commands do, with what came of it on the last line.
LOGIN = """
import os, sys
from rbridge.ssh import config, login
destination = config.ask_now(sys.argv[2], sys.argv[3:], os.getcwd())
made = login.in_terminal(destination, sys.argv[1])
print("pid", made.pid, "code", made.code, "stderr", repr(made.stderr), flush=True)
"""


@pytest.fixture
def control(home):
    """Where the master of the test is; it is ended afterwards."""
    path = str(home.runtime / "cm.0123abcd")
    yield path
    pid = master.check_now(path, 1.0)
    if pid is not None:
        signalled(pid, signal.SIGKILL)


@pytest.fixture
def ask(home, sshd):
    """What ssh makes of a host, with the test's own configuration and further options."""

    def ask(*options, alias=sshd.alias):
        said = (f"-F{sshd.config}", *options)
        return config.ask_now(alias, said, str(home.path), home.env)

    return ask


@pytest.fixture
def locked(home, sshd):
    """The options for a key that has a passphrase."""
    key = home.path / "locked"
    home.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", key]).ok()
    with open(sshd.directory / "authorized_keys", "a") as file:
        file.write(key.with_suffix(".pub").read_text())
    text = sshd.config.read_text().replace("BatchMode yes", "BatchMode no")
    sshd.config.write_text(text.replace(f"IdentityFile {sshd.directory}/key", f"IdentityFile {key}"))
    return key


@pytest.fixture
def typed(home, sshd, tmux, control):
    """Type the line that logs in into the shell of a terminal."""
    runner = home.file("login.py", LOGIN)

    def begin(*options, alias=sshd.alias):
        tmux.line(" ".join([sys.executable, str(runner), control, alias, f"-F{sshd.config}", *options]))

    return begin


def descriptors(pid):
    """What a process holds as stdin, stdout and stderr."""
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]


def processes(home, word):
    """The pids of those whose command line has *word*."""
    return [pid for pid in home.processes() if word in _said(pid)]


def _said(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


# The command line


def effective(home, sshd, argv):
    """What ``ssh -G`` makes of a master's command line."""
    done = home.run([argv[0], "-G", *(word for word in argv[1:] if word != "-f")])
    return dict(line.split(" ", 1) for line in reversed(done.ok().out.splitlines()) if " " in line)


@pytest.mark.parametrize("unattended", [True, False])
def test_what_a_master_must_be_holds_against_any_option_of_the_user(home, sshd, ask, control, unattended):
    made = ask(
        *("-M", "-M", "-S/elsewhere", "-oControlMaster=no", "-oControlPersist=5", "-oServerAliveInterval=0"),
        *("-L41999:h:1", "-R/r:/l", "-D41998", "-oRemoteCommand=false", "-tt", "-oClearAllForwardings=no"),
        *("-oPermitLocalCommand=yes", "-oLocalCommand=touch x", "-oExitOnForwardFailure=yes", "-n", "-q"),
    )
    said = effective(home, sshd, login.words(made, control, unattended=unattended))
    assert said["controlmaster"] == "true"
    assert said["controlpath"] == control
    assert said["controlpersist"] == "no"
    assert said["sessiontype"] == "none"
    assert (said["serveraliveinterval"], said["serveralivecountmax"]) == ("10", "3")
    assert said["permitlocalcommand"] == "no"
    assert said["exitonforwardfailure"] == "no"
    assert not {"localforward", "remoteforward", "dynamicforward", "remotecommand"} & set(said)
    assert said["loglevel"] == "INFO"


def test_the_way_to_the_host_is_the_one_that_the_user_names(home, sshd, ask, control):
    made = ask(
        "-p2222", "-lsomebody", f"-i{sshd.config}", "-A", "-X", "-C", "-oConnectTimeout=7", "-Jelse", "-4"
    )
    said = effective(home, sshd, login.words(made, control, unattended=False))
    assert (said["port"], said["user"], said["identityfile"]) == ("2222", "somebody", str(sshd.config))
    assert (said["forwardagent"], said["forwardx11"], said["compression"]) == ("yes", "yes", "yes")
    assert (said["connecttimeout"], said["proxyjump"], said["addressfamily"]) == ("7", "else", "inet")


def test_an_agent_that_nobody_wants_forwarded_is_not(home, sshd, ask, control):
    said = effective(home, sshd, login.words(ask(), control, unattended=False))
    assert (said["forwardagent"], said["forwardx11"]) == ("no", "no")


def test_v_shows_what_the_login_does(home, sshd, ask, control):
    words = login.words(ask("-v", "-v"), control, unattended=False)
    assert "-oLogLevel=DEBUG2" in words
    assert "-v" not in words


def test_a_command_that_logs_in_imports_no_trio():
    text = "import sys; from rbridge.ssh import login, master; sys.exit('trio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0


# In the terminal


def test_ssh_asks_for_the_passphrase_and_the_master_is_in_the_background(home, tmux, typed, locked, control):
    typed()
    tmux.wait_for("Enter passphrase for key")
    tmux.line("wrong")
    until(lambda: tmux.screen().count("Enter passphrase") == 2)
    tmux.line(PASSPHRASE)
    tmux.wait_for("code 0")
    pid = master.check_now(control)
    assert f"pid {pid} code 0" in tmux.screen()
    assert descriptors(pid) == ["/dev/null"] * 3
    assert os.getsid(pid) == pid


def test_an_unknown_host_is_asked_about_and_taken(home, sshd, tmux, typed, locked, control):
    sshd.config.write_text(sshd.config.read_text().replace("StrictHostKeyChecking yes", ""))
    known = sshd.directory / "known_hosts"
    known.write_text("")
    typed(f"-i{sshd.directory}/key")
    tmux.wait_for("(yes/no/[fingerprint])?")
    tmux.line("yes")
    tmux.wait_for("code 0")
    assert known.read_text()


def test_ctrl_c_at_the_question_ends_the_login_and_leaves_nothing(home, tmux, typed, locked, control):
    typed()
    tmux.wait_for("Enter passphrase")
    tmux.keys("C-c")
    tmux.wait_for("pid None code 130")
    assert not os.path.exists(control)
    assert not processes(home, "ssh")


def test_ctrl_z_at_the_question_suspends_it_and_fg_asks_again(tmux, typed, locked, control):
    typed()
    tmux.wait_for("Enter passphrase")
    tmux.keys("C-z")
    tmux.wait_for("Stopped")
    tmux.line("fg")
    until(lambda: tmux.screen().count("Enter passphrase") == 2)
    tmux.line(PASSPHRASE)
    tmux.wait_for("code 0")


def test_the_ssh_on_the_way_does_not_see_a_later_ctrl_c(home, tmux, typed, via_jump, control):
    typed(alias=via_jump.alias)
    tmux.wait_for("code 0")
    tmux.line("cat")
    tmux.keys("C-c")
    tmux.line("echo en$(echo d)")
    tmux.wait_for("end")
    assert processes(home, JUMP_ALIAS)
    assert master.check_now(control)
    home.run([*master.over(control), "true"]).ok()


def run_login(home, sshd, control, *options, alias=None, **more):
    """The same without a terminal: *options* follow, and what is printed is returned."""
    runner = home.file("login.py", LOGIN)
    words = [sys.executable, runner, control, alias or sshd.alias, f"-F{sshd.config}", *options]
    return home.run(["setsid", "-w", *words], **more)


def test_a_login_that_fails_has_the_words_of_ssh_and_its_code(home, sshd, control):
    done = run_login(home, sshd, control, "-i/nonexistent", "-oIdentitiesOnly=yes", "-oPort=1")
    assert "Connection refused" in done.err
    assert done.out.startswith("pid None code 255 stderr")
    assert "Connection refused" in done.out


def test_why_a_jump_fails_is_heard(home, sshd, via_jump, control):
    (via_jump.jump.directory / "authorized_keys").write_text("")
    done = run_login(home, sshd, control, alias=via_jump.alias)
    assert "Permission denied (publickey)" in done.err


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_a_master_and_its_jump_hold_no_pipe_of_ours(home, sshd, via_jump, control, verbose):
    done = run_login(home, sshd, control, *verbose, alias=via_jump.alias)  # returns when all pipes are closed
    assert "code 0" in done.out
    pid = master.check_now(control)
    assert descriptors(pid) == ["/dev/null"] * 3
    assert ("debug1" in done.err) is bool(verbose)


def test_without_a_terminal_nobody_is_asked_but_the_users_own_askpass(home, sshd, locked, control):
    done = run_login(home, sshd, control)
    assert "pid None code 255" in done.out
    askpass = home.script("askpass", f"#!/bin/sh\necho '{PASSPHRASE}'\n")
    done = run_login(home, sshd, control, env={"SSH_ASKPASS": str(askpass), "DISPLAY": ":99"})
    assert "code 0" in done.out


def test_what_a_dead_master_left_is_in_nobodys_way(home, sshd, control):
    run_login(home, sshd, control)
    os.kill(master.check_now(control), signal.SIGKILL)
    until(lambda: not master.answers(control))
    assert os.path.exists(control)
    assert "code 0" in run_login(home, sshd, control).out
    assert master.check_now(control)


def test_a_login_that_is_told_to_end_leaves_nothing(home, sshd, control):
    runner = home.file("login.py", LOGIN)
    words = [sys.executable, runner, control, sshd.alias, f"-F{sshd.config}"]
    process = home.start([*words, "-oProxyCommand=sleep 100"])
    until(lambda: processes(home, "sleep"))
    stop(process)
    until(lambda: not home.processes() or not processes(home, "ssh") + processes(home, "sleep"))
    assert not os.path.exists(control)


def test_the_agent_is_forwarded_to_shells_over_a_master_that_was_made_with_it(home, sshd, control):
    sock = str(home.root / "agent")
    agent = home.start(["ssh-agent", "-D", "-a", sock])
    until(lambda: os.path.exists(sock))
    try:
        for options, wanted in ((["-A"], True), ([], False)):
            run_login(home, sshd, control, *options, env={"SSH_AUTH_SOCK": sock})
            shell = ["ssh", "-F", sshd.config, "-S", control, "-A", sshd.alias]
            said = home.run([*shell, "ssh-add -l; echo $SSH_AUTH_SOCK"], env={"SSH_AUTH_SOCK": sock})
            assert bool(said.out.splitlines()[-1].strip()) is wanted
            home.run(master.asking(control, "-O", "exit"))
            until(lambda: not os.path.exists(control))
    finally:
        stop(agent)


# Unattended


async def begin(home, made, control, **more):
    return await login.unattended(made, control, home.env, str(home.path), **{"deadline": 20, **more})


async def test_the_daemon_logs_in_and_the_master_is_no_child_of_its_own(home, ask, control):
    pid = await begin(home, ask(), control)
    assert pid == master.check_now(control)
    assert os.getsid(pid) not in (pid, os.getsid(0))
    assert pid not in children(os.getpid())
    held = descriptors(pid)
    assert held[:2] == ["/dev/null"] * 2
    assert "(deleted)" in held[2]


async def test_a_key_with_a_passphrase_is_not_asked_about(home, ask, locked, control):
    with pytest.raises(login.LoginFailed) as caught:
        await begin(home, ask(), control)
    assert "Permission denied (publickey)" in caught.value.stderr
    assert master.check_now(control) is None


async def test_no_askpass_of_the_user_is_started(home, ask, locked, control):
    asked = home.path / "asked"
    askpass = home.script("askpass", f"#!/bin/sh\ntouch {asked}\necho '{PASSPHRASE}'\n")
    home.env.update(SSH_ASKPASS=str(askpass), SSH_ASKPASS_REQUIRE="force", DISPLAY=":99")
    with pytest.raises(login.LoginFailed):
        await begin(home, ask(), control)
    assert not asked.exists()


async def test_the_way_through_a_jump_works(home, ask, via_jump, control):
    pid = await begin(home, ask(alias=via_jump.alias), control)
    home.run([*master.over(control), "true"]).ok()
    assert pid == master.check_now(control)


@pytest.fixture
def questioning(via_jump, locked):
    """A jump host that asks by keyboard-interactive, as those do that send a push to a telephone."""
    jump = via_jump.jump
    file = jump.directory / "sshd_config"
    lines = "AuthenticationMethods any\nKbdInteractiveAuthentication yes\nLogLevel DEBUG1\n"
    file.write_text(lines + file.read_text())
    os.kill(jump.pid, signal.SIGHUP)
    until(lambda: jump.log().count("Server listening") == 2)
    return jump


ASKED = "method keyboard-interactive"
WAYS = {
    "ProxyJump": "-oProxyJump=" + JUMP_ALIAS,
    "-J": f"-J{JUMP_ALIAS},gpu1",
    "ProxyCommand": "-oProxyCommand=ssh -F {config} -W [%%h]:%%p " + JUMP_ALIAS,
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_ssh_on_the_way_begins_what_sends_a_push(home, sshd, ask, questioning, control, way):
    option = WAYS[way].format(config=sshd.config).replace("%%", "%")
    home.run(["setsid", "-w", "ssh", "-F", sshd.config, "-oBatchMode=yes", option, sshd.alias, "true"])
    assert ASKED in questioning.log()  # BatchMode for the host is none for the hosts on the way
    begun = len(questioning.log())
    with pytest.raises(login.LoginFailed) as caught:
        await begin(home, ask(option), control)
    assert "Permission denied (publickey,password,keyboard-interactive)" in caught.value.stderr
    assert "method publickey" in questioning.log()[begun:] or "method none" in questioning.log()[begun:]
    assert ASKED not in questioning.log()[begun:]


async def test_another_master_that_is_made_meanwhile_is_taken(home, sshd, ask, via_jump, control, nursery):
    go = home.path / "go"
    wait = f"until test -e {go}; do sleep 0.02; done"
    line = f"{wait}; exec ssh -F {sshd.config} -W [%h]:%p {JUMP_ALIAS}"
    made = ask(f"-oProxyCommand=sh -c '{line}'")
    found = []

    async def log_in():
        found.append(await begin(home, made, control))

    nursery.start_soon(log_in)
    await until_async(lambda: processes(home, "sleep"))
    other = ["ssh", "-F", sshd.config, "-oControlMaster=yes", "-f", "-N", "-S", control, sshd.alias]
    await trio.to_thread.run_sync(home.run, other)
    await until_async(lambda: found)
    assert found == [master.check_now(control)]
    await until_async(lambda: processes(home, "-N") == found)


async def test_a_login_that_takes_too_long_is_ended_with_all_it_started(home, ask, control):
    made = ask("-oProxyCommand=sleep 100")
    begun = time.monotonic()
    with pytest.raises(login.LoginFailed) as caught:
        await begin(home, made, control, deadline=0.5)
    assert "timed out" in caught.value.stderr
    assert time.monotonic() - begun < 10
    await until_async(lambda: not processes(home, "sleep") + processes(home, "ssh"))


async def test_a_master_that_is_there_and_mute_is_not_logged_in_beside(home, sshd, ask, control):
    pid = await begin(home, ask(), control)
    os.kill(pid, signal.SIGSTOP)
    before = sshd.log().count("Accepted publickey")
    with pytest.raises(NotListening, match="does not answer"):
        await begin(home, ask(), control)
    assert sshd.log().count("Accepted publickey") == before
    os.kill(pid, signal.SIGCONT)


async def test_in_a_directory_that_is_gone_the_error_says_so(home, ask, control):
    with pytest.raises(NoInput, match="not there"):
        await login.unattended(ask(), control, home.env, "/nonexistent/place", deadline=5)


@pytest.mark.parametrize("way", ["direct", pytest.param("jump", marks=pytest.mark.slow)])
async def test_a_login_that_is_cancelled_at_any_moment_leaves_nothing(
    home, sshd, via_jump, ask, control, way, monkeypatch
):
    monkeypatch.setattr(login, "LOOK", 0.1)  # fewer moments, of the same kinds
    made = ask(alias=via_jump.alias if way == "jump" else sshd.alias)
    before, finished = None, False

    async def scenario():
        nonlocal finished
        finished = False
        await begin(home, made, control)
        finished = True

    async def nothing_left():
        nonlocal before
        pid = master.check_now(control)
        assert bool(pid) is finished
        if pid is not None:
            await master.end(control, pid)
        await until_async(lambda: not processes(home, "-N") and not processes(home, "-W"))
        assert not Path(control).exists()  # noqa: ASYNC240
        opened = len(os.listdir("/proc/self/fd"))
        before = before or opened
        assert opened <= before

    await scenario()
    await nothing_left()
    await at_every_step(scenario, nothing_left)


async def test_a_dead_line_ends_the_master(home, sshd, ask, control):
    pid = await begin(home, ask(), control, alive=1)
    freeze(sshd)
    with trio.fail_after(10):
        await master.watch(pid)


@pytest.mark.slow
async def test_a_dead_line_ends_the_master_within_45_seconds(home, sshd, ask, control):
    pid = await begin(home, ask(), control)
    freeze(sshd)
    with trio.fail_after(45):
        await master.watch(pid)


def freeze(sshd):
    """Stop what serves the connections to *sshd*, as a lost line does: nothing is closed."""
    todo = children(sshd.pid)
    while todo:
        pid = todo.pop()
        todo += children(pid)
        os.kill(pid, signal.SIGSTOP)


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
