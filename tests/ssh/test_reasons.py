"""Each failure of a login is produced with the real ssh against a real sshd, and named.

What cannot be produced on any machine is in ``test_messages.py``, as texts; forwards and sessions over a
master are in ``test_reasons_master.py``.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from rbridge.errors import Denied, NotListening, RbridgeError, TryAgain, UsageError
from rbridge.ssh import reasons
from rbridge.ssh.reasons import Reason, Remedy
from tests.harness.environment import Home, stop
from tests.harness.sshd import Sshd, Via
from tests.harness.wait import free_port, until
from tests.ssh.refusing import close, failed, keep_silent, listening, plainly_failed, reset, saying

Serve = Callable[..., Sshd]


@pytest.fixture
def serve(other_home: Home) -> Iterator[Serve]:
    """Start an sshd with these lines of sshd_config."""
    started: list[Sshd] = []

    def start(*options: str) -> Sshd:
        started.append(Sshd(other_home, options=options))
        return started[-1]

    yield start
    for one in started:
        one.close()


# What a server refuses


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("password-wanted", ["AuthenticationMethods password", "PasswordAuthentication yes"]),
        ("password-wanted", ["AuthorizedKeysFile none", "AuthenticationMethods any"]),
        ("password-wanted", ["AuthenticationMethods publickey,password", "PasswordAuthentication yes"]),
        ("two-factor-wanted", ["AuthenticationMethods publickey,keyboard-interactive"]),
        ("permission-denied", ["AuthorizedKeysFile none"]),
        ("permission-denied", ["AllowUsers somebody-else"]),
        ("permission-denied", ["AuthorizedKeysFile none", "Banner /etc/passwd"]),
    ],
)  # fmt: skip
def test_a_login_that_wants_more_than_a_key_wants_a_person(
    serve: Serve, name: str, options: list[str]
) -> None:
    reason = failed(serve(*options))
    assert (reason.name, reason.remedy) == (name, Remedy.PERSON)
    assert "rbridge connect gpu1" in reason.hint


def test_too_many_keys_are_not_offered_again_unattended(serve: Serve) -> None:
    reason = failed(serve("MaxAuthTries 1", "AuthorizedKeysFile none"))
    assert (reason.name, reason.remedy) == ("too-many-failures", Remedy.PERSON)
    assert "IdentitiesOnly" in reason.hint


@pytest.mark.parametrize(
    ("name", "option", "word", "hint"),
    [
        ("no-common-kex", "KexAlgorithms ecdh-sha2-nistp256", "-oKexAlgorithms=curve25519-sha256",
         "KexAlgorithms +ecdh-sha2-nistp256"),
        ("no-common-cipher", "Ciphers aes128-ctr", "-oCiphers=aes256-ctr", "Ciphers +aes128-ctr"),
        ("no-common-host-key-type", "MaxSessions 9", "-oHostKeyAlgorithms=rsa-sha2-256",
         "HostKeyAlgorithms +ssh-ed25519"),
    ],
)  # fmt: skip
def test_an_old_server_is_named_by_what_it_lacks(
    serve: Serve, name: str, option: str, word: str, hint: str
) -> None:
    reason = failed(serve(option), word)
    assert (reason.name, reason.remedy) == (name, Remedy.PERSON)
    assert hint in reason.hint


def test_no_mac_in_common_is_named(serve: Serve) -> None:
    server = serve("Ciphers aes128-ctr", "MACs hmac-sha1")
    assert failed(server, "-oCiphers=aes128-ctr", "-oMACs=hmac-sha2-256").name == "no-common-mac"


def test_a_server_with_too_many_logins_under_way_is_tried_again_slowly(sshd: Sshd) -> None:
    config = sshd.directory / "sshd_config"  # of this option the last line counts
    config.write_text(config.read_text().replace("MaxStartups 200", "MaxStartups 1:100:1"))
    sshd.process.send_signal(signal.SIGHUP)
    until(lambda: sshd.log().count("Server listening") == 2)
    with socket.create_connection(("127.0.0.1", sshd.port)) as waiting:
        assert waiting.recv(4) == b"SSH-"
        reason = failed(sshd)
    # sshd answers FIN or RST, as our greeting was there already or not
    assert reason.name in ("kex-closed", "connection-reset")
    assert reason.remedy is Remedy.TIME


def test_a_server_without_sessions_says_so(serve: Serve) -> None:
    assert failed(serve("MaxSessions 0")).name == "session-refused"


def test_an_account_without_a_shell_is_named(serve: Serve) -> None:
    server = serve("ForceCommand echo 'This account is currently not available.' >&2; exit 1")
    reason = failed(server, code=1)
    assert (reason.name, reason.remedy) == ("account-locked", Remedy.PERSON)


# Host keys


def test_an_unknown_host_key_wants_a_person_who_is_asked(sshd: Sshd) -> None:
    reason = failed(sshd, "-oHostKeyAlias=other", "-oStrictHostKeyChecking=ask")
    assert (reason.name, reason.remedy) == ("unknown-host-key", Remedy.PERSON)
    assert "rbridge connect gpu1" in reason.hint


def test_where_the_configuration_forbids_to_ask_the_hint_asks_nevertheless(sshd: Sshd) -> None:
    reason = failed(sshd, "-oHostKeyAlias=other", "-oStrictHostKeyChecking=yes")
    assert reason.name == "unknown-host-key"
    assert "StrictHostKeyChecking=ask gpu1" in reason.hint


@pytest.mark.parametrize("strict", ["yes", "ask", "accept-new"])
def test_a_changed_host_key_is_said_with_the_line_that_mends_it(sshd: Sshd, strict: str) -> None:
    known = sshd.directory / "known_hosts"
    known.write_text(f"gpu1 {(sshd.directory / 'key.pub').read_text()}")
    reason = failed(sshd, f"-oStrictHostKeyChecking={strict}")
    assert (reason.name, reason.remedy) == ("host-key-changed", Remedy.PERSON)
    assert f"ssh-keygen -R gpu1 -f {known}" in reason.hint


def test_a_revoked_host_key_has_no_hint_that_removes_it(sshd: Sshd) -> None:
    with open(sshd.directory / "known_hosts", "a") as file:
        file.write(f"@revoked * {(sshd.directory / 'host_key.pub').read_text()}")
    reason = failed(sshd)
    assert (reason.name, reason.remedy) == ("host-key-revoked", Remedy.PERSON)
    assert "ssh-keygen" not in reason.hint


# Keys and agents


def test_a_key_that_others_can_read_is_named(sshd: Sshd) -> None:
    key = sshd.directory / "key"
    key.chmod(0o644)
    reason = failed(sshd)
    assert reason.name == "key-file-open-to-others"
    assert reason.hint == f"chmod 600 {key}"


def test_a_key_that_is_not_there_is_named(sshd: Sshd) -> None:
    (sshd.directory / "key").unlink()
    (sshd.directory / "key.pub").unlink()
    reason = failed(sshd)
    assert reason.name == "key-missing"
    assert str(sshd.directory / "key") in reason.said


def test_a_key_that_is_none_is_named(sshd: Sshd) -> None:
    (sshd.directory / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n")
    (sshd.directory / "key.pub").unlink()
    assert failed(sshd).name == "key-unreadable"


def _encrypt(sshd: Sshd) -> None:
    words = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(sshd.directory / "key")]
    sshd.remote.run(words).ok()


def test_a_key_with_a_passphrase_is_named_where_ssh_tells_more(sshd: Sshd) -> None:
    _encrypt(sshd)
    reason = failed(sshd, "-oLogLevel=DEBUG1")
    assert (reason.name, reason.remedy) == ("passphrase-wanted", Remedy.PERSON)
    assert f"ssh-add {sshd.directory / 'key'}" in reason.hint


def test_a_key_with_a_passphrase_is_at_least_thought_of(sshd: Sshd) -> None:
    _encrypt(sshd)
    reason = failed(sshd)  # ssh says nothing of it in BatchMode
    assert reason.name == "permission-denied"
    assert "passphrase" in reason.hint


def test_an_agent_that_is_gone_is_named_where_ssh_tells_more(sshd: Sshd) -> None:
    (sshd.directory / "key").unlink()
    reason = failed(sshd, "-oLogLevel=DEBUG1", f"-oIdentityAgent={sshd.directory}/no-agent")
    assert (reason.name, reason.remedy) == ("agent-gone", Remedy.PERSON)


def test_an_agent_that_may_not_sign_is_named(sshd: Sshd) -> None:
    agent = sshd.directory / "agent"
    env = {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force", "SSH_AUTH_SOCK": str(agent)}
    process = sshd.remote.start(["ssh-agent", "-D", "-a", agent], env=env)
    try:
        until(agent.exists)
        sshd.remote.run(["ssh-add", "-q", "-c", sshd.directory / "key"], env=env).ok()
        (sshd.directory / "key").unlink()
        reason = failed(sshd, f"-oIdentityAgent={agent}")
    finally:
        stop(process)
    assert (reason.name, reason.remedy) == ("agent-refused", Remedy.PERSON)


# The network


@pytest.mark.parametrize(
    ("name", "remedy", "treat"),
    [
        ("kex-closed", Remedy.TIME, close),
        ("banner-timed-out", Remedy.NETWORK, keep_silent),
        ("not-ssh", Remedy.TIME, saying(b"\x00\x01\xff\n")),
        ("not-ssh", Remedy.TIME, saying(b"HTTP/1.1 400 Bad Request\r\n" * 1100)),
        ("not-ssh", Remedy.TIME, saying(b"SSH-nonsense\r\n")),
        ("kex-closed", Remedy.TIME, saying(b"Exceeded MaxStartups\r\n")),
        ("old-protocol", Remedy.PERSON, saying(b"SSH-1.5-old\r\n")),
        ("closed-by-host", Remedy.TIME, saying(b"SSH-2.0-x\r\n")),
        ("garbled", Remedy.NETWORK, saying(b"SSH-2.0-x\r\n" + b"garbage!" * 40)),
    ],
)  # fmt: skip
def test_a_listener_that_is_no_ssh_server_is_told_apart(
    home: Home, name: str, remedy: Remedy, treat: Callable[..., None]
) -> None:
    with listening(treat) as port:
        reason = plainly_failed(home, "-oConnectTimeout=1", f"-p{port}", "127.0.0.1")
    assert (reason.name, reason.remedy) == (name, remedy)


def test_a_listener_that_resets_is_tried_again_slowly(home: Home) -> None:
    with listening(reset) as port:
        reason = plainly_failed(home, f"-p{port}", "127.0.0.1")
    # before or while ssh reads the greeting
    assert reason.name in ("kex-closed", "connection-reset")
    assert reason.remedy is Remedy.TIME


def test_a_port_that_nobody_listens_on_is_tried_again_soon(home: Home) -> None:
    port = free_port()
    reason = plainly_failed(home, f"-p{port}", "127.0.0.1")
    assert (reason.name, reason.remedy) == ("refused", Remedy.NETWORK)
    assert f"port {port} of 127.0.0.1" in reason.said


def test_a_name_that_is_not_found_is_tried_again_as_a_vpn_may_bring_it(home: Home) -> None:
    reason = plainly_failed(home, "gpu1.invalid")
    assert reason.name in ("name-not-found", "no-name-service")  # without a name server it is the second
    assert reason.remedy is Remedy.NETWORK


def test_no_network_at_all_is_named(home: Home) -> None:
    alone = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if home.run([*alone, "true"]).code:
        pytest.skip("no network namespace can be made here")
    ran = home.run([*alone, "ssh", "-F", "/dev/null", "-oBatchMode=yes", "192.0.2.1", "true"])
    reason = reasons.read(ran.err, "gpu1")
    assert (reason.name, reason.remedy) == ("unreachable", Remedy.NETWORK)


# Jumps and proxies


def test_a_jump_that_refuses_is_named_with_what_it_refused(via_jump: Via) -> None:
    (via_jump.jump.directory / "authorized_keys").write_text("")
    reason = failed(via_jump.target, alias=via_jump.alias, way="login1")
    assert (reason.name, reason.at, reason.remedy) == ("permission-denied", "login1", Remedy.PERSON)
    assert reason.said.startswith("on the way over login1: ")


def test_a_jump_that_is_down_is_tried_again_soon(via_jump: Via) -> None:
    via_jump.jump.close()
    reason = failed(via_jump.target, alias=via_jump.alias, way="login1")
    assert (reason.name, reason.at, reason.remedy) == ("refused", "login1", Remedy.NETWORK)


def test_a_host_that_refuses_behind_a_jump_is_not_blamed_on_the_jump(via_jump: Via) -> None:
    (via_jump.target.directory / "authorized_keys").write_text("")
    reason = failed(via_jump.target, alias=via_jump.alias, way="login1")
    assert (reason.name, reason.at) == ("permission-denied", "")


def test_a_host_that_the_jump_cannot_reach_is_named(via_jump: Via) -> None:
    reason = failed(via_jump.target, f"-p{free_port()}", alias=via_jump.alias, way="login1")
    assert (reason.name, reason.at, reason.remedy) == ("jump-cannot-reach", "login1", Remedy.NETWORK)
    assert "Connection refused" in reason.said


def test_a_jump_that_passes_nothing_on_wants_a_person(serve: Serve) -> None:
    server = serve("AllowTcpForwarding no")
    server.add_host("behind", "ProxyJump gpu1")
    reason = failed(server, alias="behind", way="gpu1")
    assert (reason.name, reason.remedy) == ("jump-refuses-forwarding", Remedy.PERSON)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("proxy-failed", "no-such-program %h"),
        ("proxy-failed", "false"),
        ("proxy-failed", "echo rubbish"),
        ("banner-timed-out", "sleep 5"),
    ],
)
def test_a_proxy_command_that_fails_is_named(sshd: Sshd, name: str, command: str) -> None:
    reason = failed(sshd, f"-oProxyCommand={command}", "-oConnectTimeout=1", way=command)
    assert (reason.name, reason.at != "") == (name, True)
    assert reason.remedy is not Remedy.PERSON


def test_what_a_proxy_command_wrote_is_passed_on(sshd: Sshd) -> None:
    reason = failed(sshd, "-oProxyCommand=no-such-program %h", way="no-such-program %h")
    assert "no-such-program: not found" in reason.said


def test_a_proxy_that_wants_a_login_is_left_to_a_person(sshd: Sshd) -> None:
    script = sshd.remote.script("proxy", "#!/bin/sh\necho 'The SSO session has expired' >&2\nexit 1\n")
    reason = failed(sshd, f"-oProxyCommand={script}", way=str(script))
    assert (reason.name, reason.remedy) == ("login-page-wanted", Remedy.PERSON)


# The user's own configuration: exit code 64


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("bad-configuration", "NoSuchOption yes"),
        ("bad-configuration", "Port"),
        ("bad-configuration", "Port many"),
    ],
)
def test_a_line_that_ssh_does_not_understand_is_named(sshd: Sshd, name: str, lines: str) -> None:
    with open(sshd.config, "a") as file:
        file.write(f"{lines}\n")
    reason = failed(sshd)
    assert (reason.name, reason.remedy) == (name, Remedy.PERSON)
    assert f"{sshd.config} line " in reason.said


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("bad-option", "-oNoSuchOption=1"),
        ("bad-option", "-Z"),
        ("bad-option", "-Lx"),
        ("bad-option", "-J@"),
        ("configuration-missing", "-F/no/such/file"),
        ("control-path-too-long", "-MS/tmp/" + "x" * 110),
        ("control-path-bad", "-MS/no/such/directory/cm"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_usage_error(sshd: Sshd, name: str, word: str) -> None:
    reason = failed(sshd, word)
    assert (reason.name, reason.remedy) == (name, Remedy.PERSON)
    assert isinstance(reasons.error(reason, "gpu1"), UsageError)


def test_a_host_name_that_is_none_is_a_usage_error(home: Home) -> None:
    assert plainly_failed(home, "a;b").name == "bad-host-name"


# As an error of a command


@pytest.mark.parametrize(
    ("remedy", "kind"),
    [(Remedy.NETWORK, NotListening), (Remedy.TIME, TryAgain), (Remedy.PERSON, Denied)],
)
def test_the_remedy_decides_the_exit_code(remedy: Remedy, kind: type[RbridgeError]) -> None:
    error = reasons.error(Reason("any", "said", "hint", remedy), "gpu1", "your text is kept")
    assert type(error) is kind
    assert error.line() == "gpu1: said; your text is kept (hint)"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (Denied("its directory is not ours", "chmod"), Remedy.PERSON),
        (UsageError("no"), Remedy.PERSON),
        (NotListening("no"), Remedy.NETWORK),
        (TryAgain("no"), Remedy.TIME),
    ],
)
def test_an_error_of_our_own_is_a_reason_too(error: RbridgeError, remedy: Remedy) -> None:
    reason = reasons.other(error)
    assert (reason.said, reason.hint, reason.remedy) == (str(error), error.hint, remedy)


def test_a_host_that_falls_silent_is_tried_again_soon() -> None:
    reason = reasons.silent("gpu1", 30.0)
    assert (reason.said, reason.remedy) == ("did not answer within 30 s", Remedy.NETWORK)
