"""Whose descendant this process is, and who listens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from rbridge.client import ancestry


def test_who_listens_at_a_unix_socket_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as made:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        made.connect(str(tmp_path / "s"))
        assert ancestry.listener(made) == os.getpid()


def test_who_listens_at_a_port_is_not():
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as made:
        assert ancestry.listener(made) == 0


def test_a_system_that_cannot_tell_and_a_closed_socket():
    one, two = socket.socketpair()
    with two:
        assert ancestry.listener(one, "darwin") == 0
        one.close()
        assert ancestry.listener(one) == 0


CHAIN = """
import subprocess, sys
from rbridge.client import ancestry
if len(sys.argv) > 1:
    print(*ancestry.ancestors())
else:
    subprocess.run([sys.executable, __file__, "leaf"], check=True)
"""


def test_a_real_chain_from_the_nearest_on(tmp_path, repository):
    script = tmp_path / "chain.py"
    script.write_text(CHAIN)
    env = {**os.environ, "PYTHONPATH": str(repository)}
    child = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=env)
    out, _ = child.communicate(timeout=60)
    found = [int(word) for word in out.split()]
    assert found[:3] == [child.pid, os.getpid(), os.getppid()]
    assert 1 not in found


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """Another /proc, where this process is 50: ``proc({50: 40, ...})`` gives each process its parent."""
    monkeypatch.setattr(os, "getpid", lambda: 50)
    monkeypatch.setattr(os, "getppid", lambda: 40)
    (tmp_path / "self").symlink_to("50")

    def make(parents: dict[int, object]) -> str:
        for pid, parent in parents.items():
            (tmp_path / str(pid)).mkdir()
            (tmp_path / str(pid) / "stat").write_text(f"{pid} (a ) 9 (b) S {parent} 1 1")
        return str(tmp_path)

    return make


def test_names_of_processes_do_not_confuse_it(proc):
    assert ancestry.ancestors(proc({40: 30, 30: 20, 20: 1})) == [40, 30, 20]


def test_it_ends_where_a_parent_is_hidden(proc):
    """As /proc with hidepid hides those of other users; the hidden one's own number is still known."""
    assert ancestry.ancestors(proc({40: 30})) == [40, 30]


@pytest.mark.parametrize("parent", [40, "x", ""])
def test_a_table_that_makes_no_sense_ends_it(proc, parent):
    assert ancestry.ancestors(proc({40: parent})) == [40]


def test_the_proc_of_another_namespace_says_nothing(proc, tmp_path):
    (tmp_path / "self").unlink()
    (tmp_path / "self").symlink_to("7")
    assert ancestry.ancestors(proc({40: 30})) == []


def test_without_proc_nothing_is_said(tmp_path):
    assert ancestry.ancestors(str(tmp_path)) == []
