"""A reader who asks a real archive and fetches from it with an X server's own mouse and keyboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.pacs import book
from tests.app.pacs.conftest import MakeStudy
from tests.app.pacs.servers import Orthanc
from tests.app.test_marks_xvfb import ROOT, Reader, screen  # noqa: F401 - the fixture

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="Xvfb or xdotool is not installed (Debian: xvfb, xdotool)"
)
PROGRAM = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app import theme
from app.settings import Settings
from app.window import Window
state = Path(sys.argv[1])
application = QApplication([])
theme.apply(application, "dark")
window = Window(Settings())
window.resize(1400, 860)
window.move(0, 0)
window.show()
window.engine_timer.stop()
def place(widget):
    found = widget.mapToGlobal(widget.rect().center())
    return [found.x(), found.y()]
def tell():
    asked = window.archiving.window
    view = window.panes.view
    value = {"window": place(view), "asked": asked is not None and asked.isVisible(), "shown": view.source is not None}
    if value["shown"]:
        value["frames"] = view.source.frames
    if value["asked"]:
        value["node"], value["name"] = asked.node is not None and str(asked.node), place(asked.question.name)
        value["typed"], value["studies"] = asked.question.name.text(), asked.rows.rowCount()
        value["busy"], value["jobs"], value["fetch"] = asked.stop.isVisible(), asked.jobs.texts(), place(asked.fetch)
        value["active"] = asked.isActiveWindow()
    state.with_suffix(".new").write_text(json.dumps(value))
    state.with_suffix(".new").replace(state)
timer = QTimer(interval=50)
timer.timeout.connect(tell)
timer.start()
application.exec()
"""


def test_query_and_fetch_by_mouse_and_keyboard(
    orthanc: Orthanc,
    make_study: MakeStudy,
    tmp_path: Path,
    screen: str,  # noqa: F811
) -> None:
    orthanc.clear()
    orthanc.upload(make_study(31, series=1, slices=4, PatientName="Mueller^Anna"))
    orthanc.upload(make_study(32, series=1, slices=3, PatientName="Weiss^Bea"))
    book.save(book.Book((orthanc.dimse(),)))  # the program started below has this test's home
    state = tmp_path / "state.json"
    env = {**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(state)], env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as program:
        try:
            reader = Reader(screen, state)
            reader.until(lambda seen: "window" in seen, 60)
            reader.x("mousemove", *reader.look()["window"], "click", 1)  # type: ignore[misc]
            reader.x("key", "F6")
            reader.until(lambda seen: seen["asked"] and seen["node"])
            reader.x("mousemove", *reader.look()["name"], "click", 1)  # type: ignore[misc]
            reader.x("type", "muell")
            reader.until(lambda seen: seen["typed"] == "muell")
            reader.x("key", "Return")
            reader.until(lambda seen: seen["studies"] == 1 and not seen["busy"])
            reader.x("mousemove", *reader.look()["fetch"], "click", 1)  # type: ignore[misc]
            seen = reader.until(lambda seen: seen["shown"] and any("4 fetched" in job for job in seen.get("jobs", ())), 60)  # type: ignore[attr-defined]
            assert seen["frames"] == 4
        finally:
            program.kill()
            orthanc.clear()
