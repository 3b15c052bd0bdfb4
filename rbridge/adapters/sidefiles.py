"""Files of a folder that are not the project's: what editors put beside a text, what steers an editor, and
what tools make. Pure.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

SIDE = (
    "*~",
    ".*.sw[a-z]",
    ".*.un~",
    "4913",
    ".#*",
    "#*#",
    ".goutputstream-*",
    ".~lock.*#",
    "*.kate-swp",
    "*___jb_tmp___",
    "*___jb_old___",
    "*.crswap",
    ".DS_Store",
    "._*",
    "Thumbs.db",
)
"""Copies, locks and half-written texts; each editor's are in docs/editors.md."""

STEERING = (
    ".exrc",
    ".nvimrc",
    ".nvim.lua",
    ".lvimrc",
    ".dir-locals.el",
    ".dir-locals-2.el",
    ".kateproject",
    "*.sublime-project",
    "*.sublime-workspace",
)
"""Files by which a project tells an editor what to run: a host must not get that far."""

DIRECTORIES = (
    ".git",
    ".hg",
    ".svn",
    ".idea",
    ".vscode",
    ".vs",
    ".zed",
    ".helix",
    ".fleet",
    ".cursor",
    "__pycache__",
    "node_modules",
    ".venv",
    ".tox",
    ".nox",
    ".cache",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".ipynb_checkpoints",
)
"""Repositories, the settings of editors, and the caches of tools."""

# fmt: off
BINARY = frozenset({
    "7z", "a", "avi", "bin", "bmp", "bz2", "ckpt", "class", "dll", "doc", "docx", "dylib", "eot",
    "exe", "feather", "flac", "gguf", "gif", "gz", "h5", "hdf5", "ico", "jar", "jpeg", "jpg", "lz4",
    "mkv", "mov", "mp3", "mp4", "nc", "npy", "npz", "o", "odt", "ogg", "onnx", "otf", "parquet",
    "pdf", "pickle", "pkl", "png", "ppt", "pptx", "pt", "pth", "pyc", "pyd", "rar", "safetensors",
    "so", "sqlite", "sqlite3", "tar", "tgz", "tif", "tiff", "tflite", "ttf", "wasm", "wav", "webm",
    "webp", "whl", "woff", "woff2", "xls", "xlsx", "xz", "zip", "zst",
})
# fmt: on
"""Extensions of what is no text: not even looked at."""

SNIFFED = 8192  # bytes that tell a text from the rest, as git and grep do it

_MATCHING = re.compile("[*?[]")


def is_side_file(name: str) -> bool:
    """Whether a file of this name is an editor's own."""
    return _like(name, SIDE)


def is_left_out(path: str) -> bool:
    """Whether *path*, relative to the folder, is neither laid out nor sent, whatever is in it."""
    return _is_tools(path) or _steers(path) or not path.isprintable()


def why_not(path: str) -> str:
    """Why what the user himself may have made is not sent; empty for what editors and tools make, and for
    what is sent.
    """
    if _is_tools(path):
        return ""
    if _steers(path):
        return "it tells editors what to do"
    return "" if path.isprintable() else "its name cannot be shown"


def is_binary_name(path: str) -> bool:
    """Whether the name says that it is no text."""
    name, dot, extension = path.rpartition("/")[2].rpartition(".")
    return bool(name and dot) and extension.lower() in BINARY


def is_text(head: bytes) -> bool:
    """Whether a file that begins with *head* is one."""
    return b"\0" not in head[:SNIFFED]


def _is_tools(path: str) -> bool:
    # on some laptops .Git is .git
    *directories, name = path.casefold().split("/")
    return any(one in DIRECTORIES for one in (*directories, name)) or _like(path.rpartition("/")[2], SIDE)


def _steers(path: str) -> bool:
    return _like(path.casefold().rpartition("/")[2], STEERING)


def _like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name == one or (_MATCHING.search(one) and fnmatchcase(name, one)) for one in patterns)
