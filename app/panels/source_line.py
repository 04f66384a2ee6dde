"""How a line of the browser is painted: a patient, a study, or a source with its thumbnail."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QToolTip, QWidget

from app.panels.source_tree import PICTURE, Group, Index, Item, held_by
from app.theme import ThemeName, colours, icon
from viewers.thumbnail import Thumbnails

PAD = 8


class Line(QStyledItemDelegate):
    """A source: thumbnail, name, and what it is or what is wrong with it (wrapped over as many lines as it needs)."""

    def __init__(self, theme: ThemeName, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme: ThemeName = theme
        self._pictures = Thumbnails(PICTURE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        held = held_by(index)
        if held is None:
            return
        chosen = colours(self.theme)
        painter.save()
        whole = QRect(0, option.rect.top(), option.widget.width() if option.widget else option.rect.right(), option.rect.height())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(whole, QColor(chosen["accent-soft"]))
            painter.fillRect(QRect(0, whole.top(), 3, whole.height()), QColor(chosen["accent"]))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(whole, QColor(chosen["hover"]))
        if isinstance(held, Group):
            self._group(painter, option, held)
        else:
            self._source(painter, option, held)
        painter.restore()

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        held = held_by(index)
        if event.type() != QEvent.Type.ToolTip or held is None:
            return bool(super().helpEvent(event, view, option, index))
        QToolTip.showText(event.globalPos(), held.tip, view)
        return True

    def _group(self, painter: QPainter, option: QStyleOptionViewItem, group: Group) -> None:
        chosen = colours(self.theme)
        rect = option.rect.adjusted(PAD, 0, -PAD, 0)
        signs, metrics = icon("mdi6.chevron-down", self.theme, "faint"), option.fontMetrics
        opened = option.state & QStyle.StateFlag.State_Open
        signs = signs if opened else icon("mdi6.chevron-right", self.theme, "faint")
        painter.drawPixmap(rect.left(), rect.center().y() - 7, signs.pixmap(16, 16))
        rect.setLeft(rect.left() + 20)
        middle = Qt.AlignmentFlag.AlignVCenter
        if group.count:
            painter.setPen(QColor(chosen["faint"]))
            painter.drawText(rect, middle | Qt.AlignmentFlag.AlignRight, group.count)
            rect.setRight(rect.right() - metrics.horizontalAdvance(group.count) - PAD)
        font = QFont(option.font)
        font.setBold(group.above is None)
        painter.setFont(font)
        painter.setPen(QColor(chosen["text" if group.above is None else "soft"]))
        words = QFontMetrics(font).elidedText(group.words, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, middle, words)

    def _source(self, painter: QPainter, option: QStyleOptionViewItem, item: Item) -> None:
        chosen = colours(self.theme)
        frame = QRect(option.rect.left() + PAD, option.rect.top() + 8, PICTURE, PICTURE)
        painter.fillRect(frame, QColor(chosen["field"]))
        if item.picture is not None:
            shown = self._pictures.get(item.picture, painter.device().devicePixelRatioF())
            place = QRectF(QPointF(), shown.deviceIndependentSize())
            place.moveCenter(QRectF(frame).center())
            painter.drawPixmap(place.topLeft(), shown)
        elif item.problem:
            painter.drawPixmap(frame.adjusted(14, 14, -14, -14), icon("mdi6.alert-outline", self.theme, "warn").pixmap(20, 20))
        text = text_rect(option.rect)
        metrics = option.fontMetrics
        painter.setPen(QColor(chosen["text"]))
        cut = Qt.TextElideMode.ElideMiddle if item.group is None else Qt.TextElideMode.ElideRight
        painter.drawText(text, Qt.AlignmentFlag.AlignTop, metrics.elidedText(item.card.title, cut, text.width()))
        painter.setPen(QColor(chosen["warn" if item.problem else "soft"]))
        below = text.adjusted(0, metrics.height() + 3, 0, 0)
        words = item.problem or fitted(item.line or "…", metrics, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap, words)


def text_rect(line: QRect) -> QRect:
    """Where the words of a source stand."""
    left = line.left() + PAD + PICTURE + 10
    return QRect(left, line.top() + 8, line.right() - left - PAD, line.height() - 12)


def height_for(problem: str, metrics: QFontMetrics, width: int, least: int) -> int:
    """Of a line with a problem whose words have `width` pixels."""
    box = metrics.boundingRect(QRect(0, 0, max(80, width), 4000), Qt.TextFlag.TextWordWrap, problem)
    return max(least, box.height() + metrics.height() + 20)


def fitted(line: str, metrics: QFontMetrics, width: int) -> str:
    """A line "what · how many · how large", whole or in two; a part that does not fit its line by itself is cut."""
    if metrics.horizontalAdvance(line) <= width:
        return line
    parts = line.split(" · ")
    breaks = [(" · ".join(parts[:at]), " · ".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]
    fitting = (pair for pair in breaks if all(metrics.horizontalAdvance(one) <= width for one in pair))
    chosen = next(fitting, breaks[0] if breaks else (line,))
    return "\n".join(metrics.elidedText(one, Qt.TextElideMode.ElideRight, width) for one in chosen)
