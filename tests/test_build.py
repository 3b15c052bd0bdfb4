"""The single-file client: what is in it, and that it runs wherever a Python 3.6 can be found.

Long, because all of it is about one file that is built in one way.
"""

import ast
import functools
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rbridge import __version__, build
from tests.harness.wait import until

SIZE = 150 * 1024  # bytes, the goal of design.md section 11
PYPY = "/usr/bin/pypy3"
NEW_ENOUGH = re.compile(r"3\.([6-9]|\d\d)\.")


def runs(python):
    """Whether this is an interpreter, and not a version manager's stand-in for one that is not there."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@functools.cache  # pyenv's stand-ins are slow to answer
def pythons():
    """The interpreters that the shell would try and that this machine has, pyenv's too; PyPy always."""
    found = {shutil.which(name) for name in build.candidates()} - {None, PYPY}
    pyenv = shutil.which("pyenv")
    if pyenv:
        versions = Path(pyenv).resolve().parents[1] / "versions"
        found |= {str(path) for path in versions.glob("3.*/bin/python3") if NEW_ENOUGH.match(path.parts[-3])}
    return [PYPY, sys.executable, *sorted(path for path in found if runs(path))]


def serve_one_save(listener, text):
    """A plain rmate server for one file: takes what is opened, saves *text*, closes. Gives what it read."""
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"a plain server\n")
            read = b""
            while not read.endswith(b"\n.\n"):
                piece = connection.recv(65536)
                if not piece:
                    break
                read += piece
            if not read:
                continue  # a probe
            token = next(line for line in read.splitlines() if line.startswith(b"token: "))
            size = str(len(text)).encode()
            connection.sendall(b"save\n%s\ndata: %s\n%s\nclose\n%s\n\n" % (token, size, text, token))
            return read


@pytest.fixture
def single(builds):
    return builds.file


def test_the_same_sources_give_the_same_bytes(tmp_path):
    assert build.write(tmp_path / "a") == build.write(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_is_executable_and_small(single):
    assert os.access(single, os.X_OK)
    assert single.stat().st_size <= SIZE


def test_holds_the_portable_core_and_nothing_else(single):
    with zipfile.ZipFile(single) as zipped:
        assert zipped.testzip() is None
        names = set(zipped.namelist())
        early, rest = (packed(zipped.read(name)) for name in build.BUNDLES)
    assert names == {"__main__.py", *build.BUNDLES, *(f"rbridge/{name}" for name in build.OUTSIDE)}
    assert early == {f"rbridge/{name}" for name in build.EARLY.difference(build.OUTSIDE)}
    names = names.difference(build.BUNDLES) | early | rest
    assert names == {"__main__.py"} | {f"rbridge/{name}" for name in build.modules()}
    assert {"rbridge/__main__.py", "rbridge/client/main.py", "rbridge/wire/codec.py"} <= names
    others = ("rbridge/server", "rbridge/adapters", "rbridge/cli.py")
    assert not [name for name in names if name.startswith(others)]


def packed(bundle):
    """The names in *bundle*."""
    index, _, _ = bundle.partition(b"\n\n")
    return {line.split()[0] for line in index.decode().splitlines()}


class Bared(ast.NodeTransformer):
    """Takes out of a syntax tree what :func:`build.bare` is to take out of its text."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        return ast.copy_location(ast.Assign([node.target], node.value), node) if node.value else node

    def generic_visit(self, node):
        super().generic_visit(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not needless(one)]
            if not node.body and not isinstance(node, ast.Module):
                node.body = [ast.Pass()]
        return node


def needless(node):
    """Whether it is a string or an ``if MYPY:``."""
    if isinstance(node, ast.Expr):
        return isinstance(getattr(node.value, "value", None), str)
    return isinstance(node, ast.If) and ast.unparse(node.test) == "MYPY"


def lines(tree):
    """Where the statements of *tree* stand, as far as they do anything."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass)
    ]


