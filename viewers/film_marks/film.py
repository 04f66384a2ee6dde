"""The frames of an opened film as marks see them: their lasting keys, spacings, values and places in the patient."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.film_marks.film_mark import FrameKey
from viewers.geometry import Region, Spacing
from viewers.sources import GrayscaleSource, Source, values
from viewers.sources.dicom import Dicom
from viewers.sources.local_spacing import belong_together, spacing_over
from viewers.sources.placed import Placed

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Place = tuple[float, float, float]
"""Patient coordinates in mm: x to the patient's left, y to the back, z to the head."""


class Film:
    """`own` is a text that tells the picture apart where it is not DICOM, such as a digest. Cheap to make, for any thread."""

    def __init__(self, source: Source, own: str = "") -> None:
        self.source = source
        self._slices: Sequence[Placed] = source.slices if isinstance(source, Dicom) else ()
        digests: dict[int, str] = {}
        self.keys = tuple(self._key(number, own, digests) for number in range(source.frames))
        self.numbers: Mapping[FrameKey, int] = {key: number for number, key in enumerate(self.keys)}

    def _key(self, number: int, own: str, digests: dict[int, str]) -> FrameKey:
        if number >= len(self._slices):
            return FrameKey(digest("picture", own), number)
        one = self._slices[number]
        file = id(one.header)
        if file not in digests:
            uid = values.uid(one.header, "SOPInstanceUID")  # asked of the header, which need not be parsed for it
            digests[file] = digest("instance", uid) if uid else digest("picture", f"{own} {number}")
        return FrameKey(digests[file], one.frame)

    @property
    def is_dicom(self) -> bool:
        return bool(self._slices)

    def header(self, number: int) -> tuple[Dataset, int]:
        """The data set of a frame without its pixels, and which frame of it. IndexError where the film is not DICOM."""
        one = self._slices[number]
        return one.header.dataset, one.frame

    def spacing(self, places: NDArray[np.float64]) -> Spacing | None:
        """What a pixel measures where all of `places` (n, 2) lie; None where nothing is stated, and across ultrasound regions."""
        return spacing_over(self.source, ((float(x), float(y)) for x, y in places))

    def calibrates(self, line: NDArray[np.float64], places: NDArray[np.float64]) -> bool:
        """Whether a calibration along `line` (n, 2) holds at all of `places` (n, 2): not in another ultrasound region."""
        return belong_together(self.source, ((float(x), float(y)) for x, y in line), ((float(x), float(y)) for x, y in places))

    def value_at(self, number: int, x: float, y: float) -> tuple[float, str] | None:
        """What the pixel that holds a place measures, and its unit; None outside, on padding and for colour."""
        found = self.values(number, Region(int(np.floor(x)), int(np.floor(y)), 1, 1))
        if found is None or not np.isfinite(found[0][0, 0]):
            return None
        return float(found[0][0, 0]), found[1]

    def values(self, number: int, region: Region) -> tuple[NDArray[np.float32], str, int] | None:
        """What the pixels of a region inside the frame measure (height, width), their unit, and how many are padding.

        Modality values, or the real-world value or SUV the header gives; NaN for padding and where nothing is defined.
        None for colour and outside the picture. Raises SourceError where the frame cannot be read.
        """
        source = self.source
        size = source.size
        inside = region.x >= 0 and region.y >= 0 and region.right <= size.width and region.bottom <= size.height
        if not isinstance(source, GrayscaleSource) or not inside:
            return None
        stored = source.stored(number)[region.y : region.bottom, region.x : region.right]
        grayscale = source.frame_grayscale(number)
        found, padding = grayscale.measured(stored), grayscale.padded(stored)
        if padding is not None and padding.any():
            found[padding] = np.nan
        return found, grayscale.measured_unit, 0 if padding is None else int(padding.sum())

    def place(self, number: int, x: float, y: float) -> Place | None:
        """Where a place of a frame lies in the patient; None where the header does not tell."""
        plane = self.source.plane(number) if isinstance(self.source, Dicom) else None
        if plane is None or plane.spacing_mm is None:
            return None
        found = plane.place(x, y)
        return float(found[0]), float(found[1]), float(found[2])


def digest(*parts: str) -> str:
    """An opaque name, 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def series_identity(source: Source) -> str:
    """A name for the series a film belongs to, wherever its files lie; "" where the header names none."""
    uid = values.uid(source.slices[0].header.dataset, "SeriesInstanceUID") if isinstance(source, Dicom) else ""
    return digest("series", uid) if uid else ""
