"""Which socket belongs to which tunnel, and when the answer has to come from the network."""

from __future__ import annotations

import os

import pytest

from rbridge.client import sockets
from rbridge.client.options import parse
from rbridge.client.settings import Endpoint


@pytest.fixture
def made(here):
    """Make the socket file of a tunnel; its path."""

    def make(label: str) -> str:
        path = here.runtime / sockets.name(label)
        path.touch(0o600)
        return str(path)

    return make


def unix(path: str, shared: bool = True) -> Endpoint:
    found = Endpoint("unix", "x", path=path)
    found.shared = shared
    return found


def test_a_name_has_no_part_of_what_it_stands_for(here):
    name = sockets.name("~/.rbridge/gpu1/secret.sock")
    assert sockets.ours(name)
    assert len(name) == len("client-01234567-01234567.sock")
    assert name != sockets.name("localhost:52698")


def test_a_slurm_job_has_its_own(here, monkeypatch):
    outside = sockets.name("a")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert sockets.name("a") != outside


def test_another_namespace_has_its_own(here, monkeypatch):
    outside = sockets.name("a")
    real = os.readlink
    monkeypatch.setattr(os, "readlink", lambda path: "mnt:[1]" if path.endswith("/mnt") else real(path))
    assert sockets.name("a") != outside


def test_where_there_is_no_proc_there_is_one_for_all(here, monkeypatch):
    def none(path: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "readlink", none)
    assert sockets.name("a") == sockets.name("a")


def test_the_first_address_decides(made):
    path = made("/a.sock")
    assert sockets.meant([unix("/a.sock"), Endpoint("tcp", "x", host="h", port=1)], parse(["f"])) == path
    assert sockets.meant([Endpoint("tcp", "x", host="h", port=1), unix("/a.sock")], parse(["f"])) == ""
    assert sockets.meant([], parse(["f"])) == ""


def test_with_several_sockets_or_a_laptop_by_name_the_daemons_are_asked_first(made):
    path = made("/a.sock")
    assert sockets.meant([unix("/a.sock"), unix("/b.sock")], parse(["f"])) == ""
    assert sockets.meant([unix("/a.sock")], parse(["--on", "x", "f"])) == ""
    assert sockets.meant([unix("/a.sock", shared=False), unix("/b.sock")], parse(["f"])) == path


def test_a_directory_that_is_not_ours_alone_has_none(here, made):
    made("/a.sock")
    here.runtime.chmod(0o755)
    assert sockets.place("/a.sock") == ""