@pytest.mark.parametrize("name", build.modules())
def test_what_is_left_of_a_module_does_the_same_in_the_same_lines(name):
    before = Bared().visit(ast.parse((build.PACKAGE / name).read_bytes()))
    after = ast.parse(build.source(name))
    assert ast.dump(after) == ast.dump(before)
    assert lines(after) == lines(before)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('"""Doc,\nlong."""\n\n# why\nx = 1  # because\n', "\n\n\n\nx = 1\n"),
        ('"""Nothing else."""\n', "\n"),
        ('class A(Exception):\n    """One."""\n', "class A(Exception):\n    pass\n"),
        ('x = 1\n"""What x is,\nin words."""\ny = 2\n', "x = 1\n\n\ny = 2\n"),
        ('x = "# no comment"  # é\n', 'x = "# no comment"\n'),
        ('x = """\n# a text  \n"""\n', 'x = """\n# a text  \n"""\n'),
        ('é = "ü"  # ä # b\n', 'é = "ü"\n'),
        ("MYPY = False\nif MYPY:\n    import a\n\n    b = a\nc = 1\n", "MYPY = False\n\n\n\n\nc = 1\n"),
        ("if MYPY:\n    x = 1\nelse:\n    x = 2\n", "if MYPY:\n    x = 1\nelse:\n    x = 2\n"),
        ('def f(ä: "é" = 1, *b: "B", **c: "C") -> "D":\n    pass\n', "def f(ä = 1, *b, **c):\n    pass\n"),
        (
            "def f(\n    a: 'A',\n    b: 'B' = 2,\n) -> 'C':\n    'Doc.'\n",
            "def f(\n    a,\n    b = 2,\n):\n    pass\n",
        ),
        ('self.x: "List[str]" = []\n', "self.x = []\n"),
    ],
)
def test_leaves_out_what_no_interpreter_needs(text, left):
    assert build.bare(text.encode()).decode() == left


def test_one_space_stands_for_four_but_not_in_a_text():
    text = b'\nif a:\n    if b:\n        c = """\n    text\n    """\n        d = (\n              e)\n'
    left = b'\nif a:\n if b:\n  c = """\n    text\n    """\n  d = (\n    e)\n'
    assert build.narrow(text) == left


def test_says_what_it_wrote(tmp_path, capsys):
    path = tmp_path / "new" / "rbridge"
    assert build.main(["-o", str(path)]) == 0
    data = path.read_bytes()
    line = capsys.readouterr().out
    assert line == f"{path}  {len(data)} bytes  sha256 {hashlib.sha256(data).hexdigest()}\n"


