"""Loading what may be needed later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import rbridge
from rbridge.client import ahead
from rbridge.client.loop import Loop

NOT_LOADED = (
    "rbridge.client.asroot",
    "rbridge.client.excerpt",
    "rbridge.client.fallback",
    "rbridge.client.handover",
    "rbridge.client.newfile",
    "rbridge.client.positions",
    "rbridge.client.waiting",
    "ctypes",
)
"""What only the command itself needs, before it leaves its files to the background; and what is loaded with
the first document that can be saved, and can be missing.
"""

LEFT_OUT = """
import ast, sys
from rbridge.client import ahead, caller, compiled, fork, reception, resident
from rbridge.client.loop import Loop

ahead.LATER = 0.0
loop = Loop()
left = ahead.load(loop)
loop.run(lambda: not left)

def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for one in ast.walk(node):
                if isinstance(one, ast.Import):
                    yield from (alias.name for alias in one.names)
                elif isinstance(one, ast.ImportFrom) and one.module:
                    yield one.module
                    yield from ("{}.{}".format(one.module, alias.name) for alias in one.names)

for name, module in sorted(sys.modules.items()):
    if name.startswith("rbridge") and getattr(module, "__file__", None):
        with open(module.__file__) as file:
            for wanted in imported(ast.parse(file.read())):
                parent, _, leaf = wanted.rpartition(".")
                if wanted not in sys.modules and not hasattr(sys.modules.get(parent), leaf):
                    print(wanted)
"""


def test_all_that_this_process_imports_later_is_loaded():
    ran = subprocess.run(
        [sys.executable, "-c", LEFT_OUT],
        cwd=Path(rbridge.__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stderr == ""
    assert [name for name in ran.stdout.split() if not name.startswith(NOT_LOADED)] == []


def test_one_at_a_time_and_not_at_once():
    now = [0.0]
    loop = Loop(lambda: now[0])
    left = ahead.load(loop)
    loop.turn(0)
    assert len(left) == len(ahead.NAMES)
    now[0] = ahead.LATER
    loop.turn(0)
    assert len(left) < len(ahead.NAMES)
    loop.run(lambda: not left)
    loop.close()


def test_a_module_that_this_python_has_not_is_passed_over(monkeypatch):
    monkeypatch.setattr(ahead, "NAMES", ("rbridge.client.no_such", "json"))
    loop = Loop(lambda: 0.0)
    monkeypatch.setattr(ahead, "LATER", 0.0)
    left = ahead.load(loop)
    loop.run(lambda: not left)
    loop.close()
