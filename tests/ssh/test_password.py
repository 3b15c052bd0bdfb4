"""A host that wants a password: asked for in the terminal, never sent nor tried unattended.

The server sees a password file of the test's own, in which the account has a password; what it logs tells who
tried what.
"""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.environment import PROGRAMS, Home, signalled
from tests.harness.sshd import Sshd
from tests.harness.tmux import Tmux
from tests.harness.view import view
from tests.harness.wait import until
from tests.ssh.trip import Trip

PASSWORD = "tell no one"
ASKED = {"password": "password:", "keyboard-interactive": "Password:"}
PAM = """\
auth required pam_unix.so
account required pam_permit.so
session required pam_permit.so
"""


@pytest.fixture(params=sorted(ASKED))
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def trip(home: Home, other_home: Home, method: str) -> Iterator[Trip]:
    """A laptop without a key for the host, whose account has a password."""
    other_home.env["PATH"] = PROGRAMS
    pam = "yes" if method == "keyboard-interactive" else "no"
    options = [f"AuthenticationMethods {method}", "PasswordAuthentication yes", f"UsePAM {pam}"]
    options += [f"KbdInteractiveAuthentication {pam}", "PubkeyAuthentication no", "LogLevel DEBUG1"]
    files = {"/etc/shadow": shadow(other_home)}
    if pam == "yes":
        files["/etc/pam.d/sshd"] = other_home.file("pam", PAM)
    sshd = Sshd(other_home, options=options, before=view(files=files))
    text = sshd.config.read_text()
    sshd.config.write_text(text.replace("BatchMode yes", "BatchMode no").replace("IdentityFile", "#"))
    made = Trip(home, sshd)
    yield made
    made.close()
    sshd.close()


def shadow(home: Home) -> Path:
    """The machine's password file, in which whoever runs the tests has that password."""
    name = pwd.getpwuid(os.geteuid()).pw_name
    hashed = home.run(["perl", "-e", "print crypt(shift, '$6$tests$')", PASSWORD]).ok().out
    lines = Path("/etc/shadow").read_text().splitlines()
    mine = [line for line in lines if not line.startswith(f"{name}:")]
    return home.file("shadow", "\n".join([f"{name}:{hashed}:19000:0:99999:7:::", *mine, ""]), 0o600)


def logged_in(trip: Trip, tmux: Tmux, asked: str) -> None:
    """``rbridge ssh`` in a terminal, up to the prompt of the host."""
    tmux.line("clear")
    tmux.wait_gone(asked)
    tmux.line(" ".join(trip.words("ssh")))
    tmux.wait_for(asked, 60.0)
    tmux.line(PASSWORD)
    tmux.wait_for("files of gpu1 open in", 60.0)


def attempts(trip: Trip) -> int:
    """How many times a password, or an answer to a question, was sent to the server."""
    log = trip.sshd.log()
    return sum(log.count(f"{word} {how}") for word in ("Accepted", "Failed") for how in ASKED)


def test_it_is_asked_for_in_the_terminal_and_nothing_is_tried_without_the_user(
    trip: Trip, home: Home, method: str
) -> None:
    file = trip.host.file("train.py", "x = 1\n")
    tmux = Tmux(home)
    try:
        logged_in(trip, tmux, ASKED[method])
        tmux.wait_for("Add one line")
        tmux.line("n")
        tmux.wait_for("not added")
        tmux.line(f"{trip.client} open {file}")
        opened = trip.editor.wait_open()
        tmux.wait_for("train.py: open in")  # from here on it outlives the terminal
        assert attempts(trip) == 1

        for pid in trip.masters():
            signalled(pid, signal.SIGKILL)
        line = trip.until_standing("gpu1 needs you")
        assert "asks for a" in line
        assert "rbridge connect gpu1" in line
        opened.write(b"x = 2\n")
        document = until(lambda: trip.here("status").ok().out.splitlines()[1])
        assert "train.py" in document
        assert "run 'rbridge connect gpu1' in a terminal" in document
        tmux.wait_for("closed.")
        assert attempts(trip) == 1
        assert file.read_bytes() == b"x = 1\n"

        connections = trip.sshd.log().count("Connection from")
        logged_in(trip, tmux, ASKED[method])
        until(lambda: file.read_bytes() == b"x = 2\n", 30.0, "the pending save is on the host")
        assert attempts(trip) == 2
        assert trip.sshd.log().count("Connection from") == connections + 1  # nothing was tried meanwhile
        opened.quit()
    finally:
        tmux.close()
