"""HDF5 files of patches: CLAM, TRIDENT and WSInfer, and scores beside their coordinates.

`coords` is (n, 2), the top left corners, with the patch's size in the attributes (TRIDENT: `patch_size_level0`; CLAM:
`patch_size` × `downsample`, in pixels of `patch_level`), or (n, 4): minx, miny, width, height (WSInfer).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.figures import counted
from viewers.maps import MOST_CLASSES, MOST_PATCHES, MOST_VALUES, Ground, ValueMap, clean
from viewers.maps.patches import Lattice, mapped, must_fit

BOXES = "boxes"
"""Our own (n, 4): exact places where whole pixels would not do."""
PREFERRED = ("scores", "attention_scores", "attention", "attentions", "probs", "probabilities")
_NOT_VALUES = ("coords", BOXES, "features")
_MOST_CHUNK = 256 * 2**20
_NAMES = ("class_names", "classes", "names", "name")


def opened(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """One map for each column of each set of scores. Raises SourceError."""
    try:
        with h5py.File(path, "r") as file:
            return _maps(path, file, ground)
    except SourceError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise SourceError(path, f"{path.name} is a damaged HDF5 file: copy or make it again.") from error


def _maps(path: Path, file: h5py.File, ground: Ground) -> tuple[ValueMap, ...]:
    sets = _own_sets(file)
    if "coords" not in sets:
        raise SourceError(path, f"{path.name} has no dataset coords with the places of its patches: it is no map of patches.")
    boxes = _boxes(path, file, sets, ground)
    must_fit(path, boxes, ground.size)
    found = [name for name in sets if name not in _NOT_VALUES and _columns(sets[name], len(boxes))]
    found.sort(key=lambda name: (PREFERRED.index(name) if name in PREFERRED else len(PREFERRED), name))
    if not found:
        raise SourceError(
            path,
            f"{path.name} holds {counted(len(boxes))} places but no value for each: "
            "it needs a dataset scores, attention_scores or probs of that length.",
        )
    lattice = Lattice.under(boxes)
    maps: list[ValueMap] = []
    for name in found:
        values = _values(path, sets[name], len(boxes))
        unit = _unit(name, sets[name])
        for column, title in enumerate(_titles(name, sets[name], values.shape[1])):
            if len(maps) < MOST_CLASSES:
                maps.append(mapped(path, title, unit, boxes, values[:, column], lattice))
    return tuple(maps)


def _own_sets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Datasets of numbers that lie in the file itself: no link, whether soft or into another file, is followed."""
    found = {}
    for name in list(file)[:1000]:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            continue
        one = file[name]
        if isinstance(one, h5py.Dataset) and one.dtype.kind in "fiu" and not one.is_virtual and not one.external:
            found[name] = one
    return found


def _boxes(path: Path, file: h5py.File, sets: dict[str, h5py.Dataset], ground: Ground) -> NDArray[np.float64]:
    """float64 (n, 4)."""
    own = sets.get(BOXES)
    coords = own if own is not None and own.ndim == 2 and own.shape[1] == 4 else sets["coords"]
    if coords.ndim != 2 or coords.shape[1] not in (2, 4) or coords.shape[0] == 0:
        raise SourceError(path, f"{path.name}: coords should be n × 2 or n × 4 numbers, not {_shape(coords)}.")
    places = _numbers(path, coords)
    if places.shape[1] == 4:
        return places
    attributes = {**_attributes(file), **_attributes(coords)}
    stated = attributes.get("level0_width"), attributes.get("level0_height")
    if None not in stated and stated != (ground.size.width, ground.size.height):
        width, height = (counted(round(value or 0)) for value in stated)
        here = f"{counted(ground.size.width)} × {counted(ground.size.height)}"
        raise SourceError(path, f"{path.name} was made of a slide of {width} × {height} pixels; this one has {here}.")
    side = _side(path, attributes)
    return np.concatenate([places, np.full_like(places, side)], axis=1)


def _side(path: Path, attributes: dict[str, float]) -> float:
    """A patch's width in level-0 pixels."""
    side = attributes.get("patch_size_level0")
    if side is None and "patch_size" in attributes:
        if "downsample" in attributes:
            side = attributes["patch_size"] * attributes["downsample"]
        elif attributes.get("patch_level", 0) == 0:
            side = attributes["patch_size"]
    if side is None:
        raise SourceError(
            path,
            f"{path.name} does not say how large its patches are: "
            "coords needs patch_size_level0 (TRIDENT), or patch_size and downsample (CLAM).",
        )
    if not 0 < side < 1e7:
        raise SourceError(path, f"{path.name} says that its patches are {side:g} pixels wide: make the file anew.")
    return side


def _attributes(holder: Any) -> dict[str, float]:
    """Those that are one finite number; of several the first (CLAM gives a downsample for each direction)."""
    found = {}
    for name in ("patch_size_level0", "patch_size", "patch_level", "downsample", "level0_width", "level0_height"):
        if name in holder.attrs and holder.attrs.get_id(name).get_storage_size() < 1024:
            value = np.asarray(holder.attrs[name])
            if value.dtype.kind in "fiu" and value.size and np.isfinite(value.flat[0]):
                found[name] = float(value.flat[0])
    return found


def _columns(one: h5py.Dataset, count: int) -> int:
    """How many values it has for each of `count` patches, 0 where it is something else."""
    shape = tuple(one.shape)
    if shape in ((count,), (1, count)):
        return 1
    return int(shape[1]) if len(shape) == 2 and shape[0] == count and 1 <= shape[1] <= MOST_CLASSES else 0


def _values(path: Path, one: h5py.Dataset, count: int) -> NDArray[np.float64]:
    """float64 (n, classes)."""
    values = _numbers(path, one)
    return values.reshape(count, -1)


def _numbers(path: Path, one: h5py.Dataset) -> NDArray[np.float64]:
    chunk = int(np.prod(one.chunks)) * one.dtype.itemsize if one.chunks else 0
    if one.shape[0] > MOST_PATCHES or one.size > MOST_VALUES or chunk > _MOST_CHUNK:
        raise SourceError(path, f"{path.name} states {_shape(one)} values: at most {MOST_PATCHES:,} patches are read.")
    stored = int(np.prod(one.shape)) * one.dtype.itemsize
    if one.id.get_storage_size() * 2000 < stored:
        raise SourceError(path, f"{path.name} states {_shape(one)} values but holds next to none: make the file anew.")
    return np.asarray(one[()], np.float64)


def _shape(one: h5py.Dataset) -> str:
    return " × ".join(f"{side:,}" for side in one.shape) or "a single number"


def _unit(name: str, one: h5py.Dataset) -> str:
    if "unit" in one.attrs:
        return clean(one.attrs["unit"], 30)
    if name.startswith("prob"):
        return "probability"
    return "attention, not probability" if name.startswith("attention") else "score"


def _titles(name: str, one: h5py.Dataset, columns: int) -> list[str]:
    """The names of its classes where it gives them."""
    for key in _NAMES:
        if key in one.attrs:
            given = one.attrs[key]
            names = [given] if isinstance(given, (str, bytes)) else list(np.asarray(given).flat)
            if len(names) == columns:
                return [clean(one) for one in names]
    title = clean(name.replace("_", " "))
    return [title] if columns == 1 else [f"{title} {number + 1}" for number in range(columns)]
