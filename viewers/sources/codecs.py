"""One frame's bytes to stored values: which decoder reads which transfer syntax. No pydicom, no file, no Qt.

For each syntax the fastest decoder that is exact, by `dev.py bench dicom-decode`; a second one where the first refuses.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from viewers.sources.inflate import inflated

Pixels = NDArray[np.generic]
UID = "1.2.840.10008.1.2"
NATIVE = frozenset({UID, f"{UID}.1", f"{UID}.2", f"{UID}.1.99"})
BIG_ENDIAN = f"{UID}.2"
DEFLATED_FRAME = f"{UID}.8.1"
RLE = f"{UID}.5"
JPEG = frozenset(f"{UID}.4.{number}" for number in (*range(50, 67), 70))
JPEG_LS = frozenset({f"{UID}.4.80", f"{UID}.4.81"})
JPEG_2000 = frozenset({f"{UID}.4.90", f"{UID}.4.91"})
HTJ2K = frozenset(f"{UID}.4.{number}" for number in (201, 202, 203))
JPEG_XL = frozenset(f"{UID}.4.{number}" for number in (110, 111, 112))
SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
"""Photometric interpretations of which two pixels beside each other share their colour when they lie uncompressed."""
LOSSY = frozenset(f"{UID}.4.{number}" for number in (50, 51, 52, 53, 54, 55, 56, 81, 91, 93, 203, 112))
THREADS = min(4, os.cpu_count() or 1)
_WORTH_THREADS = 500_000
"""Pixels from which more than one thread pays."""


_FILLING = 64
"""Bytes that may follow a codestream's end mark."""


@dataclass(frozen=True, slots=True)
class Coded:
    """How a frame is stored, by its header. `size` is (width, height); `allocated` and `stored` are bits per sample."""

    syntax: str
    little: bool
    keyword: str
    """PixelData, FloatPixelData or DoubleFloatPixelData."""
    vr: str
    size: tuple[int, int]
    samples: int
    allocated: int
    stored: int
    photometric: str
    signed: bool
    planar: bool

    @property
    def native(self) -> bool:
        """Whether the pixels lie uncompressed one after the other."""
        return self.syntax in NATIVE or not self.syntax

    @property
    def frame_bits(self) -> int:
        """Bits of one uncompressed frame, subsampled colour as it is stored natively."""
        samples = 2 if self.photometric in SUBSAMPLED and self.samples == 3 and self.native else self.samples
        return self.size[0] * self.size[1] * samples * self.allocated

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size[1], self.size[0]) + ((3,) if self.samples == 3 else ())


class CodecError(ValueError):
    """What is wrong with a frame; the message goes on after the file's name."""


Decoder = Callable[[Coded, bytes], Pixels]


def decoded(coded: Coded, data: bytes) -> Pixels:
    """Stored values: (height, width) or RGB (height, width, 3); native byte order, right sign.

    Raises CodecError, and whatever a codec raises.
    """
    if coded.native:
        pixels = _native(coded, data)
    else:
        decoders = DECODERS.get(coded.syntax)
        if decoders is None:
            raise CodecError("is stored in a way Hilum cannot read")
        pixels = _first_that_reads(coded, data, decoders)
    if pixels.shape != coded.shape:
        raise CodecError(f"holds {pixels.shape} values where its header says {coded.shape}")
    return pixels if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("="))


