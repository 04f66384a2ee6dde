"""A record to be asked about: plain text, a FHIR bundle as plain lines, or the text of a PDF. Nothing of it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app import fhir_lines
from app.reports.sentences import plain
from viewers.errors import SourceError, reading

MOST_BYTES = 20 * 2**20
SUFFIXES = (".txt", ".md", ".json", ".pdf")


def read(path: Path) -> str:
    """The words of a file, never empty. Raises SourceError for what is no text, holds none, or is larger than `MOST_BYTES`."""
    with reading(path):
        if path.is_dir():
            raise SourceError(path, f"{path.name} is a folder: choose one file of text, JSON or PDF.")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise SourceError(path, f"{path.name} has {size / 2**20:.0f} MiB, and no model reads so much: choose a part of it.")
        raw = path.read_bytes()
    if raw.startswith(b"%PDF-"):
        from viewers.sources.pdf import text_of

        return worded(text_of(path), path)
    text = _decoded(raw, path)
    if text.lstrip().startswith(("{", "[")) or path.suffix.lower() == ".json":
        text = "\n".join(fhir_lines.lines(_json(text, path)))
    return worded(text, path)


def worded(text: str, path: Path | None = None) -> str:
    """Without control characters. Raises SourceError where nothing is left: a record without words has no answer."""
    words = plain(text).strip()
    if not any(one.isalnum() for one in words):
        name = path.name if path is not None else "the record"
        raise SourceError(path or Path(), f"{name} holds no words: there is nothing to ask about.")
    return words


def _decoded(raw: bytes, path: Path) -> str:
    """UTF-8, or UTF-16 with its mark."""
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not wide and b"\0" in raw:
        raise SourceError(path, f"{path.name} is no text: choose a file of text, JSON or PDF.")
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(path, f"{path.name} is no text in UTF-8: save it as UTF-8, or paste its words.") from error


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError) as error:
        raise SourceError(path, f"{path.name} is damaged: it is no JSON ({error}); export it again.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _never(word: str) -> Any:
    raise ValueError(f"{word} is no number")
