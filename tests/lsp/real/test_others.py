"""A linter beside the types, and a compiler's own server."""

from tests.lsp.client import applied, edits, labels, locations, place_of

UNUSED = "import os\nimport sys\n\nprint(sys.argv)\n"
C = """#include <stddef.h>
#include "model.h"

size_t layers_of(const struct unique_model *model)
{
    return model->only_layers;
}
"""
HEADER = "#include <stddef.h>\nstruct unique_model { size_t only_layers; size_t only_epochs; };\n"


def test_ruffs_diagnostics_and_what_it_offers_to_do_about_them(project):
    project.file("lint.py", UNUSED)
    document = project.open("lint.py")
    client = project.about(document, "ruff")
    client.open(document.uri, UNUSED)
    asked = client.ask("textDocument/diagnostic", {"textDocument": {"uri": document.uri}})
    (unused,) = asked["items"]
    assert unused["code"] == "F401"
    context = {"diagnostics": [unused], "only": ["quickfix"]}
    said = {"textDocument": {"uri": document.uri}, "range": unused["range"], "context": context}
    offered = client.ask("textDocument/codeAction", said)
    fix = next(one for one in offered if "unused import" in one["title"].lower() and "edit" in one)
    changes = edits(fix["edit"])
    assert list(changes) == [document.uri]
    assert applied(UNUSED, changes[document.uri]) == UNUSED.replace("import os\n", "")
    assert client.close() == 0


def test_clangd_completes_and_leads_into_a_header_of_the_system(project):
    project.file("model.h", HEADER)
    project.file("model.c", C)
    document = project.open("model.c", typed="")
    client = project.about(document)
    assert client.initialized["serverInfo"]["name"] == "clangd"
    client.open(document.uri, C, "c")
    client.until("textDocument/publishDiagnostics")  # by then it has read the headers
    found = client.at("completion", document.uri, place_of(C, "model->", after=True))
    assert {"only_layers", "only_epochs"} <= set(labels(found))
    (header,) = locations(client.at("definition", document.uri, place_of(C, "only_layers")))
    assert header == document.remote(project.path / "model.h")
    (system,) = locations(client.at("definition", document.uri, place_of(C, "size_t")))
    assert system.startswith(f"rbridge://{document.host}/usr/")
    assert system.endswith(".h")
    assert client.close() == 0
