"""What ``rbridge doctor`` may find wrong, on either end, and what each of it means: one table. Pure.

``rbridge doctor --explain`` says it under a finding, and ``docs/troubleshooting.md`` is drawn from it. The
tests hold every finding that they produce against it. What ssh itself says is in
:mod:`rbridge.ssh.messages`.

Long, because it is one table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rbridge.findings import Finding
from rbridge.ssh import messages

_PLACE = re.compile(r"\b[A-Z]+\b")
_FIELD = re.compile(r"\{(\w+?)_?\}(?:\{\1_\})?")


@dataclass(frozen=True)
class Trouble:
    """A kind of finding: *says* are its lines, in which words in capitals stand for something; *mends* is
    what is done about it.
    """

    name: str
    says: tuple[str, ...]
    means: str
    mends: str

    def fits(self, said: str) -> bool:
        """Whether *said* is one of its lines."""
        return any(_pattern(line).search(said) for line in self.says)


def _pattern(line: str) -> re.Pattern[str]:
    parts = _PLACE.split(line)
    return re.compile(".*".join(re.escape(part) for part in parts))


def _trouble(name: str, says: str | tuple[str, ...], means: str, mends: str) -> Trouble:
    return Trouble(name, (says,) if isinstance(says, str) else says, means, mends)


CONNECT = "`rbridge connect HOST` on the laptop"

THIS_RBRIDGE = (
    _trouble(
        "library",
        "the Python package 'NAME' is missing",
        "rbridge was installed without a library that the laptop's part needs.",
        "`pip install --upgrade rbridge`",
    ),
    _trouble(
        "path",
        (
            "this shell does not find rbridge on its PATH",
            "this shell finds another rbridge first: FILE",
            "~/.local/bin is not on PATH in new shells",
            "new shells find another rbridge first: FILE",
        ),
        "The client is on the host, and typing `rbridge` does not run it.",
        "`rbridge deploy --path HOST` on the laptop, or on the host `export PATH=DIR:$PATH`",
    ),
    _trouble(
        "noexec",
        "nothing may be executed where it lies",
        "The file system of the client's directory is mounted noexec.",
        "`alias rbridge='python3 FILE'`",
    ),
    _trouble(
        "no-client",
        "rbridge is not on HOST",
        "`rbridge open` can be typed there only once the client, one file, is there.",
        "`rbridge deploy HOST`",
    ),
    _trouble(
        "client-old",
        (
            "FILE is another version (VERSION) than this rbridge (VERSION)",
            "FILE is another build of VERSION than the one that this rbridge has",
        ),
        "They understand each other, but lack what is new in the newer one.",
        "`rbridge deploy HOST`",
    ),
    _trouble(
        "client-changed",
        "FILE was not put there by rbridge, or was changed since",
        "Your own file is not overwritten by `rbridge connect`.",
        "`rbridge deploy HOST` replaces it, and keeps it",
    ),
    _trouble(
        "client-fails",
        "FILE does not run: REASON",
        "It is there, and cannot be run, or ends with an error.",
        "`chmod 755 FILE` on the host, or `rbridge deploy HOST`",
    ),
    _trouble(
        "python",
        "no Python 3.6 or later was found on HOST: the client cannot run",
        "The client is one file of Python, and looks for one on PATH.",
        "`module load python`, or name one in `RBRIDGE_PYTHON`",
    ),
)

DAEMON = (
    _trouble(
        "daemon-not-running",
        "rbridge is not serving here",
        "Nothing on this laptop takes files from hosts.",
        "`rbridge serve`; `rbridge ssh HOST` and `rbridge connect HOST` start it by themselves",
    ),
    _trouble(
        "daemon-silent",
        "rbridge serve does not answer",
        "It runs, and is stopped or stuck. Texts that it had are kept.",
        "`kill PID; rbridge serve`",
    ),
    _trouble(
        "daemon-version",
        ("and is version VERSION: this command is VERSION", "it is rbridge VERSION, and this is VERSION"),
        "The daemon was started before an update, or the client on the host is from before one.",
        "`rbridge serve --stop; rbridge serve`, or `rbridge deploy HOST`, on the laptop",
    ),
    _trouble(
        "two-daemons",
        "another rbridge serve of yours (pid PID) has its sockets in DIR",
        "Editors connect to the one, and this shell's commands to the other.",
        "`export RBRIDGE_RUNTIME_DIR=DIR`, or `kill PID`",
    ),
    _trouble(
        "nobody",
        "nobody is listening for this host's files",
        "No laptop's tunnel ends on this host: `rbridge open` has nowhere to send a file.",
        CONNECT,
    ),
    _trouble(
        "other-node",
        "no tunnel ends here; there are sockets of NODE, which share this home",
        "A socket works on the machine that made it, whatever shares the directory.",
        "`rbridge open --via NODE FILE`",
    ),
    _trouble(
        "several-laptops",
        "nothing was sent: N laptops are listening: NAMES",
        "Nothing tells which of them this shell belongs to, and no file is sent on a guess.",
        "`rbridge use LAPTOP`, or `--on LAPTOP` for once",
    ),
    _trouble(
        "other-daemon",
        "somebody else answers at the tunnel's socket there: NAME",
        "Another login has put its own socket in the place of this laptop's.",
        "`rbridge disconnect HOST; rbridge connect HOST`",
    ),
    _trouble(
        "client-hung",
        "the process in the background, pid PID, does not answer",
        "The client that serves the open files of this host was stopped, or hangs on a file server.",
        "`kill -CONT PID`, or to end it `kill PID`; what only the laptop has is kept there",
    ),
    _trouble(
        "not-connected",
        "in the background: pid PID, N open, N of them not connected",
        "The tunnel is gone. What is saved in the editor meanwhile is kept on the laptop, and sent later.",
        CONNECT,
    ),
)

SOCKETS = (
    _trouble(
        "directory",
        (
            "DIR can be changed by others (MODE)",
            "DIR can be reached by others (mode MODE)",
            "DIR can be replaced by others",
            "DIR belongs to USER",
            "DIR is a symbolic link",
            "DIR is not a directory",
        ),
        "In a directory that is not yours alone another user could put a socket of his in place of yours.",
        "`chmod 700 DIR` after a look at what is in it; if it is a link, or another user's: remove it",
    ),
    _trouble(
        "runtime",
        ("no safe directory for sockets: REASONS", "DIR can be reached by others (mode MODE)"),
        "Every place where sockets might lie can be reached by others.",
        "`chmod 700 DIR`, or `RBRIDGE_RUNTIME_DIR=DIR` with a short path that only you can reach",
    ),
    _trouble(
        "socket-stale",
        ("FILE: nobody listens there", "nobody listens there any more", "what the last connection left"),
        "sshd never removes the socket of a forward; the login that made it has ended.",
        "`rm FILE` on the host, or `rbridge connect HOST`, which makes it anew",
    ),
    _trouble(
        "socket-half-dead",
        "half dead: it takes connections and says nothing; a lost login holds it",
        "A laptop sleeps, or lost its network. The host's sshd does not know yet; that may take hours.",
        "`rm FILE` on the host, unless that laptop only sleeps; `rbridge connect HOST` makes its own anew",
    ),
    _trouble(
        "socket-closed",
        ("FILE: it leads to no daemon", "FILE (DIR, mode MODE): REASON"),
        "What listens there is not rbridge, or hangs up at once: the laptop's end of a forward is missing.",
        "`rm FILE` on the host, then `rbridge connect HOST`",
    ),
    _trouble(
        "socket-foreign",
        (
            "FILE is a socket of user USER",
            "FILE is no socket",
            "FILE belongs to USER",
            "it belongs to USER, not to you: what is sent there is theirs to read",
            "it belongs to USER: what is sent there is theirs to read",
        ),
        "It is another user's. rbridge sends nothing there.",
        "`rm FILE`, and `rbridge connect HOST`",
    ),
    _trouble(
        "socket-open",
        "can be reached by others",
        "Other users could reach your laptop through it. The server's StreamLocalBindMask gives the mode.",
        "`chmod 600 FILE`",
    ),
    _trouble(
        "socket-gone",
        "the tunnel's socket is not in DIR any more",
        "Somebody, or a clean-up of old files, has removed it. The tunnel does not make it again by itself.",
        "`rbridge disconnect HOST; rbridge connect HOST`",
    ),
    _trouble(
        "socket-refused",
        "the tunnel's socket there is stale: nobody listens",
        "sshd has given the forward up, and the laptop was not told.",
        "`rbridge disconnect HOST; rbridge connect HOST`",
    ),
    _trouble(
        "socket-silent",
        "the tunnel's socket there takes connections and says nothing",
        "The login that made it is lost.",
        "`rbridge disconnect HOST; rbridge connect HOST`",
    ),
    _trouble(
        "variable-stale",
        "$VARIABLE is stale: FILE: REASON",
        "A shell in tmux has the variables of the login that started tmux.",
        "`unset VARIABLE; tmux set-environment -gu VARIABLE`; rbridge needs none of them",
    ),
    _trouble(
        "setting",
        "'VALUE' is not a port",
        "A variable or rc file of rmate's makes no sense.",
        "mend it, or unset it",
    ),
)

PORT = (
    _trouble(
        "port-squatted",
        (
            "is held by user USER: rmate there would reach that one",
            "it belongs to USER: what is sent there is theirs to read",
            "it belongs to USER, not to you: what is sent there is theirs to read",
            "ADDRESS: port PORT is held by USER",
        ),
        "Another user of the machine has rmate's port: plain `rmate` would send your files to him.",
        "forward a socket, not the port: " + CONNECT,
    ),
    _trouble(
        "port-one-family",
        (
            "port PORT is held on ADDRESS only: 'ssh -R PORT' would succeed on ADDRESS, and say nothing",
            "ADDRESS only is held: 'ssh -R PORT' would succeed on the other address, and say nothing",
        ),
        "ssh is content with either of 127.0.0.1 and ::1, and rmate may ask the other one.",
        "`ssh -R 127.0.0.1:52698:...` fails aloud; better a socket: " + CONNECT,
    ),
    _trouble(
        "port-half-dead",
        "half dead: it takes connections and says nothing; a lost login holds it",
        "The sshd of a lost login still holds the port.",
        "forward a socket, not the port: " + CONNECT,
    ),
    _trouble(
        "port-taken",
        ("is held by another program", "port PORT is held by"),
        "A further `ssh -R` only warns, and its files go to whoever was first.",
        "forward a socket, not the port: " + CONNECT,
    ),
    _trouble(
        "port-closed",
        "ADDRESS (ORIGIN): REASON",
        "What listens there is not rbridge, or a forward whose laptop's end is missing.",
        CONNECT,
    ),
)

KEY = (
    _trouble(
        "key",
        (
            "there is no key: plain 'ssh -R' over a port cannot be told from others",
            "there is no key for LAPTOP: over a port it cannot be told from others",
            "FILE is not a file of yours: it is not used",
            "FILE can be reached by others (mode MODE)",
            "FILE is a symbolic link: a key there is not used",
            "FILE belongs to USER: a key there is not used",
        ),
        "The key proves laptop and host to each other over a port. One that others could have read counts "
        "for nothing; sockets need none.",
        "`chmod -R go= ~/.rbridge`, or remove the file, then " + CONNECT,
    ),
)

SSH = (
    _trouble(
        "ssh",
        ("OpenSSH cannot forward sockets", "cannot forward sockets", "cannot run ssh: REASON"),
        "ssh is missing, or older than 6.7, the first that forwards Unix sockets.",
        "install or update OpenSSH",
    ),
    _trouble(
        "configuration",
        ("ssh is not installed", "ssh: REASON", "ssh does not take HOST for a host"),
        "ssh stops at its own configuration, or at an option.",
        "mend that line; `ssh -G HOST` shows what ssh reads",
    ),
    _trouble(
        "forward-tilde",
        "'RemoteForward PATH': nobody expands ~ there, so it fails",
        "Neither ssh nor sshd knows what the remote home is.",
        "write the host's whole path, or use " + CONNECT,
    ),
    _trouble(
        "forward-relative",
        "'RemoteForward PATH': it lands where sshd happens to be",
        "A relative path is taken from the directory of a process of sshd.",
        "write the host's whole path, or use " + CONNECT,
    ),
    _trouble(
        "forward-one-family",
        "'RemoteForward PORT': where 127.0.0.1:PORT is held, ssh takes ::1 and says nothing",
        "Whoever holds the port on 127.0.0.1 would be sent your files, and no warning shows.",
        "write `127.0.0.1:PORT` in its place, or use " + CONNECT,
    ),
    _trouble(
        "setup-not-included",
        "FILE does not include FILE before its first Host: its lines do not count",
        "An Include behind a Host is read for that host only.",
        "`rbridge setup HOST`",
    ),
    _trouble(
        "unchecked",
        "ssh checks no host key of HOST: another machine could take its place unseen",
        "StrictHostKeyChecking is off for it.",
        "take `StrictHostKeyChecking no` out of ~/.ssh/config",
    ),
    _trouble(
        "not-known",
        "no host key of HOST is known here: the first login asks",
        "It is the first time. Compare the fingerprint with what whoever runs the host tells.",
        "`rbridge connect HOST` in a terminal",
    ),
    _trouble(
        "forwarding-refused",
        "HOST refuses to forward a socket: files",
        "sshd is set up without forwarding. rbridge carries files over stdin and stdout of a command there.",
        "nothing has to be; AllowStreamLocalForwarding and AllowTcpForwarding, if who runs it likes",
    ),
    _trouble(
        "one-session",
        "HOST permits one session for each login (MaxSessions): a further shell logs in anew",
        "One connection cannot carry the tunnel and a shell.",
        "nothing has to be: `rbridge ssh HOST` logs in once more",
    ),
    _trouble(
        "slow",
        "round trip N ms, N MB/s from HOST",
        "Less than 100 KB a second came. Files open late; what is saved is sent as differences.",
        "look at the network, and at what else goes over this login",
    ),
)

TUNNEL = (
    _trouble(
        "no-tunnel",
        "no tunnel to HOST is kept",
        "The daemon keeps a connection only to hosts that you connected.",
        "`rbridge connect HOST`",
    ),
    _trouble(
        "connecting",
        "NAME: connecting",
        "A login is under way.",
        "wait; `rbridge status` shows how it stands",
    ),
    _trouble(
        "half-dead",
        "NAME: the connection is half dead: ssh holds it, and nothing comes back",
        "The network is gone, and neither end was told.",
        "it is made anew within 45 s; at once: `rbridge disconnect HOST; rbridge connect HOST`",
    ),
)

EDITORS = (
    _trouble(
        "no-editor",
        "no editor was found that can be opened from here",
        "Neither a plug-in nor a program that is known was found.",
        "`rbridge serve --editor code`, or another editor or command; or set EDITOR",
    ),
    _trouble(
        "settings",
        "config.toml: REASON",
        "The daemon does not start with settings that make no sense.",
        "mend that line",
    ),
    _trouble(
        "plug-in-old",
        "EDITOR: its plug-in is that of another version",
        "It was installed by an older rbridge, or its files were changed.",
        "`rbridge plugin install EDITOR`",
    ),
    _trouble(
        "plug-in-foreign",
        "EDITOR: DIR is there, and not from rbridge",
        "rbridge does not overwrite what it did not put there.",
        "move it away, then `rbridge plugin install EDITOR`",
    ),
    _trouble(
        "attached-old",
        "EDITOR VERSION (pid PID) is attached, and its plug-in is VERSION: this is rbridge VERSION",
        "That window runs the plug-in as it was when the editor was started.",
        "`rbridge plugin install EDITOR`, then start the editor anew",
    ),
    _trouble(
        "kept-on-disk",
        "EDITOR keeps TEXTS of hosts' documents in FILE",
        "The editor's own memory of what was open, on the laptop's disk ([security.md](security.md)).",
        "save and close those documents; remove the file while the editor is closed",
    ),
)

LANGUAGES = (
    _trouble(
        "language-server-none",
        "SERVER on HOST does not run (none): no language server for LANGUAGE",
        "The PATH of the shell that opened the file has none for this language.",
        "install one there; `rbridge doctor` on the host lists those that its shell finds",
    ),
    _trouble(
        "language-server-ended",
        "SERVER on HOST does not run (REASON): WORDS",
        "It ends as soon as it is started, or the host refuses it. The words are its own.",
        "start it on the host by hand to see why, then have the editor restart it",
    ),
    _trouble(
        "languages-setting",
        "FILE: SETTING: REASON",
        "A setting `lsp-LANGUAGE` on the host makes no sense.",
        "mend that line",
    ),
)

DISKS = (
    _trouble(
        "state",
        (
            "DIR can be reached by others (mode MODE)",
            "DIR cannot be written to",
            "DIR belongs to USER",
            "DIR is a symbolic link",
            "DIR is not a directory",
        ),
        "Kept texts and journals of saves are for nobody else.",
        "`chmod 700 DIR`",
    ),
    _trouble(
        "state-full",
        "DIR: nothing can be written there: REASON",
        "A save that is written in place needs a journal: it is refused, and the text stays on the laptop.",
        "make room (`df -h DIR`, `quota -s`), or `RBRIDGE_STATE_DIR=DIR`",
    ),
    _trouble(
        "runtime-full",
        "DIR: nothing can be written there: REASON",
        "Commands cannot hand their files to the process in the background, and each serves its own.",
        "make room (`df -h DIR`, `quota -s`), or `RBRIDGE_RUNTIME_DIR=DIR`",
    ),
    _trouble(
        "texts-kept",
        (
            "N text(s) that their hosts did not get are kept here",
            "only a laptop has the newest text of N file(s)",
            "cannot tell which texts never got here",
        ),
        "A save was not acknowledged. The text is on the laptop until it is sent, saved or dropped.",
        "`rbridge recover` on the laptop",
    ),
    _trouble(
        "torn",
        "N save(s) in place were cut short",
        "The client was killed while it wrote over a file; the old bytes are kept beside.",
        "the next `rbridge open` finishes or undoes them, and says so",
    ),
)

SECTIONS = {
    "This rbridge": THIS_RBRIDGE,
    "The daemon, and who listens": DAEMON,
    "Sockets and their directories": SOCKETS,
    "rmate's port": PORT,
    "Keys": KEY,
    "ssh and the host": SSH,
    "The tunnel": TUNNEL,
    "Editors": EDITORS,
    "Language servers": LANGUAGES,
    "Disks and kept texts": DISKS,
}
TROUBLES = {one.name: one for section in SECTIONS.values() for one in section}
ROWS = (*messages.LOGIN, *messages.FORWARDING)
REASONS = {row.name: row for row in reversed(ROWS)}


def known(found: Finding) -> bool:
    """Whether the table has *found*, with the line that it says."""
    trouble = TROUBLES.get(found.name)
    return trouble is not None and trouble.fits(found.said) or found.name in REASONS


def means() -> dict[str, str]:
    """What each finding means, by its name."""
    return {name: one.means.replace("`", "'") for name, one in TROUBLES.items()}


def capitals(text: str) -> str:
    """A line of ssh's table with its places in capitals, as in ours."""
    return _FIELD.sub(lambda field: field[1].upper(), text)
