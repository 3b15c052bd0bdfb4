"""Every command block of README.md and docs/ that needs nothing but this machine, run as a reader would.

The blocks of one document run in order, each by ``sh -e``, in a fresh copy of the sources with a fresh home.
"""

import os
import shutil

import pytest

from tests.harness.environment import ROOT
from tests.layers import docs

DEADLINE = 420.0  # an installation may be among them
SOURCES = ("rbridge", "editors", "docs", "README.md", "pyproject.toml")
NETWORK = ("pip_", "http_proxy", "https_proxy", "no_proxy", "ssl_cert")  # how pip reaches its packages here
OUTSIDE = ("PYTHONPATH", "RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR")  # a reader has none of them


def runnable(path):
    return [one for one in docs.blocks(path) if one.language in docs.LANGUAGES and not one.reason]


@pytest.mark.timeout(DEADLINE * 2)
@pytest.mark.parametrize("path", [path for path in docs.documents() if runnable(path)], ids=lambda p: p.name)
def test_command_blocks_run(path, home):
    tree = home.path / "rbridge"
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    kept = {name: home.env.pop(name) for name in OUTSIDE}
    home.env.update((name, value) for name, value in os.environ.items() if name.lower().startswith(NETWORK))
    home.env["XDG_RUNTIME_DIR"] = kept["RBRIDGE_RUNTIME_DIR"]
    for block in runnable(path):
        ran = home.run(["sh", "-e", "-c", block.commands()], cwd=tree, deadline=DEADLINE)
        assert ran.code == 0, f"{block.document}, line {block.line}:\n{block.commands()}\n{ran}"
