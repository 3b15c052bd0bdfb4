"""The docs' command blocks are written so that they are tested, and their links lead somewhere."""

import re

import pytest

from tests.layers import docs
from tests.layers.imports import ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(path):
    return path.name


@pytest.mark.parametrize("path", docs.documents(), ids=named)
def test_command_blocks_are_called_sh_or_console(path):
    assert not [block for block in docs.blocks(path) if block.language in docs.OTHER_SPELLINGS]


@pytest.mark.parametrize("path", docs.documents(), ids=named)
def test_console_blocks_have_a_prompt_before_each_command(path):
    assert not [one for one in docs.blocks(path) if one.language == "console" and not one.commands()]


@pytest.mark.parametrize("path", docs.documents(), ids=named)
def test_links_within_the_project_lead_somewhere(path):
    for target in LINK.findall(path.read_text()):
        if target.startswith(("http:", "https:", "mailto:", "#")):
            continue
        assert (path.parent / target.partition("#")[0]).exists(), f"{path.name} links to {target}"


def test_the_readme_has_the_two_commands():
    found = [block for block in docs.blocks(ROOT / "README.md") if block.language in docs.LANGUAGES]
    assert any("pip install ." in block.text and not block.reason for block in found)
    assert any(block.text.strip() == "python3 -m tests" for block in found)


def test_the_readme_links_to_each_page_once():
    targets = [target.partition("#")[0] for target in LINK.findall((ROOT / "README.md").read_text())]
    pages = [f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")]
    assert {page: targets.count(page) for page in pages} == dict.fromkeys(pages, 1)


def test_a_block_with_a_reason_does_not_run(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("<!-- needs your own host -->\n```sh\nssh gpu1\n```\n\n```console\n$ true\nout\n```\n")
    first, second = docs.blocks(path)
    assert (first.reason, first.commands()) == ("needs your own host", "ssh gpu1")
    assert (second.reason, second.commands(), second.line) == ("", "true", 6)