def reduced(coded: Coded, data: bytes, halvings: int) -> Pixels:
    """Grey JPEG 2000 and HTJ2K at 1/2ⁿ of the size, from fewer bytes: the codec's own low band, for a first look only.

    Raises CodecError where the stream has not so many levels or is of another kind.
    """
    if coded.syntax not in JPEG_2000 | HTJ2K or coded.samples != 1:
        raise CodecError("holds no smaller picture")
    width, height, levels, precision, signed = _j2k(data)
    _must_be(coded, width, height)
    if halvings > levels:
        raise CodecError("holds no smaller picture")
    if coded.syntax in HTJ2K:
        import imagecodecs

        return _signed(coded, imagecodecs.htj2k_decode(data, skipres=halvings))
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        image.reduce = halvings  # type: ignore[assignment, method-assign]
        values = np.asarray(image)
    if values.ndim != 2 or values.dtype.kind not in "iu":
        raise CodecError("holds no smaller picture")
    wide = values.astype(np.int32)
    if precision > 8:
        wide >>= 16 - precision  # Pillow brings every precision to 16 bits
    if signed:
        wide -= 1 << (precision - 1)
    return wide.astype(f"{'i' if coded.signed else 'u'}{max(1, coded.allocated // 8)}")


def _first_that_reads(coded: Coded, data: bytes, decoders: Sequence[Decoder]) -> Pixels:
    for decoder in decoders[:-1]:
        try:
            return decoder(coded, data)
        except (CodecError, MemoryError):
            raise
        except Exception:  # codecs name no closed list; the next one may know this stream
            continue
    return decoders[-1](coded, data)


