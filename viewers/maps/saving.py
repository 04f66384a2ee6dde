"""Maps written for others: CSV with WSInfer's columns, HDF5 as TRIDENT lays it out, GeoJSON tiles, TIFF, and DICOM."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.maps import Ground, ValueMap
from viewers.maps.patches import Patches
from viewers.maps.tables import OTHER, PLACES, PROBABILITY
from viewers.writing import taking_place

_PIECE = 10_000


def save(the: ValueMap, path: Path, ground: Ground) -> None:
    """Write `the` in the form that the name of `path` ends in.

    The file is there whole or not at all. Raises SourceError, also for a name that ends in no known form. Blocks.
    """
    ending = next((one for one in FORMS if path.name.lower().endswith(one)), None)
    if ending is None:
        raise SourceError(path, f"{path.name}: end the name in {', '.join(FORMS)} to say which kind of file it shall be.")
    try:
        with taking_place(path) as part:
            WRITERS[ending](the, part, ground)
    except OSError as error:
        reason = error.strerror or "the disk reported an error"
        raise SourceError(path, f"{path.name} could not be written ({reason}); choose another place.") from error


def patches_of(the: ValueMap) -> Patches:
    """What the map was made of, or one patch for each of its cells that has a value."""
    if the.patches is not None:
        return the.patches
    rows, columns = np.nonzero(np.isfinite(the.values))
    x0, y0, x1, y1 = the.extent
    across, down = (x1 - x0) / the.values.shape[1], (y1 - y0) / the.values.shape[0]
    size = np.broadcast_to((across, down), (len(rows), 2))
    boxes = np.column_stack([x0 + columns * across, y0 + rows * down, size])
    return Patches(boxes, the.values[rows, columns].astype(np.float64))


def column_of(the: ValueMap) -> str:
    """The name of its column or measurement."""
    return (PROBABILITY if the.unit == "probability" else OTHER) + the.name


def _csv(the: ValueMap, path: Path, ground: Ground) -> None:  # noqa: ARG001 - the form of a writer
    patches = patches_of(the)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*PLACES, column_of(the)])
        for start in range(0, len(patches.values), _PIECE):
            boxes = _plain(patches.boxes[start : start + _PIECE])
            values = patches.values[start : start + _PIECE].tolist()
            table.writerows([*box, value] for box, value in zip(boxes, values, strict=True))


def _plain(boxes: NDArray[np.float64]) -> list[list[float]]:
    """As whole numbers where they are whole."""
    plain: list[list[float]] = (boxes.astype(np.int64) if _whole(boxes) else boxes).tolist()
    return plain


def _whole(boxes: NDArray[np.float64]) -> bool:
    return bool((boxes == np.rint(boxes)).all())


def _hdf5(the: ValueMap, path: Path, ground: Ground) -> None:
    import h5py

    from viewers.maps.hdf5 import BOXES

    patches = patches_of(the)
    boxes, sides = patches.boxes, patches.boxes[:, 2:]
    side = int(np.rint(np.median(sides)))
    with h5py.File(path, "w") as file:
        coords = file.create_dataset("coords", data=np.rint(boxes[:, :2]).astype(np.int64), compression="gzip")
        stated = {"patch_size": side, "patch_size_level0": side, "patch_level": 0, "overlap": 0}
        size = {"level0_width": ground.size.width, "level0_height": ground.size.height}
        name = ground.file.stem if ground.file is not None else ""
        coords.attrs.update({**stated, **size, "name": name, "savetodir": ""})
        if ground.mpp is not None:
            power = 10 / ((ground.mpp[0] + ground.mpp[1]) / 2)
            coords.attrs.update({"level0_magnification": round(power), "target_magnification": round(power)})
        if not _whole(boxes) or (sides != side).any():
            file.create_dataset(BOXES, data=boxes, compression="gzip")
        scores = file.create_dataset("scores", data=patches.values, compression="gzip")
        scores.attrs["name"], scores.attrs["unit"] = the.name, the.unit


def _geojson(the: ValueMap, path: Path, ground: Ground) -> None:  # noqa: ARG001 - the form of a writer
    patches, name = patches_of(the), column_of(the)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [\n')
        for start in range(0, len(patches.values), _PIECE):
            boxes = _plain(patches.boxes[start : start + _PIECE])
            values = patches.values[start : start + _PIECE].tolist()
            lines = [json.dumps(_tile(box, name, value)) for box, value in zip(boxes, values, strict=True)]
            file.write((",\n" if start else "") + ",\n".join(lines))
        file.write("\n]}\n")


def _tile(box: list[float], name: str, value: float) -> dict[str, object]:
    """One of QuPath's tiles; NaN is written as the string that QuPath reads."""
    x, y, width, height = box
    ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]
    shown: object = value if np.isfinite(value) else "NaN"
    return {
        "type": "Feature",
        "id": str(uuid.uuid4()),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "tile", "isLocked": True, "measurements": {name: shown}},
    }


def _tiff(the: ValueMap, path: Path, ground: Ground) -> None:
    import tifffile

    from viewers.maps.rasters import EXTENT

    x0, y0, x1, y1 = the.extent
    rows, columns = the.values.shape
    placing: dict[str, object] = {}
    if ground.mpp is not None:
        across, down = (x1 - x0) / columns * ground.mpp[0], (y1 - y0) / rows * ground.mpp[1]
        placing = {"resolution": (10_000 / across, 10_000 / down), "resolutionunit": "CENTIMETER"}
    said = {"name": the.name, "unit": the.unit, "low": the.low, "high": the.high, EXTENT: [x0, y0, x1, y1]}
    form = {"tile": (256, 256), "compression": "zlib", "photometric": "minisblack", "metadata": said}
    tifffile.imwrite(path, the.values, **form, **placing)


def _parametric(the: ValueMap, path: Path, ground: Ground) -> None:
    from viewers.maps import dicom_maps

    dicom_maps.write_parametric(the, path, ground)


def _fractional(the: ValueMap, path: Path, ground: Ground) -> None:
    from viewers.maps import dicom_maps

    dicom_maps.write_fractional(the, path, ground)


Writer = Callable[[ValueMap, Path, Ground], None]
WRITERS: Mapping[str, Writer] = {
    ".csv": _csv,
    ".h5": _hdf5,
    ".geojson": _geojson,
    ".tif": _tiff,
    ".tiff": _tiff,
    ".seg.dcm": _fractional,
    ".dcm": _parametric,
}
FORMS: Mapping[str, str] = {
    ".csv": "Table of patches, WSInfer's columns (*.csv)",
    ".h5": "HDF5 as TRIDENT lays it out (*.h5)",
    ".geojson": "GeoJSON tiles for QuPath (*.geojson)",
    ".tif": "TIFF of float values (*.tif)",
    ".tiff": "TIFF of float values (*.tiff)",
    ".seg.dcm": "DICOM fractional segmentation, probabilities only (*.seg.dcm)",
    ".dcm": "DICOM parametric map (*.dcm)",
}
"""By the ending of the name, in the words of a file dialog; the first that fits counts."""
