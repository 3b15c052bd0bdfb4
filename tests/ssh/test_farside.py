"""The host's end: what paths stand for, and that it is what a Python 3.6 of any host can run."""

import ast
import inspect
import os

import pytest

from rbridge.ssh import exchange, farside
from rbridge.ssh.farside import expand, in_home, name_of
from rbridge.ssh.frames import Channel, Nonsense
from rbridge.ssh.outcomes import Refused


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("a.log", "b.log", ".hidden.log", "logs/c.log", "logs/deep/d.log", "x[1].txt", "x1.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"a.log", [b"a.log"]),
        (b"*.log", [b"a.log", b"b.log"]),
        (b"logs/**/*.log", [b"logs/c.log", b"logs/deep/d.log"]),
        (b"x[1].txt", [b"x[1].txt"]),
        (b"x[0-9].txt", [b"x1.txt"]),
        (b".hid*", [b".hidden.log"]),
        (b"nothing", [b"nothing"]),
        (b"", [b"."]),
    ],
)
def test_wildcards_are_expanded_where_no_file_has_that_name(home, path, found):
    assert expand(path) == found


@pytest.mark.usefixtures("home")
def test_a_wildcard_may_begin_at_the_home_directory():
    home = os.environb[b"HOME"]
    assert expand(b"~/a*") == [home + b"/a.log"]
    assert in_home(b"~") == home


def test_a_home_with_a_bracket_is_no_wildcard(tmp_path, monkeypatch):
    (tmp_path / "me[1]").mkdir()
    (tmp_path / "me[1]" / "f").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "me[1]"))
    assert expand(b"~/*") == [os.fsencode(tmp_path / "me[1]" / "f")]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("path", [b"*.nothing", b"a\0b"])
def test_what_matches_nothing_is_refused(path):
    with pytest.raises(Refused) as refused:
        expand(path)
    assert refused.value.code == 66


@pytest.mark.usefixtures("home")
def test_an_unfinished_transfer_matches_no_wildcard(home):
    (home / ".u.rbridge-part").write_text("")
    assert expand(b".u*".replace(b"u", b"h")) == [b".hidden.log"]
    with pytest.raises(Refused):
        expand(b".u*")


def test_a_directory_has_a_name_in_every_spelling(home):
    inner = os.fsencode(home / "logs")
    assert [name_of(inner + end) for end in (b"", b"/", b"/.", b"/deep/..")] == ["logs"] * 4
    assert name_of(b"n\xff") == "n\udcff"


def served(*records):
    """Have the host's end hear *records*; it must end by itself."""
    read, write = os.pipe()
    other = Channel(read, write)
    for record in records:
        other.say(record)
    other.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        farside.serve(Channel(read, null))
    finally:
        for fd in (read, write, null):
            os.close(fd)


@pytest.mark.parametrize(
    "request_",
    [{"rbridge": 2, "do": "get"}, {"rbridge": 1, "do": "sing"}, {"rbridge": 1, "do": "put"}, {"do": "get"}],
)
def test_another_version_or_request_is_refused(request_):
    with pytest.raises(Nonsense):
        served(request_)


@pytest.mark.usefixtures("home")
def test_a_get_of_nothing_ends(monkeypatch):
    served({"rbridge": 1, "do": "get"}, {"go": True}, {"end": True})


def test_paths_are_bounded(monkeypatch):
    monkeypatch.setattr(farside, "MOST_PATHS", 2)
    with pytest.raises(Nonsense):
        served({"rbridge": 1, "do": "get"}, *[{"path": "a"}] * 3)


@pytest.mark.parametrize("module", exchange.MODULES, ids=lambda module: module.__name__)
def test_what_is_sent_is_python_3_6_and_needs_only_itself(module):
    """As of the portable core: no newer syntax, and only the standard library and what is sent along."""
    names = {one.__name__ for one in exchange.MODULES}
    tree = ast.parse(inspect.getsource(module), feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rbridge"):
            assert node.module in names, f"{module.__name__} imports {node.module}"
        assert not isinstance(node, ast.NamedExpr)


def test_modules_are_sent_before_those_that_import_them():
    seen = set()
    for module in exchange.MODULES:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rbridge"):
                assert node.module in seen
        seen.add(module.__name__)


def test_the_protocols_records_are_those_of_the_document():
    """Every record that is said in the code has its line in the docstring."""
    written = farside.__doc__ or ""
    for module in exchange.MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Dict) and node.keys and isinstance(node.keys[0], ast.Constant):
                key = node.keys[0].value
                if isinstance(key, str):
                    assert f'{{"{key}"' in written, f"{module.__name__} says {key}"
