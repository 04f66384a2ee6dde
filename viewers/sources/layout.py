"""Which directory of a TIFF holds which plane of which level, and what the file says of its channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from viewers.channels import Colour
from viewers.geometry import Provenance, Spacing

if TYPE_CHECKING:
    import tifffile

Place = tuple[int, ...]
"""A directory: (index in the file,), or (index in the file, index among its sub-directories)."""
SANE_MPP = (0.05, 20.0)
"""µm per pixel outside this range is a writer's mistake."""


@dataclass(frozen=True, slots=True)
class Stain:
    """A channel as the file describes it."""

    name: str
    colour: Colour | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """One channel of one plane of one level: its directory, and which of the samples there."""

    place: Place
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """`planes[level][channel, frame]`; frames count z first, then t. `stains` is empty for a picture stored as red, green, blue.

    `associated` is what else the file holds, label, overview, macro, thumbnail, and in which directory. These may show the
    patient's name.
    """

    planes: tuple[Mapping[tuple[int, int], Stored], ...]
    stains: tuple[Stain, ...]
    z: int = 1
    t: int = 1
    spacing: Spacing | None = None
    objective: float | None = None
    scanner: str = ""
    associated: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    format: str = "TIFF"

    @property
    def channels(self) -> int:
        """Planes that are read for one tile; a picture in colour is one."""
        return len(self.stains) or 1


class Unreadable(Exception):
    """Why a TIFF cannot be taken as planes, as the end of a sentence."""


def page_at(tiff: tifffile.TiffFile, place: Place) -> tifffile.TiffPage:
    """Raises IndexError for a directory that is not there."""
    page = tiff.pages[place[0]]
    return page if len(place) == 1 else page.pages[place[1]]


def reduced(tiff: tifffile.TiffFile, index: int) -> Iterator[tuple[Place, tifffile.TiffPage]]:
    """The sub-directories of a directory that hold the same picture smaller, from large to small."""
    page = tiff.pages[index]
    subs = page.pages if page.subifds else ()
    found = [((index, number), sub) for number, sub in enumerate(subs) if _smaller(sub, page)]
    yield from sorted(found, key=lambda pair: -pair[1].imagewidth)


def in_colour(page: tifffile.TiffPage) -> bool:
    """Whether a directory holds red, green and blue, 8 bits each: a brightfield scan or a photograph."""
    coded = int(page.photometric) == 2 or (int(page.photometric) == 6 and int(page.compression) in (6, 7))
    return coded and page.samplesperpixel in (3, 4) and page.bitspersample == 8


def from_pages(tiff: tifffile.TiffFile) -> Layout:
    """A TIFF that describes itself by its directories alone: one picture, smaller ones of it, every sample a channel."""
    first = tiff.pages[0]
    colour = in_colour(first)
    stains = () if colour else tuple(Stain(f"Channel {number + 1}") for number in range(first.samplesperpixel))
    places: list[Place] = [(0,), *(place for place, _ in reduced(tiff, 0))]
    if len(places) == 1:
        others = [(number, tiff.pages[number]) for number in range(1, min(len(tiff.pages), 64))]
        places += [(number,) for number, page in others if _smaller(page, first) and int(page.subfiletype or 0) & 1]
    planes = tuple({(channel, 0): Stored(place, channel) for channel in range(max(1, len(stains)))} for place in places)
    unused = len(tiff.pages) - sum(len(place) == 1 for place in places)
    notes = (f"Holds {unused} further pages, which are not shown.",) if unused > 0 else ()
    return Layout(planes, stains, spacing=resolution(first), notes=notes)


def resolution(page: tifffile.TiffPage) -> Spacing | None:
    """By the resolution tags (TIFF 6.0 §8), where sane."""
    unit = {2: 25400.0, 3: 10000.0}.get(int(page.resolutionunit or 0))
    per_unit = [page.tags.valueof(tag) for tag in (282, 283)]
    if unit is None or not all(isinstance(one, tuple) and len(one) == 2 and one[0] and one[1] for one in per_unit):
        return None
    x, y = (unit * one[1] / one[0] for one in per_unit)
    return spacing_of(x, y, Provenance.TIFF)


def spacing_of(x_um: float | None, y_um: float | None, provenance: Provenance) -> Spacing | None:
    """µm per pixel as a Spacing; None where one is absent or not sane."""
    if x_um is None or y_um is None or not all(SANE_MPP[0] <= one <= SANE_MPP[1] for one in (x_um, y_um)):
        return None
    return Spacing(x_um / 1000, y_um / 1000, provenance)


def from_objective(power: float | None) -> Spacing | None:
    """10 µm over the power: an estimate, and named so."""
    return spacing_of(10 / power, 10 / power, Provenance.OBJECTIVE) if power else None


def scanner_of(page: tifffile.TiffPage) -> str:
    """Maker, model and software of a directory's tags as one key; "" where it names none."""
    from viewers.sources.safe_xml import words

    named: Sequence[object] = [page.tags.valueof(tag) for tag in (271, 272, 305)]
    return " ".join(filter(None, (words(one) for one in named if isinstance(one, str))))


def _smaller(page: tifffile.TiffPage, of: tifffile.TiffPage) -> bool:
    """Whether a directory can be a coarser level of another: same kind of pixels, same shape, fewer of them."""
    if (page.samplesperpixel, page.bitspersample, page.dtype) != (of.samplesperpixel, of.bitspersample, of.dtype):
        return False
    if page.imagewidth >= of.imagewidth or not page.imagewidth or not page.imagelength:
        return False
    across, down = of.imagewidth / page.imagewidth, of.imagelength / page.imagelength
    return bool(abs(across - down) <= max(across, down) * (2 / min(page.imagewidth, page.imagelength) + 0.01))
