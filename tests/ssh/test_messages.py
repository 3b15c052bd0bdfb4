"""The table: each row has one text that it is for, and no row is out of reach.

The texts here were not produced by a test: they are those of OpenSSH's source, of PAM, and of other systems.
What can be produced is, in ``test_reasons.py`` and ``test_reasons_master.py``.
"""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import NotListening
from rbridge.ssh import messages, reasons
from rbridge.ssh.messages import CONFIGURATION, FORWARDING, LOGIN, Remedy

NETWORK, TIME, PERSON = Remedy.NETWORK, Remedy.TIME, Remedy.PERSON
DENIED = "me@gpu1: Permission denied (publickey)."
CHANGED = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @"

# Name and remedy, then the text as ssh writes it, but for its line ends.
TEXTS = [
    # logins
    ("account-expired", PERSON, "Your account has expired; please contact your administrator.\n" + DENIED),
    ("password-expired", PERSON, "WARNING: Your password has expired.\n"
     "Password change required but no TTY available."),
    ("password-expired", PERSON, "You must change your password now and login again!"),
    ("no-login-now", TIME, "System is booting up. Unprivileged users are not permitted to log in yet."
     " Please come back later. For technical details, see pam_nologin(8).\n"
     "Connection closed by 192.0.2.1 port 22"),
    ("no-login-now", TIME, "System is going down. Unprivileged users are not permitted to log in anymore."),
    ("ticket-wanted", PERSON, "me@gpu1: Permission denied (publickey,gssapi-keyex,gssapi-with-mic)."),
    ("password-wanted", PERSON, "me@gpu1: Permission denied (publickey,gssapi-with-mic,password)."),
    ("two-factor-wanted", PERSON, 'Authenticated using "publickey" with partial success.\n'
     "me@gpu1: Permission denied (password,keyboard-interactive)."),
    ("permission-denied", PERSON, "me@gpu1: Permission denied (hostbased)."),
    ("agent-gone", PERSON, 'sign_and_send_pubkey: signing failed for ED25519 "/a" from agent:'
     " communication with agent failed\n" + DENIED),
    ("security-key-wanted", PERSON, "Confirm user presence for key ED25519-SK SHA256:abc\n"
     'sign_and_send_pubkey: signing failed for ED25519-SK "/a": device not found\n' + DENIED),
    ("no-common-signature", PERSON, "sign_and_send_pubkey: no mutual signature supported\n" + DENIED),
    ("key-unreadable", PERSON, 'Load key "/a": error in libcrypto\n' + DENIED),
    ("key-missing", PERSON,
     "Warning: Identity file /a not accessible: No such file or directory.\n" + DENIED),
    ("too-many-failures", PERSON, "Received disconnect from 192.0.2.1: 2: Too many authentication failures"),
    ("login-page-wanted", PERSON, "# Tailscale SSH requires an additional check.\n"
     "# To authenticate, visit: https://login.tailscale.com/a/0123456789"),
    ("login-page-wanted", PERSON, "Please open the following URL and log in:\n\nhttps://x.example"),
    # host keys
    ("host-key-changed", PERSON, CHANGED + "\n" + "me@gpu1: Permission denied (publickey,password)."),
    ("host-key-changed", PERSON, "Host key for gpu1 has changed and you have requested strict checking."),
    ("host-key-revoked", PERSON,
     "Host key ED25519 SHA256:abc revoked by file /a\nHost key verification failed."),
    ("host-certificate-invalid", PERSON, "Certificate invalid: expired\nHost key verification failed."),
    ("host-key-too-weak", PERSON, "Bad server host key: Invalid key length"),
    ("no-common-host-key-type", PERSON,
     "Unable to negotiate with 192.0.2.1 port 22: no matching host key type"
     " found. Their offer: ssh-rsa,ssh-dss"),
    # the network, as glibc, musl, macOS and the BSDs say it
    ("name-not-found", NETWORK, "ssh: Could not resolve hostname gpu1:"
     " nodename nor servname provided, or not known"),
    ("name-not-found", NETWORK, "ssh: Could not resolve hostname gpu1: Name does not resolve"),
    ("no-name-service", NETWORK,
     "ssh: Could not resolve hostname gpu1: Temporary failure in name resolution"),
    ("timed-out", NETWORK, "ssh: connect to host gpu1 port 22: Operation timed out"),
    ("timed-out", NETWORK, "ssh: connect to host gpu1 port 22: Network is unreachable\n"
     "ssh: connect to host gpu1 port 22: Connection timed out"),
    ("no-route", NETWORK, "ssh: connect to host gpu1 port 22: Host is down"),
    ("no-route", NETWORK, "ssh: connect to host gpu1 port 22: No route to host"),
    ("unreachable", NETWORK, "ssh: connect to host gpu1 port 22: Can't assign requested address"),
    ("connect-forbidden", TIME, "ssh: connect to host gpu1 port 22: Operation not permitted"),
    ("connect-failed", NETWORK, "ssh: connect to host gpu1 port 22: Undefined error: 0"),
    ("banner-timed-out", NETWORK, "Connection to 192.0.2.1 port 22 timed out"),
    ("kex-closed", TIME, "kex_exchange_identification: read: Connection reset by peer\n"
     "Connection reset by 192.0.2.1 port 22"),
    ("kex-closed", TIME, "ssh_exchange_identification: Connection closed by remote host"),
    ("kex-closed", TIME, "Not allowed at this time"),
    ("kex-closed", TIME, "banner exchange: Connection to 192.0.2.1 port 22: Broken pipe"),
    ("connection-reset", TIME, "Connection reset by 192.0.2.1 port 22"),
    ("disconnected", TIME, "Received disconnect from 192.0.2.1 port 22:11: going down\n"
     "Disconnected from 192.0.2.1 port 22"),
    ("garbled", NETWORK, "ssh_dispatch_run_fatal: Connection to 192.0.2.1 port 22: invalid format"),
    ("connection-lost", NETWORK, "ssh_dispatch_run_fatal: Connection to 192.0.2.1 port 22: No route to host"),
    ("not-responding", NETWORK, "Timeout, server gpu1 not responding."),
    ("connection-lost", NETWORK, "client_loop: send disconnect: Broken pipe"),
    ("connection-lost", NETWORK, "packet_write_wait: Connection to 192.0.2.1 port 22: Broken pipe"),
    ("connection-lost", NETWORK, "Read from remote host gpu1: Operation timed out"),
    ("connection-lost", NETWORK, "Shared connection to gpu1 closed."),
    ("session-failed", TIME, "exec request failed on channel 0"),
    ("forward-taken-here", TIME, "bind [127.0.0.1]:8888: Address already in use\n"
     "channel_setup_fwd_listener_tcpip: cannot listen to port: 8888\nCould not request local forwarding."),
    # this machine
    ("no-ssh", PERSON, "/bin/sh: 1: ssh: not found"),
    ("no-ssh", PERSON, "[Errno 2] No such file or directory: 'ssh'"),
    ("configuration-open-to-others", PERSON, "Bad owner or permissions on /home/me/.ssh/config"),
    ("bad-configuration", PERSON, "/a: line 3: Bad configuration option: foo\n"
     "/a: terminating, 1 bad configuration options"),
    ("jump-loop", PERSON, "jumphost loop via gpu1"),
    ("control-path-too-long", PERSON, "ControlPath too long ('/tmp/x' >= 108 bytes)"),
]  # fmt: skip

