"""The heatmaps over one picture, one above the other; a model's is one among them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from viewers.figures import rounded
from viewers.overlay import HeatmapLayer


class Layers(QObject):
    """`own` is the pane's, for what a model answers; the others are lent and may lie over several panes at once."""

    changed = Signal()
    """Something is to be painted again."""
    """Others are there, or in another order."""

    def __init__(self, own: HeatmapLayer, parent: QObject) -> None:
        super().__init__(parent)
        self.own = own
        self.chosen: HeatmapLayer | None = None
        """Whose legend stands in the pane while it is to be seen."""
        self._stack = [own]
        own.changed.connect(self.changed)

    @property
    def stack(self) -> tuple[HeatmapLayer, ...]:
        """From the lowest to the topmost."""
        return tuple(self._stack)

    def lend(self, stack: Sequence[HeatmapLayer]) -> None:
        """Show these, from the lowest up; `own` stands lowest where it is not among them."""
        wanted = list(stack) if self.own in stack else [self.own, *stack]
        if wanted == self._stack:
            return
        for layer in self._stack:
            if layer not in wanted:
                layer.changed.disconnect(self.changed)
        for layer in wanted:
            if layer not in self._stack:
                layer.changed.connect(self.changed)
        self._stack = wanted
        if self.chosen not in wanted:
            self.chosen = None
        self.changed.emit()

    def choose(self, layer: HeatmapLayer | None) -> None:
        if layer is not self.chosen:
            self.chosen = layer
            self.changed.emit()

    @property
    def fading(self) -> bool:
        return any(layer.fading for layer in self._stack)

    def seen(self, own: bool) -> list[HeatmapLayer]:
        """Those that are there and visible, from the lowest up; `own` is whether the model's belongs to what is shown."""
        return [layer for layer in self._stack if layer.present and layer.visible and (own or layer is not self.own)]

    def legend(self, own: bool) -> HeatmapLayer | None:
        """Whose legend is to be shown: the chosen one's while it is seen, else the topmost's."""
        seen = self.seen(own)
        return self.chosen if self.chosen in seen else (seen[-1] if seen else None)

    def said_at(self, x: float, y: float, own: bool) -> str:
        """The name and value of every layer seen that has one at a level-0 point, the topmost first."""
        values = [(layer.phrase, layer.value_at(x, y)) for layer in reversed(self.seen(own))]
        return "   ".join(f"{name[:24]} {rounded(value)}" for name, value in values[:8] if value is not None)
