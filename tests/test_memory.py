"""The directory for open texts."""

from __future__ import annotations

import os
import stat

from rbridge import memory, mounts


def mode(path: os.PathLike[str] | str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_texts_lie_in_memory_where_there_is_some(home, monkeypatch):
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(home.path / "run"))
    directory, in_memory = memory.files_dir()
    assert os.path.isdir(directory)
    assert mode(directory) == 0o700
    assert in_memory == mounts.in_memory(directory)
    assert directory == memory.files_dir()[0]


def test_texts_of_two_runtime_directories_are_apart(home, monkeypatch):
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(home.path / "one"))
    first, _ = memory.files_dir()
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(home.path / "two"))
    assert memory.files_dir()[0] != first


def test_without_a_memory_file_system_texts_lie_in_the_runtime_directory(home, monkeypatch):
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(home.path / "run"))
    monkeypatch.setattr(mounts, "memory_dirs", list)
    monkeypatch.setattr(mounts, "in_memory", lambda path: False)
    assert memory.files_dir() == (str(home.path / "run/files"), False)
