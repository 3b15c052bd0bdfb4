"""The way through another machine: the user's own ssh reaches it, and a socket here leads to each one there.

``ssh NODE`` says which sockets somebody listens on there, and leaves a shared connection behind; that one has
``via-NODE-XXXXXXXX.sock`` in the runtime directory lead to each. It belongs to nobody: whatever goes through
keeps it, and :data:`LINGER` seconds after the last connection it ends by itself, however its users ended.
"""

import os
import select
import signal
from binascii import crc32
from time import monotonic

from rbridge import paths, private
from rbridge.client import process
from rbridge.client.settings import Endpoint, shortened
from rbridge.errors import NotListening, RbridgeError, UsageError, clean

MYPY = False
if MYPY:
    from typing import List

LINGER = 10
"""Seconds that ssh stays when nothing goes through it."""

CONNECT = 8
"""Seconds for its TCP connection."""

TYPING = 150.0
"""Seconds for a login that may ask for a password: sshd gives it 120."""

MOST = 4
"""Sockets over there that are led to."""

PATH = 107
"""Bytes of a socket's path; ssh makes the shared connection's under a name with 17 bytes more."""

PREFIX, SUFFIX = "via-", ".sock"
TAIL = len("-01234567" + SUFFIX)
NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@")
MARK = "rbridge-socket "

SCRIPT = (
    'u=$(id -u); for d in "$HOME/.rbridge/$(uname -n)" "${XDG_RUNTIME_DIR:-/run/user/$u}/rbridge"'
    ' "/dev/shm/rbridge-$u"; do case $(ls -ld "$d" 2>/dev/null) in drwx------*) ;; *) continue ;; esac;'
    ' [ -O "$d" ] || continue; ls -t "$d" | while read -r n; do case $n in'
    " editor.sock | lsp.sock | control.sock | client-* | via-*) continue ;; esac;"
    ' s=$d/$n; [ -S "$s" ] && [ -O "$s" ] || continue; [ -r /proc/net/unix ] || { echo "' + MARK + '$s";'
    ' continue; }; grep -qF "/$n" /proc/net/unix && echo "' + MARK + '$s"; done; done; :'
)
"""Lists the sockets in the directories that are the user's alone, the newest of each first, without those of
which the kernel there knows no listener. One line, without quotes or ``!``, for whatever shell passes it on.
"""

OPTIONS = (
    # fmt: off
    "ControlMaster=auto",
    "ControlPersist={}".format(LINGER),
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RequestTTY=no",
    "StreamLocalBindMask=0177",
    "StreamLocalBindUnlink=yes",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ConnectTimeout={}".format(CONNECT),
    "LogLevel=ERROR",
    # fmt: on
)
NO_COMMAND = ("-o", "RemoteCommand=none")
"""Not known before OpenSSH 7.6."""

NO_WINDOW = b"SSH_ASKPASS_REQUIRE", b"never"
"""BatchMode does not hold for a jump host's ssh: it has no terminal to ask on, and is to open no window."""


def is_name(word: str) -> bool:
    """Whether *word* can be the name of a machine, or ``USER@NAME``: nothing that ssh takes for an option."""
    return 0 < len(word) < 254 and word[0] not in "-.@" and NAME.issuperset(word)


def node_of(path: str) -> str:
    """The machine that the socket at *path* leads through, "" if it is none of these."""
    name = os.path.basename(path)
    return name[len(PREFIX) : -TAIL] if name.startswith(PREFIX) and name.endswith(SUFFIX) else ""


def ends(node: str) -> "List[Endpoint]":
    """The sockets here that lead through *node*, or did. Raises UsageError when that cannot be a machine."""
    if not is_name(node):
        raise UsageError("--via: '{}' is not the name of a machine".format(node))
    try:
        place = paths.runtime_dir(create=False)
        names = sorted(os.listdir(place))
    except (OSError, RbridgeError):
        return []
    return [endpoint(os.path.join(place, name)) for name in names if node_of(name) == node]


def endpoint(path: str) -> Endpoint:
    """The socket at *path*, among which the daemons' identities decide."""
    made = Endpoint("unix", shortened(os.path.dirname(path)), path=path)
    made.shared = True
    return made


