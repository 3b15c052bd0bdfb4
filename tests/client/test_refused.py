"""Why something was not done in a folder."""

from __future__ import annotations

import errno

import pytest

from rbridge.client.refused import Refused, refusal
from rbridge.client.root import Outside
from rbridge.errors import CannotCreate, Denied, NoInput, RemoteProtocolError


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOENT, "gone"),
        (errno.ENOTDIR, "gone"),
        (errno.EACCES, "denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "no-space"),
        (errno.EEXIST, "exists"),
        (errno.ELOOP, "failed"),
        (errno.EIO, "failed"),
    ],
)
def test_an_errno_is_said_by_a_word_and_a_line(code: int, reason: str) -> None:
    found = refusal("list src", OSError(code, "whatever"))
    assert found.reason == reason
    assert found.message.startswith("cannot list src: ")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Outside(), "outside"),
        (RemoteProtocolError("x is no number"), "failed"),
        (NoInput("x"), "failed"),
        (Denied("x"), "denied"),
        (CannotCreate("x"), "gone"),
        (ValueError("x"), "failed"),
        (Refused("busy", "x"), "busy"),
    ],
)
def test_any_error_has_a_reason(error: BaseException, reason: str) -> None:
    assert refusal("list src", error).reason == reason


def test_a_message_is_one_clean_line() -> None:
    assert "\n" not in Refused("failed", "a\nb\x1b").message
