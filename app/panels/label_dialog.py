"""Shows a slide's label and macro, once the reader has said so."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.label_pictures import LabelPictures
from app.panels.parts import GAP, button, label, row
from viewers.qimage import to_qimage

WARNING = "The label and the macro picture may show who the patient is."
RECORDED = (
    "They are shown in this window alone: no screenshot of the viewer, export, thumbnail or model gets them. "
    "That you look, when, and at which slide is put on record on this machine."
)
LABEL_PX, MACRO_PX, WIDTH = 260, 560, 480


class LabelDialog(QDialog):
    """Opens with a warning alone. `revealWanted` asks for the pictures, `show_pictures` or `say` answers."""

    revealWanted = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Label and macro")
        self.setAccessibleName(f"Label and macro of {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 16, 16, 16)
        self._column.setSpacing(GAP)
        self.warning = label(WARNING, "warn")
        self.note = label(RECORDED, "soft")
        self.word = label("", "bad")
        self.word.hide()
        self.pictures = QHBoxLayout()
        self.pictures.setSpacing(2 * GAP)
        self.reveal = button("Show them", self._reveal, primary=True)
        self.shut = button("Close", self.close)
        for widget in (self.warning, self.note, self.word):
            self._column.addWidget(widget)
        self._column.addLayout(self.pictures)
        self._column.addStretch(1)
        self._column.addSpacing(GAP)
        buttons = row(self.reveal, self.shut)
        buttons.insertStretch(0, 1)
        buttons.takeAt(buttons.count() - 1)
        self._column.addLayout(buttons)
        self.shut.setAutoDefault(True)
        self.shut.setDefault(True)
        self.reveal.setAutoDefault(False)
        self.shut.setFocus()
        self._fit()

    def show_pictures(self, found: LabelPictures) -> None:
        self.note.setText("It is on record that you look at them now. Close this window when you are done.")
        self.reveal.hide()
        for name, pixels, side in (("Label", found.label, LABEL_PX), ("Macro", found.macro, MACRO_PX)):
            words = "This slide has none." if pixels is None else found.words if name == "Macro" else ""
            part = QVBoxLayout()
            part.setSpacing(4)
            part.addWidget(label(name, "heading"))
            if pixels is not None:
                picture = label(wrap=False)
                ratio = self.devicePixelRatioF()
                shown = QPixmap.fromImage(to_qimage(pixels)).scaled(
                    round(side * ratio), round(LABEL_PX * ratio),
                    Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation,
                )  # fmt: skip
                shown.setDevicePixelRatio(ratio)
                picture.setPixmap(shown)
                picture.setFixedSize((shown.deviceIndependentSize()).toSize())
                picture.setAccessibleName(f"{name} picture")
                part.addWidget(picture)
            part.addWidget(label(words, "soft"))
            part.addStretch(1)
            self.pictures.addLayout(part, 0 if name == "Label" else 1)
        self._fit()

    def say(self, sentence: str) -> None:
        self.word.setText(sentence)
        self.word.setVisible(bool(sentence))
        self.reveal.setEnabled(True)
        self._fit()

    def _fit(self) -> None:
        """As high as the words and pictures need, in the place where it is."""
        self._column.activate()
        width = max(WIDTH, self._column.totalMinimumSize().width())
        self.resize(width, self._column.totalHeightForWidth(width))

    def _reveal(self) -> None:
        self.say("")
        self.reveal.setEnabled(False)
        self.revealWanted.emit()
