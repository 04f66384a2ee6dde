"""Pixel data of the new file: the stored ones without what hides beside them, or newly stored ones with black boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewers.deidentify.codestreams import without_text
from viewers.errors import SourceError, reading
from viewers.geometry import Region
from viewers.sources import decode, values
from viewers.sources.header import Header, opened

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

EXPLICIT = "1.2.840.10008.1.2.1"
_TAGS = {"PixelData": 0x7FE00010, "FloatPixelData": 0x7FE00008, "DoubleFloatPixelData": 0x7FE00009}


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored, in the words of a report."""

    syntax: str
    """Transfer syntax UID of the new file."""
    note: str = ""


def put(header: Header, made: Dataset, boxes: Sequence[Region]) -> Stored:
    """Puts the pixel data into `made`, with `boxes` (in pixels, the same on every frame) burned black.

    Without boxes the values are untouched and compressed frames stay as they are coded, without comments. Raises SourceError.
    """
    coded = header.coded
    if coded.native:
        return _native(header, made, boxes)
    if boxes or _shares_words(header):
        return _decoded(header, made, boxes)
    from pydicom.encaps import encapsulate

    frames = [without_text(frame) for frame in _frames(header)]
    made.add_new(_TAGS["PixelData"], "OB", encapsulate(frames))
    made["PixelData"].is_undefined_length = True
    return Stored(header.syntax)


def blacked_out(frame: NDArray[Any], boxes: Sequence[Region], black: Any) -> NDArray[Any]:
    """A copy with the boxes filled; what of a box lies outside the picture is ignored."""
    out = np.array(frame)
    height, width = out.shape[:2]
    for box in boxes:
        out[max(0, box.y) : max(0, min(height, box.bottom)), max(0, box.x) : max(0, min(width, box.right))] = black
    return out


def _native(header: Header, made: Dataset, boxes: Sequence[Region]) -> Stored:
    """Uncompressed values keep every bit; those beside the values go where an overlay may lie in them (PS3.5 8.1.2, retired)."""
    coded = header.coded
    length = (coded.frame_bits * header.frames + 7) // 8
    with opened(header.path) as file, reading(header.path):
        file.seek(header.offset)
        data = file.read(length)  # what follows the last frame is shown by nothing, and anything may be hidden in it
    plain = coded.samples == 1 and coded.allocated >= 8
    shared = _shares_words(header) or (plain and coded.keyword == "PixelData" and _holds_more(header, data))
    if boxes and not plain:
        return _decoded(header, made, boxes)
    wide = coded.allocated // 8
    if plain and (boxes or shared or not coded.little):
        floating = coded.keyword != "PixelData"
        kind = "f" if floating else "i" if coded.signed and not shared else "u"
        values_ = np.frombuffer(data, f"{'<' if coded.little else '>'}{kind}{wide}")
        values_ = values_.astype(f"<{kind}{wide}")
        if shared:
            values_ &= _value_bits(header)
        frames = values_.reshape(header.frames, coded.size[1], coded.size[0])
        data = b"".join(blacked_out(one, boxes, _black(header, one)).tobytes() for one in frames)
    elif not coded.little and wide == 2:
        data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    if boxes:
        _forget_extremes(made)
    made.add_new(_TAGS[coded.keyword], _vr(header), data + b"\0" * (len(data) % 2))
    return Stored(EXPLICIT)


def _decoded(header: Header, made: Dataset, boxes: Sequence[Region]) -> Stored:
    """Stored anew, uncompressed: colour as RGB, everything else as the values that the codec gives."""
    coded, parts = header.coded, []
    for number in range(header.frames):
        frame = decode.decoded(header, number)
        if _shares_words(header) and frame.dtype.kind == "u":
            frame = frame & frame.dtype.type(_value_bits(header))  # type: ignore[operator]
        frame = blacked_out(frame, boxes, _black(header, frame))
        if coded.allocated == 1:
            parts.append(frame.astype(np.uint8).ravel())
        else:
            signed = coded.samples == 1 and frame.dtype.kind == "i"
            parts.append(frame.astype(f"<{'i' if signed else 'u'}{coded.allocated // 8}").ravel())
    whole = np.concatenate(parts)
    data = np.packbits(whole, bitorder="little").tobytes() if coded.allocated == 1 else whole.tobytes()
    made.add_new(_TAGS["PixelData"], _vr(header), data + b"\0" * (len(data) % 2))
    if coded.samples == 3:
        made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    _forget_extremes(made)
    was = decode.syntax_name(header.syntax)
    return Stored(EXPLICIT, "" if coded.native else f"the pixels are stored uncompressed; they were {was}")


def _black(header: Header, frame: NDArray[Any]) -> Any:
    """The stored value that is shown darkest, of this frame's own, so that no window and no statistics change."""
    if header.samples == 3:
        return 0
    if header.photometric == "PALETTE COLOR":
        return _darkest_index(header, frame)
    return frame.max() if header.photometric == "MONOCHROME1" else frame.min()


def _darkest_index(header: Header, frame: NDArray[Any]) -> int:
    from viewers.sources.palette import coloured

    present = np.unique(frame)
    shades = coloured(header, present.reshape(1, -1)).astype(np.int64).sum(axis=-1).ravel()
    return int(present[int(shades.argmin())])


def _frames(header: Header) -> list[bytes]:
    frames = []
    with opened(header.path) as file, reading(header.path):
        for number in range(header.frames):
            pieces = []
            for offset, length in header.ranges(number):
                file.seek(offset)
                pieces.append(file.read(length))
            frames.append(b"".join(pieces))
    if not all(frames):
        raise SourceError(header.path, f"{header.path.name} holds no data for some of its frames: export it again.")
    return frames


def _forget_extremes(made: Dataset) -> None:
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
        if keyword in made:
            del made[keyword]


def _shares_words(header: Header) -> bool:
    """Whether bits that are no part of the values may hold an overlay, which may hold text."""
    places = [header.dataset.get((group, 0x0102)) for group in range(0x6000, 0x6020, 2)]
    return header.samples == 1 and any(place is not None and place.value not in (None, 0) for place in places)


def _holds_more(header: Header, data: bytes) -> bool:
    """Whether bits beyond the values are set though no overlay is named: one may have been named once. Signs do not count."""
    coded, high = header.coded, values.integer(header.dataset, "HighBit")
    if header.stored >= coded.allocated or coded.allocated > 32:
        return False
    words = np.frombuffer(data, f"{'<' if coded.little else '>'}u{coded.allocated // 8}")
    beyond = words & words.dtype.type(~_value_bits(header) & (1 << coded.allocated) - 1)
    if not coded.signed:
        return bool(beyond.any())
    top = header.stored - 1 if high is None else high
    above = words.dtype.type((1 << coded.allocated) - (1 << top + 1))
    negative = (words >> words.dtype.type(top) & 1).astype(bool)
    return bool(((beyond != 0) & ~(negative & (beyond == above))).any())


def _value_bits(header: Header) -> int:
    """The bits of a word that are the value (PS3.5 8.1.1)."""
    high = values.integer(header.dataset, "HighBit")
    return ((1 << header.stored) - 1) << max(0, (header.stored - 1 if high is None else high) + 1 - header.stored)


def _vr(header: Header) -> str:
    if header.coded.keyword != "PixelData":
        return "OF" if header.coded.keyword == "FloatPixelData" else "OD"
    return "OW" if header.allocated > 8 else "OB"
