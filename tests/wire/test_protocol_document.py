"""docs/protocol.md says what the code does."""

from __future__ import annotations

import pytest

from rbridge.wire import codec, limits
from rbridge.wire.limits import Limits
from rbridge.wire.records import Dot, Record
from rbridge.wire.state import TABLES
from tests.wire.conversation import greeted, hear, opened, record
from tests.wire.diagrams import DOCUMENT, draw, with_diagrams

TEXT = DOCUMENT.read_text()


def test_its_diagrams_are_those_of_the_tables() -> None:
    assert with_diagrams(TEXT) == TEXT, "run: python -m tests.wire.diagrams"
    for party in TABLES:
        assert draw(party) in TEXT


def test_a_changed_table_shows() -> None:
    assert with_diagrams(TEXT.replace("start --> opening", "start --> idle", 1)) == TEXT


@pytest.mark.parametrize("name", Limits.__slots__)
def test_it_states_every_limit(name: str) -> None:
    assert f"| `{name.upper()}` | {getattr(limits, name.upper())} |" in TEXT


def test_it_states_the_length_of_our_greeting() -> None:
    assert f"{codec.GREETING_SENT} is what is sent" in TEXT


def test_its_example_is_read_as_one_file_of_twelve_bytes() -> None:
    example = TEXT.split("Example, a file of 12 bytes:\n\n```text\n")[1].split("```")[0]
    headers = {
        "display-name": "gpu1:f.txt",
        "real-path": "/home/ada/f.txt",
        "data-on-save": "yes",
        "re-activate": "yes",
        "token": "k3",
    }
    assert hear(greeted(), example.encode()) == [*record("open", headers, b"hello\nworld\n"), Dot()]
    assert opened().say(Record("open", headers, 0)) == example.encode().replace(
        b"12\nhello\nworld\n\n.", b"0\n"
    )


@pytest.mark.parametrize("party", TABLES)
def test_it_describes_every_command(party: str) -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("|")]
    for row in TABLES[party].values():
        for event in row:
            if not event.isupper():
                assert any(f"`{event}`" in line for line in rows), event
