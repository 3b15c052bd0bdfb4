"""docs/editors.md and docs/security.md say what the editors' tests show."""

from __future__ import annotations

import re

import pytest

from tests.editors.drivers import DRIVERS, driver
from tests.editors.table import DOCUMENT, TITLES, scenarios, with_table

TEXT = DOCUMENT.read_text()
SECURITY = DOCUMENT.with_name("security.md").read_text()


def test_its_table_is_that_of_the_scenarios() -> None:
    assert with_table(TEXT) == TEXT, "run: python -m tests.editors.table"
    assert all(f"\n| {row} |" in TEXT for _, row in scenarios())


def test_a_changed_table_shows() -> None:
    assert with_table(TEXT.replace("| yes |", "| no |", 1)) == TEXT


@pytest.mark.parametrize("kind", DRIVERS)
def test_what_an_editor_cannot_do_is_a_scenario_and_has_its_reason_there(kind: str) -> None:
    names = [name for name, _ in scenarios()]
    assert len(names) == len(set(names)) > 30
    for name, reason in driver(kind).cannot.items():
        assert name in names
        assert re.search(rf"^\d+\. {re.escape(TITLES[kind])}: {re.escape(reason)}$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("kind", DRIVERS)
def test_what_an_editor_keeps_stands_in_the_other(kind: str) -> None:
    assert [path for path in driver(kind).keeps if f"`~/{path}`" not in SECURITY] == []


@pytest.mark.parametrize("kind", DRIVERS)
def test_it_has_a_section_for_each_editor(kind: str) -> None:
    assert f"\n## {TITLES[kind].capitalize() if kind == 'command' else TITLES[kind]}" in TEXT