OVER_A_MASTER = [
    ("forwarding-refused", PERSON, "Master refused forwarding request: Permission denied"),
    ("forward-failed", TIME, "Warning: remote port forwarding failed for listen path /a"),
    ("master-gone", NETWORK, "mux_client_request_session: read from master failed: Broken pipe"),
    ("master-gone", NETWORK, "mux_client_hello_exchange: write packet: Broken pipe\n"
     "muxclient: master hello exchange failed"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "remedy", "text"), TEXTS)
def test_each_text_is_read(name: str, remedy: Remedy, text: str) -> None:
    reason = reasons.read(text.replace("\n", "\r\n") + "\r\n", "gpu1")
    assert (reason.name, reason.remedy) == (name, remedy)


@pytest.mark.parametrize(("name", "remedy", "text"), OVER_A_MASTER)
def test_each_text_over_a_master_is_read(name: str, remedy: Remedy, text: str) -> None:
    reason = reasons.forwarding(text + "\r\n", "gpu1")
    assert (reason.name, reason.remedy) == (name, remedy)


def test_names_of_configuration_are_rows_and_want_a_person() -> None:
    rows = [row for row in LOGIN + FORWARDING if row.name in CONFIGURATION]
    assert {row.name for row in rows} == CONFIGURATION
    assert {row.remedy for row in rows} == {PERSON}


