"""The display shutter of a header (PS3.3 C.7.6.11 Display Shutter, C.7.6.15 Bitmap Display Shutter) as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.frame_graphics import OverlayPlane, Shutter, drawn
from viewers.geometry import Size
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MOST_CORNERS = 10_000
Mask = NDArray[np.bool_]


def shutter_of(
    dataset: Dataset, frame: int, size: Size, aspect: float = 1.0, planes: tuple[OverlayPlane, ...] = ()
) -> tuple[Shutter | None, tuple[OverlayPlane, ...], tuple[str, ...]]:
    """The shutter of a frame, the planes that remain to be drawn, and notes. All shapes that are named hold at once.

    `aspect` is the height of a pixel over its width: a circle is one in the patient, its radius counts columns.
    """
    stated = values.group(dataset, frame, "FrameDisplayShutterSequence") or dataset
    shapes = values.texts(stated, "ShutterShape")
    if not any(shapes):
        return None, planes, ()
    visible, named, notes = np.ones((size.height, size.width), np.bool_), list[str](), list[str]()
    for shape in shapes[:4]:
        if shape == "BITMAP":
            group = values.integer(stated, "ShutterOverlayGroup")
            hidden = drawn(tuple(one for one in planes if one.group == group), size)
            planes = tuple(one for one in planes if one.group != group)
            part = None if hidden is None else ~hidden
        else:
            part = _part(stated, shape, size, aspect)
        if part is None or not part.any():
            notes.append("A shutter of the header cannot be used or leaves nothing to be seen; it is not drawn.")
            continue
        visible &= part
        named.append(shape.lower())
    if not named or not visible.any():
        return None, planes, tuple(notes)
    value = values.integer(stated, "ShutterPresentationValue") or 0
    return Shutter(visible, round(min(max(value, 0), 65_535) / 257), ", ".join(named)), planes, tuple(notes)


def _part(stated: Dataset, shape: str, size: Size, aspect: float) -> Mask | None:
    """What one shape leaves visible; rows and columns are counted from 1, edges and corners still belong to the picture."""
    if shape == "RECTANGULAR":
        return _rectangle(stated, size)
    if shape == "CIRCULAR":
        return _circle(stated, size, aspect)
    return _polygon(stated, size) if shape == "POLYGONAL" else None


def _rectangle(stated: Dataset, size: Size) -> Mask | None:
    edges = [
        values.integer(stated, f"Shutter{edge}Edge")
        for edge in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
    ]  # fmt: skip
    left, right, upper, lower = edges
    if left is None or right is None or upper is None or lower is None:
        return None
    part = np.zeros((size.height, size.width), np.bool_)
    part[max(0, upper - 1) : max(0, lower), max(0, left - 1) : max(0, right)] = True
    return part


def _circle(stated: Dataset, size: Size, aspect: float) -> Mask | None:
    centre, radius = values.numbers(stated, "CenterOfCircularShutter"), values.number(stated, "RadiusOfCircularShutter")
    if len(centre) != 2 or radius is None or radius <= 0:
        return None
    down = (np.arange(1, size.height + 1, dtype=np.float64) - centre[0]) * aspect
    across = np.arange(1, size.width + 1, dtype=np.float64) - centre[1]
    part: Mask = down[:, None] ** 2 + across[None, :] ** 2 <= radius**2
    return part


def _polygon(stated: Dataset, size: Size) -> Mask | None:
    flat = values.numbers(stated, "VerticesOfThePolygonalShutter")
    if not 6 <= len(flat) <= 2 * _MOST_CORNERS or len(flat) % 2:
        return None
    from PIL import Image, ImageDraw

    corners = [(column - 1, row - 1) for row, column in zip(flat[0::2], flat[1::2], strict=True)]
    if max(abs(one) for corner in corners for one in corner) > 1e6:
        return None
    image = Image.new("1", (size.width, size.height))
    ImageDraw.Draw(image).polygon(corners, fill=1, outline=1)
    return np.asarray(image, np.bool_)
