"""What ``python3 -m tests`` counts and prints, with small pytest runs of its own."""

import re
import sys
from pathlib import Path

import pytest

from tests.harness import run, steps
from tests.harness.areas import AREAS, Area
from tests.harness.setup import SetupFailed, install_packages, missing_packages
from tests.harness.steps import Result

PYTHON = Path(sys.executable)
SECONDS = (8.0, 24.0, 72.0)  # for pytest to start: the first is enough, unless the machine is very busy
BOTH_WAYS = [False, pytest.param(True, marks=pytest.mark.thorough)]
MIXED = """
import pytest

def test_good(): pass
def test_bad(): assert 0
@pytest.mark.skip(reason="no such part here")
def test_left_out(): pass
@pytest.mark.xfail(reason="known")
def test_known(): assert 0
@pytest.fixture
def breaks():
    yield
    raise OSError("late")
def test_late(breaks): pass
"""
THOROUGH = """
import pytest

@pytest.mark.parametrize("how", ["a", pytest.param("b", marks=pytest.mark.thorough)])
def test_it(how, proof): proof("shown " + how)
"""

FAULTS = """
def test_a(faults):
    faults("kills", 1000)
    faults("kills", 7, lost=3)
def test_b(faults):
    faults("cuts", 50)
    assert 0
"""

# One passes; two do from the second attempt on.
SHAKY = """
from pathlib import Path
import pytest

def test_good(): pass
@pytest.mark.parametrize("how", ["a b", "c@d"])
@pytest.mark.xdist_group("one")
def test_once(how, proof):
    seen = Path(__file__).with_name("seen " + how)
    seen.write_text(seen.read_text() + "." if seen.exists() else ".")
    proof(how + seen.read_text())
    assert seen.read_text() != ".", "too soon\\nin more words"
"""
ALWAYS = """
def test_always(): assert 0
"""


@pytest.fixture
def area(tmp_path, monkeypatch):
    """An area whose tests are one file outside the tree; write to it with ``area(text)``."""

    def make(text, minutes=1.0, parallel=False, repeats=0):
        path = tmp_path / "test_inner.py"
        path.write_text(text)
        conftest = tmp_path / "conftest.py"
        conftest.write_text(
            "from tests.conftest import (  # noqa: F401\n"
            "    faults, proof, pytest_addoption, pytest_collection_modifyitems, pytest_configure\n"
            ")\n"
        )
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  thorough\n  xdist_group\n")
        made = Area("inner", (), minutes, parallel, code=parallel and repeats > 0, repeats=repeats)
        monkeypatch.setattr(Area, "arguments", lambda self: [str(path), f"--rootdir={tmp_path}"])
        return made

    return make


@pytest.fixture
def two_workers(monkeypatch):
    monkeypatch.setattr(steps, "workers", lambda: 2)


@pytest.mark.parametrize("parallel", BOTH_WAYS)
def test_counts_each_test_once_by_its_worst_phase(area, two_workers, parallel):
    result = steps.pytest(area(MIXED, parallel=parallel), PYTHON)
    assert (result.passed, result.failed) == (1, 2)
    reasons = {name.rpartition("::")[2]: why for name, why in result.skips}
    assert reasons == {"test_left_out": "no such part here", "test_known": "expected to fail: known"}
    assert "assert 0" in result.output


@pytest.mark.parametrize("parallel", BOTH_WAYS)
def test_a_run_that_hangs_is_ended_and_says_where_it_was(area, two_workers, parallel):
    text = "import signal\ndef test_first(): pass\ndef test_hangs(): signal.pause()\n"
    for seconds in SECONDS:
        result = steps.pytest(area(text, minutes=seconds / 60, parallel=parallel), PYTHON)
        if result.passed:
            break
    assert (result.passed, result.failed) == (1, 1)
    assert "test_hangs" in result.note
    assert f"not done after {seconds:g} s" in result.output


@pytest.mark.parametrize("parallel", BOTH_WAYS)
def test_a_file_that_cannot_be_imported_fails(area, two_workers, parallel):
    assert steps.pytest(area("import no_such_module", parallel=parallel), PYTHON).failed > 0


@pytest.mark.thorough
def test_a_worker_that_dies_fails_the_test_it_was_in(area, two_workers):
    text = "import os\ndef test_first(): pass\ndef test_dies(): os._exit(0)\n"
    result = steps.pytest(area(text, parallel=True), PYTHON)
    assert (result.passed, result.failed) == (1, 1)
    assert "test_dies" in result.output


@pytest.mark.parametrize("parallel", BOTH_WAYS)
def test_what_the_fast_part_leaves_out_is_said_and_in_the_full_run(area, two_workers, parallel):
    quick = steps.pytest(area(THOROUGH, parallel=parallel), PYTHON, "--quick")
    assert (quick.passed, quick.note, quick.proofs) == (1, "1 more without --quick", ["shown a"])
    full = steps.pytest(area(THOROUGH, parallel=parallel), PYTHON)
    assert (full.passed, full.note, sorted(full.proofs)) == (2, "", ["shown a", "shown b"])


def test_an_area_without_tests_says_so(area):
    result = steps.pytest(area("x = 1"), PYTHON)
    assert (result.passed, result.failed, result.note) == (0, 0, "no tests yet")


def test_what_tests_show_is_handed_on(area):
    result = steps.pytest(area("def test_it(proof): proof('600 faults, 0 lost')"), PYTHON)
    assert result.proofs == ["600 faults, 0 lost"]


@pytest.mark.parametrize("parallel", BOTH_WAYS)
def test_faults_are_added_up_by_class(area, two_workers, parallel):
    result = steps.pytest(area(FAULTS, parallel=parallel), PYTHON)
    assert result.faults == {"kills": (1007, 3), "cuts": (50, 1)}