@pytest.mark.parametrize("row", LOGIN + FORWARDING, ids=lambda row: row.name)
def test_each_place_in_the_words_has_a_group(row: messages.Row) -> None:
    groups = {*row.seen.groupindex, *(row.also.groupindex if row.also else {}), "host", "there"}
    places = {name for _, name, _, _ in string.Formatter().parse(row.said + row.hint) if name}
    assert places <= groups
    assert not {name for _, name, _, _ in string.Formatter().parse(row.said) if name} & {"host", "there"}


@pytest.mark.parametrize("word", ["password", "passphrase", "code", "login on a web page"])
def test_what_asks_a_person_is_never_tried_again_by_itself(word: str) -> None:
    asking = [row for row in LOGIN if word in row.said]
    assert asking
    assert {row.remedy for row in asking} == {PERSON}


# What is said is safe to show, and the hint is safe to copy


def test_a_name_in_a_hint_is_quoted_for_a_shell() -> None:
    text = "Permissions 0644 for '/a b; rm -rf $HOME' are too open.\r\n" + DENIED
    assert reasons.read(text, "gpu1").hint == "chmod 600 '/a b; rm -rf $HOME'"


def test_the_host_in_a_hint_is_quoted_for_a_shell() -> None:
    assert "'a;b'" in reasons.read(DENIED, "a;b").hint


def test_control_characters_of_the_host_are_not_shown() -> None:
    reason = reasons.read("Received disconnect from 192.0.2.1 port 22:2: \x1b]0;x\x07no\r\n", "gpu1")
    assert reason.said.isprintable()
    assert reason.said.endswith("no")


def test_a_very_long_name_is_cut() -> None:
    reason = reasons.read(f"ssh: Could not resolve hostname {'x' * 5000}: Name or service not known", "gpu1")
    assert len(reason.said) < 400


# Texts that no row knows


def test_an_unknown_text_is_passed_on_and_tried_again_slowly() -> None:
    reason = reasons.read("debug1: x\r\nnobody ever saw this\r\n", "gpu1")
    assert (reason.name, reason.remedy) == ("unknown", TIME)
    assert reason.said == "ssh failed: nobody ever saw this"


@pytest.mark.parametrize(
    "noise",
    [
        "debug1: Exit status 255",
        "Warning: Permanently added 'gpu1' (ED25519) to the list of known hosts.",
        "** WARNING: connection is not using a post-quantum key exchange algorithm.",
        "Pseudo-terminal will not be allocated because stdin is not a terminal.",
        "Transferred: sent 3472, received 3312 bytes, in 0.0 seconds",
        "",
    ],
)
def test_what_ssh_says_beside_it_is_not_taken_for_the_reason(noise: str) -> None:
    assert reasons.read(f"the reason\r\n{noise}\r\n", "gpu1").said == "ssh failed: the reason"
    assert reasons.read(f"{noise}\r\n", "gpu1").said == "ssh ended without a word"


def test_a_message_of_the_day_is_not_taken_for_the_reason() -> None:
    text = "Welcome to gpu1\nthe reason\r\nCall 555 for help\n"
    assert reasons.read(text, "gpu1").said == "ssh failed: the reason"


