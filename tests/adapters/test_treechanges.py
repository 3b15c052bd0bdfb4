"""Paths of a tree; what is done on the host is in test_tree."""

from __future__ import annotations

from rbridge.adapters.treechanges import above


def test_the_directories_above_a_path() -> None:
    assert above("a/b/c.py") == ["a", "a/b"]
    assert above("c.py") == []
    assert above("a/b/") == ["a", "a/b"]
