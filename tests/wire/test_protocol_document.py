"""docs/protocol.md says what the code does."""

from __future__ import annotations

import pytest

from rbridge.client import find, grep
from rbridge.wire import auth, codec, limits
from rbridge.wire.limits import Limits
from rbridge.wire.records import Dot, Record
from rbridge.wire.state import EDITOR, HOST, LINKED, TABLES
from tests.wire.conversation import greeted, hear, opened, record
from tests.wire.diagrams import DOCUMENT, draw, with_diagrams
from tests.wire.transcripts import LINKS

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


@pytest.mark.parametrize("name", ["ASKED", "ASK", "PIECE", "PAGE", "FOUND", "SHOWN"])
def test_it_states_every_limit_of_a_folder(name: str) -> None:
    assert f"| `{name}` | {getattr(limits, name)} |" in TEXT


def test_it_states_how_long_a_find_and_a_search_take() -> None:
    said = f"A find is over after {find.SECONDS:g} seconds and a search after {grep.SECONDS:g}"
    assert said in " ".join(TEXT.split())


@pytest.mark.parametrize("name", ["BEAT_IDLE", "BEAT_BUSY", "DEAD_IDLE", "DEAD_BUSY"])
def test_it_states_every_time(name: str) -> None:
    assert f"| `{name}` | {getattr(limits, name):g} |" in TEXT


def test_its_proofs_are_those_that_we_give() -> None:
    words = ("0123456789abcdef", "00000000000000aa")
    nonces = ("00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100")
    assert all(f"`{word}`" in TEXT for word in words + nonces)
    for role in (auth.HOST, auth.EDITOR):
        assert f"\n{role} {auth.proof(bytes(range(32)), role, *words, *nonces)}\n" in TEXT


def link_rows(party: str) -> dict[str, str]:
    """The rows of the table of what *party* says on a link, by command."""
    title = {HOST: "### From the host", EDITOR: "### From the editor"}[party]
    table = TEXT.split(title + "\n")[1].split("\n### ")[0].split("\n\nEvery ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {row.split("`")[1]: row for row in rows}


@pytest.mark.parametrize("party", TABLES)
def test_its_link_tables_have_every_record_and_no_other(party: str) -> None:
    said = set(TABLES[party][LINKED]) | ({"link"} if party == HOST else {"linked"})
    assert set(link_rows(party)) == said


@pytest.mark.parametrize("party", TABLES)
def test_its_link_tables_name_every_header_of_the_golden_links(party: str) -> None:
    rows = link_rows(party)
    for one in LINKS:
        for event in one.events(party):
            if isinstance(event, Record):
                for name in event.headers:
                    assert f"`{name}`" in rows[event.command] or f"`{name}: " in rows[event.command], event


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
