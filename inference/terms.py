"""The publisher's terms of use: what the reader is shown, and the record that they were accepted."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import resources
from inference.catalogue import Entry
from inference.errors import TermsNotAccepted
from inference.places import home


def text(entry: Entry) -> str:
    """What is shown before a model is fetched; empty where there is nothing to accept."""
    return resources.text(f"terms/{entry.terms}.txt") if entry.terms else ""


def accept(entry: Entry, shown: str) -> None:
    """Record that the reader accepted the text that was `shown`: its first line, the date (UTC) and its SHA-256."""
    record = {
        "terms": entry.terms,
        "version": shown.partition("\n")[0],
        "accepted": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": _digest(shown),
    }
    path = _record(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    part.replace(path)


def accepted(entry: Entry) -> bool:
    """Whether the terms as they stand now were accepted; a changed text must be accepted anew."""
    if not entry.terms:
        return True
    try:
        return bool(json.loads(_record(entry).read_text(encoding="utf-8"))["sha256"] == _digest(text(entry)))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def require(entry: Entry) -> None:
    """Raises TermsNotAccepted."""
    if not accepted(entry):
        raise TermsNotAccepted(f"{entry.title} comes under terms of use that were not accepted yet; read and accept them first")


def _record(entry: Entry) -> Path:
    return home() / "terms" / f"{entry.terms}.json"


def _digest(shown: str) -> str:
    return hashlib.sha256(shown.encode()).hexdigest()
