"""The windows a reader can choose from: the file's own first, then the full range, then those kept for the modality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from viewers.grayscale import Grayscale, Lut, Window
from viewers.presets import BUILT_IN, Preset, suv_factor, window_of

DIGITS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    window: Window | Lut
    words: str
    preset: Preset | None = None
    """Where it is one kept for the modality."""
    digit: int | None = None
    """1 … 9, the key that chooses it."""


def listed(
    grayscale: Grayscale, modality: str, bounds: tuple[float, float], presets: Sequence[Preset] = BUILT_IN
) -> list[Choice]:
    """Every LUT and window of the header, the full range of `bounds`, and the presets that apply.

    The digits go to the presets first, so that 2 is the same on every picture of a modality; what is left goes to the file's.
    """
    own: list[Window | Lut] = [*grayscale.voi_luts, *grayscale.windows]
    kept = [(one, window) for one in presets if (window := window_of(one, grayscale, modality)) is not None]
    full = Window.spanning(*bounds, "full range")
    first_own = len(kept) + 1
    found = [
        Choice(one, named(one, grayscale), digit=first_own + place if first_own + place <= DIGITS else None)
        for place, one in enumerate(own)
    ]
    found.append(Choice(full, named(full, grayscale)))
    found += [
        Choice(window, named(window, grayscale), preset, place if place <= DIGITS else None)
        for place, (preset, window) in enumerate(kept, 1)
    ]
    return found


def choices(
    grayscale: Grayscale, modality: str, bounds: tuple[float, float], presets: Sequence[Preset] = BUILT_IN
) -> list[Window | Lut]:
    """As `listed`, the windows alone."""
    return [choice.window for choice in listed(grayscale, modality, bounds, presets)]


def named(choice: Window | Lut | None, grayscale: Grayscale) -> str:
    """A window or LUT in words, to stand on the picture: "lung  C −600  W 1500 HU"."""
    choice = choice or grayscale.default
    if choice is None:
        return "full range"
    if isinstance(choice, Lut):
        return f"LUT {choice.explanation}".strip()
    sigmoid = "sigmoid" if choice.function == "SIGMOID" else ""
    factor = suv_factor(grayscale)
    if factor:  # what a reader of PET thinks in
        low, high = (_figure(round(end * factor, 2)) for end in choice.ends)
        name = "" if choice.explanation.startswith("SUV") else choice.explanation
        words = [name, f"SUV {low} – {high}", sigmoid]
    else:
        figures = f"C {_figure(choice.centre)}  W {_figure(choice.width)} {unit(grayscale)}".strip()
        words = [choice.explanation, figures, sigmoid]
    return "  ".join(word for word in words if word)


def unit(grayscale: Grayscale) -> str:
    """The unit of the modality values; "" where the header says it is unspecified (US, PS3.3 C.11.1.1.2)."""
    return "" if grayscale.unit == "US" else grayscale.unit


def as_window(choice: Window | Lut | None, grayscale: Grayscale, bounds: tuple[float, float]) -> Window:
    """What a drag starts from: the window itself; of a LUT the inputs it tells apart; else the full range."""
    choice = choice or grayscale.default
    if isinstance(choice, Lut) and len(choice.values) > 1:
        return Window.spanning(choice.first, choice.first + len(choice.values) - 1)
    return choice if isinstance(choice, Window) else Window.spanning(*bounds)


def dragged(window: Window, across: float, down: float, bounds: tuple[float, float]) -> Window:
    """The window after a drag by (across, down) screen pixels: right widens, down raises the centre and so darkens.

    One pixel is 0.4 % of the width, at least 0.02 % of the frame's range.
    """
    pace = max(window.width * 0.004, (bounds[1] - bounds[0]) * 0.0002)
    least = 1.0 if window.function == "LINEAR" else max(1e-6, (bounds[1] - bounds[0]) * 1e-4)
    return Window(window.centre + down * pace, max(least, window.width + across * pace), "", window.function)


def _figure(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
    return text.replace("-", "−")
