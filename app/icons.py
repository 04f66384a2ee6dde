"""qtawesome's Material Design glyphs, drawn from its font: importing the package itself loads every Qt class through another
binding layer, a fifth of a second before the window can be seen."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

PREFIX = "mdi6."
_FONT, _CHARACTERS = "materialdesignicons6-webfont-[0-9]*.ttf", "materialdesignicons6-webfont-charmap-*.json"
_HEIGHT = 0.875
"""Font pixels per pixel of the icon's height, as qtawesome draws them."""


class Glyph(QIconEngine):
    """One character in one colour, and in another while disabled; sharp at every size."""

    def __init__(self, character: str, colour: str, disabled: str) -> None:
        super().__init__()
        self._character, self._colour, self._disabled = character, colour, disabled

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:  # noqa: ARG002 - Qt's form
        font = QFont(_family())
        font.setPixelSize(max(1, round(_HEIGHT * rect.height())))
        painter.save()
        painter.setFont(font)
        painter.setPen(QColor(self._disabled if mode == QIcon.Mode.Disabled else self._colour))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._character)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        found = QPixmap(size)
        found.fill(Qt.GlobalColor.transparent)
        painter = QPainter(found)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return found

    def clone(self) -> QIconEngine:
        return Glyph(self._character, self._colour, self._disabled)


def icon(symbol: str, colour: str, disabled: str) -> QIcon:
    """ "mdi6.tag-outline", for example, in colours #rrggbb. Raises KeyError for a symbol that the font lacks."""
    return QIcon(Glyph(chr(int(_characters()[symbol.removeprefix(PREFIX)], 16)), colour, disabled))


@lru_cache
def _family() -> str:
    number = QFontDatabase.addApplicationFont(str(_file(_FONT)))
    return QFontDatabase.applicationFontFamilies(number)[0]


@lru_cache
def _characters() -> dict[str, str]:
    """Code points in hexadecimal by name."""
    found: dict[str, str] = json.loads(_file(_CHARACTERS).read_text(encoding="utf-8"))
    return found


def _file(pattern: str) -> Path:
    package = find_spec("qtawesome")
    places = list(package.submodule_search_locations or ()) if package is not None else []
    return next(path for place in places for path in Path(place).glob(f"fonts/{pattern}"))