def lead(node: str, seconds: float, asks: bool = False) -> "List[Endpoint]":
    """Have sockets here lead to those on *node*; *asks*: ssh may ask for a password on the terminal.

    Raises NotListening with ssh's own words, and when nobody listens there.
    """
    place = paths.runtime_dir()
    masters = os.path.join(place, "via")
    control = os.path.join(masters, node)
    if len(os.fsencode(control)) + 17 > PATH:
        raise NotListening("{} is too long a path for ssh".format(control), "set RBRIDGE_RUNTIME_DIR")
    private.make_private(masters)
    over = ["-S", control.replace("%", "%%")]
    options = list(over)
    for option in OPTIONS + (() if asks else ("BatchMode=yes",)):
        options += ["-o", option]
    options += ["--", node, "exec /bin/sh -c '{}'".format(SCRIPT)]
    try:
        said = run(list(NO_COMMAND) + options, TYPING if asks else seconds, asks)
    except NotListening as error:
        if "remotecommand" not in str(error):
            raise
        said = run(options, TYPING if asks else seconds, asks)
    made = []
    for there in listed(said):
        name = "{}{}-{:08x}{}".format(PREFIX, node, crc32(os.fsencode(there)) & 0xFFFFFFFF, SUFFIX)
        path = os.path.join(place, name)
        words = over + ["-F", os.devnull, "-L", path.replace("%", "%%") + ":" + there.replace("%", "%%")]
        run(words + ["-O", "forward", "--", node], seconds)
        if not os.path.lexists(path):  # somebody removed it: ssh believes that it is there
            run(words + ["-O", "cancel", "--", node], seconds)
            run(words + ["-O", "forward", "--", node], seconds)
        made.append(endpoint(path))
    if not made:
        raise NotListening("no tunnel ends there")
    return made


def listed(said: str) -> "List[str]":
    """The sockets that the script named; the login shell there may have said something as well."""
    found = [line[len(MARK) :] for line in said.splitlines() if line.startswith(MARK)]
    return [path for path in found if path.startswith("/") and ":" not in path and len(path) <= PATH][:MOST]


def run(words: "List[str]", seconds: float, asks: bool = False) -> str:
    """What ``ssh`` with *words* prints. Raises NotListening: it failed, or took longer than *seconds*.

    It is over when ssh is: the shared connection, and a ProxyCommand, may keep its stderr for as long as they
    last (OpenSSH before 8.0).
    """
    program = process.search("ssh", os.environb.get(b"PATH", os.fsencode(os.defpath)))
    if not program:
        raise NotListening("there is no ssh here")
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, out_there = os.pipe()
    errors, errors_there = os.pipe()

    environ = dict(os.environb)
    if not asks:
        environ.update([NO_WINDOW])
        environ.pop(b"DISPLAY", None)

    def prepare() -> None:
        os.chdir("/")  # it stays for long
        if not asks:  # else it keeps the terminal, and the keys that are typed there
            os.setsid()

    try:
        pid = process.started(
            program,
            [b"ssh"] + [os.fsencode(word) for word in words],
            environ,
            (nothing, out_there, 2 if asks else errors_there),  # there it says more than a prompt
            prepare,
        )
    except OSError as error:
        os.close(out)
        os.close(errors)
        raise NotListening("cannot run ssh: {}".format((error.strerror or "").lower())) from None
    finally:
        for number in (nothing, out_there, errors_there):
            os.close(number)
    said = {out: b"", errors: b""}
    end = monotonic() + seconds
    status = None
    try:
        poll = select.poll()
        for number in said:
            os.set_blocking(number, False)
            poll.register(number, select.POLLIN)
        while status is None:
            ready = poll.poll(max(0, int((end - monotonic()) * 1000)))
            if not ready:
                raise NotListening("ssh did not get there within {:g} s".format(round(seconds, 1)))
            for number, _ in ready:
                data = os.read(number, 65536)
                said[number] += data
                if not data:
                    poll.unregister(number)
                if not data and number == out:
                    status = os.waitpid(pid, 0)[1]
        try:
            said[errors] += os.read(errors, 65536)
        except BlockingIOError:
            pass
    finally:
        os.close(out)
        os.close(errors)
        if status is None:
            try:  # with what it started, as a ProxyCommand
                (os.kill if asks else os.killpg)(pid, signal.SIGKILL)
            except OSError:
                pass  # macOS, when it has ended just now
            os.waitpid(pid, 0)
    if status:
        lines = [clean(line).strip() for line in said[errors].decode("utf-8", "replace").splitlines()]
        nothing_said = "it said why" if asks else "it ended without a word"
        last = ([line for line in lines if line] or [nothing_said])[-1]
        raise NotListening(last if last.startswith("ssh: ") else "ssh: " + last)
    return said[out].decode("utf-8", "surrogateescape")
