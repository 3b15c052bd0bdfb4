"""What is seen on a host, by the Python there."""

from __future__ import annotations

import ast
import json
import os
import socket
from pathlib import Path

import pytest

from rbridge.ssh import glance
from tests.harness.wait import free_port


def test_it_is_python_3_6() -> None:
    ast.parse(Path(glance.__file__).read_text(), feature_version=(3, 6))


def test_what_is_printed_is_one_line_behind_the_mark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    glance.main("mark", str(tmp_path), str(tmp_path / "key"), "", "", free_port())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ""
    assert lines[1].startswith("mark {")
    said = json.loads(lines[1].partition(" ")[2])
    assert (said["uid"], said["sockets"], said["key"], said["client"]) == (os.geteuid(), [], None, None)
    assert [one["state"] for one in said["port"]][0] == "refused"


def test_a_socket_says_what_answers_there(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    (tmp_path / "plain.sock").write_text("")
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
        full.bind(str(tmp_path / "full.sock"))
        full.listen(0)
        first.connect(str(tmp_path / "full.sock"))
        found = glance.look(str(tmp_path), "", "", "", free_port())
    states = {one["name"]: one.get("state", "none") for one in found["sockets"]}
    assert states == {"stale.sock": "refused", "plain.sock": "none", "full.sock": "silent"}


def test_a_client_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "RUN", 0.1)
    script = tmp_path / "client"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    assert glance.version([str(script)]) == {"code": None, "said": "it did not end within 0.1 s"}
    assert glance.version([str(tmp_path / "none")])["said"] == "No such file or directory"


def test_whose_a_listener_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert glance.listener(socket.AF_INET, port) == os.geteuid()
        assert glance.listener(socket.AF_INET6, port) is None


def test_one_listener_for_both_families_is_told_for_both() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        found = glance.look("/nonexistent", "", "", "", listener.getsockname()[1])
    assert [one["uid"] for one in found["port"]] == [os.geteuid()] * 2
    assert [one["state"] for one in found["port"]] == ["silent"] * 2


def test_a_key_that_is_a_link_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "other")
    found = glance.about(str(tmp_path / "key"))
    assert found is not None
    assert found["kind"] == "other"
    assert glance.about(str(tmp_path / "none")) is None
