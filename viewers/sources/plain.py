"""PNG, JPEG, TIFF and other plain pictures, through Pillow."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError, reading
from viewers.geometry import Region, Size, Spacing
from viewers.sources import Kind, Level
from viewers.sources.cache import FrameCache
from viewers.sources.describing import described
from viewers.sources.facts import Facts
from viewers.sources.files import opened_file
from viewers.sources.resample import cut, resized
from viewers.sources.tiff import COMPRESSION, LOSSY
from viewers.sources.whole import cut_short

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 178_956_970
"""What Pillow itself refuses as a decompression bomb; larger pictures belong into a pyramid."""
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
_CACHE_BYTES = 640 * 2**20


class Plain:
    """One picture in one file. Decoded when first read, then kept."""

    kind: Kind = "picture"
    modality = ""
    frames = 1
    facts: Facts | None = None

    def __init__(self, path: Path, spacing: Spacing | None = None) -> None:
        """Reads the header only. Raises SourceError when it is no picture, claims too many pixels or ends inside them."""
        self.path, self.name, self.spacing = path, path.name, spacing
        with _opened(path) as image:
            self._cut = cut_short(path)
            if self._cut and image.format != "TIFF":
                raise _missing_end(path)
            width, height = image.size
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
                width, height = height, width
            self.size = Size(width, height)
            self._format, self._mode = str(image.format), image.mode
            self._pages = int(getattr(image, "n_frames", 1)) if image.format in ("TIFF", "GIF") else 1
            self._profile = bool(image.info.get("icc_profile"))
            self.steps: tuple[str, ...] = ("embedded ICC profile to sRGB",) if self._profile else ()
            self._lossy = _lossy(image)
        self.levels: tuple[Level, ...] = (Level(self.size, 1.0),)
        self.notes = self._noted()
        self._cache = FrameCache(_CACHE_BYTES)

    def _noted(self) -> tuple[str, ...]:
        notes = []
        if self._cut:
            notes.append("The file is cut short: it ends before its pixels do; copy it again from where it came.")
        if self._pages > 1:
            notes.append(f"Holds {self._pages} pages; the first is shown.")
        if self._mode.startswith(("I", "F")):
            notes.append("Greyscale of more than 8 bits, shown from its lowest to its highest value.")
        if self._profile:
            notes.append("Colours converted from the embedded ICC profile to sRGB.")
        return tuple(notes)

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        if region.frame:
            raise SourceError(self.path, f"{self.name} has one frame; frame {region.frame + 1} does not exist.")
        pixels = cast("NDArray[np.uint8]", self._cache.get(0, self._decoded))
        return resized(cut(pixels, region, 0), size or region.size)

    def _decoded(self) -> NDArray[np.generic]:
        with _opened(self.path) as image:
            pixels = _srgb(image)
        if pixels.shape != (self.size.height, self.size.width, 3):
            raise SourceError(self.path, f"{self.name} was changed while it was open: open it again.")
        return pixels

    def info(self) -> Mapping[str, object]:
        return described(self, format=self._format, lossy=self._lossy)

    def close(self) -> None:
        self._cache.clear()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture's header, pixels not yet decoded; whatever fails inside becomes a SourceError."""
    from PIL import Image, UnidentifiedImageError

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with opened_file(path) as data:
        try:
            with Image.open(data, formats=FORMATS) as image:
                if image.size[0] * image.size[1] > MAX_PIXELS:
                    raise Image.DecompressionBombError
                yield image
        except Image.DecompressionBombError as error:
            limit = f"more than the limit of {MAX_PIXELS:,} pixels"
            raise SourceError(path, f"{path.name} claims {limit}: convert it to a tiled pyramid.") from error
        except UnidentifiedImageError as error:
            if cut_short(path, first=False):
                raise _missing_end(path) from error
            raise SourceError(path, f"{path.name} is no picture Hilum can read: convert it to PNG, TIFF or DICOM.") from error
        except (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error, zlib.error) as error:
            if isinstance(error, OSError) and error.errno is not None:
                with reading(path):
                    raise
            if cut_short(path, first=False):
                raise _missing_end(path) from error
            raise SourceError(path, f"{path.name} is damaged or cut short: copy it again from where it came.") from error
        except MemoryError as error:
            raise SourceError(path, f"{path.name} needs more memory than is free: close other pictures first.") from error


def _missing_end(path: Path) -> SourceError:
    return SourceError(path, f"{path.name} is cut short: it ends before its picture does; copy it again from where it came.")


def _lossy(image: Image.Image) -> bool | None:
    """Whether the pixels were compressed with loss, by the kind of file; None where that kind may or may not."""
    if image.format == "TIFF":
        return LOSSY.get(getattr(image, "tag_v2", {}).get(COMPRESSION, 1))
    return {"JPEG": True, "PNG": False, "BMP": False, "GIF": False, "PPM": False}.get(str(image.format))


def _srgb(image: Image.Image) -> NDArray[np.uint8]:
    """The decoded picture upright as sRGB (height, width, 3): ICC profile applied, alpha on white, deep grey stretched."""
    from PIL import Image, ImageOps

    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    upright.load()
    if upright.mode.startswith("I") or upright.mode == "F":
        grey = _stretched(np.asarray(upright))
        return np.repeat(grey[:, :, None], 3, axis=2)
    alpha = None
    if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        alpha = upright.getchannel("A")
        upright = upright.convert("RGB")
    if upright.mode in ("P", "1", "LAB", "HSV", "YCbCr"):
        upright = upright.convert("RGB")
    colour = _profiled(upright, profile) if profile else upright
    colour = colour.convert("RGB")
    if alpha is not None:
        white = Image.new("RGB", colour.size, (255, 255, 255))
        white.paste(colour, mask=alpha)
        colour = white
    return np.array(colour)


def _profiled(image: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image  # a profile for another colour space than the pixels'
    return converted or image


def _stretched(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Lowest finite value → 0, highest → 255."""
    wide = values.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scaled = (wide - low) * (255.0 / (high - low) if high > low else 0.0)
    return np.nan_to_num(np.rint(scaled), posinf=255.0, neginf=0.0).clip(0, 255).astype(np.uint8)
