"""A quiet strip over a slide that states no size of a pixel: the reader gives it, for this slide or for all of its scanner."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QComboBox, QFrame, QLayout, QLineEdit, QVBoxLayout, QWidget

from app.panels.parts import Elided, button, label, row
from app.spacings import checked
from viewers.geometry import Spacing
from viewers.sources import ScannedSource, Source

OBJECTIVES = (2.5, 4, 5, 10, 20, 40, 60, 63, 80, 100)


class SpacingStrip(QFrame):
    """Nothing is assumed: without a number from the reader the slide keeps lengths in pixels."""

    given = Signal(float, str)
    """µm per pixel, and the scanner it is meant for; "" for this slide alone."""
    forgotten = Signal(str)
    """The file's own size of a pixel is wanted again; the scanner, "" where it has none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.setAccessibleName("Size of a pixel")
        self._scanner = ""
        self.word = Elided("soft")
        self.field = QLineEdit()
        self.field.setPlaceholderText("0.25")
        self.field.setFixedWidth(72)
        self.field.setAccessibleName("µm per pixel")
        self.field.returnPressed.connect(lambda: self._give(""))
        self.objective = QComboBox()
        self.objective.addItem("Objective …")
        self.objective.addItems([f"{power:g}× = {10 / power:.4g} µm/px" for power in OBJECTIVES])
        self.objective.setToolTip("A help: fills in what the scan objective usually means. Scanners differ; the number counts.")
        self.objective.setAccessibleName("Scan objective")
        self.objective.activated.connect(self._take_objective)
        self.slide = button("Use for this slide", lambda: self._give(""), primary=True)
        self.scanner = button("Use for this scanner", lambda: self._give(self._scanner))
        self.file = button("As the file says", lambda: self.forgotten.emit(self._scanner), tip="Forget what was given")
        self.later = button("Not now", self.hide, tip="Lengths stay in pixels")
        lines = QVBoxLayout(self)
        lines.setContentsMargins(8, 4, 8, 4)
        lines.setSpacing(4)
        lines.addLayout(row(self.word))
        lines.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        unit = label("µm/px", "soft", wrap=False)
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._parts.setSpacing(4)
        self._halves = row(self.field, unit, self.objective), row(self.slide, self.scanner, self.file, self.later)
        for half in self._halves:
            self._parts.addLayout(half)
        self._parts.addStretch(1)
        lines.addLayout(self._parts)
        self.hide()

    def show_for(self, source: Source | None) -> None:
        """Come up where a slide has no size of a pixel, else go."""
        absent = isinstance(source, ScannedSource) and source.kind == "slide" and source.spacing is None
        if absent and source is not None:
            self._fill(source)
        self.setVisible(absent)

    def correct(self, source: Source | None) -> bool:
        """Come up for a slide that has one, to be corrected; whether this is a slide."""
        if not isinstance(source, ScannedSource):
            return False
        self._fill(source)
        self.show()
        self.field.setFocus()
        self.field.selectAll()
        return True

    def say(self, sentence: str) -> None:
        self.word.setText(sentence)

    def _fill(self, source: Source) -> None:
        self._scanner = source.scanner if isinstance(source, ScannedSource) else ""
        spacing = source.spacing
        self.word.setText(_word(spacing))
        self.field.setText("" if spacing is None else f"{spacing.mpp:.4g}")
        self.objective.setCurrentIndex(0)
        self.scanner.setVisible(bool(self._scanner))
        self.scanner.setToolTip(f"All slides of {self._scanner} that state none themselves" if self._scanner else "")
        self.file.setVisible(spacing is not None)

    def _take_objective(self, index: int) -> None:
        if index > 0:
            self.field.setText(f"{10 / OBJECTIVES[index - 1]:.4g}")

    def _give(self, scanner: str) -> None:
        try:
            mpp = checked(float(self.field.text().replace(",", ".")))
        except ValueError as error:
            sentence = str(error) if "µm" in str(error) else "Type µm per pixel as a number, such as 0.25."
            self.word.setText(sentence)
            self.field.setFocus()
            return
        self.given.emit(mpp, scanner)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Over a narrow pane the buttons go below the number."""
        super().resizeEvent(event)
        needed = sum(half.sizeHint().width() for half in self._halves) + 24
        narrow = needed > self.width()
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if self._parts.direction() != way:
            self._parts.setDirection(way)
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)


def _word(spacing: Spacing | None) -> str:
    if spacing is None:
        return "No µm/px in this file: lengths and magnification are unknown until you give it."
    return f"{spacing.mpp:.4g} µm/px, {spacing.provenance}"
