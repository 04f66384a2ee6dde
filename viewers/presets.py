"""Windows a reader keeps for a modality. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from viewers.grayscale import Grayscale, Window

Unit = Literal["HU", "SUV", ""]
LONGEST_NAME = 32


@dataclass(frozen=True, slots=True)
class Preset:
    """`unit` says what centre and width count: HU, SUV (g/ml by body weight), or "" for a modality's own values.

    Raises ValueError, with a sentence for the reader, for what can be none.
    """

    name: str
    modality: str
    centre: float
    width: float
    unit: Unit = ""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME or not self.name.isprintable():
            raise ValueError(f"A window needs a name of at most {LONGEST_NAME} printable characters.")
        if not (self.modality.isascii() and self.modality.isalnum() and self.modality.isupper() and len(self.modality) <= 16):
            raise ValueError("A window belongs to a modality, such as CT or MG.")
        if not (math.isfinite(self.centre) and math.isfinite(self.width) and self.width > 0):
            raise ValueError("A window needs a number as its centre and a width above 0.")
        if self.unit not in ("HU", "SUV", ""):
            raise ValueError("The unit of a window is HU, SUV or left out.")


BUILT_IN = (
    Preset("soft tissue", "CT", 40.0, 400.0, "HU"),
    Preset("lung", "CT", -600.0, 1500.0, "HU"),
    Preset("bone", "CT", 400.0, 1800.0, "HU"),
    Preset("brain", "CT", 40.0, 80.0, "HU"),
    Preset("mediastinum", "CT", 50.0, 350.0, "HU"),
    Preset("liver", "CT", 80.0, 150.0, "HU"),
    Preset("stroke", "CT", 35.0, 40.0, "HU"),
    Preset("subdural", "CT", 75.0, 200.0, "HU"),
    Preset("angiography", "CT", 300.0, 600.0, "HU"),
    Preset("SUV 0–5", "PT", 2.5, 5.0, "SUV"),
    Preset("SUV 0–7", "PT", 3.5, 7.0, "SUV"),
    Preset("SUV 0–10", "PT", 5.0, 10.0, "SUV"),
    Preset("SUV 0–20", "PT", 10.0, 20.0, "SUV"),
)
"""As commonly taught; a starting point, not a standard. A reader changes them."""


def window_of(preset: Preset, grayscale: Grayscale, modality: str) -> Window | None:
    """The preset in the modality values of a picture; None where it does not apply there."""
    factor = suv_factor(grayscale)
    if preset.modality != modality or (preset.unit == "HU" and grayscale.unit != "HU") or (preset.unit == "SUV" and not factor):
        return None
    scale = factor if preset.unit == "SUV" and factor else 1.0
    exact = preset.unit == "SUV" or preset.width < 1
    return Window(preset.centre / scale, preset.width / scale, preset.name, "LINEAR_EXACT" if exact else "LINEAR")


def preset_of(name: str, window: Window, grayscale: Grayscale, modality: str) -> Preset:
    """The window that is shown, kept under a name for pictures of its kind. Raises ValueError."""
    factor = suv_factor(grayscale)
    unit: Unit = "SUV" if factor else "HU" if grayscale.unit == "HU" else ""
    scale = factor or 1.0
    return Preset(name.strip(), modality, _rounded(window.centre * scale), _rounded(window.width * scale), unit)


def suv_factor(grayscale: Grayscale) -> float | None:
    """From modality values to SUV, None where there is none."""
    for quantity in grayscale.quantities:
        if quantity.factor and "SUV" in quantity.unit:
            return quantity.factor
    return None


def renamed(presets: tuple[Preset, ...], old: Preset, name: str) -> tuple[Preset, ...]:
    """Raises ValueError for a name that cannot be."""
    return tuple(replace(one, name=name.strip()) if one == old else one for one in presets)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
