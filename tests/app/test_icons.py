"""The icons against qtawesome's own drawing of the same glyphs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtGui import QIcon, QImage
from pytestqt.qtbot import QtBot

from app import actions, icons


def alpha(icon: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> NDArray[np.uint8]:
    """uint8 (32, 32, 4), RGBA."""
    image = icon.pixmap(32, 32, mode).toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    flat = np.frombuffer(image.constBits(), np.uint8)
    return flat.reshape(image.height(), image.bytesPerLine())[:, : 4 * image.width()].reshape(image.height(), -1, 4).copy()


@pytest.mark.parametrize("symbol", sorted({spec.symbol for spec in actions.SPECS if spec.symbol}))
def test_a_glyph_is_drawn_as_qtawesome_draws_it(symbol: str, qtbot: QtBot) -> None:
    qtawesome = pytest.importorskip("qtawesome")
    ours = icons.icon(symbol, "#c0c4cc", "#606468")
    theirs = qtawesome.icon(symbol, color="#c0c4cc", color_disabled="#606468")
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled):
        assert np.array_equal(alpha(ours, mode), alpha(theirs, mode))
        assert alpha(ours, mode)[..., 3].any()


def test_the_window_starts_without_the_binding_layer() -> None:
    code = "import sys, app.start, app.window; sys.exit('qtpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
