"""Compressing texts that are sent whole, where that pays."""

import zlib

MYPY = False
if MYPY:
    from typing import Dict, Optional

SAMPLE = 64 * 1024
"""Bytes at the start of a text that tell whether compressing it pays."""

PAYS = 0.8  # of a sample's size; else the time is better spent on sending
WORTHLESS = 256  # bytes up to which there is nothing to be had
QUICKLY = 1  # zlib's level where the user waits: a third of the time of the usual one, a tenth more bytes
USUAL = 6


def pays(sample: bytes) -> bool:
    """Whether compressing is worth the time for a text that begins with *sample*."""
    return len(sample) > WORTHLESS and len(zlib.compress(sample, QUICKLY)) < PAYS * len(sample)


def packed(data: bytes, level: int = USUAL) -> "Optional[bytes]":
    """*data* compressed, None when that does not pay."""
    return zlib.compress(data, level) if pays(data[:SAMPLE]) else None


def opened(data: bytes, headers: "Dict[str, str]") -> bytes:
    """The body of an ``open`` of the text *data*; *headers* say how it is packed."""
    body = packed(data, QUICKLY)
    if body is None:
        return data
    headers.update(encoding="zlib", size=str(len(data)))
    return body
