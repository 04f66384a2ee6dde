"""Pictures of values: TIFF, plain or a pyramid, and .npy; placed by the resolution they state or by the ratio of sizes."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import tifffile
from numpy.typing import NDArray

from viewers.camera import Box
from viewers.errors import SourceError, reading
from viewers.figures import counted, rounded
from viewers.maps import MOST_CELLS, MOST_CLASSES, MOST_VALUES, Ground, ValueMap, clean, own_range

EXTENT = "level0_extent"
"""Of our own TIFF files' descriptions: x0, y0, x1, y1."""
_MOST_TILE = 2**26
_COLOURS = ("RGB", "YCBCR", "CMYK", "PALETTE", "CIELAB")
_MICRONS = {
    "µm": 1.0,
    "um": 1.0,
    "μm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "\\u00B5m": 1.0,
    "mm": 1000.0,
    "cm": 10_000.0,
    "nm": 0.001,
}
_PER_UNIT = {2: 25_400.0, 3: 10_000.0}
"""µm in an inch and in a centimetre, by TIFF's ResolutionUnit."""


def opened_npy(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """(rows, columns), or up to 32 of them as the first or last axis. Raises SourceError."""
    try:
        with reading(path):
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, TypeError, EOFError, SyntaxError, OverflowError) as error:
        raise SourceError(path, f"{path.name} is a damaged or a pickled array: save it anew with numpy.save.") from error
    axes = "YX" if stored.ndim == 2 else ""
    if stored.ndim == 3:
        axes = "CYX" if stored.shape[0] <= MOST_CLASSES else "YXC"
    layers = _layers(path, stored, axes)
    extent, notes = _placed(path, ground, layers.shape[2], layers.shape[1], None)
    return _maps(path, layers, [], extent, notes)


