"""One frame's bytes to stored values: which decoder reads which transfer syntax. No pydicom, no file, no Qt.

For each syntax the fastest decoder that is exact, by `dev.py bench dicom-decode`; a second one where the first refuses.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from viewers.sources.coded import UID, CodecError, Coded, Pixels
from viewers.sources.codestreams import j2k_frame, jpeg_frame, must_be, must_end
from viewers.sources.inflate import inflated
from viewers.sources.native import native, to_rgb

DEFLATED_FRAME = f"{UID}.8.1"
RLE = f"{UID}.5"
JPEG = frozenset(f"{UID}.4.{number}" for number in (*range(50, 67), 70))
JPEG_LS = frozenset({f"{UID}.4.80", f"{UID}.4.81"})
JPEG_2000 = frozenset({f"{UID}.4.90", f"{UID}.4.91"})
HTJ2K = frozenset(f"{UID}.4.{number}" for number in (201, 202, 203))
JPEG_XL = frozenset(f"{UID}.4.{number}" for number in (110, 111, 112))
LOSSY = frozenset(f"{UID}.4.{number}" for number in (50, 51, 52, 53, 54, 55, 56, 81, 91, 93, 203, 112))
THREADS = min(4, os.cpu_count() or 1)
_WORTH_THREADS = 100_000
"""Pixels from which more than one thread pays."""


Decoder = Callable[[Coded, bytes], Pixels]


def decoded(coded: Coded, data: bytes) -> Pixels:
    """Stored values: (height, width) or RGB (height, width, 3); native byte order, right sign.

    Raises CodecError, and whatever a codec raises.
    """
    if coded.native:
        pixels = native(coded, data)
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
    width, height, levels, precision, signed = j2k_frame(data)
    must_be(coded, width, height)
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


def _deflated_frame(coded: Coded, data: bytes) -> Pixels:
    return native(coded, inflated(data)[: (coded.frame_bits + 7) // 8])


def _rle(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height = coded.size
    item = coded.allocated // 8
    segments = struct.unpack("<I", data[:4])[0]
    if segments != item * coded.samples:
        raise CodecError(f"holds {segments} runs of bytes where its header asks for {item * coded.samples}")
    kind = f"<{'i' if coded.signed else 'u'}{item}"
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
        single: Pixels = planes[0].astype(planes.dtype.newbyteorder("="), copy=False)
        return single
    return to_rgb(coded, planes.transpose(1, 2, 0))


def _jpeg(coded: Coded, data: bytes) -> Pixels:
    """Every process of ISO 10918-1. Colour comes out as RGB: YBR by the photometric interpretation or an Adobe marker."""
    import imagecodecs

    width, height, letters, adobe = jpeg_frame(data)
    must_be(coded, width, height)
    must_end(data)
    if coded.samples == 1:
        return _signed(coded, imagecodecs.jpeg8_decode(data))
    transformed = adobe != 0 if adobe is not None else coded.photometric.startswith("YBR")
    named = letters in (b"RGB", b"rgb")
    pixels = imagecodecs.jpeg8_decode(data, colorspace="YCBCR" if transformed and not named else "RGB", outcolorspace="RGB")
    return cast("Pixels", pixels)


def _jpeg_ls(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height, _, _ = jpeg_frame(data)
    must_be(coded, width, height)
    pixels = cast("Pixels", imagecodecs.jpegls_decode(data))
    return to_rgb(coded, pixels) if coded.samples == 3 else _signed(coded, pixels)


def _jpeg_2000(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height, *_ = j2k_frame(data)
    must_be(coded, width, height)
    must_end(data)
    threads = THREADS if width * height >= _WORTH_THREADS else 1
    return _fitted(coded, imagecodecs.jpeg2k_decode(data, numthreads=threads))


def _htj2k(coded: Coded, data: bytes) -> Pixels:
    import imagecodecs

    width, height, *_ = j2k_frame(data)
    must_be(coded, width, height)
    must_end(data)
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
