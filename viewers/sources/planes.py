"""TIFF slides that OpenSlide does not read: channels, z and t, 16 bits and floats, tiles or strips (OME-TIFF, QPTIFF, plain)."""

from __future__ import annotations

import struct
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.channels import COLOURS, Channel, Mix, composed, default_range, halved_values, histogram, scale_of
from viewers.errors import SourceError, reading
from viewers.geometry import Provenance, Region, Size, Spacing
from viewers.sources import Kind, Level, layout, ome, qpi
from viewers.sources.cache import FrameCache
from viewers.sources.describing import described
from viewers.sources.facts import Facts
from viewers.sources.files import must_be_file
from viewers.sources.icc import to_srgb
from viewers.sources.layout import Layout, Unreadable
from viewers.sources.level_read import read_region
from viewers.sources.page_grid import PageGrid
from viewers.sources.scanner import at_objective
from viewers.sources.tiff import LOSSY
from viewers.sources.tile_files import MOST_TILE_PIXELS, BadTile, Positioned
from viewers.sources.whole import cut_short

if TYPE_CHECKING:
    import tifffile

Values = NDArray[np.generic]
MADE = 8
"""Level-0 pixels per pixel of the level that is made of a picture in strips, as it has no tiles to begin with."""
_SEGMENT_BYTES = 192 * 2**20
_BAND_BYTES = 192 * 2**20
_SAMPLES = 16
"""Tiles from which the default range of a channel is taken."""
_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error, MemoryError, RuntimeError)
"""What tifffile raises for damaged directories; its own TiffFileError is a ValueError or a plain Exception by version."""