def test_replaces_an_old_one_in_one_step(tmp_path):
    path = tmp_path / "rbridge"
    path.write_text("old")
    before = path.open()
    build.write(path)
    assert before.read() == "old"
    before.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["rbridge"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert build.main(["-o", str(tmp_path / "file" / "rbridge")]) == 73
    assert capsys.readouterr().err.startswith(f"rbridge: cannot write {tmp_path}/file/rbridge: ")


@pytest.mark.parametrize("python", pythons())
def test_runs_under_every_python_that_is_here(home, single, python):
    env = {"RBRIDGE_PYTHON": python}
    assert home.run([single, "--version"], env=env).ok().out == f"rbridge {__version__}\n"
    assert home.run([single, "open", "--help"], env=env).ok().out.startswith("usage: rbridge open")


@pytest.mark.parametrize("python", pythons())
def test_opens_and_saves_under_every_python_that_is_here(home, single, python):
    path = home.file("notes.txt", "old\n")
    with ThreadPoolExecutor(1) as pool, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        read = pool.submit(serve_one_save, listener, b"new\n")
        words = [single, "open", "-w", "-H", "127.0.0.1", "-p", str(listener.getsockname()[1]), path]
        home.run(words, env={"RBRIDGE_PYTHON": python}).ok()
        assert b"old\n" in read.result(20)
    assert path.read_text() == "new\n"


# Goes before START: says at the end which of the single file's modules had to be compiled.
COUNT = """
import atexit, builtins, sys
compiled, single = [], sys.argv[1]
def count(source, name, *rest, **options):
    compiled.append(name)
    return real(source, name, *rest, **options)
real, builtins.compile = compile, count
atexit.register(lambda: print([name for name in compiled if name.startswith(single)]))
"""


@pytest.mark.parametrize("python", pythons())
def test_the_second_start_compiles_nothing_under_every_python_that_is_here(home, single, python):
    path = home.file("notes.txt", "old\n")
    begin, end = offsets(single)
    code = COUNT + build.START.format(oldest=build.OLDEST, begin=begin, end=end)

    def start(text):
        with ThreadPoolExecutor(1) as pool, socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(20)
            read = pool.submit(serve_one_save, listener, text)
            words = ["open", "-w", "-H", "127.0.0.1", "-p", str(listener.getsockname()[1]), path]
            ran = home.run([python, "-I", "-S", "-c", code, single, *words], env={"RBRIDGE_TRIED": ""}).ok()
            read.result(20)
        assert path.read_bytes() == text
        return ran.out

    assert f"{single}/rbridge/client/main.py" in start(b"first\n")
    until(lambda: not home.processes(), what="the process in the background ends")
    (kept,) = home.state.glob("code.*")
    before = kept.stat().st_mtime_ns
    assert start(b"second\n") == "[]\n"
    assert kept.stat().st_mtime_ns == before


def test_a_start_that_sends_nothing_keeps_nothing(home, single):
    home.run([single, "--version"]).ok()
    assert home.run([single, "open", "-s", "/no/such/socket", home.file("a")]).code == 69
    assert list(home.state.iterdir()) == []


def test_a_failure_in_kept_code_is_shown_with_its_source(home, builds):
    """Also when it was compiled for the same file elsewhere."""
    with ThreadPoolExecutor(1) as pool, socket.create_server(("127.0.0.1", 0)) as listener:
        read = pool.submit(serve_one_save, listener, b"new\n")
        words = ["-w", "-H", "127.0.0.1", "-p", str(listener.getsockname()[1]), home.file("a")]
        home.run([builds.rmate, *words]).ok()
        read.result(20)
    until(lambda: not home.processes(), what="the process in the background ends")
    shutil.copy(builds.file, home.path / "rbridge")
    bad = "import traceback\nfrom rbridge.client import options\ntry: options.parse(None)\n"
    bad += "except TypeError: traceback.print_exc()\n"
    code = build.START.format(
        oldest=build.OLDEST, **dict(zip(("begin", "end"), offsets(builds.file), strict=True))
    )
    words = [sys.executable, "-I", "-S", "-c", code.partition("from rbridge.__main__")[0] + bad]
    ran = home.run([*words, home.path / "rbridge"], env={"RBRIDGE_TRIED": ""})
    assert f"{builds.rmate}/rbridge/client/options.py" in ran.err
    assert "iter(argv)" in ran.err


@pytest.mark.parametrize("python", pythons())
def test_runs_as_an_argument_of_python_too(home, single, python):
    ran = home.run([python, "-I", "-S", single, "open", "--help"]).ok()
    assert ran.out.startswith("usage: rbridge open")


def test_called_rmate_it_is_rmate(home, builds):
    assert home.run([builds.rmate, "--help"]).ok().out.startswith("usage: rmate")


def test_is_found_on_path_and_by_a_relative_name(home, single):
    env = {"PATH": f"{single.parent}:{home.env['PATH']}"}
    assert home.run(["rbridge", "--version"], env=env).ok().out
    assert home.run(["sh", single.name, "--version"], cwd=single.parent).ok().out


def test_imports_nothing_from_the_users_python_environment(home, single):
    """A module planted where Python would look for it is not run."""
    for name in ("os.py", "sitecustomize.py", "rbridge.py"):
        home.file(name, "raise SystemExit('planted')\n")
    env = {"PYTHONPATH": str(home.path), "PYTHONHOME": "/nonexistent"}
    assert home.run([single, "--version"], env=env).ok().out == f"rbridge {__version__}\n"


def test_goes_on_when_the_file_is_replaced_while_it_runs(home, single):
    """A client that stays behind for hours imports what it needs from what it read at its start."""
    copy = home.path / "rbridge"
    shutil.copy(single, copy)
    code = build.START.format(oldest=build.OLDEST, **dict(zip(("begin", "end"), offsets(copy), strict=True)))
    before, _, after = code.partition("from rbridge.__main__")
    replace = f"open({str(copy)!r}, 'w').write('gone')\n"
    ran = home.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"{before}{replace}from rbridge.__main__{after}",
            copy,
            "--version",
        ],
        env={"RBRIDGE_TRIED": ""},
    )
    assert ran.ok().out == f"rbridge {__version__}\n"


