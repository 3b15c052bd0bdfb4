from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rbridge.client import exchange


@pytest.fixture
def names(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a", tmp_path / os.fsdecode(b"b\xff")
    a.write_text("a")
    b.write_text("b")
    return a, b


def test_two_names_are_swapped(names: tuple[Path, Path]) -> None:
    a, b = names
    assert exchange.exchange(str(a), str(b))
    assert (a.read_text(), b.read_text()) == ("b", "a")


def test_it_is_loaded_once(names: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_call", [])
    exchange.load()
    exchange.load()
    assert len(exchange._call) == 1
    assert exchange.exchange(*map(str, names))


def test_a_name_that_is_not_there_is_an_error(names: tuple[Path, Path]) -> None:
    a, b = names
    b.unlink()
    with pytest.raises(FileNotFoundError):
        exchange.exchange(str(a), str(b))
    assert a.read_text() == "a"


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EBUSY, errno.EXDEV])
def test_where_it_cannot_be_had_nothing_is_done(
    names: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    import ctypes

    def call(*arguments: object) -> int:
        ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(exchange, "_call", [call])
    assert not exchange.exchange(*map(str, names))


def test_without_linux_or_ctypes_it_cannot_be_had(
    names: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_call", [None])
    assert not exchange.exchange(*map(str, names))
    assert names[0].read_text() == "a"


def test_a_c_library_without_the_function_is_asked_by_number(
    names: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctypes

    class Old:
        """glibc before 2.28."""

        def __init__(self, library: ctypes.CDLL) -> None:
            self.syscall = library.syscall

    real = ctypes.CDLL(None, use_errno=True)
    monkeypatch.setattr(ctypes, "CDLL", lambda *arguments, **named: Old(real))
    monkeypatch.setattr(exchange, "_call", [])
    if os.uname().machine not in exchange._NUMBERS:
        assert not exchange.exchange(*map(str, names))
        return
    assert exchange.exchange(*map(str, names))
    assert names[0].read_text() == "b"


def test_a_system_that_forbids_what_ctypes_does_is_one_without_it(
    names: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*arguments: object, **named: object) -> object:
        raise MemoryError

    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", forbidden)
    monkeypatch.setattr(exchange, "_call", [])
    assert not exchange.exchange(*map(str, names))


def test_a_name_is_kept_free_for_who_has_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileExistsError):
            exchange.keep(fd, "a", fd, "b")
        assert (tmp_path / "b").read_text() == "b"
        assert exchange.keep(fd, "a", fd, os.fsdecode(b"c\xff"))
        assert (tmp_path / os.fsdecode(b"c\xff")).read_text() == "a"
        with pytest.raises(FileNotFoundError):
            exchange.keep(fd, "a", fd, "d")
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("code", "raises"), [(errno.ENOSYS, False), (errno.EINVAL, False), (errno.EACCES, True)]
)
def test_where_the_kernel_cannot_keep_a_name_free_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, raises: bool
) -> None:
    import ctypes

    monkeypatch.setattr(exchange, "_call", [lambda *_args: -1])
    monkeypatch.setattr(ctypes, "get_errno", lambda: code)
    if raises:
        with pytest.raises(OSError, match="denied"):
            exchange.keep(3, "a", 3, "b")
    else:
        assert not exchange.keep(3, "a", 3, "b")
        assert not exchange.keep(3, "a", 4, "a")
    monkeypatch.setattr(exchange, "_call", [None])
    assert not exchange.keep(3, "a", 3, "b")
