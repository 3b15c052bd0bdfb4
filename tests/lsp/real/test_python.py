"""Python's language servers know what only their host's environment has, and tell the laptop's editor."""

import os
import sys
from pathlib import Path

import pytest

from rbridge.lsp.uris import parse
from tests.harness import servers
from tests.harness.wait import until
from tests.lsp.client import applied, edits, labels, locations, place_of, texts_of
from tests.lsp.real.conftest import TRAIN

SERVERS = ("basedpyright", "pylsp", "jedi-language-server")
ONLY = "unique_symbol"


@pytest.fixture(scope="module")
def document(shared):
    return shared.open()


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    return request.param


@pytest.fixture(scope="module")
def connected(shared, document, server):
    made = shared.about(document, server)
    made.open(document.uri, TRAIN)
    yield made
    assert made.close() == 0


@pytest.fixture
def client(connected, document):
    """With the text as it was."""
    connected.change(document.uri, TRAIN)
    return connected


def errors(params):
    """What is wrong with the text, without what a server has to say about style."""
    return [one for one in params["diagnostics"] if one["severity"] == 1]


def test_the_laptops_python_does_not_have_the_module(home):
    ran = home.run([sys.executable, "-c", "import only_here"])
    assert "No module named 'only_here'" in ran.err
    home.run([servers.host().python, "-c", "import only_here"]).ok()


def test_a_completion_names_what_exists_only_there(client, document):
    text = TRAIN + "only_here.unique_"
    client.change(document.uri, text)
    found = labels(client.at("completion", document.uri, place_of(text, "only_here.unique_", after=True)))
    assert any(one.startswith(ONLY) for one in found)


def test_hover_says_what_its_source_says(client, document):
    said = client.at("hover", document.uri, place_of(TRAIN, ONLY))
    assert "as often as this host alone knows" in texts_of(said)


def test_diagnostics_arrive_under_the_editors_own_name_of_the_document(client, document):
    client.change(document.uri, TRAIN + "def broken(:\n")
    said = client.until("textDocument/publishDiagnostics", errors)
    assert said["uri"] == document.uri
    client.heard.clear()
    client.change(document.uri, TRAIN)
    client.until("textDocument/publishDiagnostics", lambda params: not errors(params))


def test_its_definition_is_in_the_hosts_environment(client, document):
    found = client.at("definition", document.uri, place_of(TRAIN, ONLY))
    assert locations(found) == [document.remote(servers.host().only_here)]


def test_references_lead_back_into_the_document(client, document):
    found = client.at(
        "references", document.uri, place_of(TRAIN, "main"), context={"includeDeclaration": True}
    )
    assert locations(found) == [document.uri, document.uri]


def test_a_rename_changes_the_editors_text(client, document):
    edit = client.at("rename", document.uri, place_of(TRAIN, "main"), newName="train")
    changes = edits(edit)
    assert list(changes) == [document.uri]
    assert applied(TRAIN, changes[document.uri]) == TRAIN.replace("main", "train")


def test_an_editor_of_files_hears_of_its_file_in_memory(shared, document, server):
    client = shared.client("--uri", document.in_memory, "--server", server)
    client.initialize()
    client.open(document.in_memory, TRAIN)
    assert "this host alone knows" in texts_of(client.at("hover", document.in_memory, place_of(TRAIN, ONLY)))
    found = client.at("definition", document.in_memory, place_of(TRAIN, 'main("a")'))
    assert locations(found) == [document.in_memory]
    client.change(document.in_memory, TRAIN + "def broken(:\n")
    said = client.until("textDocument/publishDiagnostics", errors)
    assert said["uri"] == document.in_memory
    assert client.close() == 0


def test_an_editor_of_files_needs_no_option_and_gets_the_file_of_a_definition(shared, document):
    """As Helix, Zed and Kate start it: nothing but their workspace says which document is meant."""
    client = shared.client()
    client.initialize(document.in_memory.rpartition("/")[0])
    client.open(document.in_memory, TRAIN)
    (uri,) = locations(client.at("definition", document.in_memory, place_of(TRAIN, ONLY)))
    found = parse(uri)
    assert found.scheme == "file"
    assert Path(os.fsdecode(found.path)).is_relative_to(shared.bridge.daemon.home.runtime / "files")
    assert Path(os.fsdecode(found.path)).read_text() == servers.ONLY_HERE
    assert client.close() == 0


def test_the_types_of_the_hosts_environment_are_checked(shared, document):
    client = shared.about(document)  # the first that is found there, as an editor asks for it
    client.open(document.uri, TRAIN.replace("unique_symbol(name)", "unique_symbol(3)"))
    said = client.until("textDocument/publishDiagnostics", errors)
    assert any('not assignable to "str"' in one["message"].replace("\n", " ") for one in errors(said)), said
    assert client.close() == 0


def test_the_server_ends_with_its_client(project):
    document = project.open()
    client = project.about(document, "jedi-language-server")
    client.open(document.uri, TRAIN)
    assert project.running("jedi-language-server")
    assert client.close() == 0
    until(lambda: not project.running("jedi-language-server"), what="the server ends")


def test_a_module_that_the_user_makes_is_known_at_once(project):
    """Without a watcher a server would look for it only after its next start."""
    text = "from fresh import made_here\n\nmade_here\n"
    project.file("train.py", text)
    document = project.open()
    client = project.about(document, "basedpyright")
    client.open(document.uri, text)

    def unresolved(params):
        return "fresh" in texts_of(errors(params)) and params["uri"] == document.uri

    client.until("textDocument/publishDiagnostics", unresolved)
    client.heard.clear()
    made = project.open("fresh.py")
    made.opened.write(b"made_here = 1\n")
    client.until("textDocument/publishDiagnostics", lambda params: not errors(params))
    assert (project.path / "fresh.py").read_bytes() == b"made_here = 1\n"
    assert client.close() == 0
