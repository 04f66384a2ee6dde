"""What every kind of source says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from viewers.geometry import Spacing

if TYPE_CHECKING:
    from viewers.sources import Source


def described(source: Source, **more: object) -> Mapping[str, object]:
    """The keys every source has, then `more`; values JSON can hold. No patient field is among them."""
    facts = source.facts
    common: dict[str, object] = {
        "path": str(source.path),
        "kind": source.kind,
        "modality": source.modality,
        "width": source.size.width,
        "height": source.size.height,
        "frames": source.frames,
        "levels": [
            {"width": level.size.width, "height": level.size.height, "downsample": level.downsample} for level in source.levels
        ],
        "spacing": spacing_described(source.spacing),
        "transfer_syntax": None,
        "lossy": None,
        "windows": [],
        "vendor": "",
        "objective": None,
        "view": facts.view if facts else "",
        "body_part": facts.body_part if facts else "",
        "laterality": facts.laterality if facts else "",
    }
    return common | more | {"notes": list(source.notes)}


def spacing_described(spacing: Spacing | None) -> Mapping[str, object] | None:
    if spacing is None:
        return None
    return {"x_mm": spacing.x_mm, "y_mm": spacing.y_mm, "mpp": spacing.mpp, "provenance": str(spacing.provenance)}
