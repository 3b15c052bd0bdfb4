"""What doctor found, as it is shown."""

from __future__ import annotations

import json

from rbridge import findings
from rbridge.findings import failure, ok, unknown, warning

FOUND = [
    ok("daemon", "daemon", "it runs"),
    warning("ssh", "old", "it is old", "update it"),
    unknown("host", "python", "not asked"),
    failure("tunnel", "down", "it is down", "rbridge connect gpu1"),
]


def test_only_a_failure_makes_the_exit_code() -> None:
    assert findings.exit_code(FOUND) == 69
    assert findings.exit_code(FOUND[:3]) == 0
    assert findings.exit_code([]) == 0


def test_a_line_has_level_hop_and_what_is_so_and_below_it_what_mends_it() -> None:
    assert findings.table(FOUND) == [
        "ok       daemon  it runs",
        "warning  ssh     it is old",
        "                 -> update it",
        "unknown  host    not asked",
        "failure  tunnel  it is down",
        "                 -> rbridge connect gpu1",
    ]
    assert findings.table([]) == []


def test_the_json_says_the_same() -> None:
    said = json.loads(findings.as_json(FOUND, "gpu1", 1.23456))
    assert (said["version"], said["host"], said["code"], said["seconds"]) == (1, "gpu1", 69, 1.235)
    assert said["findings"][3] == {
        "hop": "tunnel",
        "name": "down",
        "level": "failure",
        "said": "it is down",
        "mend": "rbridge connect gpu1",
    }


def test_what_a_host_said_cannot_move_the_cursor() -> None:
    evil = failure("host", "x", "\x1b[2J\nok", "\r\x07")
    text = "\n".join(findings.table([evil])) + findings.as_json([evil], "\x1b", 0.0)
    assert "\x1b" not in text
    assert len(findings.table([evil])) == 2


def test_the_last_line_counts() -> None:
    assert findings.summary(FOUND, 1.26) == "1 ok, 1 warning, 1 failure, 1 unknown in 1.3 s"
    assert findings.summary(FOUND[:1], 0.0) == "1 ok in 0.0 s"
