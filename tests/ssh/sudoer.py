"""A host where an unprivileged user has a tunnel and may use sudo: a real sshd, real accounts, a real sudo.

The accounts and ``/etc/sudoers`` are seen by this sshd and what it starts alone (:mod:`tests.harness.view`);
the machine's own files are never touched. Root's home is another one there, and so is ``/dev/shm``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness.environment import PROGRAMS, Home
from tests.harness.sshd import Sshd
from tests.harness.view import view

USER, UID = "alice", 61001
OTHER, OTHER_UID = "mallory", 61002
PASSWORD = "open sesame"
CRYPTED = "$6$rbridge$w7HkMXYwhG3uEggzrudcoyjWGLGr13r9CpoHcIeT8wIsIlUezWir4OPPdsVh/c/Mu2aDRJBQHKMD30.iTcj.z/"
SUDOERS_FILE = "/etc/sudoers"
SUDOERS = """\
Defaults env_reset, use_pty, secure_path="/usr/sbin:/usr/bin:/sbin:/bin", !mailerpath
Defaults env_keep += "RBRIDGE_TESTS_MARK"
root ALL=(ALL:ALL) ALL
"""
FREE = f"{USER} ALL=(root) NOPASSWD: ALL\n"
WITH_PASSWORD = f"{USER} ALL=(root) ALL\n"
LEFT_OUT = ("HOME", "USER", "LOGNAME", "SHELL", "PYTHONPATH", "TMPDIR")


def host(home: Home, rule: str = FREE) -> Sshd:
    """An sshd that lets :data:`USER` in, whose home *home* is; sudoers has *rule* for her."""
    if os.geteuid() != 0:
        pytest.fail("accounts of other users need root, as in CI; run: sudo python3 -m tests ssh")
    for place in (home.root, home.path):
        place.chmod(0o755)
    os.chown(home.path, UID, UID)
    roots, others = home.root / "root", home.root / "other"
    roots.mkdir(mode=0o700)
    others.mkdir(mode=0o755)
    os.chown(others, OTHER_UID, OTHER_UID)
    for name in list(home.env):
        if name in LEFT_OUT or name.startswith(("RBRIDGE_RUNTIME", "RBRIDGE_STATE", "XDG_")):
            del home.env[name]
    home.env["PATH"] = PROGRAMS
    people = [
        f"{name}:x:{uid}:{uid}::{place}:/bin/sh"
        for name, uid, place in ((USER, UID, home.path), (OTHER, OTHER_UID, others))
    ]
    files = {
        "/etc/passwd": [f"root:x:0:0:root:{roots}:/bin/sh", *_lines("/etc/passwd", "root"), *people],
        "/etc/group": [*_lines("/etc/group"), f"{USER}:x:{UID}:", f"{OTHER}:x:{OTHER_UID}:"],
        "/etc/shadow": [*_lines("/etc/shadow"), f"{USER}:{CRYPTED}:19000:0:99999:7:::"],
        SUDOERS_FILE: [SUDOERS + rule],
    }
    laid = {}
    for path, lines in files.items():
        mine = laid[path] = _laid(home, path)
        mine.write_text("\n".join(lines) + "\n")
        mine.chmod(0o440 if path == SUDOERS_FILE else 0o600 if path == "/etc/shadow" else 0o644)
    before = view(files=laid, empty=["/dev/shm"])
    sshd = Sshd(home, options=["PermitUserEnvironment no"], before=before)
    sshd.directory.chmod(0o755)
    sshd.config.write_text(sshd.config.read_text().replace(f"User {sshd.user}", f"User {USER}"))
    return sshd


def allow(home: Home, rule: str) -> None:
    """From now on sudoers has *rule* there."""
    with open(_laid(home, SUDOERS_FILE), "w") as file:  # another file in its place would not be seen
        file.write(SUDOERS + rule)


def _laid(home: Home, path: str) -> Path:
    """What is seen at *path*."""
    return home.root / path.replace("/", "_")


def _lines(path: str, *without: str) -> list[str]:
    lines = Path(path).read_text().splitlines()
    return [line for line in lines if line.split(":")[0] not in (*without, USER, OTHER)]
