"""One login on a host, for ``rbridge setup``: look at it, make our directories, leave a key if asked to.

ssh runs in the person's own terminal, where passwords and questions are its own. The script is in the command
line and its answers stand behind random marks, because what a shell reads at login may print too.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from rbridge import __version__
from rbridge.errors import CannotCreate, Denied, NotListening, clean
from rbridge.ssh.sshconfig import OFF

SSH = "ssh"
UNFORWARDED = (
    "-oClearAllForwardings=yes",
    "-oControlMaster=no",
    "-oPermitLocalCommand=no",
    "-oRemoteCommand=none",
    "-oForwardX11=no",
    "-oForwardAgent=no",
    "-T",
)
LONGEST = 4096  # bytes of an answer
LISTENS = "0A"  # a socket's state in /proc/net/tcp

# Without ', ! and newlines: the login shell, whichever it is, is given the whole between two '. MARK stands
# before each answer, KEY is where a key goes, below keys/, "" if none does.
SCRIPT = r"""
umask 077; LC_ALL=C; export LC_ALL; cd; n=$(uname -n | tr / _);
echo; echo MARK home "$HOME"; echo MARK node "$n"; echo MARK uid $(id -u);
own() { mkdir "$1" 2>/dev/null; if test -L "$1"; then echo MARK fault "$1" is a symbolic link; return 1; fi;
if test -d "$1"; then :; else echo MARK fault "$1" cannot be made; return 1; fi;
if test -O "$1"; then :; else echo MARK fault "$1" belongs to somebody else; return 1; fi;
case $(ls -ld "$1") in ?????w*|????????w*) echo MARK fault "$1" can be changed by others; return 1;; esac;
if chmod 700 "$1"; then :; else echo MARK fault "$1" cannot be closed to others; return 1; fi; };
own "$HOME/.rbridge" && own "$HOME/.rbridge/$n" && { test -z "KEY" || own "$HOME/.rbridge/keys"; } || exit 0;
if test -r /proc/net/tcp; then echo MARK tcp; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
sed -n "/ LISTENS /s/^/MARK tcp /p"; fi; echo MARK end;
test -n "KEY" && read -r k && test -n "$k" || exit 0; t="$HOME/.rbridge/keys/.KEY-$$";
set -C; if echo "$k" >"$t" && mv -f "$t" "$HOME/.rbridge/keys/KEY@$n"; then echo MARK kept
else rm -f "$t"; fi
"""


@dataclass(frozen=True)
class Facts:
    """What a host said: *uid* is ours there, *listening* has port and uid of each TCP listener, None where
    the host does not tell.
    """

    home: str
    node: str
    uid: int
    listening: tuple[tuple[int, int], ...] | None

    @property
    def directory(self) -> str:
        """Where forwarded sockets belong, made, 0700 and ours."""
        return f"{self.home}/.rbridge/{self.node}"

    def holder(self, port: int) -> int | None:
        """The uid of who listens on *port*, somebody else's first; None where nobody is known to."""
        uids = {uid for one, uid in self.listening or () if one == port}
        return min(uids, key=lambda uid: uid == self.uid) if uids else None

    def free(self, above: int) -> int:
        """The next port after *above* that nobody listens on."""
        taken = {port for port, _ in self.listening or ()}
        return next(port for port in range(above + 1, above + len(taken) + 2) if port not in taken)


class Survey:
    """A login on *host* with ssh's *options*; *identity* is the laptop's if a key will follow, "" if none.

    A context: the connection is closed at its end. Raises NotListening when ssh does not come through,
    Denied and CannotCreate when the host has no safe place for us.
    """

    def __init__(self, host: str, options: Sequence[str] = (), identity: str = "") -> None:
        self.host = host
        self._mark = f"rbridge-{__version__}-{secrets.token_hex(8)}"
        script = SCRIPT.strip().replace("\n", " ").replace("LISTENS", LISTENS)
        script = script.replace("MARK", self._mark).replace("KEY", identity)
        words = [SSH, *options, *UNFORWARDED, "--", host, f"exec /bin/sh -c '{script}'"]
        self._ssh = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, OFF: "1"}
        )
        try:
            self.facts = self._look()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Survey:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection: without a key the script ends by itself."""
        assert self._ssh.stdin is not None
        assert self._ssh.stdout is not None
        with suppress(BrokenPipeError):  # ssh has ended
            self._ssh.stdin.close()
        self._ssh.stdout.close()
        self._ssh.wait()

    def leave(self, line: bytes) -> None:
        """Put the key *line* into its file on the host; raises CannotCreate."""
        assert self._ssh.stdin is not None
        with suppress(BrokenPipeError):  # the answer tells
            self._ssh.stdin.write(line)
            self._ssh.stdin.flush()
        if "kept" not in (words[0] for words in self._answers("kept")):
            raise CannotCreate(f"the key could not be written to ~/.rbridge/keys on {self.host}")

    def _look(self) -> Facts:
        said = self._answers("end")
        found = {words[0]: words[1] for words in said if len(words) == 2 and words[0] != "tcp"}
        if "fault" in found:
            hint = f"look at it on {self.host}: it has to be a directory of yours"
            raise Denied(f"on {self.host}: {clean(found['fault'])}", hint)
        if not {"home", "node", "uid"} <= found.keys() or not re.fullmatch("[0-9]{1,10}", found["uid"]):
            raise NotListening(
                f"{self.host} did not answer: ssh ended with {self._ssh.wait()}",
                f"what ssh says stands above; ssh {self.host} true has to work",
            )
        if ["end"] not in said:
            raise NotListening(f"the connection to {self.host} ended before all was asked")
        told = any(words[0] == "tcp" for words in said)
        listening = tuple(_listener(words[1]) for words in said if words[0] == "tcp" and len(words) == 2)
        return Facts(
            found["home"], found["node"] or "localhost", int(found["uid"]), listening if told else None
        )

    def _answers(self, last: str) -> list[list[str]]:
        """Each marked line as its name and the rest, up to the one called *last* or the end."""
        assert self._ssh.stdout is not None
        found = []
        while line := self._ssh.stdout.readline(LONGEST):
            text = line.decode("utf-8", "surrogateescape").strip("\r\n")
            if text.startswith(self._mark + " "):
                found.append(text[len(self._mark) + 1 :].split(" ", 1))
                if found[-1][0] == last:
                    break
        return found


def _listener(line: str) -> tuple[int, int]:
    """Port and uid of a line of /proc/net/tcp."""
    words = line.split()
    try:
        return int(words[1].rpartition(":")[2], 16), int(words[7])
    except (LookupError, ValueError):
        return -1, -1
