"""How long models stay in memory without a question, and what is kept on disk of the pictures they have read."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from app.panels.parts import button, label, row

MINUTES = (5, 15, 30, 60, 240, 0)
GIGABYTES = (1.0, 2.0, 5.0, 20.0, 0.0)
WHY = (
    "Pictures that were read before are not read again, also after a restart. What is kept tells of a patient as they do, lies "
    "in your own folder, and is for you alone to read."
)


class KeepingRow(QWidget):
    unloadWanted = Signal(int)
    """Minutes; 0: never."""
    mostWanted = Signal(float)
    """Gigabytes; 0: nothing is kept."""
    forgetWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.unload, self.most = QComboBox(), QComboBox()
        for box in (self.unload, self.most):  # they are filled after they are shown
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.unload.setAccessibleName("Unload models after")
        self.most.setAccessibleName("Pictures on disk")
        self.most.setToolTip(WHY)
        self.held = label("", "soft", wrap=False)
        self.forget = button("Forget", self.forgetWanted.emit, tip="Remove what is kept of pictures")
        self.forget.setEnabled(False)
        line = row(
            label("Unload after", "soft", wrap=False), self.unload, QWidget(), label("Kept of pictures", "soft", wrap=False),
            self.most, self.held, self.forget, stretch=2,
        )  # fmt: skip
        self.setLayout(line)
        self.unload.activated.connect(lambda _: self.unloadWanted.emit(int(self.unload.currentData())))
        self.most.activated.connect(lambda _: self.mostWanted.emit(float(self.most.currentData())))

    def show_kept(self, minutes: int, most: float, count: int, size: int) -> None:
        """The settings as they are, and `count` pictures of `size` bytes on disk."""
        _choose(self.unload, {one: f"{one} min" if one else "never" for one in (*MINUTES, minutes)}, minutes)
        _choose(self.most, {one: f"up to {one:g} GB" if one else "none" for one in (*GIGABYTES, most)}, most)
        self.held.setText(f"{count:,} now, {gigabytes(size)}" if count else "none now")
        self.forget.setEnabled(count > 0)


def gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 / 10 else f"{size / 2**20:.1f} MB"


def _choose(box: QComboBox, offered: dict[int, str] | dict[float, str], now: float) -> None:
    box.clear()
    for value in sorted(offered, key=lambda one: one or float("inf")):
        box.addItem(offered[value], value)  # type: ignore[index]
    box.setCurrentIndex(box.findData(now))
