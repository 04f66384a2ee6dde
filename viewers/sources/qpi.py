"""PerkinElmer and Akoya QPTIFF: every directory describes itself in XML, one channel to a directory, levels one after the other.

Label and overview are directories like any other: what does not say that it is the scan, full or reduced, is not shown.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from viewers.channels import Colour
from viewers.geometry import Provenance
from viewers.sources import layout
from viewers.sources.layout import Layout, Stain, Stored, Unreadable
from viewers.sources.safe_xml import XmlRefused, local, parsed, words

if TYPE_CHECKING:
    import tifffile

_ROOT = "PerkinElmer-QPI-ImageDescription"
_MOST_PAGES = 4096


def is_qpi(description: str) -> bool:
    return _ROOT in description[:4000]


def from_xml(tiff: tifffile.TiffFile) -> Layout:
    """Raises Unreadable where no directory holds the scan, or a level lacks a channel."""
    by_size: dict[tuple[int, int], list[int]] = {}
    full: list[Element] = []
    associated: dict[str, int] = {}
    for index in range(min(len(tiff.pages), _MOST_PAGES)):
        page = tiff.pages[index]
        root = _described(page)
        kind = _text(root, "ImageType")
        if kind in ("FullResolution", "ReducedResolution"):
            by_size.setdefault((page.imagewidth, page.imagelength), []).append(index)
            full += [root] if kind == "FullResolution" and root is not None else []
        else:
            name = {"Overview": "overview", "Label": "label", "Thumbnail": "thumbnail"}.get(kind, "further image")
            associated.setdefault(name, index)
    if not full:
        raise Unreadable("no directory of it says that it holds the scan at full resolution")
    sizes = sorted(by_size, key=lambda size: -size[0] * size[1])
    first = tiff.pages[by_size[sizes[0]][0]]
    colour = layout.in_colour(first)
    count = 1 if colour else len(by_size[sizes[0]])
    levels = [by_size[size] for size in sizes if len(by_size[size]) == count]
    stains = () if colour else tuple(_stain(_described(tiff.pages[index]), number) for number, index in enumerate(levels[0]))
    planes = tuple({(channel, 0): Stored((index,)) for channel, index in enumerate(level)} for level in levels)
    power = _power(full[0])
    size = _number(full[0], "PixelSizeMicrons")
    spacing = layout.spacing_of(size, size, Provenance.SLIDE) or layout.resolution(first) or layout.from_objective(power)
    scanner = " ".join(filter(None, (words(_text(full[0], name)) for name in ("InstrumentType", "AcquisitionSoftware"))))
    notes = tuple(
        f"A level of {size[0]} × {size[1]} pixels lacks channels and is not used."
        for size in sizes
        if len(by_size[size]) != count
    )
    return Layout(planes, stains, 1, 1, spacing, power, scanner, associated, notes, "QPTIFF")


def _described(page: tifffile.TiffPage) -> Element | None:
    """The XML of one directory; None where it has none. Raises Unreadable for XML that is refused."""
    text = page.description
    if not is_qpi(text):
        return None
    try:
        return parsed(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))  # the declaration names UTF-16, which the text is no longer
    except XmlRefused as error:
        raise Unreadable(f"the XML of its directories {error}") from error


def _stain(root: Element | None, number: int) -> Stain:
    name = words(_text(root, "Name")) or words(_text(root, "Biomarker")) or f"Channel {number + 1}"
    return Stain(name, _colour(_text(root, "Color")))


def _colour(text: str) -> Colour | None:
    """ "255,0,128"; black shows nothing and counts as none."""
    parts = [int(part) for part in re.findall(r"\d{1,3}", text)[:3]]
    if len(parts) != 3 or max(parts) > 255 or not any(parts):
        return None
    return parts[0], parts[1], parts[2]


def _power(root: Element) -> float | None:
    return _number(root, "ObjectiveMagnification") or _number(root, "Objective") or _number(root, "Magnification")


def _number(root: Element, name: str) -> float | None:
    found = re.match(r"\s*(\d+(?:\.\d+)?)", _text(root, name))
    value = float(found[1]) if found else math.nan
    return value if math.isfinite(value) and value > 0 else None


def _text(root: Element | None, name: str) -> str:
    """Of the first element of that name: among the root's own, else however deep it stands."""
    if root is None:
        return ""
    return next((one.text.strip() for one in (*root, *root.iter()) if local(one) == name and one.text), "")
