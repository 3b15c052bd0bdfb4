"""The daemon's log: a file that rotates, readable by us alone, and stderr.

No text of a document, key, token or environment goes into it, at any level. What we log ourselves keeps to
that by what it passes; the message of an unexpected exception could quote anything, so of those only the type
and the place are written.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import traceback
from contextlib import suppress
from io import TextIOWrapper
from types import TracebackType
from typing import Union

from rbridge.errors import CannotCreate, RbridgeError, clean

FILES = 3  # the current log and the ones before it

logger = logging.getLogger("rbridge")

_ExcInfo = Union["tuple[type[BaseException], BaseException, TracebackType | None]", "tuple[None, None, None]"]


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        first, newline, rest = super().format(record).partition("\nTraceback")
        return clean(first) + newline + rest

    def formatException(self, ei: _ExcInfo) -> str:
        error = ei[1]
        return "Traceback:\n" + "\n".join(_frames(error)) if error is not None else ""


class _PrivateFile(logging.handlers.RotatingFileHandler):
    _failed = False

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return open(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written, as on a full disk, is said once and holds nothing up."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        if not self._failed:
            self._failed = True
            with suppress(OSError):
                sys.stderr.write(f"rbridge: the log cannot be written: {error.strerror}\n")
        if self.stream is not None:
            # with what it could not write; the next record opens the file anew
            stream, self.stream = self.stream, None
            with suppress(OSError):
                stream.close()


def to_file(path: str, size: int) -> logging.Handler:
    """A handler that writes to *path*, begins a new file after *size* bytes and keeps FILES of them.

    Raises CannotCreate.
    """
    try:
        handler = _PrivateFile(path, maxBytes=size, backupCount=FILES - 1)
    except OSError as error:
        raise CannotCreate(f"cannot write {path}: {error.strerror}") from error
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


def to_stderr(verbose: int = 0) -> logging.Handler:
    """A handler for the terminal: warnings; with *verbose* 1 all that happens, with 2 details too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])
    handler.setFormatter(_Formatter("rbridge: %(message)s"))
    return handler


def begin(*handlers: logging.Handler) -> None:
    """Write to *handlers* from now on, and to nothing else."""
    end()
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


def end() -> None:
    """Close all that :func:`begin` was given."""
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def _frames(error: BaseException, depth: int = 0) -> list[str]:
    """Where *error* and those inside or behind it were raised, without their messages."""
    lines = [
        f"  {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    said = f": {error}" if isinstance(error, RbridgeError) else ""
    if isinstance(error, OSError) and error.strerror:
        said = f": {error.strerror}"
    lines.append(f"  {type(error).__name__}{said}")
    inner: list[BaseException] = list(getattr(error, "exceptions", ()))
    if error.__cause__ is not None:
        inner.append(error.__cause__)
    if depth < 8:
        for one in inner:
            lines += _frames(one, depth + 1)
    return lines
