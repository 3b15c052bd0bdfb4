"""Where npm gets nothing only the client in node is left out, in plain sight; and what makes a host's own."""

import os

import pytest

from tests.harness import run, servers
from tests.harness.code import OutOfReach
from tests.harness.setup import SetupFailed


@pytest.fixture
def venvs(tmp_path, monkeypatch):
    """An empty directory for environments, which are empty files themselves here."""

    def made(name, packages, made_from=b""):
        directory = tmp_path / name / "lib"
        directory.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / servers.STAMP).touch()

    monkeypatch.setattr(servers.setup, "VENVS", tmp_path)
    monkeypatch.setattr(servers.setup, "_environment", made)
    monkeypatch.setenv(servers.MISSING, "")
    servers._host().site_packages.mkdir(parents=True)
    return tmp_path


def out_of_reach():
    raise OutOfReach("npm cannot reach its registry")


def test_then_the_run_goes_on_and_says_what_is_skipped(venvs, monkeypatch):
    monkeypatch.setattr(servers, "_install_node", out_of_reach)
    assert not servers.ready()
    result = run.language_servers()
    assert not result.failed
    assert result.note == "all but the client in node: npm cannot reach its registry"
    assert os.environ[servers.MISSING] == "npm cannot reach its registry"
    assert servers.ready()


def test_any_other_failure_fails_the_run(venvs, monkeypatch):
    def broken():
        raise SetupFailed("cannot install with npm")

    monkeypatch.setattr(servers, "_install_node", broken)
    with pytest.raises(SetupFailed):
        run.language_servers()


def test_the_module_of_the_host_is_put_there_and_renewed(venvs, monkeypatch):
    monkeypatch.setattr(servers, "_install_node", lambda: None)
    servers.install()
    assert servers.host().only_here.read_text() == servers.ONLY_HERE
    servers.host().only_here.write_text("older")
    servers.install()
    assert servers.host().only_here.read_text() == servers.ONLY_HERE


def test_a_test_without_it_says_what_to_run(venvs):
    for wanted in (servers.host, servers.tester, servers.node):
        with pytest.raises(AssertionError, match=r"python3 -m tests\.harness\.servers"):
            wanted()


def test_an_activated_shell_has_its_programs_first(tmp_path):
    found = servers.Host(tmp_path)
    said = found.activated({"PATH": "/usr/bin"})
    assert said == {"PATH": f"{tmp_path}/bin:/usr/bin", "VIRTUAL_ENV": str(tmp_path)}
    assert found.activate == f". {tmp_path}/bin/activate"
