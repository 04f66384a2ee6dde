"""Draws a pane through the graphics card, where that was measured to be faster; the pane stays what it is."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget


class Viewport(QOpenGLWidget):
    """Covers `pane` and paints by `paint`; mouse, wheel and keys go to the pane below it."""

    def __init__(self, pane: QWidget, paint: Callable[[QPainter], None]) -> None:
        super().__init__(pane)
        self._paint = paint
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.resize(pane.size())
        self.show()

    def paintGL(self) -> None:
        painter = QPainter(self)
        self._paint(painter)
        painter.end()