class Planes:
    """A slide of planes. `read` and `read_tile` go through the file's own default mix; the screen may mix anew."""

    modality = "SM"
    facts: Facts | None = None

    def __init__(self, path: Path, spacing: Spacing | None = None, kind: Kind = "slide") -> None:
        """Reads directories and a few tiles. Raises SourceError."""
        must_be_file(path)
        self.path, self.name, self.kind = path, path.name, kind
        self._lock = Lock()
        self._grids: dict[layout.Place, PageGrid] = {}
        self._segments, self._bands = FrameCache(_SEGMENT_BYTES), FrameCache(_BAND_BYTES)
        self._band_locks: dict[tuple[int, int, int], Lock] = {}
        with self._told():
            self._file = Positioned(path)
            self._tiff: tifffile.TiffFile = _tiff(path)
            self._end = weakref.finalize(self, _close, self._tiff, self._file)
            try:
                self.layout = layout_of(self._tiff)
                self.size, self.levels, self._made = self._stored_levels()
            except BaseException:
                self._end()
                raise
        self._icc = to_srgb(self._profile()) if not self.layout.stains else None
        self.frames = self.layout.z * self.layout.t
        self.z, self.t = self.layout.z, self.layout.t
        self.scanner = at_objective(self.layout.scanner, self.layout.objective)
        self.spacing = spacing or self.layout.spacing
        self.associated = tuple(self.layout.associated)
        self._cut = cut_short(path, first=False)
        self.histograms: tuple[tuple[float, ...], ...] = ()
        """Of each channel's values between the ends of `scale_of`, from the tiles its default range was taken from."""
        self.mix = self._default_mix()

    def __repr__(self) -> str:
        return f"Planes({self.name})"

    # what every source has

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        self._must_hold(region.frame)
        return read_region(self, partial(self._coloured, region.frame), region, size or region.size)

    def read_tile(self, level: int, column: int, row: int) -> NDArray[np.uint8]:
        return self.coloured(self.raw_tile(level, column, row, 0), self.mix)

    def raw_tile(self, level: int, column: int, row: int, frame: int) -> Values:
        """One tile's stored values, (channels, height, width), of plane `frame`; for a picture in colour uint8 R, G, B.

        Raises SourceError.
        """
        self._must_hold(frame)
        if not 0 <= level < len(self.levels):
            raise SourceError(self.path, f"{self.name} has {len(self.levels)} levels; level {level} does not exist.")
        size, tile = self.levels[level].size, self.levels[level].tile or Size(512, 512)
        x, y = column * tile.width, row * tile.height
        if not (0 <= x < size.width and 0 <= y < size.height):
            raise SourceError(self.path, f"{self.name} has no tile {column}, {row} on level {level}.")
        part = Size(min(tile.width, size.width - x), min(tile.height, size.height - y))
        return self._values(frame, level, x, y, part)

    def coloured(self, values: Values, mix: Mix) -> NDArray[np.uint8]:
        """Stored values (channels, height, width) as uint8 sRGB (height, width, 3) through `mix`."""
        pixels = composed(values, mix)
        return pixels if self._icc is None else self._icc(pixels)

    def info(self) -> Mapping[str, object]:
        levels = [
            {
                "width": level.size.width, "height": level.size.height, "downsample": level.downsample,
                "tile": [level.tile.width, level.tile.height] if level.tile else None,
            }
            for level in self.levels
        ]  # fmt: skip
        channels = [
            {"name": one.name, "colour": "#{:02x}{:02x}{:02x}".format(*one.colour), "low": one.low, "high": one.high}
            for one in self.mix.channels
        ]
        grid = self._grid(self._first(0).place)
        return described(
            self,
            levels=levels,
            reading=f"{self.layout.format}, {'tiles' if grid.tiled else 'strips'} read directly ({grid.codec}, {grid.dtype})",
            objective=self.layout.objective,
            scanner=self.scanner,
            channels=channels,
            planes={"z": self.z, "t": self.t},
            associated_images=list(self.associated),
            lossy=LOSSY.get(int(self._tiff.pages[self._first(0).place[0]].compression)),
        )

    def close(self) -> None:
        with self._lock:
            self._end()
        self._segments.clear()
        self._bands.clear()

    # what this one adds

    vendor = ""
    identity = ""

    def associated_image(self, name: str) -> NDArray[np.uint8]:
        """One of `associated` as uint8 RGB (height, width, 3); may show the patient's name: for a person's own eyes alone.

        Raises SourceError.
        """
        if name not in self.associated:
            raise SourceError(self.path, f"{self.name} holds no {name} picture.")
        with self._told():
            grid = self._grid((self.layout.associated[name],))
            if grid.size.width * grid.size.height > MOST_TILE_PIXELS or grid.dtype != np.uint8:
                claim = f"{grid.size.width} × {grid.size.height} pixels of {8 * grid.dtype.itemsize} bits"
                raise SourceError(self.path, f"{self.name}: its {name} picture claims {claim}, which cannot be shown.")
            values = grid.pixels(0, 0, grid.size, None if grid.samples >= 3 else 0)
        colour = np.moveaxis(values, 0, -1) if values.ndim == 3 else np.repeat(values[..., None], 3, axis=-1)
        return np.ascontiguousarray(colour, np.uint8)

    def give_spacing(self, spacing: Spacing | None) -> None:
        """Another size of a pixel than the file's; None: the file's again."""
        self.spacing = spacing or self.layout.spacing

    @property
    def notes(self) -> tuple[str, ...]:
        notes = list(self.layout.notes)
        if self._cut:
            notes.append("The file is cut short: some places cannot be read; copy it again from the scanner.")
        if self.spacing is None and self.kind == "slide":
            notes.append("The file states no size of a pixel: lengths and magnification are unknown until you give it.")
        elif self.spacing is not None and self.spacing.provenance is Provenance.OBJECTIVE:
            notes.append("The size of a pixel is estimated from the objective power.")
        if self._icc is not None and self._icc.changes:
            notes.append("Colours converted from the slide's ICC profile to sRGB.")
        return tuple(notes)

    @property
    def steps(self) -> tuple[str, ...]:
        """How stored values became what `read` gives, for receipts."""
        if not self.mix.channels:
            return () if self._icc is None else (self._icc.step,)
        told = ", ".join(f"{one.name} {one.low:.6g}–{one.high:.6g}" for one in self.mix.channels)
        return (f"channels added in the file's colours: {told}",)

    # inside

    def _coloured(self, frame: int, level: int, x: int, y: int, size: Size) -> NDArray[np.uint8]:
        """Pixels of one level from (x, y) on; white outside a picture in colour, black outside one of channels."""
        stored = self.levels[level].size
        x0, y0 = max(0, x), max(0, y)
        x1, y1 = min(stored.width, x + size.width), min(stored.height, y + size.height)
        if (x0, y0, x1, y1) == (x, y, x + size.width, y + size.height):
            return self.coloured(self._values(frame, level, x, y, size), self.mix)
        out = np.full((size.height, size.width, 3), 0 if self.mix.channels or self.kind != "slide" else 255, np.uint8)
        if x1 > x0 and y1 > y0:
            inner = self.coloured(self._values(frame, level, x0, y0, Size(x1 - x0, y1 - y0)), self.mix)
            out[y0 - y : y1 - y, x0 - x : x1 - x] = inner
        return out

    def _values(self, frame: int, level: int, x: int, y: int, size: Size) -> Values:
        """(channels, height, width) inside the picture."""
        with self._told():
            if level == self._made:
                return np.stack([self._from_bands(frame, part, x, y, size) for part in range(self._parts)])
            if not self.layout.stains:
                stored = self._stored(level, 0, frame)
                return self._grid(stored.place).pixels(x, y, size, None)
            planes = [self._stored(level, channel, frame) for channel in range(self.layout.channels)]
            return np.stack([self._grid(one.place).pixels(x, y, size, one.sample) for one in planes])

    @property
    def _parts(self) -> int:
        return len(self.layout.stains) or 3

    def _from_bands(self, frame: int, part: int, x: int, y: int, size: Size) -> Values:
        """Of the level made of strips: bands of 512 rows, each made in one walk through the strips below it."""
        width = self.levels[self._made].size.width if self._made is not None else 0
        out = [
            self._band(frame, part, number)[max(0, y - number * 512) : y + size.height - number * 512]
            for number in range(y // 512, -(-(y + size.height) // 512))
        ]
        assert x + size.width <= width
        return np.concatenate(out)[:, x : x + size.width]

    def _band(self, frame: int, part: int, number: int) -> Values:
        key = frame, part, number
        with self._lock:
            own = self._band_locks.setdefault(key, Lock())
        with own:  # two threads that want tiles of one band make it once
            return self._bands.get(key, lambda: self._made_band(frame, part, number))

    def _made_band(self, frame: int, part: int, number: int) -> Values:
        stored = self._stored(0, part if self.layout.stains else 0, frame)
        grid, sample = self._grid(stored.place), stored.sample if self.layout.stains else part
        rows = []
        for top in range(number * 512 * MADE, min(self.size.height, (number + 1) * 512 * MADE), 64):
            values = grid.pixels(0, top, Size(self.size.width, min(64, self.size.height - top)), sample)[None]
            for _ in range(MADE.bit_length() - 1):
                values = halved_values(values)
            rows.append(values[0])
        return np.concatenate(rows)

    def _grid(self, place: layout.Place) -> PageGrid:
        with self._lock:
            grid = self._grids.get(place)
            if grid is None:
                ground = 0 if self.layout.stains else 255
                grid = PageGrid(layout.page_at(self._tiff, place), self._file, self._segments, ground)
                self._grids[place] = grid
            return grid

    def _stored(self, level: int, channel: int, frame: int) -> layout.Stored:
        try:
            return self.layout.planes[level][channel, frame]
        except KeyError:
            raise BadTile(f"channel {channel + 1} of plane {frame + 1} stands in another file") from None

    def _first(self, level: int) -> layout.Stored:
        """Any plane of a level that the file holds."""
        return next(iter(self.layout.planes[level].values()))

    def _stored_levels(self) -> tuple[Size, tuple[Level, ...], int | None]:
        """The size of level 0, the levels, and which of them is made of strips here."""
        levels: list[Level] = []
        for number in range(len(self.layout.planes)):
            grid = self._grid(self._first(number).place)
            first = levels[0].size if levels else grid.size
            levels.append(Level(grid.size, first.width / grid.size.width, grid.tile))
        size, made = levels[0].size, None
        striped = not self._grid(self._first(0).place).tiled
        if striped and len(levels) == 1 and size.width * size.height > 16 * 2**20:
            made = 1
            coarse = Size(*(-(-edge // MADE) for edge in (size.width, size.height)))
            levels.append(Level(coarse, float(MADE), Size(512, 512)))
        return size, tuple(levels), made

    def _profile(self) -> bytes | None:
        value = layout.page_at(self._tiff, self._first(0).place).tags.valueof(34675)
        return bytes(value) if isinstance(value, bytes | tuple) and value else None

    def _default_mix(self) -> Mix:
        """Colours of the file, else ones that stay apart; ranges from the coarsest level, of the middle plane."""
        if not self.layout.stains:
            return Mix()
        samples = list(self._sampled())
        channels = []
        for number, stain in enumerate(self.layout.stains):
            low, high = default_range([one[number] for one in samples])
            alone = (255, 255, 255) if len(self.layout.stains) == 1 else COLOURS[number % len(COLOURS)]
            channels.append(Channel(stain.name, stain.colour or alone, low, high, visible=number < 8))
            self.histograms += (histogram([one[number] for one in samples], scale_of(channels[-1])),)
        return Mix(tuple(channels))

    def _sampled(self) -> Iterator[Values]:
        """A few tiles of the coarsest stored level, spread over it; those that cannot be read are left out."""
        stored = [number for number in range(len(self.levels)) if number != self._made]
        level, frame = stored[-1], self.z // 2
        size, tile = self.levels[level].size, self.levels[level].tile or Size(512, 512)
        columns, rows = -(-size.width // tile.width), -(-size.height // tile.height)
        cells = [(column, row) for row in range(rows) for column in range(columns)] if columns * rows <= _SAMPLES else []
        if not cells:
            across, down = ({count * part // 8 for part in (1, 3, 5, 7)} for count in (columns, rows))
            cells = [(column, row) for row in sorted(down) for column in sorted(across)]
        for column, row in cells:
            try:
                yield self.raw_tile(level, column, row, frame)
            except SourceError:
                continue

    def _must_hold(self, frame: int) -> None:
        if not 0 <= frame < self.frames:
            count = "one frame" if self.frames == 1 else f"{self.frames} frames"
            raise SourceError(self.path, f"{self.name} has {count}; frame {frame + 1} does not exist.")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what goes wrong inside into a SourceError."""
        try:
            yield
        except SourceError:
            raise
        except BadTile as error:
            raise SourceError(
                self.path, f"{self.name} cannot be read in one place ({error}): the rest stays readable."
            ) from error
        except Unreadable as error:
            raise SourceError(
                self.path, f"{self.name} cannot be shown: {error}. Export it again as a tiled TIFF or OME-TIFF."
            ) from error
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno is not None:
                with reading(self.path):
                    raise
            raise SourceError(self.path, f"{self.name} is damaged or cut short: copy it again from the scanner.") from error


def layout_of(tiff: tifffile.TiffFile) -> Layout:
    """Raises Unreadable and what tifffile raises."""
    description = tiff.pages[0].description
    if qpi.is_qpi(description):
        return qpi.from_xml(tiff)
    if ome.is_ome(description):
        return ome.from_xml(tiff, description)
    return layout.from_pages(tiff)


def wanted(path: Path, known_slide: Callable[[], str | None]) -> bool:
    """Whether a TIFF is read here: it has channels, z or t, more than 8 bits or floats, or is tiled and OpenSlide refuses it.

    `known_slide` says what OpenSlide takes the file for. A brightfield slide that it knows stays with it. Raises SourceError.
    """
    try:
        with _tiff(path) as tiff:
            first = tiff.pages[0]
            description = first.description
            if qpi.is_qpi(description):
                return True
            vendor = known_slide()
            if vendor not in (None, "generic-tiff"):
                return False
            if ome.is_ome(description):
                found = max(ome.images(description), key=lambda one: one.width * one.height, default=None)
                return found is not None and (vendor is None or found.planes > 1 or not layout.in_colour(first))
            deep = first.bitspersample not in (1, 8) or (first.dtype is not None and first.dtype.kind != "u")
            return (
                bool(first.is_tiled)
                and int(first.photometric) != 3
                and (deep or (vendor is None and not cut_short(path, first=False)))
            )
    except Unreadable as error:
        raise SourceError(path, f"{path.name} cannot be shown: {error}. Export it again as a tiled TIFF or OME-TIFF.") from error
    except _BROKEN:
        return False


def _close(tiff: tifffile.TiffFile, file: Positioned) -> None:
    tiff.close()
    file.close()


def first_size(path: Path) -> Size | None:
    """Of the first picture of a TIFF; None for what is no whole TIFF."""
    try:
        with _tiff(path) as tiff:
            return Size(tiff.pages[0].imagewidth, tiff.pages[0].imagelength)
    except _BROKEN:
        return None


def _tiff(path: Path) -> tifffile.TiffFile:
    import logging

    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it would log is said in our own sentences
    try:
        return tifffile.TiffFile(path)
    except tifffile.TiffFileError as error:
        raise ValueError("no TIFF") from error
