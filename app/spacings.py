"""Sizes of a pixel that files lack or state wrongly: given by the reader for one slide, or for all of a scanner.

What a reader gave for one slide comes before the file's own word. What was given for a scanner stands in where the file states
nothing, or where its objective power alone lets one guess. Nothing is ever assumed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.storage import atomic_write, data_folder
from viewers.geometry import Provenance, Spacing
from viewers.sources import ScannedSource, Source
from viewers.sources import open_source as open_stated
from viewers.sources.layout import SANE_MPP

MOST = 5000
"""Slides remembered; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Spacings:
    """µm per pixel by absolute path of a slide, and by the scanner's key."""

    slides: Mapping[str, float]
    scanners: Mapping[str, float]

    def of(self, source: ScannedSource) -> Spacing | None:
        """What takes the place of the size the source has now; None where that stays."""
        own = self.slides.get(str(source.path.absolute()))
        if own is not None:
            return _spacing(own, Provenance.READER)
        weak = source.spacing is None or source.spacing.provenance is Provenance.OBJECTIVE
        known = self.scanners.get(source.scanner) if weak and source.scanner else None
        return None if known is None else _spacing(known, Provenance.REMEMBERED)


def checked(mpp: float) -> float:
    """Raises ValueError, with a sentence for the reader, for what can be no size of a pixel."""
    low, high = SANE_MPP
    if not (math.isfinite(mpp) and low <= mpp <= high):
        raise ValueError(f"{mpp:g} µm per pixel cannot be right: give a number from {low:g} to {high:g}.")
    return mpp


def load() -> Spacings:
    """What is remembered; nothing where there is no file. What of a file is not as it must be counts as not there."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    parts = found if isinstance(found, dict) else {}
    return Spacings(_numbers(parts.get("slides")), _numbers(parts.get("scanners")))


def remember(path: Path, mpp: float | None, scanner: str = "") -> Spacings:
    """Keep a size for a slide, or for `scanner` where one is named; None forgets both. Not for the GUI thread: it syncs a file.

    Raises ValueError for what can be no size of a pixel, and OSError.
    """
    known = load()
    slides, scanners = dict(known.slides), dict(known.scanners)
    slides.pop(str(path.absolute()), None)
    if mpp is None:
        scanners.pop(scanner, None)
    elif scanner:
        scanners[scanner] = checked(mpp)
    else:
        slides[str(path.absolute())] = checked(mpp)
    kept = Spacings(dict(list(slides.items())[-MOST:]), scanners)
    content = json.dumps({"scanners": kept.scanners, "slides": kept.slides}, indent=1, ensure_ascii=False)
    atomic_write(_path(), content, private=True)
    return kept


def spaced(source: Source, known: Spacings | None = None) -> Source:
    """The same source, with the size of a pixel that the reader gave for it or its scanner, if any."""
    if isinstance(source, ScannedSource):
        given = (known or load()).of(source)
        if given is not None:
            source.give_spacing(given)
    return source


def open_source(path: Path) -> Source:
    """As `viewers.sources.open_source`, with what the reader gave. Raises SourceError."""
    return spaced(open_stated(path))


def told(source: Source) -> tuple[str, ...]:
    """For receipts: where a slide's size of a pixel comes from, if not from the file itself."""
    spacing = source.spacing
    if source.kind != "slide" or spacing is None:
        return ()
    known = spacing.provenance in (Provenance.READER, Provenance.REMEMBERED, Provenance.OBJECTIVE)
    return (f"{spacing.mpp:.4g} µm per pixel, {spacing.provenance}",) if known else ()


def _path() -> Path:
    return data_folder() / "spacings.json"


def _numbers(part: object) -> dict[str, float]:
    if not isinstance(part, dict):
        return {}
    numbers = {str(key): float(one) for key, one in part.items() if isinstance(one, int | float) and not isinstance(one, bool)}
    return {key: one for key, one in numbers.items() if SANE_MPP[0] <= one <= SANE_MPP[1]}


def _spacing(mpp: float, provenance: Provenance) -> Spacing:
    return Spacing(mpp / 1000, mpp / 1000, provenance)
