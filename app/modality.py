"""Which prompts, label sets and windows suit a source, and how that was known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inference.questions import Modality
from viewers.geometry import Region
from viewers.sources import Source

XRAY_CODES = frozenset({"CR", "DX", "RG", "RF", "MG", "PX", "IO"})
PHOTO_CODES = frozenset({"XC", "ES", "OP", "DMS"})
"""Photographs and endoscopy, by DICOM PS3.3 C.7.3.1.1.1."""
OTHER_CODES = frozenset({"US", "IVUS", "XA", "NM", "PT", "OPT", "OCT", "IVOCT", "BMD"})
"""What is no radiograph, no slide and no photograph."""
PAPER = 225
"""Grey level from which white paper counts as white."""
GREY_TOLERANCE = 6
"""Grey levels by which the channels of a compressed grey picture may differ."""


KINDS: Mapping[str, str] = {
    "cxr": "chest films", "ct": "CT images", "mr": "MR images", "slide": "stained sections", "photo": "photographs",
    "document": "documents",
}  # fmt: skip
"""Each `Modality` in the reader's words, many of it."""
SAMPLE = 256
"""Longest side, in pixels, of what a guess is made from."""


def modality_of(source: Source, sample: NDArray[np.uint8] | None = None, said: Modality | None = None) -> tuple[Modality, str]:
    """The modality of `source` and a step for the receipt; `sample` is the whole picture made small, uint8 (h, w, 3), and
    None has it read where it is needed. Raises SourceError.

    A file that names its modality is believed. Of a picture that names none the reader may have `said` what it is; else a white
    page with something dark on it is taken for a page, a grey picture for a chest film, a pink or purple one for a stained
    section, any other for a photograph, and the receipt says that this was a guess. Raises ValueError where the reader says
    something of a file that names its own modality.
    """
    named = named_modality(source)
    if named is not None:
        must_agree(source, said)
        return named
    if said is not None:
        return said, f"one of the {KINDS[said]}, as the reader says"
    return _guess(source.read(Region.whole(source.size), source.size.fitted(SAMPLE)) if sample is None else sample)


def must_agree(source: Source, said: Modality | None) -> None:
    """Raises ValueError where the reader says another kind than the file does."""
    named = named_modality(source)
    if said is not None and named is not None and said != named[0]:
        raise ValueError(f"{source.name} says itself what it is ({named[1]}); only what names no modality can be told")


def named_modality(source: Source) -> tuple[Modality, str] | None:
    """As `modality_of`, by the file's own word; None where it has none and the kind is a guess, which the reader may correct."""
    if source.kind == "slide":
        return "slide", "whole slide"
    if source.kind == "waveform":
        return "photo", "a trace, which no model reads"
    step = f"modality {source.modality} in the file"
    if source.modality in XRAY_CODES:
        return "cxr", step
    if source.modality in ("CT", "MR"):
        return ("ct" if source.modality == "CT" else "mr"), step
    if source.modality == "SM":
        return "slide", step
    if source.modality == "DOC":
        return "document", step
    if source.modality in PHOTO_CODES:
        return "photo", step
    if source.modality in OTHER_CODES:
        return "photo", f"remark: {step}, which no published model was trained on: sent as a photograph is"
    return None


def _guess(sample: NDArray[np.uint8]) -> tuple[Modality, str]:
    channels = sample[:: max(1, sample.shape[0] // 256), :: max(1, sample.shape[1] // 256)].astype(np.int16)
    red, green, blue = (channels[..., i] for i in range(3))
    coloured = channels.max(axis=-1) - channels.min(axis=-1) > 16
    light = channels.min(axis=-1) >= PAPER
    if float(light.mean()) >= 0.5 and float(coloured.mean()) < 0.1 and float(channels.min()) < PAPER - 40:
        return "document", "taken for a page: a white picture with dark on it that names no modality"
    if np.quantile(np.abs(red - green), 0.99) <= GREY_TOLERANCE and np.quantile(np.abs(blue - green), 0.99) <= GREY_TOLERANCE:
        return "cxr", "taken for a chest film: a grey picture that names no modality"
    stained = np.minimum(red, blue) - green > 8
    if coloured.any() and float(stained[coloured].mean()) > 0.5:
        return "slide", "taken for a stained section: a pink or purple picture that names no modality"
    return "photo", "taken for a photograph: a colour picture that names no modality"
