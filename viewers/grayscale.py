"""How stored values become grey: PS3.3 C.7.6.3.1.2 and C.11, in the order the standard fixes.

stored → modality LUT or rescale → VOI LUT or window → presentation LUT, shape or MONOCHROME1 (once, last) → 0–255.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viewers.quantities import Quantity

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width in modality values (HU on CT). LINEAR needs a width of at least 1, the others more than 0."""

    centre: float
    width: float
    explanation: str = ""
    function: Function = "LINEAR"

    def __post_init__(self) -> None:
        least = 1.0 if self.function == "LINEAR" else 0.0
        if not (np.isfinite(self.centre) and np.isfinite(self.width)) or self.width < least or self.width <= 0:
            raise ValueError(f"a {self.function} window cannot have centre {self.centre} and width {self.width}")

    @classmethod
    def spanning(cls, low: float, high: float, explanation: str = "") -> Window:
        """The window that shows `low` as 0 and `high` as full scale."""
        return cls((low + high) / 2, max(high - low, 1e-6), explanation, "LINEAR_EXACT")

    @property
    def ends(self) -> tuple[float, float]:
        """The modality values that become black and white; of a sigmoid those where its slope in the middle would meet them."""
        middle, half = (self.centre - 0.5, self.width - 1.0) if self.function == "LINEAR" else (self.centre, self.width)
        return middle - half / 2, middle + half / 2

    @classmethod
    def reaching(cls, low: float, high: float, function: Function = "LINEAR_EXACT") -> Window:
        """The window of a function whose ends are `low` and `high`, `high` above `low`."""
        if function == "LINEAR":
            return cls((low + high) / 2 + 0.5, high - low + 1.0)
        return cls((low + high) / 2, max(high - low, 1e-6), "", function)

    def fractions(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """0…1 for modality values (C.11.2.1.2 for LINEAR, C.11.2.1.3 for SIGMOID and LINEAR_EXACT)."""
        if self.function == "SIGMOID":
            steps = np.clip(-4.0 * (values - self.centre) / self.width, -80.0, 80.0)
            curve: NDArray[np.float32] = (1.0 / (1.0 + np.exp(steps))).astype(np.float32)
            return curve
        centre, width = (self.centre - 0.5, self.width - 1.0) if self.function == "LINEAR" else (self.centre, self.width)
        if width == 0.0:  # x ≤ c' is the minimum, all above it the maximum
            return (values > centre).astype(np.float32)
        line: NDArray[np.float32] = np.clip((values - centre) / width + 0.5, 0.0, 1.0).astype(np.float32)
        return line


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A look-up table: `values[i]` belongs to the input `first + i`; inputs beyond either end take that end's value."""

    first: int
    bits: int
    values: NDArray[np.uint16]
    explanation: str = ""

    def looked_up(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """The outputs, not yet scaled by the bits."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.values) - 1).astype(np.int64)
        found: NDArray[np.float32] = self.values[index].astype(np.float32)
        return found

    def fractions(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = np.clip(self.looked_up(values) / np.float32(2**self.bits - 1), 0.0, 1.0)
        return scaled

    def presented(self, fractions: NDArray[np.float32]) -> NDArray[np.float32]:
        """0…1 to 0…1 as a Presentation LUT (C.11.6.1.1): the input spans the whole table, whatever its `first`."""
        index = np.rint(fractions * np.float32(len(self.values) - 1)).astype(np.int64)
        shown: NDArray[np.float32] = np.clip(self.values[index].astype(np.float32) / np.float32(2**self.bits - 1), 0.0, 1.0)
        return shown


@dataclass(frozen=True, slots=True, eq=False)
class Grayscale:
    """What a header says about the way from stored values to grey. `notes` says what was wrong with it."""

    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: Lut | None = None
    windows: tuple[Window, ...] = ()
    voi_luts: tuple[Lut, ...] = ()
    photometric: str = "MONOCHROME2"
    shape: Literal["", "IDENTITY", "INVERSE"] = ""
    presentation_lut: Lut | None = None
    """A table to P-values, which say by themselves what is white: with it neither shape nor MONOCHROME1 inverts."""
    padding: tuple[float, float] | None = None
    """Lowest and highest stored value that is no picture."""
    bits: int = 16
    """BitsStored."""
    signed: bool = False
    unit: str = ""
    """Unit of the modality values: "HU", or "" when the header names none."""
    quantities: tuple[Quantity, ...] = ()
    """What the pixels measure beyond their modality values, the most telling first: a real-world value, a SUV."""
    notes: tuple[str, ...] = ()

    @property
    def inverted(self) -> bool:
        """Whether the lowest value is shown white. MONOCHROME1 with INVERSE says it twice and inverts once."""
        if self.presentation_lut is not None:
            return False
        if self.shape:
            return self.shape == "INVERSE"
        return self.photometric == "MONOCHROME1"

    @property
    def default(self) -> Window | Lut | None:
        """The first VOI LUT, else the first window, else None: the full range of the pixels shown."""
        return self.voi_luts[0] if self.voi_luts else self.windows[0] if self.windows else None

    @property
    def default_name(self) -> str:
        """The default in words, to stand on the picture."""
        default = self.default
        if default is None:
            return "full range"
        if isinstance(default, Lut):
            return f"LUT {default.explanation}".strip()
        return f"{default.explanation} C {default.centre:g} W {default.width:g}".strip()

    def modality_values(self, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        """Values after the modality LUT or rescale; the shape of `stored`."""
        if self.modality_lut is not None:
            return self.modality_lut.looked_up(stored.astype(np.float64))
        return (stored.astype(np.float64) * self.slope + self.intercept).astype(np.float32)

    def measured(self, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        """What a person measures, in `measured_unit`: the first quantity, NaN where it is not defined; else modality values."""
        values = self.modality_values(stored)
        return self.quantities[0].of(stored, values) if self.quantities else values

    @property
    def measured_unit(self) -> str:
        """ "" where none is stated; US stands for "unspecified" (C.11.1.1.2)."""
        unit = self.quantities[0].unit if self.quantities else self.unit
        return "" if unit == "US" else unit

    def padded(self, stored: NDArray[np.generic]) -> NDArray[np.bool_] | None:
        """True where a pixel is padding; None when the header names none."""
        if self.padding is None:
            return None
        mask: NDArray[np.bool_] = (stored >= self.padding[0]) & (stored <= self.padding[1])  # type: ignore[operator]
        return mask

    def bounds(self, stored: NDArray[np.generic]) -> tuple[float, float]:
        """Lowest and highest modality value of the finite pixels that are no padding; (0, 1) when there are none."""
        mask = self.padded(stored)
        inner = stored if mask is None else stored[~mask]
        if inner.dtype.kind == "f":
            inner = inner[np.isfinite(inner)]
        if inner.size == 0:
            return 0.0, 1.0
        if self.modality_lut is not None:
            ends = self.modality_values(np.unique(inner))
        else:
            ends = self.modality_values(np.array([inner.min(), inner.max()]))
        return float(ends.min()), float(ends.max())

    def apply(
        self, values: NDArray[np.float32], window: Window | Lut | None = None, bounds: tuple[float, float] | None = None
    ) -> NDArray[np.uint8]:
        """Grey 0–255 for modality values of any shape.

        `window` None takes the file's default; without one, `bounds` (default: those of `values`) become black and white.
        """
        chosen = window or self.default
        if chosen is None:
            if bounds is None:
                finite = values[np.isfinite(values)]
                bounds = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
            chosen = Window.spanning(*bounds)
        fractions = chosen.fractions(values)
        if self.presentation_lut is not None:
            fractions = self.presentation_lut.presented(np.nan_to_num(fractions))
        if self.inverted:
            fractions = 1.0 - fractions
        grey: NDArray[np.uint8] = np.nan_to_num(np.floor(fractions * 255.0 + 0.5)).astype(np.uint8)
        return grey

    def render(
        self,
        stored: NDArray[np.generic],
        window: Window | Lut | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> NDArray[np.uint8]:
        """Grey 0–255 for stored values, padding black. Integers of up to 16 bits go through one table of 65,536 greys.

        `bounds` matters only without a window: those of the whole frame, when `stored` is a part of it.
        """
        if bounds is None and window is None and self.default is None:
            bounds = self.bounds(stored)
        if stored.dtype.kind not in "iu" or stored.dtype.itemsize > 2:
            grey = self.apply(self.modality_values(stored), window, bounds)
            mask = self.padded(stored)
            if mask is not None:
                grey[mask] = 0
            return grey
        codes = np.arange(2 ** (8 * stored.dtype.itemsize), dtype=f"u{stored.dtype.itemsize}")
        table = replace(self, padding=None).apply(self.modality_values(codes.view(stored.dtype)), window, bounds)
        mask = self.padded(codes.view(stored.dtype))
        if mask is not None:
            table[mask] = 0
        return table[np.ascontiguousarray(stored).view(codes.dtype)]
