"""The pieces that the saver's fault tests run under strace: plain values in, plain values out."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from rbridge.client import exchange, rebuild, saver
from rbridge.wire import delta

exchange.exchange("/", "/")  # loads ctypes, as a client's second save finds it


def save(path: str, state: str, base: list[Any] | None, text: str) -> dict[str, Any]:
    """Receive *text* in pieces and save it; *base* is a Stamp's fields."""
    body = text.encode("latin-1")
    staging = saver.Staging(path, state, len(body))
    for start in range(0, len(body), 700_000):
        staging.write(body[start : start + 700_000])
    staging.finish()
    return told(saver.save(saver.Target(path, None if base is None else saver.Stamp(*base)), staging))


def save_change(path: str, state: str, base: list[Any], text: str, before: str) -> dict[str, Any]:
    """The same for a text that comes as its difference to *before*."""
    new = text.encode("latin-1")
    body = delta.encode(before.encode("latin-1"), new)
    assert body is not None
    target = saver.Target(path, saver.Stamp(*base))
    digest = hashlib.sha256(new).hexdigest()
    return told(rebuild.save(target, body, len(new), digest, state, "the laptop keeps your text"))


def told(outcome: saver.Outcome) -> dict[str, Any]:
    return {
        "kind": outcome.kind,
        "reason": outcome.reason,
        "message": outcome.message,
        "kept": outcome.kept,
    }


def save_without_swapping(**arguments: Any) -> dict[str, Any]:
    """The same where the file system cannot swap names, such as NFS."""
    saver.exchange = lambda a, b: False
    return save(**arguments)


def save_beside_another(theirs: str, **arguments: Any) -> dict[str, Any]:
    """The same while another program renames its file *theirs* to the target, in the instant of the swap."""
    swap = saver.exchange

    def exchange(a: str, b: str) -> bool:
        if os.path.exists(theirs):
            os.rename(theirs, b)
        return swap(a, b)

    saver.exchange = exchange
    return save(**arguments)


def recover(state: str) -> list[str]:
    return saver.recover(state)
