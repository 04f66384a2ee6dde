"""Segmentations of others (PS3.3 A.51; label maps A.51 by Supplement 243): which pixels of which image belong to what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewers.annotations.dicom_ann import colour_of
from viewers.objects.contents import Unusable, code, evidence, references
from viewers.objects.said import Colour, Origin, Where
from viewers.objects.words import maker, moment, named, plain
from viewers.sources import values
from viewers.sources.header import Header
from viewers.sources.slice_plane import SlicePlane, planes_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_SEGMENTS = 1000
_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167), (213, 94, 0), (120, 160, 255), (200, 200, 200),
)  # fmt: skip
"""Okabe and Ito's, for segments that recommend none: told apart by the colour-blind too."""
_PARALLEL = 0.999


@dataclass(frozen=True, slots=True)
class Segment:
    number: int
    label: str
    kind: str
    """Category and type by their codes: "Tissue, Liver"."""
    algorithm: str
    """"AUTOMATIC nnU-Net", "MANUAL" …"""
    colour: Colour


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One frame of a segmentation: of one segment, or of all of them in a label map (`segment` None)."""

    index: int
    segment: int | None
    where: tuple[Where, ...]
    plane: SlicePlane | None


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Its frames are decoded when they are asked for; nothing of them is held."""

    header: Header
    segments: tuple[Segment, ...]
    pieces: tuple[Piece, ...]
    fractional: int | None
    """MaximumFractionalValue, None for yes or no."""
    by_image: dict[str, list[Piece]]

    @cached_property
    def _reach(self) -> float:
        """How far beside an image's plane a piece still belongs to it, mm."""
        return max(0.05, (self.step_mm() or 1.0) / 2 - 1e-3)

    def on(self, image: str, frame: int, plane: SlicePlane | None) -> list[Piece]:
        """The pieces that lie on one frame of an image: those that name it, else those in its plane."""
        named = [one for one in self.by_image.get(image, ()) if any(place.covers(image, frame) for place in one.where)]
        if named or plane is None or image in self.by_image:
            return named
        return [one for one in self.pieces if not one.where and one.plane is not None and self._together(one.plane, plane)]

    def stored(self, piece: Piece) -> NDArray[np.generic]:
        """Its frame as stored, (height, width) in the segmentation's own grid. Raises SourceError."""
        from viewers.sources.high_bit import stored_values

        return stored_values(self.header, piece.index)

    def share_of(self, stored: NDArray[np.generic], piece: Piece, number: int) -> NDArray[np.float32]:
        """0…1, what of a piece's frame as stored is the segment's of that number."""
        found: NDArray[np.float32]
        if piece.segment is None:
            found = (stored == number).astype(np.float32)
        elif self.fractional:
            found = stored.astype(np.float32) / np.float32(self.fractional)
        else:
            found = (stored != 0).astype(np.float32)
        return found

    def share(self, piece: Piece, segment: Segment) -> NDArray[np.float32]:
        """0…1, (height, width) in the segmentation's own grid. Raises SourceError."""
        return self.share_of(self.stored(piece), piece, segment.number)

    def shares(self, piece: Piece) -> Iterator[tuple[Segment, NDArray[np.float32]]]:
        """Of every segment a piece holds, as `share`; its frame is decoded once. Raises SourceError."""
        stored = self.stored(piece)
        for segment in self.of(piece):
            yield segment, self.share_of(stored, piece, segment.number)

    def of(self, piece: Piece) -> Iterator[Segment]:
        """The segments a piece holds: one, or in a label map any of them."""
        return (one for one in self.segments if piece.segment in (None, one.number))

    def box_on(self, piece: Piece, plane: SlicePlane | None, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
        """(x0, y0, x1, y1) of the piece's grid in the image's level-0 pixels; None where it is turned against the image.

        `size` is the image's (width, height). Without places in the patient both grids are the same or nothing is known.
        """
        own = self.header.size
        if piece.plane is None or plane is None:
            return (0.0, 0.0, float(own.width), float(own.height)) if (own.width, own.height) == size else None
        if piece.plane.across @ plane.across < _PARALLEL or piece.plane.down @ plane.down < _PARALLEL:
            return None
        x0, y0 = plane.pixel(piece.plane.place(0, 0))
        x1, y1 = plane.pixel(piece.plane.place(own.width, own.height))
        return x0, y0, x1, y1

    def _together(self, own: SlicePlane, plane: SlicePlane) -> bool:
        if own.frame_of_reference != plane.frame_of_reference or not own.frame_of_reference:
            return False
        apart = abs(float((own.origin - plane.origin) @ plane.normal))
        return abs(float(own.normal @ plane.normal)) > _PARALLEL and apart < self._reach

    def step_mm(self) -> float | None:
        """Between the planes of the pieces, mm: the median distance, for a single one its stated thickness; None if unknown."""
        planes = [one.plane for one in self.pieces if one.plane is not None]
        if len(planes) != len(self.pieces) or not planes:
            return None
        depths = np.unique(np.round([float(one.origin @ planes[0].normal) for one in planes], 3))
        if len(depths) > 1:
            return float(np.median(np.diff(depths)))
        measures = values.group(self.header.dataset, 0, "PixelMeasuresSequence")
        found = values.number(measures, "SpacingBetweenSlices") or values.number(measures, "SliceThickness")
        return found if found and found > 0 else None

    def volumes_ml(self) -> dict[int, float]:
        """By segment number; {} where the places in the patient are not known. Reads all frames. Raises SourceError."""
        step = self.step_mm()
        if step is None:
            return {}
        found: dict[int, float] = defaultdict(float)
        for piece in self.pieces:
            spacing = piece.plane.spacing_mm if piece.plane is not None else None
            if spacing is None:
                return {}
            for segment, share in self.shares(piece):
                found[segment.number] += float(share.sum()) * spacing[0] * spacing[1] * step / 1000
        return dict(found)


def read(header: Header) -> dict[str, Any]:
    """What a `Said` of a segmentation holds. Raises Unusable."""
    dataset = header.dataset
    segments = _segments(dataset)
    kind = values.code(dataset, "SegmentationType")
    label_map = kind == "LABELMAP" or values.uid(dataset, "SOPClassUID") == "1.2.840.10008.5.1.4.1.1.66.7"
    if not segments:
        raise Unusable("is a segmentation without segments: export it again")
    most = values.integer(dataset, "MaximumFractionalValue") or 255
    pieces, by_image = _pieces(header, label_map)
    images = dict.fromkeys([*by_image, *(place.image for place in evidence(dataset))])
    who, made = named(dataset, "ContentCreatorName"), maker(dataset)
    label = plain(values.text(dataset, "ContentLabel"), 40)
    algorithms = dict.fromkeys(one.algorithm for one in segments if one.algorithm)
    when = moment(values.text(dataset, "ContentDate"), values.text(dataset, "ContentTime"))
    return {
        "form": "segmentation",
        "title": f"segmentation {label}".strip(),
        "origin": Origin(who or made, ", ".join(algorithms) or made, when),
        "images": tuple(Where(uid) for uid in images),
        "segmentation": Segmentation(header, segments, pieces, most if kind == "FRACTIONAL" else None, by_image),
        "layers": tuple(one.label for one in segments),
    }  # fmt: skip


def _segments(dataset: Dataset) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for place, item in enumerate(values.items(dataset, "SegmentSequence")[:MOST_SEGMENTS]):
        number = values.integer(item, "SegmentNumber")
        if number is None:
            continue
        category, type = (
            code(item, "SegmentedPropertyCategoryCodeSequence").meaning,
            code(item, "SegmentedPropertyTypeCodeSequence").meaning,
        )
        how = " ".join(
            one
            for one in (values.code(item, "SegmentAlgorithmType"), plain(values.text(item, "SegmentAlgorithmName"), 60))
            if one
        )
        label = plain(values.text(item, "SegmentLabel"), 60) or type or f"segment {number}"
        if any(one.label == label for one in found):
            label = f"{label} ({number})"
        colour = colour_of(item) or _COLOURS[place % len(_COLOURS)]
        found.append(Segment(number, label, ", ".join(one for one in (category, type) if one), how, colour))
    return tuple(found)


def _pieces(header: Header, label_map: bool) -> tuple[tuple[Piece, ...], dict[str, list[Piece]]]:
    dataset, found = header.dataset, list[Piece]()
    planes = planes_of(dataset, header.frames)
    by_image: dict[str, list[Piece]] = defaultdict(list)
    for index in range(header.frames):
        number = values.integer(values.group(dataset, index, "SegmentIdentificationSequence"), "ReferencedSegmentNumber")
        if number is None and not label_map:
            continue
        sources = references(values.group(dataset, index, "DerivationImageSequence"), "SourceImageSequence")  # C.7.6.16.2.6
        piece = Piece(index, None if label_map else number, sources, planes[index])
        found.append(piece)
        for place in piece.where:
            by_image[place.image].append(piece)
    return tuple(found), dict(by_image)
