"""Forwards that stand in the user's own ssh configuration and cannot work, or lead a file astray.

What ssh does with them is silent or late: facts, each measured, are in ``docs/ssh.md`` and in the tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from rbridge.errors import RbridgeError, clean
from rbridge.findings import Finding, ok, warning
from rbridge.ssh import setup, sshconfig

LARGEST = 1 << 20  # bytes of a configuration that are looked at


def faults(printed: str, typed: str, port: int) -> list[Finding]:
    """What is wrong with the ``RemoteForward`` lines in what ``ssh -G`` *printed*.

    *typed* are ssh's options and the host for a shell, *port* is rmate's own.
    """
    found = []
    connect = f"rbridge connect {typed} forwards a socket"
    lines = [clean(line) for line in printed.split("\n") if line.lower().startswith("remoteforward ")]
    for line in lines:
        there = line.split(" ")[1]
        if there.startswith("~"):
            said = f"'RemoteForward {there}': nobody expands ~ there, so it fails"
            found.append(warning("ssh", "forward-tilde", said, f"write the host's whole path; or {connect}"))
        elif there.startswith("."):
            said = f"'RemoteForward {there}': it lands where sshd happens to be"
            mend = f"write the host's whole path; or {connect}"
            found.append(warning("ssh", "forward-relative", said, mend))
        elif there in (str(port), f"[localhost]:{port}", f"[*]:{port}"):
            said = f"'RemoteForward {there}': where 127.0.0.1:{port} is held, ssh takes ::1 and says nothing"
            mend = f"write 127.0.0.1:{port} in its place; or {connect}"
            found.append(warning("ssh", "forward-one-family", said, mend))
    if lines and not found:
        found.append(ok("ssh", "forwards", f"{len(lines)} RemoteForward line(s) of your own"))
    return found


def included(options: Sequence[str], host: str) -> list[Finding]:
    """Whether ssh reads the lines that ``rbridge setup`` wrote for *host*, where it wrote any."""
    try:
        where = setup.place(_file(options))
    except RbridgeError:
        return []
    if host not in sshconfig.parse(_text(where.fragment)).hosts:
        return []
    if sshconfig.is_included(_text(where.main), where.fragment, where.base, where.home):
        return [ok("ssh", "setup", f"{where.main} includes {where.fragment}")]
    said = f"{where.main} does not include {where.fragment} before its first Host: its lines do not count"
    return [warning("ssh", "setup-not-included", said, f"rbridge setup {host}")]


def _file(options: Sequence[str]) -> str:
    return next(_files(options), "")


def _files(options: Sequence[str]) -> Iterator[str]:
    for word, after in zip(options, (*options, "")[1:], strict=True):
        if word.startswith("-F"):
            yield os.path.abspath(word[2:] or after)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read(LARGEST)
    except OSError:
        return ""
