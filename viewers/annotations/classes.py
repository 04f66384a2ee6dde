"""The classes marks are sorted into: a name, a colour, a key, and whether they are shown."""

from __future__ import annotations

import colorsys
import re
import zlib
from dataclasses import dataclass

Colour = tuple[int, int, int]
"""sRGB, 0 … 255."""
UNCLASSIFIED: Colour = (255, 255, 0)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")


@dataclass(frozen=True, slots=True)
class AnnotationClass:
    """`key` is the digit ("1" … "9") that assigns it, "" for none. Raises ValueError for a name that cannot be shown."""

    name: str
    colour: Colour
    key: str = ""
    visible: bool = True

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name != self.name.strip():
            raise ValueError(f"a class needs a name of 1 to 80 letters without line breaks, not {self.name[:80]!r}")


DEFAULT = (
    AnnotationClass("Tumor", (200, 0, 0), "1"),
    AnnotationClass("Stroma", (150, 200, 150), "2"),
    AnnotationClass("Immune cells", (160, 90, 160), "3"),
    AnnotationClass("Necrosis", (50, 50, 50), "4"),
    AnnotationClass("Other", (255, 200, 0), "5"),
    AnnotationClass("Region*", (0, 0, 180), "6"),
    AnnotationClass("Ignore*", (180, 180, 180), "7"),
    AnnotationClass("Positive", (250, 62, 62), "8"),
    AnnotationClass("Negative", (112, 112, 225), "9"),
)
"""QuPath's classes and colours, so that a project looks the same in both."""


def unseen(name: str) -> AnnotationClass:
    """A class met in a file that states no colour: always the same one for the same name, never a grey."""
    known = {one.name: one for one in DEFAULT}
    if name in known:
        return known[name]
    hue = zlib.crc32(name.encode()) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 0.85)
    return AnnotationClass(name, (round(red * 255), round(green * 255), round(blue * 255)))
