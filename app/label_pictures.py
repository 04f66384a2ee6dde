"""A slide's label and macro, read only when a person asks, and only after that is on record. No Qt.

The only place that reads them: no export, thumbnail, model or batch does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app import audit
from viewers.errors import SourceError
from viewers.geometry import Size
from viewers.label_end import label_ends, masked
from viewers.sources import LabelledSource, Source

SHOWN = ("label", "macro", "overview")
"""The label, and the whole glass under either of its names."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelPictures:
    """uint8 (height, width, 3) each, None where the slide has none; `macro` is masked where the label is, as `words` says."""

    label: NDArray[np.uint8] | None
    macro: NDArray[np.uint8] | None
    words: str = ""


def has_label_pictures(source: Source) -> bool:
    return isinstance(source, LabelledSource) and any(name in source.associated for name in SHOWN)


def reveal(source: Source) -> LabelPictures:
    """Put on record that they are shown, then read them. Not for the GUI thread. Raises SourceError; when the record cannot be
    written, nothing is read."""
    if not isinstance(source, LabelledSource) or not has_label_pictures(source):
        raise SourceError(source.path, f"{source.name} holds neither a label nor a macro picture.")
    try:
        audit.record("label and macro revealed", {"slide": slide_key(source)})
    except OSError as error:
        reason = error.strerror or "the disk reported an error"
        sentence = (
            f"The label stays hidden: that it is shown must be on record, and {audit.audit_path()} cannot be written ({reason})."
        )
        raise SourceError(source.path, sentence) from error
    found = {name: source.associated_image(name) for name in SHOWN if name in source.associated}
    label, macro = found.get("label"), found.get("macro", found.get("overview"))
    if macro is None:
        return LabelPictures(label, None)
    ends = label_ends(_size(macro), None if label is None else _size(label), source.vendor)
    return LabelPictures(label, masked(macro, ends), ends.words)


def slide_key(source: LabelledSource) -> str:
    """Names a slide without its file's name, which may be a patient's: a hash of its content, else of its path."""
    if source.identity:
        return f"content {source.identity}"
    return f"path {hashlib.sha256(str(source.path.absolute()).encode()).hexdigest()}"


def _size(pixels: NDArray[np.uint8]) -> Size:
    return Size(pixels.shape[1], pixels.shape[0])
