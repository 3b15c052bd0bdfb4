"""RemoteForward lines of the user's own, as the real ssh prints them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rbridge import system
from rbridge.findings import Finding
from rbridge.ssh import forwards, sshconfig

PATHS = ("/home/ada/.rbridge/gpu1", "1f2e3d4c5b6a7988", "/run/user/1000/rbridge/daemon.sock")


def found(*lines: str) -> list[Finding]:
    options = [f"-oRemoteForward={line}" for line in lines]
    ran = subprocess.run(["ssh", "-F", "/dev/null", *options, "-G", "gpu1"], capture_output=True, check=True)
    return forwards.faults(ran.stdout.decode(), "gpu1", 52698)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("~/.rbridge/d.sock /run/d.sock", "forward-tilde"),
        ("./d.sock /run/d.sock", "forward-relative"),
        ("52698 127.0.0.1:52698", "forward-one-family"),
        ("localhost:52698 127.0.0.1:52698", "forward-one-family"),
        ("*:52698 127.0.0.1:52698", "forward-one-family"),
    ],
)
def test_one_that_cannot_work_or_leads_astray(line: str, name: str) -> None:
    (one,) = found(line)
    assert (one.name, one.level.value) == (name, "warning")
    assert line.split()[0].replace("localhost", "[localhost]").replace("*", "[*]") in one.said
    assert one.mend.endswith("; or rbridge connect gpu1 forwards a socket")


def test_those_that_work() -> None:
    good = ("127.0.0.1:52698 127.0.0.1:52698", "/home/me/d.sock /run/d.sock", "8080 localhost:8080")
    (one,) = found(*good)
    assert (one.name, one.said) == ("forwards", "3 RemoteForward line(s) of your own")
    assert found() == []


def test_what_setup_wrote_counts_only_where_it_is_included_first(tmp_path: Path) -> None:
    fragment = tmp_path / "config.d" / "rbridge.conf"
    main = tmp_path / "config"
    options = ("-F", str(main))
    assert forwards.included(options, "gpu1") == []
    fragment.parent.mkdir()
    entry = sshconfig.socket_entry("gpu1", *PATHS, str(fragment), "")
    fragment.write_text(sshconfig.head(()).put(entry).text)
    main.write_text(f'Include "{fragment}"\nHost gpu1\n')
    assert [one.name for one in forwards.included(options, "gpu1")] == ["setup"]
    assert forwards.included((f"-F{main}",), "gpu2") == []
    main.write_text(f'Host gpu1\n    Port 22\nInclude "{fragment}"\n')
    (one,) = forwards.included((f"-F{main}",), "gpu1")
    assert (one.name, one.mend) == ("setup-not-included", "rbridge setup gpu1")


@pytest.mark.parametrize("options", [(), ("-p", "2222"), ("-4",)])
def test_without_a_file_it_is_the_configuration_of_the_user(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "home_of", lambda uid: str(tmp_path))
    fragment = tmp_path / ".ssh" / "config.d" / "rbridge.conf"
    fragment.parent.mkdir(parents=True)
    entry = sshconfig.socket_entry("gpu1", *PATHS, str(fragment), "")
    fragment.write_text(sshconfig.head(()).put(entry).text)
    assert [one.name for one in forwards.included(options, "gpu1")] == ["setup-not-included"]