def opened_tiff(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """The finest level of a pyramid that is not too large. Raises SourceError."""
    try:
        with tifffile.TiffFile(path) as file:
            return _tiff(path, file, ground)
    except SourceError:
        raise
    except (tifffile.TiffFileError, OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError, struct.error) as error:
        raise SourceError(path, f"{path.name} is a damaged TIFF file: copy or make it again.") from error


def _tiff(path: Path, file: tifffile.TiffFile, ground: Ground) -> tuple[ValueMap, ...]:
    if not file.series:
        raise SourceError(path, f"{path.name} holds no picture: make it again.")
    levels = file.series[0].levels
    level = next((one for one in levels if _cells(one) <= MOST_CELLS), levels[-1])
    page = level.keyframe
    if page.photometric.name in _COLOURS:
        raise SourceError(path, f"{path.name} is a picture in colour, not a map of values: save the values in one channel.")
    if math.prod(page.tile or (1,)) > _MOST_TILE or math.prod(page.chunks) * page.dtype.itemsize > 8 * _MOST_TILE:
        raise SourceError(path, f"{path.name} is stored in pieces too large to read: save it in tiles of 256 × 256.")
    _must_be_values(path, level.shape, level.dtype, level.axes)
    layers = _layers(path, level.asarray(maxworkers=1), level.axes)
    own: dict[str, Any] = (file.shaped_metadata or ({},))[0] if file.is_shaped else {}
    extent = own.get(EXTENT)
    if isinstance(extent, (list, tuple)) and len(extent) == 4 and all(_finite(one) for one in extent):
        extent = float(extent[0]), float(extent[1]), float(extent[2]), float(extent[3])
        _must_lie_on(path, extent, ground)
        return _owned(_maps(path, layers, [str(own.get("name", ""))], extent, ()), own)
    pitch = _pitch(file)
    shrunk = levels[0].shape[levels[0].axes.index("X")] / layers.shape[2]
    stated = (pitch[0] * shrunk, pitch[1] * shrunk) if pitch else None
    extent, notes = _placed(path, ground, layers.shape[2], layers.shape[1], stated)
    return _maps(path, layers, [], extent, notes)


def _cells(level: Any) -> int:
    return math.prod(size for size, axis in zip(level.shape, level.axes, strict=True) if axis in "YX")


def _must_be_values(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str) -> None:
    if np.dtype(dtype).kind not in "fuib":
        raise SourceError(path, f"{path.name} holds no plain numbers: save them as float32 or uint8.")
    others = [size for size, axis in zip(shape, axes, strict=False) if axis not in "YX"]
    if "Y" not in axes or "X" not in axes or len(axes) != len(shape) or math.prod(others) > MOST_CLASSES or 0 in shape:
        sides = " × ".join(str(side) for side in shape) or "a single number"
        raise SourceError(path, f"{path.name} is {sides}: a map has rows and columns, and at most {MOST_CLASSES} classes.")
    if math.prod(shape) // max(1, math.prod(others)) > MOST_CELLS or math.prod(shape) > MOST_VALUES:
        raise SourceError(
            path, f"{path.name} is larger than the {MOST_CELLS:,} cells that are shown: save it coarser, or as a pyramid."
        )


def _layers(path: Path, stored: NDArray[Any], axes: str) -> NDArray[Any]:
    """(classes, rows, columns)."""
    _must_be_values(path, stored.shape, stored.dtype, axes)
    places = [index for index, axis in enumerate(axes) if axis not in "YX"] + [axes.index("Y"), axes.index("X")]
    return np.asarray(np.transpose(stored, places)).reshape(-1, stored.shape[axes.index("Y")], stored.shape[axes.index("X")])


def _maps(path: Path, layers: NDArray[Any], names: list[str], extent: Box, notes: tuple[str, ...]) -> tuple[ValueMap, ...]:
    maps = []
    for number, stored in enumerate(layers):
        given = names[number] if number < len(names) else ""
        name = clean(given or (path.stem if len(layers) == 1 else f"{path.stem} {number + 1}"))
        values = np.array(stored, np.float32, order="C")
        values[~np.isfinite(values)] = np.nan
        low, high, said = own_range(path, name, values)
        if stored.dtype == np.uint8 and (low, high) != (0.0, 1.0):
            low, high, said = 0.0, 255.0, ("Stored as whole numbers from 0 to 255.",)
        maps.append(ValueMap(name, values, extent, low, high, "value", None, (*notes, *said)))
    return tuple(maps)


def _owned(maps: tuple[ValueMap, ...], own: dict[str, Any]) -> tuple[ValueMap, ...]:
    """With the unit and the range that our own file states."""
    low, high = own.get("low"), own.get("high")
    if _finite(low) and _finite(high) and low < high:
        maps = tuple(replace(one, low=float(low), high=float(high), notes=()) for one in maps)
    return tuple(replace(one, unit=clean(own.get("unit") or "value", 30)) for one in maps)


def _finite(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _pitch(file: tifffile.TiffFile) -> tuple[float, float] | None:
    """µm per pixel of the finest level as OME, ImageJ or the TIFF tags state it."""
    if file.is_ome:
        text = (file.ome_metadata or "")[:1_000_000]
        found = [re.search(rf'PhysicalSize{axis}="([0-9.eE+-]{{1,30}})"', text) for axis in "XY"]
        units = [re.search(rf'PhysicalSize{axis}Unit="([^"]{{1,20}})"', text) for axis in "XY"]
        if all(found):
            sizes = [
                float(one[1]) * _MICRONS.get(unit[1] if unit else "µm", 0) for one, unit in zip(found, units, strict=True) if one
            ]
            return _sane(sizes[0], sizes[1])
        return None
    page = file.pages.first
    across, down = (_rational(page, name) for name in ("XResolution", "YResolution"))
    if not across or not down:
        return None
    tag = page.tags.get("ResolutionUnit")
    unit = _PER_UNIT.get(int(tag.value) if tag is not None else 0, 0.0)
    if file.is_imagej:
        unit = _MICRONS.get(str((file.imagej_metadata or {}).get("unit", "")), unit)
    return _sane(unit / across, unit / down)


def _rational(page: Any, name: str) -> float:
    tag = page.tags.get(name)
    value = tag.value if tag is not None else None
    return float(value[0] / value[1]) if isinstance(value, tuple) and len(value) == 2 and value[1] else 0.0


def _sane(across: float, down: float) -> tuple[float, float] | None:
    return (across, down) if 0.01 < across < 1e5 and 0.01 < down < 1e5 else None


def _placed(
    path: Path, ground: Ground, columns: int, rows: int, pitch: tuple[float, float] | None
) -> tuple[Box, tuple[str, ...]]:
    """Where a map from the picture's corner lies, by its µm per cell (`pitch`) or else by the ratio of sizes."""
    width, height = ground.size.width, ground.size.height
    notes: tuple[str, ...] = ()
    if pitch is not None and ground.mpp is not None:
        across, down = pitch[0] / ground.mpp[0], pitch[1] / ground.mpp[1]
        x1, y1 = columns * across, rows * down
        if x1 <= width * 1.01 + across and y1 <= height * 1.01 + down and min(across, down) >= 0.5:
            if x1 < 0.98 * width - across or y1 < 0.98 * height - down:
                notes = ("By the resolution it states the map covers only a part of the picture, from its corner.",)
            return (0.0, 0.0, x1, y1), notes
        notes = ("The resolution it states does not fit this picture; placed by the ratio of sizes.",)
    low = max(width / (columns + 1), height / (rows + 1))
    high = min(width / max(columns - 1, 0.5), height / max(rows - 1, 0.5))
    if low > high:
        raise SourceError(
            path,
            f"{path.name} has {counted(columns)} × {counted(rows)} cells, this picture {counted(width)} × {counted(height)} "
            f"pixels: one cell would be {rounded(width / columns)} pixels wide and {rounded(height / rows)} high. "
            "The map is of another slide.",
        )
    whole = list(range(math.ceil(low), math.floor(high) + 1)) if high - low < 1000 else []
    if len(whole) == 1:
        return (0.0, 0.0, float(columns * whole[0]), float(rows * whole[0])), notes
    return (0.0, 0.0, float(width), float(height)), notes


def _must_lie_on(path: Path, extent: Box, ground: Ground) -> None:
    x0, y0, x1, y1 = extent
    if not (x0 < x1 and y0 < y1) or x0 >= ground.size.width or y0 >= ground.size.height or x1 <= 0 or y1 <= 0:
        raise SourceError(path, f"{path.name} says that it lies beside this picture: the map is of another slide.")
    if x1 > 1.5 * ground.size.width + 4096 or y1 > 1.5 * ground.size.height + 4096:
        raise SourceError(path, f"{path.name} reaches far beyond this picture: the map is of another slide.")
