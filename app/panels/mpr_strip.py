"""The strip over planes cut from a volume: slab, axes, and how far the reading is."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFrame, QLayout, QProgressBar, QWidget

from app.panels.parts import Elided, button, inset, row
from viewers.volume_cuts import Slab

_WORDS = {Slab.THIN: "Thin planes", Slab.MIP: "MIP, the highest", Slab.MINIP: "MinIP, the lowest", Slab.MEAN: "Mean"}
MOST_MM = 200.0


class MprStrip(QFrame):
    slabChosen = Signal(object, float)
    """Slab and thickness in mm."""
    axesWanted = Signal(bool)
    """Along the patient's own axes; False: along the slices as acquired."""
    stopWanted = Signal()
    closeWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.setAccessibleName("Planes of the volume")
        self.slab = QComboBox()
        self.slab.addItems(list(_WORDS.values()))
        self.slab.setAccessibleName("Slab")
        self.slab.setToolTip("What is shown of all that lies within the thickness")
        self.thickness = QDoubleSpinBox()
        self.thickness.setRange(1.0, MOST_MM)
        self.thickness.setDecimals(1)
        self.thickness.setSingleStep(5.0)
        self.thickness.setValue(10.0)
        self.thickness.setSuffix(" mm")
        inset(self.thickness)
        self.thickness.setFixedWidth(84)
        self.thickness.setAccessibleName("Thickness of the slab")
        self.acquired = button("As acquired", lambda: self.axesWanted.emit(False), tip="Planes along the slices as taken")
        self.patient = button("Patient axes", lambda: self.axesWanted.emit(True), tip="True axial, coronal and sagittal planes")
        self.word = Elided("soft")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedSize(120, 6)
        self.stop = button("Stop", self.stopWanted.emit, tip="Give up reading the volume (Esc)")
        self.leave = button("Back to the stack", self.closeWanted.emit, tip="V")
        self._tools: tuple[QWidget, ...] = (self.slab, self.thickness, self.acquired, self.patient)
        lines = row(*self._tools, self.word, self.progress, self.stop)
        lines.addWidget(self.leave)
        lines.setContentsMargins(8, 4, 8, 4)
        lines.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setLayout(lines)
        self.slab.currentIndexChanged.connect(lambda _: self._choose())
        self.thickness.valueChanged.connect(lambda _: self._choose())
        self.read()
        self.thickness.hide()

    @property
    def chosen(self) -> tuple[Slab, float]:
        return list(_WORDS)[self.slab.currentIndex()], self.thickness.value()

    def reading(self, done: int, of: int) -> None:
        """A volume is on its way."""
        self._show_tools(False)
        self.progress.setRange(0, max(1, of))
        self.progress.setValue(done)
        self.word.setText(f"Reading the volume: {done} of {of} slices" if of else "Reading the volume …")

    def read(self, sentence: str = "") -> None:
        """It is there; `sentence` says what is to be known of it."""
        self._show_tools(True)
        self.word.setText(sentence)

    def refuse(self, sentence: str) -> None:
        """There will be none."""
        self._show_tools(False)
        self.progress.hide()
        self.stop.hide()
        self.word.setText(sentence)

    def next_slab(self) -> None:
        self.slab.setCurrentIndex((self.slab.currentIndex() + 1) % len(_WORDS))

    def thicken(self, steps: int) -> None:
        """By 5 mm a step; from thin planes to MIP."""
        if self.slab.currentIndex() == 0 and steps > 0:
            self.slab.setCurrentIndex(1)
        elif self.slab.currentIndex():
            self.thickness.stepBy(steps)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().sizeHint().height())

    def _show_tools(self, there: bool) -> None:
        for tool in self._tools:
            tool.setVisible(there)
        self.thickness.setVisible(there and self.slab.currentIndex() > 0)
        self.progress.setVisible(not there)
        self.stop.setVisible(not there)

    def _choose(self) -> None:
        self.thickness.setVisible(self.slab.currentIndex() > 0)
        self.slabChosen.emit(*self.chosen)
