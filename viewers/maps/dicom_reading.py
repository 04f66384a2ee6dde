"""DICOM parametric maps and fractional segmentations of a slide, read back as maps of values."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from viewers.errors import SourceError, reading
from viewers.maps import MOST_CELLS, MOST_CLASSES, Ground, ValueMap, clean, dicom_slides, own_range
from viewers.sources import pydicom_plugin
from viewers.sources.header import dataset_of

PARAMETRIC, SEGMENTATION = "1.2.840.10008.5.1.4.1.1.30", "1.2.840.10008.5.1.4.1.1.66.4"


def opened(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """Raises SourceError."""
    try:
        with reading(path):
            header = dataset_of(path)
            _must_be_map(path, header, ground)
            if header.SOPClassUID == PARAMETRIC:
                return (_parametric(path, header, ground),)
            return _segments(path, ground)
    except SourceError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RuntimeError, NotImplementedError) as error:
        raise SourceError(
            path, f"{path.name} is a damaged DICOM map, or of a form that is not read: export it as TIFF."
        ) from error


def _must_be_map(path: Path, header: Dataset, ground: Ground) -> None:
    if header.get("SOPClassUID") not in (PARAMETRIC, SEGMENTATION):
        raise SourceError(path, f"{path.name} is a DICOM file but no map: open a parametric map or a fractional segmentation.")
    if "TotalPixelMatrixColumns" not in header:
        raise SourceError(path, f"{path.name} is a map of a radiology image, not of a slide: it cannot be laid over a slide.")
    if header.TotalPixelMatrixColumns * header.TotalPixelMatrixRows > MOST_CELLS:
        raise SourceError(path, f"{path.name} is larger than the {MOST_CELLS:,} cells that are shown: export it coarser.")
    if ground.mpp is None:
        raise SourceError(path, f"{path.name} is placed in mm, but the picture states no µm per pixel: give the spacing first.")


def _parametric(path: Path, header: Dataset, ground: Ground) -> ValueMap:
    image = highdicom.imread(path)
    values = np.asarray(image.get_total_pixel_matrix(apply_real_world_transform=False, apply_voi_transform=False), np.float32)
    name = clean(header.get("ContentDescription") or path.stem)
    low, high, notes = own_range(path, name, values)
    mappings = header.SharedFunctionalGroupsSequence[0].get("RealWorldValueMappingSequence")
    unit = "value"
    if mappings:
        unit = clean(mappings[0].get("LUTExplanation", "value"), 30)
        first, last = (mappings[0].get(f"DoubleFloatRealWorldValue{end}ValueMapped") for end in ("First", "Last"))
        if first is not None and last is not None and first < last:
            low, high, notes = float(first), float(last), ()
    return ValueMap(name, values, _extent(path, header, ground, values), low, high, unit, None, notes)


def _segments(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    pydicom_plugin.register()
    image = highdicom.seg.segread(path)
    numbers = list(image.segment_numbers)[:MOST_CLASSES]
    if image.TotalPixelMatrixColumns * image.TotalPixelMatrixRows * len(numbers) > 4 * MOST_CELLS:
        raise SourceError(path, f"{path.name} has too many segments to show at once: export fewer.")
    stack = image.get_total_pixel_matrix(segment_numbers=numbers, rescale_fractional=True)
    maps = []
    for index, number in enumerate(numbers):
        values = np.ascontiguousarray(stack[..., index], np.float32)
        name = clean(image.get_segment_description(number).segment_label)
        maps.append(ValueMap(name, values, _extent(path, image, ground, values), 0.0, 1.0, "probability"))
    return tuple(maps)


def _extent(path: Path, header: Dataset, ground: Ground, values: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """From mm to level-0 pixels, where the map's rows run along the slide's own. A slide that is no DICOM has its first pixel's
    centre at (0, 0) mm, as in the maps that are written for it."""
    assert ground.mpp is not None
    origin = header.TotalPixelMatrixOriginSequence[0]
    across_mm, down_mm = (float(one) for one in reversed(_spacing(header)))
    cell = across_mm * 1000 / ground.mpp[0], down_mm * 1000 / ground.mpp[1]
    frame = dicom_slides.described(path, ground)
    dicom_slides.must_lie_upright(path, header, frame)
    place = float(origin.XOffsetInSlideCoordinateSystem), float(origin.YOffsetInSlideCoordinateSystem)
    x, y = dicom_slides.pixels(frame, ground, place)
    x0, y0 = round(x - cell[0] / 2, 3), round(y - cell[1] / 2, 3)
    x1, y1 = round(x0 + cell[0] * values.shape[1], 3), round(y0 + cell[1] * values.shape[0], 3)
    if x0 >= ground.size.width or y0 >= ground.size.height or x1 <= 0 or y1 <= 0:
        raise SourceError(path, f"{path.name} lies beside this picture: the map is of another slide.")
    return x0, y0, x1, y1


def _spacing(header: Dataset) -> tuple[float, float]:
    """mm between rows and between columns."""
    spacing = header.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
    return float(spacing[0]), float(spacing[1])
