"""Pixel data of the new file: the stored ones without what hides beside them, or newly stored ones with black boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewers.deidentify.codestreams import without_text
from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import decode, values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from viewers.sources.header import Header

EXPLICIT = "1.2.840.10008.1.2.1"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored, in the words of a report."""

    syntax: str
    """Transfer syntax UID of the new file."""
    note: str = ""


def put(original: Dataset, header: Header, made: Dataset, boxes: Sequence[Region]) -> Stored:
    """Puts the pixel data into `made`, with `boxes` (in pixels, the same on every frame) burned black.

    Without boxes the values are untouched and compressed frames stay as they are coded, without comments. Raises SourceError.
    """
    if boxes or header.syntax == _BIG_ENDIAN or _shares_words(original, header):
        return _newly_stored(header, made, boxes)
    keyword = header.pixels.keyword
    data = original[keyword].value
    if header.native:
        element = original[keyword]
        made.add_new(element.tag, _vr(header), _fitted(bytes(data), (header.frame_bits * header.frames + 7) // 8))
        return Stored(EXPLICIT)
    from pydicom.encaps import encapsulate

    frames = [without_text(frame) for frame in _frames(header, data)]
    made.add_new(0x7FE00010, "OB", encapsulate(frames))
    made["PixelData"].is_undefined_length = True
    return Stored(header.syntax)


def blacked_out(frame: NDArray[Any], boxes: Sequence[Region], black: Any) -> NDArray[Any]:
    """A copy with the boxes filled; what of a box lies outside the picture is ignored."""
    out = np.array(frame)
    height, width = out.shape[:2]
    for box in boxes:
        out[max(0, box.y) : min(height, box.bottom), max(0, box.x) : min(width, box.right)] = black
    return out


def black_of(header: Header, frame: NDArray[Any]) -> Any:
    """The stored value that is shown darkest: of this frame's own, so that no window and no statistics change."""
    if header.samples == 3:
        return 0
    if header.photometric == "PALETTE COLOR":
        return _darkest_index(header, frame)
    return frame.max() if header.photometric == "MONOCHROME1" else frame.min()


def _newly_stored(header: Header, made: Dataset, boxes: Sequence[Region]) -> Stored:
    parts = []
    for number in range(header.frames):
        frame = decode.decoded(header, number)
        parts.append(_bytes(header, blacked_out(frame, boxes, black_of(header, frame))))
    data = np.packbits(np.concatenate(parts), bitorder="little").tobytes() if header.allocated == 1 else b"".join(parts)
    made.add_new({"FloatPixelData": 0x7FE00008, "DoubleFloatPixelData": 0x7FE00009}.get(header.pixels.keyword, 0x7FE00010),
                 _vr(header), data + b"\0" * (len(data) % 2))  # fmt: skip
    if header.samples == 3:
        made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
        if keyword in made:
            del made[keyword]
    was = decode.syntax_name(header.syntax)
    note = "" if header.native else f"the pixels are stored uncompressed; they were {was}"
    return Stored(EXPLICIT, note)


def _bytes(header: Header, frame: NDArray[Any]) -> Any:
    if header.allocated == 1:
        return frame.astype(np.uint8).ravel()
    if header.pixels.keyword != "PixelData":
        return frame.astype(f"<f{header.allocated // 8}").tobytes()
    signed = header.samples == 1 and frame.dtype.kind == "i"
    return frame.astype(f"<{'i' if signed else 'u'}{header.allocated // 8}").tobytes()


def _frames(header: Header, data: bytes) -> list[bytes]:
    from pydicom.encaps import generate_frames

    try:
        offsets = values.raw(header.dataset, "ExtendedOffsetTable"), values.raw(header.dataset, "ExtendedOffsetTableLengths")
        extended: Any = offsets if all(isinstance(one, bytes) for one in offsets) else None
        frames = list(generate_frames(data, number_of_frames=header.frames, extended_offsets=extended))
    except Exception as error:  # pydicom names no closed list of what damage raises
        raise SourceError(header.path, f"{header.path.name} has damaged compressed pixels: export it again.") from error
    if len(frames) != header.frames:
        raise SourceError(header.path, f"{header.path.name} holds {len(frames)} frames of {header.frames}: export it again.")
    return frames


def _fitted(data: bytes, length: int) -> bytes:
    """Without what follows the last frame, which nothing shows and anything may be hidden in."""
    data = data[:length]
    return data + b"\0" * (len(data) % 2)


def _shares_words(original: Dataset, header: Header) -> bool:
    """Whether bits that are no part of the values may hold an overlay (retired, PS3.5 8.1.2), which may hold text."""
    places = [original.get((group, 0x0102)) for group in range(0x6000, 0x6020, 2)]
    return any(place is not None and place.value not in (None, 0) for place in places) and header.native


def _vr(header: Header) -> str:
    if header.pixels.keyword != "PixelData":
        return "OF" if header.pixels.keyword == "FloatPixelData" else "OD"
    return "OW" if header.allocated > 8 else "OB"


def _darkest_index(header: Header, frame: NDArray[Any]) -> int:
    from viewers.sources.palette import coloured

    present = np.unique(frame)
    shades = coloured(header, present.reshape(1, -1)).astype(np.int64).sum(axis=-1).ravel()
    return int(present[int(shades.argmin())])
