"""Uncompressed frames (PS3.5 8.1) as stored values."""

from __future__ import annotations

import numpy as np

from viewers.sources.coded import SUBSAMPLED, Coded, Pixels


def native(coded: Coded, data: bytes) -> Pixels:
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
        return to_rgb(coded, _doubled(np.frombuffer(data, kind, 2 * width * height), width, height))
    flat = np.frombuffer(data, kind, 3 * width * height)
    return to_rgb(coded, _interleaved(coded, flat))


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


def to_rgb(coded: Coded, pixels: Pixels) -> Pixels:
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
