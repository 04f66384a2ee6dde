"""SHA-256 of files, remembered while size, times and inode stay the same, so that a large model is hashed once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from inference.places import cache

REMEMBER_FROM = 1 << 24
"""Bytes; smaller files are hashed every time."""


def of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of the file's bytes."""
    status = path.stat()
    if status.st_size < REMEMBER_FROM:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    key = str(path.resolve())
    mark = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    known = _remembered()
    if key in known and known[key][:-1] == mark:
        return str(known[key][-1])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _remember(known | {key: [*mark, digest]})
    return digest


def of_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _store() -> Path:
    return cache() / "checksums.json"


def _remembered() -> dict[str, list[int | str]]:
    try:
        table = json.loads(_store().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _remember(table: dict[str, list[int | str]]) -> None:
    """Lost without harm: the file is only hashed again."""
    with contextlib.suppress(OSError):
        _store().parent.mkdir(parents=True, exist_ok=True)
        part = _store().with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(table), encoding="utf-8")
        part.replace(_store())
