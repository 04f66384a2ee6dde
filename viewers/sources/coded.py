"""How a frame is stored, by its header, and what is said where its bytes do not fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.generic]
UID = "1.2.840.10008.1.2"
NATIVE = frozenset({UID, f"{UID}.1", f"{UID}.2", f"{UID}.1.99"})
BIG_ENDIAN = f"{UID}.2"
SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
"""Photometric interpretations of which two pixels beside each other share their colour when they lie uncompressed."""


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
