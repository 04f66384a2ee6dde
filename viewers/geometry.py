"""Places and sizes in a picture, as values that are valid from birth.

The frame of reference is the picture's own pixel matrix (a slide's level 0): x to picture-right, y down, in pixels.
Pixel sizes (`Size`) and physical lengths (`Spacing`, in mm) are different types, so that mixing them is a type error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, both at least 1."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a size needs at least 1 × 1 pixels, not {self.width} × {self.height}")

    @classmethod
    def parse(cls, text: str) -> Size:
        """`"640,480"` as a size; raises ValueError with what was given."""
        return cls(*_integers(text, 2, "a size is written width,height"))

    def fitted(self, longest: int) -> Size:
        """The same shape with its longer side at most `longest` pixels; never enlarged."""
        scale = min(1.0, longest / max(self.width, self.height))
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of one frame, in level-0 pixels.

    It may reach beyond the picture: what lies outside is padding (white on a slide, black on a radiograph).
    """

    x: int
    y: int
    width: int
    height: int
    frame: int = 0

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a region needs at least 1 × 1 pixels, not {self.width} × {self.height}")
        if self.frame < 0:
            raise ValueError(f"frames are counted from 0, not {self.frame}")

    @classmethod
    def whole(cls, size: Size, frame: int = 0) -> Region:
        return cls(0, 0, size.width, size.height, frame)

    @classmethod
    def parse(cls, text: str, frame: int = 0) -> Region:
        """`"x,y,width,height"` as a region; raises ValueError with what was given."""
        x, y, width, height = _integers(text, 4, "a region is written x,y,width,height")
        return cls(x, y, width, height, frame)

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def intersection(self, other: Region) -> Region | None:
        """What both cover, or None; the frame is this region's."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Region(x, y, width, height, self.frame) if width > 0 and height > 0 else None

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}" + (f" frame {self.frame}" if self.frame else "")


class Provenance(StrEnum):
    """Where a spacing came from, in the words shown beside every length (PS3.3 10.7 for DICOM)."""

    PATIENT = "patient plane"
    REFORMATTED = "patient plane, reformatted"
    DETECTOR = "at detector"
    CALIBRATED = "calibrated"
    MAGNIFIED = "magnified, estimated"
    REGION = "ultrasound region"
    SLIDE = "slide property"
    TIFF = "TIFF resolution"
    OBJECTIVE = "from objective power"
    READER = "given by the reader"
    BY_HAND = "calibrated by the reader"
    REMEMBERED = "remembered for this scanner"


@dataclass(frozen=True, slots=True)
class Spacing:
    """Millimetres per pixel along x and y, and where the value came from."""

    x_mm: float
    y_mm: float
    provenance: Provenance

    def __post_init__(self) -> None:
        if not (math.isfinite(self.x_mm) and math.isfinite(self.y_mm) and self.x_mm > 0 and self.y_mm > 0):
            raise ValueError(f"a pixel spacing must be above 0 mm, not {self.x_mm} × {self.y_mm}")

    @property
    def mpp(self) -> float:
        """Micrometres per pixel, the mean of both directions."""
        return (self.x_mm + self.y_mm) * 500.0

    @property
    def magnification(self) -> float:
        """The objective power this spacing corresponds to: 10 / (µm per pixel), so 0.5 µm is 20×."""
        return 10.0 / self.mpp


def _integers(text: str, count: int, rule: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise ValueError(f"{rule} in whole pixels, not {text!r}")
    return numbers
