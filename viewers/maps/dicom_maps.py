"""Maps as DICOM: a parametric map of the values themselves, or a fractional segmentation of probabilities.

PS3.3 A.75 and A.51; both tiled, in the slide's frame of reference. Places follow PS3.3 C.8.12.4.1.1: the origin of a total
pixel matrix is the centre of its first pixel, in mm.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence, PixelMeasuresSequence, PlanePositionSequence, VOILUTTransformation
from highdicom.pm import ParametricMap, RealWorldValueMapping
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from viewers.errors import SourceError
from viewers.maps import Ground, ValueMap, dicom_slides

TILE = 512
STEPS = 255
"""A fractional segmentation's whole numbers stand for 0 … 1 in so many steps."""
_MAKER = "Hilum"
_NOT_VALIDATED = "Draft, not for diagnostic use"


def write_parametric(the: ValueMap, path: Path, ground: Ground) -> None:
    """The values as float32; cells without one are NaN. Raises SourceError."""
    source = dicom_slides.described(path, ground)
    mapping = RealWorldValueMapping(
        lut_label="1",
        lut_explanation=the.unit[:64] or "value",
        unit=codes.UCUM.NoUnits,
        value_range=(float(the.low), float(the.high)),
        slope=1.0,
        intercept=0.0,
    )
    window = VOILUTTransformation(
        window_center=(the.low + the.high) / 2, window_width=max(the.high - the.low, 1e-6), window_explanation="legend"
    )
    with _told(path):
        made = ParametricMap(
            pixel_array=the.values[None, ...],
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            voi_lut_transformations=[window],
            content_label="MAP",
            content_description=_short(the.name),
            **_common(the, ground, source),
        )
        _saved(made, path, source)


def write_fractional(the: ValueMap, path: Path, ground: Ground) -> None:
    """Rounded to the 255th part, 0 where there is no value. Raises SourceError for values outside 0 … 1."""
    present = the.values[np.isfinite(the.values)]
    if present.size and (present.min() < 0 or present.max() > 1):
        raise SourceError(
            path, f"{the.name} has values outside 0 … 1, which a fractional segmentation cannot hold: choose a parametric map."
        )
    source = dicom_slides.described(path, ground)
    segment = SegmentDescription(
        segment_number=1,
        segment_label=_short(the.name),
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=Code("85756007", "SCT", "Tissue"),
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=_short(the.name), version=_version(), family=codes.DCM.ArtificialIntelligence
        ),
    )
    with _told(path):
        made = Segmentation(
            pixel_array=np.nan_to_num(the.values, nan=0.0)[None, ...],
            segmentation_type="FRACTIONAL",
            fractional_type="PROBABILITY",
            max_fractional_value=STEPS,
            segment_descriptions=[segment],
            content_label="MAP",
            content_description=_short(the.name),
            omit_empty_frames=False,
            **_common(the, ground, source),
        )
        made.PatientOrientation = None
        _saved(made, path, source)


def _common(the: ValueMap, ground: Ground, source: Dataset) -> dict[str, Any]:
    """What both kinds are told: where the map lies, what it is of and who made it."""
    assert ground.mpp is not None  # dicom_slides has refused it otherwise
    x0, y0, x1, y1 = the.extent
    rows, columns = the.values.shape
    cell = (x1 - x0) / columns, (y1 - y0) / rows
    spacing = ground.mpp[1] / 1000 * cell[1], ground.mpp[0] / 1000 * cell[0]
    place = dicom_slides.millimetres(source, ground, x0 + cell[0] / 2, y0 + cell[1] / 2)
    return {
        "source_images": [source],
        "series_instance_uid": generate_uid(),
        "series_number": 1,
        "sop_instance_uid": generate_uid(),
        "instance_number": 1,
        "manufacturer": _MAKER,
        "manufacturer_model_name": _MAKER,
        "software_versions": _version(),
        "device_serial_number": "1",
        "series_description": _NOT_VALIDATED,
        "pixel_measures": PixelMeasuresSequence(spacing, _thickness(source)),
        "plane_positions": [PlanePositionSequence("SLIDE", place, pixel_matrix_position=(1, 1))],
        "tile_pixel_array": True,
        "tile_size": (min(TILE, rows), min(TILE, columns)),
        "dimension_organization_type": "TILED_SPARSE",
    }


def _thickness(source: Dataset) -> float:
    measures = source.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    return float(measures.get("SliceThickness") or 0.001)


def _saved(made: Dataset, path: Path, source: Dataset) -> None:
    """Without references where the slide is no DICOM: they would point at nothing."""
    if not dicom_slides.is_of_file(source):
        dicom_slides.without_references(made)
    made.save_as(path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise SourceError(
            path, f"{path.name} could not be made: the slide's own DICOM header lacks what a map refers to; save it as TIFF."
        ) from error


def _short(text: str) -> str:
    """Fit for a Long String (PS3.5 6.2): 64 characters, no backslash."""
    return text.replace("\\", "/")[:64]


def _version() -> str:
    try:
        return version("hilum")
    except PackageNotFoundError:
        return "0"
