"""The measurements of a slide's marks as rows for a table; a hundred thousand rows cost no more than the visible ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from viewers.annotations.annotation import Annotation
from viewers.annotations.measure import area_text, length_text
from viewers.figures import counted

if TYPE_CHECKING:
    from app.measuring import Measured

HEADERS = ("Class", "Shape", "Area or length")
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class MarksTable(QAbstractTableModel):
    """The newest mark first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: Measured | None = None

    def show(self, found: Measured | None) -> None:
        self.beginResetModel()
        self._found = found
        self.endResetModel()

    def mark(self, number: int) -> Annotation:
        """The mark in a row."""
        assert self._found is not None
        return self._found.marks[len(self._found.marks) - 1 - number]

    def rows_of(self, ids: Iterable[str]) -> list[int]:
        if self._found is None:
            return []
        last, number = len(self._found.marks) - 1, self._found.number
        return sorted(last - number[id] for id in ids if id in number)

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() or self._found is None else len(self._found.marks)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        wanted = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return HEADERS[section] if wanted else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if self._found is None:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() > 1:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        at, columns = len(self._found.marks) - 1 - index.row(), self._found.columns
        one = self._found.marks[at]
        if index.column() == 0:
            return (one.name or one.class_name or "Unclassified") + (", locked" if one.locked else "")
        if index.column() == 1:
            return f"{counted(int(columns.points[at]))} points" if columns.points[at] else str(one.kind)
        area, length = float(columns.areas[at]), float(columns.lengths[at])
        if not math.isnan(area):
            return area_text(area, columns.unit)
        return "" if math.isnan(length) else length_text(length, columns.unit)
