"""What a header says of compression with loss (PS3.3 C.7.6.1.1.5): methods and ratios, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_METHODS = {
    "ISO_10918_1": "JPEG", "ISO_14495_1": "JPEG-LS", "ISO_15444_1": "JPEG 2000", "ISO_15444_15": "HTJ2K",
    "ISO_18181_1": "JPEG XL", "ISO_13818_2": "MPEG-2", "ISO_14496_10": "H.264", "ISO_23008_2": "HEVC",
}  # fmt: skip


def lossy_words(dataset: Dataset) -> str:
    """ "JPEG 10 : 1, then JPEG 2000 4 : 1", one for each step it went through; "" where nothing is stated."""
    ratios = values.texts(dataset, "LossyImageCompressionRatio")
    methods = values.texts(dataset, "LossyImageCompressionMethod")
    said = []
    for place in range(min(8, max(len(ratios), len(methods)))):
        method = methods[place] if place < len(methods) else ""
        name = _METHODS.get(method, method.replace("_", " ") if re.fullmatch(r"[A-Z0-9_ ]{1,16}", method) else "")
        said.append(" ".join(part for part in (name, _ratio(ratios[place] if place < len(ratios) else "")) if part))
    return ", then ".join(one for one in said if one)


def _ratio(text: str) -> str:
    try:
        ratio = float(text)
    except ValueError:
        return ""
    return f"{ratio:.3g} : 1" if 1.0 <= ratio < 1e5 else ""
