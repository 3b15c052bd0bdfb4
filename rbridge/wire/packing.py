"""Whether compressing a text that is sent whole pays, and its compressed form: one decision for all of them.

A sample from the middle decides: the start of a text is often another sort of text (a licence, a header), of
an archive it is the list of names. On a fast line a text that hardly shrinks costs more time to compress than
to send; a fifth is what base64 in a notebook gives, and worth having on a slow one.
"""

import zlib

MYPY = False
if MYPY:
    from typing import Dict, Optional

SAMPLE = 64 * 1024
"""Bytes from the middle of a text that tell whether compressing it pays."""

PAYS = 0.8  # of a sample's size; else the time is better spent on sending
WORTHLESS = 256  # bytes up to which there is nothing to be had

QUICKLY = 1
"""zlib's level where somebody waits or the text is large: a third of the time of the usual one, and a tenth
more bytes."""

USUAL = 6


def middle(size: int) -> int:
    """Where in a text of *size* bytes its sample begins."""
    return max(0, (size - SAMPLE) // 2)


def pays(sample: bytes) -> bool:
    """Whether compressing is worth the time for a text with this *sample*."""
    return len(sample) > WORTHLESS and _is_smaller(zlib.compress(sample, QUICKLY), sample)


def packed(data: bytes, level: int = USUAL) -> "Optional[bytes]":
    """*data* compressed, None when that does not pay."""
    if len(data) <= WORTHLESS:
        return None
    if len(data) > SAMPLE:
        start = middle(len(data))
        return zlib.compress(data, level) if pays(data[start : start + SAMPLE]) else None
    made = zlib.compress(data, level)  # takes no longer than a sample
    return made if _is_smaller(made, data) else None


def said(data: bytes, headers: "Dict[str, str]", level: int = USUAL) -> bytes:
    """The body of a record whose text is *data*; *headers* say how it is packed, where it is."""
    body = packed(data, level)
    if body is None:
        return data
    headers.update(encoding="zlib", size=str(len(data)))
    return body


def _is_smaller(made: bytes, data: bytes) -> bool:
    return len(made) < PAYS * len(data)
