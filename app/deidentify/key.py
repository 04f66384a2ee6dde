"""The secret that makes pseudonyms: made once, kept in the data folder, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from app.storage import atomic_write, data_folder

NAME = "deidentify.key"
_BYTES = 32


def key(path: Path | None = None) -> bytes:
    """32 bytes from `path` or the data folder's own file, which is made when there is none.

    Who has it can find out again who a pseudonym is by trying patient IDs. Raises ValueError for a file that is no key, OSError.
    """
    place = path or data_folder() / NAME
    if not place.exists():
        if path is not None:
            raise ValueError(f"there is no key {path}; name the file of an earlier run, or leave --key out")
        atomic_write(place, secrets.token_bytes(_BYTES).hex() + "\n", private=True)
    text = place.read_text(encoding="ascii", errors="replace").strip()
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != _BYTES:
        raise ValueError(f"{place} is no key: it must hold 64 hexadecimal digits")
    if os.name != "nt" and place.stat().st_mode & 0o077:
        place.chmod(0o600)
    return found
