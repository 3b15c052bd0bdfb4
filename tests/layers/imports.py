"""Reads import statements from the sources, without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rbridge import build

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rbridge"
FOR_TYPES_ONLY = ("MYPY", "TYPE_CHECKING")  # blocks under these never run


def module_name(path: Path) -> str:
    """``rbridge/wire/codec.py`` -> ``rbridge.wire.codec``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_path(name: str) -> Path:
    base = ROOT.joinpath(*name.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def modules() -> tuple[str, ...]:
    """Every module of the package, by name."""
    return tuple(sorted(module_name(path) for path in PACKAGE.rglob("*.py")))


@cache
def portable() -> tuple[str, ...]:
    """The portable core, by name."""
    return tuple(module_name(PACKAGE / name) for name in build.modules())


@cache
def imports(name: str, at_start: bool = False) -> frozenset[str]:
    """The modules that *name* imports, as far as the statements tell; *at_start*: only outside functions.

    Modules of ours are named in full (``rbridge.wire.codec``), with the packages that lead to them.
    """
    tree = ast.parse(module_path(name).read_text())
    found: set[str] = set()
    for node in _statements(tree, at_start):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import; ours are absolute"
            module = node.module or ""
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found.update(inner & set(modules()) or {module})
            if module == "rbridge" and not inner <= set(modules()):
                found.add(module)
    return frozenset(found)


def _statements(node: ast.AST, at_start: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id in FOR_TYPES_ONLY:
            continue
        if at_start and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from _statements(child, at_start)


def reaches(name: str, at_start: bool = False) -> dict[str, str]:
    """All that importing *name* leads to, ours and others', each with the chain of modules in between."""
    chains = {name: name}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        for one in sorted(imports(current, at_start)):
            if one not in chains:
                chains[one] = f"{chains[current]} -> {one}"
                if one in modules():
                    waiting.append(one)
    return chains
