"""A header's words on greyscale (PS3.3 C.7.6.3.1.2, C.11.1, C.11.2) as a `Grayscale`; what is unusable becomes a note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray

from viewers.grayscale import Function, Grayscale, Lut, Window
from viewers.sources import values
from viewers.sources.header import Header
from viewers.sources.real_world import mappings_of
from viewers.sources.suv import pet_unit, suv_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def grayscale_of(header: Header, frame: int = 0) -> Grayscale:
    """How the stored values of one frame become grey, and what they measure."""
    dataset, notes = header.dataset, list[str]()
    signed = values.integer(dataset, "PixelRepresentation") == 1
    rescaling = values.group(dataset, frame, "PixelValueTransformationSequence") or dataset
    slope, intercept = _rescale(rescaling, notes)
    modality_lut = luts_of(dataset, "ModalityLUTSequence", signed, notes)[:1]
    below_zero = _lowest(header, signed, slope, intercept) < 0
    voi = values.group(dataset, frame, "FrameVOILUTSequence") or dataset
    suv, why_none = suv_of(dataset)
    notes += [why_none] if why_none else []
    return Grayscale(
        slope=slope,
        intercept=intercept,
        modality_lut=modality_lut[0] if modality_lut else None,
        windows=windows_of(voi, notes),
        voi_luts=luts_of(voi, "VOILUTSequence", below_zero and not modality_lut, notes),
        photometric=header.photometric,
        shape=_shape(dataset, notes),
        presentation_lut=next(iter(luts_of(dataset, "PresentationLUTSequence", False, notes)), None),
        padding=_padding(header, signed),
        bits=header.stored,
        signed=signed,
        unit=_unit(dataset, rescaling, bool(modality_lut)),
        quantities=(*((suv,) if suv is not None else ()), *mappings_of(dataset, frame)),
        notes=tuple(notes),
    )


def _unit(dataset: Dataset, rescaling: Dataset, by_table: bool) -> str:
    """Of the modality values: as stated, else HU on CT (C.8.2.1.1.2), else by the Units of PET."""
    if by_table:
        return values.code(values.item(dataset, "ModalityLUTSequence"), "ModalityLUTType")
    unit = values.text(rescaling, "RescaleType")
    if not unit and values.code(dataset, "Modality") == "CT" and "LOCALIZER" not in image_type(dataset):
        return "HU"
    unit = unit if unit.isascii() and unit.isprintable() and len(unit) <= 16 else ""
    return pet_unit(dataset) or unit


def image_type(dataset: Dataset) -> tuple[str, ...]:
    return values.texts(dataset, "ImageType")


def _rescale(dataset: Dataset, notes: list[str]) -> tuple[float, float]:
    slope, intercept = values.number(dataset, "RescaleSlope"), values.number(dataset, "RescaleIntercept")
    if slope == 0 or (slope is None and values.text(dataset, "RescaleSlope")):
        notes.append("RescaleSlope is not a usable number; 1 is used, so values may carry another unit than stated.")
        slope = None
    return 1.0 if slope is None else slope, intercept or 0.0


def _lowest(header: Header, signed: bool, slope: float, intercept: float) -> float:
    """The lowest modality value the stored bits can reach."""
    low = -(2.0 ** (header.stored - 1)) if signed else 0.0
    return min(low * slope, (low + 2.0**header.stored - 1) * slope) + intercept


def windows_of(dataset: Dataset, notes: list[str]) -> tuple[Window, ...]:
    """All pairs of centre and width; pairs belong together by their place."""
    centres, widths = values.texts(dataset, "WindowCenter"), values.texts(dataset, "WindowWidth")
    explanations = values.texts(dataset, "WindowCenterWidthExplanation")
    function = values.code(dataset, "VOILUTFunction") or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append("The header names an unknown VOI LUT function; LINEAR is used.")
        function = "LINEAR"
    found = []
    for place, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        explanation = explanations[place] if place < len(explanations) else ""
        try:
            found.append(Window(float(centre), float(width), explanation[:64], cast(Function, function)))
        except ValueError:
            if centre or width:
                notes.append("A window of the header cannot be used (its width is too small or no number) and is left out.")
    return tuple(found)


def luts_of(dataset: Dataset, keyword: str, signed: bool, notes: list[str]) -> tuple[Lut, ...]:
    found = []
    for place, item in enumerate(values.items(dataset, keyword)):
        lut = _lut(item, signed)
        if lut is None:
            notes.append(f"Table {place + 1} of {keyword} cannot be used and is left out.")
        else:
            found.append(lut)
    return tuple(found)


def _lut(item: Dataset, signed: bool) -> Lut | None:
    """A table by its descriptor (entries with 0 for 65,536; first input; bits); None when they do not fit its data."""
    descriptor = values.numbers(item, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    entries, first, bits = int(descriptor[0]) % 65_536 or 65_536, int(descriptor[1]), int(descriptor[2])
    if signed and first >= 32_768:
        first -= 65_536
    data = _entries(values.raw(item, "LUTData"), entries)
    if data is None or not 1 <= bits <= 16:
        return None
    bits = max(bits, int(data.max()).bit_length())
    return Lut(first, bits, data, values.text(item, "LUTExplanation")[:64] or values.code(item, "ModalityLUTType"))


def _entries(data: object, entries: int) -> NDArray[np.uint16] | None:
    """`entries` values out of words, or of bytes packed one or two to an entry."""
    if isinstance(data, bytes):
        if len(data) >= 2 * entries:
            return np.frombuffer(data, "<u2", entries).astype(np.uint16)
        return np.frombuffer(data, np.uint8, entries).astype(np.uint16) if len(data) >= entries else None
    try:
        words = np.atleast_1d(np.array(data, np.int64)) if data is not None else np.zeros(0, np.int64)
    except (ValueError, TypeError, OverflowError):
        return None
    if len(words) >= entries:
        return words[:entries].astype(np.uint16)
    if 2 * len(words) >= entries:  # two 8-bit entries to a word
        return words.astype("<u2").view(np.uint8)[:entries].astype(np.uint16)
    return None


def _shape(dataset: Dataset, notes: list[str]) -> Literal["", "IDENTITY", "INVERSE"]:
    stated = values.code(dataset, "PresentationLUTShape")
    if stated == "IDENTITY":
        return "IDENTITY"
    if stated == "INVERSE":
        return "INVERSE"
    if stated:
        notes.append("The header names an unknown presentation shape, which is ignored.")
    return ""


def _padding(header: Header, signed: bool) -> tuple[float, float] | None:
    """PixelPaddingValue and its range limit (C.7.5.1.1.2) in the sign of the pixels; their own tags for floats."""
    kind = {"FloatPixelData": "Float", "DoubleFloatPixelData": "DoubleFloat"}.get(header.coded.keyword, "")
    keywords = f"{kind}PixelPaddingValue", f"{kind}PixelPaddingRangeLimit"
    if kind:
        ends = [values.number(header.dataset, keyword) for keyword in keywords]
        floats = [float(np.float32(end)) if kind == "Float" else end for end in ends if end is not None]
        return (min(floats), max(floats)) if ends[0] is not None else None
    whole = [values.integer(header.dataset, keyword) for keyword in keywords]
    if whole[0] is None:
        return None
    known = [_resigned(end, header.stored, signed) for end in whole if end is not None]
    return min(known), max(known)


def _resigned(value: int, stored: int, signed: bool) -> int:
    """The tag's own sign may be lost (US for SS): brought back to the range of the pixels."""
    if signed and value >= 2 ** (stored - 1):
        return value - 2 ** max(stored, 16) if value >= 2**15 else value
    return value % 2**16 if not signed and value < 0 else value
