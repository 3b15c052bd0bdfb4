"""docs/lsp.md names the servers that are looked for, in their order."""

import re

from rbridge.client import servers
from tests.harness.environment import ROOT

TEXT = (ROOT / "docs" / "lsp.md").read_text()
LANGUAGES = {"Python": "python", "C, C++": "cpp", "Rust": "rust", "Go": "go", "Fortran": "fortran"}


def row(begin):
    """The servers of the table's row for a language."""
    (found,) = re.findall(rf"^\| {re.escape(begin)}[^|]*\| ([^|]*) \|$", TEXT, re.MULTILINE)
    return re.split(r"[,;]\s+(?:and )?", found)


def test_servers_are_named_as_they_are_looked_for():
    for begin, language in LANGUAGES.items():
        commands = [command.split() for command, languages, _, _ in servers.TABLE if language in languages]
        assert row(begin) == [servers.name_of(words) for words in commands]


def test_an_example_of_the_configuration_is_understood():
    blocks = re.findall(r"^```toml\n(lsp-python.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (example,) = blocks
    said = servers.Settings([("config.toml", servers.rcfiles.parse_config(example))])
    assert said.commands == {"python": [["pylsp"], ["ruff", "server"]], "markdown": []}
    assert not said.faults
