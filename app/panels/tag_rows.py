"""The elements of a file, or of two side by side, as rows of a tree: only what is unfolded is ever asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from app.theme import ThemeName, colours
from viewers.plain_text import one_line
from viewers.tags import Tag
from viewers.tags.comparing import Pair

Index = QModelIndex | QPersistentModelIndex
SHOWN = 300
"""Letters of a value in its row; the field below has it all."""
ONE = ("Tag", "Name", "VR", "Value", "Length")
TWO = ("Tag", "Name", "VR", "This file", "The other")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is to be shown: tags or pairs, and of them the indices `kept`, parents before children."""

    tags: Sequence[Tag] | Sequence[Pair]
    kept: Sequence[int]
    searched: bool = False
    notes: tuple[str, ...] = ()
    path: Path | None = None


class TagRows(QAbstractItemModel):
    def __init__(self, theme: ThemeName) -> None:
        super().__init__()
        self.theme: ThemeName = theme
        self.revealed = False
        self._rows: Sequence[Tag] | Sequence[Pair] = ()
        self._below: dict[int, list[int]] = {-1: []}
        self._at: dict[int, int] = {}
        self._two = False

    @property
    def two(self) -> bool:
        """Whether two files are compared."""
        return self._two

    def show(self, found: Found) -> None:
        below: dict[int, list[int]] = defaultdict(list)
        at: dict[int, int] = {}
        for index in found.kept:
            siblings = below[found.tags[index].parent]
            at[index] = len(siblings)
            siblings.append(index)
        self.beginResetModel()
        self._rows, self._below, self._at = found.tags, below, at
        self._two = bool(found.tags) and isinstance(found.tags[0], Pair)
        self.endResetModel()

    def reveal(self, revealed: bool) -> None:
        self.revealed = revealed
        self.layoutChanged.emit()

    def held(self, index: Index) -> Tag | Pair | None:
        return self._rows[index.internalId()] if index.isValid() else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        if parent.isValid() and parent.column() != 0:
            return 0
        return len(self._below.get(parent.internalId() if parent.isValid() else -1, ()))

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, ARG002
        return len(ONE)

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        siblings = self._below.get(parent.internalId() if parent.isValid() else -1, ())
        return self.createIndex(row, column, siblings[row]) if 0 <= row < len(siblings) else QModelIndex()

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]
        above = self._rows[index.internalId()].parent if index.isValid() else -1
        return self.createIndex(self._at[above], 0, above) if above >= 0 else QModelIndex()

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return (TWO if self._two else ONE)[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self._rows[index.internalId()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._words(row, index.column())
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(row, index.column())
        return None

    def _words(self, row: Tag | Pair, column: int) -> str:
        tag = row.either if isinstance(row, Pair) else row
        if column < 3:
            return (tag.number or tag.name, "" if tag.is_item else tag.name, tag.vr)[column]
        if isinstance(row, Pair):
            side = row.left if column == 3 else row.right
            return "—" if side is None else self._value(side)
        if column == 3:
            return self._value(tag)
        return "" if tag.length is None else f"{tag.length:,}"

    def _value(self, tag: Tag) -> str:
        if tag.vr == "SQ":
            return ""
        return one_line(tag.shown(self.revealed), SHOWN)

    def _colour(self, row: Tag | Pair, column: int) -> QColor | None:
        chosen = colours(self.theme)
        if isinstance(row, Pair):
            if column > 2 and not row.same and not row.either.is_item and row.either.vr != "SQ":
                return QColor(chosen["warn"])
            return QColor(chosen["text" if column > 2 else "soft"])
        if column == 3:
            return QColor(chosen["faint"]) if row.private and not self.revealed else None
        return QColor(chosen["soft"]) if column in (0, 2, 4) else None