def offsets(path):
    """Where the loader lies in the file, counted from the end: begin and end."""
    data = path.read_bytes()
    loader = build.source(build.LOADER)
    begin = len(data) - data.index(loader)
    return begin, begin - len(loader)


@pytest.mark.parametrize("command", ["serve", "demo", "connect"])
def test_the_laptops_commands_are_refused_in_words(home, single, command):
    ran = home.run([single, command])
    assert ran.code == 69
    assert ran.err.count("\n") == 1
    assert command in ran.err
    assert "Traceback" not in ran.err


def test_an_error_is_one_line_here_too(home, single):
    ran = home.run([single, "open", "--no-such-option"])
    assert ran.code == 64
    assert ran.err.count("\n") == 1


def only(home, monkeypatch, single, **scripts):
    """A copy that looks for *scripts* only, in a directory of theirs: {name: shell script}."""
    places = [home.script(f"bin/{name}", text) for name, text in scripts.items()]
    monkeypatch.setattr(build, "candidates", lambda: [str(place) for place in places] or ["none-such"])
    path = home.path / "rbridge"
    build.write(path)
    return path


TOO_OLD = """#!/bin/sh
# stands for a Python 3.5: runs what it is told to, with another version number
echo asked >>"$HOME/asked"
code=$(printf '%s' "$4" | sed 's/^import os, sys$/import os, sys; sys.version_info = (3, 5, 3)/')
shift 4
exec {python} -I -S -c "$code" "$@"
"""


def test_a_python_that_is_too_old_is_passed_over(home, monkeypatch, single):
    good = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
    path = only(home, monkeypatch, single, first=TOO_OLD.format(python=sys.executable), second=good)
    assert home.run([path, "--version"]).ok().out == f"rbridge {__version__}\n"
    assert (home.path / "asked").read_text() == "asked\n"


def test_a_python_that_is_named_when_it_is_built_is_tried_first(home, monkeypatch):
    good = home.script(
        "it's here/python", f'#!/bin/sh\necho asked >>"$HOME/asked"\nexec {sys.executable} "$@"\n'
    )
    monkeypatch.setattr(build, "candidates", lambda: ["none-such"])
    path = home.file("rbridge", build.content(str(good)), 0o755)
    assert home.run([path, "--version"]).ok().out == f"rbridge {__version__}\n"
    assert (home.path / "asked").read_text() == "asked\n"


def test_says_so_when_no_python_is_new_enough(home, monkeypatch, single):
    path = only(home, monkeypatch, single, old=TOO_OLD.format(python=sys.executable))
    ran = home.run([path, "--version"])
    assert ran.code == 69
    assert ran.err == (
        "rbridge: this host has no Python 3.6 or later (looked for python3 and others on PATH);"
        " name one in RBRIDGE_PYTHON, or load it (module load python)\n"
    )


def test_the_search_leaves_nothing_in_the_environment(home, single):
    code = build.START.format(
        oldest=build.OLDEST, **dict(zip(("begin", "end"), offsets(single), strict=True))
    )
    before, _, _ = code.partition("from rbridge.__main__")
    show = "print([name for name in os.environ if name.startswith('RBRIDGE_TRIED')])"
    ran = home.run(
        [sys.executable, "-I", "-S", "-c", before + show, single], env={"RBRIDGE_TRIED": ":/usr/bin/python3"}
    )
    assert ran.ok().out == "[]\n"


def test_the_shell_lines_have_no_faults(tmp_path):
    path = tmp_path / "header.sh"
    path.write_bytes(build.header(2, 1))
    # SC2093: an exec in a loop, which is meant: it goes on where exec fails or Python is too old
    checked = subprocess.run(
        ["shellcheck", "-s", "sh", "-e", "SC2093", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
