"""The table of what doctor may find wrong: all is in it, nothing is too much, and the docs show it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from rbridge import doctor, findings, surroundings, troubles
from rbridge.client import doctor as on_host
from rbridge.findings import failure
from rbridge.ssh import examine, forwards, hostside
from tests import troubles as drawn
from tests.ssh.doctored import ERRORS

MODULES = (doctor, surroundings, examine, forwards, hostside, on_host)
MADE = {  # names that are put together, by what makes them
    "_slug": {"language-server-none", "language-server-ended"},
    "told": {"socket-half-dead", "port-half-dead", "socket-closed", "port-closed"},
    "_end_to_end": {"socket-refused", "socket-silent", "socket-closed"},
    "directories": {"runtime", "state", "runtime-full", "state-full"},
    "_ports": {"port-squatted", "port-taken"},
    "_port": {"port-squatted", "port-taken"},
    "forward": {"forwarding-refused"},
}


def named() -> set[str]:
    """The names that stand in calls of ``failure`` and ``warning``."""
    found: set[str] = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text())):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if isinstance(node, ast.Call) and called in ("failure", "warning", "say") and len(node.args) > 1:
                found |= constants(node.args[1])
    return found


def constants(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return constants(node.body) | constants(node.orelse)
    return {str(node.value)} if isinstance(node, ast.Constant) else set()


def test_all_that_is_named_is_in_the_table_and_nothing_else() -> None:
    made = set().union(*MADE.values())
    names = named() - set(ERRORS)
    assert names - troubles.TROUBLES.keys() == set()
    assert troubles.TROUBLES.keys() - names - made == set()


def test_a_name_is_there_once() -> None:
    every = [one.name for section in troubles.SECTIONS.values() for one in section]
    assert len(every) == len(set(every))


def test_a_line_that_the_table_does_not_have_is_not_known() -> None:
    assert troubles.known(failure("sockets", "socket-stale", "/x/y.sock: nobody listens there any more"))
    assert not troubles.known(failure("sockets", "socket-stale", "/x/y.sock: it sleeps"))
    assert not troubles.known(failure("sockets", "socket-asleep", "nobody listens there"))
    assert troubles.known(failure("login", "password-wanted", "gpu1: asks for a password"))


def test_the_document_is_drawn_from_the_table() -> None:
    text = drawn.DOCUMENT.read_text()
    assert list(drawn.slots(text)) == ["findings", "ssh"]
    assert drawn.with_tables(text) == text, "python -m tests.troubles draws it anew"
    assert all(f"`{name}`" in text for name in (*troubles.TROUBLES, *troubles.REASONS))


@pytest.mark.parametrize("name", troubles.TROUBLES)
def test_each_says_what_it_means_and_what_mends_it(name: str) -> None:
    one = troubles.TROUBLES[name]
    assert one.means.endswith("."), name
    assert one.says, name
    assert one.mends, name


def test_explained_the_meaning_stands_below() -> None:
    found = [failure("daemon", "nobody", "nobody is listening for this host's files", "connect")]
    lines = findings.table(found, troubles.means())
    assert [line.strip() for line in lines[1:]] == [troubles.means()["nobody"], "-> connect"]
