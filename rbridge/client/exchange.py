"""Swapping two names in one step, or renaming without replacing, where the kernel can: renameat2(2), Linux
3.15+.

A rename destroys whatever stands at its target in that instant, seen or not. A swap leaves it under the other
name, where it can be looked at and swapped back. ctypes is the only way there in the standard library; it
costs 6 ms once, at the first save.
"""

import errno
import os

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Optional

AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
# For a C library older than glibc 2.28; the call's number by machine.
_NUMBERS = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "ppc64le": 357, "s390x": 347}
# No such call, not on this file system, a filter that answers EPERM: rename will tell what is really wrong.
_CANNOT = (
    errno.ENOSYS,
    errno.EINVAL,
    errno.ENOTSUP,
    errno.EPERM,
    errno.EACCES,
    errno.EBUSY,
    errno.EXDEV,
    errno.ENOTTY,
)

_call: "List[Optional[Callable[..., int]]]" = []


def exchange(a: str, b: str) -> bool:
    """Swap the files named *a* and *b*; False, with nothing done, where that cannot be had.

    Raises OSError for any other failure: whether it was done has to be looked up then.
    """
    load()
    call = _call[0]
    if call is None:
        return False
    if call(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0:
        return True
    import ctypes

    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), a, None, b)


def keep(from_fd: int, name: str, to_fd: int, to: str) -> bool:
    """Rename *name* in one directory to *to* in another, where nothing may be; False as above.

    Raises OSError, FileExistsError for one.
    """
    load()
    call = _call[0]
    if call is None:
        return False
    if call(from_fd, os.fsencode(name), to_fd, os.fsencode(to), RENAME_NOREPLACE) == 0:
        return True
    import ctypes

    code = ctypes.get_errno()
    # EINVAL: a file system that cannot, as NFS, or a directory that is to go into itself; rename(2) tells
    if code in (errno.ENOSYS, errno.ENOTSUP, errno.EINVAL):
        return False
    raise OSError(code, os.strerror(code), name, None, to)


def load() -> None:
    """Find the call, once; what takes so long is importing ctypes."""
    if not _call:
        _call.append(_load())


def _load() -> "Optional[Callable[..., int]]":
    if os.uname().sysname != "Linux":
        return None
    try:
        import ctypes

        library: "Any" = ctypes.CDLL(None, use_errno=True)
        try:
            call = library.renameat2
            call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
            call.restype = ctypes.c_int
            return call  # type: ignore[no-any-return]
        except AttributeError:
            number = _NUMBERS.get(os.uname().machine)
            if number is None:
                return None
            syscall = library.syscall
            long = ctypes.c_long

            def by_number(at: int, a: bytes, to: int, b: bytes, flags: int) -> int:
                return int(syscall(long(number), long(at), a, long(to), b, long(flags)))

            return by_number
    except (ImportError, OSError, MemoryError):
        # QUIRK: Python 3.6 says MemoryError where no memory may be written and executed (SELinux, PaX)
        return None
