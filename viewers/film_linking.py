"""Films and stacks that move together: which slice and which place of one belongs to what is seen of another. No Qt.

Where two stacks share a frame of reference and lie parallel, places agree in mm of the patient. Where they do not, lengths in mm
from the picture's middle agree, with sides that the orientation letters call opposite mirrored, and slices by their share of the
stack, or by the offset that a reader set. Places are level-0 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viewers.camera import Camera
from viewers.geometry import Size, Spacing
from viewers.grayscale import Window
from viewers.sources.slice_plane import SlicePlane
from viewers.turning import opposite

Relation = Literal["position", "picture", "none"]
"""By places in the patient, by mm or shares of the picture, or planes that cross: nothing but size and grey in common."""
_PARALLEL = 0.99
"""Cosine of the angle between two normals, about 8°."""
_ASIDE = str.maketrans("LR", "RL")
_FITS_ALIKE = 0.02
"""So much two fitted pictures may differ in size and still both stay fitted."""


@dataclass
class Film:
    """What one pane shows. `planes` has one entry a frame; the edges are the letters at the stored picture's right and bottom.

    `place_offset_mm` (across, down) and `depth_offset` (mm along the normal where planes are known, else slices) are how far the
    reader moved it against the others; `by_offset` says that slices go by it even where nothing else relates the stacks.
    """

    size: Size
    spacing: Spacing | None
    planes: Sequence[SlicePlane | None]
    edges: tuple[str, str] = ("", "")
    side: str = ""
    """"L" or "R" for one of a pair of organs; a right and a left one are mirror images."""
    place_offset_mm: tuple[float, float] = (0.0, 0.0)
    depth_offset: float = 0.0
    by_offset: bool = False
    aligned: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """By the other's pane number: the affine (2, 3) from this film's places to the other's."""

    @property
    def frames(self) -> int:
        return len(self.planes)

    @cached_property
    def depths(self) -> list[float] | None:
        """Of all frames along the first one's normal, mm; None unless every frame has its place."""
        first = self.planes[0]
        if first is None or any(plane is None for plane in self.planes):
            return None
        normal = first.normal
        return [float(normal @ plane.origin) for plane in self.planes if plane is not None]


def relation(one: Film, other: Film) -> Relation:
    a, b = one.planes[0], other.planes[0]
    if a is None or b is None:
        return "picture"
    parallel = abs(float(a.normal @ b.normal)) > _PARALLEL
    if a.frame_of_reference and a.frame_of_reference == b.frame_of_reference:
        return "position" if parallel else "none"
    return "picture" if parallel else "none"


def matching_frame(leader: Film, frame: int, follower: Film) -> int | None:
    """The slice of `follower` that belongs to slice `frame` of `leader`; None where none does."""
    how = relation(leader, follower)
    if how == "none" or follower.frames < 2 or leader.frames < 2:
        return None
    depths, own = follower.depths, leader.depths
    if depths is None or own is None:
        return _by_share(leader, frame, follower)
    sign = _same_way(leader, follower)
    moved = follower.depth_offset - sign * leader.depth_offset
    if how == "position":
        here, first = leader.planes[frame], follower.planes[0]
        assert here is not None
        assert first is not None
        middle = here.place(leader.size.width / 2, leader.size.height / 2)
        return _nearest(depths, float(first.normal @ middle) + moved)
    if leader.by_offset or follower.by_offset:
        return _nearest(depths, depths[0] + sign * (own[frame] - own[0]) + moved)
    return _by_share(leader, frame, follower, sign)


def keep_depth(leader: Film, frame: int, follower: Film, chosen: int) -> None:
    """The reader moved `follower` to slice `chosen` while `leader` stood at `frame`: so they belong together from now on."""
    depths, own = follower.depths, leader.depths
    follower.by_offset = True
    if depths is None or own is None:
        follower.depth_offset = chosen - frame + leader.depth_offset
        return
    sign = _same_way(leader, follower)
    follower.depth_offset = 0.0
    if relation(leader, follower) == "position":
        first, here = follower.planes[0], leader.planes[frame]
        assert first is not None
        assert here is not None
        at = float(first.normal @ here.place(leader.size.width / 2, leader.size.height / 2))
    else:
        at = depths[0] + sign * (own[frame] - own[0])
    follower.depth_offset = depths[chosen] - at + sign * leader.depth_offset


