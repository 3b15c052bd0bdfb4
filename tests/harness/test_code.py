"""Where npm gets nothing the tests of VS Code are left out in plain sight, and at once."""

import os

import pytest

from tests.harness import code, run
from tests.harness.setup import SetupFailed


@pytest.fixture
def npm(tmp_path):
    def made(script):
        path = tmp_path / "npm"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return made


def test_a_registry_that_answers_is_all_that_is_asked_for(npm):
    code._ask(npm("echo 4.0.0"), dict(os.environ))


def test_one_that_cannot_be_reached_is_said_with_its_reason(npm):
    with pytest.raises(code.OutOfReach, match="cannot reach its registry: no such host"):
        code._ask(npm("echo no such host; exit 1"), dict(os.environ))


def test_one_that_is_silent_is_not_waited_for(npm, monkeypatch):
    monkeypatch.setattr(code, "ASK_SECONDS", 0.2)
    with pytest.raises(code.OutOfReach, match="no answer"):
        code._ask(npm("exec sleep 60"), dict(os.environ))


def test_then_the_run_goes_on_and_says_what_is_skipped(monkeypatch):
    def out_of_reach():
        raise code.OutOfReach("npm cannot reach its registry")

    monkeypatch.setenv(code.MISSING, "")
    monkeypatch.setattr(code, "ready", lambda: None)
    monkeypatch.setattr(code, "install", out_of_reach)
    result = run.vs_code(run.Run())
    assert not result.failed
    assert "skipped" in result.note
    assert os.environ[code.MISSING] == "npm cannot reach its registry"


def test_any_other_failure_fails_the_run(monkeypatch):
    def broken():
        raise SetupFailed("cannot install code-server with npm")

    monkeypatch.setattr(code, "ready", lambda: None)
    monkeypatch.setattr(code, "install", broken)
    with pytest.raises(SetupFailed):
        run.vs_code(run.Run())
