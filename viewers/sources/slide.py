"""Whole slides, also DICOM slides, level-0 coordinates only: OpenSlide knows what they are and reads them with one shared handle;
where a file allows it, tiles are read past it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError, reading
from viewers.geometry import Provenance, Region, Size, Spacing
from viewers.sources import Kind, Level, direct
from viewers.sources.describing import described
from viewers.sources.facts import Facts
from viewers.sources.files import opened_file
from viewers.sources.icc import ToSrgb, to_srgb
from viewers.sources.layout import SANE_MPP
from viewers.sources.level_read import read_region
from viewers.sources.scanner import scanner_of
from viewers.sources.slide_storage import must_be_readable, storage
from viewers.sources.tile_files import MOST_TILE_PIXELS, BadTile
from viewers.sources.whole import cut_short

if TYPE_CHECKING:
    import openslide
    from PIL import Image

T = TypeVar("T")
_TILE_CACHE_BYTES = 256 * 2**20


class Slide:
    """A slide. OpenSlide's handle serves all threads; after an error it is dead for good and is opened anew."""

    kind: Kind = "slide"
    modality = "SM"
    frames = 1
    facts: Facts | None = None

    def __init__(self, path: Path, spacing: Spacing | None = None, name: str = "") -> None:
        """`path` is any file of the slide. Raises SourceError."""
        self.path, self.name = path, name or path.name
        self._file = path
        self._lock = Lock()
        self._handle: openslide.OpenSlide | None = None
        self._direct: direct.Direct | None = None
        handle = self._open()
        self._properties = dict(handle.properties)
        self._refuse_giant_tiles()
        self.size = Size(*handle.dimensions)
        self.levels = tuple(
            Level(Size(*size), float(down), self._grid(index))
            for index, (size, down) in enumerate(zip(handle.level_dimensions, handle.level_downsamples, strict=True))
        )
        self.vendor = self._properties.get("openslide.vendor", "")
        self.objective = _number(self._properties.get("openslide.objective-power"))
        self.associated = tuple(sorted(handle.associated_images))
        self._direct, self.way = direct.reader(path, self.vendor, self.levels, self._ground, self._composited)
        self._stated = self._stated_spacing()
        self.spacing = spacing or self._stated
        self.scanner = scanner_of(self._properties, self.objective)
        self._cut = cut_short(path, first=False)
        self.steps = () if self._icc is None else (self._icc.step,)

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        size = size or region.size
        if region.frame:
            raise SourceError(self.path, f"{self.name} has one frame; frame {region.frame + 1} does not exist.")
        return read_region(self, self._pixels, region, size)

    def read_tile(self, level: int, column: int, row: int) -> NDArray[np.uint8]:
        if not 0 <= level < len(self.levels):
            raise SourceError(self.path, f"{self.name} has {len(self.levels)} levels; level {level} does not exist.")
        size, tile = self.levels[level].size, self._grid(level)
        x, y = column * tile.width, row * tile.height
        if not (0 <= x < size.width and 0 <= y < size.height):
            raise SourceError(self.path, f"{self.name} has no tile {column}, {row} on level {level}.")
        return self._pixels(level, x, y, Size(min(tile.width, size.width - x), min(tile.height, size.height - y)))

    def info(self) -> Mapping[str, object]:
        levels = [
            {
                "width": level.size.width, "height": level.size.height, "downsample": level.downsample,
                "tile": [level.tile.width, level.tile.height] if level.tile else None,
            }
            for level in self.levels
        ]  # fmt: skip
        stored = storage(self._file, self._properties)
        return described(
            self,
            levels=levels,
            reading=self.way,
            vendor=self.vendor,
            objective=self.objective,
            scanner=self.scanner,
            associated_images=list(self.associated),
            **stored,
        )

    @property
    def identity(self) -> str:
        """What stays the same when the file is renamed: OpenSlide's quickhash (SHA-256 of some of its content), "" for none."""
        return str(self._properties.get("openslide.quickhash-1", ""))

    def associated_image(self, name: str) -> NDArray[np.uint8]:
        """One of `associated` as uint8 RGB (height, width, 3). "label" and "macro" may show the patient's name: nothing but a
        person's own eyes may get them. Raises SourceError."""
        if name not in self.associated:
            raise SourceError(self.path, f"{self.name} holds no {name} picture.")
        sides = (_number(self._properties.get(f"openslide.associated.{name}.{side}")) or 0 for side in ("width", "height"))
        if math.prod(sides) > MOST_TILE_PIXELS:
            raise SourceError(self.path, f"{self.name}: its {name} image claims more pixels than Hilum decodes at once.")
        return self._on_white(self._alive(lambda handle: handle.associated_images[name]))

    def close(self) -> None:
        with self._lock:
            handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()
        if self._direct is not None:
            self._direct.close()

    def _open(self) -> openslide.OpenSlide:
        """The living handle; opened when there is none."""
        import openslide

        with self._lock:
            if self._handle is None:
                must_be_readable(self._file)
                try:
                    handle = openslide.OpenSlide(self._file)
                    handle.set_cache(openslide.OpenSlideCache(_TILE_CACHE_BYTES))
                except (openslide.OpenSlideError, OSError, ValueError) as error:
                    what = "is cut short" if cut_short(self._file, first=False) else f"is a damaged slide ({_reason(error)})"
                    raise SourceError(self.path, f"{self.name} {what}: copy it again from the scanner.") from error
                self._handle = handle
            return self._handle

    def _pixels(self, level: int, x: int, y: int, size: Size) -> NDArray[np.uint8]:
        """Pixels of one level from (x, y) on, in that level's own pixels, on white, as sRGB."""
        return self._as_srgb(self._direct_pixels(level, x, y, size) if self._direct else self._composited(level, x, y, size))

    def _direct_pixels(self, level: int, x: int, y: int, size: Size) -> NDArray[np.uint8]:
        assert self._direct is not None
        try:
            return self._direct.pixels(level, x, y, size)
        except BadTile as error:
            raise SourceError(
                self.path, f"{self.name} cannot be read in one place ({error}): the rest stays readable."
            ) from error
        except OSError:
            with reading(self._file):
                raise

    def _composited(self, level: int, x: int, y: int, size: Size) -> NDArray[np.uint8]:
        """The same by OpenSlide, in the slide's own colours."""
        down = self.levels[level].downsample
        place = (round(x * down), round(y * down))
        image = self._alive(lambda handle: handle.read_region(place, level, (size.width, size.height)))
        return self._on_white(image)

    def _alive(self, work: Callable[[openslide.OpenSlide], T]) -> T:
        """Runs `work` on the handle; a handle that fails is replaced, so that other tiles stay readable."""
        import openslide

        handle = self._open()
        try:
            return work(handle)
        except openslide.OpenSlideError as error:
            with self._lock:
                if self._handle is handle:
                    self._handle = None  # not closed: another thread may be inside it
            opened_file(self._file).close()
            raise SourceError(
                self.path, f"{self.name} cannot be read in one place ({_reason(error)}): the rest stays readable."
            ) from error

    def _on_white(self, image: Image.Image) -> NDArray[np.uint8]:
        from PIL import Image

        ground = Image.new("RGB", image.size, self._ground)
        ground.paste(image, mask=image.getchannel("A"))
        return np.array(ground)

    def _as_srgb(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return pixels if self._icc is None else self._icc(pixels)

    @property
    def _ground(self) -> tuple[int, int, int]:
        """What lies where nothing was scanned."""
        red, green, blue = bytes.fromhex(self._properties.get("openslide.background-color", "FFFFFF"))
        return red, green, blue

    @cached_property
    def _icc(self) -> ToSrgb | None:
        """The transform from the slide's ICC profile to sRGB, None where there is no profile."""
        from PIL import ImageCms

        try:
            return to_srgb(self._alive(lambda handle: handle.color_profile))
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError, SourceError):
            return None

    def _refuse_giant_tiles(self) -> None:
        """OpenSlide ends the whole program where it gets no memory for one tile."""
        for name, value in self._properties.items():
            if name.startswith("openslide.level[") and name.endswith(".tile-width"):
                width, height = _number(value) or 0, _number(self._properties.get(name.replace("width", "height"))) or 0
                if width * height > MOST_TILE_PIXELS:
                    self.close()
                    claim = f"{self.name} claims tiles of {width:.0f} × {height:.0f} pixels"
                    raise SourceError(self.path, f"{claim}, more than Hilum decodes at once: convert it to a tiled pyramid.")

    def _grid(self, level: int) -> Size:
        """The level's own tile size where the file tells a usable one, else 512."""
        width = _number(self._properties.get(f"openslide.level[{level}].tile-width")) or 0
        height = _number(self._properties.get(f"openslide.level[{level}].tile-height")) or 0
        return Size(int(width), int(height)) if 128 <= width <= 2048 and 128 <= height <= 2048 else Size(512, 512)

    def _stated_spacing(self) -> Spacing | None:
        """µm per pixel by the file's own property, its TIFF resolution, or its objective power, where sane."""
        x, y = (_number(self._properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
        from_tiff = self.vendor == "generic-tiff"  # OpenSlide takes its mpp from the resolution tags
        if _sane(x) and _sane(y) and x and y:
            return Spacing(x / 1000, y / 1000, Provenance.TIFF if from_tiff else Provenance.SLIDE)
        x, y = (self._resolution(axis) for axis in "XY")
        if _sane(x) and _sane(y) and x and y:
            return Spacing(x / 1000, y / 1000, Provenance.TIFF)
        if self.objective and _sane(10.0 / self.objective):
            mpp = 10.0 / self.objective
            return Spacing(mpp / 1000, mpp / 1000, Provenance.OBJECTIVE)
        return None

    def _resolution(self, axis: str) -> float | None:
        per_unit = _number(self._properties.get(f"tiff.{axis}Resolution"))
        unit = {"inch": 25400.0, "centimeter": 10000.0}.get(self._properties.get("tiff.ResolutionUnit", ""))
        return unit / per_unit if per_unit and unit else None

    def give_spacing(self, spacing: Spacing | None) -> None:
        """Another size of a pixel than the file's; None: the file's again."""
        self.spacing = spacing or self._stated

    @property
    def notes(self) -> tuple[str, ...]:
        notes = []
        if self._cut:
            notes.append("The file is cut short: some places cannot be read; copy it again from the scanner.")
        stated = _number(self._properties.get("openslide.mpp-x")) or self._resolution("X")
        if stated is not None and not _sane(stated):
            notes.append(f"The file states {stated:g} µm per pixel, which cannot be right and is not used.")
        if self.spacing is None:
            notes.append("The file states no size of a pixel: lengths and magnification are unknown until you give it.")
        elif self.spacing.provenance is Provenance.OBJECTIVE:
            notes.append("The size of a pixel is estimated from the objective power.")
        if self._icc is not None and self._icc.changes:
            notes.append("Colours converted from the slide's ICC profile to sRGB.")
        return tuple(notes)


def _sane(mpp: float | None) -> bool:
    return mpp is not None and SANE_MPP[0] <= mpp <= SANE_MPP[1]


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _reason(error: Exception) -> str:
    """The first line of another program's message, without anything from the file in it beyond 120 characters."""
    lines = str(error).splitlines()
    return lines[0][:120] if lines else "no reason given"
