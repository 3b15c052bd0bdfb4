"""The language client that VS Code's extensions are made of, in node, is led to the host's servers."""

import json

import pytest

from tests.harness import servers
from tests.harness.environment import ROOT, rbridge
from tests.lsp.client import locations, place_of, texts_of
from tests.lsp.real.conftest import TRAIN

SESSION = ROOT / "tests" / "lsp" / "node" / "session.js"
TEXT = TRAIN + "only_here.unique_"


@pytest.fixture(scope="module")
def document(shared):
    return shared.open()


@pytest.mark.parametrize("server", ["basedpyright", "pylsp", "jedi-language-server"])
def test_a_session_of_it(shared, document, server):
    node = servers.node()
    line, character = place_of(TEXT, "only_here.unique_", after=True)
    words = [document.uri, str(line), str(character), "unique_symbol"]
    ran = shared.bridge.daemon.home.run(
        [node.program, SESSION, *words, *rbridge("lsp"), "--uri", document.uri, "--server", server],
        stdin=TEXT,
        env={"NODE_PATH": str(node.directory / "node_modules")},
        deadline=90.0,
    ).ok()
    said = {one["what"]: one["value"] for one in map(json.loads, ran.out.splitlines())}
    assert any(label.startswith("unique_symbol") for label in said["completion"])
    assert "this host alone knows" in texts_of(said["hover"])
    assert locations(said["definition"]) == [document.remote(servers.host().only_here)]
    assert said["diagnostics"]["uri"] == document.uri
    assert said["exit"] == 0
