"""Draws 40 tiles into memory by the processor and by OpenGL, and prints what each took as JSON. `python -m app.painting_probe`

Runs in a process of its own: a broken driver may end it.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QGuiApplication, QImage, QOffscreenSurface, QOpenGLContext, QPaintDevice, QPainter
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLPaintDevice

from viewers.qimage import to_paintable

PANE = QSize(1920, 1080)
COLUMNS, ROWS, TILE, SHOWN = 8, 5, 256, 224.0
"""Tiles of 256 pixels drawn smoothly at 7/8 of their size, as between two steps of a pyramid."""
TIMES = 7
_GL_RENDERER = 0x1F01


def main() -> None:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = QGuiApplication(sys.argv[:1])
    print(json.dumps(probe()))
    del application


def probe() -> dict[str, Any]:
    """Medians; `upload_ms` is with tiles that the card has not seen; `renderer` is "" without OpenGL."""
    image = QImage(PANE, QImage.Format.Format_RGB32)
    found: dict[str, Any] = {"raster_ms": _median(lambda: _draw(image, _tiles(0), lambda: None)), "renderer": ""}
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        return {**found, "error": "this screen has none"}
    try:
        functions = context.functions()
        found["renderer"] = str(functions.glGetString(_GL_RENDERER))
        buffer = QOpenGLFramebufferObject(PANE, QOpenGLFramebufferObject.Attachment.CombinedDepthStencil)
        if not buffer.isValid() or not buffer.bind():
            return {**found, "renderer": "", "error": "it gives no buffer to draw into"}
        device = QOpenGLPaintDevice(PANE)
        seen = _tiles(0)
        _draw(device, seen, functions.glFinish)
        found["opengl_ms"] = _median(lambda: _draw(device, seen, functions.glFinish))
        found["upload_ms"] = _median(lambda: _draw(device, _tiles(1), functions.glFinish))
        buffer.release()
    finally:
        context.doneCurrent()
    return found


def _tiles(seed: int) -> list[QImage]:
    noise = np.random.default_rng(seed).integers(0, 256, (TILE, TILE, 3), np.uint8)
    return [to_paintable(np.roll(noise, number, 0)) for number in range(COLUMNS * ROWS)]


def _draw(device: QPaintDevice, tiles: list[QImage], finish: Callable[[], object]) -> float:
    """Milliseconds, until it is really there."""
    start = time.perf_counter()
    painter = QPainter(device)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        painter.drawImage(QRectF(column * SHOWN, row * SHOWN, SHOWN, SHOWN), tile, QRectF(0, 0, TILE, TILE))
    painter.end()
    finish()
    return (time.perf_counter() - start) * 1000


def _median(measure: Callable[[], float]) -> float:
    return round(statistics.median(measure() for _ in range(TIMES)), 3)


if __name__ == "__main__":
    main()
