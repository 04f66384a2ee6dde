"""Where the words and drawings of others belong on a source that is open: image by image, in its own pixels. No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.objects.said import Graphic, Presentation, Said, Where
from viewers.sources import values
from viewers.sources.dicom import Dicom
from viewers.sources.slice_plane import SlicePlane


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """One frame of a source: which image it is, which frame of it, where in the patient, half of the way to its neighbours."""

    image: str
    frame: int
    plane: SlicePlane | None
    reach_mm: float


class Images:
    """The frames of one source, found by what others refer to."""

    def __init__(self, source: Dicom) -> None:
        self.size = source.size.width, source.size.height
        self._spots = [Spot(values.uid(one.header, "SOPInstanceUID"), one.frame, one.plane, 0.0) for one in source.slices]
        self._frames: dict[str, list[int]] = {}
        for number, spot in enumerate(self._spots):
            self._frames.setdefault(spot.image, []).append(number)

    def spot(self, frame: int) -> Spot:
        one = self._spots[frame]
        return Spot(one.image, one.frame, one.plane, self._reach(frame))

    def holds(self, said: Said) -> bool:
        """Whether any of it belongs here."""
        if any(place.image in self._frames for place in said.images):
            return True
        if any(place.image in self._frames for one in said.graphics for place in one.where):
            return True
        wanted = {one.frame_of_reference for one in said.graphics} - {""}
        if said.segmentation is not None and not said.segmentation.by_image:
            wanted |= {one.plane.frame_of_reference for one in said.segmentation.pieces if one.plane is not None} - {""}
        return any(spot.plane is not None and spot.plane.frame_of_reference in wanted for spot in self._spots)

    def missing(self, said: Said) -> int:
        """How many of the images it refers to are not among these."""
        return sum(place.image not in self._frames for place in said.images)

    def first(self, where: tuple[Where, ...]) -> int | None:
        """The first frame that is meant, None where none is here."""
        found = [
            number
            for place in where
            for number in self._frames.get(place.image, ())
            if place.covers(place.image, self._spots[number].frame)
        ]
        return min(found) if found else None

    def nearest(self, point: tuple[float, float, float], reference: str = "") -> int | None:
        """The frame whose plane lies nearest to a place in the patient."""
        away = {
            number: abs(float((np.array(point) - spot.plane.origin) @ spot.plane.normal))
            for number, spot in enumerate(self._spots)
            if spot.plane is not None and reference in ("", spot.plane.frame_of_reference)
        }
        return min(away, key=lambda number: away[number]) if away else None

    def marked(self, said: Said) -> list[int]:
        """All frames that a list of key images names, in their order here."""
        return sorted(
            {
                number
                for place in said.images
                for number in self._frames.get(place.image, ())
                if place.covers(place.image, self._spots[number].frame)
            }
        )

    def _reach(self, frame: int) -> float:
        plane = self._spots[frame].plane
        if plane is None:
            return 0.0
        beside = [self._spots[number].plane for number in (frame - 1, frame + 1) if 0 <= number < len(self._spots)]
        steps = [abs(float((one.origin - plane.origin) @ plane.normal)) for one in beside if one is not None]
        return max(0.05, min((step for step in steps if step > 0.01), default=1.0) / 2)


def drawn_on(
    said: Said, images: Images, frame: int, area: tuple[float, float, float, float]
) -> Iterator[tuple[Graphic, NDArray[np.float64]]]:
    """What of its drawings lies on a frame, with its places (n, 2) in level-0 pixels. `area` is what is displayed at rest."""
    spot = images.spot(frame)
    for one in said.graphics:
        if one.points.shape[1] == 3:
            found = _projected(one, spot)
            if found is not None:
                yield one, found
        elif any(place.covers(spot.image, spot.frame) for place in (one.where or said.images)):
            yield one, from_display(one.points, said.presentation, area) if one.display else one.points


def _projected(one: Graphic, spot: Spot) -> NDArray[np.float64] | None:
    """Where it lies in the frame's plane, within half of the way to the next one; else only on the very image it names."""
    plane = spot.plane
    if plane is None or plane.frame_of_reference != one.frame_of_reference:
        return None
    away = np.abs((one.points - plane.origin) @ plane.normal)
    if (away if one.shape == "points" else away.max(keepdims=True)).min() > spot.reach_mm + 1e-6:
        return None
    wide, high = plane.spacing_mm or (1.0, 1.0)
    from_origin = one.points - plane.origin
    return np.stack([from_origin @ plane.across / wide, from_origin @ plane.down / high], axis=1) + 0.5


def from_display(
    points: NDArray[np.float64], state: Presentation | None, area: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Fractions of the displayed area (C.10.5.1.2) as level-0 pixels: the area is displayed turned, then flipped (C.10.6)."""
    x0, y0, x1, y1 = state.area if state is not None and state.area is not None else area
    turn = np.deg2rad(state.angle if state is not None else 0)
    across = np.array([np.cos(turn), -np.sin(turn)]) * (-1 if state is not None and state.flipped else 1)
    down = np.array([np.sin(turn), np.cos(turn)])
    half = np.array([x1 - x0, y1 - y0]) / 2
    wide, high = abs(across) @ half, abs(down) @ half
    away = (points - 0.5) * 2
    found: NDArray[np.float64] = np.array([x0, y0]) + half + away[:, :1] * wide * across + away[:, 1:] * high * down
    return found
