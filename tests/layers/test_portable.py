"""The portable core runs on Python 3.6; ``python3 -m tests`` also asks vermin about its API."""

import ast

import pytest

from tests.layers.imports import module_path, portable

# Annotations would be evaluated, or need an import that Python 3.6 lacks or that costs start-up time.
QUOTED = (ast.Subscript, ast.BinOp)


def annotations(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from (arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg))
            yield node.returns
        elif isinstance(node, ast.AnnAssign):
            yield node.annotation


@pytest.mark.parametrize("name", portable())
def test_parses_as_python_3_6(name):
    ast.parse(module_path(name).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("name", portable())
def test_annotations_that_would_need_typing_are_quoted(name):
    tree = ast.parse(module_path(name).read_text())
    bare = [ast.unparse(node) for node in annotations(tree) if isinstance(node, QUOTED)]
    assert not bare


@pytest.mark.parametrize("name", portable())
def test_has_no_syntax_that_feature_version_lets_pass(name):
    """``f"{x=}"`` and ``async`` generators' later forms parse as 3.6 all the same."""
    source = module_path(name).read_text()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        assert not isinstance(node, ast.NamedExpr | ast.Match), ast.unparse(node)
        if isinstance(node, ast.JoinedStr):
            text = ast.get_source_segment(source, node) or ""
            assert "=}" not in text, text
        if isinstance(node, ast.arguments):
            assert not node.posonlyargs, ast.unparse(node)
