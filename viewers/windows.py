"""The windows a reader can step through: the file's own first, then the modality's usual ones."""

from __future__ import annotations

from viewers.grayscale import Grayscale, Lut, Window

_CT = (
    ("soft tissue", 40.0, 400.0),
    ("lung", -600.0, 1500.0),
    ("bone", 400.0, 1800.0),
    ("brain", 40.0, 80.0),
    ("mediastinum", 50.0, 350.0),
    ("liver", 80.0, 150.0),
)
"""Centre and width in HU as commonly taught; a starting point, not a standard."""


def choices(grayscale: Grayscale, modality: str, bounds: tuple[float, float]) -> list[Window | Lut]:
    """Every LUT and window of the header, the full range of `bounds`, and on CT the usual windows."""
    found: list[Window | Lut] = [*grayscale.voi_luts, *grayscale.windows, Window.spanning(*bounds, "full range")]
    if modality == "CT" and grayscale.unit == "HU":
        found += [Window(centre, width, name) for name, centre, width in _CT]
    return found


def named(choice: Window | Lut | None, grayscale: Grayscale) -> str:
    """A window or LUT in words, to stand on the picture: "lung  C −600  W 1500 HU"."""
    choice = choice or grayscale.default
    if choice is None:
        return "full range"
    if isinstance(choice, Lut):
        return f"LUT {choice.explanation}".strip()
    figures = f"C {_figure(choice.centre)}  W {_figure(choice.width)} {unit(grayscale)}".strip()
    words = [choice.explanation, figures, "sigmoid" if choice.function == "SIGMOID" else ""]
    return "  ".join(word for word in words if word)


def unit(grayscale: Grayscale) -> str:
    """The unit of the modality values; "" where the header says it is unspecified (US, PS3.3 C.11.1.1.2)."""
    return "" if grayscale.unit == "US" else grayscale.unit


def as_window(choice: Window | Lut | None, grayscale: Grayscale, bounds: tuple[float, float]) -> Window:
    """What a drag starts from: the window itself, or the full range where a LUT or no window is shown."""
    choice = choice or grayscale.default
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
