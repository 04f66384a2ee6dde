"""Browser, panes and panels side by side: the picture keeps its width for as long as the others can give way."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

BROWSER_PX, PICTURE_PX, SIDE_PX = 180, 560, 280
"""Browser and panels give way to these widths, so that the picture keeps its own; the chosen ones come back with the room."""
LEAST_PICTURE_PX = 320


class Split(QSplitter):
    widthsChosen = Signal(int, int)
    """Of the browser and of the panels, after a drag."""

    def __init__(self, browser: QWidget, middle: QWidget, side: QWidget, widths: tuple[int, int]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._chosen = widths
        for widget, least in ((browser, BROWSER_PX), (middle, LEAST_PICTURE_PX), (side, SIDE_PX)):
            widget.setMinimumWidth(least)
            self.addWidget(widget)
        self.setChildrenCollapsible(False)
        self.setStretchFactor(1, 1)
        self.splitterMoved.connect(lambda *_: self._moved())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        (browser, side), whole = self._chosen, self.width() - 2 * self.handleWidth()
        lack = max(0, PICTURE_PX - (whole - browser - side))
        given = min(lack, max(0, browser - BROWSER_PX))
        browser, side = browser - given, max(SIDE_PX, side - (lack - given))
        self.setSizes([browser, max(LEAST_PICTURE_PX, whole - browser - side), side])

    def _moved(self) -> None:
        browser, _, side = self.sizes()
        if browser and side:
            self._chosen = browser, side
            self.widthsChosen.emit(browser, side)