@pytest.mark.parametrize(
    "banner",
    [
        "After 3 tries you see: Permission denied (publickey).",
        "  Host key verification failed. means: call us",
        "Connection refused? Connection timed out? Call us.",
        "All passwords expired on May 1; the maintenance is over.",
    ],
)
def test_a_banner_is_not_taken_for_ssh(banner: str) -> None:
    assert reasons.read(f"{banner}\nthe reason\r\n", "gpu1").name == "unknown"


@pytest.mark.parametrize("way", ["", "login1", "login1,login2", "nc -X 5 %h %p", "\x00", " "])
@given(text=st.text(max_size=300) | st.lists(st.sampled_from([text for _, _, text in TEXTS])).map("\n".join))
def test_reading_never_fails_and_says_one_line(way: str, text: str) -> None:
    for reason in (reasons.read(text, "gpu1", way), reasons.forwarding(text, "gpu1")):
        assert reason.said
        assert (reason.said + reason.hint).isprintable()


def test_a_long_log_is_read_quickly_from_its_end() -> None:
    text = "x " * 5_000_000 + "\r\n" + "ssh: connect to host " * 2000 + f"\r\n{DENIED}\r\n"
    assert reasons.read(text, "gpu1").name == "permission-denied"


@pytest.mark.parametrize("word", ["token ", "expired ", "Permission denied (", "line 1: ", "\r", "x: "])
def test_a_hostile_text_is_read_quickly(word: str) -> None:
    began = time.process_time()
    reasons.read(word * 20_000, "gpu1", "login1")
    assert time.process_time() - began < 2


def test_a_missing_ssh_is_no_permission_denied() -> None:
    reason = reasons.read("/bin/sh: 1: ssh: not found", "gpu1")
    assert isinstance(reasons.error(reason, "gpu1"), NotListening)


# Jumps


def test_a_proxy_is_known_by_what_it_said_before() -> None:
    text = "nc: cannot connect\nConnection closed by UNKNOWN port 65535\r\n"
    reason = reasons.read(text, "gpu1")
    assert (reason.name, reason.at) == ("proxy-failed", "its proxy")


def test_a_host_that_is_reset_before_its_address_is_known_is_not_taken_for_a_proxy() -> None:
    read = "kex_exchange_identification: read: Connection reset by peer\r\n"
    unknown = "Connection reset by UNKNOWN port -1\r\n"
    assert reasons.read(read + unknown, "gpu1").name == "kex-closed"
    assert reasons.read(unknown, "gpu1").name == "connection-reset"


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("ssh://me@login1:22", "ssh://me@login1:22"),
        ("/opt/proxy", "the proxy command /opt/proxy"),
        ("nc -X 5 %h %p", "the proxy command nc"),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "Connection closed by UNKNOWN port 65535",
        "kex_exchange_identification: write: Broken pipe\r\nConnection closed by UNKNOWN port 65535",
        "banner exchange: Connection to UNKNOWN port 65535: Broken pipe",
    ],
)
def test_what_stands_between_is_named(way: str, said: str, text: str) -> None:
    reason = reasons.read(text + "\r\n", "gpu1", way)
    assert (reason.name, reason.at) == ("proxy-failed", said)


def test_several_jumps_are_all_named() -> None:
    text = f"{DENIED}\r\nConnection closed by UNKNOWN port 65535\r\n"
    reason = reasons.read(text, "gpu1", "login1,login2")
    assert (reason.name, reason.at) == ("permission-denied", "login1 or login2")


def test_a_jump_that_does_not_answer_is_tried_again_soon() -> None:
    text = "Connection timed out during banner exchange\r\nConnection to UNKNOWN port 65535 timed out\r\n"
    reason = reasons.read(text, "gpu1", "login1")
    assert (reason.name, reason.remedy) == ("banner-timed-out", NETWORK)
    assert reason.said == "the way over login1 does not answer"
