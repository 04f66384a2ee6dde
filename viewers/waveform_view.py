"""The pane of a waveform: traces on grid paper of a standard speed and gain, and calipers on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from viewers import theme
from viewers.camera import Camera
from viewers.canvas import Canvas
from viewers.gestures import Tool
from viewers.lettering import pane_font
from viewers.radiology_words import NOT_FOR_DIAGNOSIS
from viewers.sources import Source, TracedSource
from viewers.sources.waveform import COARSE, FINE, GROUND, INK
from viewers.waveform import Group, filters_said
from viewers.waveform_calipers import Caliper, Calipers
from viewers.waveform_paper import PX_PER_MM, Paper, Setting, Strip, paper, trace

_PINK_GROUND, _PINK_FINE, _PINK_COARSE, _PINK_INK = (253, 246, 245), (247, 214, 212), (236, 160, 158), (24, 24, 28)
_FINE_FROM = 4.0
"""Device pixels a millimetre takes at least where its lines are drawn."""
_NAME_MM = 4.0


class WaveformView(Canvas):
    """A drag lays a caliper; Enter lays one in the middle. Frames are pages of ten seconds. Nothing here is ever a region."""

    background = "#121214"
    has_lengths = False
    tools = (Tool.REGION, Tool.PAN)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.calipers = Calipers()
        self.setting = Setting()
        self.group_number = 0
        self.pink = False
        self._groups: tuple[Group, ...] = ()
        self._sheet: Paper | None = None
        self._paths: dict[tuple[object, ...], list[QPainterPath]] = {}

    # what is chosen

    @property
    def group(self) -> Group | None:
        return self._groups[self.group_number] if self._groups else None

    @property
    def sheet(self) -> Paper | None:
        """The page that is shown."""
        return self._sheet

    def choose(self, setting: Setting) -> None:
        """Another speed, gain or layout; the whole page is shown again."""
        self.setting = setting
        self._lay_out()

    def choose_group(self, number: int) -> None:
        if self._groups:
            self.group_number = number % len(self._groups)
            self._lay_out()
            self.set_frame(0)

    def invert(self) -> None:
        """Dark paper, or the pink one of the recorder."""
        self.pink = not self.pink
        self.background = QColor(*_PINK_GROUND).name() if self.pink else WaveformView.background
        self.update()

    # calipers

    def select_between(self, start: QPointF, end: QPointF) -> None:
        found = self._caliper(start, end)
        if found is not None:
            self.calipers.add(found)
        self.update()

    def take_back(self) -> bool:
        done = self.calipers.undo()
        self.update()
        return done

    def bring_back(self) -> bool:
        done = self.calipers.redo()
        self.update()
        return done

    def clear_selection(self) -> bool:
        """The calipers of this pane; whether there were any."""
        there = bool(self.calipers.all)
        self.calipers.clear()
        self.update()
        return there

    def remove_last(self) -> None:
        self.calipers.remove_last()
        self.update()

    # the pane

    def opened(self, source: Source) -> None:
        if isinstance(source, TracedSource):
            self._groups = source.groups
            self._lay_out()

    def closed(self) -> None:
        super().closed()
        self._groups, self._sheet, self.group_number = (), None, 0
        self._paths.clear()
        self.calipers = Calipers()

    def set_frame(self, frame: int) -> None:
        super().set_frame(frame)
        group = self.group
        if group is not None:
            self._sheet = paper(group, self.setting, self.frame)
            self.update()

    def paint_picture(self, painter: QPainter) -> None:
        sheet, group = self._sheet, self.group
        if sheet is None or group is None:
            return
        ground, fine, coarse, ink = self._colours()
        left, top, right, bottom = self.camera.to_device((0, 0, sheet.size.width, sheet.size.height))
        painter.fillRect(QRectF(left, top, right - left, bottom - top), ground)
        scale = (right - left) / sheet.size.width
        self._grid(painter, sheet, (left, top), scale, fine, coarse)
        painter.translate(left, top)
        painter.scale(scale, scale)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(ink, max(1.4, 0.22 * PX_PER_MM * scale))
        pen.setCosmetic(True)
        painter.setPen(pen)
        for path in self._traces(group, sheet, scale):
            painter.drawPath(path)
        self._names(painter, group, sheet, ink, scale)

    def paint_marks(self, painter: QPainter) -> None:
        sheet, group = self._sheet, self.group
        if sheet is None or group is None:
            return
        left, top, right, _ = self.camera.to_device((0, 0, sheet.size.width, sheet.size.height))
        scale = (right - left) / sheet.size.width
        for caliper in self.calipers.all:
            if caliper.group == self.group_number:
                self._mark(painter, sheet, group, caliper, (left, top), scale)

    def paint_hand(self, painter: QPainter) -> None:
        band, sheet, group = self.gestures.band, self._sheet, self.group
        if band is None or sheet is None or group is None:
            return
        caliper = self._caliper(*band)
        if caliper is not None:
            painter.setFont(pane_font(self.font(), theme.TEXT_POINTS))
            painter.setPen(QColor(*theme.MEASURED) if not self.pink else QColor("#00558a"))
            painter.drawText(band[1] + QPointF(10, -6), caliper.said(group))

    def corner_lines(self) -> Mapping[str, Sequence[str]]:
        source, group, sheet = self.source, self.group, self._sheet
        if not isinstance(source, TracedSource) or group is None or sheet is None:
            return {}
        which = f"{group.label}, group {self.group_number + 1} of {len(self._groups)}" if len(self._groups) > 1 else group.label
        top = [f"{source.modality}  {source.sort}", which + (", derived" if group.derived else "")]
        if sheet.pages > 1:
            top.append(f"page {self.frame + 1} / {sheet.pages}")
        left = [str(self.setting), filters_said(group.channels)]
        right = [f"{group.frequency_hz:g} Hz, {len(group.channels)} leads", NOT_FOR_DIAGNOSIS]
        return {"top-left": top, "bottom-left": left, "bottom-right": right}

    @property
    def ink(self) -> theme.Ink:  # type: ignore[override]
        return theme.DARK_INK if self.pink else theme.LIGHT_INK

    def value_at(self, x: int, y: int) -> tuple[float | None, str]:
        found = self._at(x / PX_PER_MM, y / PX_PER_MM)
        if found is None or self.group is None:
            return None, ""
        strip, time_s = found
        channel = self.group.channels[strip.channel]
        place = round((time_s - channel.skew_s) * self.group.frequency_hz)
        if not 0 <= place < len(channel.values) or np.isnan(channel.values[place]):
            return None, ""
        value = float(channel.values[place])
        return (value, channel.unit) if channel.millivolts is None else (value * channel.millivolts, "mV")

    def said_at(self, x: float, y: float) -> str:
        found = self._at(x / PX_PER_MM, y / PX_PER_MM)
        if found is None or self.group is None:
            return ""
        return f"{self.group.channels[found[0].channel].name}  {found[1]:.3f} s"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            self.remove_last()
        else:
            super().keyPressEvent(event)

    # inside

    def _lay_out(self) -> None:
        group = self.group
        if group is None:
            return
        self._sheet = paper(group, self.setting, self.frame)
        self.frames = self._sheet.pages
        self._paths.clear()
        self.camera = Camera(self._sheet.size)
        self._fit_camera()
        self.fit()

    def _at(self, x: float, y: float) -> tuple[Strip, float] | None:
        return self._sheet.at(x, y) if self._sheet is not None else None

    def _caliper(self, start: QPointF, end: QPointF) -> Caliper | None:
        """Between two places of the screen, on the trace where it begins; None beside the traces."""
        sheet = self._sheet
        if sheet is None:
            return None
        a = [one / PX_PER_MM for one in self.camera.from_screen(start.x(), start.y())]
        b = [one / PX_PER_MM for one in self.camera.from_screen(end.x(), end.y())]
        found = sheet.at(*a)
        if found is None:
            return None
        strip, time_s = found
        end_s = strip.start_s + (b[0] - strip.x) / sheet.setting.speed_mm_s
        low, high = ((strip.y - one[1]) / strip.mm_per_unit for one in (a, b))
        return Caliper(self.group_number, strip.channel, time_s, end_s, low, high, strip.rhythm)

    def _colours(self) -> tuple[QColor, QColor, QColor, QColor]:
        chosen = (_PINK_GROUND, _PINK_FINE, _PINK_COARSE, _PINK_INK) if self.pink else (GROUND, FINE, COARSE, INK)
        ground, fine, coarse, ink = (QColor(*one) for one in chosen)
        return ground, fine, coarse, ink

    def _grid(
        self, painter: QPainter, sheet: Paper, corner: tuple[float, float], scale: float, fine: QColor, coarse: QColor
    ) -> None:
        left, top = corner
        right, bottom = left + sheet.size.width * scale, top + sheet.size.height * scale
        step = PX_PER_MM * scale
        lines: tuple[list[QLineF], list[QLineF]] = ([], [])
        for number in range(int(sheet.width) + 1):
            x = left + number * step
            lines[number % 5 == 0].append(QLineF(x, top, x, bottom))
        for number in range(int(sheet.height) + 1):
            y = top + number * step
            lines[number % 5 == 0].append(QLineF(left, y, right, y))
        if step >= _FINE_FROM:
            painter.setPen(QPen(fine, 1))
            painter.drawLines(lines[0])
        painter.setPen(QPen(coarse, 1))
        painter.drawLines(lines[1])

    def _traces(self, group: Group, sheet: Paper, scale: float) -> list[QPainterPath]:
        """Made once for a page and a step of the zoom."""
        px_per_sample = sheet.setting.speed_mm_s / group.frequency_hz * PX_PER_MM * scale
        coarse = 1.0 if px_per_sample >= 0.5 else 2.0 ** np.floor(np.log2(px_per_sample))
        key = (self.group_number, self.frame, self.setting, coarse)
        if key not in self._paths:
            self._paths = {key: [_path(trace(group, sheet, strip, coarse)) for strip in sheet.strips] + [_pulses(sheet)]}
        return self._paths[key]

    def _names(self, painter: QPainter, group: Group, sheet: Paper, ink: QColor, scale: float) -> None:
        font = pane_font(self.font(), theme.TEXT_POINTS)
        font.setPixelSize(max(round(theme.TEXT_POINTS / scale), round(_NAME_MM * PX_PER_MM)))
        painter.setFont(font)
        painter.setPen(ink)
        for strip in sheet.strips:
            channel = group.channels[strip.channel]
            note = "" if channel.millivolts is not None else f"  {10 / strip.mm_per_unit:g} {channel.unit or 'units'}/cm"
            painter.drawText(
                QPointF((strip.x + 1) * PX_PER_MM, (strip.y - sheet.row_height * 0.3) * PX_PER_MM), channel.name + note
            )

    def _mark(
        self, painter: QPainter, sheet: Paper, group: Group, caliper: Caliper, corner: tuple[float, float], scale: float
    ) -> None:
        strip = sheet.strip_of(caliper.channel, caliper.start_s, caliper.rhythm)
        if strip is None:
            return
        ends = [
            QPointF(corner[0] + x * PX_PER_MM * scale, corner[1] + y * PX_PER_MM * scale)
            for x, y in (
                sheet.place(strip, caliper.start_s, caliper.start_value),
                sheet.place(strip, caliper.end_s, caliper.end_value),
            )
        ]
        painter.setPen(QPen(QColor("#00558a") if self.pink else QColor(*theme.MEASURED), 1.5))
        high = 0.4 * sheet.row_height * PX_PER_MM * scale
        for end in ends:
            painter.drawLine(QPointF(end.x(), end.y() - high), QPointF(end.x(), end.y() + high))
        painter.drawLine(ends[0], QPointF(ends[1].x(), ends[0].y()))
        painter.drawLine(QPointF(ends[1].x(), ends[0].y()), ends[1])
        font = pane_font(self.font(), theme.TEXT_POINTS)
        font.setPointSizeF(font.pointSizeF() * self.camera.ratio)
        painter.setFont(font)
        painter.drawText(QPointF(max(ends[0].x(), ends[1].x()) + 5, ends[0].y() - high + 4), caliper.said(group))


def _path(points: NDArray[np.float32]) -> QPainterPath:
    """A line broken where values are missing."""
    path = QPainterPath()
    whole = np.isfinite(points).all(axis=1)
    for part in np.split(points, np.flatnonzero(np.diff(whole.astype(np.int8))) + 1):
        if len(part) > 1 and np.isfinite(part).all():
            path.addPolygon(QPolygonF([QPointF(float(x), float(y)) for x, y in part]))
    return path


def _pulses(sheet: Paper) -> QPainterPath:
    """1 mV for 200 ms in front of each row."""
    path = QPainterPath()
    high, wide = sheet.setting.gain_mm_mv * PX_PER_MM, 0.2 * sheet.setting.speed_mm_s * PX_PER_MM
    for row in sheet.rows:
        x, y = 9.0 * PX_PER_MM, row * PX_PER_MM
        path.addPolygon(
            QPolygonF(
                [
                    QPointF(x, y),
                    QPointF(x + 1, y),
                    QPointF(x + 1, y - high),
                    QPointF(x + 1 + wide, y - high),
                    QPointF(x + 1 + wide, y),
                ]
            )
        )
    return path
