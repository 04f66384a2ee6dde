"""Where the tiles of a DICOM slide stand: one file a level, a frame a tile (PS3.3 C.7.6.17, PS3.5 A.4)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from viewers.geometry import Size
from viewers.sources.header import WHOLE_SLIDE
from viewers.sources.tile_files import Grid, Pixels, Unfit, jpeg, jpeg_2000

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_JPEG = "1.2.840.10008.1.2.4.50"
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_PIXEL_DATA, _ITEM = b"\xe0\x7f\x10\x00", b"\xfe\xff\x00\xe0"
_UNDEFINED = 0xFFFFFFFF


def grids(path: Path, levels: Sequence[Size]) -> tuple[Grid | str, ...]:
    """For every level its grid, or why there is none; `path` is any file of the slide. Raises Unfit where nothing can be told."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    found: dict[Size, list[Grid | str]] = {}
    series = ""
    try:
        series = str(pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID)
        files = sorted(one for one in path.parent.iterdir() if one.is_file())
    except (InvalidDicomError, OSError, AttributeError, ValueError, struct.error) as error:
        raise Unfit("its headers cannot be read") from error
    for one in files:
        try:
            with one.open("rb") as file:
                header = pydicom.dcmread(file, stop_before_pixels=True)
                if (
                    header.get("SOPClassUID") == WHOLE_SLIDE
                    and header.get("SeriesInstanceUID") == series
                    and "VOLUME" in header.ImageType
                ):
                    size = Size(int(header.TotalPixelMatrixColumns), int(header.TotalPixelMatrixRows))
                    found.setdefault(size, []).append(_grid(one, file, header, size))
        except (InvalidDicomError, OSError, AttributeError, ValueError, struct.error):
            continue
    return tuple(_only(found.get(size, []), size) for size in levels)


def _only(grids: Sequence[Grid | str], size: Size) -> Grid | str:
    return grids[0] if len(grids) == 1 else f"{len(grids)} files hold the level of {size.width} × {size.height}"


def _grid(path: Path, file: BinaryIO, header: FileDataset, size: Size) -> Grid | str:
    tile, frames = Size(int(header.Columns), int(header.Rows)), int(header.get("NumberOfFrames", 1))
    places = -(-size.width // tile.width) * -(-size.height // tile.height)
    if header.get("DimensionOrganizationType") != "TILED_FULL" or frames != places or "ConcatenationUID" in header:
        return "its frames are not one full grid"
    if (header.SamplesPerPixel, header.BitsAllocated, header.BitsStored) != (3, 8, 8):
        return f"its pixels are stored in {header.SamplesPerPixel} × {header.BitsStored} bits"
    codec = _codec(str(header.file_meta.TransferSyntaxUID), str(header.PhotometricInterpretation), tile)
    if codec is None:
        return (
            f"it is stored in the transfer syntax {header.file_meta.TransferSyntaxUID.name}, {header.PhotometricInterpretation}"
        )
    where = list(_fragments(file, frames + 1))[1:]  # the first item is the offset table
    if len(where) != frames:
        return "a frame is in more than one piece, or none"
    return Grid(size, tile, [place for place, _ in where], [count for _, count in where], codec[1], codec[0], path)


def _fragments(file: BinaryIO, most: int) -> Iterator[tuple[int, int]]:
    """(place, bytes) of the items of the pixel data at which `file` stands; one more than `most` where there are more."""
    tag, _, length = struct.unpack("<4s4sI", file.read(12))
    if tag != _PIXEL_DATA or length != _UNDEFINED:
        return
    for _ in range(most + 1):
        tag, length = struct.unpack("<4sI", file.read(8))
        if tag != _ITEM or length == _UNDEFINED:
            return
        yield file.tell(), length
        file.seek(length, 1)


def _codec(syntax: str, colour: str, tile: Size) -> tuple[str, Callable[[bytes], Pixels]] | None:
    if syntax == _JPEG and colour in ("RGB", "YBR_FULL_422", "YBR_FULL"):
        return "JPEG", jpeg(tile, "RGB" if colour == "RGB" else "YCBCR")
    if syntax in _JPEG_2000 and colour in ("RGB", "YBR_RCT", "YBR_ICT"):
        return "JPEG 2000", jpeg_2000(tile)
    return None
