"""Screening without a mouse: to the next field of tissue that was not seen at this power."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.covering import Covering
from viewers.coverage import Coverage
from viewers.fields import next_field
from viewers.slide_view import SlideView


class Screening(QObject):
    noted = Signal(str)

    def __init__(self, covering: Covering) -> None:
        super().__init__(covering)
        self._covering = covering
        self._waiting: tuple[Path, int] | None = None
        covering.tissueFound.connect(self._go_on)

    def step(self, by: int) -> None:
        """To the next one (1) or the one before (-1), as soon as it is known where tissue is."""
        found = self._covering.here()
        if found is None:
            self.noted.emit("fields of tissue are for slides: open one first")
            return
        view, path, coverage = found
        if not self._covering.want_tissue(path):
            self._waiting = path, by
            self.noted.emit("looking for tissue …")
            return
        self._waiting = None
        stop = next_field(coverage, view.camera, by)
        if stop is None:
            self.noted.emit(self._done(coverage, view))
            return
        view.glide.to(stop.x, stop.y)
        fields = "1 field" if stop.left == 1 else f"{stop.left} fields"
        self.noted.emit(f"{fields} of tissue left at {_power(view)}")

    @Slot(object)
    def _go_on(self, path: Path) -> None:
        """The key was pressed before tissue was known."""
        found = self._covering.here()
        if self._waiting is not None and self._waiting[0] == path and found is not None and found[1] == path:
            self.step(self._waiting[1])

    def _done(self, coverage: Coverage, view: SlideView) -> str:
        if coverage.tissue is not None and not coverage.tissue.any():
            return "No tissue was found on this slide"
        return f"All tissue was seen at {_power(view)}"


def _power(view: SlideView) -> str:
    power = view.magnification
    return f"{100 * view.camera.device_scale:.3g} % zoom" if power is None else f"{power:.3g}×"
