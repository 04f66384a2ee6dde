"""Inflating within limits, so that a small file cannot fill the memory."""

from __future__ import annotations

import zlib

MAX_BYTES = 2**30
MAX_RATIO = 200
_STEP = 16 * 2**20
_FREE = 64 * 2**20  # short runs may compress better than the ratio without harm


class InflateError(ValueError):
    """Deflated data that is damaged or grows beyond the limit; the message says which."""


def inflated(data: bytes) -> bytes:
    """Raw deflate data (RFC 1951) as bytes. Raises InflateError above 1 GiB, or above 64 MiB when it grows over 200-fold."""
    limit = min(MAX_BYTES, max(_FREE, MAX_RATIO * len(data)))
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    parts, total = [], 0
    try:
        while not engine.eof:
            part = engine.decompress(data, _STEP)
            data = engine.unconsumed_tail
            if not part and not data:
                break
            total += len(part)
            if total > limit:
                raise InflateError(f"inflates to more than the limit of {limit // 2**20} MiB")
            parts.append(part)
    except zlib.error as error:
        raise InflateError("holds damaged deflated data") from error
    return b"".join(parts)
