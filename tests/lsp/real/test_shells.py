"""A server lives where the shell does that opened the file: its environment, directory, namespace."""

import os
import shlex

from tests.harness import servers
from tests.lsp.client import labels, locations, place_of
from tests.lsp.real.conftest import TRAIN, variables_of, words_of

SERVER = "jedi-language-server"
TEXT = TRAIN + "only_here.unique_"


def completed(client, document):
    client.open(document.uri, TEXT)
    found = client.at("completion", document.uri, place_of(TEXT, "only_here.unique_", after=True))
    return any(one.startswith("unique_symbol") for one in labels(found))


def test_what_a_function_of_the_shell_exported_is_there(project):
    """As conda activates: a function changes variables of the shell itself."""
    bin_ = servers.host().bin
    typed = (
        f"activate() {{ PATH={bin_}:$PATH; CONDA_PREFIX={bin_.parent}; CONDA_DEFAULT_ENV=$1;"
        " export PATH CONDA_PREFIX CONDA_DEFAULT_ENV; }; activate train;"
    )
    document = project.open(typed=typed)
    client = project.about(document, SERVER)
    assert completed(client, document)
    (pid,) = project.running(SERVER)
    assert variables_of(pid)["CONDA_DEFAULT_ENV"] == "train"
    assert variables_of(pid)["CONDA_PREFIX"] == str(bin_.parent)
    assert os.path.samefile(f"/proc/{pid}/cwd", project.path)
    assert os.getpriority(os.PRIO_PROCESS, pid) == 10
    assert client.close() == 0


def test_two_shells_have_each_their_own(project):
    """The first one has activated nothing: there is no server for it, and no word about the other's."""
    plain = project.open(typed=f"PATH={os.defpath};")
    project.file("other.py", TRAIN)
    document = project.open("other.py")
    without = project.about(plain, SERVER)
    assert "hoverProvider" not in without.initialized["capabilities"]
    said = without.until("window/showMessage")
    assert "on the PATH of the shell that opened the file" in said["message"]
    client = project.about(document, SERVER)
    assert completed(client, document)
    assert client.close() == 0


def test_inside_a_namespace_of_its_own(project):
    """As in a container: a package is mounted at a place that is empty for everybody else."""
    place = project.path / "package"
    place.mkdir()
    project.bridge.home.file("elsewhere/__init__.py", "def only_inside() -> str:\n    return ''\n")
    text = "import package\n\npackage.only_\n"
    project.file("train.py", text)
    inside = (
        f"mount --bind {project.bridge.home.path}/elsewhere {place} && {project.host.activate} &&"
        f" cd {project.path} && {project.command('train.py')}"
    )
    document = project.opened_by(f"unshare -m sh -c {shlex.quote(inside)}")
    client = project.about(document, SERVER)
    client.open(document.uri, text)
    found = client.at("completion", document.uri, place_of(text, "package.only_", after=True))
    assert [one.rstrip("()") for one in labels(found)] == ["only_inside"]
    module = client.at("definition", document.uri, place_of(text, "package"))
    assert locations(module) == [document.remote(place / "__init__.py")]
    assert list(place.iterdir()) == []
    assert client.close() == 0


def test_a_program_that_the_project_brings_is_not_run(project):
    """Even where the shell has the current directory on its PATH."""
    touched = project.bridge.home.path / "touched"
    script = project.file("jedi-language-server", f"#!/bin/sh\ntouch {touched}\n")
    script.chmod(0o755)
    document = project.open(typed=f"PATH=.:{servers.host().bin}:$PATH;")
    client = project.about(document, SERVER)
    assert completed(client, document)
    assert [words_of(pid).split()[1] for pid in project.running(SERVER)] == [str(servers.host().bin / SERVER)]
    assert not touched.exists()
    assert client.close() == 0
