"""pytest-lsp, whose client takes every message apart by type, finds nothing wrong with the bridge."""

import json
from pathlib import Path

import pytest

from tests.harness import servers
from tests.harness.environment import rbridge
from tests.lsp.real.conftest import TRAIN

SESSION = Path(__file__).with_name("pytest_lsp_session.py")


@pytest.fixture(scope="module")
def document(shared):
    return shared.open()


@pytest.mark.parametrize("server", ["basedpyright", "jedi-language-server"])
def test_a_session_of_it(shared, document, server):
    laptop = shared.bridge.daemon.home
    script = laptop.file("session/test_session.py", SESSION.read_text())  # away from our own conftest.py
    env = {
        "RBRIDGE_LSP": json.dumps([*rbridge("lsp"), "--uri", document.uri, "--server", server]),
        "RBRIDGE_URI": document.uri,
        "RBRIDGE_TEXT": TRAIN + "only_here.unique_\n",
        "RBRIDGE_ONLY_HERE": document.remote(servers.host().only_here),
    }
    words = [servers.tester(), "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--asyncio-mode=auto"]
    ran = laptop.run([*words, script], env=env, cwd=script.parent, deadline=90.0)
    assert ran.code == 0, ran
    assert "2 passed" in ran.out
