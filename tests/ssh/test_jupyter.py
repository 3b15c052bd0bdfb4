"""A real Jupyter server on the host, in the laptop's browser: opened by itself, and with its token."""

from __future__ import annotations

import html
import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.harness import setup
from tests.harness.environment import stop
from tests.harness.wait import free_port, until
from tests.ssh.reach import Reach, words

pytestmark = pytest.mark.timeout(600)  # the first time its environment is made


@pytest.fixture(scope="module")
def gpu1() -> Iterator[Reach]:
    reach = Reach()
    yield reach
    reach.close()


def test_it_opens_in_the_laptops_browser_with_its_token(gpu1: Reach) -> None:
    python = setup.jupyter_python()
    number = free_port()
    server = gpu1.remote.start(
        [python, "-m", "jupyter_server", "--allow-root", f"--ServerApp.port={number}"]
        + ["--ServerApp.open_browser=True", f"--ServerApp.root_dir={gpu1.remote.path}"],
        env={"BROWSER": "rbridge browse %s"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: "asks that" in gpu1.allow().out, deadline=60)
        commands = [words(pid) for pid in gpu1.remote.processes()]
        question = gpu1.allow().out
        gpu1.allow("--all").ok()
        told, page = gpu1.shown()
        (url,) = set(re.findall(r'url=([^"]+)"', html.unescape(page)))
        token = url.partition("token=")[2]
        port = int(url.split("/")[2].rpartition(":")[2])
        assert len(token) >= 32
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/api/status?token={token}", timeout=20
        ) as answer:
            assert "started" in json.load(answer)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=20)
        (state,) = gpu1.remote.state.glob("client.log")
        for text in (*commands, question, told, gpu1.daemon.err, state.read_text(), gpu1.status()):
            assert token not in text
    finally:
        stop(server)