@pytest.mark.parametrize("parallel", BOTH_WAYS)
def test_what_failed_is_run_once_more_where_the_area_says_so(area, two_workers, parallel):
    result = steps.pytest(area(SHAKY, parallel=parallel, repeats=3), PYTHON)
    assert (result.passed, result.failed, result.output) == (3, 0, "")
    assert sorted(result.proofs) == ["a b..", "c@d.."]
    why = "AssertionError: too soon"
    assert sorted(result.repeated) == [
        ("test_inner.py::test_once[a b]", why),
        ("test_inner.py::test_once[c@d]", why),
    ]


def test_what_fails_again_has_failed(area):
    result = steps.pytest(area(SHAKY + ALWAYS, repeats=3), PYTHON)
    assert (result.passed, result.failed, len(result.repeated)) == (3, 1, 2)
    assert result.failures == [("test_inner.py::test_always", "assert 0")]
    assert result.output.count("def test_always(): assert 0") == 2
    assert "once more, alone:" in result.output


@pytest.mark.parametrize("repeats", [0, 2])
def test_more_failures_than_that_are_not_repeated(area, tmp_path, repeats):
    result = steps.pytest(area(SHAKY + ALWAYS, repeats=repeats), PYTHON)
    assert (result.passed, result.failed, result.repeated) == (1, 3, [])
    assert (tmp_path / "seen a b").read_text() == "."


def test_what_passed_only_when_repeated_is_listed(capsys):
    one = run.Run()
    one.add(Result("editors", passed=3, repeated=[("test_a", "not within 20 s")]))
    one.add(Result("lint", passed=1))
    assert one.finish() == 0
    out = capsys.readouterr().out
    assert "\npassed only when repeated:\n  editors: test_a: not within 20 s\n" in out
    assert out.endswith("\n4 passed, 0 failed, 0 skipped, 1 repeated\n")


def test_what_failed_is_named_before_all_that_pytest_printed_and_at_the_end(capsys):
    one = run.Run()
    one.add(Result("editors", failed=1, failures=[("test_a", "not within 20 s")], output="long"))
    assert one.finish() == 1
    out = capsys.readouterr().out
    assert "failed: test_a: not within 20 s\n    | long\n" in out
    assert out.endswith("\nfailed:\n  editors: test_a: not within 20 s\n\n0 passed, 1 failed, 0 skipped\n")


def test_a_step_that_failed_without_a_test_is_named_too(capsys):
    one = run.Run()
    one.add(Result("mypy", failed=1, output="x.py:1: wrong\nmore"))
    assert one.finish() == 1
    assert "\nfailed:\n  mypy: itself: x.py:1: wrong\n" in capsys.readouterr().out


def test_what_is_about_losses_is_not_repeated(area, monkeypatch):
    made = area(SHAKY, repeats=3)
    monkeypatch.setattr(steps, "LOSSES", re.compile("test_inner"))
    result = steps.pytest(made, PYTHON)
    assert (result.passed, result.failed, result.repeated) == (1, 2, [])
    monkeypatch.undo()
    assert steps.LOSSES.search("tests/lsp/real/test_faults.py::test_a[x]")
    assert not steps.LOSSES.search("tests/editors/test_vscode.py::test_faults")


def test_a_run_says_how_many_faults_there_were_and_how_many_lost_something(capsys):
    one = run.Run()
    one.add(Result("unit", passed=3, faults={"cancellations": (70, 0)}))
    one.add(Result("faults", passed=4, faults={"kills": (1100, 0), "cancellations": (5, 0)}))
    one.add(Result("lint", passed=1))
    one.finish()
    out = capsys.readouterr().out
    assert "      1,105 faults, lost: 0 (cancellations 5, kills 1,100)\n" in out
    assert out.endswith(
        "\n1,175 faults, lost: 0 (cancellations 75, kills 1,100)\n8 passed, 0 failed, 0 skipped\n"
    )


def test_a_command_that_is_missing_fails():
    assert steps.command("x", ["/nonexistent/tool"], {}).failed == 1


def test_a_part_that_cannot_be_had_is_a_failed_step():
    def do():
        raise SetupFailed("missing: sshd; run: ...")

    result = steps.timed("packages", do)
    assert (result.failed, result.output) == (1, "missing: sshd; run: ...")


def test_the_last_line_sums_up(capsys):
    one = run.Run()
    one.add(Result("unit", passed=3, skips=[("test_a", "no display")]))
    one.add(Result("lint", failed=1, output="line too long"))
    assert one.finish() == 1
    out = capsys.readouterr().out
    assert out.endswith("\n3 passed, 1 failed, 1 skipped\n")
    assert "unit: test_a: no display" in out
    assert "line too long" in out


def test_an_unknown_area_is_named(capsys):
    with pytest.raises(SystemExit):
        run.main(["nonsense"])
    assert "no such area: nonsense" in capsys.readouterr().err


def test_unit_is_all_that_belongs_to_no_other_area():
    ignored = {word.rpartition("/")[2] for word in AREAS["unit"].arguments() if word.startswith("--ignore")}
    assert ignored == set(AREAS) - {"unit"} | {"benchmarks"}


def test_packages_that_cannot_be_installed_are_named_with_the_line_to_run(home, monkeypatch):
    monkeypatch.setenv("PATH", str(home.path))
    monkeypatch.setattr("tests.harness.setup.ALSO_ON_PATH", ())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    home.script("apt-get", "#!/bin/sh\nexit 1\n")
    assert missing_packages(["strace", "acl"]) == ["acl", "strace"]
    line = "sudo apt-get update && sudo apt-get install -y --no-install-recommends acl strace"
    with pytest.raises(SetupFailed, match=f"missing: acl strace; run: {line}"):
        install_packages(["strace", "acl"])
