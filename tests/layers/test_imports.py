"""Imports point one way, and where no I/O may be there is none."""

import sys

import pytest

from tests.layers.imports import imports, modules, portable, reaches

IO = {
    # fmt: off
    "asyncio",
    "ctypes",
    "fcntl",
    "mmap",
    "multiprocessing",
    "os",
    "posix",
    "pty",
    "select",
    "selectors",
    "shutil",
    "signal",
    "_socket",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "_thread",
    "threading",
    "time",
    "trio",
    # fmt: on
}

# Packages that hold no I/O at all, and single modules that decide and do nothing.
PURE_PACKAGES = ("rbridge.wire",)
PURE = (
    "rbridge.client.options",
    "rbridge.client.usage",
    "rbridge.errors",
    "rbridge.findings",
    "rbridge.lsp.bridge",
    "rbridge.lsp.framing",
    "rbridge.lsp.links",
    "rbridge.lsp.policy",
    "rbridge.lsp.replay",
    "rbridge.lsp.shapes",
    "rbridge.lsp.uris",
    "rbridge.server.document",
    "rbridge.server.names",
    "rbridge.ssh.deploy",
    "rbridge.ssh.events",
    "rbridge.ssh.messages",
    "rbridge.ssh.reasons",
    "rbridge.ssh.tunnel",
    "rbridge.ssh.words",
)

# The contract's one default argument is trio's; nothing in it runs.
EXCEPTIONS = {("rbridge.adapters.base", "trio")}

# What each part may import of ours; the longest prefix counts, and a part that is not named is free.
MAY = {
    "rbridge.errors": (),
    "rbridge.wire": ("rbridge.errors", "rbridge.wire"),
    "rbridge.system": ("rbridge.errors",),
    "rbridge.mounts": (),
    "rbridge.tcpowner": (),
    "rbridge.private": ("rbridge.errors", "rbridge.system"),
    "rbridge.paths": ("rbridge.errors", "rbridge.private", "rbridge.system"),
    "rbridge.memory": ("rbridge.errors", "rbridge.mounts", "rbridge.paths", "rbridge.private"),
    "rbridge.client": (
        "rbridge",
        "rbridge.client",
        "rbridge.errors",
        "rbridge.findings",
        "rbridge.mounts",
        "rbridge.paths",
        "rbridge.private",
        "rbridge.system",
        "rbridge.tcpowner",
        "rbridge.wire",
    ),
    "rbridge.jsonrpc": ("rbridge.errors", "rbridge.lsp.framing"),
    "rbridge.adapters": (
        "rbridge",
        "rbridge.adapters",
        "rbridge.errors",
        "rbridge.jsonrpc",
        "rbridge.lsp.uris",
        "rbridge.paths",
        "rbridge.system",
        "rbridge.wire",
    ),
    "rbridge.server": (
        # fmt: off
        "rbridge",
        "rbridge.adapters",
        "rbridge.errors",
        "rbridge.memory",
        "rbridge.paths",
        "rbridge.plugins",
        "rbridge.private",
        "rbridge.server",
        "rbridge.system",
        "rbridge.tcpowner",
        "rbridge.wire",
        # fmt: on
    ),
}
MAY["rbridge.server.daemon"] = (
    *MAY["rbridge.server"],
    "rbridge.lsp.proxy",
    "rbridge.ssh.hostkeys",
    "rbridge.ssh.logins",
)
for name in ("configured", "hosts", "kept"):
    MAY[f"rbridge.server.{name}"] = (*MAY["rbridge.server"], "rbridge.ssh")
MAY["rbridge.lsp"] = (*MAY["rbridge.server"], "rbridge.lsp")

# The way from the entry to what the host does not have: taken only for the laptop's commands.
FROM_PORTABLE = {
    ("rbridge.laptop", "rbridge.cli"),
    ("rbridge.laptop", "rbridge.lsp.pump"),
    ("rbridge.laptop", "rbridge.ssh.opening"),
    ("rbridge.laptop", "rbridge.ssh.shell"),
}


def pure_modules():
    packages = tuple(f"{package}." for package in PURE_PACKAGES)
    return [name for name in modules() if name in PURE + PURE_PACKAGES or name.startswith(packages)]


@pytest.mark.parametrize("name", pure_modules())
def test_pure_modules_reach_no_io(name):
    chains = reaches(name)
    steps = {other: tuple(chain.split(" -> ")[-2:]) for other, chain in chains.items()}
    found = [
        chains[other] for other in chains if other.split(".")[0] in IO and steps[other] not in EXCEPTIONS
    ]
    assert not found


@pytest.mark.parametrize("name", modules())
def test_imports_point_one_way(name):
    parts = [part for part in MAY if name == part or name.startswith(f"{part}.")]
    if not parts:
        return
    allowed = MAY[max(parts, key=len)]
    ours = {other for other in imports(name) if other == "rbridge" or other.startswith("rbridge.")}
    wrong = [
        other
        for other in ours
        if not any(other == one or (one != "rbridge" and other.startswith(f"{one}.")) for one in allowed)
    ]
    assert not wrong, f"{name} may import {allowed}"


@pytest.mark.parametrize("name", portable())
def test_the_portable_core_needs_the_standard_library_only(name):
    core = set(portable())
    for other in imports(name):
        if other.split(".")[0] == "rbridge":
            assert other in core or (name, other) in FROM_PORTABLE, f"{name} imports {other}"
        else:
            top = other.split(".")[0]
            assert top in sys.stdlib_module_names, f"{name} imports {other}"
            assert top not in ("asyncio", "dataclasses", "__future__"), f"{name} imports {other}"


def test_each_pure_module_that_is_named_exists_or_is_still_to_come():
    missing = {name for name in PURE if name not in modules()}
    assert {name.rpartition(".")[0] for name in missing} <= {"rbridge.lsp"}
