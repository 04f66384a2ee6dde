"""Coverage over a slide: tints by power, unseen tissue shaded, and a legend."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from viewers import theme
from viewers.blit import blit
from viewers.camera import Camera
from viewers.coverage import Coverage
from viewers.coverage_files import COLOURS, coloured, names
from viewers.lettering import draw_plate, pane_font
from viewers.qimage import to_paintable

_SWATCH = 12
_LINE = 18
_PAD = 8
_BOTTOM = 76
"""Screen pixels kept free for the scale bar and the corner texts."""
_WHOLE = 520
"""Screen pixels of a pane's height from which the classes are listed too."""
_ORDER = (5, 1, 2, 3, 4)


class CoveragePaint:
    """Keeps the picture of a grid until the grid changes."""

    def __init__(self) -> None:
        self._image: QImage | None = None
        self._summary = ""
        self._of: tuple[int, int, float | None] | None = None

    def paint(self, painter: QPainter, camera: Camera, coverage: Coverage) -> None:
        """The painter's unit is the device pixel, as in `Canvas.paint_picture`."""
        image = self._picture(coverage)
        rows, columns = coverage.scale.shape
        slide = QRectF(*_corners(camera.to_device((0, 0, coverage.size.width, coverage.size.height))))
        bounds = camera.device_bounds()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.setClipRect(slide & QRectF(*_corners(bounds)), Qt.ClipOperation.IntersectClip)
        target = camera.to_device((0, 0, columns * coverage.cell, rows * coverage.cell))
        blit(painter, image, target, bounds)
        painter.restore()

    def paint_legend(self, painter: QPainter, base: QFont, camera: Camera, coverage: Coverage) -> None:
        """Above the scale bar, one line in a small pane; the painter's unit is the screen pixel."""
        font, words = pane_font(base, theme.SMALL_POINTS), names(coverage.objective)
        lines = [words[number] for number in _ORDER] if camera.height >= _WHOLE else []
        metrics = QFontMetricsF(font)
        self._picture(coverage)
        summary = self._summary
        width = max([metrics.horizontalAdvance(summary), *(_SWATCH + _PAD + metrics.horizontalAdvance(line) for line in lines)])
        height = _LINE * (len(lines) + 1) + 2 * _PAD
        plate = QRectF(theme.MARGIN, round(camera.height - _BOTTOM - height), round(width + 2 * _PAD), height)
        if plate.top() < theme.MARGIN or plate.right() > camera.width - theme.MARGIN:
            return
        draw_plate(painter, plate)
        painter.save()
        painter.setFont(font)
        for row, text in enumerate([summary, *lines]):
            line = QRectF(plate.left() + _PAD, plate.top() + _PAD + row * _LINE, plate.width() - 2 * _PAD, _LINE)
            if row:
                swatch = QRectF(line.left(), line.top() + (_LINE - _SWATCH) / 2, _SWATCH, _SWATCH)
                painter.setPen(QPen(QColor(theme.PLATE_EDGE), 1))
                painter.setBrush(Qt.GlobalColor.white)
                painter.drawRect(swatch)
                painter.setBrush(QColor(*COLOURS[_ORDER[row - 1]]))
                painter.drawRect(swatch)
                line.adjust(_SWATCH + _PAD, 0, 0, 0)
            painter.setPen(QColor(theme.PLATE_TEXT if row == 0 else theme.PLATE_FAINT))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()

    def _picture(self, coverage: Coverage) -> QImage:
        """A pixel for each cell; made anew, with the summary, only where the grid has changed."""
        state = id(coverage), coverage.version, coverage.objective
        if self._image is None or self._of != state:
            self._image, self._of = to_paintable(coloured(coverage.classes())), state
            self._summary = coverage.summary()
        return self._image


def _corners(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) as (x, y, width, height)."""
    return box[0], box[1], box[2] - box[0], box[3] - box[1]
