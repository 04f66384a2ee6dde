"""A reader who asks a real archive and fetches from it with an X server's own mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

from app.pacs import book
from tests.app.pacs.conftest import MakeStudy
from tests.app.pacs.servers import Orthanc
from tests.app.xvfb import needs_x, running

pytestmark = needs_x
LOOK = """
def middle(widget):
    return place(widget, widget.rect().center().x(), widget.rect().center().y())
def look():
    asked = window.archiving.window
    view = window.panes.view
    value = {"window": middle(view), "asked": asked is not None and asked.isVisible(), "shown": view.source is not None}
    if value["shown"]:
        value["frames"] = view.source.frames
    if value["asked"]:
        value["node"], value["name"] = asked.node is not None and str(asked.node), middle(asked.question.name)
        value["typed"], value["studies"] = asked.question.name.text(), asked.rows.rowCount()
        value["busy"], value["jobs"], value["fetch"] = asked.stop.isVisible(), asked.jobs.texts(), middle(asked.fetch)
        value["active"] = asked.isActiveWindow()
    return value
"""


def test_query_and_fetch_by_mouse_and_keyboard(orthanc: Orthanc, make_study: MakeStudy, tmp_path: Path, screen: str) -> None:
    orthanc.clear()
    orthanc.upload(make_study(31, series=1, slices=4, PatientName="Mueller^Anna"))
    orthanc.upload(make_study(32, series=1, slices=3, PatientName="Weiss^Bea"))
    book.save(book.Book((orthanc.dimse(),)))  # the program started below has this test's home
    try:
        with running(LOOK, [], tmp_path, screen) as reader:
            reader.until(lambda seen: "window" in seen, 60)
            reader.x("mousemove", *reader.look()["window"], "click", 1)
            reader.x("key", "F6")
            reader.until(lambda seen: seen["asked"] and seen["node"])
            reader.x("mousemove", *reader.look()["name"], "click", 1)
            reader.x("type", "muell")
            reader.until(lambda seen: seen["typed"] == "muell")
            reader.x("key", "Return")
            reader.until(lambda seen: seen["studies"] == 1 and not seen["busy"])
            reader.x("mousemove", *reader.look()["fetch"], "click", 1)
            seen = reader.until(lambda seen: seen["shown"] and any("4 fetched" in job for job in seen.get("jobs", ())), 60)
            assert seen["frames"] == 4
    finally:
        orthanc.clear()
