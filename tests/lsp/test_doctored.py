"""What ``rbridge doctor`` says of language servers: one that runs, one that dies, and none at all."""

from __future__ import annotations

from tests.harness.wait import until
from tests.lsp.conftest import Host, uri_of
from tests.lsp.test_pump import hover
from tests.ssh.doctored import of_laptop


def test_one_that_runs_and_is_wanted_no_more(host: Host) -> None:
    uri = uri_of(host.open())
    client = host.client("--uri", uri)
    client.initialize()
    client.open(uri, "x = 1\n")
    hover(client, uri)
    found = of_laptop(host.daemon.home)
    assert found["language-server"]["said"].startswith("pylsp on ")
    assert found["language-server"]["said"].endswith(": runs")
    assert client.close() == 0
    until(lambda: "language-server" not in of_laptop(host.daemon.home))


def test_one_that_dies(host: Host) -> None:
    host.tell(die=["initialize"], words="ImportError: no module named jedi\n")
    uri = uri_of(host.open())
    host.client("--uri", uri).initialize()
    until(lambda: "language-server-ended" in of_laptop(host.daemon.home))
    found = of_laptop(host.daemon.home)["language-server-ended"]
    assert found["level"] == "warning"
    assert "ImportError: no module named jedi" in found["said"]


def test_none_at_all(host: Host) -> None:
    (host.home.path / "bin" / "pylsp").unlink()
    client = host.client("--uri", uri_of(host.open()))
    client.initialize()
    client.until("window/showMessage")
    found = of_laptop(host.daemon.home)["language-server-none"]
    assert "no language server for python on the PATH" in found["said"]
    assert found["mend"].startswith("install one that the shell there finds")
