"""A short eased way of the view to another place; none where the system asks for no animation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEasingCurve, QObject, QVariantAnimation, Slot
from PySide6.QtWidgets import QStyle

if TYPE_CHECKING:
    from viewers.steered import Steered

GLIDE_MS = 130


class Glide(QObject):
    """Steps in quick succession add up. Whatever else moves the view ends it where it is."""

    def __init__(self, pane: Steered) -> None:
        super().__init__(pane)
        self._pane = pane
        self._from = self._to = self._last = (0.0, 0.0)
        self._way = QVariantAnimation(self)
        self._way.setDuration(GLIDE_MS)
        self._way.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._way.setStartValue(0.0)
        self._way.setEndValue(1.0)
        self._way.valueChanged.connect(self._step)

    @property
    def target(self) -> tuple[float, float] | None:
        """Where the view's middle will be, in level-0 pixels; None while it does not glide."""
        running = self._way.state() == QVariantAnimation.State.Running
        return self._to if running and self._undisturbed() else None

    def by(self, across: float, down: float) -> None:
        """That many screen pixels further than where it is or will be."""
        camera = self._pane.camera
        x, y = camera.from_screen(camera.width / 2 + across, camera.height / 2 + down)
        at = self.target or (camera.x, camera.y)
        self.to(at[0] + x - camera.x, at[1] + y - camera.y)

    def to(self, x: float, y: float) -> None:
        """The place in level-0 pixels that will be in the middle; kept within the picture."""
        camera = self._pane.camera
        self._way.stop()
        self._from = self._last = (camera.x, camera.y)
        self._to = min(max(x, 0.0), float(camera.size.width)), min(max(y, 0.0), float(camera.size.height))
        if self._pane.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self._pane) <= 0:
            self._pane.centre_on(*self._to)
        else:
            self._way.start()
            self._pane.moved_along()  # from now on, not from the first frame on

    def _undisturbed(self) -> bool:
        return (self._pane.camera.x, self._pane.camera.y) == self._last

    @Slot(object)
    def _step(self, share: object) -> None:
        if self._way.state() != QVariantAnimation.State.Running:
            return
        if not self._undisturbed():
            self._way.stop()
            return
        done = float(share) if isinstance(share, float | int) else 1.0
        x, y = (a + (b - a) * done for a, b in zip(self._from, self._to, strict=True))
        self._pane.centre_on(*(self._to if done >= 1 else (x, y)))
        self._last = self._pane.camera.x, self._pane.camera.y
