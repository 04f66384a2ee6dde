"""Greyscale DICOM as a model receives it: one function per modality, from stored values, never from the screen."""

from __future__ import annotations

from app.modality import OTHER_CODES, PHOTO_CODES, XRAY_CODES
from inference.questions import Picture
from viewers.geometry import Region
from viewers.grayscale import Window
from viewers.sources import GrayscaleSource, Source

CT_WINDOWS = "1.5"
"""Whose three windows a CT slice is shown to a model with, where the model's entry names none."""


def greyscale(source: Source, region: Region, ct_windows: str = CT_WINDOWS) -> Picture | None:
    """The picture of one frame's region, at full size; None for sources that are not greyscale DICOM.

    Windows and stretches are taken over the whole frame, then the region is cut out: a crop has the same grey as its place
    in the whole. A radiograph goes through `preprocess.xray`, CT through three windows of HU, MR through the minimum and
    maximum of the slice at hand, anything else as it is shown.
    """
    if not isinstance(source, GrayscaleSource):
        return None
    cut = (slice(region.y, region.bottom), slice(region.x, region.right))
    where = f"region {region}"
    if source.modality == "CT":
        from inference.preprocess import ct

        pixels = ct.to_rgb(source.values(region.frame), ct_windows)
        return Picture(pixels[cut].copy(), "ct", steps=(f"HU through the windows of {ct_windows}", where))
    if source.modality == "MR":
        from inference.preprocess import mri

        pixels = mri.to_rgb(source.values(region.frame))
        return Picture(pixels[cut].copy(), "mr", steps=("minimum to maximum of the slice", where))
    if source.modality in XRAY_CODES or (source.kind == "radiograph" and source.modality not in PHOTO_CODES | OTHER_CODES):
        return _radiograph(source, region, cut, where)
    return None


def _radiograph(source: GrayscaleSource, region: Region, cut: tuple[slice, slice], where: str) -> Picture:
    from inference.preprocess import xray

    grey = source.frame_grayscale(region.frame)
    first = grey.windows[0] if grey.windows else None
    pixels = xray.to_rgb(
        source.stored(region.frame),
        slope=grey.slope,
        intercept=grey.intercept,
        window=None if first is None else (first.centre, first.width),
        monochrome1=grey.photometric == "MONOCHROME1",
        bits=grey.bits,
    )
    how = _window_words(first)
    return Picture(pixels[cut].copy(), "cxr", steps=(f"stored values to 8 bit {how}", where))


def _window_words(window: Window | None) -> str:
    return "over their full range" if window is None else f"by the file's first window {window.centre:g}/{window.width:g}"
