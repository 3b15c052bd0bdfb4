"""Whatever dies, or is cut, in the middle of a session: afterwards the server knows what was never saved."""

import os
import signal
import time

import pytest

from tests.harness.wait import until
from tests.lsp.client import Failed, place_of
from tests.lsp.real.conftest import CONTENT_MODIFIED, TRAIN, until_hover

UNSAVED = TRAIN + '\n\ndef never_saved() -> None:\n    """A word that the disk has not."""\n'
WORDS = "A word that the disk has not"
PLACE = place_of(UNSAVED, "never_saved")


@pytest.fixture(params=["basedpyright", "jedi-language-server"])
def server(request):
    return request.param


@pytest.fixture
def document(project):
    return project.open()


@pytest.fixture
def client(project, document, server):
    """Which has an unsaved text, and a server that knows it."""
    made = project.about(document, server)
    made.open(document.uri, TRAIN)
    made.change(document.uri, UNSAVED)
    until_hover(made, document.uri, PLACE, WORDS)
    return made


def again(client, document, begin):
    """Seconds since *begin* until hover tells of the unsaved text."""
    until_hover(client, document.uri, PLACE, WORDS)
    return time.monotonic() - begin


def test_a_server_that_is_killed(project, client, document, server, proof, faults):
    before = set(project.running(server))
    project.kill(server)
    begin = time.monotonic()
    until(lambda: set(project.running(server)) - before, what="another one is started")
    seconds = again(client, document, begin)
    proof(f"{server} killed: hover tells of the unsaved text again after {seconds:.2f} s")
    faults("killed language servers")
    assert client.close() == 0


def test_what_was_asked_of_it_is_answered_as_editors_show_to_nobody(project, client, document, server):
    for pid in project.running(server):
        os.kill(pid, signal.SIGSTOP)
    number = client.begin(
        "textDocument/hover",
        {"textDocument": {"uri": document.uri}, "position": {"line": PLACE[0], "character": PLACE[1]}},
    )
    project.kill(server)
    with pytest.raises(Failed) as failed:
        client.answer(number)
    assert failed.value.code == CONTENT_MODIFIED
    assert client.close() == 0


def test_a_tunnel_that_is_cut_while_the_user_types_on(project, client, document, server, proof, faults):
    project.bridge.forward.cut()
    typed = UNSAVED.replace(WORDS, "Typed without a connection")
    client.change(document.uri, typed)
    project.bridge.again()
    begin = time.monotonic()
    until_hover(client, document.uri, PLACE, "Typed without a connection")
    seconds = time.monotonic() - begin
    proof(f"{server}, tunnel cut: hover tells of what was typed meanwhile after {seconds:.2f} s")
    faults("cut tunnels")
    assert client.close() == 0


def test_a_client_on_the_host_that_is_killed_and_started_again(proven, server, proof, faults):
    document = proven.open()
    client = proven.about(document, server)
    client.open(document.uri, UNSAVED)
    until_hover(client, document.uri, PLACE, WORDS)
    (resident,) = proven.bridge.residents()
    os.kill(resident, signal.SIGKILL)
    until(lambda: not proven.running(server), what="its server ends with it")
    proven.run(f"cd {proven.path}; {proven.host.activate}; {proven.command('train.py')}")
    seconds = again(client, document, time.monotonic())
    proof(f"{server}, client killed: hover tells of the unsaved text again after {seconds:.2f} s")
    faults("killed clients")
    assert client.close() == 0