def matching_place(
    leader: Film, frame: int, x: float, y: float, follower: Film, other: int, number: int = -1
) -> tuple[float, float] | None:
    """Where on slice `other` of `follower` (pane `number`) lies what is at (x, y) of the leader's slice; None where nowhere."""
    if (matrix := leader.aligned.get(number)) is not None:
        found = matrix @ np.array([x, y, 1.0])
        return float(found[0]), float(found[1])
    how = relation(leader, follower)
    if how == "none":
        return None
    here, there = leader.planes[frame], follower.planes[other]
    wide, high = _mm(follower)
    across, down = follower.place_offset_mm
    signs = _mirrored(leader, follower)
    across, down = across - signs[0] * leader.place_offset_mm[0], down - signs[1] * leader.place_offset_mm[1]
    if how == "position" and here is not None and there is not None and here.spacing_mm and there.spacing_mm:
        u, v = there.pixel(here.place(x, y))
        return u + across / wide, v + down / high
    if leader.spacing is None or follower.spacing is None:
        dx, dy = (x / leader.size.width - 0.5) * follower.size.width, (y / leader.size.height - 0.5) * follower.size.height
    else:
        dx = (x - leader.size.width / 2) * leader.spacing.x_mm / wide
        dy = (y - leader.size.height / 2) * leader.spacing.y_mm / high
    return follower.size.width / 2 + signs[0] * dx + across / wide, follower.size.height / 2 + signs[1] * dy + down / high


def keep_place(leader: Film, frame: int, camera: Camera, follower: Film, other: int, own: Camera, number: int = -1) -> None:
    """The reader moved `follower` by itself: what is in the middle of both belongs together from now on."""
    expected = matching_place(leader, frame, camera.x, camera.y, follower, other, number)
    if expected is not None and number not in leader.aligned:
        wide, high = _mm(follower)
        across, down = follower.place_offset_mm
        follower.place_offset_mm = across + (own.x - expected[0]) * wide, down + (own.y - expected[1]) * high


def matching_scale(leader: Film, camera: Camera, follower: Film, own: Camera, number: int = -1) -> float:
    """Screen pixels per level-0 pixel that show the same length as large; without a spacing, as large a share of the pane."""
    if (matrix := leader.aligned.get(number)) is not None:
        return camera.scale / float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if leader.spacing is None or follower.spacing is None:
        return camera.scale / camera.fit_scale * own.fit_scale
    return camera.scale * follower.spacing.x_mm / leader.spacing.x_mm


def follow(
    leader: Film, frame: int, camera: Camera, follower: Film, other: int, own: Camera, *, pan: bool, zoom: bool, number: int = -1
) -> bool:
    """Let the camera `own` of `follower` look where `camera` looks; whether that changed anything. Turns are each pane's own."""
    before = own.x, own.y, own.scale, own.fitted
    place = matching_place(leader, frame, camera.x, camera.y, follower, other, number) if pan else None
    scale = matching_scale(leader, camera, follower, own, number) if zoom else own.scale
    unmoved = leader.place_offset_mm == follower.place_offset_mm == (0.0, 0.0) and number not in leader.aligned
    if pan and zoom and camera.fitted and unmoved and abs(own.fit_scale / scale - 1) < _FITS_ALIKE:
        own.fit()
    else:
        x, y = place or (own.x, own.y)
        if (abs(x - own.x) + abs(y - own.y)) * own.scale < 1e-6 and abs(scale / own.scale - 1) < 1e-9:
            return False
        own.look(x, y, scale, own.angle, own.flipped)
    return (own.x, own.y, own.scale, own.fitted) != before


def matching_window(window: Window | None, usual: Window, other: Window, absolute: bool) -> Window | None:
    """The window that shows another picture alike. `absolute`: both have values of one unit, so the same; else it lies to
    `other`, that picture's own window, as `window` lies to `usual`, its own. None is each file's own."""
    if window is None or absolute:
        return window
    centre = other.centre + (window.centre - usual.centre) / usual.width * other.width
    least = 1.0 if window.function == "LINEAR" else 1e-6
    return Window(centre, max(least, window.width / usual.width * other.width), "", window.function)


def _by_share(leader: Film, frame: int, follower: Film, sign: int = 1) -> int:
    if leader.by_offset or follower.by_offset:
        moved = round(follower.depth_offset - leader.depth_offset)
        return min(max(frame + moved, 0), follower.frames - 1)
    share = frame / (leader.frames - 1)
    return int((share if sign > 0 else 1 - share) * (follower.frames - 1) + 0.5)


def _nearest(depths: Sequence[float], wanted: float) -> int:
    return int(np.argmin(np.abs(np.array(depths) - wanted)))


def _same_way(one: Film, other: Film) -> int:
    """-1 where the normals point against each other."""
    a, b = one.planes[0], other.planes[0]
    return -1 if a is not None and b is not None and float(a.normal @ b.normal) < 0 else 1


def _mirrored(one: Film, other: Film) -> tuple[int, int]:
    """-1 for each edge that is the opposite side in the other. Of a right and a left organ, as in mammograms, the patient's left
    in one answers the right in the other."""
    mirror = {one.side, other.side} == {"L", "R"}
    theirs = [edge[:1].translate(_ASIDE) if mirror else edge[:1] for edge in other.edges]
    across, down = (-1 if a and b and opposite(a[0]) == b else 1 for a, b in zip(one.edges, theirs, strict=True))
    return across, down


def _mm(film: Film) -> tuple[float, float]:
    return (film.spacing.x_mm, film.spacing.y_mm) if film.spacing is not None else (1.0, 1.0)