def _native(coded: Coded, data: bytes) -> Pixels:
    """One uncompressed frame (PS3.5 8.1); YBR comes out as RGB."""
    width, height = coded.size
    if coded.keyword != "PixelData":
        return np.frombuffer(data, f"{_order(coded)}f{coded.allocated // 8}", width * height).reshape(height, width)
    if coded.allocated == 1:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: width * height].reshape(height, width)
    kind = f"{_order(coded)}{'i' if coded.signed else 'u'}{coded.allocated // 8}"
    if not coded.little and coded.allocated == 8 and coded.vr == "OW":
        data = np.frombuffer(data, ">u2", len(data) // 2).astype("<u2").tobytes()  # bytes lie two to a swapped word
    if coded.samples == 1:
        return _in_range(coded, np.frombuffer(data, kind, width * height).reshape(height, width))
    if coded.photometric in SUBSAMPLED:
        return _to_rgb(coded, _doubled(np.frombuffer(data, kind, 2 * width * height), width, height))
    flat = np.frombuffer(data, kind, 3 * width * height)
    return _to_rgb(coded, _interleaved(coded, flat))


def _order(coded: Coded) -> str:
    return "<" if coded.little else ">"


def _in_range(coded: Coded, pixels: Pixels) -> Pixels:
    """Bits above BitsStored may hold overlays of old (PS3.5 8.1.1): they are no part of the value."""
    spare = 8 * pixels.dtype.itemsize - coded.stored
    if spare <= 0 or pixels.dtype.kind not in "iu":
        return pixels
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    low, high = (-(1 << coded.stored - 1), (1 << coded.stored - 1) - 1) if coded.signed else (0, (1 << coded.stored) - 1)
    if native.min() >= low and native.max() <= high:
        return native
    return (native << spare) >> spare  # type: ignore[operator, no-any-return]


def _interleaved(coded: Coded, flat: Pixels) -> Pixels:
    width, height = coded.size
    return flat.reshape(3, height, width).transpose(1, 2, 0) if coded.planar else flat.reshape(height, width, 3)


def _doubled(flat: Pixels, width: int, height: int) -> Pixels:
    """Two luminances and one pair of colours for two pixels beside each other (C.7.6.3.1.2) as three values each."""
    pairs = flat.reshape(height, width // 2, 4)
    full = np.empty((height, width, 3), flat.dtype)
    full[:, 0::2, 0], full[:, 1::2, 0] = pairs[:, :, 0], pairs[:, :, 1]
    full[:, 0::2, 1:] = full[:, 1::2, 1:] = pairs[:, :, 2:]
    return full


def _to_rgb(coded: Coded, pixels: Pixels) -> Pixels:
    """RGB for the kinds of YBR that lie uncompressed (C.7.6.3.1.2), any number of bits; the others are left as they are."""
    if coded.photometric not in ("YBR_FULL", *SUBSAMPLED) or pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        return np.ascontiguousarray(pixels)
    bits = min(coded.stored, 8 * pixels.dtype.itemsize)
    wide = pixels.astype(np.float32)
    wide[..., 1:] -= 1 << bits - 1
    if coded.photometric == "YBR_PARTIAL_422":  # 16 … 235 and 16 … 240 of 256, as ITU-R BT.601 has it
        wide[..., 0] -= 16 << bits - 8 if bits >= 8 else 16 >> 8 - bits
        wide *= np.array([255 / 219, 255 / 224, 255 / 224], np.float32)
    matrix = np.array([[1, 1, 1], [0, -0.114 * 1.772 / 0.587, 1.772], [1.402, -0.299 * 1.402 / 0.587, 0]], np.float32)
    rgb: Pixels = np.clip(np.floor(wide @ matrix + 0.5), 0, (1 << bits) - 1).astype(pixels.dtype.newbyteorder("="))
    return rgb


def _deflated_frame(coded: Coded, data: bytes) -> Pixels:
    return _native(coded, inflated(data)[: (coded.frame_bits + 7) // 8])


def _rle(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height = coded.size
    item = coded.allocated // 8
    segments = struct.unpack("<I", data[:4])[0]
    if segments != item * coded.samples:
        raise CodecError(f"holds {segments} runs of bytes where its header asks for {item * coded.samples}")
    kind = f">{'i' if coded.signed else 'u'}{item}"  # the segments' own order, which is the fastest
    flat = np.frombuffer(imagecodecs.dicomrle_decode(data, kind), kind)
    if flat.size != width * height * coded.samples:
        raise ValueError(f"{flat.size} values in runs of bytes")
    return _planes(coded, flat)


def _rle_by_pylibjpeg(coded: Coded, data: bytes) -> Pixels:
    import rle.utils

    width, height = coded.size
    raw = rle.utils.decode_pixel_data(
        data, version=2, rows=height, columns=width, samples_per_pixel=coded.samples, bits_allocated=coded.allocated
    )
    return _planes(coded, np.frombuffer(raw, f"<{'i' if coded.signed else 'u'}{coded.allocated // 8}"))


def _planes(coded: Coded, flat: Pixels) -> Pixels:
    """Samples that lie in planes one after the other."""
    planes = flat.reshape(coded.samples, coded.size[1], coded.size[0])
    if coded.samples == 1:
        single: Pixels = planes[0].astype(planes.dtype.newbyteorder("="))
        return single
    return _to_rgb(coded, planes.transpose(1, 2, 0))


def _jpeg(coded: Coded, data: bytes) -> Pixels:
    """Every process of ISO 10918-1. Colour comes out as RGB: YBR by the photometric interpretation or an Adobe marker."""
    import imagecodecs

    width, height, letters, adobe = _jpeg_frame(data)
    _must_be(coded, width, height)
    _must_end(data)
    if coded.samples == 1:
        return _signed(coded, imagecodecs.jpeg8_decode(data))
    transformed = adobe != 0 if adobe is not None else coded.photometric.startswith("YBR")
    named = letters in (b"RGB", b"rgb")
    pixels = imagecodecs.jpeg8_decode(data, colorspace="YCBCR" if transformed and not named else "RGB", outcolorspace="RGB")
    return cast("Pixels", pixels)


def _jpeg_ls(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height, _, _ = _jpeg_frame(data)
    _must_be(coded, width, height)
    pixels = cast("Pixels", imagecodecs.jpegls_decode(data))
    return _to_rgb(coded, pixels) if coded.samples == 3 else _signed(coded, pixels)


def _jpeg_2000(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height, *_ = _j2k(data)
    _must_be(coded, width, height)
    _must_end(data)
    threads = THREADS if width * height >= _WORTH_THREADS else 1
    return _fitted(coded, imagecodecs.jpeg2k_decode(data, numthreads=threads))


def _htj2k(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height, *_ = _j2k(data)
    _must_be(coded, width, height)
    _must_end(data)
    return _fitted(coded, imagecodecs.htj2k_decode(data))


def _openjpeg(coded: Coded, data: bytes) -> Pixels:
    import openjpeg.utils

    return _fitted(coded, openjpeg.utils.decode(data))


def _jpeg_xl(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    return _signed(coded, imagecodecs.jpegxl_decode(data))


def _fitted(coded: Coded, pixels: Pixels) -> Pixels:
    """JPEG 2000 states its own sign and precision, which may differ from the header's."""
    if coded.samples == 1 and pixels.ndim == 3 and 1 in pixels.shape:
        pixels = pixels.reshape(coded.shape)
    if coded.samples == 3:
        return np.ascontiguousarray(pixels)
    if coded.signed and pixels.dtype.kind == "u":
        return _signed(coded, pixels)
    return pixels


def _signed(coded: Coded, pixels: Any) -> Pixels:
    """Codecs without a sign return two's complement as unsigned: taken back to BitsStored bits."""
    values: Pixels = pixels
    if not coded.signed or values.dtype.kind != "u":
        return values
    spare = 8 * values.dtype.itemsize - min(coded.stored, 8 * values.dtype.itemsize)
    return (values << spare).view(f"i{values.dtype.itemsize}") >> spare  # type: ignore[operator, no-any-return]


DECODERS: Mapping[str, tuple[Decoder, ...]] = {
    RLE: (_rle, _rle_by_pylibjpeg),
    DEFLATED_FRAME: (_deflated_frame,),
    **dict.fromkeys(JPEG, (_jpeg,)),
    **dict.fromkeys(JPEG_LS, (_jpeg_ls,)),
    **dict.fromkeys(JPEG_2000, (_jpeg_2000, _openjpeg)),
    **dict.fromkeys(HTJ2K, (_htj2k, _openjpeg)),
    **dict.fromkeys(JPEG_XL, (_jpeg_xl,)),
}


def _must_be(coded: Coded, width: int, height: int) -> None:
    """A codestream may claim another size than the header; it is refused before anything of that size is made."""
    if (width, height) != coded.size:
        says = f"{coded.size[0]} × {coded.size[1]}"
        raise CodecError(f"holds a picture of {width} × {height} pixels where its header says {says}: export it again")


def _must_end(data: bytes) -> None:
    """The decoders fill up what is missing in a grey that looks like a picture: a stream without its end mark is refused."""
    if b"\xff\xd9" not in data[-_FILLING:]:
        raise CodecError("is cut short: its compressed picture has no end; copy it again")


def _jpeg_frame(data: bytes) -> tuple[int, int, bytes, int | None]:
    """Width, height, the components' names and the Adobe marker's transform of a JPEG or JPEG-LS stream (ISO 10918-1 B.2)."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG stream")
    place, adobe = 2, None
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            break
        marker = data[place + 1]
        if marker == 0xFF:  # a marker may be filled up
            place += 1
            continue
        length = struct.unpack(">H", data[place + 2 : place + 4])[0]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width, components = struct.unpack(">HHB", data[place + 5 : place + 10])
            return width, height, data[place + 10 : place + 10 + 3 * components : 3], adobe
        if marker == 0xEE and data[place + 4 : place + 9] == b"Adobe" and length >= 14:
            adobe = data[place + 15]
        place += 2 + length
    raise ValueError("the stream has no frame header")


def _j2k(data: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, resolution levels below the first, precision and sign (SIZ and COD, ISO 15444-1 A.5.1 and A.6.1)."""
    at = data.find(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack(">IIII", data[at + 8 : at + 24] if at >= 0 else b"")
    depth = data[at + 42]
    place, levels = at + 4 + struct.unpack(">H", data[at + 4 : at + 6])[0], 0
    while place + 4 <= len(data) and data[place : place + 2] != b"\xff\x90":
        if data[place : place + 2] == b"\xff\x52":
            levels = data[place + 9]
            break
        place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return right - left, bottom - top, levels, (depth & 0x7F) + 1, bool(depth & 0x80)
