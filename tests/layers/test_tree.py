"""What lies where: the top level, a test for each source, sizes, and words that do not belong in a source."""

import ast
import re
import subprocess

from tests.layers.imports import PACKAGE, ROOT

TOP = {"pyproject.toml", "README.md", "rbridge", "tests", "editors", "docs"}
GENERATED = {"build", "dist"}  # git ignores them

LONG = 400  # lines
REASON = re.compile(r"\b[Ll]ong(er)?\b.*\b(because|since|:)", re.DOTALL)

# Sources without a test file of their own name, each with where it is tested instead, or why it needs none.
TESTED_ELSEWHERE = {
    "rbridge/__init__.py": "holds the version",
    "rbridge/adapters/base.py": "the contract: tests/adapters/conformance.py holds every adapter to it",
    "rbridge/adapters/folder.py": "the contract: tests/server/test_folder.py and test_browsing.py hold to it",
    "rbridge/server/kept.py": "real hosts: tests/ssh/test_shell.py and test_tunnels_lost.py",
    "rbridge/serving.py": "a process: tests/server/test_daemon.py, tests/ssh/test_starting.py, tests/e2e",
    "rbridge/lsp/model.py": "a table that tests/lsp/model.py has made: tests/lsp/test_shapes.py looks at it",
}
EMPTY = "__init__.py"

SLEEPS = ("time.sleep", "trio.sleep", "asyncio.sleep")
WAITS = "tests/harness/wait.py"
MOCKED = ("MockClock", "autojump_clock", "mock_clock")


def texts(*suffixes):
    """All files of the project with one of these suffixes."""
    folders = [ROOT / name for name in ("rbridge", "tests", "editors", "docs")]
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found + [ROOT / "README.md"] if path.suffix in suffixes)


def short(path):
    return path.relative_to(ROOT).as_posix()


def tracked():
    """Top-level names that git knows, or all of them where there is no git."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return {line.split("/")[0] for line in done.stdout.splitlines()}
    return {path.name for path in ROOT.iterdir()}


def test_top_level_holds_only_what_is_allowed():
    assert {name for name in tracked() if not name.startswith(".")} <= TOP | GENERATED


def sources():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != EMPTY]


def own_test(source):
    relative = source.relative_to(PACKAGE)
    return ROOT / "tests" / relative.parent / f"test_{source.stem.strip('_')}.py"


def test_each_source_has_its_test_where_it_stands():
    missing = [short(source) for source in sources() if not own_test(source).exists()]
    assert sorted(set(missing) - set(TESTED_ELSEWHERE)) == []


def test_what_is_tested_elsewhere_exists_and_has_no_test_of_its_own():
    assert [name for name in TESTED_ELSEWHERE if not (ROOT / name).exists()] == []
    assert [name for name in TESTED_ELSEWHERE if own_test(ROOT / name).exists()] == []


def test_packages_own_files_hold_nothing_that_runs():
    for path in PACKAGE.rglob(EMPTY):
        kinds = {type(node) for node in ast.parse(path.read_text()).body}
        assert kinds <= {ast.Expr, ast.Assign}, short(path)


def test_a_long_file_says_in_its_docstring_why_it_is():
    for path in texts(".py"):
        text = path.read_text()
        doc = ast.get_docstring(ast.parse(text)) or ""
        assert text.count("\n") <= LONG or REASON.search(doc), f"{short(path)} has over {LONG} lines"


def forbidden():
    """Hosts of package registries, and paths of the machines it was written on; put together only here."""
    hosts = ["py" + "pi.org", "python" + "hosted", "npm" + "js.org", "deb." + "debian.org"]
    paths = [("", "work", "main"), ("", "root", ".pyenv"), ("", "tmp", "rb", "")]
    return hosts + ["/".join(parts) for parts in paths]


def test_no_file_names_a_registry_or_a_path_of_one_machine():
    kinds = (".py", ".md", ".sh", ".js", ".ts", ".json", ".vim", ".lua", ".el")
    for path in [*texts(*kinds), ROOT / "pyproject.toml", ROOT / ".ci" / "run"]:
        text = path.read_text(errors="replace")
        assert [word for word in forbidden() if word in text] == [], short(path)


def test_nothing_is_marked_as_unfinished():
    marks = re.compile(r"\b({})\b".format("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X"))))
    assert [
        short(path) for path in texts(".py", ".sh", ".js", ".vim", ".lua") if marks.search(path.read_text())
    ] == []


def sleeps(tree):
    """Calls of a module's ``sleep`` with a time other than 0."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in SLEEPS
            and ast.unparse(node.args[0]) != "0"
        ):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def test_tests_wait_for_conditions_not_for_time():
    """``sleep`` is in one file; a mock clock makes it free, and then it stands for time that passes."""
    for path in texts(".py"):
        text = path.read_text()
        if (
            not short(path).startswith("tests/")
            or short(path) == WAITS
            or any(word in text for word in MOCKED)
        ):
            continue
        assert list(sleeps(ast.parse(text))) == [], short(path)


def test_no_error_is_swallowed():
    """No bare ``except``, and none for everything that does nothing."""
    for path in texts(".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                where = f"{short(path)}, line {node.lineno}"
                assert node.type is not None, f"{where}: a bare except"
                everything = ast.unparse(node.type) in ("Exception", "BaseException")
                assert not (everything and isinstance(node.body[0], ast.Pass)), (
                    f"{where}: swallows everything"
                )
