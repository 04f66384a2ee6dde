"""OME-XML in the first ImageDescription of a TIFF: which directory holds which channel, z and t (OME-TIFF specification 6)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from viewers.channels import Colour
from viewers.geometry import Provenance, Spacing
from viewers.sources import layout
from viewers.sources.layout import Layout, Stain, Stored, Unreadable
from viewers.sources.safe_xml import XmlRefused, inside, local, parsed, words

if TYPE_CHECKING:
    import tifffile

_UM = {"µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6, "Å": 1e-4}
"""µm in each unit of length that OME knows and a microscope may use."""
_MOST_PLANES = 100_000
_APART = ("label", "macro", "overview", "thumbnail", "barcode")


@dataclass(frozen=True, slots=True)
class Pixels:
    """The `Pixels` element of one image. `samples` are the samples of each channel's directory."""

    name: str
    width: int
    height: int
    counts: Mapping[str, int]
    order: str
    stains: tuple[Stain, ...]
    samples: tuple[int, ...]
    spacing: Spacing | None
    data: tuple[tuple[int | None, Mapping[str, int], int | None], ...]
    """(directory, first plane by axis, number of planes) of each TiffData element that speaks of this very file."""

    @property
    def planes(self) -> int:
        return len(self.samples) * self.counts["Z"] * self.counts["T"]


def is_ome(description: str) -> bool:
    return "<OME" in description[:4000] and "openmicroscopy.org" in description[:4000]


def images(description: str) -> tuple[Pixels, ...]:
    """Every image that the text describes. Raises Unreadable."""
    try:
        root = parsed(description)
    except XmlRefused as error:
        raise Unreadable(f"its OME-XML {error}") from error
    try:
        return tuple(
            _pixels(image, part, root.get("UUID")) for image in inside(root, "Image") for part in inside(image, "Pixels")
        )
    except (KeyError, ValueError) as error:
        raise Unreadable("its OME-XML does not state the size of its picture") from error


def from_xml(tiff: tifffile.TiffFile, description: str) -> Layout:
    """The largest image of the file. Raises Unreadable."""
    found = images(description)
    if not found:
        raise Unreadable("its OME-XML describes no picture")
    main = max(found, key=lambda one: one.width * one.height)
    others = [one for one in found if one is not main]
    first = tiff.pages[0]
    where = dict(_directories(main))
    if not where:
        raise Unreadable("its OME-XML names no directory of this file")
    shown = tiff.pages[min(where.values())] if min(where.values()) < len(tiff.pages) else first
    colour = layout.in_colour(shown) and len(main.samples) == 1
    planes = _levels(tiff, main, where, colour)
    associated: dict[str, int] = {}
    for one in others:
        name = next((word for word in _APART if word in one.name.lower()), "further image")
        stored = [index for _, index in _directories(one)]
        if stored:
            associated.setdefault(name, min(stored))
    notes = []
    if missing := main.planes - len(where):
        notes.append(f"{missing} of {main.planes} planes stand in other files and cannot be shown.")
    spacing = main.spacing or layout.resolution(shown) or layout.from_objective(_power(description))
    stains = () if colour else main.stains
    return Layout(
        planes, stains, main.counts["Z"], main.counts["T"], spacing, _power(description), layout.scanner_of(first),
        associated, tuple(notes), "OME-TIFF",
    )  # fmt: skip


def _levels(
    tiff: tifffile.TiffFile, main: Pixels, where: Mapping[tuple[int, int, int], int], colour: bool
) -> tuple[Mapping[tuple[int, int], Stored], ...]:
    """Level 0, and the sub-directories that every plane has. Only the first plane is looked at: the others are alike."""
    first = min(where.values())
    if first >= len(tiff.pages):
        raise Unreadable(f"its OME-XML names directory {first + 1} of {len(tiff.pages)}")
    page = tiff.pages[first]
    if (page.imagewidth, page.imagelength) != (main.width, main.height):
        raise Unreadable(
            f"its OME-XML claims {main.width} × {main.height} pixels where it stores {page.imagewidth} × {page.imagelength}"
        )
    subs = [place[1] for place, _ in layout.reduced(tiff, first)]
    found: list[dict[tuple[int, int], Stored]] = [{} for _ in range(1 + len(subs))]
    for (part, z, t), index in where.items():
        before, frame = sum(main.samples[:part]), t * main.counts["Z"] + z
        for sample in range(1 if colour else main.samples[part]):
            found[0][before + sample, frame] = Stored((index,), sample)
            for level, sub in enumerate(subs, 1):
                found[level][before + sample, frame] = Stored((index, sub), sample)
    return tuple(found)


