"""A name for what a slide holds, whatever its file is called."""

from __future__ import annotations

import hashlib
from pathlib import Path

from viewers.sources import Source

_HEAD = 2**20


def identity(path: Path, source: Source) -> str:
    """A name for what a slide holds, the same wherever its file lies and whichever file of it was opened; 32 hex digits.

    OpenSlide's own (a hash of the smallest level) where it gives one, else of the file's first, middle and last parts.
    """
    digest = hashlib.sha256(f"{source.size.width}x{source.size.height}".encode())
    known = str(getattr(source, "identity", ""))
    digest.update(known.encode() if known else _parts(path))
    return digest.hexdigest()[:32]


def _parts(path: Path) -> bytes:
    if path.is_dir():
        return str(path.resolve()).encode()
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for place in (0, max(0, size // 2), max(0, size - _HEAD)):
            file.seek(place)
            digest.update(file.read(_HEAD))
    return digest.digest()
