"""The fields of a question to an archive."""

from __future__ import annotations

from datetime import date, timedelta

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from app.pacs.errors import PacsError
from app.pacs.query import Query
from app.panels.parts import GAP, button

MODALITIES = ("any modality", "CT", "MR", "CR", "DX", "MG", "US", "XA", "RF", "NM", "PT", "SM", "SR", "SEG", "OT")
PARTS = ("any body part", "CHEST", "HEAD", "ABDOMEN", "PELVIS", "SPINE", "BREAST", "KNEE", "HIP", "SHOULDER", "HAND", "FOOT")
DAYS: tuple[tuple[str, int | None], ...] = (
    ("any day", None), ("today", 0), ("since yesterday", 1), ("last 7 days", 7), ("last 31 days", 31), ("last year", 365),
    ("from … to …", -1),
)  # fmt: skip
_BETWEEN = -1


class Question(QWidget):
    """Enter in any field asks."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = _field("Patient's name: Müller, J*", "Patient's name", 190)
        self.id = _field("ID", "Patient's ID", 90)
        self.accession = _field("Accession", "Accession number", 90)
        self.when = QComboBox()
        self.when.setAccessibleName("Days")
        for words, days in DAYS:
            self.when.addItem(words, days)
        self.since, self.until = (_field(text, text, 92) for text in ("2026-01-31", "2026-12-31"))
        self.since.setAccessibleName("From this day")
        self.until.setAccessibleName("Until this day")
        self.modality, self.part = _codes(MODALITIES, "Modality"), _codes(PARTS, "Body part")
        self.search = button("Search", self.asked.emit, primary=True, tip="Ask the archive (Enter)")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        fields = (
            self.name, self.id, self.accession, self.when, self.since, self.until, self.modality, self.part, self.search,
        )  # fmt: skip
        for one in fields:
            layout.addWidget(one, 1 if one is self.name else 0)
        self.when.currentIndexChanged.connect(self._days_chosen)
        self._days_chosen()
        for line in (self.name, self.id, self.accession, self.since, self.until, self.modality.lineEdit(), self.part.lineEdit()):
            if line is not None:
                line.returnPressed.connect(self.asked)

    def query(self) -> Query:
        """Raises PacsError with a sentence for what cannot be asked."""
        since, until = self._days()
        return Query(
            patient_name=self.name.text(), patient_id=self.id.text(), since=since, until=until, modality=_code(self.modality),
            accession=self.accession.text(), body_part=_code(self.part),
        )  # fmt: skip

    def _days(self) -> tuple[date | None, date | None]:
        days = self.when.currentData()
        if days == _BETWEEN:
            return _day(self.since.text()), _day(self.until.text())
        return (None if days is None else date.today() - timedelta(days=int(days))), None

    def _days_chosen(self) -> None:
        between = self.when.currentData() == _BETWEEN
        for one in (self.since, self.until):
            one.setVisible(between)


def _field(placeholder: str, name: str, width: int) -> QLineEdit:
    line = QLineEdit()
    line.setPlaceholderText(placeholder)
    line.setAccessibleName(name)
    line.setMinimumWidth(width)
    return line


def _codes(values: tuple[str, ...], name: str) -> QComboBox:
    box = QComboBox()
    box.setEditable(True)
    box.addItems(list(values))
    box.setAccessibleName(name)
    box.setMinimumWidth(124)
    return box


def _code(box: QComboBox) -> str:
    text = box.currentText().strip()
    return "" if text == box.itemText(0) else text.upper()


def _day(text: str) -> date | None:
    words = text.strip()
    if not words:
        return None
    try:
        day, month, year = words.split(".") if "." in words else reversed(words.split("-"))
        return date(int(year), int(month), int(day))
    except ValueError:
        raise PacsError(f"{words[:20]!r} is no day; write it like 2026-05-17 or 17.5.2026.") from None