def _directories(pixels: Pixels) -> Iterator[tuple[tuple[int, int, int], int]]:
    """((channel's directory, z, t), index of the directory) of each plane that the file holds."""
    counts = {"C": len(pixels.samples), "Z": pixels.counts["Z"], "T": pixels.counts["T"]}
    axes = [axis for axis in pixels.order if axis in counts]
    for start, at, number in pixels.data:
        place = 0
        for axis in reversed(axes):
            place = place * counts[axis] + at[axis]
        index = start or 0
        for step in range(pixels.planes - place if number is None else min(number, pixels.planes - place)):
            left, found = place + step, {}
            for axis in axes:
                left, found[axis] = divmod(left, counts[axis])
            yield (found["C"], found["Z"], found["T"]), index + step


def _pixels(image: Element, part: Element, uuid: str | None) -> Pixels:
    counts = {axis: int(part.attrib[f"Size{axis}"]) for axis in "CZT"}
    width, height = int(part.attrib["SizeX"]), int(part.attrib["SizeY"])
    if min(*counts.values(), width, height) < 1 or math.prod(counts.values()) > _MOST_PLANES:
        raise Unreadable(f"its OME-XML claims {' × '.join(map(str, counts.values()))} planes")
    channels = inside(part, "Channel")
    samples = tuple(min(counts["C"], max(1, int(one.get("SamplesPerPixel", "1")))) for one in channels)
    if sum(samples) != counts["C"]:
        samples = (counts["C"],) if len(samples) == 1 else (1,) * counts["C"]
    named = [(words(one.get("Name") or one.get("Fluor")), _colour(one.get("Color"))) for one in channels]
    stains: list[Stain] = []
    for number, count in enumerate(samples):
        name, colour = named[number] if number < len(named) else ("", None)
        stains += [Stain(name or f"Channel {len(stains) + 1}", colour if count == 1 else None) for _ in range(count)]
    order = part.get("DimensionOrder", "XYCZT")
    if sorted(order) != sorted("XYCZT"):
        raise Unreadable("its OME-XML states no order of its planes")
    data = tuple(_data(inside(part, "TiffData"), uuid)) or ((0, dict.fromkeys("CZT", 0), None),)
    return Pixels(words(image.get("Name")), width, height, counts, order, _told_apart(stains), samples, _spacing(part), data)


def _data(elements: Sequence[Element], uuid: str | None) -> Iterator[tuple[int | None, Mapping[str, int], int | None]]:
    owners = [next(((inner.text or "").strip() for inner in inside(one, "UUID")), uuid) for one in elements]
    for one, owner in zip(elements, owners, strict=True):
        if owner != uuid and len(set(owners)) > 1:
            continue
        at = {axis: max(0, int(one.get(f"First{axis}", "0"))) for axis in "CZT"}
        start, number = one.get("IFD"), one.get("PlaneCount")
        yield (
            max(0, int(start)) if start else None,
            at,
            max(0, int(number)) if number else (1 if start is not None else None),
        )


def _told_apart(stains: Sequence[Stain]) -> tuple[Stain, ...]:
    """White is what a writer states who knows no colour: where all channels are alike, none has one."""
    colours = {stain.colour for stain in stains}
    if len(stains) > 1 and len(colours) == 1:
        return tuple(Stain(stain.name) for stain in stains)
    return tuple(stains)


def _colour(text: str | None) -> Colour | None:
    """A signed 32-bit number, red in its highest byte, opacity in its lowest; black shows nothing and counts as none."""
    if text is None:
        return None
    value = int(text) & 0xFFFFFFFF
    colour = value >> 24, value >> 16 & 0xFF, value >> 8 & 0xFF
    return colour if any(colour) else None


def _spacing(part: Element) -> Spacing | None:
    found = []
    for axis in "XY":
        factor = _UM.get(part.get(f"PhysicalSize{axis}Unit", "µm"))
        size = float(part.get(f"PhysicalSize{axis}", "nan"))
        found.append(size * factor if factor and math.isfinite(size) else None)
    return layout.spacing_of(found[0], found[1], Provenance.SLIDE)


def _power(description: str) -> float | None:
    """Of the first objective the text describes."""
    for element in parsed(description).iter():
        if local(element) == "Objective" and (stated := element.get("NominalMagnification")):
            try:
                power = float(stated)
            except ValueError:
                return None
            return power if math.isfinite(power) and power > 0 else None
    return None
