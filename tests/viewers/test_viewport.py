"""A pane drawn through OpenGL shows what the same pane shows when the processor draws it, and takes the mouse the same way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

ROOT = Path(__file__).parents[2]
BOTH = """
import sys
from pathlib import Path
import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from viewers.annotations.document import Annotations
from viewers.marked_slide import MarkedSlide
from viewers.qimage import to_array
from viewers.sources import open_source
application = QApplication([])
pictures = []
for card in (False, True):
    view = MarkedSlide()
    view.resize(700, 500)
    view.show()
    if card:
        view.draw_by_card()
    view.set_source(open_source(Path(sys.argv[1])))
    view.show_marks(Annotations())
    view.zoom_to(0.5)
    view.turn_to(float(sys.argv[2]))
    for _ in range(300):
        QTest.qWait(20)
        if view.settled:
            break
    view.set_marking("rectangle")
    QTest.mousePress(view, Qt.LeftButton, pos=QPoint(200, 200))
    QTest.mouseMove(view, QPoint(230, 250))
    QTest.mouseRelease(view, Qt.LeftButton, pos=QPoint(300, 300))
    view.set_marking("")
    QTest.qWait(400)
    assert view.by_card == card
    (mark,) = view.drawing.document.marks.values()
    pictures.append((to_array(view.grab_view()).astype(int), mark.geometry.bounds))
    view.close_source()
    view.close()
(a, one), (b, other) = pictures
assert np.allclose(one, other)
away = np.abs(a - b)
print("mean", away.mean(), "far", (away.max(-1) > 40).mean(), "range", a.std())
assert a.shape == b.shape and a.std() > 20 and away.mean() < 2 and (away.max(-1) > 40).mean() < 0.01
"""


@pytest.mark.skipif(not shutil.which("Xvfb"), reason="Xvfb is not installed (Debian: xvfb)")
@pytest.mark.parametrize("angle", [0, 25])
def test_both_ways_of_drawing_show_the_same(tmp_path: Path, angle: int) -> None:
    y, x = np.mgrid[:2000, :3000]
    pixels = np.stack([x % 256, y % 256, (x + y) // 20 % 256], axis=-1).astype(np.uint8)
    slide = tmp_path / "slide.tif"
    tifffile.imwrite(slide, pixels, tile=(256, 256), photometric="rgb", compression="zlib")
    screen = f":{os.getpid() % 20000 + 20400 + angle}"
    with subprocess.Popen(["Xvfb", screen, "-screen", "0", "900x700x24"], stderr=subprocess.DEVNULL) as server:
        time.sleep(1)
        env = {**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
        command = [sys.executable, "-c", BOTH, str(slide), str(angle)]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        server.terminate()
    if "Failed to create" in done.stderr or "not supported" in done.stderr:
        pytest.skip("no OpenGL here, not even by software")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
