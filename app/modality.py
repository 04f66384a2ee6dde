"""Which prompts, label sets and windows suit a source, and how that was known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inference.questions import Modality
from viewers.geometry import Region
from viewers.sources import Source

XRAY_CODES = frozenset({"CR", "DX", "RG", "RF", "MG", "PX", "IO"})
GREY_TOLERANCE = 6
"""Grey levels by which the channels of a compressed grey picture may differ."""


KINDS: Mapping[str, str] = {
    "cxr": "chest films", "ct": "CT images", "mr": "MR images", "slide": "stained sections", "photo": "photographs",
    "document": "documents",
}  # fmt: skip
"""Each `Modality` in the reader's words, many of it."""
SAMPLE = 256
"""Longest side, in pixels, of what a guess is made from."""


def modality_of(source: Source, sample: NDArray[np.uint8] | None = None) -> tuple[Modality, str]:
    """The modality of `source` and a step for the receipt; `sample` is the whole picture made small, uint8 (h, w, 3), and
    None has it read where it is needed. Raises SourceError.

    A file that names its modality is believed. A plain picture names none: a grey one is taken for a chest film, a pink or
    purple one for a stained section, any other for a photograph, and the receipt says that this was a guess.
    """
    if source.kind == "slide":
        return "slide", "whole slide"
    if source.kind == "waveform":
        return "photo", "a trace, which no model reads"
    if source.modality in XRAY_CODES:
        return "cxr", f"modality {source.modality} in the file"
    if source.modality in ("CT", "MR"):
        return ("ct" if source.modality == "CT" else "mr"), f"modality {source.modality} in the file"
    if source.modality == "SM":
        return "slide", "modality SM in the file"
    return _guess(source.read(Region.whole(source.size), source.size.fitted(SAMPLE)) if sample is None else sample)


def _guess(sample: NDArray[np.uint8]) -> tuple[Modality, str]:
    channels = sample[:: max(1, sample.shape[0] // 256), :: max(1, sample.shape[1] // 256)].astype(np.int16)
    red, green, blue = (channels[..., i] for i in range(3))
    if np.quantile(np.abs(red - green), 0.99) <= GREY_TOLERANCE and np.quantile(np.abs(blue - green), 0.99) <= GREY_TOLERANCE:
        return "cxr", "taken for a chest film: a grey picture that names no modality"
    stained = np.minimum(red, blue) - green > 8
    coloured = channels.max(axis=-1) - channels.min(axis=-1) > 16
    if coloured.any() and float(stained[coloured].mean()) > 0.5:
        return "slide", "taken for a stained section: a pink or purple picture that names no modality"
    return "photo", "taken for a photograph: a colour picture that names no modality"
