"""What the model saw: the very pixels, the prompt and the receipt of the last answer; and the facts and notes of the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFormLayout, QPlainTextEdit, QSlider, QVBoxLayout, QWidget

from app.panels.parts import Column, ScrolledColumn, label
from app.panels.source_facts import source_facts
from inference.answers import Receipt
from viewers.qimage import to_qimage

EMPTY = "After an answer this shows the pixels, the prompt and the receipt behind it."
THUMB = 152
MANY = 6
"""Pictures; more are shown one by one."""


class DetailsPanel(Column):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = ScrolledColumn()
        self.column.addWidget(self._lines)
        self._facts: Mapping[str, object] = {}
        self._receipt: Receipt | None = None
        self._seen: Sequence[NDArray[np.uint8]] = ()
        self._fill()

    def show_source(self, facts: Mapping[str, object]) -> None:
        """`facts`: what `Source.info` gives, its notes among them; empty for a source nothing is known of (yet)."""
        self._facts = facts
        self._fill()

    def show_answer(self, receipt: Receipt | None, seen: Sequence[NDArray[np.uint8]] = ()) -> None:
        """`seen`: uint8 (side, side, 3), one per picture, as the model got them."""
        self._receipt, self._seen = receipt, seen
        self._fill()

    def _fill(self) -> None:
        self._lines.clear()
        self._lines.add(label("What the model saw", "heading"))
        if self._receipt is None:
            self._lines.add(label(EMPTY, "hint"))
        else:
            self._lines.add(_pictures(self._seen))
            self._lines.add(label("Prompt", "heading"))
            self._lines.add(_prompt(self._receipt.prompt))
            self._lines.add(label("Receipt", "heading"))
            self._lines.add(_form(receipt_facts(self._receipt)))
        if self._facts:
            self._lines.add(label("Source", "heading"))
            self._lines.add(_form(source_facts(self._facts)))
        if notes := self._facts.get("notes"):
            self._lines.add(label("Notes on this source", "heading"))
            for note in notes if isinstance(notes, list | tuple) else (notes,):
                self._lines.add(label(str(note), "warn", selectable=True))


def receipt_facts(receipt: Receipt) -> dict[str, str]:
    """A receipt in the reader's words, in the order they matter."""
    thinking = f", {receipt.thinking_tokens} of them a thinking trace" if receipt.thinking_tokens else ""
    speed = f", {receipt.tokens} tokens{thinking}" if receipt.tokens else ""
    facts = {
        "Model": receipt.model + (f" ({receipt.remark})" if receipt.remark else ""),
        "Revision": receipt.revision[:16],
        "Adapter": receipt.adapter[: receipt.adapter.rfind(" ") + 17],
        "Weights": f"{receipt.quantisation if receipt.quantisation != 'none' else 'not quantised'}, {receipt.dtype}",
        "Device": receipt.device,
        "Time": f"{receipt.seconds:.2f} s{speed}",
        "Seed": str(receipt.seed),
        "Pixels": "\n".join(f"SHA-256 {digest[:16]}…" for digest in receipt.pixels_sha256),
        "Preprocessing": "\n".join(receipt.preprocessing),
        "Warnings": "\n".join(receipt.warnings),
        "On the way": "\n".join(receipt.steps),
        "Versions": ", ".join(f"{name} {version}" for name, version in receipt.versions),
    }
    return {name: value for name, value in facts.items() if value}


def _pictures(seen: Sequence[NDArray[np.uint8]]) -> QWidget:
    if len(seen) > MANY:
        return SeenOneByOne(seen)
    ground = QWidget()
    lines = QVBoxLayout(ground)
    lines.setContentsMargins(0, 0, 0, 0)
    for index, pixels in enumerate(seen):
        picture = label()
        picture.setPixmap(_small(pixels))
        picture.setAccessibleName("The pixels the model received")
        which = ("prior, " if index == 0 else "current, ") if len(seen) == 2 else ""
        lines.addWidget(picture)
        lines.addWidget(label(f"{which}{pixels.shape[1]} × {pixels.shape[0]} pixels, padded and resized", "soft"))
    return ground


def _small(pixels: NDArray[np.uint8]) -> QPixmap:
    return QPixmap.fromImage(to_qimage(pixels)).scaled(
        THUMB, THUMB, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.FastTransformation
    )


class SeenOneByOne(QWidget):
    """Many pictures, in the order in which they were sent."""

    def __init__(self, seen: Sequence[NDArray[np.uint8]]) -> None:
        super().__init__()
        self._seen = seen
        self.picture, self.word = label(), label("", "soft")
        self.picture.setAccessibleName("The pixels the model received")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(seen) - 1)
        self.slider.setAccessibleName("Which picture")
        self.slider.valueChanged.connect(self._show)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        for part in (self.picture, self.slider, self.word):
            lines.addWidget(part)
        self._show(0)

    def _show(self, number: int) -> None:
        pixels = self._seen[number]
        self.picture.setPixmap(_small(pixels))
        size = f"{pixels.shape[1]} × {pixels.shape[0]} pixels, padded and resized"
        self.word.setText(f"{number + 1} of {len(self._seen)}, {size}")


def _prompt(text: str) -> QPlainTextEdit:
    field = QPlainTextEdit(text)
    field.setReadOnly(True)
    field.setFixedHeight(110)
    field.setAccessibleName("Prompt")
    return field


def _form(facts: Mapping[str, str]) -> QWidget:
    ground = QWidget()
    form = QFormLayout(ground)
    form.setContentsMargins(0, 0, 0, 0)
    form.setHorizontalSpacing(12)
    form.setVerticalSpacing(4)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    for name, value in facts.items():
        heading = label(name, "soft", wrap=False)
        heading.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        form.addRow(heading, label(value, "", selectable=True))
    return ground
