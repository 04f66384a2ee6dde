"""Our decoders as plug-ins of pydicom, so that libraries built on it read what the viewer reads."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from viewers.sources import codecs
from viewers.sources.coded import UID, Coded

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

LABEL = "hilum"
DECODER_DEPENDENCIES = {
    f"{UID}.4.{number}": ("numpy", "imagecodecs") for number in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)
}
"""What pydicom asks of a plug-in: its syntaxes and what it needs."""
_lock = Lock()


def is_available(uid: str) -> bool:
    return uid in DECODER_DEPENDENCIES


def register() -> None:
    """Make pydicom know the plug-in, behind its own; once, from any thread."""
    from pydicom.pixels import get_decoder

    with _lock:
        for syntax in DECODER_DEPENDENCIES:
            decoder = get_decoder(syntax)
            if LABEL not in {*decoder._available, *decoder._unavailable}:
                decoder.add_plugin(LABEL, (__name__, "decode_frame"))


def decode_frame(src: bytes, runner: DecodeRunner) -> bytearray:
    """One frame as pydicom wants it: little endian, colour by pixel."""
    coded = Coded(
        str(runner.transfer_syntax), True, "PixelData", "OB", (runner.columns, runner.rows), runner.samples_per_pixel,
        runner.bits_allocated, runner.bits_stored, str(runner.photometric_interpretation),
        runner.pixel_representation == 1, False,
    )  # fmt: skip
    pixels = codecs.decoded(coded, src)
    runner.set_option("bits_allocated", 8 * pixels.dtype.itemsize)
    runner.set_option("planar_configuration", 0)
    if coded.samples == 3:
        runner.set_option("photometric_interpretation", "RGB")
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return bytearray(np.ascontiguousarray(little).tobytes())
