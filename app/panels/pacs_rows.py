"""What an archive answered, as a tree of studies and their series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QSize, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QWidget

from app.pacs.matches import Series, Study

COLUMNS = ("Date", "Time", "What", "Images", "Patient", "ID", "Born", "Sex", "Description", "Accession")
WIDTHS = (118, 60, 84, 64, 190, 110, 92, 40, 260, 110)
WHO = (4, 5, 6, 9)
"""Columns that may tell who the patient is."""
_NUMBERS = (3,)
_ROLE = Qt.ItemDataRole.UserRole
ROW = 26
"""Height of a row in pixels."""
WAITING = "asking for the series …"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A study and those of its series that are wanted; all of them when there are none."""

    study: Study
    series: tuple[Series, ...] = ()


class StudyRows(QStandardItemModel):
    """One row a study; its series are asked for when it is unfolded."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setHorizontalHeaderLabels(COLUMNS)

    def show(self, studies: Sequence[Study]) -> None:
        self.removeRows(0, self.rowCount())
        for study in studies:
            what = " ".join(study.modalities)
            first = self._add(self.invisibleRootItem(), study, (
                study.day, study.time, what, _count(study.count), study.name, study.patient_id, study.birth_date, study.sex,
                study.description, study.accession,
            ))  # fmt: skip
            if study.series:
                self._fill(first, study.series)
            else:
                first.appendRow([_cell(WAITING)])

    def show_series(self, study_uid: str, series: Sequence[Series], sentence: str = "") -> None:
        """`sentence` says why there are none."""
        for row in range(self.rowCount()):
            first = self.item(row)
            study = first.data(_ROLE)
            if study.uid == study_uid:
                first.removeRows(0, first.rowCount())
                self._fill(first, series)
                if not series:
                    first.appendRow([_cell(sentence or "it has no series")])

    def study_at(self, index: QModelIndex) -> Study | None:
        found = index.siblingAtColumn(0).data(_ROLE)
        return found if isinstance(found, Study) else None

    def waits(self, index: QModelIndex) -> bool:
        """Whether the series of the study there were not asked for yet."""
        first = self.itemFromIndex(index.siblingAtColumn(0))
        return first is not None and first.rowCount() == 1 and first.child(0).text() == WAITING

    def chosen(self, rows: Sequence[QModelIndex]) -> list[Chosen]:
        """Whole studies where the study itself is among `rows`, else its series that are."""
        whole = {study.uid: study for row in rows if (study := self.study_at(row)) is not None}
        parts: dict[str, tuple[Study, list[Series]]] = {}
        for row in rows:
            series, study = row.siblingAtColumn(0).data(_ROLE), self.study_at(row.parent())
            if isinstance(series, Series) and study is not None and study.uid not in whole:
                parts.setdefault(study.uid, (study, []))[1].append(series)
        return [*map(Chosen, whole.values()), *(Chosen(study, tuple(series)) for study, series in parts.values())]

    def _fill(self, first: QStandardItem, series: Sequence[Series]) -> None:
        for one in series:
            what = f"{one.modality} {one.body_part}".strip()
            words = (f"series {one.number}".strip(), "", what, _count(one.count), "", "", "", "", one.description, "")
            self._add(first, one, words)

    def _add(self, parent: QStandardItem, value: object, words: Sequence[str]) -> QStandardItem:
        cells = [_cell(text) for text in words]
        cells[0].setData(value, _ROLE)
        for column in _NUMBERS:
            cells[column].setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        parent.appendRow(cells)
        return cells[0]


def _cell(text: str) -> QStandardItem:
    cell = QStandardItem(text)
    cell.setEditable(False)
    cell.setSizeHint(QSize(0, ROW))
    return cell


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
