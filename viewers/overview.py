"""The whole slide in a corner, with a box around what the pane shows."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from viewers import theme
from viewers.camera import Camera

LONGEST = 168.0
"""Screen pixels of its longer side."""
_LEAST_BOX = 6.0


class Overview:
    """Where the inset lies and what it says. Hidden while the pane shows (nearly) everything, or is too small for it."""

    def rect(self, camera: Camera) -> QRectF:
        """In screen pixels, at the pane's top-right corner; empty while hidden."""
        scale = min(LONGEST / camera.size.width, LONGEST / camera.size.height)
        width, height = max(8.0, camera.size.width * scale), max(8.0, camera.size.height * scale)
        if camera.scale <= camera.fit_scale * 1.05 or camera.width < 3 * width or camera.height < 2.5 * height:
            return QRectF()
        return QRectF(round(camera.width - theme.MARGIN - width), theme.MARGIN, round(width), round(height))

    def place(self, camera: Camera, u: float, v: float) -> tuple[float, float] | None:
        """The level-0 point that screen point (u, v) shows in the inset, None outside it."""
        rect = self.rect(camera)
        if not rect.contains(QPointF(u, v)):
            return None
        x, y = (u - rect.left()) / rect.width(), (v - rect.top()) / rect.height()
        return x * camera.size.width, y * camera.size.height

    def view_box(self, camera: Camera) -> QRectF:
        """What the pane shows, in screen pixels of the inset."""
        rect, seen = self.rect(camera), camera.visible_region()
        across, down = rect.width() / camera.size.width, rect.height() / camera.size.height
        box = QRectF(rect.left() + seen.x * across, rect.top() + seen.y * down, seen.width * across, seen.height * down)
        widen, heighten = max(0.0, _LEAST_BOX - box.width()) / 2, max(0.0, _LEAST_BOX - box.height()) / 2
        return box.adjusted(-widen, -heighten, widen, heighten)

    def paint(self, painter: QPainter, camera: Camera, image: QImage | None) -> None:
        rect = self.rect(camera)
        if rect.isEmpty():
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(rect, QColor("#f4f4f4"))
        if image is not None:
            painter.drawImage(rect, image)
        painter.setPen(QPen(QColor(theme.PLATE_EDGE), 1))
        painter.drawRect(rect.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.setClipRect(rect.adjusted(-2, -2, 2, 2))
        seen = self._seen(camera, rect)
        for pen in (QPen(QColor(255, 255, 255, 220), 3.5), QPen(QColor(theme.ACCENT).darker(150), 1.8)):
            painter.setPen(pen)
            painter.drawPolygon(seen)
        painter.restore()

    def _seen(self, camera: Camera, rect: QRectF) -> QPolygonF:
        """The pane's own corners in the inset, which is never turned."""
        if not camera.turned:
            return QPolygonF(self.view_box(camera))
        across, down = rect.width() / camera.size.width, rect.height() / camera.size.height
        edges = ((0.0, 0.0), (camera.width, 0.0), (camera.width, camera.height), (0.0, camera.height))
        places = (camera.from_screen(u, v) for u, v in edges)
        return QPolygonF([QPointF(rect.left() + x * across, rect.top() + y * down) for x, y in places])
