"""Where a slide holds tissue: polygons in level-0 pixels, made from a small picture of the whole slide. No Qt.

The recipe: stained (saturation above Otsu's threshold), or dark and not grey (luminance below 0.8 and S above 12 of 255), and
not the ink of a pen; then gaps are closed, and small objects and holes dropped by their area in µm².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from viewers.geometry import Region
from viewers.runs import runs
from viewers.sources import Source

LONGEST = 2048
"""Longest side of the picture that is looked at, in pixels."""
LEAST_OBJECT_UM2, LEAST_HOLE_UM2 = 200.0**2, 190.0**2
"""Objects and holes below are dropped (the defaults of WSInfer, wsinfer/patchlib/segment.py)."""
NOTHING = 0.001
"""A share of the slide below which there is no tissue to speak of."""
LEAST_SATURATION = 12
"""Of 255: below, a pixel is grey, whatever Otsu's threshold says."""
DARK = 0.8
_INK_SATURATION, _INK_DARK = 70, 60
_PINK = (0.72, 0.08)
"""Hues (0 … 1, through red at 0) of haematoxylin, eosin and DAB; a strong colour outside is ink."""
_CLOSE_UM = 12.0
_OBJECTIVE_UM = 0.5
"""Taken for the µm per pixel of a slide that states none."""


@dataclass(frozen=True, slots=True, eq=False)
class Tissue:
    """`shape` is a shapely MultiPolygon in level-0 pixels, `share` its part of the slide's area (0 … 1)."""

    shape: shapely.MultiPolygon
    share: float

    @property
    def words(self) -> str:
        """What to tell a reader."""
        if self.shape.is_empty:
            return "No tissue was found on this slide."
        return f"Tissue covers {100 * self.share:.0f} % of the slide."


def tissue(source: Source) -> Tissue:
    """Of the whole slide. An empty slide has an empty shape. Raises SourceError; blocks, so never on the GUI thread."""
    size = source.size.fitted(LONGEST)
    pixels = source.read(Region.whole(source.size), size)
    down = source.size.width / size.width, source.size.height / size.height
    um = (source.spacing.mpp if source.spacing is not None else _OBJECTIVE_UM) * (down[0] + down[1]) / 2
    mask = closed(stained(pixels), round(_CLOSE_UM / um))
    shape = outlines(mask, down, LEAST_OBJECT_UM2 / um**2, LEAST_HOLE_UM2 / um**2)
    share = shape.area / (source.size.width * source.size.height)
    return Tissue(shape, share) if share >= NOTHING else Tissue(shapely.MultiPolygon(), 0.0)


def stained(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels of uint8 RGB (h, w, 3) are tissue, bool (h, w)."""
    image = Image.fromarray(pixels).filter(ImageFilter.MedianFilter(5))
    smooth = np.asarray(image).astype(np.int16)
    hue, saturation = (np.asarray(channel).astype(np.int16) for channel in image.convert("HSV").split()[:2])
    light = smooth @ np.array([0.2126, 0.7152, 0.0722]) / 255
    no_ink = ~inked(hue, saturation, smooth.max(axis=-1))
    coloured = saturation[no_ink]
    threshold = max(otsu(coloured), LEAST_SATURATION) if coloured.size else 255
    found = ((saturation > threshold) | ((light < DARK) & (saturation > LEAST_SATURATION))) & no_ink
    return np.asarray(found, np.bool_)


def inked(hue: NDArray[np.int16], saturation: NDArray[np.int16], value: NDArray[np.int16]) -> NDArray[np.bool_]:
    """A pen's marks with their soft edges: a strong colour that no stain has, or nearly black."""
    turn = hue / 255.0
    strange = (turn > _PINK[1]) & (turn < _PINK[0]) & (saturation > _INK_SATURATION)
    pure_red = ((turn < 0.04) | (turn > 0.96)) & (saturation > 190)
    marks = strange | pure_red | (value < _INK_DARK)
    grown = Image.fromarray(marks.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(9))
    return np.asarray(grown) > 0


def otsu(values: NDArray[np.int16]) -> int:
    """The whole number 0 … 255 that parts `values` with the greatest variance between both sides (Otsu 1979)."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return int(np.nan_to_num(between).argmax())


def closed(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Gaps up to twice `radius` pixels filled: grown, then shrunk by a square."""
    if radius < 1:
        return mask
    padded = np.pad(mask, radius)
    shrunk = ~_grown(~_grown(padded, radius), radius)
    return shrunk[radius:-radius, radius:-radius]


def _grown(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """By a square of 2 × `radius` + 1 pixels, one direction after the other."""
    for axis in (0, 1):
        counts = np.cumsum(
            np.pad(mask, [(radius + 1, radius) if one == axis else (0, 0) for one in (0, 1)]), axis=axis, dtype=np.int32
        )
        wide = 2 * radius + 1
        mask = counts[wide:] > counts[:-wide] if axis == 0 else counts[:, wide:] > counts[:, :-wide]
    return mask


def outlines(mask: NDArray[np.bool_], down: tuple[float, float], least: float, hole: float) -> shapely.MultiPolygon:
    """The mask's objects of at least `least` pixels as polygons in level-0 pixels (`down` of them a pixel along x and y), holes
    below `hole` pixels filled, the steps of the grid smoothed away by less than a pixel."""
    rows, starts, ends = runs(mask)
    whole = shapely.union_all(shapely.box(starts, rows, ends, rows + 1))
    kept = []
    for part in shapely.get_parts(whole):
        holes = [ring for ring in part.interiors if shapely.Polygon(ring).area >= hole]
        filled = shapely.Polygon(part.exterior, holes)
        if filled.area >= least:
            kept.append(filled.simplify(0.8, preserve_topology=True))
    shape = shapely.transform(shapely.union_all(kept), lambda places: places * np.array(down)) if kept else shapely.Polygon()
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, shapely.Polygon) and not part.is_empty]
    return shapely.MultiPolygon(parts)
