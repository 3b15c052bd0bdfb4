"""``%rbridge`` in a real IPython and a real Jupyter kernel on the host, over a real tunnel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import setup
from tests.harness.environment import Ran, stop
from tests.harness.wait import until
from tests.ssh.trip import Trip

pytestmark = pytest.mark.timeout(600)  # the first time its environment is made

# A kernel as Jupyter starts it; each cell's output is a line of JSON.
KERNEL = """
import json, sys
from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel()
for cell in json.load(sys.stdin):
    said = []
    client.execute_interactive(cell, timeout=60, output_hook=lambda one: said.append(one["content"]))
    print(json.dumps("".join(one.get("text") or one.get("evalue") or "" for one in said)), flush=True)
client.stop_channels()
manager.shutdown_kernel(now=True)
"""
MODULE = """\
import functools


class Model:
    size = 3

    @property
    def shape(self):
        return self.size

    @functools.lru_cache
    def forward(self):
        return 1


half = functools.partial(Model.forward, None)
"""


@pytest.fixture
def there(trip: Trip) -> Iterator[Trip]:
    """A host with the magic, connected."""
    trip.host.env.pop("PYTHONPATH")  # it has no rbridge but the one that is deployed
    trip.run("deploy", "--no-path", "--ipython").ok()
    trip.run("connect").ok()
    return trip


def ipython(trip: Trip, *cells: str) -> Ran:
    """Run *cells* in IPython in the home directory there."""
    script = trip.host.file("cells.ipy", "\n".join(cells) + "\n")
    line = [str(setup.jupyter_python()), "-m", "IPython", "--colors=NoColor", "--no-banner", str(script)]
    return trip.host.run(line, deadline=60)


def kernel(trip: Trip, *cells: str) -> list[str]:
    """What each of *cells* prints in a kernel of Jupyter there."""
    script = trip.host.file("kernel.py", KERNEL)
    ran = trip.host.run([str(setup.jupyter_python()), str(script)], stdin=json.dumps(cells), deadline=120)
    return [json.loads(line) for line in ran.ok().out.splitlines()]


def test_a_cell_opens_a_file_at_its_line_and_says_so(there: Trip) -> None:
    file = there.host.file("train.py", "a\nb\nc\n")
    (said,) = kernel(there, "%rbridge train.py:2")
    assert said.startswith("train.py: open in ")
    opened = there.editor.wait_open()
    assert opened.position.split()[0] == "2"
    opened.write(b"a\nB\nc\n")
    until(lambda: file.read_bytes() == b"a\nB\nc\n")
    opened.quit()


def test_the_next_cell_runs_what_was_saved_with_autoreload(there: Trip) -> None:
    there.host.file("model.py", "def answer():\n    return 1\n")
    script = "import sys; sys.path.insert(0, ''); import model\n%load_ext autoreload\n%autoreload 2"
    wait = "%rbridge -w model.answer"
    cells = there.host.file(
        "cells.json", json.dumps([script, "print(model.answer())", wait, "print(model.answer())"])
    )
    with cells.open("rb") as stdin:
        words = [str(setup.jupyter_python()), str(there.host.file("kernel.py", KERNEL))]
        process = there.host.start(words, stdin=stdin.fileno())
    try:
        opened = there.editor.wait_open()
        assert (opened.file.name, opened.position.split()[0]) == ("model.py", "1")
        opened.write(b"def answer():\n    return 22\n")
        opened.quit()
        assert process.stdout is not None
        said = [json.loads(line) for line in process.stdout]
        assert (said[1], said[3]) == ("1\n", "22\n")
        assert process.wait(30) == 0
    finally:
        stop(process)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("model", 1),
        ("model.Model", 4),
        ("model.Model.shape", 7),
        ("made.forward", 11),
        ("half", 11),
        ("made", 4),
    ],
)
def test_the_source_of_an_object(there: Trip, word: str, line: int) -> None:
    there.host.file("model.py", MODULE)
    ipython(there, "import model", "from model import half", "made = model.Model()", f"%rbridge {word}").ok()
    opened = there.editor.wait_open()
    assert (opened.file.name, opened.position.split()[0]) == ("model.py", str(line))
    opened.quit()


def test_what_cannot_be_opened_is_one_line_and_the_cell_goes_on(there: Trip) -> None:
    cells = (
        "import math",
        "def here(): pass",
        "%rbridge here",
        "%rbridge math.sqrt",
        "%rbridge",
        "%rbridge 'x",
        "%rbridge /nowhere/x",
    )
    ran = ipython(there, *cells, "print('went on')").ok()
    errors = [line for line in ran.err.splitlines() if line]
    assert ran.out.splitlines()[-1] == "went on"
    assert errors[0].startswith("rbridge: here has no source file: it was defined in a cell")
    assert errors[1].startswith("rbridge: math.sqrt has no source file")
    assert errors[2].startswith("usage: %rbridge")
    assert errors[3] == "rbridge: 'x: No closing quotation"
    assert "/nowhere" in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_neither_reset_nor_names_of_the_user_reach_it(there: Trip) -> None:
    there.host.file("train.py", "x\n")
    shadows = "list = str = open = getattr = len = os = sys = subprocess = None"
    kernel(there, shadows, "%reset -f", shadows, "%rbridge train.py")
    there.editor.wait_open().quit()
    assert there.editor.started() == 1


def test_a_variable_and_a_home_stand_in_the_line(there: Trip) -> None:
    there.host.file("a b/train.py", "x\n")
    ipython(there, "name = 'train.py'", "%rbridge '~/a b/{name}'").ok()
    opened = there.editor.wait_open()
    assert opened.file.name == "train.py"
    opened.quit()


def test_an_interrupt_ends_the_wait_and_leaves_the_file_open(there: Trip) -> None:
    there.host.file("train.py", "x\n")
    script = """
import json, sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
asked = client.execute("%rbridge -w train.py")
while "open in" not in client.get_iopub_msg(timeout=60)["content"].get("text", ""):
    pass
manager.interrupt_kernel()
print(client.get_shell_msg(timeout=60)["content"]["status"])
client.stop_channels()
manager.shutdown_kernel(now=True)
"""
    words = [str(setup.jupyter_python()), str(there.host.file("kernel.py", script))]
    process = there.host.start(words)
    try:
        opened = there.editor.wait_open()
        out, _ = process.communicate(timeout=90)
        assert out == b"ok\n"
        assert "train.py" in there.there("status").ok().out
        opened.quit()
    finally:
        stop(process)


def test_without_a_client_it_says_what_to_do(there: Trip) -> None:
    there.client.rename(there.client.with_name("gone"))
    ran = ipython(there, "%rbridge train.py").ok()
    assert ran.err.strip() == "rbridge: ~/.local/bin/rbridge is not there; on the laptop: rbridge deploy HOST"


def test_a_broken_one_never_stops_ipython(there: Trip) -> None:
    (file,) = Path(there.host.path / ".ipython/profile_default/startup").glob("*.py")
    file.write_text(file.read_text().replace("def register", "def other"))
    ran = ipython(there, "print('went on')").ok()
    assert ran.out.strip() == "went on"
    assert "rbridge: there is no %rbridge here: 'register'" in ran.err
