"""A notebook that a real Jupyter server and rbridge have open at once: who sees what the other saved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.compat.editor import Opened
from tests.harness import setup
from tests.harness.environment import stop
from tests.harness.wait import free_port, until
from tests.ssh.reach import words
from tests.ssh.trip import Trip

pytestmark = pytest.mark.timeout(600)  # the first time its environment is made

TOKEN = "a-token-of-the-test"


def notebook(source: str) -> dict[str, Any]:
    cell = {"cell_type": "code", "execution_count": None, "id": "a1", "metadata": {}, "outputs": []}
    return {"cells": [{**cell, "source": source}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def text(source: str) -> bytes:
    return json.dumps(notebook(source), indent=1).encode()


class Jupyter:
    """A server in the home of the host's user, and its contents API, by which the page reads and saves."""

    def __init__(self, trip: Trip) -> None:
        self.port = free_port()
        options = ["--allow-root", "--no-browser", f"--ServerApp.port={self.port}"]
        options += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={trip.host.path}"]
        self.process = trip.host.start(
            [setup.jupyter_python(), "-m", "jupyter_server", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._up, 60)

    def _up(self) -> bool:
        try:
            return bool(self.load())
        except OSError:
            return False

    def load(self) -> dict[str, Any]:
        return self._ask("GET")

    def save(self, source: str) -> dict[str, Any]:
        return self._ask("PUT", {"type": "notebook", "format": "json", "content": notebook(source)})

    def source(self) -> str:
        return str(self.load()["content"]["cells"][0]["source"])

    def _ask(self, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/api/contents/t.ipynb"
        headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


class Both:
    """The notebook in Jupyter, and in the laptop's editor."""

    def __init__(self, trip: Trip) -> None:
        self.trip = trip
        self.file = trip.host.file("t.ipynb", text("x = 1"))
        self.jupyter = Jupyter(trip)
        try:
            trip.run("ssh", "true").ok()
            trip.there("open t.ipynb").ok()
            self.opened: Opened = trip.editor.wait_open()
        except BaseException:
            stop(self.jupyter.process)
            raise

    def shown(self) -> str:
        """The source of its cell, as the laptop's editor has it on its disk; "" while that is written."""
        try:
            return "".join(json.loads(self.opened.content)["cells"][0]["source"])  # Jupyter writes lists
        except ValueError:
            return ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """The client in the background sees nothing meanwhile, as if both saved in the same moment."""
        client = f"{self.trip.client}\0"
        (pid,) = (one for one in self.trip.host.processes() if client in words(one))
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def status(self) -> str:
        return self.trip.there("status").ok().out


@pytest.fixture
def both(trip: Trip) -> Iterator[Both]:
    made = Both(trip)
    yield made
    stop(made.jupyter.process)


def test_what_jupyter_saves_is_shown_in_the_editor(both: Both) -> None:
    both.jupyter.save("x = 2")
    until(lambda: both.shown() == "x = 2")
    assert "clean" in both.status()
    both.opened.quit()


def test_what_the_editor_saves_is_newer_for_jupyter_and_its_server_asks_nobody(both: Both) -> None:
    before = both.jupyter.save("x = 2")["last_modified"]
    until(lambda: both.shown() == "x = 2")
    both.opened.write(text("x = 3"))
    until(lambda: both.jupyter.source() == "x = 3")
    assert both.jupyter.load()["last_modified"] > before  # which JupyterLab's page looks at before it saves
    both.jupyter.save("x = 4")
    until(lambda: both.shown() == "x = 4")
    assert both.jupyter.source() == "x = 4"
    both.opened.quit()


def test_where_both_saved_it_is_a_conflict_and_jupyters_text_is_on_the_disk(both: Both) -> None:
    with both.held():
        both.jupyter.save("x = 'jupyter'")
        both.opened.write(text("x = 'laptop'"))
    until(lambda: "conflict" in both.status())
    assert both.jupyter.source() == "x = 'jupyter'"
    assert both.shown() == "x = 'laptop'"
    both.trip.there("resolve t.ipynb --mine").ok()
    until(lambda: both.jupyter.source() == "x = 'laptop'")
    until(lambda: "clean" in both.status())
    both.opened.quit()
