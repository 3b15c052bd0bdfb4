"""What OpenSSH says when a login, a forward or a session fails: one table, and what each row means.

Pure. The texts are OpenSSH's own (client 6.7 to 10.x; its log lines are in English in every locale); each row
names the function they come from. The first row that fits counts: first what is wrong with the configuration,
then host keys, the login, the network. Patterns are tied to line beginnings, so that a host's banner or
message of the day is not taken for ssh's own words. ``reasons.py`` reads with it.

Long, because it is one table: a row's place in it decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Remedy(Enum):
    """Who mends it. Only PERSON is never tried again unattended."""

    NETWORK = "network"  # nothing was spent by trying: tried again by itself, soon
    TIME = "time"  # tried again by itself, slowly: a host that is busy, booting, or counts logins
    PERSON = "person"  # wants a person: a secret, a decision, another configuration


@dataclass(frozen=True)
class Row:
    """*seen*, and *also* if given, must be found. Their named groups fill the places in *said* and *hint*.

    In a hint they are quoted for a shell. ``{host}`` is the host asked for, ``{there}`` the hop that failed.
    """

    seen: re.Pattern[str]
    name: str
    said: str
    hint: str
    remedy: Remedy
    also: re.Pattern[str] | None = None


def _row(seen: str, name: str, said: str, hint: str, remedy: Remedy, also: str = "") -> Row:
    more = re.compile(also, re.MULTILINE) if also else None
    return Row(re.compile(seen, re.MULTILINE), name, said, hint, remedy, more)


NETWORK, TIME, PERSON = Remedy.NETWORK, Remedy.TIME, Remedy.PERSON
ASK = "run 'rbridge connect {host}' in a terminal: it asks there"
LATER = "wait a minute, then rbridge connect {host}"
KEY = "'ssh-copy-id {there}' once ends the question"
DENIED = r"^\S+: Permission denied \("  # sshconnect2.c userauth: no method is left
# packet.c ssh_remote_port: 65535 is a pipe, to a proxy; -1 is a socket whose peer has reset it already
PROXY_GONE = (
    r"^(?:banner exchange: |ssh_dispatch_run_fatal: )?Connection (?:closed by|reset by|to) UNKNOWN port 65535"
)
CONNECT = r"^ssh: connect to host (?P<name>\S+) port (?P<port>\d+): "
KEX = r"^(?:kex|ssh)_exchange_identification: "

# Names that are the user's own command line or configuration: exit code 64.
CONFIGURATION = frozenset(
    [
        "bad-configuration",
        "bad-host-name",
        "bad-option",
        "configuration-missing",
        "configuration-open-to-others",
        "control-path-bad",
        "control-path-too-long",
        "forward-path-too-long",
        "jump-loop",
    ]
)


def _negotiation(what: str, name: str, option: str) -> Row:
    # packet.c sshpkt_vfatal: SSH_ERR_NO_*_ALG_MATCH
    return _row(
        rf"^Unable to negotiate with .*: no matching {what} found\. Their offer: (?P<offer>[\w@.+-]+)",
        name,
        f"has no {what} in common with this ssh; it offers {{offer}}",
        f"if the host cannot be updated, add '{option} +{{offer}}' for it to ~/.ssh/config",
        PERSON,
    )


_MINE = (
    # the shell's words, or Python's, when there is no ssh
    _row(
        r"(?:^|: )ssh: (?:command )?not found$|No such file or directory: '(?:\S*/)?ssh'",
        "no-ssh", "no ssh program was found on this machine", "install OpenSSH's client", PERSON,
    ),
    # readconf.c process_config_line, for -o
    _row(
        r"^command-line:? line \d+: (?P<what>.+)$",
        "bad-option", "ssh does not understand an option: {what}",
        "look at the options before the host's name", PERSON,
    ),
    # readconf.c process_config_line and read_config_file_depth
    _row(
        r"^(?P<file>.+?):? line (?P<line>\d+): (?P<what>.+)$",
        "bad-configuration", "ssh stops at its configuration, {file} line {line}: {what}",
        "mend that line; 'ssh -G {host}' tests it", PERSON,
        also=r"terminating, \d+ bad configuration options?$",
    ),
    # readconf.c read_config_file_depth: StrictModes of the client
    _row(
        r"^Bad owner or permissions on (?P<file>.+)$",
        "configuration-open-to-others", "ssh refuses {file}: others may write to it, or own it",
        "chmod go-w {file}", PERSON,
    ),
    # ssh.c process_config_files
    _row(
        r"^Can't open user config file (?P<file>.+?): (?P<what>.+)$",
        "configuration-missing", "the ssh configuration {file} cannot be read: {what}",
        "look at the path after -F", PERSON,
    ),
    # getopt in ssh.c main, and usage()
    _row(
        r"^(?:\S+: )?(?:unknown|illegal|invalid) option -- '?(?P<what>[^'\s]+)'?$",
        "bad-option", "ssh has no option -{what}", "look at the options before the host's name", PERSON,
    ),
    # ssh.c main: -L, -R, -D, -W, -J and what excludes each other
    _row(
        r"^(?P<what>Bad \w+ forwarding specification.*|Invalid -J argument.*|Cannot specify .+"
        r"|inconsistent options: .+|option requires an argument.*|usage: ssh .*)$",
        "bad-option", "ssh does not understand its options: {what}",
        "look at the options before the host's name", PERSON,
    ),
    # ssh.c main: valid_hostname, valid_ruser
    _row(
        r"^(?:hostname|remote username) contains invalid characters$",
        "bad-host-name", "that is no name of a host or user for ssh", "look at the spelling", PERSON,
    ),
    # ssh.c main
    _row(
        r"^jumphost loop via (?P<what>.+)$",
        "jump-loop", "its ProxyJump leads through {what} in a circle", "mend ProxyJump in ~/.ssh/config",
        PERSON,
    ),
    # misc.c unix_listener; mux.c muxclient
    _row(
        r"^unix_listener: path .* too long for Unix domain socket|^ControlPath too long ",
        "control-path-too-long", "the ControlPath is too long for a socket",
        "use 'ControlPath ~/.ssh/cm-%C' in ~/.ssh/config", PERSON,
    ),
    # misc.c unix_listener, called by muxserver_listen
    _row(
        r"^unix_listener: cannot bind to path (?P<file>.+?)(?:\.\w{16})?: (?P<what>.+)$",
        "control-path-bad", "ssh cannot make its control socket {file}: {what}",
        "make that directory, or mend ControlPath in ~/.ssh/config", PERSON,
    ),
)  # fmt: skip

_HOST_KEYS = (
    # sshconnect.c check_host_key: HOST_REVOKED; sshkey_check_revoked
    _row(
        r"WARNING: REVOKED HOST KEY DETECTED|^Host key \S+ \S+ revoked by file",
        "host-key-revoked", "shows a host key that is marked as revoked", "ask who runs it; do not connect",
        PERSON,
    ),
    # sshconnect.c check_host_key: HOST_CHANGED under strict checking; the file is named two lines above
    _row(
        r"^Host key for (?P<known>\S+) has changed and you have requested strict checking",
        "host-key-changed", "its host key is not the one that {file} has for {known}",
        "ask who runs it whether that is meant; if so: ssh-keygen -R {known} -f {file},"
        " then rbridge connect {host}", PERSON, also=r"^Offending \S+ key in (?P<file>.+):\d+$",
    ),
    _row(
        r"^Host key for (?P<known>\S+) has changed and you have requested strict checking",
        "host-key-changed", "its host key has changed",
        "ask who runs it whether that is meant; if so: ssh-keygen -R {known}, then rbridge connect {host}",
        PERSON,
    ),
    # sshconnect.c: the same without strict checking; ssh goes on, but sends no password
    _row(
        r"WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED|^Exiting, you have requested strict checking",
        "host-key-changed", "its host key has changed",
        "ask who runs it whether that is meant; if so: ssh-keygen -R {there}, then rbridge connect {host}",
        PERSON, also=DENIED + "|^Exiting, you have|^Host key verification failed",
    ),
    # sshconnect.c check_host_cert
    _row(
        r"^Certificate invalid: (?P<what>.+)$",
        "host-certificate-invalid", "its host certificate is not valid: {what}", "ask who runs it", PERSON,
    ),
    # sshconnect.c check_host_key: HOST_NEW with StrictHostKeyChecking yes
    _row(
        r"^No (?P<type>\S+) host key is known for (?P<known>\S+) and you have requested strict checking",
        "unknown-host-key", "its host key is not in known_hosts, and your configuration forbids to ask",
        "run 'ssh -o StrictHostKeyChecking=ask {host}' once, and compare the fingerprint", PERSON,
    ),
    # sshconnect2.c verify_host_key_callback: with StrictHostKeyChecking ask, ssh in BatchMode says only this
    _row(
        r"^Host key verification failed\.$",
        "unknown-host-key", "its host key is not known here yet", ASK + ", and shows the fingerprint", PERSON,
    ),
    # sshconnect2.c verify_host_key_callback: RequiredRSASize
    _row(
        r"^Bad server host key: (?P<what>.+)$",
        "host-key-too-weak", "this ssh does not take its host key: {what}",
        "ask who runs it for a new host key", PERSON,
    ),
    _negotiation("key exchange method", "no-common-kex", "KexAlgorithms"),
    _negotiation("host key type", "no-common-host-key-type", "HostKeyAlgorithms"),
    _negotiation("cipher", "no-common-cipher", "Ciphers"),
    _negotiation("MAC", "no-common-mac", "MACs"),
    # kex.c kex_exchange_identification
    _row(
        r"^Protocol major versions differ: ",
        "old-protocol", "speaks only the old SSH protocol 1", "its ssh server must be updated", PERSON,
    ),
)  # fmt: skip

_LOGIN = (
    # not OpenSSH: Tailscale's check mode, and access proxies, show a page to log in on
    _row(
        r"https?://login\.tailscale\.com/|(?i:^[^\w\n]{,9}(?:please )?open th(?:is|e following) url\b"
        r"|^a browser window should have opened)",
        "login-page-wanted", "wants a login on a web page first", ASK, PERSON,
    ),
    _row(
        r"(?i:\b(?:token|session|credentials?|sso)\b.*\bexpired\b|\bexpired\b.*\b(?:token|credentials?)\b"
        r"|\b(?:aws sso|gcloud auth|az|tsh|cloudflared access) login\b|\breauthenticat|\bnot logged in\b)",
        "login-page-wanted", "its proxy command wants you to log in again", ASK, PERSON, also=PROXY_GONE,
    ),
    # PAM (pam_unix account), through the banner or keyboard-interactive
    _row(
        r"^Your account has expired",
        "account-expired", "your account there has expired", "ask who runs it", PERSON,
    ),
    # session.c do_pwchange; pam_unix
    _row(
        r"^WARNING: Your password has expired|^You must change your password now|^Password change required",
        "password-expired", "your password there has expired", "log in with 'ssh {there}' and change it",
        PERSON,
    ),
    # nologin(8), the shell of a locked account
    _row(
        r"^This account is currently not available",
        "account-locked", "your account there has no login shell", "ask who runs it", PERSON,
    ),
    # pam_nologin, and systemd's text in /run/nologin
    _row(
        r"System is (?:booting up|going down)\b|^.{0,80}pam_nologin\(8\)",
        "no-login-now", "lets nobody in at the moment: it is starting or shutting down", "", TIME,
    ),
    # auth.c auth_maxtries_exceeded; with an agent of many keys it is so each time
    _row(
        r"^(?:Received disconnect from|Disconnecting) .*Too many authentication failures",
        "too-many-failures", "was offered more keys than it accepts in one login",
        "name the key for it in ~/.ssh/config: IdentityFile, and IdentitiesOnly yes", PERSON,
    ),
    # authfile.c sshkey_perm_ok; where IdentityFile names the public half, only an agent has the other one
    _row(
        r"^Permissions \d+ for '(?P<file>.+\.pub)' are too open\.$",
        "key-not-in-agent", "the ssh agent did not offer the private key of {file}",
        "start it, ssh-add, then rbridge connect {host}", PERSON, also=DENIED,
    ),
    _row(
        r"^Permissions \d+ for '(?P<file>.+)' are too open\.$",
        "key-file-open-to-others", "ssh leaves out the key {file}: others can read it", "chmod 600 {file}",
        PERSON, also=DENIED,
    ),
    # sshconnect2.c identity_sign: a FIDO key that is not plugged in, or not touched
    _row(
        r'^(?:sign_and_send_pubkey: )?signing failed for \S+-SK "(?P<file>.*?)"(?: from agent)?: '
        r"|^Confirm user presence for key ",
        "security-key-wanted", "wants a security key to be touched", "plug it in; " + ASK, PERSON,
        also=DENIED,
    ),
    # ssherr.c SSH_ERR_AGENT_FAILURE: locked, or ssh-add -c and nobody said yes
    _row(
        r'^(?:sign_and_send_pubkey: )?signing failed for \S+ "(?P<file>.*?)" from agent: agent refused',
        "agent-refused", "the ssh agent did not sign with {file}",
        "unlock it with ssh-add -X, or say yes when it asks",
        PERSON, also=DENIED,
    ),
    # ssherr.c SSH_ERR_AGENT_COMMUNICATION; authfd.c ssh_get_authentication_socket is told with -v only
    _row(
        r"from agent: communication with agent failed$|^debug1: get_agent_identities: ",
        "agent-gone", "the ssh agent does not answer", "start it, ssh-add, then rbridge connect {host}",
        PERSON, also=DENIED,
    ),
    # sshconnect2.c identity_sign
    _row(
        r"^sign_and_send_pubkey: no mutual signature supported",
        "no-common-signature", "has no signature algorithm in common with your key",
        "use an ed25519 key, or 'PubkeyAcceptedAlgorithms +ssh-rsa' for it in ~/.ssh/config", PERSON,
        also=DENIED,
    ),
    # sshconnect2.c load_identity_file
    _row(
        r'^Load key "(?P<file>.+)": (?P<what>.+)$',
        "key-unreadable", "ssh cannot read the key {file}: {what}", "ssh-keygen -y -f {file} tests it",
        PERSON, also=DENIED,
    ),
    # sshconnect2.c userauth_pubkey, told with -v: accepted, and yet no login: the key could not sign unasked
    _row(
        r"^debug1: Server accepts key: (?P<file>\S+)",
        "passphrase-wanted", "your key {file} wants its passphrase", "ssh-add {file} keeps it; or " + ASK,
        PERSON, also=r"^\S+: Permission denied \(publickey\b",
    ),
    # sshconnect2.c input_userauth_failure: the key was right, and something more is wanted
    _row(
        DENIED + r"keyboard-interactive\)\.$|^Authenticated using .* with partial success",
        "two-factor-wanted", "asks for a code or a password", ASK, PERSON, also=DENIED,
    ),
    _row(
        DENIED + r".*(?:password|keyboard-interactive)",
        "password-wanted", "asks for a password", ASK + "; " + KEY, PERSON,
    ),
    # sshconnect2.c pubkey_prepare: only a key that the configuration names is missed
    _row(
        r"^no such identity: (?P<file>.+): .+$|^Warning: Identity file (?P<file_>.+) not accessible",
        "key-missing", "did not let you in, and a key that ssh was told to use is missing: {file}{file_}",
        "look at IdentityFile in ~/.ssh/config", PERSON, also=DENIED,
    ),
    _row(
        DENIED + r".*gssapi",
        "ticket-wanted", "accepts no key of yours, and you hold no valid ticket",
        "kinit, then rbridge connect {host}", PERSON,
    ),
    # BatchMode asks for no passphrase, and does not say so: this is also a key that wants one
    _row(
        DENIED,
        "permission-denied", "accepts no key that ssh could use without asking",
        "ssh-add if your key has a passphrase, else look at the user name and the key; " + ASK, PERSON,
    ),
)  # fmt: skip

_NETWORK = (
    # channels.c channel_input_open_failure in the jump's ssh -W
    _row(
        r"^channel \d+: open failed: administratively prohibited",
        "jump-refuses-forwarding", "the jump host does not pass connections on",
        "ask who runs it for another way", PERSON,
        also=r"^stdio forwarding failed",
    ),
    _row(
        r"^channel \d+: open failed: (?:connect failed: )?(?P<what>.+)$",
        "jump-cannot-reach", "the jump host cannot reach it: {what}", "",
        NETWORK, also=r"^stdio forwarding failed",
    ),
    # ssh.c resolve_host: EAI_AGAIN
    _row(
        r"^ssh: Could not resolve hostname (?P<name>.+?): (?:Temporary failure|Try again)",
        "no-name-service", "no name can be looked up: this machine is offline, or its name server is", "",
        NETWORK,
    ),
    # ssh.c resolve_host. Not for a person alone: without a VPN, names behind it are not found either
    _row(
        r"^ssh: Could not resolve host(?:name)? (?P<name>.+?)(?:: (?P<what>.+))?$",
        "name-not-found", "there is no host of the name {name}, as far as this network knows",
        "look at the spelling, HostName in ~/.ssh/config, and your VPN", NETWORK,
    ),
    # sshconnect.c ssh_connect_direct; several addresses are several lines, the one that says most counts
    _row(
        CONNECT + "Connection refused",
        "refused", "nothing listens on port {port} of {name}: no ssh server, or it is starting", "", NETWORK,
    ),
    _row(
        CONNECT + "(?:Connection|Operation) timed out",
        "timed-out", "nothing answers on port {port} of {name}",
        "is it up, and does a firewall or VPN stand between?", NETWORK,
    ),
    _row(
        CONNECT + "(?:Permission denied|Operation not permitted)",
        "connect-forbidden", "a firewall on this machine forbids the connection to {name}", "", TIME,
    ),
    _row(
        CONNECT + "(?:No route to host|Host is (?:down|unreachable))",
        "no-route", "there is no way to {name}", "is it up, and are you in the right network or VPN?",
        NETWORK,
    ),
    _row(
        CONNECT + "(?:Network is (?:unreachable|down)|Can(?:'t|not) assign requested address)",
        "unreachable", "this machine has no network to reach {name}", "", NETWORK,
    ),
    _row(
        CONNECT + "(?P<what>.+)$",
        "connect-failed", "cannot be reached on port {port}: {what}", "", NETWORK,
    ),
    # kex.c kex_exchange_identification
    _row(
        KEX + r"(?:banner line|No SSH)|^Bad remote protocol version|^banner exchange: .*: invalid format",
        "not-ssh", "what answers there is no ssh server",
        "look at Port in ~/.ssh/config; a hotel's login page?", TIME,
    ),
    # sshconnect.c ssh_exchange_identification: ConnectTimeout
    _row(
        r"^Connection timed out during banner exchange|^Connection to \S+ port -?\d+ timed out",
        "banner-timed-out", "takes the connection, but says nothing", "it may be starting or overloaded",
        NETWORK,
    ),
    # sshd drops it before any word: MaxStartups, PerSourcePenalties, an allow-list (hosts.allow), a ban
    _row(
        KEX + "|^banner exchange: |^Not allowed at this time|^Exceeded MaxStartups",
        "kex-closed",
        "closed the connection before the login: too many logins at once, or it does not allow this address",
        LATER, TIME,
    ),
    # packet.c sshpkt_vfatal; before the greeting a reset is MaxStartups too
    _row(
        r"^Connection reset by \S+ port -?\d+",
        "connection-reset", "broke the connection off during the login", LATER, TIME,
    ),
    # packet.c ssh_packet_read_poll2, SSH2_MSG_DISCONNECT
    _row(
        r"^Received disconnect from \S+ port -?\d+:\d+: (?P<what>.+)$",
        "disconnected", "ended the connection: {what}", LATER, TIME,
    ),
    _row(
        r"^Connection closed by \S+ port -?\d+|^Disconnected from \S+ port|^Connection closed by remote host",
        "closed-by-host", "closed the connection during the login", LATER, TIME,
    ),
    # packet.c: a byte stream that something on the way changed
    _row(
        r"^Bad packet length|^Corrupted (?:MAC|padding)|^padding error"
        r"|^ssh_dispatch_run_fatal: .*: (?:message authentication code|Connection corrupted|.* format)",
        "garbled", "what arrived was garbled on the way", "", NETWORK,
    ),
    # clientloop.c server_alive_check
    _row(
        r"^Timeout, server (?P<name>\S+) not responding",
        "not-responding", "has not answered for a while", "", NETWORK,
    ),
    # clientloop.c client_process_net_input and its output; mux.c; older: packet_write_wait
    _row(
        r"^client_loop: send disconnect: |^Connection to \S+(?: port \d+)? closed|^packet_write_wait: "
        r"|^ssh_dispatch_run_fatal: |^Write failed: |^Read from remote host |^Shared connection to .* closed"
        r"|^Killed by signal ",
        "connection-lost", "the connection was lost", "", NETWORK,
    ),
    # ssh.c ssh_confirm_remote_forward and ssh_init_forwarding, with ExitOnForwardFailure
    _row(
        r"^Error: remote port forwarding failed for listen (?:path|port) (?P<what>.+)$",
        "forward-taken", "a forward of your ssh configuration was refused there: {what}",
        "close the session that holds it, or unset ExitOnForwardFailure", TIME,
    ),
    _row(
        r"^Could not request \w+ forwarding",
        "forward-taken-here", "a forward of your ssh configuration cannot be had on this machine",
        "close what holds its port, or unset ExitOnForwardFailure", TIME,
    ),
    # mux.c mux_session_confirm; channels.c channel_input_open_failure: MaxSessions
    _row(
        r"Session open refused by peer|^channel \d+: open failed: ",
        "session-refused", "permits no further session over this connection (MaxSessions)",
        "close a shell on it", TIME,
    ),
    # clientloop.c client_status_confirm: fork failed there, most often
    _row(
        r"^(?P<what>exec|shell|subsystem) request failed on channel \d+",
        "session-failed", "could not start a process for you",
        "your limit of processes there may be reached", TIME,
    ),
)  # fmt: skip

LOGIN: tuple[Row, ...] = _MINE + _HOST_KEYS + _LOGIN + _NETWORK

FORWARDING: tuple[Row, ...] = (
    next(row for row in _NETWORK if row.name == "session-refused"),
    # serverloop.c server_input_global_request, channels.c: AllowTcpForwarding, AllowStreamLocalForwarding,
    # DisableForwarding, restrict. Told in the master's stderr with LogLevel DEBUG1, and nowhere else
    _row(
        r"^debug1: Remote: (?:Server has disabled \S+ forwarding|(?:streamlocal|port) forwarding refused)"
        r"|^Master refused forwarding request: ",
        "forwarding-refused", "does not allow ssh to forward a socket",
        "ask who runs it for AllowStreamLocalForwarding and AllowTcpForwarding", PERSON,
    ),
    # misc.c unix_listener in sshd, for whoever can read its log
    _row(
        r"cannot bind to path (?P<file>.+): Address already in use",
        "forward-path-taken", "the socket {file} is there already", "remove it if nothing listens on it",
        TIME,
    ),
    _row(
        r"cannot bind to path (?P<file>.+): (?P<what>.+)$",
        "forward-path-bad", "the socket {file} cannot be made there: {what}", "look at that directory",
        PERSON,
    ),
    # readconf.c parse_forward: sun_path has 108 bytes, 104 on macOS
    _row(
        r"^Bad remote forwarding specification|too long for Unix domain socket|^Local \w+ path too long",
        "forward-path-too-long", "the path of the socket is too long", "", PERSON,
    ),
    # mux.c mux_client_forward and mux_confirm_remote_forward; ssh.c ssh_confirm_remote_forward
    _row(
        r"remote port forwarding failed for listen|forwarding request failed|master forward request failed",
        "forward-failed",
        "did not set up the forward: it does not allow it, or its place is taken or cannot be made",
        "", TIME,
    ),
    # mux.c muxclient: no master, or one that ended between two words; a slave of ours has ProxyCommand=false
    _row(
        r"^Control socket connect\(.*\): |master hello exchange failed|master alive (?:check|request) failed"
        r"|read from master failed: |write packet: Broken pipe|^Shared connection to .* closed|" + PROXY_GONE,
        "master-gone", "the connection has ended", "", NETWORK,
    ),
)  # fmt: skip
