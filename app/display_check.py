"""A look at the display itself: the test picture on a full screen, a pixel of it on a pixel of the monitor."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from viewers.qc_pattern import GROUND, pattern
from viewers.qimage import to_qimage

WORDS = (
    "This display is not calibrated by Hilum. Look for:",
    "· both squares in the corners of every grey patch, the darkest and the brightest too",
    "· the 5 % square inside black and the 95 % square inside white",
    "· even ramps without bands or colour",
    "· sharp single lines in the middle and the corners, a straight and even grid",
    "· letters down to the same contrast on black, grey and white",
    "If one is missing, have the display set to the DICOM greyscale function (PS3.14) by who looks after it.",
    "Escape or a click closes this.",
)


class DisplayCheck(QWidget):
    """Colours are not managed and nothing is scaled, so that what is judged is the display alone."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setWindowTitle("Check this display")
        self.setAccessibleName("Test picture for the display")
        self._image = to_qimage(pattern())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's form
        painter, ratio = QPainter(self), self.devicePixelRatioF()
        painter.fillRect(self.rect(), QColor(GROUND, GROUND, GROUND))
        wide, high = self._image.width() / ratio, self._image.height() / ratio
        left = round(max(0.0, self.width() - wide - 24) * ratio) / ratio if self.width() > 1.4 * wide else 0.0
        top = round(max(0.0, self.height() - high) / 2 * ratio) / ratio
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)
        painter.drawImage(QPointF(round(left * ratio), round(top * ratio)), self._image)
        painter.restore()
        room = QRectF(24, 24, max(160.0, left - 48), self.height() - 48.0)
        if not left:
            room = QRectF(24, top + high + 8, self.width() - 48.0, max(0.0, self.height() - top - high - 16))
        painter.setPen(QColor("#000000"))
        painter.drawText(room, int(Qt.TextFlag.TextWordWrap), "\n\n".join(WORDS))
        painter.end()

    def event(self, event: QEvent) -> bool:
        """Keys are this window's own, not the shortcuts of the one behind it."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002 - Qt's form
        self.close()
