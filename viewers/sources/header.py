"""DICOM files up to their pixels, read within limits."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from viewers.errors import SourceError, reading
from viewers.geometry import Size
from viewers.sources import values
from viewers.sources.files import opened_file
from viewers.sources.inflate import InflateError, inflated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP Class UID of VL Whole Slide Microscopy Image Storage."""
MAX_PIXEL_BYTES = 2 * 2**30
DEFLATED = b"1.2.840.10008.1.2.1.99"
_EXPLICIT = b"1.2.840.10008.1.2.1\0\0\0"  # as long as the other, so that no length in the meta header changes
NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
_UNDEFINED = 0xFFFFFFFF
_PIXEL_TAGS = {
    (0x7FE0, 0x0010): "PixelData", (0x7FE0, 0x0008): "FloatPixelData", (0x7FE0, 0x0009): "DoubleFloatPixelData",
}  # fmt: skip
_SOP_CLASS, _SYNTAX = 0x0002, 0x0010  # elements of group 0002
_ITEM, _END_OF_ITEMS = 0xE000FFFE, 0xE0DDFFFE
_LONG_VR = frozenset({b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN", b"SQ", b"UT", b"UC", b"UR"})


@dataclass(frozen=True, slots=True, eq=False)
class PixelElement:
    """Where the pixel data lie in the (inflated) file. `length` None: encapsulated frames of undefined length."""

    keyword: str
    vr: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """A data set without its pixels, and the shape of the pixels, checked against the limits."""

    path: Path
    dataset: Dataset
    syntax: str
    little_endian: bool
    pixels: PixelElement
    size: Size
    frames: int
    samples: int
    allocated: int
    stored: int
    photometric: str

    @property
    def native(self) -> bool:
        """Whether the pixels lie uncompressed one after the other."""
        return self.syntax in NATIVE or not self.syntax

    @property
    def frame_bits(self) -> int:
        """Bits of one uncompressed frame, subsampled colour as it is stored natively."""
        samples = 2 if self.photometric == "YBR_FULL_422" and self.samples == 3 else self.samples
        return self.size.width * self.size.height * samples * self.allocated


def _fragments_whole(file: BinaryIO, element: PixelElement) -> bool:
    """Whether encapsulated fragments (PS3.5 A.4) reach to their end mark, or at least to the end of the file exactly."""
    end = file.seek(0, io.SEEK_END)
    place = element.offset
    while place + 8 <= end:
        file.seek(place)
        tag, length = struct.unpack("<II", file.read(8))
        if tag != _ITEM:
            return bool(tag == _END_OF_ITEMS)
        place += 8 + length
    return place == end


def is_dicom(start: bytes) -> bool:
    """Whether a file that starts so is DICOM Part 10 (PS3.10 7.1): "DICM" after 128 bytes."""
    return start[128:132] == b"DICM"


def opened(path: Path) -> BinaryIO:
    """The file at its start; a deflated data set is inflated within limits before anything parses it."""
    file = opened_file(path)
    with reading(path):
        try:
            meta, found = _meta(file)
            if found.get(_SYNTAX) != DEFLATED:
                file.seek(0)
                return file
            packed = file.read()
        except BaseException:
            file.close()
            raise
    file.close()
    try:
        return io.BytesIO(meta.replace(DEFLATED, _EXPLICIT) + inflated(packed))
    except InflateError as error:
        raise SourceError(path, f"{path.name} {error}: it is damaged or hostile, export it again.") from error


def sop_class_of(path: Path) -> str:
    """The SOP Class UID by the meta header alone, "" when it names none. Raises SourceError."""
    return _stated(path, _SOP_CLASS)


def syntax_of(path: Path) -> str:
    """The transfer syntax UID by the meta header, "" when it names none. Raises SourceError."""
    return _stated(path, _SYNTAX)


def dataset_of(path: Path, tags: list[str] | None = None) -> Dataset:
    """The data set without pixels, or only `tags` of it. Raises SourceError."""
    with opened(path) as file:
        return _parsed(path, file, tags)


def whole_of(path: Path) -> Dataset:
    """The data set with its pixels as they are stored. Raises SourceError."""
    with opened(path) as file:
        return _parsed(path, file, None, with_pixels=True)


def header_of(path: Path) -> Header:
    """The header of an image, checked. Raises SourceError with the limit that is broken or the thing that is missing."""
    with opened(path) as file:
        dataset = _parsed(path, file, None)
        little = bool(dataset.original_encoding[1])
        element = _pixel_element(file, little, bool(dataset.original_encoding[0]))
        whole = element is None or _fragments_whole(file, element)
        size_on_disk = file.seek(0, io.SEEK_END)
    if element is None:
        raise SourceError(path, _without_picture(path, dataset))
    width, height = _count(path, dataset, "Columns"), _count(path, dataset, "Rows")
    frames = max(1, values.integer(dataset, "NumberOfFrames") or 1)
    samples = values.integer(dataset, "SamplesPerPixel") or 1
    allocated = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(element.keyword) or _bits(path, dataset)
    if samples not in (1, 3):
        raise SourceError(path, f"{path.name} has {samples} values per pixel; only 1 and 3 can be shown.")
    wanted = width * height * frames * samples * ((allocated + 7) // 8)
    if wanted > MAX_PIXEL_BYTES:
        claim = f"{width} × {height} pixels" + (f" in {frames} frames" if frames > 1 else "")
        raise SourceError(
            path, f"{path.name} claims {claim}, more than the limit of {MAX_PIXEL_BYTES // 2**30} GiB: check its header."
        )
    stored = min(values.integer(dataset, "BitsStored") or allocated, allocated)
    header = Header(
        path=path, dataset=dataset, syntax=syntax_of(path), little_endian=little, pixels=element,
        size=Size(width, height), frames=frames, samples=samples, allocated=allocated, stored=max(1, stored),
        photometric=values.code(dataset, "PhotometricInterpretation") or ("MONOCHROME2" if samples == 1 else "RGB"),
    )  # fmt: skip
    length = size_on_disk if element.length is None else element.length
    present, needed = min(length, size_on_disk - element.offset), (header.frame_bits * frames + 7) // 8
    if header.native and present < needed:
        raise SourceError(path, f"{path.name} is cut short: {present:,} of {needed:,} bytes of pixels are there; copy it again.")
    if not header.native and not whole:
        raise SourceError(path, f"{path.name} is cut short: it ends inside its compressed pixels; copy it again.")
    return header


def _meta(file: BinaryIO) -> tuple[bytes, dict[int, bytes]]:
    """Preamble and meta header as bytes, and its short values by element number; leaves `file` behind them."""
    start = file.read(132)
    parts, found = [start], dict[int, bytes]()
    while len(head := file.read(8)) == 8 and head[:2] == b"\x02\0":
        long = head[4:6] in _LONG_VR
        extra = file.read(4) if long else b""
        length = struct.unpack("<I", extra)[0] if long and len(extra) == 4 else struct.unpack("<H", head[6:8])[0]
        if length > 2**20:
            break
        value = file.read(length)
        parts += [head, extra, value]
        found[struct.unpack("<H", head[2:4])[0]] = value[:64].rstrip(b"\0 ")
    else:
        file.seek(-len(head), io.SEEK_CUR)
    return b"".join(parts), found


def _stated(path: Path, element: int) -> str:
    with opened_file(path) as file, reading(path):
        return _meta(file)[1].get(element, b"").decode("ascii", "replace")


def _parsed(path: Path, file: BinaryIO, tags: list[str] | None, with_pixels: bool = False) -> Dataset:
    import pydicom
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module=r"pydicom\.")  # tag text stays out of logs; damage is judged by values
    if not is_dicom(file.read(132)):
        raise SourceError(path, f"{path.name} is not DICOM (no DICM mark): open it as what it is or export it again.")
    file.seek(0)
    try:
        with reading(path):
            return pydicom.dcmread(file, stop_before_pixels=not with_pixels, specific_tags=tags)
    except RecursionError as error:
        raise SourceError(path, f"{path.name} nests its sequences too deeply: it is damaged or hostile.") from error
    except SourceError:
        raise
    except Exception as error:  # pydicom names no closed list of what damage raises
        raise SourceError(path, f"{path.name} has a damaged DICOM header: export it again from where it came.") from error


def _pixel_element(file: BinaryIO, little: bool, implicit: bool) -> PixelElement | None:
    """The pixel element at the file's position, where pydicom stopped; None when something else or nothing is there."""
    order = "<" if little else ">"
    head = file.read(8)
    if len(head) < 8:
        return None
    keyword = _PIXEL_TAGS.get(struct.unpack(order + "HH", head[:4]))
    if keyword is None:
        return None
    vr, raw = ("OW", head[4:8]) if implicit else (head[4:6].decode("ascii", "replace"), file.read(4))
    if len(raw) < 4:
        return None
    length = struct.unpack(order + "I", raw)[0]
    return PixelElement(keyword, vr, file.tell(), None if length == _UNDEFINED else length)


def _count(path: Path, dataset: Dataset, keyword: str) -> int:
    found = values.integer(dataset, keyword)
    if found is None or not 1 <= found <= 65_535:
        raise SourceError(path, f"{path.name} states no usable {keyword} (found {found}): it is damaged, export it again.")
    return found


def _bits(path: Path, dataset: Dataset) -> int:
    found = values.integer(dataset, "BitsAllocated")
    if found not in (1, 8, 16, 32, 64):
        raise SourceError(path, f"{path.name} stores {found} bits per value; 1, 8, 16, 32 and 64 can be read.")
    return found


def _without_picture(path: Path, dataset: Dataset) -> str:
    from pydicom.uid import UID

    meta = getattr(dataset, "file_meta", None)
    kind = UID(values.uid(dataset, "SOPClassUID") or values.uid(meta, "MediaStorageSOPClassUID")).name.removesuffix(" Storage")
    if "Rows" in dataset:
        return f"{path.name} ends before its pixels: it was cut short, copy it again."
    return f"{path.name} is DICOM without a picture ({kind or 'of no stated kind'}): open an image of the same study."
